"""Somebody else's driver: a package is built and installed beside the kiosk, kiosk.toml names it, and the kiosk's own program uses it."""

import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kiosk.cli import app
from kiosk.devices.port import PortLost, after
from kiosk.devices.sim.pty import Cable

PROJECT = """[project]
name = "acme-semaphore"
version = "1.0"

[project.entry-points."kiosk.drivers"]
"board/semaphore" = "acme_semaphore:board"
"board/broken" = "acme_semaphore:nothing_like_it"
"notes/cctalk" = "acme_semaphore:board"

[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[tool.hatch.build.targets.wheel]
packages = ["acme_semaphore"]
"""

DRIVER = '''"""A signal arm: up while the machine is ready for a customer."""

import threading

import msgspec

from kiosk.devices.contract import Health, Identity, Told
from kiosk.devices.fitting import checked_options, takes
from kiosk.devices.port import PortLost, open_port
from kiosk.vend.ports import DeskDied


class Options(msgspec.Struct, frozen=True):
    arms: int = 1


class Semaphore:
    role = "board"

    def __init__(self, desk, address, arms):
        self._desk, self._address, self._arms = desk, address, arms
        self._told = Told("board", desk.tell)
        self._stopping, self._thread, self._who = threading.Event(), None, None

    @property
    def alive(self):
        return bool(self._thread and self._thread.is_alive())

    def start(self):
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self, timeout_s=5.0):
        self._stopping.set()
        if self._thread:
            self._thread.join(timeout_s)

    def health(self):
        return self._told.health

    def identity(self):
        return self._who

    def _run(self):
        while not self._stopping.is_set():
            try:
                port = open_port(self._address)
                self._who = Identity("board", "semaphore", maker="Acme", port=self._address)
                self._told.up()
                self._serve(port)
            except PortLost:
                self._told.down("offline", "no_device")
                self._stopping.wait(0.1)
            except DeskDied:
                return

    def _serve(self, port):
        rev = -1
        while not self._stopping.is_set():
            published = self._desk.wait(rev, 0.2)
            if published.rev != rev:
                rev = published.rev
                port.write(published.view.phase.encode() * self._arms + b"\\n")
        port.close()


@takes(Options)
def board(part, outfit):
    return Semaphore(outfit.desk, part.port, checked_options(part, Options).arms)
'''


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where an installer puts the wheel: a pure wheel is unpacked into site-packages."""
    place = tmp_path_factory.mktemp("acme")
    (place / "acme_semaphore").mkdir()
    (place / "pyproject.toml").write_text(PROJECT)
    (place / "acme_semaphore" / "__init__.py").write_text(DRIVER)
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel"], cwd=place, check=True, capture_output=True)
    (wheel,) = (place / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(place / "site-packages")
    return place / "site-packages"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    CliRunner().invoke(app, ["init", str(tmp_path), "--id", "K07"])
    return tmp_path


def names(folder: Path, protocol: str, options: str = "{}", role: str = "board") -> None:
    """kiosk.toml has one device."""
    text = (folder / "kiosk.toml").read_text()
    device = f'[[device]]\nrole = "{role}"\nprotocol = "{protocol}"\nport = "{folder}/arm"\noptions = {options}\n'
    (folder / "kiosk.toml").write_text(text[: text.index("[[device]]")] + device)


def environment(site: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(site)}


def doctor(folder: Path, site: Path) -> str:
    words = [sys.executable, "-m", "kiosk", "doctor", "--config", str(folder / "kiosk.toml")]
    done = subprocess.run(words, env=environment(site), capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
    return done.stdout


def test_a_package_that_brings_a_driver_is_used_by_a_kiosk_that_was_not_touched(folder: Path, site: Path) -> None:
    names(folder, "semaphore", "{ arms = 2 }")
    cable = Cable(folder / "arm")
    port = cable.plug()
    words = [sys.executable, "-m", "kiosk", "run", "--core", str(folder / "screen"), "--config", str(folder / "kiosk.toml")]
    with (folder / "core.log").open("wb") as log:
        core = subprocess.Popen(words, env=environment(site), stdout=log, stderr=log)
    try:
        seen = b""
        end = time.monotonic() + 60
        while b"outout\n" not in seen and b"attractattract\n" not in seen:  # without acceptors and reader it is out of service
            assert time.monotonic() < end, (seen, (folder / "core.log").read_text())
            seen += port.receive(after(1.0))
    except PortLost as lost:  # pragma: no cover - the simulator's own end cannot hang up
        raise AssertionError from lost
    finally:
        core.terminate()
        core.wait(20)
        cable.unplug()
    assert core.returncode == 0


def test_its_options_are_checked_as_our_own_drivers_are(folder: Path, site: Path) -> None:
    names(folder, "semaphore", "{ arm = 2 }")
    assert "device board: arm is no option of board/semaphore; did you mean arms?" in doctor(folder, site)
    names(folder, "semaphore", '{ arms = "two" }')
    assert "device board: the option arms is a whole number, not 'two'." in doctor(folder, site)


def test_a_package_that_does_not_load_is_a_sentence_with_its_name(folder: Path, site: Path) -> None:
    names(folder, "broken")
    assert "the driver board/broken of acme-semaphore does not load: " in doctor(folder, site)


def test_no_package_takes_the_place_of_a_driver_of_ours(folder: Path, site: Path) -> None:
    names(folder, "cctalk", "{ arms = 2 }", role="notes")
    assert "arms is no option of notes/cctalk; it has mode, country, echo." in doctor(folder, site)


def test_two_packages_with_one_driver_are_both_named(folder: Path, site: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "zeta-1.0.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: zeta\nVersion: 1.0\n")
    (other / "entry_points.txt").write_text("[kiosk.drivers]\nboard/semaphore = zeta:board\n")
    names(folder, "semaphore")
    said = doctor(folder, Path(f"{site}:{tmp_path / 'other'}"))
    assert "acme-semaphore and zeta both bring a driver board/semaphore." in said
