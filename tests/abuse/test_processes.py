"""Core, vault and screen keep their memory to themselves, and a core that dies says where, never what it held."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.abuse.needles import found, station
from tests.apart.place import Place, anywhere
from tests.apart.test_users import looked, needs_users
from tests.apart.users import CORE, SCREEN

ROOMS = ("core", "vault", "screen")


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with anywhere() as folder, Place(Path(folder)) as here:
        here.glass.says("Put your electricity card")
        yield here


def pid_of(place: Place, room: str) -> int:
    assert place.core
    children = Path(f"/proc/{place.core.pid}/task/{place.core.pid}/children").read_text().split()
    return {"core": place.core.pid, "vault": int(children[0]), "screen": place.glass.pid}[room]


@pytest.mark.covers("abuse-36")
@pytest.mark.parametrize("room", ROOMS)
def test_no_process_can_leave_a_core_file_or_win_rights(place: Place, room: str) -> None:
    proc = Path(f"/proc/{pid_of(place, room)}")
    (limit,) = [line for line in (proc / "limits").read_text().splitlines() if line.startswith("Max core file size")]
    assert limit.split()[4:6] == ["0", "0"]
    assert "NoNewPrivs:\t1" in (proc / "status").read_text()


@needs_users
@pytest.mark.covers("abuse-36")
@pytest.mark.parametrize("room", ROOMS)
def test_another_process_of_the_same_user_cannot_look_into_it(place: Place, room: str) -> None:
    """The control is a process of that user that hides nothing."""
    who = SCREEN if room == "screen" else CORE
    names = ("environ", "maps", "mem")
    said = looked(who, place, *(Path(f"/proc/{pid_of(place, room)}") / name for name in names))
    assert [said[name] for name in names] == ["refused"] * 3
    with who.start("-c", "input()", stdin=subprocess.PIPE) as plain:
        assert looked(who, place, Path(f"/proc/{plain.pid}/environ"))["environ"] == "read"
        plain.kill()


@pytest.mark.covers("abuse-36")
def test_a_core_that_dies_with_its_keys_in_its_hands_shows_none_of_them() -> None:
    with anywhere() as folder:
        place = Place(Path(folder))
        needles = station(place.state / "station.json")
        words = ("-m", "tests.abuse.crash", "run", "--core", str(place.socket), "--config", str(place.state / "kiosk.toml"))
        with CORE.start(*words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as core:
            said, _ = core.communicate(timeout=60)
        place.put_away()
    assert core.returncode == 70
    assert b"RuntimeError" in said
    assert b"crash.py" in said, "it says where"
    assert found(said, needles) == set()
