"""The demo's day by real processes, with a real screen in a terminal whose every byte is kept, and a technician at it in the evening."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from kiosk.demo import site
from kiosk.demo.day import Day
from kiosk.demo.site import ProcessKiosk
from kiosk.demo.world import World
from kiosk.devices.vault.pins import hashed
from kiosk.link import LinkServer
from kiosk.screens.staff.knock import KNOCK
from kiosk.vend.seen import Choice
from kiosk.vend.view import View
from tests.apart.glass import PATIENCE_S, Glass
from tests.apart.users import User

OPERATOR, PIN, WRONG_PIN = "014", "739184", "608352"  # in the core's code there is neither
REST_S = 0.6  # of a finger between two keys
PAD = {"clear": b"\x1b", "enter": b"\r"}


class Relay:
    """K07's screen as a Source whose revs rise over every restart."""

    def __init__(self, world: World) -> None:
        self._site = world.sites["K07"]
        self._show: Callable[[View], None] = lambda _: None
        self._rev = self._theirs = 0

    def subscribe(self, callback: Callable[[View], None]) -> None:
        self._show = callback
        self._site.subscribe(self._seen)

    def tell(self, choice: Choice) -> None:
        self._site.tell(replace(choice, rev=self._theirs))

    def _seen(self, view: View) -> None:
        self._theirs, self._rev = view.rev, self._rev + 1
        self._show(replace(view, rev=self._rev))


class Recorded:
    """A town with a recorder at K07."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        patch.setattr(site, "ProcessKiosk", lambda place: ProcessKiosk(place, ("-m", "tests.abuse.core", hashed(PIN))))
        self.world = World(folder, ("K07", "K08"), stack="pcsc")
        self._server = LinkServer(folder / "glass", Relay(self.world))
        self.glass = Glass(folder / "glass", User(None))
        self._over = threading.Event()

    def __enter__(self) -> "Recorded":
        self.glass.start()
        self.world.start()
        self._drain = threading.Thread(target=self._record)
        self._drain.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._drain.join()
        self.glass.close()
        self._server.close()
        self.world.stop()

    def _record(self) -> None:
        while not self._over.is_set():
            self.glass.drain(0.1)

    @property
    def core(self) -> int:
        """K07's process."""
        kiosk = self.world.sites["K07"].running
        assert isinstance(kiosk, ProcessKiosk)
        return kiosk.process.pid

    @property
    def vault(self) -> int:
        """The one that it started."""
        (child,) = Path(f"/proc/{self.core}/task/{self.core}/children").read_text().split()
        return int(child)

    def day(self) -> Day:
        """Its stories, to be played."""
        return Day(self.world)

    def technician(self) -> None:
        """Knocks, mistypes the PIN, types it, looks at the overview, leaves: all at the glass."""
        self._press(*KNOCK)
        for pin in (WRONG_PIN, PIN):
            self._reads("number", "operator number")
            self._press(*OPERATOR, "enter")
            self._reads("pin", "PIN")
            self._press(*pin, "enter")
        self._reads("home", "Costs the customer")
        self._press("clear")
        self.world.sites["K07"].phase("attract")

    def _press(self, *caps: str) -> None:
        for cap in caps:
            self.glass.type(PAD.get(cap, cap.encode()))
            self._over.wait(REST_S)

    def _reads(self, screen: str, said: str) -> None:
        """The core has come to that screen, and the glass shows it: a key that is pressed before then is pressed on the screen before."""
        self.world.sites["K07"].until(lambda view: view.staff is not None and view.staff.screen == screen, why=f"the screen {screen}")
        end = time.monotonic() + PATIENCE_S
        while said not in (shown := self.glass.text()):
            assert time.monotonic() < end, shown
            self._over.wait(0.05)
        self._over.wait(REST_S)
