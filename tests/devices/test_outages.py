"""What remains when something is down: every line of the table in a running desk, and every two of them in every phase of a sale.

What the table says is held against the View, the acceptors' stance, what a customer and staff read, and what `kiosk doctor` finds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from kiosk.cli import app
from kiosk.commands import doctor
from kiosk.commands.findings import Line
from kiosk.config import load
from kiosk.core import machine_of, rules_of
from kiosk.devices.vault.station import open_station
from kiosk.screens.customer import attract, out
from kiosk.vend import facts as f
from kiosk.vend import outage, sale
from kiosk.vend.desk import Desk, SystemClock, recover
from kiosk.vend.journal import Journal
from kiosk.vend.operators.tables import STATUS, devices
from kiosk.vend.outage import BUYING, MONEY, OUTAGES, Outage
from kiosk.vend.ports import Stance
from kiosk.vend.sms import Texts
from kiosk.vend.state import State
from kiosk.vend.till import CashBoxRemoved
from kiosk.vend.view import Offer, View
from kiosk.words import text
from tests.devices import outages
from tests.devices.outages import ROOMS, down, every_word, shop, struck, up
from tests.sale.everywhere import EVERYWHERE
from tests.sale.shop import Card, Shop

WAITING = ("notes", "coins", "bank", "code", "balance", "paper")  # what the waiting screen tells of, or offers
ROLES = {"notes": "cctalk", "coins": "cctalk", "terminal": "zvt", "printer": "escpos", "modem": "at", "voice": "espeak", "display": "epson",
         "board": "led8n"}  # fmt: skip
UNSAID = ("starting", "unknown", "low", "no_values")  # no row of the journal
UNTIL_STARTED = ("reader", "notes", "coins", "terminal", "printer")


def costs(row: outage.Outage) -> str:
    """What staff read that it costs."""
    if row.stops or not row.lost:
        return "all" if row.stops else "nothing_yet"
    return row.lost[0] if len(row.lost) == 1 else "cash"


def waiting(view: View) -> set[str]:
    """The services that a waiting machine has by its View."""
    params = view.params
    told = {"notes": params.get("notes"), "coins": params.get("coins"), "bank": params.get("bank"), "paper": params.get("printer")}
    offered = {"code": Offer("tender", "code") in view.offers, "balance": Offer("balance") in view.offers}
    return {service for service, there in (told | offered).items() if there}


def given(here: Shop) -> set[str]:
    """The services that anybody gets now, on whatever screen: by what may be chosen, and by what the acceptors may take."""
    view, stance = here.view, sale.stance(here.rules, here.state)
    found = waiting(view) if view.phase in ("attract", "out") else set()
    found |= {name for name, open_for in (("notes", stance.notes), ("coins", stance.coins)) if open_for}
    by = {
        Offer("tender", "bank"): "bank",
        Offer("tender", "code"): "code",
        Offer("code", "typed"): "code",
        Offer("receipt", "paper"): "paper",
        Offer("receipt", "again"): "paper",
        Offer("sms"): "text",
    }
    found |= {service for offer, service in by.items() if offer in view.offers}
    if view.phase == "amount":
        found |= {"bank" for offer in view.offers if offer.choice == "amount"}
    return found


def lost(*rows: Outage) -> set[str]:
    return {service for row in rows for service in row.lost}


def why(*rows: Outage) -> str:
    """What a machine is out of service for, the first of the table's lines; "" where it is not."""
    first = next((row.why for row in OUTAGES if row in rows and row.why), "")
    return first or ("cash" if set(MONEY) <= lost(*rows) else "")


def says(view: View) -> tuple[str, str]:
    """Phase and reason."""
    return view.phase, str(view.params.get("why", ""))


def told_of(view: View) -> set[str]:
    """Which services this screen tells of at all: out of service only what one can still come for."""
    return set(WAITING) if view.phase == "attract" else {"code", "balance"}


def expected(*rows: Outage) -> tuple[str, str]:
    return ("out", why(*rows)) if why(*rows) else ("attract", "")


# ---------------------------------------------------------------- the running desk


@dataclass
class Running:
    """A machine as `kiosk init` makes it, its desk run by the test, its store held as a running kiosk holds it."""

    config: Path
    desk: Desk[State]

    def told(self, told: outages.Told) -> None:
        for one in told:
            if isinstance(one, f.Fact):
                self.desk.record((one,))
            else:
                self.desk.tell(one)
            self.desk.drain()

    @property
    def view(self) -> View:
        return self.desk.published().view

    @property
    def stance(self) -> Stance:
        return self.desk.published().stance

    def found(self) -> list[Line]:
        """What `kiosk doctor` says beside it."""
        self.desk._journal.commit()
        return doctor.examined(self.config)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    CliRunner().invoke(app, ["init", str(tmp_path), "--id", "K07"])
    path = tmp_path / "kiosk.toml"
    written = path.read_text()
    parts = [f'[[device]]\nrole = "{role}"\nprotocol = "{how}"\nport = "/nowhere/{role}"\n' for role, how in ROLES.items()]
    path.write_text(written[: written.index("[[device]]")] + "".join(parts))
    config = load(path)
    rules, station = rules_of(config), open_station(config.store.station)
    machine = machine_of(rules)
    with Journal.open(config.store.path, station.database_key()) as journal:
        clock = SystemClock(journal.next_boot())
        desk = Desk(machine, recover(journal, machine), journal, station, clock)
        desk.record(sale.started(rules, desk._state, clock.now(), "test"))
        here = Running(path, desk)
        for device in (*UNTIL_STARTED, *outage.COMFORTS, "rules"):
            here.told(up(device))
        yield here


def test_a_machine_at_which_all_is_well_offers_everything(running: Running) -> None:
    assert says(running.view) == ("attract", "")
    assert waiting(running.view) == set(WAITING)
    assert {line.level for line in running.found() if line.what in ROLES or line.what in ("reader", "service", "devices")} == {"OK"}


@pytest.mark.parametrize("device", [device for device in outage.DEVICES if device != "store"])
def test_each_line_of_the_table_is_what_the_running_machine_does_and_says(running: Running, device: str) -> None:
    rules = rules_of(load(running.config))
    for row, code in every_word():
        if row.device != device or (device, code) == ("terminal", "unknown"):
            continue  # a payment of nobody's knowledge has a test of its own
        running.told(down(device, code))
        assert outage.of(device, code) == row
        assert says(running.view) == expected(row), code
        assert waiting(running.view) == told_of(running.view) - lost(row), code
        assert running.stance.notes == running.stance.coins == (), "no card is in"
        read_on_the_glass(running.view, row)
        if device not in ROOMS:
            (plate,) = [one for one in devices(rules, running.desk._state) if one.name == device]
            assert plate.code == code or (device, plate.code) == ("keys", "locked")
            assert plate.costs == costs(row), code
            assert STATUS.get(plate.code, "BAD") != "OK"
            assert text("en", f"staff.costs.{plate.costs}")
            assert text("en", f"staff.device.{device}")
        if code not in UNSAID and device != "rules":
            doctors_word(running.found(), row, code)
        running.told(up(device))
        assert says(running.view) == ("attract", ""), "and well again"
        assert waiting(running.view) == set(WAITING)


def read_on_the_glass(view: View, row: Outage) -> None:
    """The customer's own words for it."""
    if view.phase == "out":
        assert out.seen(view).second == text("en", f"out.second_{row.why}")
        return
    ledger = dict(attract.seen(view).ledger)
    none = text("en", "ledger.none")
    said = {
        "notes": ledger["Notes"] == none,
        "coins": ledger["Coins"] == none,
        "paper": ledger["Receipt"] == none,
        "bank": "Bank card" not in ledger,
    }
    assert {service for service, gone in said.items() if gone} == lost(row) & set(said)


def doctors_word(found: list[Line], row: Outage, code: str) -> None:
    """STOP exactly where nothing can be bought; of a device what it costs and where to look, as the table has it."""
    assert ("STOP" in {line.level for line in found}) == row.stops, [str(line) for line in found]
    if row.device in ROLES or row.device == "reader":
        (line,) = [line for line in found if line.what == row.device]
        assert code in line.says
        assert (line.costs, line.do) == (text("en", row.costs), text("en", row.look))


def test_a_store_that_was_put_back_takes_nothing_and_tells_why(running: Running) -> None:
    running.told(down("store", "restored"))
    (row,) = [row for row in OUTAGES if row.device == "store"]
    assert says(running.view) == ("out", "restored") == expected(row)
    assert waiting(running.view) == {"balance"}
    assert "STOP" in {line.level for line in running.found()}


def test_a_box_that_staff_took_out_closes_its_acceptor_everywhere(running: Running) -> None:
    running.told((CashBoxRemoved("notes", 1, "B1", "100", ("014",), (), 0),))
    assert waiting(running.view) == set(WAITING) - {"notes"}
    (line,) = [line for line in running.found() if line.what == "notes"]
    assert (line.level, line.costs) == ("LOW", text("en", "outage.costs.notes"))


def test_the_last_way_to_pay_is_everybodys_stop(running: Running) -> None:
    for device in ("notes", "terminal"):
        running.told(down(device, "offline"))
    assert says(running.view) == ("attract", "")
    running.told(down("coins", "jammed"))
    assert says(running.view) == ("out", "cash")
    assert waiting(running.view) == {"code", "balance"}
    found = running.found()
    assert {line.what for line in found if line.level == "STOP"} == {"notes", "coins", "terminal"}
    rules = rules_of(load(running.config))
    costs = {one.name: one.costs for one in devices(rules, running.desk._state)}
    assert (costs["notes"], costs["coins"], costs["terminal"], costs["printer"]) == ("all", "all", "all", "nothing")


# ---------------------------------------------------------------- every phase, and two at once


WORDS = [
    (row, code)
    for row, code in every_word()
    if (row.device != "rules" or code in outages.TRULY) and (row.device, code) != ("terminal", "unknown")
]
PHASES = {name: how for name, (_, how) in EVERYWHERE.items()}


def fitted(how: str) -> Shop:
    """A shop in that phase, with everything fitted."""
    here = PHASES[how]()
    here.rules = msgspec.structs.replace(here.rules, texts=Texts(country="254"))
    for device in ("terminal", *outage.COMFORTS):
        outages.befall(here, up(device))
    return here


@pytest.mark.parametrize("how", EVERYWHERE)
def test_in_every_phase_nothing_is_offered_that_the_word_takes_away(how: str) -> None:
    for row, code in WORDS:
        here = struck(fitted(how), row.device, code)
        assert not given(here) & lost(row), (how, row.device, code, given(here))


def test_after_a_sale_the_proof_comes_by_whatever_works() -> None:
    for how in ("done", "claim"):
        assert given(fitted(how)) == {"paper", "text"}
        for device, gone in (("printer", "paper"), ("modem", "text")):
            assert given(struck(fitted(how), device, "offline")) == {"paper", "text"} - {gone}


def test_before_any_money_all_that_remains_is_offered() -> None:
    well = shop()
    well.insert(Card())
    assert given(well) == set(BUYING)
    for row, code in WORDS:
        here = struck(shop(), row.device, code)
        if row.device == "reader":
            continue
        before = waiting(here.view) & {"code"}  # a float that is used up refuses the card; its key is on the screen before
        here.insert(Card())
        assert given(here) | before == set(BUYING) - lost(row), (row.device, code)


STANDING = [row for row in OUTAGES if outages.lasting_word(row)]
PAIRS = [(one, other) for one, other in combinations(STANDING, 2) if one.device != other.device]


def all_struck(*rows: Outage) -> Shop:
    here = shop()
    for row in rows:
        struck(here, row.device, str(outages.lasting_word(row)))
    return here


@pytest.mark.parametrize("card", [False, True], ids=["waiting", "with a card"])
def test_two_at_once_lose_what_either_loses_and_nothing_else(card: bool) -> None:
    for pair in PAIRS:
        for rows in (pair, pair[::-1]):
            here = all_struck(*rows)
            if not card:
                assert says(here.view) == expected(*rows), rows
                assert waiting(here.view) == told_of(here.view) - lost(*rows), rows
                continue
            here.insert(Card())
            assert not given(here) & lost(*rows), rows
            here.feed(50_00)
            assert (here.state.sale is not None) == ("notes" not in lost(*rows)), rows


def test_two_at_once_in_the_middle_of_a_sale_take_no_more_and_lose_none_of_it() -> None:
    for pair in PAIRS:
        here, card = shop(), Card()
        here.insert(card)
        here.feed(100_00)
        for row in pair:
            struck(here, row.device, str(outages.lasting_word(row)))
            assert not given(here) & lost(row), pair
        held = here.state.sale or here.state.ended or next(iter(here.state.claims.values()), None)
        assert held, pair
        assert held.tender_minor == 100_00, pair


def test_the_terminal_of_which_a_payments_end_is_not_known_takes_no_other() -> None:
    here = struck(shop(), "terminal", "unknown")
    assert waiting(here.view) == set(WAITING) - {"bank"}
    assert {one.name: (one.code, one.costs) for one in devices(here.rules, here.state)}["terminal"] == ("unknown", "bank")
    assert outage.lasting(here.state)["terminal"] == "unknown"


def test_a_word_that_nobody_knows_counts_as_the_worst_of_its_device() -> None:
    assert outage.of("printer", "on-fire").lost == ("paper",)
    assert outage.of("printer", "low").lost == ()
    assert outage.of("notes", "fault-254").device == "notes"
    assert outage.of("abacus", "broken").lost == ()


def test_the_page_says_what_the_machine_does() -> None:
    written = outages.PAGE.read_text()
    assert written == outages.page(written), "python -m tests.devices.outages"
