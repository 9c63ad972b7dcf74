"""One driver on the bench: device, cable, process and desk, set up anew for each trial, and what was seen."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from kiosk.conform.child import Look, Order
from kiosk.conform.device import Device
from kiosk.conform.ledger import Ledger
from kiosk.conform.process import DriverProcess
from kiosk.conform.promises import Observations
from kiosk.conform.relay import CLEAN, Relay, Wire
from kiosk.vend.ports import Published

START_S = 2.0  # start() returns at once; a machine that is busy with other things is not held against it
UP_S = 20.0  # to find a device that is there: the longest pause between two tries is five seconds
DOWN_S = 20.0  # to find that it is not
STOP_S, LATE_S = 5.0, 1.0  # what stop() is given, and by how much it may be late
OVER_S = 10.0  # a thread that was told to stop is over by then, whatever it was waiting for


class Setting(msgspec.Struct, frozen=True):
    """What is tried. `by_port`: see fitting.Maker; `absent`: options under which its device is not there, where it has no port."""

    role: str
    protocol: str
    folder: Path
    seed: int
    serial: str = ""
    options: Mapping[str, str | int | bool] = {}
    by_port: bool = True
    absent: Mapping[str, str | int | bool] = {}
    letters: Mapping[str, tuple[str, str]] = {}
    currency: str = "CNY"


class Bench:
    """`see` writes down an observation; `alive()` is a driver that has been started, and is ended whatever happens."""

    def __init__(self, setting: Setting, device: Device | None, seen: Observations) -> None:
        self.setting, self.device, self.seen = setting, device, seen
        self.role = setting.role
        self.log = setting.folder / "driver.log"
        network = device is not None and device.says.startswith("tcp:")
        self.relay = Relay(setting.folder / "line", device.open, network=network, seed=setting.seed) if device else None
        self._process: DriverProcess | None = None
        self.desk = Ledger(self.role, self._publish)

    @contextlib.contextmanager
    def set_up(self) -> Iterator[None]:
        """Device and cable are there. Raises PortLost, OSError."""
        with contextlib.ExitStack() as end:
            if self.device:
                end.callback(self.device.stop)
                self.device.start()
            if self.relay:
                end.callback(self.relay.stop)
                self.relay.start()
            yield

    # ---------------------------------------------------------------- a driver

    @contextlib.contextmanager
    def made(self, *, absent: bool = False) -> Iterator[DriverProcess]:
        """In a fresh process, not started. Raises CannotMake."""
        setting = self.setting
        port = self.relay.address if self.relay else ""
        options = {**setting.options, **(setting.absent if absent else {})}
        order = Order(setting.role, setting.protocol, port, self.desk.published, setting.serial, options, setting.letters, setting.currency)
        process = DriverProcess(order, self.desk.hear, self.log)
        self._process = process
        self._publish(self.desk.published)
        try:
            yield process
        finally:
            self._process = None
            process.kill()

    @contextlib.contextmanager
    def alive(self, patience_s: float = UP_S) -> Iterator[DriverProcess]:
        """Started, and up; that it came up is an observation of `serves`."""
        with self.made() as process:
            since = self.desk.mark
            process.start(START_S)
            up = self.desk.until(lambda: self.desk.ups(since) and self.works(process), patience_s)
            self.see("serves", kept=up, what="up, and health works" if up else self.standing(process, f"not up in {patience_s:.0f} s"))
            yield process

    def works(self, process: DriverProcess) -> bool:
        """Does its health say so?"""
        look = process.look()
        return look is not None and look.health.works

    def standing(self, process: DriverProcess, says: str) -> str:
        """With what its health says, and how it died."""
        look = process.look()
        health = f"health {look.health.state} {look.health.code}".rstrip() if look else "health() does not answer"
        return f"{says}; {health}{process.complaint()}"

    def look(self, process: DriverProcess) -> Look:
        """As it is now. Raises Hangs."""
        look = process.look()
        if look is None:
            raise Hangs(f"health() and identity() do not answer{process.complaint()}")
        return look

    def _publish(self, published: Published) -> None:
        if self._process:
            self._process.publish(published)

    # ---------------------------------------------------------------- the cable

    @contextlib.contextmanager
    def over(self, wire: Wire) -> Iterator[None]:
        """With a wire like this, and a good one afterwards."""
        if self.relay:
            self.relay.wire = wire
        try:
            yield
        finally:
            if self.relay:
                self.relay.wire = CLEAN

    def plug(self, *, plugged: bool) -> None:
        """The driver's end of it."""
        if self.relay:
            self.relay.plug(plugged=plugged)

    # ---------------------------------------------------------------- what was seen

    def see(self, promise: str, *, kept: bool, what: str) -> None:
        """See Observations."""
        self.seen.see(promise, kept=kept, what=what)


class Hangs(Exception):
    """A driver that does not answer what every driver has to answer at once; one sentence."""
