"""A kiosk in the street whose core and screen belong to two users: devices here, core there, and nobody else at its socket."""

import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

from kiosk.demo.site import Site
from kiosk.devices.sim.notes import NoteSimulator
from kiosk.devices.vault.station import open_station
from kiosk.vend.facts import Fact
from kiosk.vend.journal import Journal
from tests.apart.glass import Glass
from tests.apart.users import CORE, SCREEN
from tests.kill.street import Household

HOLD_S = 2.0


class Place(Site):
    """`state` is the core's own folder, `socket` stands in one that the screen may enter; `home` has a customer's card and meter."""

    def __init__(self, place: Path) -> None:
        place.chmod(0o711)
        self.state, self.socket = place / "state", place / "run" / "screen"
        self.state.mkdir(mode=0o700)
        self.socket.parent.mkdir(mode=0o750)
        super().__init__(self.state, "K07", place / "receipts", None)
        self.notes.stop()
        self.notes = NoteSimulator(self.state / "dev" / "notes", state=place / "notes.json", hold_s=HOLD_S)
        self.notes.start()
        self._key = open_station(self.state / "station.json").database_key()
        self.home = Household(self.state / "home")
        config = self.state / "kiosk.toml"
        config.write_text(config.read_text() + f'\n[screen]\nuser = "{SCREEN.name}"\n')
        self._give_to_the_core()
        self.glass = Glass(self.socket, SCREEN)
        self.core: subprocess.Popen[bytes] | None = None

    def _give_to_the_core(self) -> None:
        CORE.owns(self.state, self.socket.parent, *self.state.rglob("*"))
        if CORE.peer != SCREEN.peer:
            CORE.owns(*(link.resolve() for link in (self.state / "dev").iterdir()))
            self.socket.parent.chmod(0o750)
            SCREEN.may_enter(self.socket.parent)

    def __enter__(self) -> "Place":
        with (self.state.parent / "core.log").open("ab") as log:
            words = ("-m", "tests.apart.core", "run", "--core", str(self.socket), "--config", str(self.state / "kiosk.toml"))
            self.core = CORE.start(*words, stdin=subprocess.PIPE, stdout=log, stderr=log)
        self.glass.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.core:
            self.core.terminate()
            self.core.wait(20)
        self.put_away()

    def put_away(self) -> None:
        """Terminal and devices; the core is off."""
        self.glass.close()
        for device in (self.notes, self.coins, self.printer):
            device.stop()

    def hand(self, word: str) -> None:
        """The customer's: `insert` or `pull`."""
        assert self.core
        assert self.core.stdin
        self.core.stdin.write(f"{word} {self.state / 'home' / 'card.json'}\n".encode())
        self.core.stdin.flush()

    def facts(self) -> list[Fact]:
        """What the journal says, also while the core runs."""
        with Journal.open(self.state / "store.db", self._key, create=False, read_only=True) as journal:
            return [recorded.fact for recorded in journal.rows()]

    @property
    def log(self) -> str:
        """What the core said on its standard output and error."""
        return (self.state.parent / "core.log").read_text()


def anywhere() -> tempfile.TemporaryDirectory[str]:
    """A folder whose name is short: a unix socket's path has 107 bytes at most."""
    return tempfile.TemporaryDirectory(prefix="apart-")
