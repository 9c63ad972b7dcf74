"""A person waits for a paper, and the roll ends, the cover opens, the cable is pulled: what is told is never more than what is known."""

import contextlib
import subprocess
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec
import pytest
from PIL import Image
from typer.testing import CliRunner

from kiosk import envelope, words
from kiosk.cli import app
from kiosk.commands.receipt_samples import PUBLIC_KEY
from kiosk.devices.port import FaultyPort, Port, open_port, open_serial
from kiosk.devices.printer.driver import PrinterDriver, print_once
from kiosk.devices.printer.escpos import PAPER_58, PAPER_80, PROFILES, PrinterProfile, code_image, job_bytes, line_image, mark_of
from kiosk.devices.printer.layout import TextLine, lay_out
from kiosk.devices.sim.printer import PrinterSimulator
from kiosk.devices.sim.printer_line import PtyLine, TcpLine
from kiosk.vend import evidence
from kiosk.vend.paper import values
from kiosk.vend.ports import PrintJob
from kiosk.vend.seen import Printed, Seen
from tests.paper.shop import QUICK, PaperDesk, bench, claim, recharge, sign
from tests.seeds import Seeds

WRITE_ONLY = PROFILES["80mm-write-only"]


def scanned(picture: Path) -> str:
    """What a phone reads from the paper."""
    found = subprocess.run(["zbarimg", "-q", "--raw", "-Sdisable", "-Sqrcode.enable", picture], capture_output=True, text=True, check=True)
    return found.stdout.strip()


def as_printed(lines: list[str]) -> list[str]:
    """Lines as the simulator tells them: a line that is not ASCII is a picture, and pictures without text between them are one."""
    told = [line if line.isascii() else "[picture]" for line in lines]
    return [line for at, line in enumerate(told) if line != "[picture]" or told[at - 1 : at] != ["[picture]"]]


@pytest.mark.screen
@pytest.mark.parametrize("language", words.languages())
@pytest.mark.parametrize("profile", [PAPER_80, PAPER_58], ids=["80 mm", "58 mm"])
def test_the_paper_that_falls_out_says_what_was_laid_out_and_its_code_is_genuine(
    tmp_path: Path, profile: PrinterProfile, language: str
) -> None:
    with bench(tmp_path, profile) as here:
        for number, paper in enumerate((recharge(language=language), claim(language=language)), 1):
            assert here.print(paper, number) == "printed"
            here.wait_papers(number)
            laid_out = lay_out(values.signed(paper, sign), profile.columns)
            expected = as_printed([line.text if isinstance(line, TextLine) else "[picture]" for line in laid_out])
            lines = (tmp_path / f"{number:03d}.txt").read_text("utf-8").splitlines()
            assert [line.strip() if "[picture]" in line else line for line in lines] == expected
            with Image.open(tmp_path / f"{number:03d}.png") as picture:
                assert picture.width == profile.columns * 12 + 2 * 32 + 2 * 20
            code = scanned(tmp_path / f"{number:03d}.png")
            assert evidence.verify(code, partial(envelope.holds, PUBLIC_KEY)) == values.signed(paper, sign).evidence
            verified = CliRunner().invoke(app, ["receipt", "verify", code, "--key", PUBLIC_KEY.hex()])
            assert (verified.exit_code, verified.stdout.split()[0]) == (0, "Genuine")
        assert here.do(do="state")["unheard"] == ""


def test_a_job_is_printed_once_however_often_the_desk_shows_it(tmp_path: Path) -> None:
    with bench(tmp_path) as here:
        assert here.print(recharge(), 12200) == "printed"
        here.desk.want(PrintJob(12200, 122, 0, recharge()))
        assert here.print(claim(), 12300) == "printed"
        here.wait_papers(2)
        assert here.desk.outcomes() == [(12200, "printed"), (12300, "printed")]


@pytest.mark.covers("failure-17")
@pytest.mark.parametrize("lines", [3, 15, 26])
def test_when_the_roll_ends_in_the_middle_nobody_knows_and_the_copy_is_whole(tmp_path: Path, lines: int) -> None:
    with bench(tmp_path) as here:
        here.do(do="paper", to="out", after_lines=lines)
        assert here.print(recharge(), 12200) == "unknown"
        here.wait_state("out")
        assert here.print(recharge(), 12201) == "failed"  # no paper yet: not a byte is sent
        here.do(do="paper", to="ok")
        here.wait_state("ok")
        here.wait_papers(1)
        assert here.do(do="state")["waiting_bytes"] == 0  # the rest was taken back: it is not printed behind the refill
        assert here.print(recharge(), 12202, copy=1) == "printed"
        here.wait_papers(2)
        torn, copy = ((tmp_path / f"00{n}.txt").read_text("utf-8") for n in (1, 2))
        assert "Help  " not in torn
        assert "COPY 1" in copy
        assert "K07-000122" in copy
        assert copy.endswith("0800 123 456\n")
        assert copy.count("ELECTRICITY RECHARGE") == 1


@pytest.mark.covers("failure-17")
def test_a_cover_that_is_opened_in_the_middle_ends_the_job_and_closing_it_does_not_continue_it(tmp_path: Path) -> None:
    with bench(tmp_path, line_s=0.05) as here:
        here.desk.want(PrintJob(12200, 122, 0, recharge()))
        wait_printing(here.simulator)
        here.do(do="cover", to="open")
        here.desk.until(lambda: (12200, "unknown") in here.desk.outcomes())
        here.wait_state("cover")
        here.do(do="cover", to="closed")
        here.wait_state("ok")
        assert here.do(do="state")["waiting_bytes"] == 0


def wait_printing(simulator: PrinterSimulator) -> None:
    for _ in range(500):
        if simulator.do({"do": "state"})["waiting_bytes"]:
            return
        threading.Event().wait(0.01)
    raise AssertionError("the printer never had a byte waiting")


@pytest.mark.covers("failure-18")
def test_a_jammed_knife_is_for_the_staff_and_the_job_is_unknown(tmp_path: Path) -> None:
    with bench(tmp_path) as here:
        here.do(do="fault", cutter=True)
        assert here.print(claim(), 12300) == "unknown"
        here.wait_state("error")
        assert here.print(claim(), 12301, copy=1) == "failed"
        here.do(do="power", to="off")
        here.do(do="power", to="on")
        here.wait_state("ok")
        assert here.print(claim(), 12302, copy=1) == "printed"


@pytest.mark.covers("failure-15")
def test_a_roll_that_is_nearly_used_up_prints_on_and_is_told(tmp_path: Path) -> None:
    with bench(tmp_path) as here:
        here.do(do="paper", to="near", after_lines=5)
        assert here.print(recharge(), 12200) == "printed"
        here.wait_state("low")
        assert here.print(claim(), 12300) == "printed"


@pytest.mark.covers("failure-16")
def test_without_paper_before_the_sale_it_is_said_and_nothing_is_sent(tmp_path: Path) -> None:
    with bench(tmp_path) as here:
        here.do(do="paper", to="out")
        here.wait_state("out")
        assert here.print(recharge(), 12200) == "failed"
        here.do(do="paper", to="ok")
        here.wait_state("ok")
        assert here.do(do="state")["papers"] == 0


@pytest.mark.covers("failure-19")
def test_a_printer_without_a_way_back_is_assumed_to_have_printed(tmp_path: Path) -> None:
    with bench(tmp_path, WRITE_ONLY) as here:
        here.do(do="fault", mute=True)
        assert here.print(recharge(), 12200) == "assumed"
        here.wait_papers(1)
        here.do(do="fault", swallow=True)
        assert here.print(claim(), 12300) == "assumed"
        assert here.desk.states() == ["ok"]


def test_a_printer_that_ought_to_answer_and_is_silent_is_gone_and_never_out_of_paper(tmp_path: Path) -> None:
    with bench(tmp_path) as here:
        here.wait_state("ok")
        here.do(do="fault", mute=True)
        here.wait_state("offline")
        assert here.print(recharge(), 12200) == "failed"
        here.do(do="fault", mute=False)
        here.wait_state("ok")
        assert here.print(recharge(), 12201, copy=1) == "printed"
        assert here.desk.states() == ["ok", "offline", "ok"]


@pytest.mark.parametrize(("knows", "outcome"), [({"queued"}, "printed"), (set(), "assumed")], ids=["GS r only", "neither"])
def test_a_simpler_printer_says_less_and_no_more_is_told(tmp_path: Path, knows: set[str], outcome: str) -> None:
    profile = msgspec.structs.replace(PAPER_80, done="queued")
    with bench(tmp_path, profile, knows=frozenset(knows)) as here:
        assert here.print(recharge(), 12200) == outcome
        here.wait_papers(1)


def test_a_hot_head_is_waited_for(tmp_path: Path) -> None:
    with bench(tmp_path, line_s=0.02) as here:
        here.desk.want(PrintJob(12200, 122, 0, recharge()))
        wait_printing(here.simulator)
        here.do(do="fault", hot=True)
        threading.Event().wait(0.4)
        assert here.desk.outcomes() == []
        here.do(do="fault", hot=False)
        here.desk.until(lambda: here.desk.outcomes() == [(12200, "printed")])


@pytest.mark.covers("failure-20")
def test_a_pulled_cable_ends_the_job_as_unknown_and_the_next_paper_comes_after_it_is_back(tmp_path: Path) -> None:
    with bench(tmp_path, line_s=0.02) as here:
        here.desk.want(PrintJob(12200, 122, 0, recharge()))
        wait_printing(here.simulator)
        here.do(do="unplug")
        here.desk.until(lambda: here.desk.outcomes() == [(12200, "unknown")])
        here.wait_state("offline")
        assert here.print(recharge(), 12201, copy=1) == "failed"
        here.do(do="plug")
        here.wait_state("ok")
        assert here.print(recharge(), 12202, copy=1) == "printed"


class SlowPort(FaultyPort):
    """A line of 50,000 baud: a paper takes its time to go over."""

    def write(self, data: bytes) -> None:
        threading.Event().wait(len(data) / 5000)
        super().write(data)


@pytest.mark.parametrize("line", [FaultyPort, SlowPort], ids=["while it prints", "while it is still being sent"])
def test_a_power_cut_of_the_printer_in_a_job_is_never_taken_for_printed(tmp_path: Path, line: type[FaultyPort]) -> None:
    link = tmp_path / "printer"
    simulator = PrinterSimulator(PtyLine(link), tmp_path / "out", line_s=0.02)
    simulator.start()
    desk = PaperDesk()
    driver = PrinterDriver(desk, lambda: line(open_serial(str(link), 115200)), PAPER_80, sign, QUICK)
    driver.start()
    try:
        desk.until(lambda: desk.states() == ["ok"])
        desk.want(PrintJob(12200, 122, 0, recharge()))
        wait_printing(simulator)
        simulator.do({"do": "power", "to": "off"})  # the adapter lives, the printer forgets everything
        simulator.do({"do": "power", "to": "on"})
        desk.until(lambda: (12200, "unknown") in desk.outcomes())
        desk.want(PrintJob(12201, 122, 1, recharge()))
        desk.until(lambda: (12201, "printed") in desk.outcomes())
    finally:
        driver.stop()
        simulator.stop()


class Broken(Exception):
    """A programmer's error."""


def test_a_driver_that_dies_in_a_job_says_unknown_and_prints_it_no_second_time(tmp_path: Path) -> None:
    class BreakingPort(FaultyPort):
        """Breaks the driver, not the line, in the middle of a paper."""

        def write(self, data: bytes) -> None:
            if b"ELECTRICITY" in data:
                raise Broken
            super().write(data)

    with bench(tmp_path) as here:
        here.driver.stop()
        desk = PaperDesk()
        driver = PrinterDriver(desk, lambda: BreakingPort(open_port(here.address)), PAPER_80, sign, QUICK)
        desk.want(PrintJob(12200, 122, 0, recharge()))
        with pytest.raises(Broken):
            driver.run()
        assert desk.outcomes() == [(12200, "unknown")]
        driver.start()
        desk.want(PrintJob(12200, 122, 0, recharge()))
        threading.Event().wait(0.3)
        driver.stop()
        assert desk.outcomes() == [(12200, "unknown")]
        assert here.do(do="state")["papers"] == 0


def test_an_end_that_could_not_be_told_is_told_when_the_driver_runs_again(tmp_path: Path) -> None:
    class DeafDesk(PaperDesk):
        """Breaks when it is first told of an end."""

        deaf = True

        def tell(self, seen: Seen) -> None:
            if isinstance(seen, Printed) and self.deaf:
                self.deaf = False
                raise Broken
            super().tell(seen)

    with bench(tmp_path) as here:
        here.driver.stop()
        desk = DeafDesk()
        driver = PrinterDriver(desk, lambda: open_port(here.address), PAPER_80, sign, QUICK)
        desk.want(PrintJob(12200, 122, 0, recharge()))
        with pytest.raises(Broken):
            driver.run()
        driver.start()
        desk.until(lambda: desk.outcomes() == [(12200, "unknown")])
        driver.stop()
        here.wait_papers(1)


@pytest.mark.parametrize(
    "harm",
    [lambda port: OneWay(port, split=True), lambda port: OneWay(port, delay_s=0.01), lambda port: OneWay(port, split=True, duplicate=0.2)],
    ids=["byte by byte", "slow", "stuttering"],
)
def test_a_slow_torn_or_stuttering_line_changes_nothing(tmp_path: Path, harm: Callable[[Port], Port]) -> None:
    with bench(tmp_path, wrap=harm) as here:
        for job in range(1, 4):
            assert here.print(recharge(), job) == "printed"
        here.wait_papers(3)


class OneWay(FaultyPort):
    """Only what the printer says is harmed: ESC/POS has no means to notice harm the other way."""

    def write(self, data: bytes) -> None:
        self._port.write(data)


@pytest.mark.parametrize("turn", range(2))
def test_when_answers_are_lost_the_end_is_told_or_unknown_but_never_wrong(tmp_path: Path, turn: int, seeds: Seeds) -> None:
    chance = seeds.random(f"printer's answers {turn}")
    with bench(tmp_path, wrap=lambda port: OneWay(port, drop=0.2, seed=chance.getrandbits(32))) as here:
        told = [here.print(recharge(), job) for job in (1, 2)]
        assert set(told) <= {"printed", "assumed", "unknown", "failed"}
        papers = here.do(do="state")["papers"]
        assert isinstance(papers, int)
        assert told.count("printed") <= papers <= len(told) - told.count("failed")


@pytest.mark.parametrize("writes", [4, 9, 20])
def test_a_line_that_breaks_at_any_write_ends_the_job_and_opens_again(tmp_path: Path, writes: int) -> None:
    broken = [writes]

    def breaking(port: Port) -> Port:
        return FaultyPort(port, cut_after=broken.pop() if broken else None)

    with bench(tmp_path, wrap=breaking) as here:
        first = here.print(recharge(), 12200)
        assert first in {"unknown", "failed", "printed"}
        here.wait_state("ok")
        assert here.print(recharge(), 12201, copy=1) == "printed"


def test_many_reports_between_the_answers_confuse_nobody(tmp_path: Path) -> None:
    with bench(tmp_path, line_s=0.01) as here:
        here.desk.want(PrintJob(12200, 122, 0, recharge()))
        wait_printing(here.simulator)
        for _ in range(10):  # near, ok, near: each is told by the printer at once
            here.do(do="paper", to="near")
            here.do(do="paper", to="ok")
        here.desk.until(lambda: here.desk.outcomes() == [(12200, "printed")])


# ---------------------------------------------------------------- bytes


def test_each_job_begins_by_itself_and_ends_with_the_knife() -> None:
    data = job_bytes(lay_out(values.signed(recharge(), sign), 48), PAPER_80)
    assert data.startswith(b"\x1b@")
    assert data.endswith(b"\x1dVB\x00")


def test_the_code_is_as_small_as_the_format_says() -> None:
    for paper, modules in ((recharge(), 41), (claim(), 45)):
        assert code_image(values.signed(paper, sign).code, 1).width == modules + 8
    assert code_image(values.signed(claim(), sign).code, PAPER_58.code_dots).width <= 384


def test_marks_of_neighbouring_jobs_differ() -> None:
    assert len({mark_of(job) for job in range(12200, 12500)}) == 300


def test_a_line_that_no_font_of_the_printer_has_goes_as_a_picture_without_orders_in_it() -> None:
    data = job_bytes((TextLine("您的 150.00 元是安全的é"),), PAPER_80)
    assert b"150.00" not in data
    assert b"\x1dv0" in data
    many = "".join(map(chr, range(0x4E00, 0x5200)))
    rasters = b"".join(ink(TextLine(many[at : at + 24])) for at in range(0, len(many), 24))
    for order in (b"\x10\x04", b"\x10\x05", b"\x10\x14"):
        assert order not in rasters


def ink(line: TextLine) -> bytes:
    """The dots of a line as GS v 0 has them, 1 is black."""
    return bytes(byte ^ 0xFF for byte in line_image(line).tobytes())


def test_a_paper_without_a_desk_is_told_how_it_ended(tmp_path: Path) -> None:
    line = TcpLine()
    simulator = PrinterSimulator(line, tmp_path, line_s=0.01)
    simulator.start()

    def printed() -> str:
        with contextlib.closing(open_port(line.address)) as port:
            return print_once(port, PAPER_80, recharge(), QUICK)

    try:
        assert printed() == "printed"
        simulator.do({"do": "paper", "to": "out", "after_lines": 5})
        assert printed() == "unknown"
        assert printed() == "failed"
    finally:
        simulator.stop()
