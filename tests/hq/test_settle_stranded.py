"""A purchase on a card that is replaced before the meter took it: it is a case, and is credited once by the new card."""

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from kiosk.hq.orders.book import Made, Wanted
from kiosk.hq.settlement import seeds
from kiosk.hq.settlement.deciding import NotSettled
from kiosk.hq.settlement.rule import Doubt, way
from kiosk.hq.settlement.seeds import Seed
from tests.hq.settle_kit import CARD, Machine, Town, bought, claimed, collected, looked
from tests.sale.shop import METER, Card, torn

NEW_CARD = "1122334455669999"


@pytest.fixture
def town() -> Iterator[Town]:
    made = Town()
    made.cases._replaced = lambda: [meter for meter, cards in made.cards.items() if len(cards) > 1]
    yield made
    made.store.close()


def value(machine: Machine) -> str:
    return f"{machine.name}/{machine.sale_of('CardVerified')}"


def replaced(town: Town, old: Card) -> Card:
    """A new card for the meter, with a purchase of nothing in the slot that the meter took last."""
    town.cards[METER].append(NEW_CARD)
    new = Card(serial=NEW_CARD, meter=old.meter)
    new.into_meter()
    return new


def test_a_purchase_that_the_meter_did_not_take_is_a_case_once_its_card_was_replaced(town: Town) -> None:
    k08, card = town.kiosk("K08"), Card()
    bought(k08, card, meter=False)
    town.hears(k08)
    assert town.cases.all(town.now_ms) == []
    town.cards[METER].append(NEW_CARD)
    (case,) = town.cases.all(town.now_ms)
    assert (case.value, case.kind, case.n, case.amount_minor, case.card) == (value(k08), "stranded", 2, 45_00, NEW_CARD)
    assert (way(case, town.now_ms).to, way(case, town.now_ms).people) == ("same", 1)
    made = town.desk.decide(case.value, "anna", town.now_ms).made
    assert made is not None
    assert (made.order.card, made.order.n, made.order.amount_minor) == (NEW_CARD, 2, 45_00)


def test_a_purchase_that_a_reading_shows_in_the_meter_is_none(town: Town) -> None:
    k08, card = town.kiosk("K08"), Card()
    bought(k08, card)
    looked(k08, card)
    town.hears(k08)
    town.cards[METER].append(NEW_CARD)
    assert town.cases.all(town.now_ms) == []


def test_one_that_another_purchase_shut_out_goes_up_by_proof(town: Town) -> None:
    """Verified late at K08 on the lost card; the new card takes the same slot at K09, which shows it."""
    k08, k09, old, new = town.kiosk("K08"), town.kiosk("K09"), Card(), Card()
    bought(k08, old, meter=False)
    new.serial = NEW_CARD
    town.cards[METER].append(NEW_CARD)
    bought(k09, new, 20_00)
    town.hears(k08, k09)
    (case,) = town.cases.all(town.now_ms)
    assert (case.value, case.n, way(case, town.now_ms).why) == (value(k08), 3, "proof")
    made = town.desk.decide(case.value, "anna", town.now_ms).made
    assert made is not None
    collected(k09, new, made.code)
    assert new.credited.count(45_00) == 1
    looked(k09, new)
    town.hears(k09)
    assert town.cases.all(town.now_ms) == []


def test_before_a_card_is_replaced_it_is_said_what_would_be_left(town: Town) -> None:
    """The last verified record is carried by the new card; another one that was verified in the same slot is not."""
    k08, k09 = town.kiosk("K08"), town.kiosk("K09")
    bought(k08, Card(), meter=False)
    town.hears(k08)
    assert town.cases.stranded(METER, town.now_ms) == []
    twin = Card()  # a copied card
    bought(k09, twin, 20_00, meter=False)
    bought(k09, twin, 20_00, meter=False)
    town.hears(k09)
    twin.into_meter()
    bought(k09, twin, 20_00, meter=False)
    town.hears(k09)
    left = town.cases.stranded(METER, town.now_ms)
    assert [case.value for case in left] == [value(k08)]


def test_a_purchase_that_is_only_in_a_row_that_was_changed_is_for_two_people(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    k08, card = town.kiosk("K08"), Card()
    bought(k08, card, meter=False)
    town.hears(k08)
    town.cards[METER].append(NEW_CARD)
    honest = seeds.on_cards

    def doubted(*given: object) -> list[Seed]:
        return [replace(seed, doubts=(Doubt.CHANGED,)) for seed in honest(*given)]  # type: ignore[arg-type]

    monkeypatch.setattr("kiosk.hq.settlement.cases.on_cards", doubted)
    (case,) = town.cases.all(town.now_ms)
    assert way(case, town.now_ms).people == 2
    assert CARD not in case.card


def paid_elsewhere(town: Town) -> Made:
    """100.00 for purchase 2."""
    held = town.binding(CARD)
    assert held is not None
    return town.orders.make(Wanted(held, 100_00, "CNY", 1, "counter", "P1"), town.now_ms)


def test_what_a_code_put_on_a_card_that_was_replaced_is_decided_under_the_name_of_its_order(town: Town) -> None:
    k08, card, paid = town.kiosk("K08"), Card(), paid_elsewhere(town)
    k08.insert(card)
    k08.type(paid.code)
    k08.wait(1)
    k08.pull()
    k08.wait(5)
    town.hears(k08)
    town.cards[METER].append(NEW_CARD)
    (case,) = town.cases.all(town.now_ms)
    assert (case.value, case.kind) == (paid.order.name, "stranded")
    made = town.desk.decide(case.value, "anna", town.now_ms).made
    assert made is not None
    assert (made.order.settles, made.order.n, made.order.card) == (paid.order.name, 2, NEW_CARD)


def test_a_code_that_was_taken_by_a_kiosk_whose_life_ended_in_the_sale_is_decided_under_the_name_of_its_order(town: Town) -> None:
    k08, card, paid = town.kiosk("K08"), Card(), paid_elsewhere(town)
    k08.insert(card)
    card.stores = False
    k08.type(paid.code)
    assert k08.facts("TransferCodeAccepted")
    assert not k08.facts("ClaimIssued")
    town.hears(k08)
    town.state(k08, "closed")
    (case,) = town.cases.all(town.now_ms)
    assert (case.value, case.kind) == (paid.order.name, "open")
    assert town.desk.decide(case.value, "anna", town.now_ms).made == paid_again(paid)  # as long as machines take its code
    later_ms = paid.order.until_ms
    assert town.desk.decide(case.value, "anna", later_ms).proposed is not None
    made = town.desk.release(case.value, "ben", later_ms).made
    assert made is not None
    assert (made.order.settles, made.order.n) == (paid.order.name, 2)


def paid_again(paid: Made) -> Made:
    """The same order, found again."""
    return replace(paid, anew=False)


# ---------------------------------------------------------------- a claim that landed on a card that was then lost


def landed_later(town: Town, shop: Machine, card: Card) -> None:
    """The card stores again: its claim lands there, and the office hears of it."""
    card.stores = True
    shop.insert(card)
    shop.wait(2)
    shop.pull()
    shop.wait(5)
    assert shop.facts("ClaimSettled")
    town.hears(shop)


def settled_on(town: Town, card: Card) -> Machine:
    """100.00 were claimed and put on that card later, and no meter took it."""
    k08 = town.kiosk("K08")
    claimed(k08, card)
    landed_later(town, k08, card)
    return k08


def test_a_claim_that_landed_on_a_card_that_was_lost_is_a_case_again(town: Town) -> None:
    """Found by the simulation (seed 21): its own kiosk says that it landed, and the card is gone with it."""
    k08 = settled_on(town, Card())
    (case,) = town.cases.all(town.now_ms)
    assert way(case, town.now_ms).why == "settled"
    town.cards[METER].append(NEW_CARD)
    for cases in (town.cases.all(town.now_ms), town.cases.all(town.now_ms, whole=False)):
        (case,) = cases
        assert (case.value, case.kind, case.n, case.amount_minor) == (value(k08), "stranded", 2, 95_00)
        assert (way(case, town.now_ms).to, way(case, town.now_ms).people) == ("same", 1)


def test_it_is_ordered_for_what_was_on_the_card_and_credited_once(town: Town) -> None:
    k08, k09 = settled_on(town, Card()), town.kiosk("K09")
    town.cards[METER].append(NEW_CARD)
    made = town.desk.decide(value(k08), "anna", town.now_ms).made
    assert made is not None
    assert (made.order.card, made.order.n, made.order.amount_minor, made.order.settles) == (NEW_CARD, 2, 95_00, value(k08))
    new = Card()
    new.serial = NEW_CARD
    collected(k09, new, made.code)
    assert new.credited == [95_00]
    town.hears(k09)
    assert town.cases.all(town.now_ms, whole=False) == []
    with pytest.raises(NotSettled, match="Nothing is owed"):
        town.desk.decide(value(k08), "anna", town.now_ms)


def test_one_that_the_meter_took_before_its_card_was_lost_is_owed_no_more(town: Town) -> None:
    card = Card()
    k08 = settled_on(town, card)
    card.into_meter()
    looked(k08, card)
    town.hears(k08)
    town.cards[METER].append(NEW_CARD)
    assert town.cases.all(town.now_ms, whole=False) == []
    with pytest.raises(NotSettled, match="Nothing is owed"):
        town.desk.decide(value(k08), "anna", town.now_ms)


def test_one_whose_write_another_kiosk_finished_is_a_case_when_the_card_was_lost(town: Town) -> None:
    """Both kiosks say that the record is on the card, and no meter took it."""
    k08, k09, card = town.kiosk("K08"), town.kiosk("K09"), Card()
    torn(k08, card)
    k08.press("no_card")
    k08.press("slip_taken")
    k09.insert(card)
    k09.pull()
    assert k09.facts("ForeignSaleFinished")
    looked(k08, card)
    assert [fact.how for fact in k08.facts("ClaimSettled")] == ["landed_elsewhere"]  # type: ignore[attr-defined]
    town.hears(k08, k09)
    assert town.cases.all(town.now_ms, whole=False) == []
    town.cards[METER].append(NEW_CARD)
    for cases in (town.cases.all(town.now_ms), town.cases.all(town.now_ms, whole=False)):
        (case,) = cases
        assert (case.value, case.kind, case.n, case.amount_minor) == (value(k08), "stranded", 2, 95_00)
    assert town.desk.decide(value(k08), "anna", town.now_ms).made is not None


def test_one_that_a_code_had_paid_is_a_case_under_the_name_of_its_order(town: Town) -> None:
    k08, card, paid = town.kiosk("K08"), Card(), paid_elsewhere(town)
    k08.insert(card)
    card.stores = False
    k08.type(paid.code)
    k08.wait(5)
    k08.pull()
    k08.wait(300)
    assert k08.facts("ClaimIssued")
    landed_later(town, k08, card)
    town.cards[METER].append(NEW_CARD)
    (case,) = town.cases.all(town.now_ms, whole=False)
    assert (case.value, case.kind, case.amount_minor) == (paid.order.name, "stranded", 100_00)
    made = town.desk.decide(paid.order.name, "anna", town.now_ms).made
    assert made is not None
    assert (made.order.settles, made.order.n, made.order.card) == (paid.order.name, 2, NEW_CARD)
