"""A letter about persons is believed for its kiosk's signature, opened by the office alone, and refused in a sentence that names nobody."""

import os

import msgspec
import pytest

from kiosk import envelope
from kiosk.sync.erasures import ERASED_MAX, erased
from kiosk.sync.item import ItemRefused
from kiosk.sync.persons import (
    BODY_MAX,
    FIRST,
    LABEL,
    LISTED_MAX,
    TO,
    YEARS_MAX_MS,
    Letter,
    Listed,
    PersonsHeader,
    PersonsRefused,
    boxed_letter,
    is_letter,
    opened_letter,
)
from tests.sync.kit import KIOSK, STATION, Office

NAME = "Amina Nakato-Okello"
NOW_MS, DAY_MS = 1_790_000_000_000, 86_400_000


def read(raw: bytes, office: Office) -> Letter:
    return opened_letter(raw, office.boxes, lambda kiosk: STATION.public_key if kiosk == KIOSK else None)


HEADER = PersonsHeader(KIOSK, "ab" * 16, FIRST + 7, NOW_MS)
SOMEBODY = Listed("0011223344556677", NOW_MS + DAY_MS, {"name": NAME})


def letter(*listed: Listed, office: Office, header: PersonsHeader = HEADER) -> bytes:
    return boxed_letter(header, listed, STATION.sign, office.boxes[0].box_key)


def test_what_a_kiosk_signed_is_read_by_the_office_and_by_nobody_on_the_way() -> None:
    office = Office()
    raw = letter(SOMEBODY, office=office)
    assert is_letter(raw)
    assert NAME.encode() not in raw
    assert KIOSK.encode() not in raw
    office.rotate()
    assert read(raw, office).listed == (SOMEBODY,)


def test_every_byte_of_a_letter_counts() -> None:
    office = Office()
    raw = letter(SOMEBODY, office=office)
    for at in range(len(raw)):
        changed = bytearray(raw)
        changed[at] ^= 1 << (at % 8)
        with pytest.raises(PersonsRefused) as told:
            read(bytes(changed), office)
        assert NAME not in told.value.sentence
        assert told.value.__context__ is None or NAME not in repr(told.value.__context__)


def hostile(body: object, office: Office, **header: object) -> bytes:
    """Signed by the kiosk's own key, as a kiosk in other hands would."""
    raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
    said = msgspec.to_builtins(HEADER) | {"body": msgspec.to_builtins(envelope.body_of(raw))} | header
    clear = envelope.sealed(STATION.sign, LABEL, msgspec.json.encode(said), raw)
    return envelope.boxed(clear, LABEL, TO, office.boxes[0].box_key)


@pytest.mark.parametrize(
    ("body", "header"),
    [
        (b"", {}),
        (b"[" * 100_000, {}),
        ([["0011223344556677", 1, {"name": NAME}]] * 2, {}),
        ([["../../etc/passwd", 1, {"name": NAME}]], {}),
        ([["0011223344556677", -1, {"name": NAME}]], {}),
        ([["0011223344556677", NOW_MS + YEARS_MAX_MS + 1, {"name": NAME}]], {}),
        ([["0011223344556677", 1, {"name": NAME, "face": "x"}]], {}),
        ([["0011223344556677", 1, {"name": NAME + "\x00"}]], {}),
        ([["0011223344556677", 1, {}]], {}),
        ([[f"{number:016x}", 1, {"name": NAME}] for number in range(LISTED_MAX + 1)], {}),
        ([], {"kind": "batch"}),
        ([], {"seq": 12}),
        ([], {"kiosk": "K08"}),
        ([], {"store": "../" * 11}),
    ],
)
def test_a_letter_of_a_kiosk_in_other_hands_is_refused_in_one_sentence(body: object, header: dict[str, object]) -> None:
    office = Office()
    with pytest.raises(PersonsRefused) as told:
        read(hostile(body, office, **header), office)
    assert NAME not in told.value.sentence
    assert told.value.sentence.count("\n") == 0


def test_a_letter_of_another_key_for_another_purpose_or_too_long_is_refused() -> None:
    office = Office()
    other = boxed_letter(HEADER, [SOMEBODY], office.ack_key.sign, office.boxes[0].box_key)
    with pytest.raises(PersonsRefused, match="not signed"):
        read(other, office)
    body = msgspec.json.encode([SOMEBODY])
    said = msgspec.json.encode(msgspec.structs.replace(HEADER, body=envelope.body_of(body)))
    batch = envelope.boxed(envelope.sealed(STATION.sign, "batch", said, body), LABEL, TO, office.boxes[0].box_key)
    with pytest.raises(PersonsRefused, match="not signed"):
        read(batch, office)
    with pytest.raises(PersonsRefused):
        read(hostile(os.urandom(BODY_MAX + 1).hex(), office), office)
    with pytest.raises(ValueError, match="at most"):
        letter(*[msgspec.structs.replace(SOMEBODY, subject=f"{number:016x}") for number in range(LISTED_MAX + 1)], office=office)
    assert not any(
        is_letter(raw) for raw in (b"", b"\n", b'{"boxed":', b"[" * 5000, envelope.boxed(b"", "batch", "HQ", bytes(31) + b"\x09"))
    )


@pytest.mark.covers("field-113")
def test_a_list_of_the_erased_has_an_end_and_says_nothing_but_references() -> None:
    most = [f"{number:016x}" for number in range(ERASED_MAX)]
    assert len(erased(msgspec.json.encode({"subjects": most}))) == ERASED_MAX
    assert len(msgspec.json.encode({"subjects": most})) < 1 << 20
    for wrong in ([*most, "f" * 16], ["Amina Nakato"], ["0" * 17], [7]):
        with pytest.raises(ItemRefused):
            erased(msgspec.json.encode({"subjects": wrong}))
