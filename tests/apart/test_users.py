"""The core's user has everything, the screen's user has one socket, and everybody else has nothing, whatever they say."""

import json
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.link import PIN
from kiosk.vend.facts import NoteStacked, SaleOpened
from tests.apart.place import Place, anywhere
from tests.apart.users import APART, CORE, SCREEN, STRANGER, User, uid_of

needs_users = pytest.mark.skipif(not APART, reason="only root can become other users")

LOOK = """
import json, os, socket, sys
said = {}
for path in sys.argv[2:]:
    try:
        if path.endswith("/control") or path.endswith("/screen"):
            with socket.socket(socket.AF_UNIX) as line:
                line.connect(path)
                line.settimeout(20)
                said[path] = "nothing" if line.recv(1) == b"" else "a view"
        else:
            open(path, "rb").read(1)
            said[path] = "read"
    except (PermissionError, ConnectionResetError):
        said[path] = "refused"
try:
    os.kill(int(sys.argv[1]), 0)
    said["kill"] = "done"
except PermissionError:
    said["kill"] = "refused"
print(json.dumps(said))
"""

SAY = """
import json, socket, struct, sys
heard = []
for said in json.load(sys.stdin):
    said = bytes.fromhex(said)
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(sys.argv[1])
        line.settimeout(20)
        try:
            line.sendall(said)
            while line.recv(65536):
                pass
            heard.append("closed")
        except ConnectionError:
            heard.append("closed")
        except TimeoutError:
            heard.append("kept")
print(json.dumps(heard))
"""


def framed(body: bytes) -> bytes:
    return len(body).to_bytes(4) + body


def ordered(op: str, **args: str) -> bytes:
    """As a maintenance screen says it."""
    arg = json.dumps({"op": op, "args": args})
    return framed(json.dumps({"t": "choice", "rev": 1, "do": "operator", "arg": arg}).encode())


OUTSIDE = {
    "a note went in": framed(b'{"t":"choice","rev":1,"do":"note_stacked","arg":"10000"}'),
    "a fact": framed(b'{"t":"NoteStacked","rev":1,"do":"finish","denomination":10000}'),
    "a word of the control socket": framed(b'{"do":"unlock","pin":"271828"}'),
    "a figure beside the word": framed(b'{"t":"choice","rev":1,"do":"finish","tender_minor":100000}'),
    "a number as a word": framed(b'{"t":"choice","rev":1,"do":7}'),
    "no object": framed(b'["choice",1,"finish"]'),
    "no JSON": framed(b"\x80\x00\xff"),
    "no UTF-8": framed(b'{"t":"choice","rev":1,"do":"finish","arg":"\xff"}'),
    "ten thousand brackets": framed(b"[" * 10_000),
    "a number without an end": framed(b'{"t":"choice","rev":' + b"9" * 5_000 + b',"do":"finish"}'),
    "too long": (1 << 31).to_bytes(4),
    "an order that does not exist": ordered("pay", amount_minor="100000"),
    "a screen that does not exist": ordered("go", to="vault", of=""),
    "an operation that does not exist": ordered("do", operation="cash.pay", on="notes"),
    "a PIN of five digits": framed(PIN.pack(b"P", 1) + b"27182"),
    "a PIN of a thousand digits": framed(PIN.pack(b"P", 1) + b"1" * 1_000),
    "a PIN of letters": framed(PIN.pack(b"P", 1) + b"27182x"),
    "a PIN that is cut off": framed(PIN.pack(b"P", 1)[:5]),
    "a PIN as text": ordered("pin", digits="271828"),
    "a PIN as a word": framed(b'{"t":"choice","rev":1,"do":"pin","arg":"271828"}'),
    "a word of the control socket with its PIN": framed(b'{"do":"unlock"}') + framed(b"271828"),
    "an argument too many": ordered("enter", digits="1"),
}


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """A core with its screen, as they were installed."""
    with anywhere() as folder, Place(Path(folder)) as here:
        here.glass.says("Put your electricity card")
        yield here


def looked(who: User, place: Place, *paths: Path) -> dict[str, str]:
    """What this user gets of these files and sockets, by name."""
    assert place.core
    with who.start("-c", LOOK, str(place.core.pid), *map(str, paths), stdout=subprocess.PIPE) as look:
        out, _ = look.communicate(timeout=60)
    return {Path(path).name: said for path, said in json.loads(out).items()}


@needs_users
def test_the_socket_is_the_cores_for_the_group_of_the_screen_and_both_run_as_who_they_should(place: Place) -> None:
    assert place.core
    made = place.socket.stat()
    assert (made.st_uid, made.st_gid) == (CORE.peer.uid, SCREEN.peer.gid)
    assert stat.S_IMODE(made.st_mode) == 0o660
    owners = [uid_of(pid) for pid in (place.core.pid, place.glass.pid)]
    assert owners == [CORE.peer.uid, SCREEN.peer.uid] != [os.geteuid()] * 2


@needs_users
@pytest.mark.covers("abuse-49")
def test_whoever_takes_the_screen_has_a_socket_and_nothing_else(place: Place) -> None:
    """The control is the socket itself, where the same hand gets a View."""
    assert place.core
    files = ("kiosk.toml", "station.json", "store.db", "store.db-wal", "dev/notes", "home/card.json")
    of_the_core = [Path(f"/proc/{place.core.pid}/{name}") for name in ("environ", "mem", "maps")]
    said = looked(SCREEN, place, *(place.state / name for name in files), *of_the_core, place.socket)
    assert said.pop("screen") == "a view"
    assert set(said.values()) == {"refused"}, said
    assert len(said) == len(files) + 4


@needs_users
@pytest.mark.covers("abuse-49")
def test_a_strange_user_does_not_reach_the_socket_and_where_he_does_he_is_told_nothing(place: Place) -> None:
    assert looked(STRANGER, place, place.socket)["screen"] == "refused"
    place.socket.parent.chmod(0o755)
    place.socket.chmod(0o666)
    try:
        for who in (STRANGER, CORE, User(None)):
            assert looked(who, place, place.socket)["screen"] == "nothing", "peer credentials are looked at, not only the file's mode"
        assert looked(SCREEN, place, place.socket)["screen"] == "a view"
    finally:
        place.socket.chmod(0o660)
        place.socket.parent.chmod(0o750)


@pytest.mark.covers("abuse-49")
@pytest.mark.parametrize("what", OUTSIDE)
def test_a_word_outside_the_set_closes_the_connection_of_the_screens_own_user_and_leaves_no_fact(place: Place, what: str) -> None:
    before = place.facts()
    with SCREEN.start("-c", SAY, str(place.socket), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as screen:
        out, _ = screen.communicate(json.dumps([OUTSIDE[what].hex()]).encode(), timeout=60)
    assert json.loads(out) == ["closed"]
    told = place.facts()[len(before) :]
    assert [fact for fact in told if isinstance(fact, NoteStacked | SaleOpened)] == []
    assert place.core
    assert place.core.poll() is None, place.log
    place.glass.says("Put your electricity card")


@pytest.mark.covers("abuse-49")
def test_nothing_of_it_was_logged_by_value(place: Place) -> None:
    for word in ("27182", "note_stacked", "Traceback"):
        assert word not in place.log


def refusal(*arguments: str) -> str:
    """What the core says when it does not start."""
    with CORE.start("-m", "kiosk", "run", *arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as core:
        out, _ = core.communicate(timeout=60)
        assert core.returncode not in (0, 1, 70), out
    return out.decode()


@needs_users
def test_a_core_that_cannot_let_its_screen_in_says_so_in_one_sentence() -> None:
    with anywhere() as folder:
        place = Place(Path(folder))
        config = place.state / "kiosk.toml"
        written = config.read_text()
        words = ("--core", str(place.socket), "--config", str(config))
        config.write_text(written.replace(f'user = "{SCREEN.name}"', 'user = "nobodyknows"'))
        assert refusal(*words) == "There is no user nobodyknows on this machine.\n"
        config.write_text(written.replace(f'user = "{SCREEN.name}"', 'user = "mail"'))
        assert refusal(*words) == f"The screen's socket {place.socket} cannot be made: the core's user is not in mail's group.\n"
        config.write_text(written)
        place.socket.write_text("somebody's file")
        assert refusal(*words) == f"The screen's socket {place.socket} cannot be made: Address already in use.\n"
        assert place.socket.read_text() == "somebody's file"
        place.put_away()
