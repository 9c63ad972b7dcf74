"""TPDUs and lines: every vector as data, what the driver writes read by a network written apart, and whatever a radio may bring."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.devices.sim import modem_air
from kiosk.devices.sms import alphabet
from kiosk.devices.sms.at import LINE_MAX, Lines
from kiosk.devices.sms.pdu import Deliver, PduError, StatusReport, parsed, submits
from tests.seeds import Seeds

VECTORS: dict[str, list[dict[str, Any]]] = json.loads((Path(__file__).parents[1] / "vectors" / "sms.json").read_text("utf-8"))
NUMBER = "+254712345678"
SENTENCES = {
    "It is longer than a TPDU can be.",
    "It is not hex.",
    "It is neither a message nor a report.",
    "It ends too early.",
    "It ends in its text.",
    "It has an address that is too long.",
    "It has an address that is too short.",
}
GSM = "".join(character for character in alphabet.BASIC if character != "\x1b") + "".join(alphabet.EXTENSION.values())


def told(vector: dict[str, Any]) -> str:
    return str(vector.get("text") or vector["repeat"][0] * vector["repeat"][1])


def received(number: str, text: str, reference: int) -> list[modem_air.Part]:
    """As the network has it, from the driver's own parts."""
    return [modem_air.submitted(part.octets, part.hex) for part in submits(number, text, reference=reference)]


# ---------------------------------------------------------------- vectors


def test_septets_are_packed_as_the_vector_says() -> None:
    for vector in VECTORS["packed"]:
        septets = vector["text"].encode("ascii")
        assert alphabet.packed(septets).hex().upper() == vector["octets"]
        assert alphabet.unpacked(bytes.fromhex(vector["octets"]), len(septets)) == septets


@pytest.mark.parametrize("vector", VECTORS["submit"], ids=lambda vector: told(vector)[:12])
def test_a_text_becomes_the_parts_of_the_vector(vector: dict[str, Any]) -> None:
    keys = ("reference", "report", "validity")
    parts = submits(vector["number"], told(vector), **{key: vector[key] for key in keys})
    assert [part.octets for part in parts] == vector["octets"]
    assert {place: parts[int(place)].hex for place in vector["hex"]} == vector["hex"]
    assert "".join(modem_air.submitted(part.octets, part.hex).text for part in parts) == told(vector)


def test_a_message_and_a_report_are_read_as_the_vectors_say() -> None:
    for vector in VECTORS["deliver"]:
        assert parsed(vector["hex"]) == Deliver(vector["sender"], vector["text"])
    for vector in VECTORS["status_report"]:
        assert parsed(vector["hex"]) == StatusReport(vector["mr"], vector["recipient"], vector["status"])


@pytest.mark.parametrize("vector", VECTORS["lines"], ids=lambda vector: repr(vector["bytes"])[:24])
@pytest.mark.parametrize("split", [False, True])
def test_bytes_become_the_lines_of_the_vector_however_they_come(vector: dict[str, Any], *, split: bool) -> None:
    lines, data = Lines(), vector["bytes"].encode("ascii")
    pieces = [data[at : at + 1] for at in range(len(data))] if split else [data]
    assert [list(line) for piece in pieces for line in lines.feed(piece)] == vector["lines"]


# ---------------------------------------------------------------- one codec against the other


@given(st.text(st.sampled_from(GSM), max_size=600), st.integers(0, 255))
def test_any_text_of_the_gsm_alphabet_arrives_whole_in_septets(text: str, reference: int) -> None:
    parts = received(NUMBER, text, reference)
    assert "".join(part.text for part in parts) == text
    assert {(part.to, part.reference) for part in parts} == {(NUMBER, reference if len(parts) > 1 else 0)}
    assert [part.place for part in parts] == list(range(1, len(parts) + 1))


@given(st.text(max_size=400).filter(lambda text: "\0" not in text))
def test_any_text_at_all_arrives_whole_and_no_character_is_cut(text: str) -> None:
    plain = text.encode("utf-16", "replace").decode("utf-16")
    assert "".join(part.text for part in received(NUMBER, text, 7)) == plain


@pytest.mark.covers("field-191")
def test_a_message_holds_160_letters_or_70_signs_and_a_text_eight_messages() -> None:
    assert [len(submits(NUMBER, "a" * n, reference=1)) for n in (160, 161, 306, 307)] == [1, 2, 2, 3]
    assert [len(submits(NUMBER, "电" * n, reference=1)) for n in (70, 71, 134, 135)] == [1, 2, 2, 3]
    assert [len(submits(NUMBER, "€" * n, reference=1)) for n in (80, 81, 152, 153)] == [1, 2, 2, 3]  # two septets, never parted
    assert len(submits(NUMBER, "a" * 153 * 8, reference=1)) == alphabet.PARTS_MAX
    with pytest.raises(alphabet.TextTooLong):
        submits(NUMBER, "a" * (153 * 8 + 1), reference=1)


def test_accents_that_the_alphabet_lacks_go_where_that_makes_one_message_of_three() -> None:
    assert alphabet.plain("Reçu n° 7 \u2013 l\u2019œuvre à côté") == "Recu no 7 - l'oeuvre à coté"
    assert alphabet.plain("充值成功 café") == "充值成功 café"


@pytest.mark.parametrize("number", ["", "+", "07a", "1" * 21, "+25471234567\x1a", "٠٧١٢"])
def test_what_is_no_number_is_not_sent_to(number: str) -> None:
    with pytest.raises(PduError):
        submits(number, "a", reference=1)


# ---------------------------------------------------------------- whatever comes


def mutated(dice: random.Random, seeds: list[bytes]) -> bytes:
    """A vector with some of its bytes changed, cut, doubled or mixed with another."""
    data = bytearray(dice.choice(seeds))
    for _ in range(dice.randrange(4)):
        if not data:
            break
        place = dice.randrange(len(data))
        match dice.randrange(4):
            case 0:
                data[place] = dice.randrange(256)
            case 1:
                del data[place:]
            case 2:
                data[place:place] = dice.choice(seeds)[:40]
            case _:
                data[place] ^= 1 << dice.randrange(8)
    return bytes(data)


def fuzz_tpdus(times: int, dice: random.Random) -> None:
    seeds = [vector["hex"].encode() for kind in ("deliver", "status_report") for vector in VECTORS[kind]]
    seeds += [b"0004058155550008621152410000000604110041", b"00440B911346610089F600002080629173140801050003"]
    for _ in range(times):
        line = mutated(dice, seeds)
        try:
            found = parsed(line)
        except PduError as error:
            assert str(error) in SENTENCES  # noqa: PT017 - nothing of what came is said
        else:
            assert isinstance(found, Deliver | StatusReport)


def fuzz_lines(times: int, dice: random.Random) -> None:
    lines = Lines()
    seeds = [vector["bytes"].encode() for vector in VECTORS["lines"]]
    for _ in range(times):
        for line in lines.feed(mutated(dice, seeds)):
            assert len(line.text) <= LINE_MAX
        assert len(lines._held) <= LINE_MAX + 1


def test_no_tpdu_and_no_line_brings_anything_but_its_own_error(seeds: Seeds) -> None:
    fuzz_tpdus(20_000, seeds.random("tpdus"))
    fuzz_lines(20_000, seeds.random("modem lines"))


@pytest.mark.deep("a million broken inputs")
def test_a_million_tpdus_bring_nothing_but_their_own_error(seeds: Seeds) -> None:
    fuzz_tpdus(1_000_000, seeds.random("a million tpdus"))


@pytest.mark.deep("a million broken inputs")
def test_a_million_pieces_of_lines_bring_nothing_else_and_no_memory(seeds: Seeds) -> None:
    fuzz_lines(1_000_000, seeds.random("a million modem lines"))


def test_a_modem_that_never_ends_its_line_costs_no_memory_and_is_heard_again() -> None:
    lines = Lines()
    for _ in range(1_000):
        assert lines.feed(b"x" * 4096) == []
        assert len(lines._held) <= LINE_MAX + 1
    assert [line.kind for line in lines.feed(b"\r\nOK\r\n")] == ["ok"]


def test_what_somebody_wrote_or_to_whom_stands_in_no_repr() -> None:
    for vector in VECTORS["deliver"] + VECTORS["status_report"]:
        said = repr(parsed(vector["hex"]))
        assert "How" not in said
        assert "837" not in said
    assert "How" not in repr(Lines().feed(b"\r\nHow are you?\r\n"))
