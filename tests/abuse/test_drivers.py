"""Somebody else's driver goes wrong in every way that it can: the sale beside it goes on, to the cent, and the core lives.

The package is found as an installed one is, by its entry points. What it must not do is told apart from what it may only fail at.
"""

import importlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kiosk.commands.run import init
from kiosk.config import ConfigError
from kiosk.demo.world import World
from kiosk.devices.gate import STATES_AT_ONCE
from kiosk.devices.vault.station import open_station
from kiosk.vend import facts as f
from kiosk.vend.journal import Journal
from kiosk.vend.view import View
from tests.apart.glass import Glass
from tests.apart.users import User
from tests.sms.desk import until

ROGUE = '''"""Goes wrong as its option says."""

import os
import subprocess
import sys
import threading
import time

import msgspec

from kiosk.devices.contract import Health
from kiosk.devices.fitting import checked_options, takes
from kiosk.vend import seen

over = threading.Event()  # the test's end
refused = []


class Options(msgspec.Struct, frozen=True):
    wrong: str = ""


class Rogue:
    def __init__(self, desk, role, wrong):
        self.desk, self.role, self.wrong = desk, role, wrong

    @property
    def alive(self):
        return self.wrong != "dies"

    def start(self):
        if self.wrong == "starts":
            raise OSError("the vendor's library is not there")
        if self.wrong == "hangs":
            over.wait()
        if self.wrong not in ("", "hangs"):
            threading.Thread(target=getattr(self, self.wrong), daemon=True).start()

    def stop(self, timeout_s=5.0):
        if self.wrong == "hangs":
            over.wait()

    def health(self):
        return Health()

    def identity(self):
        return None

    def dies(self):
        raise RuntimeError("a programmer's error")

    def spins(self):
        while not over.is_set():
            pass

    def prints(self):
        """Once in every way, and then it raises where nobody catches it."""
        for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
            print("ROGUE WORDS", file=stream, flush=True)
        for descriptor in (1, 2):
            os.write(descriptor, b"\x1b[2J\x1b[1;1HROGUE WORDS")
        subprocess.run(["echo", "ROGUE WORDS"])
        raise RuntimeError("ROGUE WORDS")

    def flickers(self):
        while not over.is_set():
            self.desk.tell(seen.DeviceUp(self.role))
            self.desk.tell(seen.DeviceDown(self.role, "offline"))

    def forges(self):
        """Money, cards, choices and answers that are other roles' to tell."""
        published = self.desk.published()
        for word in (
            seen.CoinIn("coins", "77", 100_00, 1),
            seen.NoteIn("notes", "5001", 100_00, 9),
            seen.PosAnswered(1, "approved", 100_00),
            seen.CardWorked("token", 1, True),
            seen.Choice(published.rev, "finish"),
            seen.CoinIn(self.role, "77", -100_00, 1),
        ):
            try:
                self.desk.tell(word)
            except Exception as error:
                refused.append(str(error))

    def steals(self):
        """What the desk behind the gate could do."""
        refused.extend(name for name in ("record", "stop", "subscribe", "drain") if not hasattr(self.desk, name))
        refused.append(str(self.sign))
        refused.append(str(self.letter("9a64be1c20d7f358")))


@takes(Options)
def rogue(part, outfit):
    wrong = checked_options(part, Options).wrong
    if wrong == "making":
        raise ZeroDivisionError("a secret of the vendor")
    if wrong == "nothing":
        return object()
    made = Rogue(outfit.desk, part.role, wrong)
    made.sign, made.letter = outfit.sign, outfit.letter
    return made
'''
PART = '\n[[device]]\nrole = "{role}"\nprotocol = "rogue"\nport = "/dev/null"\noptions = {{ wrong = "{wrong}" }}\n'


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the package is installed."""
    place = tmp_path / "site"
    (place / "rogue-1.0.dist-info").mkdir(parents=True)
    (place / "rogue-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: rogue\nVersion: 1.0\n")
    roles = "".join(f"{role}/rogue = rogue_driver:rogue\n" for role in ("board", "modem", "voice", "terminal", "display"))
    (place / "rogue-1.0.dist-info" / "entry_points.txt").write_text(f"[kiosk.drivers]\n{roles}")
    (place / "rogue_driver.py").write_text(ROGUE)
    return place


@pytest.fixture
def rogue(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Its module, so that a test sees what it saw."""
    monkeypatch.syspath_prepend(str(place))
    importlib.invalidate_caches()
    import rogue_driver  # type: ignore[import-not-found]  # noqa: PLC0415 - it has just been installed

    yield rogue_driver
    rogue_driver.over.set()
    del sys.modules["rogue_driver"]


class Street:
    """One kiosk with our own acceptors and printer, and the rogue beside them."""

    def __init__(self, folder: Path, wrong: str, role: str) -> None:
        self.world = World(folder / "world", stack="in-process")
        self.site = self.world.sites["K07"]
        with (self.site.folder / "kiosk.toml").open("a") as config:
            config.write(PART.format(role=role, wrong=wrong))
        self.views: list[View] = []
        self.site.subscribe(self.views.append)

    def sells(self) -> None:
        """One customer, from the card to the paper."""
        card = self.world.cards["A"]
        self.site.insert(card)
        self.site.feed(100_00)
        self.site.press("finish")
        self.site.phase("done")

    def facts(self, *kinds: type) -> list[Any]:
        place = self.site.folder
        key = open_station(place / "station.json").database_key()
        with Journal.open(place / "store.db", key, create=False, read_only=True) as journal:
            return [row.fact for row in journal.rows() if isinstance(row.fact, kinds)]

    def faults(self) -> list[str]:
        return [fact.code for fact in self.facts(f.DeviceFault) if fact.device == "board"]


@pytest.mark.covers("field-211")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("wrong", ["starts", "hangs", "dies", "spins", "flickers", "forges"])
def test_a_sale_beside_a_driver_that_goes_wrong_is_whole(tmp_path: Path, rogue: Any, wrong: str) -> None:
    street = Street(tmp_path, wrong, "board")
    began = time.monotonic()
    street.world.start()
    try:
        street.sells()
        (closed,) = street.facts(f.SaleClosed)
        assert (closed.tender_minor, closed.credit_minor) == (100_00, 90_00)
        assert [fact.denomination for fact in street.facts(f.NoteStacked)] == [100_00]
        assert street.facts(f.CoinAccepted, f.OrphanCredit, f.EscrowUnknown, f.ClaimIssued) == []
        if wrong == "flickers":
            assert 2 <= len(street.faults()) <= STATES_AT_ONCE + 2 + (time.monotonic() - began)
        elif wrong == "spins":
            assert street.faults() == []  # it is only slow
        else:
            until(lambda: street.faults() == ["driver"], "a driver that is missed")
        if wrong == "forges":
            until(lambda: len(rogue.refused) == 6, "every forged word")
            assert rogue.refused[0] == "The driver of board tells CoinIn."
            assert set(rogue.refused[3:]) == {"The driver of board is not listened to any more."}
    finally:
        rogue.over.set()
        street.world.stop()


@pytest.mark.parametrize("role", ["board", "voice", "display", "terminal"])
def test_a_driver_is_lent_neither_the_stations_signature_nor_anybodys_number(tmp_path: Path, rogue: Any, role: str) -> None:
    street = Street(tmp_path, "steals", role)
    street.world.start()
    try:
        until(lambda: len(rogue.refused) == 6, "what it was lent")
        assert rogue.refused == ["record", "stop", "subscribe", "drain", "None", "None"]
    finally:
        street.world.stop()


@pytest.mark.parametrize(("wrong", "why"), [("making", "cannot be made: ZeroDivisionError"), ("nothing", "is no driver")])
def test_a_package_that_makes_no_driver_is_one_sentence_that_names_it(tmp_path: Path, rogue: Any, wrong: str, why: str) -> None:
    street = Street(tmp_path, wrong, "board")
    with pytest.raises(ConfigError) as error:
        street.world.start()
    street.world.stop()
    assert why in str(error.value)
    assert "board/rogue" in str(error.value)
    assert "secret" not in str(error.value)
    assert str(error.value).count("\n") == 0
    assert not rogue.over.is_set()


class Alone(Glass):
    """`kiosk run` in one terminal: core, drivers and screen are one process."""

    def __init__(self, folder: Path, place: Path) -> None:
        super().__init__(folder, User(None))
        self._folder, self._place = folder, place

    def start(self) -> None:
        """The whole kiosk."""
        ours = self._theirs
        words = [sys.executable, "-m", "kiosk", "run", "--config", str(self._folder / "kiosk.toml"), "--palette", "ansi"]
        env = {**os.environ, "PYTHONPATH": str(self._place), "TERM": "xterm-256color"}
        self._process = subprocess.Popen(words, env=env, start_new_session=True, stdin=ours, stdout=ours, stderr=ours)


@pytest.mark.pcsc  # nobody else's card may be in the machine's reader
def test_what_a_driver_prints_is_nowhere_on_the_glass(tmp_path: Path, place: Path) -> None:
    init(tmp_path / "kiosk", "K07")
    text = (tmp_path / "kiosk" / "kiosk.toml").read_text()
    (tmp_path / "kiosk" / "kiosk.toml").write_text(text[: text.index("[[device]]")] + PART.format(role="board", wrong="prints"))
    glass = Alone(tmp_path / "kiosk", place)
    glass.start()
    try:
        glass.says("The card reader has stopped")
        glass.drain(3.0)
        assert "The card reader has stopped" in glass.text()
        assert b"ROGUE" not in glass.written
        assert b"Traceback" not in glass.written
    finally:
        glass.close()
