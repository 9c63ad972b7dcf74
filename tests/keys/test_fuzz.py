"""Whatever a card, a file or a socket says: one sentence, never a traceback, never a key."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from kiosk.devices.card import piv
from kiosk.devices.card.apdu import CardError, CardForeign
from kiosk.devices.card.inprocess import InProcessReader
from kiosk.devices.sim.piv import PivModel, tlv
from kiosk.devices.vault import store, warm
from kiosk.devices.vault.store import SENTENCES, BootRefused, Delivered
from kiosk.keys import BootSlot
from tests.keys.kit import PIN, HeadOffice, opened, station_of
from tests.keys.mutations import mutations
from tests.seeds import Seeds

WARM_KEY = bytes(range(32))


class Liar(PivModel):
    """A card whose answers are changed on their way: `change` gets each answer of one instruction."""

    def lie(self, instruction: int, change: Callable[[bytes], bytes]) -> "Liar":
        self._instruction, self._change = instruction, change
        return self

    def process(self, apdu: bytes) -> bytes:
        answer = super().process(apdu)
        return self._change(answer) if len(apdu) > 1 and apdu[1] == self._instruction else answer


class Shelf:
    """A store on its kiosk, and the right card."""

    def __init__(self, folder: Path) -> None:
        self.hq = HeadOffice(folder)
        self.card = PivModel.issue(PIN)
        self.hq.know(station_of(folder / "kiosk"))
        self.delivered: Delivered = self.hq.store_for(self.card)
        self.said = msgspec.json.decode(self.delivered.file.statement, type=store.Statement)
        self.folder = folder / "keys"
        store.install(self.folder, self.delivered, self.said.store)

    def liar(self, instruction: int, change: Callable[[bytes], bytes]) -> Liar:
        return Liar(self.card._key, self.card.certificate, PIN).lie(instruction, change)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf(tmp_path_factory.mktemp("shelf"))


def refused(work: Callable[[], object]) -> BootRefused:
    with pytest.raises(BootRefused) as said:
        work()
    assert said.value.why in SENTENCES
    assert "\n" not in str(said.value)
    assert said.value.__cause__ is None
    return said.value


@pytest.mark.covers("abuse-13")
@pytest.mark.parametrize("instruction", [0xA4, 0xCB, 0xC0, 0x20, 0x87])
def test_no_answer_of_a_boot_card_breaks_anything(shelf: Shelf, instruction: int, seeds: Seeds) -> None:
    """A changed answer is refused, or it was one that says the same."""
    for seed in seeds.some(f"boot card {instruction:02X}", 300):
        before = store.read_store(shelf.folder)

        def change(answer: bytes, seed: int = seed) -> bytes:
            return next(mutations(answer, 1, seed)) if answer else b"\x90"

        opens = _opens(lambda: opened(shelf.folder, shelf.hq.expected(), shelf.liar(instruction, change)))
        assert opens == (store.read_store(shelf.folder).point != before.point)


@pytest.mark.covers("abuse-13")
def test_a_certificate_of_any_version_is_a_boot_cards_or_foreign() -> None:
    """For a version that it does not know, cryptography has an error of its own, which is no ValueError."""
    right = PivModel.issue(PIN).certificate
    at = right.index(bytes.fromhex("a003020102")) + 4
    outcomes = set()
    for version in range(256):
        outcomes.add(_point(right[:at] + bytes((version,)) + right[at + 1 :]))
    assert outcomes == {b"", piv.public_point(right)}


@pytest.mark.covers("abuse-13")
def test_a_certificate_with_any_byte_changed_is_a_boot_cards_or_foreign() -> None:
    right = PivModel.issue(PIN).certificate
    for at in range(len(right)):
        for changed in (right[at] ^ 1, right[at] ^ 0x80, 0, 0x7F, 0xFF):
            assert len(_point(right[:at] + bytes((changed,)) + right[at + 1 :])) in {0, 65}


def _point(der: bytes) -> bytes:
    """Its key, b"" where it is no boot card's."""
    try:
        return piv.public_point(der)
    except CardForeign:
        return b""


@given(answer=st.binary(max_size=300))
def test_no_certificate_object_is_read_beyond_its_end(answer: bytes) -> None:
    for raw in (answer, tlv(0x53, answer), tlv(0x53, tlv(0x70, answer)), b"\x53\x82\xff\xff" + answer, b"\x53\x84" + answer):
        try:
            assert len(piv.inside(raw, 0x53)) <= len(raw)
        except CardForeign:
            continue


@given(answer=st.binary(max_size=80), sw=st.sampled_from([b"\x90\x00", b"\x61\x10", b"\x6c\x05", b"\x63\xc0", b"\x69\x83", b"\x00\x00"]))
def test_any_answer_to_a_key_agreement_is_a_secret_or_an_error(answer: bytes, sw: bytes) -> None:
    class Any(PivModel):
        def process(self, apdu: bytes) -> bytes:
            return answer + sw if apdu else b""

    card = Any(ec.generate_private_key(ec.SECP256R1()), bytes(16), PIN)
    reader = InProcessReader()
    reader.insert(card)
    connection = reader.open(reader.watch(None, 0))
    for work in (
        lambda: piv.select(connection),
        lambda: piv.certificate(connection),
        lambda: piv.verify(connection, PIN),
        lambda: piv.agree(connection, bytes(65)),
    ):
        try:
            made = work()
        except CardError:
            continue
        assert made is None or len(made) == 32 or made[:1] == b"\x30"


@pytest.mark.parametrize("name", ["trading.json", "share", "warm.json"])
def test_no_change_to_a_file_of_the_store_opens_it_or_breaks_anything(shelf: Shelf, name: str, seeds: Seeds) -> None:
    _, masters = opened(shelf.folder, shelf.hq.expected(), shelf.card)
    warm.keep(shelf.folder, store.read_store(shelf.folder), masters, WARM_KEY)
    path = store.share_path(shelf.folder, shelf.said.store) if name == "share" else shelf.folder / name
    right = path.read_bytes()
    try:
        for changed in mutations(right, 300, seeds.base(f"store file {name}")):
            path.write_bytes(changed)
            if name == "warm.json":
                same = _opens(lambda: warm.opened(shelf.folder, shelf.hq.expected(), WARM_KEY))
            else:
                same = _opens(lambda: opened(shelf.folder, shelf.hq.expected(), shelf.card))
                shelf.card.tries = 3
            assert not same or _json_equal(changed, right) or path.read_bytes() != changed
    finally:
        path.write_bytes(right)
        store.install(shelf.folder, shelf.delivered, shelf.said.store)


def _opens(work: Callable[[], object]) -> bool:
    """Or is refused in one sentence."""
    said = None
    try:
        work()
    except BootRefused as refusal:
        said = refusal
    assert said is None or said.why in SENTENCES
    return said is None


def _json_equal(one: bytes, other: bytes) -> bool:
    try:
        return bool(msgspec.json.decode(one) == msgspec.json.decode(other))
    except msgspec.DecodeError:
        return False


@given(raw=st.binary(max_size=400))
def test_any_bytes_as_a_store_file_are_damaged(raw: bytes) -> None:
    assert refused(lambda: store.stored(raw)).why == "damaged"


@given(point=st.binary(min_size=64, max_size=66))
def test_a_point_that_is_not_on_the_curve_never_reaches_the_card(point: bytes) -> None:
    assert refused(lambda: store.point_of(b"\x04" + point[1:])).why == "damaged"


def test_a_deep_statement_is_damaged_and_no_more(shelf: Shelf) -> None:
    text = '{"kiosk":' + "[" * 9000
    signature = shelf.hq.decision(store.LABEL, text.encode()).hex()
    file = msgspec.structs.replace(shelf.delivered.file, statement=text, signature=signature)
    assert refused(lambda: store.examined(file, shelf.hq.expected())).why == "damaged"


def test_a_card_that_is_pulled_in_the_middle_leaves_the_store_as_it_was(shelf: Shelf) -> None:
    for instruction in (0xA4, 0xCB, 0x20, 0x87):
        before = (shelf.folder / "trading.json").read_bytes()
        assert refused(
            lambda instruction=instruction: opened(shelf.folder, shelf.hq.expected(), shelf.liar(instruction, lambda _: b""))  # type: ignore[misc]
        ).why in {"no_card", "not_piv"}
        assert (shelf.folder / "trading.json").read_bytes() == before


def test_a_card_out_of_its_reader_is_no_card(shelf: Shelf) -> None:
    reader = InProcessReader()
    reader.insert(shelf.card)
    slot = BootSlot(reader.open(reader.watch(None, 0)), PIN)
    reader.pull()
    with slot:
        assert refused(slot.certificate).why == "no_card"
