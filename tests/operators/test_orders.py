"""What staff may do, each act a fact with who and where; what they may not is refused by the desk, whoever asks for it."""

import pytest

from kiosk.vend import sale, seen
from kiosk.vend import staff as st
from kiosk.vend.facts import PrintStarted
from kiosk.vend.operators.session import OperatorDid, OperatorEntered
from kiosk.vend.operators.tree import Roster
from kiosk.vend.staff import Count, Money, Plain
from tests.operators.kit import PLACE, ROSTER, Pin, Staffed
from tests.sale.shop import Card


def sold(shop: Staffed, note: int = 50_00) -> None:
    shop.insert(Card(serial=f"{len(shop.rows):016}"))
    shop.feed(note)
    shop.press("finish")
    shop.pull()
    shop.wait(31)


# ---------------------------------------------------------------- rights


@pytest.mark.covers("abuse-49")
@pytest.mark.parametrize(
    ("order", "operation"),
    [
        (st.Do("service.close", "maintenance"), "service.close"),
        (st.Do("restart"), "restart"),
        (st.Do("clock.set"), "clock.set"),
        (st.Do("device.test", "notes"), "device.test"),
        (st.Do("counters.reset"), "counters.reset"),
        (st.Go("journal", "all"), "journal.view"),
        (st.Go("receipts"), "receipt.find"),
        (st.Go("cases"), "case.open"),
        (st.Go("report", "2026-11-24"), "report.day"),
        (st.Go("report", "2026-11"), "report.month"),
    ],
)
def test_a_role_without_the_right_asks_the_core_itself_and_is_refused(order: st.Order, operation: str) -> None:
    shop = Staffed()
    shop.enter("007")
    shop.order(order)
    shop.order(st.Yes())
    assert (shop.screen, shop.notice(), shop.staff.question) == ("home", "not_allowed", None)
    refused = [fact for fact in shop.facts("OperatorRefused") if getattr(fact, "operation", "") == operation]
    assert refused
    assert not {"ServiceClosed", "OperatorDid", "PrintStarted"} & set(shop.kinds())


@pytest.mark.covers("abuse-49")
def test_nobody_at_all_asks_the_core_itself_and_is_not_heard() -> None:
    shop = Staffed()
    before = len(shop.rows)
    for order in (st.Do("service.close", "cash"), st.Yes(), st.Go("cash"), st.Typed("014"), Pin("271828"), st.Leave(), st.Here()):
        shop.order(order)
    assert (len(shop.rows), shop.view.phase) == (before, "attract")


@pytest.mark.covers("abuse-49")
def test_a_grant_that_ends_while_its_question_stands_does_nothing() -> None:
    shop = Staffed()
    shop.enter("014")
    shop.order(st.Do("service.close", "cash"))
    shop.tell(seen.RosterRead(Roster(ROSTER.operators, ()), "aa"))
    shop.order(st.Yes())
    assert (shop.notice(), shop.facts("ServiceClosed")) == ("not_allowed", [])


def test_what_may_not_be_done_is_not_offered() -> None:
    shop = Staffed()
    shop.enter("007")
    shop.order(st.Go("service"))
    assert shop.caps() == "c"
    shop.key("clear")
    shop.order(st.Leave())
    shop.enter("014")
    shop.order(st.Go("service"))
    assert [key.label.key for key in shop.staff.keys] == ["close.maintenance", "close.cash", "clock", "restart", "back"]


def test_an_order_made_on_an_older_screen_does_nothing() -> None:
    shop = Staffed()
    shop.enter()
    rev = shop.state.here.turn
    shop.order(st.Go("service"))
    shop.order(st.Do("service.close", "cash"), rev=rev)
    assert shop.staff.question is None


# ---------------------------------------------------------------- service, clock, restart


def test_service_is_closed_and_opened_and_it_is_written_down_who_and_why() -> None:
    shop = Staffed()
    shop.enter("014")
    shop.key("9")
    shop.key("1")
    assert shop.asked().journaled == "ServiceClosed"
    shop.key("enter")
    assert shop.state.service.closed == "maintenance"
    assert shop.last(OperatorDid) == OperatorDid("014", "", "service.close", PLACE, {"why": "maintenance"})
    shop.key("1")
    shop.key("enter")
    assert shop.state.service.closed == ""
    shop.order(st.Do("service.close", "lunch"))
    assert shop.staff.question is None


def test_two_people_set_the_clock_and_the_second_is_another() -> None:
    shop = Staffed()
    shop.enter("014")
    shop.order(st.Do("clock.set"))
    shop.fill("202613241030")
    assert shop.notice() == "no_date"
    shop.fill("202611241030")
    shop.key("enter")
    assert (shop.screen, shop.facts("OperatorDid")) == ("second", [])
    shop.fill("014")
    assert shop.notice() == "second_same"
    shop.identify("007")
    assert (shop.screen, shop.notice(), shop.why("OperatorRefused")) == ("second", "refused", "no_grant")
    shop.identify("021", "000000")
    assert (shop.notice(), shop.why("OperatorRefused")) == ("refused", "pin")
    shop.identify("021")
    assert shop.last(OperatorDid) == OperatorDid("014", "021", "clock.set", PLACE, {"at": "202611241030"})
    assert shop.last(OperatorEntered) == OperatorEntered("021", "014")
    assert shop.state.operators.operator == "014", "the second stands beside it, and gets no session"
    read = shop.state.here.staff.read
    assert read
    assert (read.what, read.of) == ("clock", "202611241030")
    shop.order(st.Do("clock.set"))
    shop.fill("202611241031")
    shop.key("enter")
    assert shop.screen == "second", "once for each time"


def test_a_roster_may_ask_two_people_for_more() -> None:
    shop = Staffed(Roster(ROSTER.operators, ROSTER.grants, ("cash.box.swap",)))
    shop.enter("007")
    shop.order(st.Do("cash.box.swap", "notes"))
    shop.fill("00417")
    shop.fill("00417")
    shop.key("enter")
    shop.identify("014")
    (removed,) = shop.facts("CashBoxRemoved")
    assert getattr(removed, "operators") == ("007", "014")  # noqa: B009 - of whatever kind it is
    assert getattr(removed, "bag") == "00417"  # noqa: B009


def test_clear_on_the_second_persons_screen_takes_it_back() -> None:
    shop = Staffed()
    shop.enter("014")
    shop.order(st.Do("clock.set"))
    shop.fill("202611241030")
    shop.key("enter")
    shop.key("clear")
    shop.order(st.Yes())
    assert (shop.screen, shop.facts("OperatorDid")) == ("home", [])


def test_a_restart_is_asked_confirmed_written_down_and_told_to_the_core() -> None:
    shop = Staffed()
    shop.enter()
    shop.order(st.Do("restart"))
    assert not shop.state.here.staff.ending
    shop.key("enter")
    assert shop.state.here.staff.ending
    assert shop.last(OperatorDid).operation == "restart"


# ---------------------------------------------------------------- tests


@pytest.mark.covers("abuse-47")
def test_a_note_is_read_in_escrow_and_given_back_and_is_never_credit() -> None:
    shop = Staffed()
    shop.enter()
    shop.order(st.Do("device.test", "notes"))
    assert 50_00 in sale.stance(shop.rules, shop.state).notes
    shop.feed(50_00)
    assert (shop.screen, shop.notice()) == ("tests", "test_ok")
    assert shop.staff.notice == st.Word("test_ok", {"what": "50.00"})
    assert shop.last(OperatorDid).about == {"device": "notes", "result": "ok", "heard": "5000"}
    assert (shop.state.sale, shop.state.boxes) == (None, {})
    assert sale.stance(shop.rules, shop.state).notes == ()


def test_acceptors_are_tested_while_the_machine_is_closed_to_customers() -> None:
    shop = Staffed()
    shop.enter()
    for order in (st.Do("service.close", "maintenance"), st.Yes(), st.Do("device.test", "notes")):
        shop.order(order)
    assert shop.state.service.closed == "maintenance"
    assert 50_00 in sale.stance(shop.rules, shop.state).notes
    shop.feed(50_00)
    assert shop.last(OperatorDid).about == {"device": "notes", "result": "ok", "heard": "5000"}


@pytest.mark.covers("abuse-47")
def test_a_note_that_is_stacked_in_a_test_is_a_bad_test_and_nobodys_money() -> None:
    shop = Staffed()
    shop.enter()
    shop.order(st.Do("device.test", "notes"))
    shop.tell(seen.NoteIn("notes", "SN-notes", 20_00, 1, 1))
    assert shop.last(OperatorDid).about["result"] == "bad"
    assert "OrphanCredit" in shop.kinds()


def test_the_readers_test_wants_a_card_and_does_not_serve_it() -> None:
    shop = Staffed()
    shop.enter()
    shop.order(st.Do("device.test", "reader"))
    shop.insert(Card())
    assert (shop.screen, shop.notice()) == ("tests", "test_ok")
    assert shop.last(OperatorDid).about == {"device": "reader", "result": "ok", "heard": "3b00"}
    assert sale.next_job(shop.rules, shop.state) is None
    shop.pull()
    assert shop.screen == "tests"


def test_the_printers_test_is_a_page_and_its_outcome() -> None:
    shop = Staffed()
    shop.enter()
    shop.outcome = "failed"
    shop.order(st.Do("device.test", "printer"))
    assert shop.last(PrintStarted).paper == "test"
    assert (shop.notice(), shop.last(OperatorDid).about["result"]) == ("test_bad", "bad")
    shop.tell(seen.PrinterState("out"))
    shop.order(st.Do("device.test", "printer"))
    assert (shop.screen, shop.notice()) == ("tests", "no_paper")


@pytest.mark.parametrize(("device", "look"), [("screen", "grid"), ("sound", "sound")])
def test_screen_and_sound_are_judged_by_whoever_looks_and_listens(device: str, look: str) -> None:
    shop = Staffed()
    shop.enter()
    shop.order(st.Do("device.test", device))
    assert shop.staff.look == look
    shop.key("clear")
    assert shop.last(OperatorDid).about == {"device": device, "result": "bad"}
    shop.order(st.Do("device.test", device))
    shop.key("enter")
    assert shop.last(OperatorDid).about["result"] == "ok"


def test_there_is_no_test_of_what_cannot_be_given_back() -> None:
    shop = Staffed()
    shop.enter()
    shop.order(st.Do("device.test", "coins"))
    assert (shop.screen, shop.state.here.staff.test) == ("home", "")


# ---------------------------------------------------------------- receipts, reports, journal


@pytest.mark.covers("abuse-48")
def test_a_receipt_is_found_by_its_number_and_printed_again_as_a_copy_that_is_counted() -> None:
    shop = Staffed()
    sold(shop, 100_00)
    sold(shop, 50_00)
    shop.enter()
    shop.key("5")
    shop.fill("1")
    assert (st.Word("line.paid"), Money(100_00)) in shop.shown()
    for copy in (1, 2):
        if copy > 1:
            shop.fill("1")
        shop.choose("reprint")
        assert shop.asked().journaled == "PrintStarted"
        shop.key("enter")
        begun = shop.last(PrintStarted)
        assert (begun.number, begun.copy, begun.paper) == (1, copy, "recharge")
        assert shop.last(OperatorDid).about == {"receipt": "1", "copy": str(copy)}
        shop.key("clear")
        shop.key("5")
    assert shop.state.number == 2, "a copy takes no new number"
    shop.fill("777")
    assert shop.notice() == "no_receipt"


def test_a_claims_slip_is_found_too_and_only_by_its_tail() -> None:
    shop = Staffed()
    shop.insert(Card())
    shop.feed(50_00)
    shop.pull()
    shop.press("no_card")
    shop.press("slip_taken")
    shop.enter()
    assert shop.staff.owed
    assert (shop.staff.owed.claims_minor, shop.staff.owed.claims) == (50_00, 1)
    shop.key("5")
    shop.fill("1")
    assert shop.shown()
    assert "1122334455667788" not in repr(shop.staff)
    assert (st.Word("line.card"), Plain("7788")) in shop.shown()
    shop.choose("reprint")
    shop.key("enter")
    assert shop.last(PrintStarted).paper == "claim"


def test_reports_of_a_day_and_a_month_are_shown_and_printed() -> None:
    shop = Staffed()
    sold(shop, 100_00)
    today = shop.rules.business_date(shop.now().at_ms)
    shop.enter()
    shop.key("6")
    for key, of, paper in (("1", today, "day"), ("3", today[:7], "month")):
        shop.key(key)
        assert (st.Word("report.taken"), Count(1), Money(100_00)) in shop.shown()
        shop.key("1")
        assert shop.last(PrintStarted).paper == paper
        assert shop.last(OperatorDid).about == {"of": of}
        shop.key("clear")
    for bad in ("2026-02-30", "2026-13", "journal", ""):
        shop.order(st.Go("report", bad))
        assert shop.screen == "reports"


def test_the_journals_end_is_read_page_by_page_and_filtered_and_names_nobody() -> None:
    shop = Staffed()
    for _ in range(3):
        sold(shop)
    shop.enter()
    shop.order(st.Go("journal", "all"))
    first = shop.shown()
    shop.key("enter")
    assert shop.shown() != first
    shop.choose("filter.money")
    kinds = {row[2] for row in shop.shown()}
    assert Plain("SaleClosed") in kinds
    assert Plain("CardPresented") not in kinds
    assert "00000000000" not in repr(shop.staff.table), "no card's number"


def test_counters_have_a_total_and_one_that_is_reset() -> None:
    shop = Staffed()
    sold(shop)
    shop.enter()
    shop.order(st.Go("counters"))
    shop.key("1")
    shop.key("enter")
    assert (st.Word("counter.notes"), Count(0), Count(1)) in shop.shown()


def test_the_overview_has_the_worst_first_since_when_and_what_it_costs() -> None:
    shop = Staffed()
    shop.tell(seen.AcceptorDown("coins", "jammed"))
    shop.tell(seen.PrinterState("low"))
    shop.enter()
    rows = shop.shown()
    assert rows[0][:2] == (st.Word("device.coins"), st.Status("JAM"))
    assert rows[0][3] == st.Word("costs.coins")
    assert rows[1][:2] == (st.Word("device.printer"), st.Status("LOW"))
    assert isinstance(rows[0][2], st.Moment)


def test_every_screen_that_is_offered_stands_and_its_keys_are_orders() -> None:
    """Walk every offer of every screen two deep: no key leads nowhere, none raises."""
    for number in ("014", "007", "021"):
        shop = Staffed()
        sold(shop)
        shop.enter(number)
        for first in [key.told for key in shop.staff.keys if key.cap != "clear"]:
            shop.order(st.order_of(first))
            for second in [key.told for key in shop.staff.keys]:
                shop.order(st.order_of(second))
                assert shop.view.phase in ("staff", "attract", "out")
            if shop.view.phase != "staff":
                shop.enter(number)
