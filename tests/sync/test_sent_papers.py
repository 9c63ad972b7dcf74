"""What is not yet at the head office, on the papers and screens that say so, and the sums that a store says of its whole life."""

from pathlib import Path

import pytest

from kiosk.vend import lifetime
from kiosk.vend.facts import ClaimSettled, CoinAccepted, NoteStacked, OrphanCredit, PriceLine, Row, SaleClosed, Tender
from kiosk.vend.lifetime import Lifetime
from kiosk.vend.operators.showing import owed
from kiosk.vend.paper.box import box_slip
from kiosk.vend.paper.values import Pair, Said
from kiosk.vend.risk import standing
from kiosk.vend.rows import Recorded
from kiosk.vend.rules import Now
from kiosk.vend.sent import BatchAcked
from kiosk.vend.totals import box_count, day_totals, seal_of
from tests.sale.shop import rules
from tests.sync.kit import Kiosk, Office, opened, sold

SALE = "00112233445566aa"


def acked_rows(kiosk: Kiosk) -> list[tuple[object, object]]:
    """What a slip that is printed now says of the head office: row and seal."""
    slip = box_slip(box_count(kiosk.rows()), kiosk="K07", printed_ms=1, zone="+0000", exponent=2, language="en")
    said = [(row.label, row.value) for row in slip.rows if isinstance(row, Pair)]
    return [(label.params["row"], value) for label, value in said if isinstance(label, Said) and label.key == "paper.box.acked"]


@pytest.mark.covers("rule-17")
def test_money_and_rows_are_not_yet_there_until_they_are_acknowledged(tmp_path: Path) -> None:
    office = Office()
    with opened(tmp_path, office, sold((50_00, 20_00), sales=2)) as kiosk:

        def figures() -> tuple[int | None, int, int]:
            state = kiosk.desk._state
            said = owed(state, counted=True)
            (rows,) = [one.value for one in standing(rules(office=True), state, Now(1, 1, 1, "")) if one.name == "unacked"]
            assert rows == said.unsent_rows
            today = kiosk.rows()[-1].row.at_ms
            return said.unsent_minor, said.unsent_rows, day_totals(kiosk.rows(), "9", lambda ms: str(9 if ms <= today else 8)).unsent_minor

        assert figures() == (140_00, kiosk.sent.news, 140_00)
        assert acked_rows(kiosk) == []
        kiosk.seal()
        kiosk.carry()
        assert figures()[0] == 140_00, "sealed is not there"
        kiosk.answer(office.ack(kiosk.store))
        assert figures() == (0, 0, 0)
        last = office.batches[1].header
        assert acked_rows(kiosk) == [(last.last, seal_of(last.head))]
        kiosk.something_happens()
        assert figures()[:2] == (0, kiosk.sent.news - last.last)


def test_a_day_says_what_was_not_there_at_its_end() -> None:
    facts = [*sold(), BatchAcked(1, 1, "ab" * 32, 0, 15, 50_00, 1)]
    rows = [Recorded(Row(seq, seq, 1, 1, "00" * 32), fact, None) for seq, fact in enumerate(facts, 1)]
    assert day_totals(rows, "1", lambda ms: "2" if ms == len(facts) else "1").unsent_minor == 50_00
    assert day_totals(rows, "2", lambda ms: "2" if ms == len(facts) else "1").unsent_minor == 0


# ---------------------------------------------------------------- the store's whole life


def closed(outcome: str, minor: int, device: str = "notes", **changes: object) -> SaleClosed:
    lines = (PriceLine("fixed_fee", 5_00, summed=True), PriceLine("old_debt", 3_00, summed=True),
             PriceLine("to_card", minor - 8_00, summed=True), PriceLine("energy", minor, summed=False))  # fmt: skip
    said = {
        "sale": SALE, "outcome": outcome, "card": "11", "meter": "1", "n": 2, "tenders": (Tender(device, minor, 1),), "tender_minor": minor,
        "approval": None, "lines": lines if outcome == "landed" else (), "currency": "CNY", "exponent": 2, "credit_minor": minor - 8_00,
        "credit_wh": 0, "claim_minor": minor if outcome == "claimed" else 0, "tag": None, "tariff": "flat/1", "key_generation": 1,
        "float_minor": None, "business_date": "2026-11-25", "zone": "+0000", "number": None, "opened_ms": 1,
    }  # fmt: skip
    return SaleClosed(**{**said, **changes})  # type: ignore[arg-type]


def test_the_sums_of_a_life_say_where_all_money_went() -> None:
    settled = closed("landed", 40_00).lines
    facts = [
        NoteStacked(SALE, "notes", "N1", 100_00, 1, 1), CoinAccepted(SALE, "coins", "C1", 1_00, 1, 1), closed("landed", 101_00),
        closed("landed", 60_00, "bank"), closed("claimed", 40_00, "codes"), ClaimSettled(SALE, "landed", 32_00, settled),
        closed("claimed", 20_00), closed("returned", 10_00), closed("cancelled", 0, tenders=()),
        OrphanCredit("notes", "N1", 1, 50_00, 2, 2), OrphanCredit("notes", "N1", 2, None, 3, 3),
    ]  # fmt: skip
    sums = Lifetime()
    for fact in facts:
        grown = lifetime.add(sums, fact)
        assert all(getattr(grown, name) >= getattr(sums, name) for name in Lifetime.__struct_fields__), "nothing ever shrinks"
        sums = grown
    assert sums == Lifetime(
        sales=5, cash_minor=101_00, card_minor=60_00, codes_minor=40_00, tendered_minor=231_00, credited_minor=93_00 + 52_00 + 32_00,
        fees_minor=15_00, debt_minor=9_00, returned_minor=10_00, claims_minor=60_00, settled_minor=40_00, orphans_minor=50_00,
    )  # fmt: skip
    gone = sums.credited_minor + sums.fees_minor + sums.debt_minor + sums.returned_minor + sums.claims_minor - sums.settled_minor
    assert gone == sums.tendered_minor
