"""Alarms over all kiosks: counts of cards that repeat, go back or have a gap, paper numbers, counters; and none on an honest day."""

from collections.abc import Iterator

import pytest

from kiosk.hq.intake.worklist import waiting
from kiosk.hq.settlement.alarms import Alarm, Memory, of_card, of_machine, shown, watch
from kiosk.hq.settlement.known import Line
from kiosk.vend import facts as f
from tests.hq.batches import Street
from tests.hq.settle_kit import CARD, Town, bought, claimed, collected, looked
from tests.sale.shop import METER, Card

HOUR_MS = 3_600_000


@pytest.fixture
def town() -> Iterator[Town]:
    made = Town()
    yield made
    made.store.close()


def whats(alarms: list[Alarm]) -> list[str]:
    return sorted(alarm.what for alarm in alarms)


def test_an_honest_day_at_three_kiosks_raises_none(town: Town) -> None:
    k07, k08, k09, card = town.kiosk("K07"), town.kiosk("K08"), town.kiosk("K09"), Card()
    claimed(k07, card)
    bought(k08, card)
    looked(k09, card)
    town.hears(k07, k08, k09)
    made = town.desk.decide(town.case(k07).value, "anna", town.now_ms).made
    assert made is not None
    collected(k09, card, made.code)
    k07.start()
    bought(k07, Card(serial="aa22334455667788"))
    town.hears(k07, k08, k09)
    assert watch(town.store, town.now_ms) == []


def test_streets_with_coins_claims_and_power_cuts_raise_none() -> None:
    for name in ("K07", "K08"):
        street = Street(name, sales=30, days=2)
        lines = [Line(name, seq, 0, getattr(fact, "sale", ""), fact) for seq, fact in enumerate(street.facts, 1)]
        assert list(of_machine(lines, Memory())) == []


@pytest.mark.covers("rule-15", "abuse-55", "abuse-56")
def test_a_gap_is_told_and_goes_when_the_rows_come(town: Town) -> None:
    k07, k08, card = town.kiosk("K07"), town.kiosk("K08"), Card()
    bought(k07, card)
    bought(k08, card)
    bought(k07, card, 20_00)
    town.hears(k07)
    (alarm,) = watch(town.store, town.now_ms)
    assert alarm.what == "gap"
    assert "Purchase 3" in alarm.sentence
    assert watch(town.store, town.now_ms) == []  # once
    town.hears(k08)
    assert watch(town.store, town.now_ms) == []
    assert waiting(town.store) == []


def row(kiosk: str, seq: int, at_ms: int, fact: f.Fact) -> Line:
    return Line(kiosk, seq, at_ms, getattr(fact, "sale", ""), fact)


def verified(n: int, tag: str) -> f.CardVerified:
    return f.CardVerified("00000000000000aa", CARD, n, tag)


def presented(taken: int, why: str | None = None) -> f.CardPresented:
    return f.CardPresented(CARD, METER, "gdw1365", authentic=True, count=taken, taken=taken, word="ready", why=why)


def alarms(*lines: Line) -> list[Alarm]:
    return list(of_card(seen for line in lines if (seen := shown(line))))


@pytest.mark.covers("rule-14")
def test_two_records_that_were_verified_in_one_slot_are_told() -> None:
    found = alarms(row("K07", 5, 0, verified(2, "aaaa0001")), row("K08", 9, HOUR_MS, verified(2, "bbbb0002")))
    assert [(each.what, each.kiosk, each.seq) for each in found] == [("repeat", "K08", 9)]
    assert alarms(row("K07", 5, 0, verified(2, "aaaa0001")), row("K08", 9, HOUR_MS, verified(2, "aaaa0001"))) == []


def test_a_count_that_goes_back_is_told_where_it_is_sure() -> None:
    assert whats(alarms(row("K07", 5, 0, presented(9)), row("K07", 6, 1, presented(8)))) == ["back"]
    assert whats(alarms(row("K07", 5, 0, presented(9)), row("K08", 1, HOUR_MS + 1, presented(8)))) == ["back"]
    assert alarms(row("K07", 5, 0, presented(9)), row("K08", 1, HOUR_MS - 1, presented(8))) == []  # clocks differ
    assert alarms(row("K07", 5, 0, presented(9)), row("K07", 6, 1, presented(8, "went_back"))) == []  # refused there, and told there


def printed(number: int, sale: str, copy: int = 0) -> f.PrintStarted:
    return f.PrintStarted(sale, number, "recharge", copy)


@pytest.mark.covers("field-166")
def test_a_number_that_comes_again_after_64_papers_is_told_as_one_that_went_back() -> None:
    facts = [printed(number, f"{number:016x}") for number in range(1, 70)]
    for number, told in ((69, []), (6, []), (5, ["paper"])):
        again = [*facts, printed(number, f"{number:016x}")]
        assert whats(list(of_machine([row("K07", seq, 0, fact) for seq, fact in enumerate(again, 1)], Memory()))) == told


@pytest.mark.parametrize(
    ("facts", "what"),
    [
        ([printed(1, "a"), printed(2, "b"), printed(1, "a", copy=1)], []),
        ([printed(1, "a"), printed(1, "a")], []),
        ([printed(1, "a"), printed(1, "b")], ["paper"]),
        ([printed(1, "a"), printed(3, "b")], ["paper"]),
        ([printed(1, "a"), printed(2, "b"), printed(1, "c")], ["paper"]),
        ([f.AcceptorRead("notes", "S", 0, 10), f.NoteStacked("a", "notes", "S", 10_00, 1, 11)], []),
        ([f.NoteStacked("a", "notes", "S", 10_00, 1, 11), f.NoteStacked("a", "notes", "S", 10_00, 2, 12)], []),
        ([f.NoteStacked("a", "notes", "S", 10_00, 1, 11), f.NoteStacked("a", "notes", "S", 10_00, 2, 13)], ["counter"]),
        ([f.NoteStacked("a", "notes", "S", 10_00, 1, 11), f.NoteStacked("a", "notes", "S", 10_00, 2, 11)], ["counter"]),
        ([f.NoteStacked("a", "notes", "S", 10_00, 1, 11), f.AcceptorRead("notes", "S", 0, 5)], ["counter"]),
        ([f.NoteStacked("a", "notes", "S", 10_00, 1, 11), f.AcceptorRead("notes", "T", 0, 5)], []),
        (
            [
                f.NoteStacked("a", "notes", "S", 10_00, 1, 11),
                f.AcceptorRead("notes", "S", 0, 12),
                f.OrphanCredit("notes", "S", 1, 10_00, 2, 12),
                f.NoteStacked("b", "notes", "S", 10_00, 3, 13),
            ],
            [],
        ),
    ],
)
def test_paper_numbers_and_acceptors_counters(facts: list[f.Fact], what: list[str]) -> None:
    assert whats(list(of_machine([row("K07", seq, 0, fact) for seq, fact in enumerate(facts, 1)], Memory()))) == what
