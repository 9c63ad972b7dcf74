"""Where a value belongs: it goes up slot by slot, each proved to be another's. Whoever forgot an order makes it in the same slot."""

from collections.abc import Iterator

import pytest

from kiosk.hq.orders.book import OrderRefused, Wanted
from kiosk.hq.orders.proofs import prove, reissue
from kiosk.hq.orders.tables import ORDER
from kiosk.hq.settlement.deciding import decisions
from kiosk.hq.settlement.tables import SETTLEMENT
from tests.hq.settle_kit import CARD, Machine, Town, bought, claimed, collected, looked
from tests.sale.shop import METER, Card

NEW_CARD = "1122334455669999"


@pytest.fixture
def town() -> Iterator[Town]:
    made = Town()
    yield made
    made.store.close()


def forget(town: Town) -> None:
    """The office is put back from a backup that was made before its decisions."""
    town.store.transact(lambda connection: connection.execute(ORDER.delete()))
    town.store.transact(lambda connection: connection.execute(SETTLEMENT.delete()))


def passed(town: Town) -> tuple[Machine, Machine, Card]:
    """Claimed at K07 in slot 2, which a purchase at K08 takes."""
    k07, k08, card = town.kiosk("K07"), town.kiosk("K08"), Card()
    claimed(k07, card)
    bought(k08, card)
    town.hears(k07, k08)
    return k07, k08, card


def ordered(town: Town, machine: Machine) -> str:
    """The code of what is decided about its last claim."""
    made = town.desk.decide(town.case(machine).value, "anna", town.now_ms).made
    assert made is not None
    return made.code


def test_a_claim_whose_order_was_forgotten_is_ordered_in_the_same_slot_however_far_the_meter_has_come(town: Town) -> None:
    """The code of the lost order is in the customer's hand: both codes are of slot 3, and the meter takes that once."""
    k07, k08, card = passed(town)
    first = ordered(town, k07)
    forget(town)
    bought(k08, card, 20_00)  # slot 3 is another's by now
    bought(k08, card, 20_00)
    again = ordered(town, k07)
    assert town.case(k07).n == 3
    collected(k08, card, first)
    collected(k08, card, again)
    assert card.credited.count(100_00) == 0
    town.hears(k08)
    assert (town.way(k07).why, town.case(k07).n) == ("proof", 5)
    last = ordered(town, k07)
    for code in (first, again, last, last):
        collected(k08, card, code)
    assert card.credited.count(100_00) == 1


def test_what_a_restored_office_ordered_before_is_credited_once_whichever_code_is_used_first(town: Town) -> None:
    k07, k08, card = passed(town)
    first = ordered(town, k07)
    forget(town)
    collected(k08, card, first)
    looked(k08, card)
    again = ordered(town, k07)  # the rows of that are on their way
    collected(k08, card, again)
    assert card.credited.count(100_00) == 1


def test_the_way_up_stops_at_the_first_slot_that_nothing_gives_to_another(town: Town) -> None:
    """Slot 3 was taken by a kiosk that nobody has heard: the value waits there, although slot 4 is known to be taken."""
    k07, k08, card = passed(town)
    k09 = town.kiosk("K09")
    bought(k09, card)
    bought(k08, card, 20_00)
    town.hears(k08)
    case = town.case(k07)
    assert (case.n, town.way(k07).why) == (3, "unproved")
    town.hears(k09)
    assert (town.case(k07).n, town.way(k07).why, len(town.case(k07).proofs)) == (5, "proof", 3)


def test_each_slot_that_was_passed_is_in_the_audit_with_its_proof(town: Town) -> None:
    k07, k08, card = passed(town)
    bought(k08, card, 20_00)
    town.hears(k08)
    ordered(town, k07)
    (decision,) = decisions(town.store, town.case(k07).value)
    assert decision.proof.count('"kind":"Verified"') == 2


def test_what_served_as_proof_goes_on_proving_after_its_card_was_replaced(town: Town) -> None:
    k07, _, _ = passed(town)
    ordered(town, k07)
    town.cards[METER].append(NEW_CARD)
    town.store.transact(lambda connection: connection.execute(ORDER.delete()))
    assert (town.case(k07).n, town.way(k07).why) == (3, "proof")
    forget(town)
    assert (town.case(k07).n, town.way(k07).why) == (2, "rows")


def test_a_count_proof_orders_the_next_slot_and_the_same_one_again_after_it_was_forgotten(town: Town) -> None:
    k08, card, binding = town.kiosk("K08"), Card(), town.binding(CARD)
    assert binding is not None
    late = town.orders.make(Wanted(binding, 70_00, "CNY", 1, "bank", "r1"), town.now_ms)
    bought(k08, card)
    town.hears(k08)
    another = town.orders.proofs(late.order)[1]

    def again() -> str:
        proved = prove(town.orders, town.store, late.order.name, another, by="anna", now_ms=town.now_ms)
        return reissue(town.orders, proved, binding, town.now_ms).code

    first = again()
    town.store.transact(lambda connection: connection.execute(ORDER.delete().where(ORDER.c.settles != "")))
    town.orders.make(Wanted(binding, 30_00, "CNY", 3, "bank", "r2"), town.now_ms)
    assert again() == first


def test_no_code_stands_for_two_values(town: Town) -> None:
    k08, binding = town.kiosk("K08"), town.binding(CARD)
    assert binding is not None
    late = town.orders.make(Wanted(binding, 70_00, "CNY", 1, "bank", "r1"), town.now_ms)
    other = town.orders.make(Wanted(binding, 70_00, "CNY", 2, "bank", "r2"), town.now_ms)
    bought(k08, Card())
    town.hears(k08)
    another = town.orders.proofs(late.order)[1]
    proved = prove(town.orders, town.store, late.order.name, another, by="anna", now_ms=town.now_ms)
    with pytest.raises(OrderRefused, match=other.order.name):
        reissue(town.orders, proved, binding, town.now_ms)
