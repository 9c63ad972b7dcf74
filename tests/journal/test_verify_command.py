"""`kiosk journal verify`: one sentence and an exit code, beside a running kiosk or on a disk from one."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from kiosk.commands.journal import verify
from kiosk.devices.vault.station import FileStation, create_station
from kiosk.vend import facts as f
from kiosk.vend.journal import Journal
from tests.journal.shop import day, note
from tests.journal.test_store import opened

app = typer.Typer()
app.command()(verify)


@pytest.fixture
def kiosk(tmp_path: Path) -> FileStation:
    """A station and its store, with a signed head."""
    station = create_station(tmp_path / "station.json")
    with Journal.open(tmp_path / "store.db", station.database_key()) as journal:
        day(journal)
        seq, head = journal.head()
        journal.append(1, 1, 1, (f.HeadSigned(seq, head.hex(), station.sign("head", journal.head_message()).hex()), note(31)))
    return station


def run(folder: Path, *more: str) -> Result:
    return CliRunner().invoke(app, ["--store", str(folder / "store.db"), "--station", str(folder / "station.json"), *more])


def test_a_whole_journal_is_said_to_be_whole(kiosk: FileStation, tmp_path: Path) -> None:
    with Journal.open(tmp_path / "store.db", kiosk.database_key()):  # the kiosk may be running
        said = run(tmp_path)
    assert said.exit_code == 0
    assert said.stdout.startswith("37 rows, each as it was written; 1 head signatures hold.")
    assert json.loads(run(tmp_path, "--json").stdout)["journal"] == "ok"


def test_a_changed_row_is_named_and_ends_with_4(kiosk: FileStation, tmp_path: Path) -> None:
    raw = opened(tmp_path / "store.db", kiosk.database_key())
    raw.execute("UPDATE journal SET at_ms = at_ms + 1 WHERE seq = 12")
    raw.close()
    said = run(tmp_path)
    assert said.exit_code == 4
    assert said.stderr == "Row 12: its hash does not fit what it says. Keep this file as it is and tell the head office.\n"
    assert json.loads(run(tmp_path, "--json").stdout)["journal"] == 12


def test_a_signature_of_another_station_ends_with_7(kiosk: FileStation, tmp_path: Path) -> None:
    raw = json.loads((tmp_path / "station.json").read_text())
    raw["sign"] = "11" * 32
    (tmp_path / "station.json").write_text(json.dumps(raw))
    said = run(tmp_path)
    assert said.exit_code == 7
    assert "not the station's" in said.stderr
    assert kiosk.database_key().hex() not in said.output


def test_a_missing_station_store_or_journal_is_one_sentence(tmp_path: Path) -> None:
    said = run(tmp_path)
    assert said.exit_code == 3
    assert said.stderr.count("\n") == 1
    create_station(tmp_path / "station.json")
    said = run(tmp_path)
    assert said.exit_code == 1
    assert "No such file" in said.stderr


@pytest.mark.covers("abuse-29")
def test_a_damaged_page_ends_with_4(kiosk: FileStation, tmp_path: Path) -> None:
    raw = bytearray((tmp_path / "store.db").read_bytes())
    raw[-1] ^= 1
    (tmp_path / "store.db").write_bytes(raw)
    said = run(tmp_path)
    assert said.exit_code == 4
    assert "Traceback" not in said.output
    assert kiosk.database_key().hex() not in said.output
