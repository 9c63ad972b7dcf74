"""Settlement: machines lose sight of money, the office hears some of it, and does what the slot rule allows, by as many as it takes."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from kiosk.hq.orders.tables import ORDER
from kiosk.hq.people.approvals import ApprovalError
from kiosk.hq.people.staff import StaffError
from kiosk.hq.settlement.deciding import NotSettled, decisions
from kiosk.hq.settlement.papers import BadRemoval
from kiosk.hq.settlement.rule import Doubt
from kiosk.hq.store import Store
from tests.hq.postgres import database, postgres_url  # noqa: F401 - fixtures
from tests.hq.settle_kit import Machine, Town, bought, claimed, collected, looked
from tests.sale.shop import METER, Card

NEW_CARD = "1122334455669999"


@pytest.fixture
def town() -> Iterator[Town]:
    made = Town()
    yield made
    made.store.close()


# ---------------------------------------------------------------- the same slot


def test_a_claim_whose_rows_are_here_is_ordered_in_its_own_slot_at_once_and_collected_anywhere(town: Town) -> None:
    k07, k08, card = town.kiosk("K07"), town.kiosk("K08"), Card()
    claimed(k07, card)
    town.hears(k07)
    assert (town.way(k07).to, town.way(k07).n, town.way(k07).people) == ("same", 2, 1)
    made = town.desk.decide(town.case(k07).value, "anna", town.now_ms).made
    assert made is not None
    assert (made.order.n, made.order.amount_minor, made.order.settles) == (2, 100_00, town.case(k07).value)
    collected(k08, card, made.code)
    assert card.credited == [100_00]
    town.hears(k08)
    assert town.way(k07).why == "landed"


def test_the_flow_is_the_same_on_postgresql(database: str) -> None:  # noqa: F811 - a fixture
    town = Town(Store.make(database, 1, now_ms=1))
    test_a_claim_whose_rows_are_here_is_ordered_in_its_own_slot_at_once_and_collected_anywhere(town)
    assert [each.what for each in decisions(town.store, town.case(town.machines["K07"]).value)] == ["ordered"]
    town.store.close()


def test_officers_at_once_make_one_order(database: str) -> None:  # noqa: F811 - a fixture
    town = Town(Store.make(database, 1, now_ms=1))
    k07 = town.kiosk("K07")
    claimed(k07, Card())
    town.hears(k07)
    value = town.case(k07).value
    with ThreadPoolExecutor(6) as officers:
        decided = list(officers.map(lambda n: town.desk.decide(value, f"officer-{n % 3}", town.now_ms), range(6)))
    assert len({each.made.code for each in decided if each.made}) == 1
    assert all(each.made for each in decided)
    assert len(town.case(k07).orders) == 1
    written = decisions(town.store, value)
    assert [each.no for each in written] == [1, 2, 3]
    town.store.close()


def test_deciding_twice_gives_the_same_code_and_a_row_of_the_audit_each_time_somebody_gives_it_out(town: Town) -> None:
    k07 = town.kiosk("K07")
    claimed(k07, Card())
    town.hears(k07)
    value = town.case(k07).value
    first, again = town.desk.decide(value, "anna", town.now_ms), town.desk.decide(value, "ben", town.now_ms)
    assert first.made is not None
    assert again.made is not None
    assert (first.made.code, first.made.order) == (again.made.code, again.made.order)
    assert [(each.what, each.who, each.order_name) for each in decisions(town.store, value)] == [
        ("ordered", "anna", first.made.order.name),
        ("ordered", "ben", first.made.order.name),
    ]


def test_a_claim_that_its_own_kiosk_found_on_the_card_is_owed_no_more(town: Town) -> None:
    k07, card = town.kiosk("K07"), Card()
    claimed(k07, card)
    town.hears(k07)
    k07.insert(card)  # the same card again: it lands there
    k07.wait(2)
    assert k07.facts("ClaimSettled")
    town.hears(k07)
    assert town.way(k07).why == "settled"
    assert (len(town.cases.all(town.now_ms)), town.cases.all(town.now_ms, whole=False)) == (1, [])
    with pytest.raises(NotSettled, match="Nothing is owed"):
        town.desk.decide(town.case(k07).value, "anna", town.now_ms)


def test_a_code_that_ran_out_is_made_again_in_the_same_slot(town: Town) -> None:
    k07 = town.kiosk("K07")
    claimed(k07, Card())
    town.hears(k07)
    value = town.case(k07).value
    first = town.desk.decide(value, "anna", town.now_ms).made
    town.now_ms += 90 * 86_400_000
    second = town.desk.decide(value, "anna", town.now_ms).made
    assert first is not None
    assert second is not None
    assert (first.order.n, second.order.n) == (2, 2)
    assert first.code != second.code


# ---------------------------------------------------------------- another slot


def taken_by_another(town: Town) -> tuple[Machine, Machine, Machine, Card]:
    """Claimed at K07 in slot 2; bought at K08 in the same slot, which the meter takes; seen at K09."""
    k07, k08, k09, card = town.kiosk("K07"), town.kiosk("K08"), town.kiosk("K09"), Card()
    claimed(k07, card)
    bought(k08, card)
    looked(k09, card)
    return k07, k08, k09, card


@pytest.mark.covers("rule-14")
def test_another_slot_is_ordered_by_one_person_where_the_rows_name_the_record_that_took_the_first(town: Town) -> None:
    k07, k08, _, card = taken_by_another(town)
    town.hears(k07, k08)
    chosen = town.way(k07)
    assert (chosen.to, chosen.why, chosen.people, chosen.n) == ("other", "proof", 1, 3)
    made = town.desk.decide(town.case(k07).value, "anna", town.now_ms).made
    assert made is not None
    collected(k08, card, made.code)
    assert card.credited == [45_00, 100_00]
    (decision,) = decisions(town.store, town.case(k07).value)
    assert (decision.why, decision.n) == ("proof", 3)
    assert '"kiosk":"K08"' in decision.proof


def test_a_reading_that_shows_the_slot_passed_by_nobody_known_is_no_proof(town: Town) -> None:
    """K09 saw the card; the rows of K08, which sold it, are on their way: one person waits, two may answer for it."""
    k07, k08, k09, _ = taken_by_another(town)
    town.hears(k07, k09)
    case, chosen = town.case(k07), town.way(k07)
    assert case.proof is None
    assert (chosen.why, chosen.people, chosen.who) == ("unproved", 2, "two")
    assert "K08" in case.waiting
    town.hears(k08)
    assert town.way(k07).why == "proof"


def test_a_reading_proves_once_the_record_that_it_shows_is_known(town: Town) -> None:
    """The purchase is verified nowhere (the machine died at that moment); it was begun by K08, and K09 saw that the meter has it."""
    k07, k08, k09, _ = taken_by_another(town)
    upto = next(place for place, (fact, _) in enumerate(k08.rows, 1) if fact.kind == "CardVerified")
    town.hears(k07, k09)
    town.hears(k08, rows=upto)  # its name, and all rows before that one
    assert "WriteStarted" in {fact.kind for fact, _ in k08.rows[: upto - 1]}
    case = town.case(k07)
    assert case.proof is not None
    assert (case.proof.source, case.proof.kiosk) == ("CardPresented", "K09")


def test_a_write_that_began_elsewhere_is_no_proof(town: Town) -> None:
    k07, k08, card = town.kiosk("K07"), town.kiosk("K08"), Card()
    claimed(k07, card)
    claimed(k08, card, 50_00)
    town.hears(k07, k08)
    assert (town.way(k07).to, town.way(k08).to) == ("same", "same")
    assert town.case(k07).proof is None


def test_without_a_vault_nothing_moves_out_of_a_slot_that_has_an_order(town: Town) -> None:
    k07, k08, _, _ = taken_by_another(town)
    town.hears(k07)
    town.desk.decide(town.case(k07).value, "anna", town.now_ms)
    town.hears(k08)
    assert town.way(k07).why == "proof"
    town.cases._tag_of = None
    assert town.way(k07).why == "unproved"


def test_an_order_of_the_same_money_never_proves_against_it(town: Town) -> None:
    """The order that settles the claim is collected in slot 2: that record is this money."""
    k07, k08, card = town.kiosk("K07"), town.kiosk("K08"), Card()
    claimed(k07, card)
    town.hears(k07)
    made = town.desk.decide(town.case(k07).value, "anna", town.now_ms).made
    assert made is not None
    collected(k08, card, made.code)
    town.hears(k08)
    assert town.case(k07).proof is None
    assert town.case(k07).landed is not None


def test_a_code_of_an_order_that_was_forgotten_proves_nothing(town: Town) -> None:
    """The office was put back from an old backup: the order of this very claim is not in it, the sale by its code is."""
    k07, k08, card = town.kiosk("K07"), town.kiosk("K08"), Card()
    claimed(k07, card)
    town.hears(k07)
    made = town.desk.decide(town.case(k07).value, "anna", town.now_ms).made
    assert made is not None
    collected(k08, card, made.code)
    town.store.transact(lambda connection: connection.execute(ORDER.delete()))
    town.hears(k08)
    assert town.case(k07).proof is None
    assert town.way(k07).people == 2


def test_what_was_verified_on_a_replaced_card_is_no_proof(town: Town) -> None:
    k07, k08, card = town.kiosk("K07"), town.kiosk("K08"), Card()
    claimed(k07, card)
    bought(k08, card, meter=False)  # it never met the meter
    town.hears(k07, k08)
    assert town.case(k07).proof is not None
    town.cards[METER].append(NEW_CARD)
    assert town.case(k07).proof is None
    assert (town.way(k07).to, town.case(k07).card) == ("same", NEW_CARD)


def test_a_meter_that_was_taken_away_below_the_slot_is_proof_and_a_count_below_what_it_took_is_refused(town: Town) -> None:
    k07, k08, card = town.kiosk("K07"), town.kiosk("K08"), Card()
    claimed(k07, card)
    town.hears(k07)
    town.taken_away(METER, 1)
    assert (town.way(k07).why, town.case(k07).removed.source) == ("removed", "removal")  # type: ignore[union-attr]
    with pytest.raises(NotSettled, match="taken away with count 1: it credits no purchase 2"):
        town.desk.decide(town.case(k07).value, "anna", town.now_ms)
    bought(k08, card)
    looked(k08, card)
    town.hears(k08)
    with pytest.raises(BadRemoval, match="has taken purchase 2"):
        town.taken_away(METER, 1)
    with pytest.raises(ApprovalError, match="Another person releases it"):
        town.removals.release(town.removals.propose(METER, 5, town.crew("anna"), 1).no, town.crew("anna"), 1)


def test_two_claims_of_one_slot_and_amount_are_not_ordered_by_one_code(town: Town) -> None:
    """Nobody could tell afterwards whose it was: the second waits until the first is collected, and is moved by its rows."""
    k07, k08, k09, card = town.kiosk("K07"), town.kiosk("K08"), town.kiosk("K09"), Card()
    claimed(k07, card)
    claimed(k08, card)
    town.hears(k07, k08)
    first = town.desk.decide(town.case(k07).value, "anna", town.now_ms).made
    assert first is not None
    assert (town.way(k08).why, town.way(k08).who) == ("twin", "customer")
    with pytest.raises(NotSettled, match=first.order.name):
        town.desk.decide(town.case(k08).value, "anna", town.now_ms)
    collected(k09, card, first.code)
    town.hears(k09)
    assert (town.way(k08).why, town.way(k08).n) == ("proof", 3)
    moved = town.desk.decide(town.case(k08).value, "anna", town.now_ms).made
    assert moved is not None
    collected(k09, card, moved.code)
    assert card.credited == [100_00, 100_00]


def test_two_records_with_one_tag_prove_nothing_for_anybody(town: Town) -> None:
    """One in 65,536 of the slots that were begun at two machines: here the two draw the same salts."""
    k07, k08, k09, card = town.kiosk("K07"), town.kiosk("K08"), town.kiosk("K09"), Card()
    k08.fresh = k07.fresh
    claimed(k07, card)
    claimed(k08, card)
    bought(k09, card, 50_00, meter=False)
    town.hears(k07, k08, k09)
    assert town.way(k07).why == town.way(k08).why == "proof"  # K09's record is another for both
    other = Town()
    twin, again = other.kiosk("K07"), other.kiosk("K08")
    fresh, one = Card(), twin.fresh
    again.fresh = one
    claimed(twin, fresh)
    claimed(again, fresh)
    again.insert(fresh)  # lands there: the very record of both
    again.wait(2)
    other.hears(twin, again)
    assert other.case(twin).proof is None
    assert other.way(twin).people == 2
    other.store.close()


# ---------------------------------------------------------------- two people


def test_for_two_people_the_first_proposes_and_only_another_releases(town: Town) -> None:
    k07, _, k09, _ = taken_by_another(town)
    town.hears(k07, k09)
    value = town.case(k07).value
    assert town.desk.decide(value, "anna", town.now_ms).proposed is not None
    assert town.desk.decide(value, "anna", town.now_ms).made is None  # again herself
    with pytest.raises(ApprovalError, match="Another person releases it"):
        town.desk.release(value, "anna", town.now_ms)
    assert town.desk.decide(value, "ben", town.now_ms).made is None  # he has not seen what she saw
    assert not [order for order in town.case(k07).orders if order.n == 3]
    made = town.desk.release(value, "ben", town.now_ms).made
    assert made is not None
    assert made.order.n == 3
    assert [(each.what, each.who) for each in decisions(town.store, value)] == [
        ("proposed", "anna"),
        ("released", "ben"),
        ("ordered", "ben"),
    ]


@pytest.mark.covers("field-163")
def test_a_proposal_that_is_old_or_of_another_slot_releases_nothing(town: Town) -> None:
    k07, k08, k09, card = taken_by_another(town)
    town.hears(k07, k09)
    value = town.case(k07).value
    town.desk.decide(value, "anna", town.now_ms)
    with pytest.raises(ApprovalError, match="has ended"):
        town.desk.release(value, "ben", town.now_ms + 15 * 86_400_000)
    assert town.desk.decide(value, "ben", town.now_ms + 15 * 86_400_000).made is None
    bought(k09, card, 20_00)
    looked(k09, card)
    town.hears(k09)
    chosen = town.way(k07)
    assert (chosen.people, chosen.n) == (2, 4)  # purchase 3 is another's by now
    with pytest.raises(NotSettled, match="The evidence has changed"):
        town.desk.release(value, "cleo", town.now_ms)
    assert town.desk.decide(value, "cleo", town.now_ms).made is None
    assert k08.name in town.case(k07).waiting


def test_a_frozen_kiosks_claim_is_for_two(town: Town) -> None:
    k07 = town.kiosk("K07")
    claimed(k07, Card())
    town.hears(k07)
    town.state(k07, "frozen")
    assert town.case(k07).doubts == (Doubt.FROZEN,)
    assert town.way(k07).people == 2


def test_a_claim_without_the_end_of_its_sale_is_for_two_until_it_comes(town: Town) -> None:
    k07 = town.kiosk("K07")
    claimed(k07, Card())
    upto = next(place for place, (fact, _) in enumerate(k07.rows, 1) if fact.kind == "SaleClosed")
    town.hears(k07, rows=upto)
    assert town.case(k07).doubts == (Doubt.SUMS,)
    town.hears(k07)
    assert town.case(k07).doubts == ()


def test_a_sale_that_never_ended_at_a_kiosk_whose_life_is_over_is_for_two(town: Town) -> None:
    k07, card = town.kiosk("K07"), Card()
    k07.insert(card)
    k07.feed(100_00)
    sale = str(k07.facts("SaleOpened")[-1].sale)  # type: ignore[attr-defined]
    town.hears(k07)
    assert town.cases.all(town.now_ms) == []  # it may go on
    town.state(k07, "closed")
    (case,) = town.cases.all(town.now_ms)
    assert (case.value, case.kind, case.amount_minor, case.doubts) == (f"K07/{sale}", "open", 100_00, (Doubt.OPEN,))
    town.desk.decide(case.value, "anna", town.now_ms)
    made = town.desk.release(case.value, "ben", town.now_ms).made
    assert made is not None
    assert made.order.n == 2


# ---------------------------------------------------------------- cash of nobody


def test_what_no_vault_would_sign_is_refused_in_a_sentence(town: Town) -> None:
    k07 = town.kiosk("K07")
    claimed(k07, Card())
    town.hears(k07)
    town.cards[METER] = []
    with pytest.raises(NotSettled, match="No card of meter"):
        town.desk.decide(town.case(k07).value, "anna", town.now_ms)
    with pytest.raises(StaffError, match="is named"):
        town.desk.decide(town.case(k07).value, "", town.now_ms)
    with pytest.raises(NotSettled, match="Nothing is owed"):
        town.desk.decide("K07/ffffffffffffffff", "anna", town.now_ms)


def test_cash_that_no_sale_explains_is_closed_by_two_people_who_say_how(town: Town) -> None:
    k07 = town.kiosk("K07")
    bought(k07, Card())
    k07.counters["coins"] += 1
    k07.accepted["coins"] = (k07.accepted["coins"] or 0) + 1
    k07.start()
    assert k07.facts("OrphanCredit")
    town.hears(k07)
    (case,) = [each for each in town.cases.all(town.now_ms) if each.kind == "orphan"]
    with pytest.raises(NotSettled, match="what became of the money"):
        town.desk.close(case.value, "anna", town.now_ms, note="")
    town.desk.close(case.value, "anna", town.now_ms, note="given out at the counter")
    with pytest.raises(ApprovalError, match="Another person releases it"):
        town.desk.release_close(case.value, "anna", town.now_ms)
    with pytest.raises(NotSettled, match="No sale explains"):
        town.desk.decide(case.value, "anna", town.now_ms)
    closed = town.desk.release_close(case.value, "ben", town.now_ms)
    assert (closed.what, closed.who, closed.note) == ("closed", "anna ben", "given out at the counter")
    with pytest.raises(NotSettled, match="once"):
        town.desk.close(case.value, "anna", town.now_ms, note="again")
