"""The office's logs in a backup: what was edited is named before the backup gets its name, and what was rewritten by the one before."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from kiosk.cli import app
from kiosk.hq.cards.registry import Binding, Registry
from kiosk.hq.copies.backup import back_up, copy_keys, drill, restore
from kiosk.hq.intake.writing import todo
from kiosk.hq.log.chain import link, origin
from kiosk.hq.log.office import LOG
from kiosk.hq.report.signed import FILE, SignedFloat, note_signed
from kiosk.sync.ack import read_ack
from kiosk.sync.backup import BackupRefused
from tests.backup.kit import ROOT, House, empty_database
from tests.hq.batches import NOW_MS, UTILITY

DAY_MS = 86_400_000
RUN = CliRunner()
LINE = ("K07", "sums", 3, "Somebody looks at it.", NOW_MS)


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, empty_database(request.getfixturevalue("postgres_url")) if request.param == "postgresql" else "")
    yield filled(house)
    house.store.close()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield filled(house)
    house.store.close()


def filled(house: House) -> House:
    house.takes({"K07": 1})
    house.store.transact(lambda connection: todo(connection, [LINE]))
    with closing(Registry(house.folder / "registry.db", lambda: NOW_MS)) as book:
        book.begin(Binding(UTILITY, 1, "000098765432", "000012345678", "1122334455667788", 1, 1))
        book.issued("1122334455667788")
    for number in (1, 2):
        note_signed(house.folder, SignedFloat("K07", number, 500_00, NOW_MS))
    return house


def backup(house: House, day: int = 0) -> Path:
    return back_up(house.office, house.store, house.medium, now_ms=NOW_MS + day * DAY_MS)[0].folder


def refusal(house: House, day: int = 0) -> str:
    with pytest.raises(BackupRefused) as why:
        backup(house, day)
    return str(why.value)


def beside(house: House, statement: str, **values: object) -> None:
    assert house.store.transact(lambda connection: connection.execute(text(statement), values).rowcount) != 0


def in_registry(house: House, statement: str) -> None:
    with closing(sqlite3.connect(house.folder / "registry.db")) as raw, raw:
        assert raw.execute(statement).rowcount != 0


def test_nights_follow_each_other_and_each_holds_a_drill(house: House, postgres_url: str) -> None:
    for day in range(3):
        folder = backup(house, day)
        house.store.transact(lambda connection, day=day: todo(connection, [(*LINE[:2], 10 + day, *LINE[3:])]))  # type: ignore[misc]
        note_signed(house.folder, SignedFloat("K08", day + 1, 100_00, NOW_MS))
    assert drill(folder, postgres_url)[1].beside["floats"].no == 4


def test_a_row_that_was_edited_is_named_and_no_backup_is_made(house: House) -> None:
    beside(house, "UPDATE work SET sentence = 'Nothing.'")
    assert refusal(house) == 'Row ["K07","sums",3] of work was changed: sentence is not what the office wrote.'
    assert list(house.medium.iterdir()) == []


def test_the_registry_and_the_floats_are_held_as_well(small: House) -> None:
    in_registry(small, "UPDATE binding SET card = '99aabbccddeeff00'")
    assert "of binding was changed: card is not what the office wrote" in refusal(small)
    in_registry(small, "UPDATE binding SET card = '1122334455667788'")
    whole = (small.folder / FILE).read_bytes()
    (small.folder / FILE).write_bytes(whole.replace(b"50000", b"90000", 1))
    assert "does not follow from the lines before it" in refusal(small)
    assert "float 1 of K07" in refusal(small)
    (small.folder / FILE).write_bytes(whole)
    backup(small)


def rewritten(house: House) -> None:
    """The whole chain anew, over what the rows say now."""

    def work(connection: object) -> None:
        run = connection.execute  # type: ignore[attr-defined]
        at = origin("office")
        for no, at_ms, tbl, key, row in run(text("SELECT no, at_ms, tbl, key, row FROM office_log ORDER BY no")).all():
            said = row.replace("Somebody looks at it.", "Nothing.") if tbl == "work" else row
            at = link(at, no, at_ms, tbl, key, said)
            run(text("UPDATE office_log SET row = :row, hash = :hash WHERE no = :no"), {"row": said, "hash": at, "no": no})
        run(text("UPDATE office_log_head SET hash = :hash"), {"hash": at})

    house.store.transact(work)


@pytest.mark.covers("abuse-59")
def test_a_chain_that_was_rewritten_does_not_pass_the_night_after(house: House) -> None:
    name = backup(house).name
    beside(house, "UPDATE work SET sentence = 'Nothing.' WHERE what = 'sums'")
    rewritten(house)
    assert "The office log was rewritten: its entry" in refusal(house, 1)
    assert f"is not the one that the backup {name} has" in refusal(house, 1)


@pytest.mark.covers("abuse-59")
def test_newest_entries_cut_off_with_their_rows_are_missed_the_night_after(house: House) -> None:
    before = house.store.read(LOG.head)
    house.store.transact(lambda connection: todo(connection, [(*LINE[:2], 4, *LINE[3:])]))
    name = backup(house).name
    beside(house, "DELETE FROM work WHERE seq = 4")
    beside(house, "DELETE FROM office_log WHERE no > :no", no=before.no)
    beside(house, "UPDATE office_log_head SET no = :no, hash = :hash", no=before.no, hash=before.hash)
    assert f"the backup {name} has its entry {before.no + 1}: the newest were taken away" in refusal(house, 1)


def test_an_older_registry_or_fewer_floats_are_missed_the_night_after(small: House) -> None:
    old = (small.folder / "registry.db").read_bytes()
    floats = (small.folder / FILE).read_bytes()
    with closing(Registry(small.folder / "registry.db", lambda: NOW_MS)) as book:
        book.begin(Binding(UTILITY, 1, "000000000002", "000000000002", "99aabbccddeeff00", 1, 1))
    name = backup(small).name
    for path in small.folder.glob("registry.db*"):
        path.unlink()
    (small.folder / "registry.db").write_bytes(old)
    assert "The registry log ends at entry" in refusal(small, 1)
    assert f"the backup {name} has" in refusal(small, 1)
    for path in small.folder.glob("registry.db*"):
        path.unlink()
    Registry(small.folder / "registry.db", lambda: NOW_MS).close()
    assert "registry log" in refusal(small, 1)  # a new, empty one
    del floats


def test_floats_that_were_cut_off_or_made_anew_are_missed_the_night_after(small: House) -> None:
    name = backup(small).name
    whole = (small.folder / FILE).read_bytes()
    (small.folder / FILE).write_bytes(whole.split(b"\n")[0] + b"\n")
    assert f"{FILE} has 1 lines, and the backup {name} has its line 2: the newest were taken away" in refusal(small, 1)
    (small.folder / FILE).unlink()
    for number in (1, 2, 3):
        note_signed(small.folder, SignedFloat("K07", number, 900_00, NOW_MS))
    assert f"{FILE} was rewritten: its line 2 is not the one that the backup {name} has" in refusal(small, 1)


def test_a_backup_whose_copy_was_edited_and_signed_anew_does_not_pass_a_drill_beside_an_earlier_one(small: House) -> None:
    backup(small)
    beside(small, "UPDATE work SET sentence = 'Nothing.' WHERE what = 'sums'")
    rewritten(small)
    with pytest.raises(BackupRefused, match="rewritten"):
        backup(small, 1)


def test_an_office_that_was_put_back_goes_on_with_its_backups(small: House, tmp_path: Path) -> None:
    """What it had done after the backup is lost, and the medium has heads of that: they are of an earlier epoch."""
    first = backup(small)
    copy_keys(small.office, small.keys)
    small.store.transact(lambda connection: todo(connection, [(*LINE[:2], 4, *LINE[3:])]))
    note_signed(small.folder, SignedFloat("K07", 3, 500_00, NOW_MS))
    backup(small, 1)
    restore(first, tmp_path / "new", "", small.keys, ROOT, now_ms=lambda: NOW_MS + 2 * DAY_MS)
    words = ["--office", str(tmp_path / "new")]
    done = RUN.invoke(app, ["hq", "backup", str(small.medium), *words])
    assert done.exit_code == 0, done.output
    again = RUN.invoke(app, ["hq", "backup", str(small.medium), *words])
    assert again.exit_code == 0 or "already" in again.output


# ---------------------------------------------------------------- ends that lie elsewhere


def says(house: House, *words: str) -> tuple[int, str]:
    done = RUN.invoke(app, ["hq", *words, "--office", str(house.folder)])
    return done.exit_code, done.output


def test_ends_at_another_site_and_in_acknowledgements_notice_a_rewritten_log(small: House, tmp_path: Path) -> None:
    site, acks = tmp_path / "site", tmp_path / "acks"
    site.mkdir()
    acks.mkdir()
    assert says(small, "log", "head", str(site))[0] == 0
    raw = small.importer().ack("K07", small.streets[0].store.hex(), NOW_MS)
    assert raw is not None
    assert read_ack(raw, [bytes.fromhex(small.office.record.ack)]).log == tuple(
        getattr(small.store.read(LOG.head), name) for name in ("no", "hash")
    )
    (acks / "ack-1-00000001").write_bytes(raw)
    both = ("--heads", str(site), "--acks", str(acks))
    code, said = says(small, "log", "check", *both)
    assert (code, "2 ends of its logs" in said) == (0, True), said
    beside(small, "UPDATE work SET sentence = 'Nothing.' WHERE what = 'sums'")
    assert says(small, "log", "check")[0] == 7
    rewritten(small)
    code, said = says(small, "log", "check")  # the mark of the first check noticed it
    assert (code, "rewritten" in said, "office.mark" in said) == (7, True, True)
    (small.folder / "office.mark").unlink()  # whoever can write the folder takes it away
    assert says(small, "log", "check")[0] == 0
    code, said = says(small, "log", "check", "--heads", str(site))
    assert (code, "rewritten" in said) == (7, True)
    code, said = says(small, "log", "check", "--acks", str(acks))
    assert (code, "rewritten" in said) == (7, True)


def test_a_mark_is_in_no_backup_and_does_not_outlive_the_office_that_made_it(small: House, tmp_path: Path) -> None:
    assert says(small, "log", "check")[0] == 0
    assert {path.name for path in small.folder.glob("*.mark")} == {"office.mark", "registry.mark"}
    first = backup(small)
    assert not list(first.rglob("*.mark"))
    copy_keys(small.office, small.keys)
    restore(first, tmp_path / "new", "", small.keys, ROOT, now_ms=lambda: NOW_MS + 2 * DAY_MS)
    assert not list((tmp_path / "new").glob("*.mark"))
    done = RUN.invoke(app, ["hq", "log", "check", "--office", str(tmp_path / "new")])
    assert done.exit_code == 0, done.output


def test_a_file_that_this_office_never_signed_is_no_end_of_its_log(small: House, tmp_path: Path) -> None:
    (tmp_path / "log-1-000000000001").write_bytes(b"{}\nnothing\n{}")
    code, said = says(small, "log", "check", "--heads", str(tmp_path))
    assert (code, said.count("\n")) == (1, 1)


@pytest.mark.parametrize("report", [("day", "2026-11-03"), ("boxes", "2026-11"), ("floats",), ("check",)])
def test_reports_name_the_table_and_the_row(small: House, report: tuple[str, ...]) -> None:
    beside(small, "UPDATE work SET sentence = 'Nothing.' WHERE what = 'sums'")
    code, said = says(small, "report", *report)
    assert code == 1
    assert 'Row ["K07","sums",3] of work was changed: sentence is not what the office wrote.' in said


def test_the_whole_check_names_a_hidden_row(small: House) -> None:
    assert says(small, "report", "check")[0] == 0
    beside(small, "UPDATE fact SET card = NULL WHERE card IS NOT NULL")
    code, said = says(small, "report", "check")
    assert code == 1
    assert "of K07 in `fact`" in said
    assert "card" in said
