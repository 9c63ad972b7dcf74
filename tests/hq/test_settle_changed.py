"""Rows that somebody changed at the office, or that its disk has otherwise than it was told: they settle nothing and prove nothing."""

from collections.abc import Iterator

import pytest
from sqlalchemy import delete, select, update

from kiosk.hq.schema import BATCH, FACT, KIND, KIOSK
from kiosk.hq.settlement.rule import DOUBTS, Doubt
from tests.hq.settle_kit import Machine, Town, bought, claimed, looked
from tests.sale.shop import Card


@pytest.fixture
def town() -> Iterator[Town]:
    made = Town()
    yield made
    made.store.close()


def taken_by_another(town: Town) -> tuple[Machine, Machine]:
    """K07 owes; K08 sold the same slot, and the meter took it."""
    k07, k08, card = town.kiosk("K07"), town.kiosk("K08"), Card()
    claimed(k07, card)
    bought(k08, card)
    town.hears(k07, k08)
    return k07, k08


def changed(town: Town, kiosk: str, kind: str, old: str, new: str) -> None:
    """In the bodies of one kind of one kiosk; nobody counts the chain again."""

    def work(connection: object) -> int:
        number = select(KIOSK.c.no).where(KIOSK.c.id == kiosk).scalar_subquery()
        kinds = select(KIND.c.no).where(KIND.c.name == kind).scalar_subquery()
        mine = (FACT.c.kiosk_no == number) & (FACT.c.kind == kinds)
        rows = connection.execute(select(FACT.c.seq, FACT.c.body).where(mine)).all()  # type: ignore[attr-defined]
        for seq, body in rows:
            if old in body:
                connection.execute(update(FACT).where(mine, FACT.c.seq == seq).values(body=body.replace(old, new)))  # type: ignore[attr-defined]
        return sum(old in body for _, body in rows)

    assert town.store.transact(work) == 1


def test_a_claim_whose_row_was_changed_is_for_two_people_and_says_why(town: Town) -> None:
    k07 = town.kiosk("K07")
    claimed(k07, Card())
    town.hears(k07)
    assert town.way(k07).people == 1
    changed(town, "K07", "ClaimIssued", '"amount_minor":10000', '"amount_minor":90000')
    case = town.case(k07)
    assert Doubt.CHANGED in case.doubts
    assert town.way(k07).people == 2
    assert "as its kiosk signed it" in DOUBTS[Doubt.CHANGED]


def test_a_proof_in_a_row_that_was_changed_is_none(town: Town) -> None:
    k07, _ = taken_by_another(town)
    assert (town.way(k07).to, town.way(k07).why) == ("other", "proof")
    changed(town, "K08", "CardVerified", '"n":2', '"n":3')
    assert town.case(k07).proof is None
    assert (town.way(k07).to, town.way(k07).people) != ("other", 1)


def test_a_record_in_a_row_that_was_changed_may_be_anybodys(town: Town) -> None:
    """A reading shows what the meter took; whose record that was, no row that holds says."""
    k07, k08, k09, card = town.kiosk("K07"), town.kiosk("K08"), town.kiosk("K09"), Card()
    claimed(k07, card)
    bought(k08, card)
    looked(k09, card)
    upto = next(place for place, (fact, _) in enumerate(k08.rows, 1) if fact.kind == "CardVerified")
    town.hears(k07, k09)
    town.hears(k08, rows=upto)
    assert town.case(k07).proof is not None
    changed(town, "K08", "WriteStarted", '"meter":', '"meter": ')
    assert town.case(k07).proof is None


def test_a_proof_of_which_the_ledger_knows_nothing_is_none(town: Town) -> None:
    k07, _ = taken_by_another(town)
    number = select(KIOSK.c.no).where(KIOSK.c.id == "K08").scalar_subquery()
    town.store.transact(lambda connection: connection.execute(delete(BATCH).where(BATCH.c.kiosk_no == number)))
    assert town.case(k07).proof is None


def test_rows_of_another_kiosk_that_were_changed_doubt_nothing_here(town: Town) -> None:
    k07, k11 = taken_by_another(town)[0], town.kiosk("K11")
    claimed(k11, Card("1122334455661111", "000012341111"))
    town.hears(k11)
    changed(town, "K11", "ClaimIssued", '"amount_minor":10000', '"amount_minor":90000')
    assert (town.way(k07).to, town.way(k07).why) == ("other", "proof")
    assert Doubt.CHANGED in town.case(k11).doubts
