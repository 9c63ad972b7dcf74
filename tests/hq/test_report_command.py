"""`kiosk hq report` as it is typed: every report in every form, its exit codes, and one sentence for whatever cannot be."""

import csv
import io
import json
import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import update
from typer.testing import CliRunner, Result

from kiosk.cli import app
from kiosk.hq.cards.registry import REGISTRY, Registry
from kiosk.hq.office import Enrolled, Office
from kiosk.hq.report.signed import SignedFloat, note_signed
from kiosk.hq.schema import DAY_KIOSK
from kiosk.hq.store import Store
from kiosk.vend.trust import FloatGranted
from tests.hq.batches import UTILITY
from tests.hq.people.office_kit import at_work, joins
from tests.hq.report_store import Machine, at, send

CHEAP = 1 << 10
HEADS = "kiosk,device,bag,pieces,amount\n"


@pytest.fixture
def office(tmp_path: Path) -> Path:
    """An office with one kiosk that sold, and one that was never heard."""
    folder = tmp_path / "office"
    made = Office.create(folder, UTILITY, ["first person 1", "second person 2"], "a third passphrase", now_ms=0, cost=CHEAP)
    machine = Machine().fact(FloatGranted(1, 500_00, at("2030-12-30")))
    machine.sale(100_00)
    machine.sale(50_00, "bank")
    machine.to("2026-11-10").out(100_00)
    for name, key in (("K07", machine.public_key.hex()), ("K09", "00" * 32)):
        made.enrol(name, Enrolled(key, key, 1))
    note_signed(folder, SignedFloat("K07", 1, 500_00, at("2030-12-30")))
    Registry(folder / REGISTRY, lambda: 0).close()
    store = Store.make(folder / "hq.db", UTILITY, now_ms=0)
    send(store, machine, made_ms=at("2026-12-05"))
    store.close()
    root = Office(folder).signer("root-1", ["first person 1", "second person 2"])
    joins(folder, root, "ann", "ben", may=("box.counted",))
    joins(folder, root, "cleo")
    return folder


def report(office: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["hq", "report", *words, "--office", str(office)])


def counts(office: Path, who: str, bags: Path) -> Result:
    with at_work(office, who) as words:
        return report(office, "counted", str(bags), *words)


def releases(office: Path, who: str, number: int) -> Result:
    with at_work(office, who) as words:
        return CliRunner().invoke(app, ["hq", "approve", "release", str(number), "--office", str(office), *words])


def test_a_day_is_printed(office: Path) -> None:
    done = report(office, "day", "2026-11-01")
    assert done.exit_code == 0, done.output
    assert "SELLING REPORT                                                   1 November 2026" in done.stdout
    assert "K09  was never heard" in done.stdout
    assert [line.split() for line in done.stdout.splitlines() if line.startswith("together")] == [["together", "150.00"]]


@pytest.mark.parametrize("words", [("day", "2026-11-01"), ("month", "2026-11"), ("hours", "2026-11"), ("boxes", "2026-11"), ("floats",)])
def test_every_report_comes_as_text_as_csv_and_as_json(office: Path, words: tuple[str, ...]) -> None:
    heads, *records = csv.reader(io.StringIO(report(office, *words, "--csv").stdout.removeprefix("\ufeff")))
    assert records
    assert all(len(record) == len(heads) for record in records)
    said = json.loads(report(office, *words, "--json").stdout)
    assert said["absent"] == [{"kiosk": "K09", "why": "never", "heard_ms": None}] or words == ("floats",)
    assert max(map(len, report(office, *words).stdout.splitlines())) <= 80
    assert "; " not in report(office, *words, "--csv", "--comma").stdout.splitlines()[0]
    assert "both" in report(office, *words, "--csv", "--json").stderr


def test_a_report_goes_into_a_file_and_onto_pages(office: Path, tmp_path: Path) -> None:
    assert report(office, "month", "2026-11", "--out", str(tmp_path / "m.txt"), "--page", "20").exit_code == 0
    pages = (tmp_path / "m.txt").read_text().split("\f")
    assert len(pages) > 1
    assert all(len(page.splitlines()) <= 20 for page in pages)
    assert report(office, "month", "2026-11", "--out", str(tmp_path / "none" / "m.txt")).exit_code == 1


def test_the_sums_are_made_anew_when_asked(office: Path) -> None:
    done = report(office, "day", "2026-11-01", "--recompute")
    assert (done.exit_code, done.stderr) == (0, "The summaries are what the sales add up to.\n")
    store = Store.open(office / "hq.db")
    store.transact(lambda connection: connection.execute(update(DAY_KIOSK).values(tender_minor=1)))
    store.close()
    done = report(office, "day", "2026-11-01", "--recompute")
    assert (done.exit_code, done.stderr) == (1, "The summaries are not what the sales add up to.\n")
    done = report(office, "day", "2026-11-01")
    assert (done.exit_code, done.stderr) == (1, "What was tendered and what became of it differ.\n")


def test_a_bag_is_counted_and_the_box_agrees(office: Path, tmp_path: Path) -> None:
    done = report(office, "boxes", "2026-11")
    assert (done.exit_code, done.stderr) == (1, "Some boxes do not agree.\n")
    bags = tmp_path / "bags.csv"
    bags.write_text(HEADS + "K07,notes,000000000001,1,100.00\n")
    done = counts(office, "ann", bags)
    assert done.exit_code == 8
    assert "ann has proposed it, and another person releases it: kiosk hq approve show 1" in done.stderr
    shown = CliRunner().invoke(app, ["hq", "approve", "show", "1", "--office", str(office)]).stdout
    assert "K07 notes, bag 000000000001: 1 pieces, 100.00" in shown
    assert counts(office, "ann", bags).exit_code == 8
    assert report(office, "boxes", "2026-11").exit_code == 1, "what one person says is no count"
    done = releases(office, "ben", 1)
    assert (done.exit_code, done.stdout) == (0, "1 of 1 counts are new.\n")
    done = report(office, "boxes", "2026-11")
    assert done.exit_code == 0, done.output
    assert "All of them agree." in done.stdout
    (record,) = csv.DictReader(io.StringIO(report(office, "boxes", "2026-11", "--csv").stdout.removeprefix("\ufeff")))
    assert record["counted_by"] == "ann ben"


def test_one_person_counts_no_bag_alone_and_nobody_without_the_right(office: Path, tmp_path: Path) -> None:
    bags = tmp_path / "bags.csv"
    bags.write_text(HEADS + "K07,notes,000000000001,1,90.00\n")
    assert "cleo has no right to box.counted" in counts(office, "cleo", bags).stderr
    assert counts(office, "ann", bags).exit_code == 8
    assert "whoever proposes does not release" in releases(office, "ann", 1).stderr
    assert "cleo has no right to box.counted" in releases(office, "cleo", 1).stderr
    bags.write_text("kiosk,device,bag,pieces,amount,people\nK07,notes,000000000001,1,90.00,ann ben\n")
    done = counts(office, "ann", bags)
    assert (done.exit_code, done.stderr) == (1, "Leave out the column people: the two who counted sign with their staff keys.\n")
    assert report(office, "boxes", "2026-11").exit_code == 1


def test_a_proposal_of_counts_that_somebody_has_changed_is_not_released(office: Path, tmp_path: Path) -> None:
    bags = tmp_path / "bags.csv"
    bags.write_text(HEADS + "K07,notes,000000000001,1,100.00\n")
    assert counts(office, "ann", bags).exit_code == 8
    with sqlite3.connect(office / "hq.db") as raw:
        raw.execute("UPDATE approval SET line = replace(line, '100.00', '10.00')")
    done = releases(office, "ben", 1)
    assert done.exit_code == 1
    assert "is not as ann signed it" in done.stderr
    assert report(office, "boxes", "2026-11").exit_code == 1


def test_floats_are_held_against_what_the_office_signed(office: Path) -> None:
    assert report(office, "floats").exit_code == 0
    note_signed(office, SignedFloat("K07", 2, 7_00, 1))
    done = report(office, "floats", "--kiosk", "K07")
    assert (done.exit_code, done.stderr) == (1, "Some floats have to be looked at.\n")
    assert "on its way: float 2, 7.00" in done.stdout


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("day", "2026-11"), 2, "2026-11 is no day; write 2026-11-03."),
        (("month", "2026-11-03"), 2, "2026-11-03 is no month; write 2026-11."),
        (("hours", "soon"), 2, "'soon' is no day and no month; write 2026-11-03 or 2026-11."),
        (("day", "2026-02-30"), 2, "There is no 2026-02-30 in the calendar."),
        (("boxes", "2026-11", "--kiosk", "K99"), 1, "There is no kiosk K99 here."),
        (("counted", "none.csv"), 1, "none.csv cannot be read: No such file or directory."),
    ],
)
def test_what_cannot_be_is_one_sentence(office: Path, words: tuple[str, ...], code: int, sentence: str) -> None:
    done = report(office, *words)
    assert (done.exit_code, done.stderr) == (code, sentence + "\n")


def test_a_bad_count_enters_nothing_and_is_one_sentence(office: Path, tmp_path: Path) -> None:
    bags = tmp_path / "bags.csv"
    for contents, why in (
        (b"\xff\xfe", "is no UTF-8 text."),
        (b"a,b\n", "first line"),
        (HEADS.encode() + b"K07,notes,9,1,1.00\n", "left in bag"),
    ):
        bags.write_bytes(contents)
        done = counts(office, "ann", bags)
        assert done.exit_code == 1
        assert why in done.stderr
        assert done.stderr.count("\n") == 1


def test_a_file_of_floats_that_cannot_be_read_and_a_missing_store_are_told(office: Path) -> None:
    (office / "floats.jsonl").write_text("?\n")
    assert report(office, "floats").exit_code == 3
    (office / "hq.db").unlink()
    assert report(office, "day", "2026-11-01").exit_code == 1
