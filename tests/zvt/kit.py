"""A desk that asks and listens, a simulated terminal behind a socket or a pty, and the driver between them."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from kiosk.devices.port import Port, PortLost, open_port, open_serial
from kiosk.devices.sim.printer_line import Line, PtyLine, TcpLine
from kiosk.devices.sim.zvt import TerminalSimulator
from kiosk.devices.zvt.driver import ZvtTerminal
from kiosk.devices.zvt.link import Pace
from kiosk.vend.money import CNY
from kiosk.vend.ports import PosJob
from kiosk.vend.seen import PosAnswered, PosUp
from tests.cash.desk import ListeningDesk, eventually

PACE = Pace(
    byte_s=0.05,
    ack_s=0.4,
    answer_s=0.4,
    end_s=1.0,
    hold_s=0.03,
    goods_s=30,
    waits=20,
    look_s=0.005,
    idle_s=0.01,
    enquiry_s=60.0,
    busy_s=0.05,
    recover_s=4.0,
    reopen_s=(0.02, 0.05),
)


def paced(**changes: Any) -> Pace:
    """That pace, but for this."""
    return msgspec.structs.replace(PACE, **changes)


QUICK: dict[str, Any] = {"answer_s": 0.3, "ack_s": 0.3, "repeat_s": 0.03, "goods_unit_s": 0.01}
AMOUNT = 100_00
NAME = "00000000000000aa"


class BankDesk(ListeningDesk):
    """Jobs one after the other, each with its own id, and their answers."""

    def __init__(self) -> None:
        super().__init__()
        self._ids = 0

    def order(self, do: str, payment: str = NAME, amount_minor: int = AMOUNT, receipt: str = "", before: str = "") -> int:
        self._ids += 1
        with self._changed:
            self._publish(pos_job=PosJob(self._ids, do, payment, amount_minor, receipt, before))
        return self._ids

    def rests(self) -> None:
        """Nothing is to be done."""
        with self._changed:
            self._publish(pos_job=None)

    def asks(self, do: str, **about: Any) -> PosAnswered:
        """The answer to this job."""
        return self.answer(self.order(do, **about))

    def answer(self, job: int, timeout_s: float = 12.0) -> PosAnswered:
        eventually(lambda: self.answers(job), timeout_s)
        return self.answers(job)[0]

    def answers(self, job: int) -> list[PosAnswered]:
        return [seen for seen in self.told if isinstance(seen, PosAnswered) and seen.job == job]

    def answered_once(self) -> bool:
        """No job has two answers."""
        jobs = [seen.job for seen in self.told if isinstance(seen, PosAnswered)]
        return len(jobs) == len(set(jobs))


class Counter:
    """`kind`: tcp | pty."""

    def __init__(self, place: Path, kind: str, stack: ExitStack) -> None:
        self.place, self.kind, self._stack = place, kind, stack
        self.desk = BankDesk()
        self.line: Line = TcpLine() if kind == "tcp" else PtyLine(place / "terminal")
        self.wire: Callable[[Port], Port] = lambda port: port
        self.sim: TerminalSimulator

    def simulate(self, **options: Any) -> TerminalSimulator:
        self.sim = TerminalSimulator(self.line, self.place / "book", blocks=self.kind == "pty", **(QUICK | options))
        self.sim.start()
        self._stack.callback(self.sim.stop)
        return self.sim

    def open(self) -> Port:
        if isinstance(self.line, TcpLine):
            if not self.line.plugged:
                raise PortLost("unplugged")
            return self.wire(open_port(self.line.address))
        return self.wire(open_serial(str(self.place / "terminal"), stop_bits=2))

    def drive(self, *, up: bool = True, **special: Any) -> ZvtTerminal:
        """A started driver, and by default one that is ready."""
        since = len(self.desk.told)
        driver = ZvtTerminal(self.open, self.desk, CNY, blocks=self.kind == "pty", **({"pace": PACE} | special))
        driver.start()
        self._stack.callback(driver.stop)
        if up:
            self.desk.await_one(PosUp, since)
        return driver

    def state(self) -> dict[str, Any]:
        return self.sim.do({"do": "state"})

    def commands(self, command: int) -> int:
        """How often the terminal was given this command."""
        return sum(int.from_bytes(apdu[:2], "big") == command for apdu in list(self.sim.heard))


@contextmanager
def counter(place: Path, kind: str) -> Iterator[Counter]:
    with ExitStack() as stack:
        yield Counter(place, kind, stack)
