"""Media that fill up, and commands that are killed: the backup that was there stays, and one sentence says why."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from kiosk import envelope
from kiosk.cli import app
from kiosk.hq.copies.backup import back_up, drill
from kiosk.sync.backup import LABEL, BackupRefused, _Header, drafted, prune, read
from kiosk.vend.trust import BootCardRefused
from tests.backup.kit import House, empty_database
from tests.backup.test_kiosk import Machine
from tests.hq.batches import NOW_MS
from tests.sync.kit import sold

RUN = CliRunner()
Disk = Callable[[int], Path]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """Makes a real file system of so many KiB."""
    made: list[Path] = []

    def mount(size_k: int) -> Path:
        place = tmp_path / f"disk{len(made)}"
        place.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", f"size={size_k}k", "none", str(place)]
        if os.geteuid() or subprocess.run(words, check=False, capture_output=True).returncode:
            if os.environ.get("CI") == "true" and not os.geteuid():
                pytest.fail("root may not mount a file system here")
            pytest.skip("mounting a small file system takes root")
        made.append(place)
        return place

    yield mount
    for place in made:
        subprocess.run(["umount", "-l", place], check=True)


def size_k(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) // 1024


def one_sentence(output: str) -> bool:
    return output.count("\n") == 1 and "Traceback" not in output and "sqlalche.me" not in output


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    machine = Machine(tmp_path)
    machine.writes(*sold(sales=3))
    return machine


def test_a_kiosks_full_medium_keeps_the_old_backup_and_nothing_else(machine: Machine, disk: Disk) -> None:
    machine.writes(*sold(sales=220)[1:])
    machine.medium = disk(size_k(machine.backup()) + 100)
    old = machine.backup()
    assert size_k(old) > 100
    machine.writes(BootCardRefused("pin"))
    done = machine.run("backup", str(machine.medium))
    assert (done.exit_code == 3, one_sentence(done.output), "full" in done.output or "space" in done.output) == (True, True, True), (
        done.output
    )
    assert list(machine.medium.iterdir()) == [old]
    read(old, [machine.station.public_key], "kiosk")


def test_a_kiosks_disk_that_is_too_small_for_the_backup_stays_as_it_was(machine: Machine, disk: Disk) -> None:
    made = machine.backup()
    small = disk(size_k(made) // 2)
    (small / "station.json").write_bytes((machine.folder / "station.json").read_bytes())
    (small / "station.json").chmod(0o600)
    toml = (machine.folder / "kiosk.toml").read_text().replace(str(machine.folder), str(small))
    (machine.folder / "small.toml").write_text(toml)
    done = RUN.invoke(app, ["restore", str(made), "--config", str(machine.folder / "small.toml")])
    assert (done.exit_code, one_sentence(done.output)) == (1, True)
    assert sorted(path.name for path in small.iterdir()) == ["station.json", "store.db.lock"]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_an_offices_full_medium_keeps_the_old_backup_and_promises_kiosks_nothing(
    tmp_path: Path, disk: Disk, postgres_url: str, kind: str
) -> None:
    house = House(tmp_path, empty_database(postgres_url) if kind == "postgresql" else "")
    house.takes()
    made, _, _ = back_up(house.office, house.store, house.medium, now_ms=NOW_MS)
    small = disk(size_k(made.folder) * 3 // 2)
    old, _, _ = back_up(house.office, house.store, small, now_ms=NOW_MS)
    with pytest.raises(BackupRefused) as refused:
        back_up(house.office, house.store, small, now_ms=NOW_MS + 1000, off_site=True)
    assert "\n" not in str(refused.value)
    assert list(small.iterdir()) == [old.folder]
    drill(old.folder, postgres_url)
    house.store.close()


def test_a_backup_that_is_killed_at_any_time_leaves_the_old_one_whole(machine: Machine) -> None:
    old = machine.backup()
    machine.writes(BootCardRefused("pin"))
    words = [sys.executable, "-m", "kiosk", "backup", str(machine.medium), "--config", str(machine.folder / "kiosk.toml")]
    for _ in range(6):
        running = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _until(running, machine.medium)
        running.send_signal(signal.SIGKILL)
        running.wait()
        for each in [path for path in machine.medium.iterdir() if not path.name.startswith(".")]:
            read(each, [machine.station.public_key], "kiosk")
    assert old.exists()
    new = machine.backup()
    assert sorted(machine.medium.iterdir()) == [old, new]
    assert not list(machine.folder.glob("kiosk-restore-*"))


def test_what_a_killed_restore_left_beside_the_store_goes_and_what_is_in_use_stays(machine: Machine) -> None:
    left, used = machine.folder / "kiosk-restore-left", machine.folder / "kiosk-restore-used"
    for folder in (left, used):
        folder.mkdir()
        (folder / "store.db").write_bytes(b"x")
    handle = os.open(used, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    machine.backup()
    assert (left.exists(), used.exists()) == (False, True)
    os.close(handle)


def _until(running: "subprocess.Popen[bytes]", medium: Path) -> None:
    """It has begun to write, or is over."""
    for _ in range(20_000):
        if running.poll() is not None or any(medium.glob(".draft-*/*")):
            return
        time.sleep(0.001)
    raise AssertionError("it never came")


def test_a_medium_that_is_a_file_is_no_medium(machine: Machine) -> None:
    machine.medium = machine.folder / "kiosk.toml"
    done = machine.run("backup", str(machine.medium))
    assert (done.exit_code, one_sentence(done.output)) == (1, True)


def test_two_backups_are_not_made_on_one_medium_at_once(machine: Machine) -> None:
    with drafted(machine.medium) as draft:
        done = machine.run("backup", str(machine.medium))
        assert (done.exit_code, "Another backup is being made" in done.output, draft.folder.exists()) == (1, True, True)
    machine.backup()


def test_nothing_but_backups_of_the_series_is_ever_taken_away(tmp_path: Path) -> None:
    for name in ("K07-aa-0000000001", "K07-aa-0000000002", "K07-aa-0000000003", "K07-bb-0000000001", "photos"):
        (tmp_path / name).mkdir()
    (tmp_path / "K07-aa-0000000000").symlink_to(tmp_path / "photos")
    assert prune(tmp_path, "K07-aa", 2) == ["K07-aa-0000000001"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "K07-aa-0000000000", "K07-aa-0000000002", "K07-aa-0000000003", "K07-bb-0000000001", "photos",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/../../b", ".hidden", "a//b", "a/b/c/d/e/f", "", "x" * 129, "a\nb"])
def test_a_list_that_names_a_path_that_is_none_leads_nowhere(machine: Machine, name: str) -> None:
    """Signed by the right key, as only this machine can: it is refused all the same."""
    made = machine.backup()
    with drafted(machine.medium) as draft:
        manifest = read(made, [machine.station.public_key], "kiosk").manifest
        whole = msgspec.structs.replace(manifest, files={name: envelope.body_of(b"")})
        body = msgspec.json.encode(whole)
        raw = envelope.sealed(machine.station.sign, LABEL, msgspec.json.encode(_Header(envelope.body_of(body))), body)
        draft.write("manifest", raw)
        with pytest.raises(BackupRefused, match="names a path that is none"):
            read(draft.folder, [machine.station.public_key], "kiosk")
