"""Somebody else's driver: a package is built and installed beside the kiosk, kiosk.toml names it, and the kiosk's own program uses it.

The package is that of docs/drivers.md, as it stands there.
"""

import os
import re
import subprocess
import sys
import time
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from kiosk.cli import app
from kiosk.conform.promises import EVERY, PROMISES, of
from kiosk.devices.cctalk.events import Buffer, news
from kiosk.devices.gate import STATES, WORDS
from kiosk.devices.port import PortLost, after
from kiosk.devices.sim.pty import Cable

PAGE = Path("docs/drivers.md").read_text("utf-8")
PROJECT, DEVICE = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
DRIVER, NOTEBOX, ARM, BOX = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
POINT = '"board/semaphore" = "acme_semaphore:board"\n'
BAD_POINTS = '"board/broken" = "acme_semaphore:nothing_like_it"\n"notes/cctalk" = "acme_semaphore:board"\n'


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where an installer puts the wheel: a pure wheel is unpacked into site-packages."""
    return built(tmp_path_factory.mktemp("acme"), PROJECT.replace(POINT, POINT + BAD_POINTS), "acme_semaphore", DRIVER)


def built(place: Path, project: str, package: str, code: str) -> Path:
    """The folder into which the package's wheel was unpacked."""
    (place / package).mkdir()
    (place / "pyproject.toml").write_text(project)
    (place / package / "__init__.py").write_text(code)
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel"], cwd=place, check=True, capture_output=True)
    (wheel,) = (place / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(place / "site-packages")
    return place / "site-packages"


@pytest.fixture(scope="module")
def notes_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page's note acceptor, from the arm's project file with the other names."""
    renamed = PROJECT.replace(POINT, '"notes/notebox" = "acme_notebox:notes"\n').replace("semaphore", "notebox")
    return built(tmp_path_factory.mktemp("acme_notes"), renamed, "acme_notebox", NOTEBOX)


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
        while b"out 0\nout 0\n" not in seen and b"attract 0\nattract 0\n" not in seen:  # without acceptors and reader it is out of service
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


def conform(site: Path, *words: str) -> subprocess.CompletedProcess[str]:
    whole = [sys.executable, "-m", "kiosk", "conform", *words]
    return subprocess.run(whole, env=environment(site), capture_output=True, text=True, check=False, timeout=900)


@pytest.fixture
def arm(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The page's simulated arm: its port and its socket."""
    yield from simulated(tmp_path, ARM)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The page's simulated note acceptor."""
    yield from simulated(tmp_path, BOX)


def simulated(place: Path, code: str) -> Iterator[tuple[str, str]]:
    """A device of the page in a process of its own."""
    (place / "device.py").write_text(code)
    port, hand = place / "port", place / "hand"
    with subprocess.Popen([sys.executable, str(place / "device.py"), str(port), str(hand)]) as device:
        end = time.monotonic() + 20
        while not (port.exists() and hand.exists()):
            assert time.monotonic() < end
            time.sleep(0.05)
        yield str(port), str(hand)
        device.kill()


@pytest.mark.deep("the conformance kit on every driver")
def test_the_page_s_driver_keeps_every_promise_of_a_board(site: Path, arm: tuple[str, str]) -> None:
    port, hand = arm
    said = conform(site, "board", "--protocol", "semaphore", "--port", port, "--hand", hand)
    assert said.returncode == 0, said.stdout + said.stderr
    assert said.stdout.startswith("board/semaphore of acme-semaphore 1.0, ")
    assert said.stdout.endswith(f"KEPT: {len(of('board'))} kept, 0 broken, 0 untried.\n")


@pytest.mark.deep("the conformance kit on every driver")
def test_the_page_s_note_acceptor_keeps_every_promise_of_one(notes_site: Path, box: tuple[str, str]) -> None:
    said = conform(notes_site, "notes", "--protocol", "notebox", "--port", box[0], "--hand", box[1])
    assert said.returncode == 0, said.stdout + said.stderr
    assert said.stdout.startswith("notes/notebox of acme-notebox 1.0, ")
    assert said.stdout.endswith(f"KEPT: {len(of('notes'))} kept, 0 broken, 0 untried.\n")


def test_the_page_s_note_acceptor_moves_a_note_only_at_its_own_word(notes_site: Path, box: tuple[str, str]) -> None:
    said = conform(notes_site, "notes", "--protocol", "notebox", "--port", box[0], "--hand", box[1], "--only", "word")
    assert said.returncode == 0, said.stdout + said.stderr
    assert " stack: 1 in the box\n" in said.stdout


FORGOTTEN = {
    "word": ("stance.escrow_counter or 0)", "published.acceptors['notes'].counter if 'notes' in published.acceptors else 0)"),
    "remembers": ("memory.counter if memory and memory.serial == serial else None", "None"),
}


@pytest.mark.deep("the conformance kit on every driver")
@pytest.mark.parametrize("promise", FORGOTTEN)
def test_a_rule_that_a_reader_of_the_page_forgets_is_found(promise: str, box: tuple[str, str], tmp_path: Path) -> None:
    old, new = FORGOTTEN[promise]
    assert old in NOTEBOX
    renamed = PROJECT.replace(POINT, '"notes/notebox" = "acme_notebox:notes"\n').replace("semaphore", "notebox")
    (tmp_path / "build").mkdir()
    site = built(tmp_path / "build", renamed, "acme_notebox", NOTEBOX.replace(old, new))
    said = conform(site, "notes", "--protocol", "notebox", "--port", box[0], "--hand", box[1], "--only", promise)
    assert said.returncode == 1, said.stdout + said.stderr
    assert f"BROKEN  {promise}: " in said.stdout


def test_what_needs_a_hand_is_untried_where_there_is_none(site: Path, arm: tuple[str, str]) -> None:
    said = conform(site, "board", "--protocol", "semaphore", "--port", arm[0], "--only", "newest", "--only", "serves")
    assert said.returncode == 8, said.stdout + said.stderr
    assert "\nUNTRIED newest: " in said.stdout
    assert said.stdout.endswith("UNTRIED: 1 kept, 0 broken, 1 untried.\n")


def test_the_page_lists_every_promise_and_every_word_that_a_role_may_tell() -> None:
    tables = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| ")]
    who = {EVERY: "every driver", EVERY[:-1]: "all but voice"}
    promises = [[promise.name, who.get(promise.roles, ", ".join(promise.roles)), promise.says] for promise in PROMISES]
    assert [row for row in tables if row in promises] == promises
    told = {
        role: set(re.findall(r"[A-Z]\w+", row[2]))
        for row in tables
        for role in row[0].split(", ")
        if re.search("DeviceUp|AcceptorUp|PrinterState", row[-1])
    }
    assert told == {role: {word.__name__ for word in words} for role, words in WORDS.items()}


def test_the_page_lists_every_field_of_every_word() -> None:
    words = dict.fromkeys(word for told in WORDS.values() for word in told)
    fields = {word: [f.name if f.required else f"{f.name}?" for f in msgspec.structs.fields(word)] for word in words}
    missing = [word.__name__ for word in words if f"| {word.__name__} | {', '.join(fields[word])} |\n" not in PAGE]
    assert missing == []


def test_the_page_sorts_every_word_into_one_of_the_two_kinds() -> None:
    (kinds,) = re.findall(r"\*\*Two kinds of message\.\*\*(.*?)\n\n", PAGE, re.DOTALL)
    news, _, state = kinds.partition("*State*")
    names = {word.__name__ for told in WORDS.values() for word in told}
    told = [{word for word in re.findall(r"[A-Z]\w+", part) if word in names} for part in (news, state)]
    assert told[0] | told[1] == names
    assert told[0] & told[1] == set()
    assert told[1] == {word.__name__ for word in STATES} - {"AcceptorReset"} | {
        "PosPrompt"
    }  # the gate slows a reset as a state, but it is news


def test_the_counter_rule_of_the_page_is_the_one_of_our_own_driver() -> None:
    for last, new in ((0, 3), (250, 252), (254, 2), (7, 7)):
        buffer = Buffer(new, ((1, 1),) * 5)
        said = news(last, buffer)
        assert len(said.events) + said.lost == ((new - last) % 255 if last else new), (last, new)


def test_the_page_s_example_is_a_device() -> None:
    (part,) = tomllib.loads(DEVICE)["device"]
    assert (part["role"], part["protocol"], part["options"]) == ("board", "semaphore", {"arms": 2})
