"""A paper that was given up before it was cut, and the next one: nobody takes two papers in one piece home."""

import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from kiosk.devices.port import FaultyPort, Port, open_port
from kiosk.devices.printer.driver import PrinterDriver
from kiosk.devices.printer.escpos import PAPER_80, job_bytes
from kiosk.devices.printer.layout import lay_out
from kiosk.vend.paper import values
from kiosk.vend.ports import PrintJob
from tests.paper.shop import QUICK, Bench, bench, recharge, sign


class Deaf(FaultyPort):
    """While `deaf` is set nothing of what the printer says arrives."""

    deaf = False

    def receive(self, deadline: float) -> bytes:
        if not self.deaf:
            return super().receive(deadline)
        threading.Event().wait(min(0.02, max(0.0, deadline - time.monotonic())))
        return b""


def abandoned(here: Bench, port: Deaf) -> None:
    """The amounts are printed, the head is hot, and nobody hears so: the paper is given up before it is cut."""
    here.desk.want(PrintJob(12200, 122, 0, recharge()))
    holds_soon(lambda: "TO CARD" in here.simulator._strip.text())
    port.deaf = True
    here.do(do="fault", hot=True)
    here.desk.until(lambda: (12200, "unknown") in here.desk.outcomes())
    assert here.do(do="state")["papers"] == 0
    here.do(do="fault", hot=False)
    port.deaf = False
    here.wait_state("ok")


def came_out(out: Path) -> list[str]:
    return [path.read_text("utf-8") for path in sorted(out.glob("*.txt"))]


@pytest.mark.covers("failure-17")
@pytest.mark.parametrize("next_number", [122, 123])
def test_what_a_paper_that_was_given_up_has_left_is_cut_off_before_the_next(tmp_path: Path, next_number: int) -> None:
    """A copy, or another customer's receipt: nobody takes two papers in one piece home."""
    ports: list[Deaf] = []

    def deaf(port: Port) -> Port:
        ports.append(Deaf(port))
        return ports[-1]

    with bench(tmp_path, wrap=deaf, line_s=0.02) as here:
        here.wait_state("ok")
        abandoned(here, ports[-1])
        paper = msgspec.structs.replace(recharge(), number=next_number)
        assert here.print(paper, next_number * 100 + 1, copy=int(next_number == 122)) == "printed"
        here.wait_papers(2)
        assert here.print(recharge(), 12500) == "printed"
        here.wait_papers(3)  # and after a whole paper nothing is cut
    assert [text.count("TO CARD") for text in came_out(tmp_path)] == [1, 1, 1]


@pytest.mark.covers("failure-17")
def test_a_copy_after_the_kiosks_own_death_does_not_hang_on_what_it_had_begun(tmp_path: Path) -> None:
    with bench(tmp_path, line_s=0.02) as here:
        here.driver.stop()
        simulator = here.simulator
        with contextlib.closing(open_port(here.address)) as port:  # a driver that is killed says nothing more
            port.write(job_bytes(lay_out(values.signed(recharge(), sign), 48), PAPER_80)[:-20])
            holds_soon(lambda: "TO CARD" in simulator._strip.text())
        driver = PrinterDriver(here.desk, lambda: open_port(here.address), PAPER_80, sign, QUICK)
        driver.start()
        try:
            here.wait_state("ok")
            assert here.print(recharge(), 12201, copy=1) == "printed"
            here.wait_papers(2)
        finally:
            driver.stop()
    assert [text.count("TO CARD") for text in came_out(tmp_path)] == [1, 1]


def holds_soon(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)
