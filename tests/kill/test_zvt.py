"""kill -9 of the running kiosk at every journal step of a payment by bank card, and power cuts: what the customer paid stands on the card,
and in the terminal's own book it is the approvals less the reversals."""

import json
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kiosk.devices.sim.pcscd import PORTS, READERS
from kiosk.devices.sim.printer_line import PtyLine, TcpLine
from kiosk.devices.sim.vpcd import VpcdSlot
from kiosk.devices.sim.zvt import TerminalSimulator
from kiosk.vend import facts as f
from kiosk.vend.bank import PosFinal, PosUnexplained
from kiosk.vend.view import View
from kiosk.vend.witness import Restored
from tests.kill.street import Corner, Household, Person, books, dies_at_each
from tests.pcscd import running_pcscd, slot_at

pytestmark = pytest.mark.pcsc

AMOUNT = 100_00
PAYMENT = (
    "Started", "TerminalRead", "CardPresented", "SaleOpened", "PosRequested", "PosApproved", "ReturnFileArchived", "PosFinal",
    "TenderClosed", "WriteStarted", "CardVerified", "SaleClosed",
)  # fmt: skip
MODELS: dict[str, dict[str, Any]] = {
    "takes back": {"blocks": True},  # an approval without a word of ours, over a serial line
    "keeps": {"blocks": False, "keep": True},  # it, over a network
}


@pytest.fixture(scope="module", autouse=True)
def pcscd() -> Iterator[None]:
    with running_pcscd(another=True):
        yield


class BankCorner(Corner):
    """A corner with a bank terminal, whose book is a file."""

    def __init__(self, folder: Path, slot: VpcdSlot, reader: str, **model: Any) -> None:
        super().__init__(folder, slot, reader)
        line = PtyLine(self.place / "dev" / "terminal") if model["blocks"] else TcpLine()
        quick: dict[str, Any] = {"repeat_s": 0.2, "goods_unit_s": 0.1, "card_s": 0.1}
        self.terminal = TerminalSimulator(line, self.place / "terminal.jsonl", **quick, **model)
        self.terminal.start()
        port = line.address if isinstance(line, TcpLine) else self.place / "dev" / "terminal"
        with (self.place / "kiosk.toml").open("a") as config:
            config.write(f'\n[[device]]\nrole = "terminal"\nprotocol = "zvt"\nport = "{port}"\n')

    def stop(self) -> None:
        super().stop()
        self.terminal.stop()

    def power(self, to: str) -> None:
        super().power(to)
        self.terminal.do({"do": "power", "to": to})

    def paid_minor(self) -> int:
        """The terminal's file, read by nobody's rules: approvals less those that were taken back."""
        lines = [json.loads(line) for line in (self.place / "terminal.jsonl").read_text().splitlines()]
        back = {line["receipt"] for line in lines if line["what"] == "reversed"}
        return sum(line["amount_minor"] for line in lines if line["what"] == "approved" and line["receipt"] not in back)


class CardHolder(Person):
    """Pays by bank card, as often as it takes until the machine says that it has been paid."""

    def _act(self, view: View) -> bool:
        offered = {(offer.choice, offer.arg) for offer in view.offers}
        match view.phase:
            case "account" | "bank":
                if ("tender", "bank") in offered:
                    self._press(view, "tender", "bank")
                return False
            case "amount" if view.figure_minor != AMOUNT:
                self._press(view, "amount", str(AMOUNT))
                return False
            case "amount":
                self._press(view, "finish")
                return False
        return super()._act(view)


def die_and_finish(folder: Path, place: int, death: str, model: dict[str, Any], *, power: bool = False) -> list[str]:
    """One purchase by bank card with one death in it, then the books; the instants that the first process came past.

    `power`: the terminal loses its power, too.
    """
    corner, home = BankCorner(folder, *slot_at(place), **model), Household(folder / "home")

    person = CardHolder(corner, home, (), partial(corner.start_again, power=power))
    try:
        corner.start_mortal(death)
        person.recharge()
        passed = corner.trace.read_text().splitlines()
    finally:
        corner.stop()
    assert person.deaths == (death != "never"), f"it never came to {death}: {passed}"
    facts = corner.facts()
    finals = [fact.amount_minor for fact in facts if isinstance(fact, PosFinal)]
    assert finals == [AMOUNT] == [corner.paid_minor()]
    assert not [fact for fact in facts if isinstance(fact, PosUnexplained)], "a receipt that no row explains"
    assert [fact.outcome for fact in facts if isinstance(fact, f.SaleClosed) and fact.tender_minor] == ["landed"]
    total = books(corner)
    assert total.tendered_minor == AMOUNT
    assert home.home() == total.credited_minor == AMOUNT - total.deductions_minor > 0, total
    assert home.home() == 0, "the meter credited it twice"
    return passed


WAITS = pytest.mark.deep("a kiosk that waits half a minute for its bank terminal")


@pytest.mark.parametrize(
    ("model", "death"),
    [
        pytest.param("takes back", "committed PosApproved#1", marks=[pytest.mark.covers("failure-22"), WAITS]),
        pytest.param("keeps", "before PosFinal#1", marks=pytest.mark.covers("failure-24")),
        ("takes back", "committed PosFinal#1"),
    ],
)
def test_a_kiosk_killed_in_a_payment_by_bank_card_is_paid_once_and_credits_it(tmp_path: Path, model: str, death: str) -> None:
    die_and_finish(tmp_path, 0, death, MODELS[model])


@pytest.mark.covers("failure-23")
@pytest.mark.parametrize("model", MODELS)
def test_the_plug_pulled_after_the_wallet_was_written_pays_once(tmp_path: Path, model: str) -> None:
    """Kiosk and terminal; the record is on the electricity card, and nobody has read it back."""
    die_and_finish(tmp_path, 0, "before CardVerified#1", MODELS[model], power=True)


@pytest.mark.deep("every boundary of a payment by bank card")
@pytest.mark.parametrize("power", [False, True], ids=["kill", "plug"])
@pytest.mark.parametrize("model", MODELS)
def test_a_kiosk_killed_at_every_journal_step_of_a_payment_by_bank_card_is_paid_once(tmp_path: Path, model: str, *, power: bool) -> None:
    instants = die_and_finish(tmp_path / "whole", 0, "never", MODELS[model])
    kinds = {instant.split()[1].split("#")[0] for instant in instants}
    assert kinds >= set(PAYMENT), f"the sale had no {set(PAYMENT) - kinds}"
    steps = instants[instants.index("before Started#1") :]
    first = "Started" if model == "takes back" else "PosRequested"
    steps_of = ("PosApproved", "PosFinal", "WriteStarted", "CardVerified") if power else PAYMENT[PAYMENT.index(first) :]
    deaths = [instant for instant in steps if instant.split()[1].split("#")[0] in steps_of]
    dies_at_each(deaths, lambda place, death: die_and_finish(tmp_path / death.replace(" ", "-"), place, death, MODELS[model], power=power))
    assert len(deaths) >= 2 * len(steps_of)


@pytest.mark.deep("a restored disk, found by the terminal's book")
@pytest.mark.covers("rule-2", "abuse-29")
def test_yesterdays_disk_is_noticed_by_the_receipts_in_the_terminals_book(tmp_path: Path) -> None:
    """Nothing else knows: only bank cards have paid here since."""
    corner = BankCorner(tmp_path, VpcdSlot(PORTS[0]), READERS[0], **MODELS["keeps"])
    first, *others = [Household(tmp_path / f"home-{number}", number) for number in (1, 2, 3)]
    image = tmp_path / "image"
    image.mkdir()

    def off() -> None:
        assert corner.running
        corner.running.stop()
        corner.bury()

    def disk(to: Path, source: Path) -> None:
        for old in to.glob("store.db*"):
            old.unlink()
        for name in source.glob("store.db*"):
            shutil.copy2(name, to / name.name)

    try:
        corner.start_here()
        CardHolder(corner, first, ()).recharge()
        off()
        disk(image, corner.place)
        corner.start_here()
        for home in others:
            CardHolder(corner, home, ()).recharge()
        off()
        disk(corner.place, image)
        corner.start_here()
        corner.until(lambda view: view.phase == "out" and view.params["why"] == "restored", why="what the disk is")
        off()
    finally:
        corner.stop()
    facts = corner.facts()
    assert [(fact.witness, fact.here, fact.there) for fact in facts if isinstance(fact, Restored)] == [("terminal", 1, 3)]
    assert not [fact for fact in facts if isinstance(fact, PosUnexplained)]
    assert corner.paid_minor() == 3 * AMOUNT
