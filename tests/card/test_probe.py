"""`kiosk card probe` says what a card is, and leaves it as it was."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kiosk.commands.card import NAMES, card_app, told
from kiosk.devices.card.inprocess import Card, InProcessReader
from kiosk.devices.card.pcsc import PcscReader
from kiosk.devices.card.probe import Finding, look
from kiosk.devices.card.reader import State
from kiosk.devices.sim.card import CardModel
from kiosk.devices.sim.crypto import Masters
from kiosk.devices.sim.image import blank
from kiosk.devices.sim.vpcd import VpcdSlot
from kiosk.devices.vault.demo import DemoVault
from tests.card.kit import METER, PROFILE, SERIAL, used_card
from tests.card.test_pcsc import await_state
from tests.pcscd import running_pcscd


class Answering:
    """A card of another kind, by one rule: command -> answer."""

    def __init__(self, rule: Callable[[bytes], bytes], atr: str = "3b8001") -> None:
        self._rule = rule
        self._atr = bytes.fromhex(atr)

    def insert(self) -> bytes:
        return self._atr

    def reset(self) -> bytes:
        return self._atr

    def pull(self) -> None: ...

    def process(self, apdu: bytes) -> bytes:
        return self._rule(apdu)


class Watched(CardModel):
    """A user card that keeps the instructions that it was sent; an EXTERNAL AUTHENTICATE without data only asks for the tries left."""

    def insert(self) -> bytes:
        self.instructions: set[int] = set()
        return super().insert()

    def process(self, apdu: bytes) -> bytes:
        if apdu[:2] != b"\x00\x82" or apdu[4:] != b"\x00":
            self.instructions.add(apdu[1])
        return super().process(apdu)


class WithoutProof(CardModel):
    """A card whose algorithm is not public: READ with MAC is refused."""

    def process(self, apdu: bytes) -> bytes:
        return b"\x69\x82" if apdu[0] == 0x04 else super().process(apdu)


def found(card: Card | None) -> Finding:
    reader = InProcessReader()
    if card:
        reader.insert(card)
    return look(reader, "reader", [PROFILE], DemoVault())


def test_a_user_card_is_recognised_and_nothing_of_it_is_tried_or_changed() -> None:
    card = Watched(used_card())
    finding = found(card)
    assert (finding.card, finding.profile, finding.proved) == ("electricity", "gdw1365", True)
    assert (finding.serial, finding.serial_in_atr, finding.meter) == (SERIAL.hex(), True, METER)
    assert (finding.count, finding.amount_minor, finding.balance_minor) == (7, 5000, 10832)
    assert card.instructions == {0xA4, 0xB0, 0xC0}
    assert card.image() == used_card()


def test_a_card_with_other_keys_is_read_and_not_checked() -> None:
    finding = found(CardModel(used_card(masters=Masters.demo(2))))
    assert (finding.card, finding.proved) == ("electricity", False)
    assert "not checked" in told(finding)


def test_a_card_that_gives_no_proof_is_read_plain() -> None:
    finding = found(WithoutProof(used_card()))
    assert (finding.card, finding.proved, finding.meter) == ("electricity", False, METER)


def test_other_cards_have_their_own_names() -> None:
    assert found(None).card == "none"
    assert found(CardModel(blank(SERIAL))).card == "unissued"
    assert found(Answering(lambda _: b"\x6d\x00")).card == "other"
    assert found(Answering(lambda apdu: b"\x90\x00" if apdu[2] == 0x04 else b"\x6a\x82")).card == "boot"
    assert found(Answering(lambda _: b"")).card == "torn"
    assert found(Answering(lambda _: b"", atr="")).card == "mute"


def test_every_finding_is_a_sentence_for_a_person() -> None:
    for card in (None, CardModel(used_card()), CardModel(blank(SERIAL)), Answering(lambda _: b"\x6d\x00")):
        finding = found(card)
        assert NAMES[finding.card] in told(finding)


@pytest.mark.pcsc
def test_the_command_looks_into_real_readers(tmp_path: Path) -> None:
    runner = CliRunner()
    with running_pcscd() as daemon:
        nothing = runner.invoke(card_app, ["probe", "--reader", daemon.user_reader])
        assert (nothing.exit_code, "no card" in nothing.output) == (1, True)
        slot = VpcdSlot(daemon.user_port)
        slot.insert(CardModel(used_card(), tmp_path / "card.json"))
        await_state(PcscReader(daemon.user_reader), State.PRESENT)
        await_state(PcscReader(daemon.user_reader), State.PRESENT)
        plain = runner.invoke(card_app, ["probe", "--reader", "kiosk*00 00"])
        assert plain.exit_code == 0, plain.output
        assert "layout gdw1365" in plain.output
        [seen] = json.loads(runner.invoke(card_app, ["probe", "--reader", "kiosk*00 00", "--json"]).stdout)
        assert (seen["serial"], seen["protocol"]) == (SERIAL.hex(), "T=0")
        both = runner.invoke(card_app, ["probe"])
        assert both.output.count("Kiosk Virtual Reader") == 2
        missing = runner.invoke(card_app, ["probe", "--reader", "ACR39U"])
        assert missing.exit_code == 3
        slot.pull()
    gone = runner.invoke(card_app, ["probe"])
    assert (gone.exit_code, "Start it" in gone.output) == (3, True)
