"""Nothing that an office or a kiosk makes is open to other users of its machine, whatever the umask; what is open all the same is named."""

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kiosk.cli import app
from kiosk.commands import doctor
from kiosk.hq.office import Office as HeadOffice
from kiosk.safefile import folder, too_open
from kiosk.sync.batch import boxed_batch
from kiosk.sync.folder import Folder
from kiosk.sync.spool import Spool
from tests.codes.test_commands import Office
from tests.hq.batches import Street
from tests.hq.test_partners_command import added, ordered, serving
from tests.sync.wires import until


class Typed(Office):
    """Each command is a process of its own, as somebody types it whose shell has this umask."""

    umask = 0

    def says(self, *words: str, code: int = 0) -> str:
        return typed(self.umask, "hq", *words, "--office", str(self.office), code=code)


def typed(umask: int, *words: str, code: int = 0) -> str:
    done = subprocess.run([sys.executable, "-m", "kiosk", *words], umask=umask, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def open_paths(top: Path, allowed: int = 0o700) -> list[str]:
    """Of everything at and below it, what others may reach: the test's own eyes."""
    every = [top, *top.rglob("*")]
    return [
        f"{path.relative_to(top)} {stat.S_IMODE(path.lstat().st_mode):04o}" for path in every if path.lstat().st_mode & 0o777 & ~allowed
    ]


UMASKS = [0, pytest.param(0o022, marks=pytest.mark.deep("the usual umask: a part of what the widest one shows"))]


@pytest.mark.parametrize("umask", UMASKS)
def test_whatever_an_office_makes_is_its_users_alone(umask: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Typed, "umask", umask)
    before = os.umask(umask)
    try:
        for name in ("site", "backup"):
            (tmp_path / name).mkdir()
            (tmp_path / name).chmod(0o700)
        office = Typed(tmp_path)
        street = Street("K08", 3)
        office.says("enrol", "K08", "--sign", street.public_key.hex(), "--box", street.public_key.hex())
        made = street.made(40)
        up = tmp_path / "bag/up/K08"
        up.mkdir(parents=True)
        for seq, each in enumerate(made, 1):
            (up / f"{seq:08d}").write_bytes(boxed_batch(each, HeadOffice(office.office).batch_boxes()[0].box_key))
        office.says("import", str(tmp_path / "bag"))
        office.says("order", "make", "--card", office.card().serial, "--amount", "100.00", "--purchase", "1-3", *office.keys)
        token = added(office, "bank")
        with serving(office, tmp_path / "log", "--off-site", str(tmp_path / "site")) as (_, port, _):
            ordered(port, token, office.card())
            assert open_paths(office.office) == [], "while it is served: -wal and -shm, too"
        office.says("backup", str(tmp_path / "backup"), "--keys", str(tmp_path / "safe/keys"))
    finally:
        os.umask(before)
    assert [path for top in ("office", "site", "backup", "safe") for path in open_paths(tmp_path / top)] == []
    assert "No other user" in office.says("doctor", "--also", str(tmp_path / "backup"))


@pytest.mark.parametrize("umask", UMASKS)
def test_whatever_a_kiosk_makes_is_its_users_alone_and_the_spool_its_groups(umask: int, tmp_path: Path) -> None:
    place = tmp_path / "var/kiosk"
    typed(umask, "init", str(place), "--id", "K07")
    with (place / "kiosk.toml").open("a") as config:
        config.write('[keys]\nroot = ["' + "11" * 32 + '"]\n')
    socket = tmp_path / "screen"
    command = [sys.executable, "-m", "kiosk", "run", "--core", str(socket), "--config", str(place / "kiosk.toml")]
    process = subprocess.Popen(command, umask=umask, stderr=subprocess.PIPE)
    try:
        until(lambda: socket.exists() or process.poll() is not None, "the core")
        until(lambda: (place / "spool/down/downlink/K07").exists() or process.poll() is not None, "the spool")
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert [path for path in open_paths(tmp_path / "var") if "/spool" not in path] == []
    assert open_paths(place / "spool", 0o770) == []


@pytest.mark.parametrize("umask", [0, 0o022, 0o277])
def test_a_spool_is_for_two_users_of_a_group_and_every_other_folder_for_one(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        spool = Spool(tmp_path / "spool", "K07").made()
        spool.put(1, b"mail")
        with spool.carrying(), Folder.at(tmp_path / "own/kept", create=True) as kept:
            kept.replace("1", b"a")
            kept.append("2", 0, b"b")
            kept.below("deeper", create=True).close()
        folder(tmp_path / "a/b/c")
    finally:
        os.umask(before)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "spool").rglob("*") if path.is_dir()}
    files = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "spool").rglob("*") if path.is_file()}
    assert (modes, files) == ({0o770}, {0o660})
    assert open_paths(tmp_path / "own") == open_paths(tmp_path / "a") == []
    assert (tmp_path / "a/b/c").stat().st_mode & 0o777 == 0o700


def test_a_folder_that_keeps_its_group_goes_on_keeping_it(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool").chmod(0o2770)
    Spool(tmp_path / "spool", "K07").made()
    assert {path.stat().st_mode & 0o7777 for path in ((tmp_path / "spool"), (tmp_path / "spool/up"))} == {0o2770}


# ---------------------------------------------------------------- what is open all the same


def looked(words: list[str]) -> dict[str, str]:
    """Level and sentence of what was said of access."""
    done = CliRunner().invoke(app, [*words, "--json"])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    return {
        line["says"]: line["do"]
        for line in map(json.loads, done.stdout.splitlines())
        if line["what"] == "access" and line["level"] == "LOW"
    }


def test_doctor_names_every_path_that_is_too_open_and_none_that_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_reader", lambda _name: "The card service pcscd does not run.")
    place = tmp_path / "kiosk"
    CliRunner().invoke(app, ["init", str(place), "--id", "K07"])
    Spool(place / "spool", "K07").made()
    words = ["doctor", "--config", str(place / "kiosk.toml")]
    assert looked(words) == {}
    place.chmod(0o755)
    (place / "kiosk.toml").chmod(0o640)
    (place / "spool/up").chmod(0o775)
    (place / "elsewhere").symlink_to("/")
    assert looked(words) == {
        f"{place} is open to other users (mode 0755).": f"chmod go-rwx {place}",
        f"{place}/kiosk.toml is open to other users (mode 0640).": f"chmod go-rwx {place}/kiosk.toml",
        f"{place}/spool/up is open to other users (mode 0775).": f"chmod o-rwx {place}/spool/up",
    }


def test_the_office_s_doctor_names_them_too_and_ends_by_one(tmp_path: Path) -> None:
    HeadOffice.create(tmp_path / "office", 1, ["first person 1", "second person 2"], "a third passphrase", now_ms=0, cost=1 << 10)
    words = ["hq", "doctor", "--office", str(tmp_path / "office")]
    assert (looked(words), CliRunner().invoke(app, words).exit_code) == ({}, 0)
    (tmp_path / "office/downlink/all").chmod(0o711)
    assert list(looked(words)) == [f"{tmp_path}/office/downlink/all is open to other users (mode 0711)."]
    assert CliRunner().invoke(app, words).exit_code == 1
    many = tmp_path / "many"
    many.mkdir()
    for number in range(80):
        (many / str(number)).touch()
        (many / str(number)).chmod(0o604)
    said = looked([*words, "--also", str(many)])
    assert len(said) == 52
    assert f"More paths in {many} are like this." in said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_doctor_run_by_root_looks_with_the_owner_of_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_reader", lambda _name: "The card service pcscd does not run.")
    place = tmp_path / "kiosk"
    CliRunner().invoke(app, ["init", str(place), "--id", "K07"])
    (place / "store.db.lock").unlink()
    for path in (place, *place.iterdir()):
        os.chown(path, 4711, 4711)
    words = ["doctor", "--config", str(place / "kiosk.toml"), "--json"]
    lines = [json.loads(line) for line in CliRunner().invoke(app, words).stdout.splitlines()]
    assert [line["says"] for line in lines if line["what"] in ("station", "store") and line["level"] != "OK"] == []
    assert [line["level"] for line in lines if line["what"] == "store"] == ["OK"]
    assert {path.stat().st_uid for path in place.iterdir()} == {4711}, "and leaves nothing of root's behind"
    os.chown(place / "station.json", 0, 0)
    lines = [json.loads(line) for line in CliRunner().invoke(app, words).stdout.splitlines()]
    (station,) = [line for line in lines if line["what"] == "station"]
    assert station["level"] == "STOP"
    assert "belongs to another user" in station["says"]
    assert f"{place}/station.json belongs to another user (number 0) than {place}." in [line["says"] for line in lines]


def test_what_cannot_be_looked_at_is_left_out(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    assert list(too_open(tmp_path)) == []
