"""Sales against consumption: who is on the list, who is not, and that it is a list of suspicions."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from kiosk.cli import app
from kiosk.hq.report import suspects
from kiosk.hq.report.suspects import Left, Sold, judged, left_on
from kiosk.hq.report.text import text_of
from kiosk.vend.facts import ReturnFileArchived
from tests.hq.settle_kit import Town, bought
from tests.hq.test_report_command import office
from tests.sale.shop import Card

__all__ = ["office"]
DAY_MS = 86_400_000
NOON = datetime(2026, 9, 1, 12, 0)  # noqa: DTZ001 - a meter's own time


def copies(meter: str, *left: tuple[int, int], every_days: int = 31, illegal: int = 0) -> list[Left]:
    """(taken, balance) each time that the card was at a kiosk."""
    return [Left(meter, taken, balance, illegal * at, NOON + timedelta(days=every_days * at)) for at, (taken, balance) in enumerate(left)]


def sold(*slots: int, minor: int = 100_00) -> dict[int, Sold]:
    return {n: Sold(minor, "flat/1", "CNY", 2) for n in slots}


def found(left: list[Left], paid: dict[str, dict[int, Sold]]) -> dict[str, tuple[str, ...]]:
    return {one.meter: one.findings for one in judged(left, paid)}


@pytest.mark.covers("rule-26")
def test_a_meter_that_used_what_it_bought_is_no_suspect_and_one_that_holds_more_than_was_sold_is() -> None:
    honest, forged = copies("A", (3, 10_00), (4, 20_00)), copies("B", (3, 10_00), (4, 110_01))
    (one, other) = judged([*forged, *honest], {"A": sold(4), "B": sold(4)})
    assert (one.used_minor, one.a_day_minor, one.findings) == (90_00, 90_00 // 31, ())
    assert (other.used_minor, other.findings) == (-1, ("gained",))


@pytest.mark.covers("rule-26")
def test_what_was_gained_is_not_hidden_by_what_was_used_later() -> None:
    left = copies("A", (3, 0), (4, 150_00), (5, 0))
    (one,) = judged(left, {"A": sold(4, 5)})
    assert (one.used_minor, one.findings) == (200_00, ("gained",))


@pytest.mark.covers("rule-26")
def test_a_purchase_that_is_not_known_here_accuses_nobody() -> None:
    (one,) = judged(copies("A", (3, 10_00), (5, 500_00)), {"A": sold(5)})
    assert (one.used_minor, one.findings) == (None, ())


@pytest.mark.covers("rule-26")
def test_little_use_is_little_beside_peers_for_thirty_days_and_never_without_them() -> None:
    peers = [left for name in "ABCDE" for left in copies(name, (3, 10_00), (4, 10_00))]
    paid = {name: sold(4) for name in "ABCDEX"}
    idle = copies("X", (3, 10_00), (4, 109_00))
    assert found([*peers, *idle], paid)["X"] == ("low",)
    assert found([*peers, *copies("X", (3, 10_00), (4, 99_00))], paid)["X"] == (), "more than a tenth"
    assert found([*peers, *copies("X", (3, 10_00), (4, 109_00), every_days=29)], paid)["X"] == ()
    assert found([*peers[:6], *idle], paid)["X"] == (), "four of them are no middle"


@pytest.mark.covers("rule-26")
def test_wrong_cards_and_a_deep_debt_are_told() -> None:
    assert found(copies("A", (3, 0), (4, 0), illegal=2), {"A": sold(4)})["A"] == ("illegal",)
    assert found(copies("A", (3, 0), (4, -50_01)), {"A": sold(4)})["A"] == ("owing",)
    assert found(copies("A", (3, 0), (4, -50_00)), {"A": sold(4)})["A"] == ()


class Carried(Card):
    """A card whose meter leaves on it what the test says."""

    def comes_back(self, minor: int, at: str) -> None:
        frame = bytearray(self._returned(minor))
        frame[42:47] = bytes.fromhex(at)
        frame[47] = sum(frame[1:47]) & 255
        self.files[5] = bytes(frame)


@pytest.fixture
def town() -> Iterator[Town]:
    made = Town()
    yield made
    made.store.close()


@pytest.mark.covers("rule-26")
def test_it_is_read_out_of_what_the_kiosks_archived_before_they_wrote(town: Town) -> None:
    k07, k08 = town.kiosk("K07"), town.kiosk("K08")
    honest, forged = Carried(serial="aa22334455667788", meter="000012345671"), Carried(serial="bb22334455667788", meter="000012345672")
    for at, kiosk in (("2609011200", k07), ("2610021200", k08)):
        for card, minor in ((honest, 10_00), (forged, 10_00 if kiosk is k07 else 300_00)):
            card.comes_back(minor, at)
            bought(kiosk, card)
    town.hears(k07, k08)
    report = town.store.read(lambda connection: suspects.suspects(connection, days=90, now_ms=town.now_ms))
    assert report.meters == 2
    (one,) = report.lines
    assert (one.meter, one.days, one.bought_minor, one.used_minor, one.findings) == (forged.meter, 31, 45_00, -245_00, ("gained",))
    (record,) = suspects.records(report)
    assert len(record) == len(suspects.RECORD)
    printed = text_of(suspects.sheet_of(report), page=0)
    assert "A suspicion is no proof" in printed
    assert forged.meter in printed
    assert max(map(len, printed.splitlines())) <= 80
    late = town.store.read(lambda connection: suspects.suspects(connection, days=1, now_ms=town.now_ms + 90 * DAY_MS))
    assert (late.meters, late.lines) == (0, ())


@pytest.mark.covers("rule-27")
def test_cards_that_were_drawn_by_chance_stand_on_the_list(town: Town) -> None:
    k07, card = town.kiosk("K07"), Card()
    k07.rules = replace(k07.rules, allowed=replace(k07.rules.allowed, branch_per_mille=1000))
    bought(k07, card)
    town.hears(k07)
    report = town.store.read(lambda connection: suspects.suspects(connection, days=90, now_ms=town.now_ms))
    assert [(one.kiosk, one.meter, one.card) for one in report.asked] == [("K07", card.meter, card.serial)]
    assert f"..{card.serial[-4:]}" in text_of(suspects.sheet_of(report), page=0)
    assert [len(record) for record in suspects.records(report)] == [len(suspects.RECORD)]


def test_a_copy_that_says_nothing_of_its_meter_is_none() -> None:
    card = Card()
    files = {f"{number:02}": raw.hex() for number, raw in card.files.items()}
    assert left_on(ReturnFileArchived("aa", card.serial, files)) is not None
    for spoiled in ({}, {**files, "05": "00" * 49}, {**files, "05": "6"}, {**files, "x": ""}):
        assert left_on(ReturnFileArchived("aa", card.serial, spoiled)) is None


@pytest.mark.parametrize("form", [(), ("--csv",), ("--json",)])
def test_it_is_a_command_and_a_suspicion_is_no_failure(office: Path, form: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, ["hq", "report", "suspects", *form, "--days", "30", "--office", str(office)])
    assert done.exit_code == 0, done.output
    assert ("No meter has to be looked at." in done.stdout) is not bool(form)
