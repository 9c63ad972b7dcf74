"""A kiosk's journal on a second medium: proved when it is made, refused when it is not what it was, and put back only to be read."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from kiosk import backup as room
from kiosk.cli import app
from kiosk.config import Config, load
from kiosk.core import machine_of, rules_of
from kiosk.devices.vault.station import FileStation, open_station
from kiosk.sending import spool_folder
from kiosk.sync.backup import Backup, BackupRefused, Draft, read
from kiosk.sync.spool import Spool
from kiosk.vend.desk import Desk, SystemClock, recover
from kiosk.vend.facts import Fact
from kiosk.vend.journal import Journal
from kiosk.vend.persons import Person, Persons
from kiosk.vend.phase import out_of_service
from kiosk.vend.state import State
from kiosk.vend.trust import BootCardRefused
from tests.sync.kit import sold

RUN = CliRunner()


class Machine:
    """One kiosk's folder and a second medium beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.medium = folder / "kiosk", folder / "medium"
        self.medium.mkdir()
        assert RUN.invoke(app, ["init", str(self.folder), "--id", "K07"]).exit_code == 0

    @property
    def config(self) -> Config:
        return load(self.folder / "kiosk.toml")

    @property
    def station(self) -> FileStation:
        return open_station(self.config.store.station)

    def writes(self, *facts: Fact) -> None:
        journal = Journal.open(self.config.store.path, self.station.database_key(), create=False)
        rules = machine_of(rules_of(self.config))
        Desk(rules, recover(journal, rules), journal, self.station, SystemClock(journal.next_boot())).record(facts)
        journal.close()

    def state(self) -> State:
        with Journal.open(self.config.store.path, self.station.database_key(), create=False, read_only=True) as journal:
            return recover(journal, machine_of(rules_of(self.config)))

    def rows(self) -> int:
        with Journal.open(self.config.store.path, self.station.database_key(), create=False, read_only=True) as journal:
            return journal.head()[0]

    def run(self, *words: str) -> Result:
        return RUN.invoke(app, [*words, "--config", str(self.folder / "kiosk.toml")])

    def backup(self, *words: str) -> Path:
        done = self.run("backup", str(self.medium), "--json", *words)
        assert done.exit_code == 0, done.output
        return Path(json.loads(done.stdout)["backup"])

    def loses_its_disk(self) -> None:
        for path in self.folder.glob("store.db*"):
            path.unlink()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.writes(*sold(sales=3))
    return machine


def flipped(path: Path, at: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)


def test_a_lost_store_comes_back_to_the_row_and_takes_no_more_money(machine: Machine) -> None:
    before = machine.state()
    rows, made = machine.rows(), machine.backup()
    machine.loses_its_disk()
    done = machine.run("restore", str(made))
    assert done.exit_code == 0, done.output
    assert f"{rows} rows, 3 sales are back" in done.output
    after = machine.state()
    assert (machine.rows(), out_of_service(after), after.sent.tendered_minor) == (rows + 1, "restored", before.sent.tendered_minor)
    assert before.witness.restored is None
    assert (
        RUN.invoke(
            app, ["journal", "verify", "--store", str(machine.config.store.path), "--station", str(machine.config.store.station)]
        ).exit_code
        == 0
    )


def test_what_a_backup_adds_up_to_is_what_the_living_store_does(machine: Machine) -> None:
    said = json.loads(machine.run("backup", str(machine.medium), "--json").stdout)
    assert (said["rows"], said["totals"]["sales"], said["totals"]["cash_minor"]) == (machine.rows(), 3, 150_00)


def test_a_backup_is_made_beside_a_running_desk(machine: Machine) -> None:
    journal = Journal.open(machine.config.store.path, machine.station.database_key(), create=False)
    rules = machine_of(rules_of(machine.config))
    desk = Desk(rules, recover(journal, rules), journal, machine.station, SystemClock(journal.next_boot()))
    desk.record((BootCardRefused("pin"),))
    journal.commit()
    assert machine.backup().name.endswith(f"{journal.head()[0]:010d}")
    desk.record((BootCardRefused("pin"),))
    journal.close()


def test_with_nothing_new_the_backup_that_is_there_is_proved_again(machine: Machine) -> None:
    made = machine.backup()
    assert machine.backup() == made
    flipped(made / "store.db", 5000)
    done = machine.run("backup", str(machine.medium))
    assert (done.exit_code, "is not the file that was backed up" in done.output) == (1, True)


def test_the_oldest_go_when_a_new_one_is_proved(machine: Machine) -> None:
    made = []
    for _ in range(4):
        machine.writes(BootCardRefused("pin"))
        made.append(machine.backup("--keep", "2"))
    assert sorted(machine.medium.iterdir()) == made[2:]


@pytest.mark.covers("abuse-53")
def test_nobodys_name_is_on_the_medium_and_the_living_store_keeps_it(machine: Machine) -> None:
    config, key = machine.config, machine.station.database_key()
    persons = Persons(config.store.path, key)
    persons.keep(Person("00" * 8, 2_000_000_000_000, {"name": "Wanjiku"}))
    persons.close()
    made = machine.backup()
    shutil.copy(made / "store.db", machine.folder / "look.db")
    looked = Persons(machine.folder / "look.db", key)
    assert looked.here() == []
    looked.close()
    living = Persons(config.store.path, key)
    assert [person.details for person in living.here()] == [{"name": "Wanjiku"}]
    living.close()


@pytest.mark.parametrize("spoil", ["flip", "cut", "flip the list", "cut the list", "gone", "link", "no list"])
def test_a_backup_that_is_not_what_it_was_is_refused_in_one_sentence(machine: Machine, spoil: str) -> None:
    made = machine.backup()
    store, manifest = made / "store.db", made / "manifest"
    match spoil:
        case "flip":
            flipped(store, store.stat().st_size - 3)
        case "cut":
            store.write_bytes(store.read_bytes()[:-4096])
        case "flip the list":
            flipped(manifest, 200)
        case "cut the list":
            manifest.write_bytes(manifest.read_bytes()[:-1])
        case "gone":
            store.unlink()
        case "link":
            store.rename(made / "elsewhere")
            store.symlink_to(made / "elsewhere")
        case _:
            manifest.unlink()
    machine.loses_its_disk()
    done = machine.run("restore", str(made))
    assert (done.exit_code, done.output.count("\n"), "Traceback" in done.output) == (1, 1, False)
    assert not list(machine.folder.glob("store.db"))


def test_every_part_of_a_stored_page_counts(machine: Machine) -> None:
    """The list is signed anew over a changed store, as somebody with the station's key could: the pages' own seals hold it."""
    made = machine.backup()
    flipped(made / "store.db", 4096 + 100)
    forged = read(made, [machine.station.public_key], "kiosk").manifest
    draft = Backup(made, forged)
    (made / "manifest").unlink()
    again = Draft(draft.folder).seal(machine.station.sign, forged)
    with pytest.raises(BackupRefused, match=r"does not open|is damaged"):
        room.proved(again, machine.config, machine.station)


def test_another_stations_backup_is_not_believed(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Machine(tmp_path / "other")
    done = machine.run("restore", str(other.backup()))
    assert (done.exit_code, "is not signed" in done.output) == (1, True)


def test_an_older_backup_over_a_newer_store_is_asked_for_twice_and_the_store_is_kept(machine: Machine) -> None:
    made = machine.backup()
    machine.writes(BootCardRefused("pin"))
    rows = machine.rows()
    asked = machine.run("restore", str(made))
    assert (asked.exit_code, f"has {rows} rows" in asked.output, "would be missing" in asked.output) == (1, True, True)
    assert machine.rows() == rows
    word = asked.output.strip().rpartition(" ")[2]
    machine.writes(BootCardRefused("pin"))
    assert machine.run("restore", str(made), "--over", word).exit_code == 1  # it fits that very store alone
    rows = machine.rows()
    word = machine.run("restore", str(made)).output.strip().rpartition(" ")[2]
    done = machine.run("restore", str(made), "--over", word)
    assert done.exit_code == 0, done.output
    (aside,) = [path for path in machine.folder.glob("store.db.before-*") if path.suffix.count("-") == 1]
    with Journal.open(aside, machine.station.database_key(), create=False) as journal:
        assert journal.head()[0] == rows
    restored = machine.state().witness.restored
    assert restored is not None
    assert (restored.witness, restored.there) == ("backup", rows)


def test_a_store_that_does_not_open_is_put_aside_when_it_is_asked_for_twice(machine: Machine) -> None:
    made = machine.backup()
    machine.loses_its_disk()
    (machine.folder / "store.db").write_bytes(b"x" * 8192)
    asked = machine.run("restore", str(made))
    assert (asked.exit_code, "which does not open" in asked.output) == (1, True)
    assert machine.run("restore", str(made), "--over", asked.output.strip().rpartition(" ")[2]).exit_code == 0
    assert out_of_service(machine.state()) == "restored"


def test_a_kiosk_that_runs_is_not_restored_under_its_feet(machine: Machine) -> None:
    made = machine.backup()
    journal = Journal.open(machine.config.store.path, machine.station.database_key(), create=False)
    done = machine.run("restore", str(made))
    journal.close()
    assert (done.exit_code, "Another process" in done.output) == (3, True)


def test_an_interrupted_backup_leaves_the_old_one_whole_and_its_rest_goes(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    old = machine.backup()
    machine.writes(BootCardRefused("pin"))

    class PowerCut(BaseException):
        pass

    def cut(*_: object) -> None:
        raise PowerCut

    with monkeypatch.context() as patched:
        patched.setattr(room, "summed", cut)
        patched.setattr("kiosk.sync.backup.shutil.rmtree", lambda *_, **__: None)
        with pytest.raises(PowerCut):
            room.back_up(machine.config, machine.station, machine.medium, now_ms=1)
    assert len(list(machine.medium.iterdir())) == 2
    room.proved(read(old, [machine.station.public_key], "kiosk"), machine.config, machine.station)
    new = machine.backup()
    assert sorted(machine.medium.iterdir()) == [old, new]


def test_a_copy_that_lost_a_row_is_never_called_a_backup(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def lossy(_source: Path, _key: bytes, to: Path) -> int:
        shutil.copy(old / "store.db", to)
        return machine.rows()

    old = machine.backup()
    machine.writes(BootCardRefused("pin"))
    monkeypatch.setattr(room, "copy_store", lossy)
    done = machine.run("backup", str(machine.medium))
    assert (done.exit_code, "does not add up" in done.output) == (1, True)
    assert list(machine.medium.iterdir()) == [old]


def test_without_a_medium_nothing_is_written(machine: Machine) -> None:
    done = machine.run("backup", str(machine.medium / "not mounted"))
    assert (done.exit_code, "is the medium mounted?" in done.output) == (1, True)
    assert list(machine.medium.iterdir()) == []


def test_a_damaged_store_is_no_backup_and_the_old_one_stays(machine: Machine) -> None:
    old = machine.backup()
    machine.writes(BootCardRefused("pin"))
    flipped(machine.folder / "store.db", machine.config.store.path.stat().st_size - 3000)
    done = machine.run("backup", str(machine.medium))
    assert (done.exit_code, done.output.count("\n"), list(machine.medium.iterdir())) == (4, 1, [old]), done.output


def test_a_store_of_another_station_is_not_copied(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    shutil.copy(Machine(tmp_path / "other").config.store.station, machine.folder / "station.json")
    done = machine.run("backup", str(machine.medium))
    assert (done.exit_code, "does not open with this station's key" in done.output, list(machine.medium.iterdir())) == (4, True, [])


def test_the_medium_may_stand_in_the_configuration(machine: Machine) -> None:
    assert machine.run("backup").exit_code == 2
    toml = machine.folder / "kiosk.toml"
    toml.write_text(toml.read_text().replace("[store]", f'[store]\nbackup = "{machine.medium}"'))
    assert machine.run("backup").exit_code == 0
    assert len(list(machine.medium.iterdir())) == 1


def test_batches_that_the_backup_may_lack_are_saved_for_the_office(machine: Machine) -> None:
    made = machine.backup()
    machine.writes(BootCardRefused("pin"))
    spool = Spool(spool_folder(machine.config), "K07")
    spool.made()
    for seq in (3, 4):
        spool.put(seq, b"sealed %d" % seq)
    word = machine.run("restore", str(made)).output.strip().rpartition(" ")[2]
    assert not (machine.folder / "store.db.mail").exists()
    done = machine.run("restore", str(made), "--over", word)
    assert (done.exit_code, "2 batches were waiting" in done.output) == (0, True)
    saved = machine.folder / "store.db.mail/up/K07"
    assert {path.name: path.read_bytes() for path in saved.iterdir()} == {"00000003": b"sealed 3", "00000004": b"sealed 4"}


def test_a_store_that_was_put_back_twice_says_so_once(machine: Machine) -> None:
    made = machine.backup()
    for _ in range(2):
        machine.loses_its_disk()
        assert machine.run("restore", str(made)).exit_code == 0
    again = machine.backup()
    machine.loses_its_disk()
    rows = int(again.name[-10:])
    assert machine.run("restore", str(again)).exit_code == 0
    assert machine.rows() == rows
    assert out_of_service(machine.state()) == "restored"
