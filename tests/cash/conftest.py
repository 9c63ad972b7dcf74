"""A kiosk's cash side on a bench: simulators on ptys, drivers on their links, a desk that listens."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest

from kiosk.devices.cctalk.acceptor import Acceptor
from kiosk.devices.cctalk.bus import Pace
from kiosk.devices.cctalk.coins import CoinAcceptor
from kiosk.devices.cctalk.notes import NoteAcceptor
from kiosk.devices.cctalk.wire import Mode
from kiosk.devices.port import Port, open_serial
from kiosk.devices.sim.cash import CashSimulator
from kiosk.devices.sim.coins import CoinSimulator
from kiosk.devices.sim.notes import NoteSimulator
from tests.cash.desk import ListeningDesk

QUICK = Pace(
    first_s=0.5,
    reply_s=0.25,
    quiet_s=0.01,
    poll_s=0.01,
    reopen_s=(0.02, 0.05),
    hold_s=0.1,
    route_s=0.15,
    check_s=0.1,
    fraud_s=0.4,
    behind_s=0.2,
    still_s=0.1,
)

S = TypeVar("S", bound=CashSimulator)


class Bench:
    """Simulators by their class, drivers that are stopped at the end."""

    def __init__(self, place: Path, stack: ExitStack) -> None:
        self.place, self._stack = place, stack
        self.desk = ListeningDesk()
        self.wire: Callable[[Port], Port] = lambda port: port

    def notes(self, **options: Any) -> NoteSimulator:
        return self.simulate(NoteSimulator(self.place / "notes", state=self.place / "notes.json", **options))

    def coins(self, **options: Any) -> CoinSimulator:
        return self.simulate(CoinSimulator(self.place / "coins", state=self.place / "coins.json", **options))

    def simulate(self, simulator: S) -> S:
        simulator.start()
        self._stack.callback(simulator.stop)
        return simulator

    def drive(self, role: str, desk: ListeningDesk | None = None, **special: Any) -> Acceptor:
        """A started driver for `notes` or `coins`."""
        kind: type[Acceptor] = NoteAcceptor if role == "notes" else CoinAcceptor
        options: dict[str, Any] = {"country": "CN", "mode": Mode.CHECKSUM, "pace": QUICK} | special
        driver = kind(role, lambda: self.wire(open_serial(str(self.place / role))), desk or self.desk, **options)
        driver.start()
        self._stack.callback(driver.stop)
        return driver


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(tmp_path, stack)
