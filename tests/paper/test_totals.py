"""What a day and a box add up to, from the journal of a real shop: every sale, claim, orphan and power cut stands on the right line."""

from collections.abc import Callable, Iterable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kiosk.commands.receipt_sample import text_of
from kiosk.vend import facts as f
from kiosk.vend import seen
from kiosk.vend.paper.box import box_slip
from kiosk.vend.paper.day import day_report
from kiosk.vend.rows import Recorded
from kiosk.vend.totals import BoxCount, DayTotals, Given, Odd, Taken, box_count, day_totals, seal_of
from tests.sale.shop import METER, Card, Shop

DAY_MS = 86_400_000


def rows(shop: Shop) -> list[Recorded]:
    return [Recorded(row, fact, getattr(fact, "sale", None)) for fact, row in shop.rows]


def today(shop: Shop) -> str:
    return shop.rules.business_date(shop.rows[-1][1].at_ms)


def day(shop: Shop, date: str = "") -> DayTotals:
    return day_totals(rows(shop), date or today(shop), shop.rules.business_date)


def box(shop: Shop) -> BoxCount:
    return box_count(rows(shop))


def day_text(totals: DayTotals) -> str:
    return text_of(day_report(totals, kiosk="K07", day_ms=0, printed_ms=0, zone="+0800", exponent=2, language="en"), 32)


def box_text(count: BoxCount) -> str:
    return text_of(box_slip(count, kiosk="K07", printed_ms=0, zone="+0800", exponent=2, language="en"), 32)


def sold(shop: Shop, *notes: int, card: Card | None = None) -> Card:
    """A whole sale, and its card in its meter."""
    card = card or Card()
    shop.insert(card)
    for note in notes:
        shop.feed(note)
    shop.press("finish")
    shop.pull()
    card.into_meter()
    return card


def claimed(shop: Shop, note: int, serial: str) -> Card:
    """Paid, and the card pulled for good before anything was written."""
    card = Card(serial=serial)
    shop.insert(card)
    shop.feed(note)
    shop.pull()
    shop.press("no_card")
    shop.press("slip_taken")
    return card


def test_a_sale_stands_on_every_line_that_it_has() -> None:
    shop = Shop()
    card = Card()
    shop.insert(card)
    shop.feed(100_00)
    shop.coin()
    shop.press("finish")
    found = day(shop)
    assert (found.sales, found.taken) == (1, (Taken("notes", 1, 100_00), Taken("coins", 1, 1_00)))
    assert found.given == Given(on_cards=1, credit_minor=96_00, fees_minor=5_00, energy_wh=165510)
    assert (found.taken_minor, found.given.minor, found.difference_minor, found.unsent_minor) == (101_00, 101_00, 0, 101_00)
    last = shop.rows[-1][1]
    assert (found.first_seq, found.last_seq, found.seal) == (1, last.seq, seal_of(last.hash))
    assert found.seal == f"{last.hash[:4]}-{last.hash[4:8]}".upper()
    held = box(shop)
    assert held.pieces == (f.Tender("notes", 100_00, 1), f.Tender("coins", 1_00, 1))
    assert (held.count, held.minor, held.difference_minor, held.seq) == (2, 101_00, 0, last.seq)


def test_a_claim_is_owed_until_it_is_settled_and_then_it_is_on_a_card() -> None:
    shop = Shop()
    sold(shop, 50_00)
    card = claimed(shop, 100_00, "1122334455667799")
    found, held = day(shop), box(shop)
    assert (found.sales, found.given.on_cards, found.given.claims, found.given.claims_minor) == (2, 1, 1, 100_00)
    assert (found.difference_minor, held.given.claims_minor, held.difference_minor) == (0, 100_00, 0)
    shop.insert(card)
    found, held = day(shop), box(shop)
    assert (found.sales, found.given.on_cards, found.given.claims, found.given.earlier) == (2, 2, 0, 0)
    assert (found.taken_minor, found.given.minor, held.given.claims_minor, held.difference_minor) == (150_00, 150_00, 0, 0)


def test_a_claim_of_yesterday_is_paid_out_of_yesterdays_money() -> None:
    shop = Shop()
    card = claimed(shop, 100_00, "1122334455667799")
    yesterday = today(shop)
    before = day(shop)
    shop.ms += DAY_MS
    sold(shop, 20_00)
    shop.insert(card)
    found = day(shop)
    assert (found.sales, found.taken_minor, found.given.on_cards) == (1, 20_00, 2)
    assert (found.given.earlier, found.given.earlier_minor, found.given.minor, found.difference_minor) == (1, 100_00, 20_00, 0)
    assert "Earlier claims 1         -100.00" in day_text(found)
    assert (found.unsent_minor, box(shop).difference_minor) == (120_00, 0)
    assert day(shop, yesterday) == before, "a day that is over never changes"
    assert found.first_seq == before.last_seq + 1


def test_a_sale_that_goes_on_is_in_the_box_and_in_no_days_sum() -> None:
    shop = Shop()
    shop.insert(Card())
    shop.feed(50_00)
    held = box(shop)
    assert (held.minor, held.unended_minor, held.difference_minor, held.unexplained_minor) == (50_00, 50_00, 50_00, 0)
    assert "  sale not ended           50.00" in box_text(held)
    assert (day(shop).sales, day(shop).taken_minor) == (0, 0)


def test_money_without_a_sale_is_shown_and_explains_its_difference() -> None:
    shop = Shop()
    shop.counters["notes"] += 1
    shop.tell(seen.NoteIn("notes", "SN-notes", 20_00, shop.counters["notes"], 1))
    shop.accepted["notes"] = 3
    shop.acceptors_up()
    held, found = box(shop), day(shop)
    assert held.odd == found.odd == Odd(orphans=1, orphans_minor=20_00, unknown=2)
    assert (held.minor, held.difference_minor, held.unexplained_minor) == (20_00, 20_00, 0)
    for text in (box_text(held), day_text(found)):
        assert "Without a sale 1           20.00\nPieces of unknown value        2\n" in text


def test_a_note_in_doubt_is_no_money_and_is_shown() -> None:
    shop = Shop()
    shop.insert(Card())
    shop.feed(50_00, stack=False)
    shop.wait(61)
    held = box(shop)
    assert (held.odd, held.minor) == (Odd(disputed=1, disputed_minor=50_00), 0)
    assert "Notes in doubt 1           50.00" in box_text(held)


def test_refused_cards_and_notes_that_went_back_are_counted() -> None:
    shop = Shop()
    card = Card()
    shop.insert(card)
    shop.feed(20_00)
    shop.press("finish")
    shop.pull()
    shop.insert(card)  # not in its meter yet
    assert shop.view.phase == "refused"
    shop.pull()
    shop.insert(Card(serial="1122334455667799"))
    shop.feed(50_00, stack=False)
    shop.counters["notes"] += 1
    shop.tell(seen.NoteBack("notes", "SN-notes", shop.counters["notes"]))
    found = day(shop)
    assert (found.refused_cards, found.refused_notes) == (1, 1)
    assert "Refused 2       cards 1  notes 1" in day_text(found)


def test_a_customer_whose_purchase_of_elsewhere_was_finished_is_not_refused() -> None:
    first, second, card = Shop(), Shop(), Card()
    first.insert(card)
    first.feed(100_00)
    first.press("finish", work=False)
    while (job := first.job()) and job.do != "write":
        first.do(job, card)
    assert job
    for update in first.updates(job, card)[:-1]:
        card.write(update)
    first.pull()
    second.insert(card)
    assert second.view.params["foreign"] is True
    assert (day(second).refused_cards, day(second).sales, day(second).taken_minor) == (0, 0, 0)
    second.pull()
    second.insert(card)  # and again, before it was in its meter
    assert day(second).refused_cards == 1


def test_the_box_is_what_the_state_has_in_it() -> None:
    shop = Shop()
    sold(shop, 100_00, 50_00, 50_00)
    counted = {(kind.device, str(kind.denomination)): kind.pieces for kind in box(shop).pieces}
    assert counted == {(device, face): pieces for device, faces in shop.state.boxes.items() for face, pieces in faces.items()}


# ---------------------------------------------------------------- nothing is balanced away

Spoil = Callable[[f.SaleClosed], f.SaleClosed]
SPOILT: dict[str, Spoil] = {
    "credit": lambda sale: replace(sale, credit_minor=sale.credit_minor - 1),
    "fee": lambda sale: replace(sale, lines=tuple(line for line in sale.lines if line.code != "fixed_fee")),
    "money": lambda sale: replace(sale, tenders=(f.Tender("notes", 100_00, 2),)),
}


@pytest.mark.parametrize("what", SPOILT)
def test_a_row_that_does_not_add_up_is_said_on_paper(what: str) -> None:
    shop = Shop()
    sold(shop, 100_00)
    spoilt = [replace(one, fact=SPOILT[what](one.fact)) if isinstance(one.fact, f.SaleClosed) else one for one in rows(shop)]
    found = day_totals(spoilt, today(shop), shop.rules.business_date)
    assert found.difference_minor
    assert "Difference" in day_text(found)
    assert "Difference" not in day_text(day(shop))
    if what != "money":
        assert box_count(spoilt).unexplained_minor == found.difference_minor
        assert "NOT EXPLAINED" in box_text(box_count(spoilt))


def test_a_piece_that_fell_and_was_never_closed_is_not_explained() -> None:
    shop = Shop()
    sold(shop, 100_00)
    lost = [one for one in rows(shop) if not isinstance(one.fact, f.NoteStacked)]
    assert box_count(lost).unexplained_minor == -100_00


def by_bank(fact: f.Fact) -> f.Fact:
    return replace(fact, tenders=(f.Tender("bank", 100_00, 1),)) if isinstance(fact, f.SaleClosed) else fact


def test_bank_cards_and_codes_are_taken_but_in_no_box() -> None:
    shop = Shop()
    sold(shop, 100_00)
    paid = [replace(one, fact=by_bank(one.fact)) for one in rows(shop) if not isinstance(one.fact, f.NoteStacked)]
    found = day_totals(paid, today(shop), shop.rules.business_date)
    assert (found.taken[-1], found.difference_minor) == (Taken("bank", 1, 100_00), 0)
    assert "  bank card 1             100.00" in day_text(found)
    assert (box_count(paid).minor, box_count(paid).difference_minor) == (0, 0)


# ---------------------------------------------------------------- whatever happens

ACTS = ("insert", "other", "note", "coin", "finish", "pull", "no_card", "slip_taken", "meter", "wait", "night", "dark", "orphan", "held")


def lived(acts: Iterable[str]) -> Shop:
    """A shop to which all this happened, in this order, where it could."""
    shop = Shop()
    cards = [Card(), Card(serial="1122334455667799", meter=METER[:-1] + "9")]
    for act in acts:
        match act:
            case "insert" | "other" if shop.card is None:
                shop.insert(cards[act == "other"])
            case "note" if shop.card:
                shop.feed(20_00)
            case "held" if shop.card:
                shop.feed(50_00, stack=False)
            case "coin":
                shop.coin()
            case "pull" if shop.card:
                shop.pull()
            case "meter":
                for card in cards:
                    if card is not shop.card:
                        card.into_meter()
            case "wait":
                shop.wait(25)
            case "night":
                shop.ms += DAY_MS
            case "dark":
                shop.start()
            case "orphan":
                shop.accepted["notes"] = (shop.accepted["notes"] or 0) + 1
                shop.acceptors_up()
            case "finish" | "no_card" | "slip_taken":
                shop.press(act)
    return shop


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(ACTS), min_size=10, max_size=60))
def test_whatever_happens_each_day_balances_and_every_piece_of_the_box_is_explained(acts: list[str]) -> None:
    shop = lived(acts)
    dates = {shop.rules.business_date(row.at_ms) for _, row in shop.rows}
    days = [day(shop, date) for date in sorted(dates)]
    assert [found.difference_minor for found in days] == [0] * len(days)
    held = box(shop)
    assert held.unexplained_minor == 0
    assert held.minor == sum(found.taken_minor for found in days) + held.unended_minor + held.odd.orphans_minor
    assert held.given.claims_minor == sum(claim.tender_minor for claim in shop.state.claims.values())
    assert days[-1].unsent_minor == sum(found.taken_minor for found in days)
    assert [later.first_seq - one.last_seq for one, later in pairwise(days)] == [1] * (len(days) - 1)
