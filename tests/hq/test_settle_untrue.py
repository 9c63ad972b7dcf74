"""Rows that were hidden, edited or taken away at the office: no money moves on them, and the row is named."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from kiosk.hq.cards.registry import Binding, Registry
from kiosk.hq.settlement.cases import Cases
from kiosk.hq.settlement.deciding import Desk, NotSettled
from kiosk.hq.settlement.papers import bring
from kiosk.hq.store import IN_MEMORY, Store
from tests.hq.batches import UTILITY
from tests.hq.postgres import database, postgres_url  # noqa: F401 - fixtures
from tests.hq.settle_kit import Machine, Town, bought, claimed, collected, order_tag
from tests.hq.test_log import beside
from tests.sale.shop import CUSTOMER, METER, Card


@pytest.fixture(params=["sqlite", "postgresql"])
def town(request: pytest.FixtureRequest) -> Iterator[Town]:
    where = IN_MEMORY if request.param == "sqlite" else request.getfixturevalue("database")
    with closing(Store.make(where, UTILITY, now_ms=1)) as store:
        yield Town(store)


def owing(town: Town) -> tuple[Machine, Machine, str]:
    """K07 owes; K08 sold the same slot, and the meter took it."""
    k07, k08, card = town.kiosk("K07"), town.kiosk("K08"), Card()
    claimed(k07, card)
    bought(k08, card)
    town.hears(k07, k08)
    return k07, k08, town.case(k07).value


def refused(town: Town, value: str) -> str:
    with pytest.raises(NotSettled) as why:
        town.desk.decide(value, "anna", town.now_ms)
    assert why.value.why == "untrue"
    assert town.store.read(lambda c: c.execute(text("SELECT count(*) FROM transfer_order")).scalar_one()) == 0
    return str(why.value)


def row(town: Town, kiosk: str, kind: str) -> dict[str, int]:
    """The first row of that kind."""
    asked = text(
        "SELECT kiosk_no, min(seq) FROM fact JOIN kiosk ON kiosk.no = kiosk_no JOIN kind ON kind.no = kind "
        "WHERE id = :kiosk AND kind.name = :kind GROUP BY kiosk_no"
    )
    no, seq = town.store.read(lambda c: tuple(c.execute(asked, {"kiosk": kiosk, "kind": kind}).one()))
    return {"no": no, "seq": seq}


OF_THE_ROW = "WHERE kiosk_no = :no AND seq = :seq"


def test_with_all_rows_as_they_were_signed_it_is_ordered(town: Town) -> None:
    assert town.desk.decide(owing(town)[2], "anna", town.now_ms).made


def test_a_row_whose_card_was_taken_away_is_found_by_its_text(town: Town) -> None:
    *_, value = owing(town)
    at = row(town, "K08", "CardVerified")
    beside(town.store, f"UPDATE fact SET card = NULL {OF_THE_ROW}", **at)  # noqa: S608 - our own words
    assert f"Row {at['seq']} of K08 in table fact: card is not what the row says" in refused(town, value)


@pytest.mark.covers("abuse-59")
def test_every_row_of_a_card_hidden_at_once_is_found(town: Town) -> None:
    """The columns say that nobody ever saw this card."""
    *_, value = owing(town)
    beside(town.store, "UPDATE fact SET card = NULL WHERE card IS NOT NULL")
    assert "in table fact: card is not what the row says" in refused(town, value)


@pytest.mark.parametrize(
    ("kiosk", "kind", "change", "said"),
    [
        ("K08", "CardVerified", "card = 'ffffffffffffffff'", "card is not what the row says"),
        ("K08", "WriteStarted", "amount_minor = 77", "amount_minor is not what the row says"),
        ("K07", "ClaimIssued", "amount_minor = 77", "amount_minor is not what the row says"),
        ("K08", "CardVerified", "kind = 1", "not the ones that it signed"),
        ("K08", "WriteStarted", "sale = NULL", "not the ones that it signed"),
        ("K07", "SaleClosed", "body = replace(body, '100', '900')", "not the ones that it signed"),
        ("K08", "CardVerified", "at_ms = at_ms + 1", "not the ones that it signed"),
    ],
)
def test_an_edited_column_stops_the_decision(town: Town, kiosk: str, kind: str, change: str, said: str) -> None:
    *_, value = owing(town)
    beside(town.store, f"UPDATE fact SET {change} {OF_THE_ROW}", **row(town, kiosk, kind))  # noqa: S608 - our own words
    assert said in refused(town, value)


def test_a_row_that_was_deleted_is_counted(town: Town) -> None:
    *_, value = owing(town)
    beside(town.store, f"DELETE FROM fact {OF_THE_ROW}", **row(town, "K08", "CardVerified"))  # noqa: S608 - our own words
    assert "rows of K08, and its journal came up to row" in refused(town, value)


def test_a_batch_that_was_deleted_with_its_rows_is_counted(town: Town) -> None:
    *_, value = owing(town)
    no = row(town, "K08", "CardVerified")["no"]
    for table in ("fact", "batch", "original", "sale"):
        beside(town.store, f"DELETE FROM {table} WHERE kiosk_no = :no", no=no)  # noqa: S608 - our own words
    assert "of K08" in refused(town, value)


def test_a_ledger_that_was_made_to_fit_edited_rows_is_not_what_the_kiosk_signed(town: Town) -> None:
    """Whoever edits a row, hashes its batch anew and writes that into the ledger and the head still has no key of the kiosk."""
    k07, *_, value = owing(town)
    at = row(town, "K07", "ClaimIssued")
    beside(town.store, "UPDATE batch SET row_hash = :hash WHERE kiosk_no = :no AND first <= :seq AND last >= :seq", hash="ab" * 32, **at)
    assert k07.name in refused(town, value)
    assert "is not the one that it signed" in refused(town, value)


def test_a_code_that_was_collected_and_hidden_does_not_make_its_money_anothers(town: Town) -> None:
    """An order was collected. Its TransferCodeAccepted is hidden: then the record in the order's slot would be another sale's, which would
    prove that the order may move."""
    k07, k08, card = town.kiosk("K07"), town.kiosk("K08"), Card()
    claimed(k07, card)
    town.hears(k07)
    value = town.case(k07).value
    made = town.desk.decide(value, "anna", town.now_ms).made
    assert made is not None
    collected(k08, card, made.code)
    town.hears(k08)
    at = row(town, "K08", "TransferCodeAccepted")
    beside(town.store, f"UPDATE fact SET card = NULL {OF_THE_ROW}", **at)  # noqa: S608 - our own words
    with pytest.raises(NotSettled, match=f"Row {at['seq']} of K08 in table fact: card"):
        town.desk.decide(value, "anna", town.now_ms + 40 * 86_400_000)


@pytest.mark.covers("abuse-59")
@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE settlement SET amount_minor = 5",
        "DELETE FROM settlement",
        "UPDATE transfer_order SET state = 'void'",
        "UPDATE kiosk SET state = 'closed' WHERE id = 'K07'",
        "UPDATE paper SET text = 'K1:AAAA'",
        "DELETE FROM removal",
        "UPDATE staff SET roles = '[]'",
    ],
)
def test_an_edited_row_of_the_offices_own_stops_every_decision(town: Town, edit: str) -> None:
    k07, k08, card = town.kiosk("K07"), town.kiosk("K08"), Card()
    claimed(k07, card)
    claimed(k08, Card("1122334455661111", "000012341111"))
    town.cards["000012341111"] = ["1122334455661111"]
    town.hears(k07, k08)
    bring(town.store, k07.slip(), "anna", town.now_ms)
    town.taken_away("000000000009", 3)
    assert town.desk.decide(town.case(k07).value, "anna", town.now_ms).made
    beside(town.store, edit)
    with pytest.raises(NotSettled, match=rf"of {edit.split()[1 if edit.startswith('UPDATE') else 2]} (was changed|is missing)"):
        town.desk.decide(town.case(k08).value, "anna", town.now_ms)


def test_a_registry_that_was_edited_stops_a_decision(town: Town, tmp_path: Path) -> None:
    """The meter's newest card is somebody else's."""
    *_, value = owing(town)
    with closing(Registry(tmp_path / "registry.db", lambda: 1)) as book:
        book.begin(Binding(UTILITY, 1, CUSTOMER, METER, Card().serial, 1, 1))
        book.issued(Card().serial)
        cases = Cases(town.store, lambda meter: town.cards.get(meter, []), order_tag, beside=book.faults)
        desk = Desk(town.store, cases, town.crew.approvals, town.orders, town.binding)
        with closing(sqlite3.connect(tmp_path / "registry.db")) as raw, raw:
            raw.execute("UPDATE binding SET card = '99aabbccddeeff00'")
        with pytest.raises(NotSettled, match="of binding was changed: card is not what the office wrote"):
            desk.decide(value, town.crew("anna"), town.now_ms)
