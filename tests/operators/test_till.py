"""Cash boxes: sessions, bags, a box that leaves by itself, and the slip; what an insider and an impatient finger do."""

import pytest
from msgspec.structs import replace

from kiosk.vend import proof, sale, seen
from kiosk.vend import staff as st
from kiosk.vend.facts import PrintStarted, Row, SaleClosed, Tender
from kiosk.vend.operators.found import look_up
from kiosk.vend.operators.session import OperatorDid
from kiosk.vend.operators.tables import cases
from kiosk.vend.staff import Plain
from kiosk.vend.till import BAGS_KEPT, CashBoxInstalled, CashBoxRemoved, Till, bag_used, fold
from kiosk.vend.totals import box_closed, box_count
from tests.operators.kit import Rows, Staffed, journaled
from tests.paper.test_totals import box_text
from tests.sale.shop import Card


def sold(shop: Staffed, *notes: int) -> None:
    shop.insert(Card(serial=f"{len(shop.rows):016}"))
    for note in notes:
        shop.feed(note)
    shop.press("finish")
    shop.pull()
    shop.wait(31)


def taken(shop: Staffed, bag: str = "00417", device: str = "notes") -> None:
    """A swap up to the box's being out."""
    shop.order(st.Do("cash.box.swap", device))
    shop.fill(bag)
    shop.fill(bag)
    shop.key("enter")


def put_in(shop: Staffed, box: str = "12") -> None:
    shop.fill(box)
    shop.key("enter")


def test_a_swap_closes_the_session_counts_it_and_prints_the_slip() -> None:
    shop = Staffed()
    sold(shop, 100_00, 50_00, 50_00)
    shop.enter("014")
    shop.key("2")
    shop.key("1")
    shop.fill("00417")
    shop.fill("00417")
    assert shop.asked().journaled == "CashBoxRemoved"
    assert [line.label for line in shop.asked().lines] == ["device", "session", "bag", "pieces", "sum"]
    assert not shop.facts("CashBoxRemoved"), "only ENTER writes it"
    shop.key("enter")
    pieces = (Tender("notes", 100_00, 1), Tender("notes", 50_00, 2))
    assert shop.last(CashBoxRemoved) == CashBoxRemoved("notes", 1, "", "00417", ("014",), pieces, 200_00)
    assert shop.last(OperatorDid).about == {"device": "notes", "session": "1", "bag": "00417"}
    assert shop.last(PrintStarted).paper == "box"
    slip = box_closed(journaled(shop), "notes", 1)
    assert slip
    assert (slip.minor, slip.difference_minor, slip.operators, slip.bag) == (200_00, 0, ("014",), "00417")
    assert "Sealed bag" in box_text(slip)
    assert "Signed" in box_text(slip)
    assert shop.screen == "box"
    put_in(shop)
    assert shop.last(CashBoxInstalled) == CashBoxInstalled("notes", 2, "12", ("014",))
    shop.key("clear")
    shop.key("clear")
    sold(shop, 20_00)
    held = box_count(journaled(shop), ("notes",))
    assert (held.session, held.minor, held.difference_minor) == (2, 20_00, 0)


def test_the_two_boxes_have_their_own_sessions_and_a_sale_owes_each_its_part() -> None:
    shop = Staffed()
    card = Card()
    shop.insert(card)
    shop.feed(50_00)
    shop.coin()
    shop.coin()
    shop.press("finish")
    shop.pull()
    shop.wait(31)
    shop.enter()
    taken(shop)
    coins, both = box_count(journaled(shop), ("coins",)), box_count(journaled(shop))
    slip = box_closed(journaled(shop), "notes", 1)
    assert slip
    assert (slip.minor, slip.given.minor, slip.given.fees_minor, slip.difference_minor) == (50_00, 50_00, 5_00, 0)
    assert (coins.minor, coins.given.minor, coins.given.fees_minor, coins.session) == (2_00, 2_00, 0, 1)
    assert (both.minor, both.difference_minor) == (2_00, 0)


def test_a_sale_of_both_boxes_that_gave_more_or_less_than_it_took_is_seen() -> None:
    shop = Staffed()
    shop.insert(Card())
    shop.feed(50_00)
    shop.coin()
    shop.press("finish")
    shop.pull()
    for by in (-3_00, 3_00):
        rows = [replace(one, fact=_lying(one.fact, by)) if isinstance(one.fact, SaleClosed) else one for one in journaled(shop)]
        assert box_count(rows).difference_minor == -by
        assert sum(box_count(rows, (device,)).difference_minor for device in ("notes", "coins")) == -by


def _lying(fact: SaleClosed, by: int) -> SaleClosed:
    lines = tuple(replace(line, amount_minor=line.amount_minor + by) if line.code == "to_card" else line for line in fact.lines)
    return replace(fact, lines=lines, credit_minor=fact.credit_minor + by)


def test_a_claim_is_settled_out_of_the_box_that_its_money_left_with() -> None:
    shop, card = Staffed(), Card()
    shop.insert(card)
    shop.feed(50_00)
    shop.coin()
    shop.pull()
    shop.press("no_card")
    shop.press("slip_taken")
    shop.enter()
    taken(shop)
    put_in(shop)
    shop.order(st.Leave())
    shop.insert(card)
    assert card.files[2] != bytes(8)
    notes, coins = box_count(journaled(shop), ("notes",)), box_count(journaled(shop), ("coins",))
    assert (notes.minor, notes.given.minor, notes.difference_minor) == (0, 0, 0)
    assert (coins.minor, coins.given.minor, coins.given.claims_minor, coins.difference_minor) == (1_00, 1_00, 0, 0)


@pytest.mark.covers("abuse-45")
def test_a_bag_number_serves_once_and_leading_zeros_make_no_other() -> None:
    shop = Staffed()
    shop.enter()
    taken(shop, "00417")
    put_in(shop)
    for bag in ("00417", "417", "0000417"):
        shop.order(st.Do("cash.box.swap", "notes"))
        shop.fill(bag)
        assert (shop.screen, shop.notice()) == ("bag", "bag_used")
        shop.start()
        shop.enter()
    assert len(shop.facts("CashBoxRemoved")) == 1


@pytest.mark.covers("field-33")
def test_twenty_thousand_bags_are_remembered_and_then_the_oldest_is_forgotten() -> None:
    full = Till(bags=tuple(f"{n:05}" for n in range(1, BAGS_KEPT + 1)))
    assert bag_used(full, "1")
    after = fold(full, CashBoxRemoved("notes", 1, "", "99999", ("014",), (), 0), Row(1, 0, 1, 0, ""))
    assert (bag_used(after, "1"), bag_used(after, "2"), bag_used(after, "99999")) == (False, True, True)


def test_a_bag_that_is_typed_differently_the_second_time_is_asked_for_again() -> None:
    shop = Staffed()
    shop.enter()
    shop.order(st.Do("cash.box.swap", "notes"))
    shop.fill("00417")
    shop.fill("00471")
    assert (shop.screen, shop.notice()) == ("bag", "bag_differs")
    shop.fill("00471")
    shop.fill("00471")
    assert shop.staff.question


def test_an_impatient_finger_swaps_once() -> None:
    shop = Staffed()
    shop.enter()
    shop.order(st.Do("cash.box.swap", "notes"))
    shop.fill("00417")
    shop.fill("00417")
    rev = shop.state.here.turn
    for _ in range(3):
        shop.order(st.Yes(), rev=rev)
    for _ in range(3):
        shop.order(st.Yes())
    assert len(shop.facts("CashBoxRemoved")) == 1
    shop.order(st.Do("cash.box.swap", "notes"))
    assert shop.screen == "box", "one that is out cannot be taken out"


def test_clear_on_the_question_takes_nothing() -> None:
    shop = Staffed()
    shop.enter()
    shop.order(st.Do("cash.box.swap", "notes"))
    shop.fill("00417")
    shop.fill("00417")
    shop.key("clear")
    assert (shop.screen, shop.staff.question, shop.facts("CashBoxRemoved")) == ("cash", None, [])
    shop.order(st.Yes())
    assert not shop.facts("CashBoxRemoved")


@pytest.mark.covers("abuse-44", "failure-4")
def test_while_a_box_is_out_nothing_may_come_in_and_a_piece_that_does_is_shown() -> None:
    shop = Staffed()
    shop.enter()
    taken(shop)
    shop.key("clear")
    shop.key("clear")
    shop.insert(Card())
    assert sale.stance(shop.rules, shop.state).notes == ()
    assert sale.stance(shop.rules, shop.state).coins == (1_00,), "the other box is in"
    shop.counters["notes"] += 1
    shop.tell(seen.NoteIn("notes", "SN-notes", 20_00, shop.counters["notes"], 1))
    shop.pull()
    shop.enter()
    shop.order(st.Go("cash"))
    assert shop.shown()[0][1] == st.Status("BAD")
    shop.order(st.Do("cash.box.install", "notes"))
    put_in(shop)
    assert shop.last(CashBoxInstalled).stray == 1


@pytest.mark.covers("abuse-44", "abuse-23", "failure-4")
def test_a_box_that_leaves_by_itself_is_an_alarm_once_and_stays_a_case() -> None:
    shop = Staffed()
    sold(shop, 50_00)
    shop.tell(seen.AcceptorDown("notes", "removed"))
    shop.tell(seen.AcceptorDown("notes", "removed"))
    (missing,) = shop.facts("CashBoxMissing")
    assert missing.barrier
    assert (shop.state.till.alarms[0].minor, shop.state.till.box("notes").gone) == (50_00, True)
    shop.acceptors_up()
    shop.acceptors_up()
    assert shop.kinds().count("CashBoxBack") == 1
    assert not shop.state.till.box("notes").gone
    shop.start()
    assert [case.what for case in cases(shop.state)] == ["alarm"]
    assert shop.state.till.alarms[0].back_ms


@pytest.mark.covers("abuse-23")
def test_a_box_that_is_taken_in_mid_sale_stops_notes_and_the_sale_is_finished_with_what_is_there() -> None:
    shop, card = Staffed(), Card()
    shop.insert(card)
    shop.feed(50_00)
    shop.tell(seen.AcceptorDown("notes", "removed"))
    assert "CashBoxMissing" in shop.kinds()
    assert sale.stance(shop.rules, shop.state).notes == ()
    shop.press("finish")
    shop.pull()
    card.into_meter()
    assert card.credited == [45_00]


def test_a_box_that_an_operator_took_out_is_no_alarm() -> None:
    shop = Staffed()
    shop.enter()
    taken(shop)
    shop.tell(seen.AcceptorDown("notes", "removed"))
    shop.tell(seen.AcceptorUp("notes", "SN-notes", 0, 0, (50_00,)))
    assert "CashBoxMissing" not in shop.kinds()
    assert shop.state.till.box("notes").gone, "it is in, but nobody has said which"


def test_orphans_and_notes_in_doubt_leave_with_the_box_that_is_counted() -> None:
    shop = Staffed()
    shop.insert(Card())
    shop.feed(50_00, stack=False)
    shop.wait(61)
    shop.pull()
    shop.accepted["notes"] = 2
    shop.acceptors_up()
    shop.press("slip_taken")
    shop.wait(61)
    assert {case.what for case in cases(shop.state)} >= {"disputed", "orphan"}
    shop.enter()
    taken(shop)
    removed = shop.last(CashBoxRemoved)
    assert (removed.minor, removed.unknown, removed.disputed_minor) == (0, 2, 50_00)
    assert "disputed" not in {case.what for case in cases(shop.state)}


def test_a_collector_swaps_without_seeing_what_is_in_the_box() -> None:
    shop = Staffed()
    sold(shop, 50_00)
    shop.enter("007")
    assert shop.staff.owed
    assert (shop.staff.owed.box_minor, shop.staff.owed.unsent_minor) == (None, None), "nor by what the office has not heard of"
    shop.key("2")
    assert shop.shown()[0][4:] == (Plain(""), Plain(""))
    shop.order(st.Do("cash.box.swap", "notes"))
    shop.fill("00417")
    shop.fill("00417")
    assert [line.label for line in shop.asked().lines] == ["device", "session", "bag"]
    shop.key("enter")
    assert shop.last(CashBoxRemoved).minor == 50_00


def test_a_slip_that_could_not_be_printed_is_printed_later_and_counted_up_to_its_own_row() -> None:
    shop = Staffed(printer="out")
    sold(shop, 50_00)
    shop.enter()
    taken(shop)
    assert (shop.notice(), shop.facts("PrintStarted")) == ("no_paper", [])
    put_in(shop)
    shop.order(st.Leave())
    sold(shop, 20_00)
    shop.tell(seen.PrinterState("ok"))
    shop.enter()
    shop.order(st.Do("cash.box.slip", "notes"))
    assert shop.last(PrintStarted).paper == "box"
    slip = box_closed(journaled(shop), "notes", 1)
    assert slip
    assert slip.minor == 50_00


def test_a_paper_of_no_sale_has_no_number_and_an_id_of_its_own() -> None:
    shop = Staffed()
    shop.enter()
    ids = set()
    for bag in ("101", "102"):
        shop.order(st.Do("cash.box.swap", "notes"))
        shop.fill(bag)
        shop.fill(bag)
        shop.order(st.Yes(), work=False)
        read = shop.state.here.staff.read
        assert read
        shop.tell(seen.Found(read.id, look_up(shop.rules, read, Rows(shop), shop.now().at_ms)))
        job = proof.print_job(shop.rules, shop.state)
        assert job
        assert job.number == 0
        ids.add(job.id)
        shop.work()
        put_in(shop)
    assert len(ids) == 2
    assert shop.state.number == 0
