"""Rule 25: a day's sums agree, whatever happened in it; and one row that is a lie is found."""

import msgspec
import pytest

from kiosk.vend.bank import PosFinal
from kiosk.vend.facts import CardVerified, ClaimIssued, Fact, NoteStacked, Row, SaleClosed
from kiosk.vend.reconcile import reconciled
from kiosk.vend.rows import Recorded
from tests.bank.counter import Counter
from tests.bank.test_paying import paying
from tests.risk.test_stages import bought
from tests.sale.shop import Card, Shop


def a_day() -> Shop:
    """A purchase, a claim that is settled the same day, one that stays open, and a sale that is begun."""
    shop, card = Shop(), Card()
    bought(shop, card, 100_00)
    shop.insert(card)
    shop.feed(50_00)
    shop.pull()
    shop.press("no_card")
    shop.press("slip_taken")
    shop.insert(card)
    shop.pull()
    shop.insert(Card(serial="22" * 8, meter="000012345679"))
    shop.feed(20_00)
    shop.pull()
    shop.press("no_card")
    shop.press("slip_taken")
    shop.insert(Card(serial="33" * 8, meter="000012345670"))
    shop.feed(10_00)
    return shop


def differences(rows: list[tuple[Fact, Row]], date: str) -> dict[str, int]:
    pairs = reconciled([Recorded(row, fact, None) for fact, row in rows], date)
    return {pair.name: pair.difference for pair in pairs if pair.difference}


@pytest.mark.covers("rule-25")
def test_a_day_adds_up() -> None:
    shop = a_day()
    date = shop.rules.business_date(shop.wall_ms())
    assert shop.facts("ClaimSettled")
    assert differences(shop.rows, date) == {}
    assert [pair.one for pair in reconciled([Recorded(row, fact, None) for fact, row in shop.rows], date)] == [170_00, 170_00, 1, 3]


@pytest.mark.covers("rule-25")
def test_each_row_that_is_left_out_or_changed_is_missed() -> None:
    shop = a_day()
    date = shop.rules.business_date(shop.wall_ms())

    def without(kind: type[Fact]) -> list[tuple[Fact, Row]]:
        gone = next(place for place, (fact, _) in enumerate(shop.rows) if isinstance(fact, kind))
        return shop.rows[:gone] + shop.rows[gone + 1 :]

    assert differences(without(NoteStacked), date) == {"tendered": -100_00}
    assert differences(without(CardVerified), date) == {"writes": 1}
    lied = [
        (msgspec.structs.replace(fact, tender_minor=fact.tender_minor + 1) if isinstance(fact, SaleClosed) else fact, row)
        for fact, row in shop.rows
    ]
    assert differences(lied, date) == {"tendered": -3, "given": 3}
    unnumbered = [pair for pair in shop.rows if not isinstance(pair[0], ClaimIssued) and pair[0].kind != "PrintStarted"]
    assert differences(unnumbered, date)["papers"] > 0


@pytest.mark.covers("rule-25")
def test_a_day_with_bank_cards_adds_up_and_a_payment_that_is_left_out_is_missed() -> None:
    shop, card = Counter(), Card()
    paying(shop, card, 100_00)
    shop.work()
    shop.press("finish")
    shop.pull()
    card.into_meter()
    paying(shop, card, 50_00)
    shop.terminal.script = {"goods": ["lost"]}  # the terminal's book says it
    shop.work()
    shop.wait(10)
    date = shop.rules.business_date(shop.wall_ms())
    assert len(shop.facts("PosFinal")) == 2
    assert differences(shop.rows, date) == {}
    unpaid = [(fact, row) for fact, row in shop.rows if not (isinstance(fact, PosFinal) and fact.amount_minor == 50_00)]
    assert differences(unpaid, date)["tendered"] == -50_00
