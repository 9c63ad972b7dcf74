"""One sale on paper, and a desk that hands out print jobs and remembers what it is told."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kiosk import envelope
from kiosk.commands.receipt_samples import AT_MS, CARD, CUSTOMER_TAIL, HEAD, METER, NAME, NOTES, QUOTE, SALE, SEED, TAG, ZONE, N, closed
from kiosk.devices.port import Port, open_port
from kiosk.devices.printer.driver import PrinterDriver
from kiosk.devices.printer.escpos import PAPER_80, PrinterProfile
from kiosk.devices.printer.link import Waits
from kiosk.devices.sim.printer import PrinterSimulator
from kiosk.devices.sim.printer_line import TcpLine
from kiosk.vend import facts
from kiosk.vend.paper import values
from kiosk.vend.paper.claim import claim as claim_slip
from kiosk.vend.paper.recharge import recharge as receipt_of
from kiosk.vend.ports import PrintJob, Published, Stance
from kiosk.vend.rules import Letterhead
from kiosk.vend.seen import Printed, PrinterState, Seen
from kiosk.vend.view import View


def recharge(of: facts.SaleClosed | None = None, *, copy: int = 0, disputed_minor: int = 0, language: str = "en") -> values.Paper:
    return receipt_of(
        of or closed(),
        QUOTE,
        Letterhead(),
        kiosk="K07",
        number=122,
        at_ms=AT_MS,
        copy=copy,
        language=language,
        customer_tail=CUSTOMER_TAIL,
        name=NAME,
        disputed_minor=disputed_minor,
    )


def claim(*, copy: int = 0, tenders: tuple[facts.Tender, ...] = NOTES, language: str = "en") -> values.Paper:
    issued = facts.ClaimIssued(SALE, 123, CARD, METER, N, 15000, TAG, "gone")
    at_ms = AT_MS + 3 * 60000
    return claim_slip(issued, tenders, Letterhead(), kiosk="K07", at_ms=at_ms, zone=ZONE, seq=4711, head=HEAD, copy=copy, language=language)


def sign(label: str, data: bytes) -> bytes:
    return envelope.sign(SEED, label, data)


class PaperDesk:
    """The two crossings, as far as paper goes."""

    def __init__(self) -> None:
        self.told: list[Seen] = []
        self._changed = threading.Condition()
        self._published = Published(0, View("attract"), Stance(), None, None, {})

    def tell(self, seen: Seen) -> None:
        with self._changed:
            self.told.append(seen)
            self._changed.notify_all()

    def published(self) -> Published:
        return self._published

    def wait(self, rev: int, timeout_s: float) -> Published:
        with self._changed:
            self._changed.wait_for(lambda: self._published.rev != rev, timeout_s)
            return self._published

    def want(self, job: PrintJob) -> None:
        with self._changed:
            self._published = Published(self._published.rev + 1, View("done"), Stance(), None, job, {})
            self._changed.notify_all()

    def outcomes(self) -> list[tuple[int, str]]:
        return [(seen.job, seen.outcome) for seen in self.told if isinstance(seen, Printed)]

    def states(self) -> list[str]:
        return [seen.state for seen in self.told if isinstance(seen, PrinterState)]

    def until(self, true: Callable[[], bool], seconds: float = 8.0) -> None:
        """Waits for something to be told. AssertionError with all that was told when it is not."""
        with self._changed:
            assert self._changed.wait_for(true, seconds), self.told


QUICK = Waits(answer_s=0.15, probe_s=0.15, job_s=1.5, settle_s=0.05, hear_s=0.05, look_s=0.1, retry_s=0.05)


class Bench:
    """A driver, a desk, and a simulated printer on the other end of a real socket."""

    def __init__(self, simulator: PrinterSimulator, address: str, profile: PrinterProfile, wrap: Callable[[Port], Port]) -> None:
        self.simulator, self.address, self.desk = simulator, address, PaperDesk()
        self.driver = PrinterDriver(self.desk, lambda: wrap(open_port(address)), profile, sign, QUICK)

    def print(self, paper: values.Paper, job: int, copy: int = 0) -> str:
        """Has a paper printed and returns how it ended."""
        self.desk.want(PrintJob(job, paper.number, copy, paper))
        self.desk.until(lambda: job in dict(self.desk.outcomes()))
        return dict(self.desk.outcomes())[job]

    def do(self, **order: object) -> dict[str, object]:
        return self.simulator.do(dict(order))

    def wait_state(self, state: str) -> None:
        self.desk.until(lambda: self.desk.states()[-1:] == [state])

    def wait_papers(self, count: int) -> None:
        deadline = time.monotonic() + 5
        while self.do(do="state")["papers"] != count:
            assert time.monotonic() < deadline, self.do(do="state")
            time.sleep(0.01)


@contextmanager
def bench(
    out: Path,
    profile: PrinterProfile = PAPER_80,
    *,
    knows: frozenset[str] = frozenset({"marker", "queued"}),
    wrap: Callable[[Port], Port] = lambda port: port,
    line_s: float = 0.0,
) -> Iterator[Bench]:
    line = TcpLine()
    simulator = PrinterSimulator(line, out, columns=profile.columns, knows=knows, line_s=line_s)
    simulator.start()
    here = Bench(simulator, line.address, profile, wrap)
    here.driver.start()
    try:
        yield here
    finally:
        here.driver.stop()
        simulator.stop()
