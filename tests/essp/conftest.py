"""A validator on a bench: the simulator on a pty, the driver on its link, a desk that listens."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kiosk.devices.essp.line import Pace
from kiosk.devices.essp.validator import NoteValidator
from kiosk.devices.port import Port, open_serial
from kiosk.devices.sim.essp import EsspSimulator
from tests.cash.desk import ListeningDesk

QUICK = Pace(
    reply_s=0.15,
    tries=6,
    quiet_s=0.01,
    poll_s=0.01,
    reopen_s=(0.02, 0.05),
    hold_s=0.05,
    decide_s=2.0,
    move_s=0.4,
    rest_s=1.0,
    settle_s=0.3,
    check_s=0.1,
    fraud_s=0.4,
    still_s=0.1,
    behind_s=0.2,
)


def quick(**changes: float) -> Pace:
    """The same with other waits."""
    return msgspec.structs.replace(QUICK, **changes)


class Bench:
    """One simulator after another at one link, drivers that are stopped at the end."""

    def __init__(self, place: Path, stack: ExitStack) -> None:
        self.place, self._stack = place, stack
        self.desk = ListeningDesk()
        self.wire: Callable[[Port], Port] = lambda port: port

    def notes(self, **options: Any) -> EsspSimulator:
        simulator = EsspSimulator(self.place / "notes", state=self.place / "notes.json", **options)
        simulator.start()
        self._stack.callback(simulator.stop)
        return simulator

    def drive(self, desk: ListeningDesk | None = None, **special: Any) -> NoteValidator:
        options: dict[str, Any] = {"currency": "CNY", "pace": QUICK} | special
        port = self.place / "notes"
        driver = NoteValidator("notes", lambda: self.wire(open_serial(str(port), stop_bits=2)), desk or self.desk, **options)
        driver.start()
        self._stack.callback(driver.stop)
        return driver


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(tmp_path, stack)
