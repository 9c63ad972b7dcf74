"""Slips and receipts at the counter: what they are worth alone, what the rows say of them, and what a stolen key may not do with them."""

from collections.abc import Iterator

import pytest

from kiosk.hq import kiosks
from kiosk.hq.orders.book import OrderRefused
from kiosk.hq.settlement.deciding import NotSettled
from kiosk.hq.settlement.papers import bring
from kiosk.hq.settlement.rule import Doubt
from kiosk.vend.evidence import RESTORED, NotGenuine
from kiosk.vend.trust import FloatGranted
from tests.hq.settle_kit import CARD, Machine, Town, bought, claimed, collected
from tests.sale.shop import METER, Card


@pytest.fixture
def town() -> Iterator[Town]:
    made = Town()
    yield made
    made.store.close()


def slip_town(town: Town, float_minor: int | None = 500_00) -> tuple[Machine, Card]:
    """K07 reported a sale to the office, then claimed, then burned: nothing is left but the slip."""
    k07, card = town.kiosk("K07"), Card()
    bought(k07, Card(serial="aa22334455667788", meter="000012340000"))
    if float_minor is not None:
        k07._add((FloatGranted(1, float_minor, town.now_ms + 10**9),))
        bought(k07, Card(serial="bb22334455667788", meter="000012340001"), 20_00)
    town.hears(k07)
    claimed(k07, card)
    return k07, card


def test_on_a_slip_alone_the_office_pays_up_to_what_its_kiosk_may_have_sold_unreported(town: Town) -> None:
    k07, _ = slip_town(town)
    brought = bring(town.store, k07.slip(), "anna", town.now_ms)
    assert (brought.value, brought.anew) == (f"K07/{k07.sale_of()}", True)
    case = town.case(k07)
    assert (case.kind, case.doubts, town.way(k07).to, town.way(k07).people) == ("slip", (), "same", 1)


@pytest.mark.covers("abuse-48")
def test_slips_above_the_float_together_are_for_two_and_a_slip_that_was_used_is_counted_once(town: Town) -> None:
    k07, _ = slip_town(town, 170_00)
    first, value = k07.slip(), f"K07/{k07.sale_of()}"
    bring(town.store, first, "anna", town.now_ms)
    assert town.desk.decide(value, "anna", town.now_ms).made is not None
    assert not bring(town.store, first, "ben", town.now_ms).anew
    assert town.desk.decide(value, "ben", town.now_ms).way.why == "collect"  # used twice: the same code
    bring(town.store, k07.slip(sale="00000000000000ff", tag="", amount_minor=90_00), "anna", town.now_ms)  # by a stolen key
    other = town.cases.one("K07/00000000000000ff", town.now_ms)
    assert other is not None
    assert other.doubts == (Doubt.FLOAT,)
    assert town.desk.decide(other.value, "anna", town.now_ms).made is None
    assert town.case(k07).doubts == ()


def test_a_kiosk_without_a_float_of_its_own_has_no_bound_and_its_slips_are_for_two(town: Town) -> None:
    k07, _ = slip_town(town, None)
    bring(town.store, k07.slip(), "anna", town.now_ms)
    assert town.case(k07).doubts == (Doubt.FLOAT,)


@pytest.mark.covers("field-165")
def test_a_slip_above_what_one_order_may_be_is_refused_in_a_sentence(town: Town) -> None:
    k07, _ = slip_town(town)
    bring(town.store, k07.slip(amount_minor=500_01), "anna", town.now_ms)
    value = f"K07/{k07.sale_of()}"
    town.desk.decide(value, "anna", town.now_ms)
    with pytest.raises(OrderRefused, match="at most 50000"):
        town.desk.release(value, "ben", town.now_ms)


def test_a_revoked_kiosks_slip_is_for_two(town: Town) -> None:
    k07, _ = slip_town(town)
    bring(town.store, k07.slip(), "anna", town.now_ms)
    town.state(k07, "revoked")
    assert town.case(k07).doubts == (Doubt.REVOKED,)


def test_a_slip_of_a_store_that_was_put_back_is_for_two_even_below_the_last_row(town: Town) -> None:
    k07, _ = slip_town(town)
    bring(town.store, k07.slip(tender=1 | RESTORED, seq=3), "anna", town.now_ms)
    assert Doubt.RESTORED in town.case(k07).doubts
    assert town.way(k07).people == 2


def test_a_restored_slip_whose_sale_landed_in_its_first_life_is_owed_nothing(town: Town) -> None:
    k07 = town.kiosk("K07")
    bought(k07, Card())
    landed = str(k07.facts("CardVerified")[-1].sale)  # type: ignore[attr-defined]
    town.hears(k07)
    claimed(k07, Card(serial="dd22334455667788", meter="000012340003"))
    bring(town.store, k07.slip(tender=1 | RESTORED, sale=landed, meter=METER, card_tail=CARD[-4:], tag=""), "anna", town.now_ms)
    case = town.cases.one(f"K07/{landed}", town.now_ms)
    assert case is not None
    assert "ended otherwise: landed" in case.over


def test_a_slip_below_the_last_row_that_the_rows_do_not_know_is_two_histories(town: Town) -> None:
    k07, _ = slip_town(town)
    bring(town.store, k07.slip(seq=3), "anna", town.now_ms)
    case = town.case(k07)
    assert "two histories" in case.over
    with pytest.raises(NotSettled, match="two histories"):
        town.desk.decide(case.value, "anna", town.now_ms)


def test_when_the_rows_of_a_slip_arrive_they_decide(town: Town) -> None:
    k07, _ = slip_town(town)
    bring(town.store, k07.slip(), "anna", town.now_ms)
    assert town.case(k07).kind == "slip"
    town.hears(k07)
    assert (town.case(k07).kind, town.case(k07).doubts) == ("claim", ())
    assert len([case for case in town.cases.all(town.now_ms) if case.value == town.case(k07).value]) == 1


@pytest.mark.covers("abuse-48")
def test_a_forged_slip_is_refused(town: Town) -> None:
    k07, _ = slip_town(town)
    good = k07.slip()
    town.kiosk("K08")
    forged = k07.slip(kiosk="K08")  # signed by K07's key
    changed = good[:40] + ("A" if good[40] != "A" else "B") + good[41:]
    for bad in (forged, changed, good[:-3], "K1:", "hello", good.lower(), "K1:" + "A" * 500, k07.slip(kiosk="K99")):
        with pytest.raises(NotGenuine):
            bring(town.store, bad, "anna", town.now_ms)


def test_two_slips_of_one_slot_are_two_values_and_only_one_lands_there(town: Town) -> None:
    k07, card = slip_town(town)
    k08, k09 = town.kiosk("K08"), town.kiosk("K09")
    claimed(k08, card, 50_00)
    town.hears(k08)
    bring(town.store, k07.slip(), "anna", town.now_ms)
    first = town.desk.decide(f"K07/{k07.sale_of()}", "anna", town.now_ms).made
    second = town.desk.decide(f"K08/{k08.sale_of()}", "anna", town.now_ms).made
    assert first is not None
    assert second is not None
    assert first.order.n == second.order.n == 2
    collected(k09, card, second.code)
    assert card.credited == [50_00]
    town.hears(k09)
    chosen = town.way(k07)
    assert (chosen.why, chosen.n, chosen.people) == ("proof", 3, 1)  # the other order's record took it
    moved = town.desk.decide(f"K07/{k07.sale_of()}", "anna", town.now_ms).made
    assert moved is not None
    collected(k09, card, first.code)
    collected(k09, card, moved.code)
    assert card.credited == [50_00, 100_00]


def test_a_receipt_proves_that_its_record_took_the_slot_and_never_proves_against_its_own_money(town: Town) -> None:
    """K08 sold in slot 2 and burned; its customer has the receipt."""
    k07, k08, card = town.kiosk("K07"), town.kiosk("K08"), Card()
    claimed(k07, card)
    bought(k08, card)
    town.hears(k07)
    bring(town.store, k08.receipt(), "anna", town.now_ms)
    assert town.case(k07).proof is not None
    assert town.case(k07).proof.source == "receipt"  # type: ignore[union-attr]
    tag = str(k07.facts("WriteStarted")[-1].tag)  # type: ignore[attr-defined]
    own = Town()
    again = own.kiosk("K07")
    again.rows, again.journal = k07.rows, again.journal
    again.state = k07.state
    other = own.kiosk("K08")
    bought(other, Card())
    own.hears(again)
    bring(own.store, other.receipt(tag=tag, amount_minor=95_00), "anna", own.now_ms)
    assert own.case(again).proof is None
    own.store.close()


def test_rows_of_a_revoked_kiosk_after_its_last_true_batch_prove_nothing(town: Town) -> None:
    """Whoever has its key may write that its own record took the slot."""
    k07, k08, card = town.kiosk("K07"), town.kiosk("K08"), Card()
    claimed(k07, card)
    bought(k08, card)
    town.hears(k07, k08)
    assert town.way(k07).why == "proof"
    kiosks.changed(town.store, "K08", "revoked", 4)
    assert town.case(k07).proof is None
    kiosks.changed(town.store, "K08", "revoked", town.told["K08"])
    assert town.way(k07).why == "proof"
    kiosks.changed(town.store, "K07", "revoked", 4)
    assert town.case(k07).doubts == (Doubt.REVOKED,)


def test_a_receipt_of_a_revoked_kiosk_proves_nothing(town: Town) -> None:
    k07, k08, card = town.kiosk("K07"), town.kiosk("K08"), Card()
    claimed(k07, card)
    bought(k08, card)
    town.hears(k07)
    bring(town.store, k08.receipt(), "anna", town.now_ms)
    town.told.setdefault("K08", 0)
    town.state(k08, "revoked")
    assert town.case(k07).proof is None
