"""The simulated terminal as any till meets it: raw bytes on its line, written from the tables and not by the driver."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kiosk.devices.port import Port, after, open_port, open_serial
from kiosk.devices.sim.control import ControlRefused, ask
from kiosk.devices.sim.zvt_book import Book
from tests.cash.desk import eventually
from tests.zvt.kit import Counter

VECTORS = {
    vector["name"]: vector for vector in json.loads((Path(__file__).parents[1] / "vectors" / "zvt.json").read_text()) if "bytes" in vector
}
REGISTER = "06 00 06 12 34 56 BE 01 56"
PAY = "06 01 0E 04 00 00 00 01 00 00 49 01 56 01 1E 02 03"
YES = "80 00 00"


class Till:
    """A stream of APDUs, cut by their own lengths."""

    def __init__(self, port: Port) -> None:
        self._port, self._pending = port, b""

    def says(self, apdu: str) -> None:
        self._port.write(bytes.fromhex(apdu))

    def hears(self, wait_s: float = 3.0) -> str:
        """The next message, "" for none."""
        deadline = after(wait_s)
        while len(self._pending) < 3 or len(self._pending) < 3 + self._pending[2]:
            received = self._port.read_some(deadline)
            if not received:
                return ""
            self._pending += received
        size = 3 + self._pending[2]
        message, self._pending = self._pending[:size], self._pending[size:]
        return message.hex(" ").upper()

    def pays(self) -> None:
        """Up to the approval."""
        self.says(PAY)
        assert self.hears() == YES
        for state in ("04 FF 02 0A 01", "04 FF 02 0E 01"):
            assert self.hears() == state
            self.says(YES)

    def asks(self, apdu: str) -> list[str]:
        """A command and all that comes of it; each message but the first is answered with yes."""
        self.says(apdu)
        heard = [self.hears()]
        while heard[-1][:5] not in {"06 0F", "06 1E", "84 6B", "84 83", "84 9A", "84 9C", ""}:
            heard.append(self.hears())
            self.says(YES)
        return heard


@contextmanager
def till(bank: Counter) -> Iterator[Till]:
    port = open_port(bank.line.address)  # type: ignore[attr-defined]
    yield Till(port)
    port.close()


over_tcp = pytest.mark.parametrize("bank", ["tcp"], indirect=True)
over_pty = pytest.mark.parametrize("bank", ["pty"], indirect=True)


@over_tcp
def test_a_payment_goes_the_documents_way_and_into_its_book(bank: Counter) -> None:
    bank.simulate(repeat_s=0.1, goods_unit_s=1.0)
    with till(bank) as here:
        assert here.asks(PAY) == ["84 6B 00"], "nobody has registered"
        assert here.asks(REGISTER) == [YES, "06 0F 0A 19 00 29 29 00 02 74 49 01 56"]
        here.pays()
        approval = here.hears()
        assert approval.startswith("04 0F") and "27 00 04 00 00 00 01 00 00 49 01 56" in approval  # noqa: PT018 - one sentence
        assert [entry.state for entry in bank.sim.book.entries] == ["open"]
        here.says("84 9C 00")
        assert here.hears() == approval, "told again after please wait"
        here.says(YES)
        lines = []
        while (told := here.hears()).startswith("06 D1"):
            lines.append(told)
            here.says(YES)
        assert told == "06 0F 07 27 00 29 29 00 02 74"
        here.says(YES)
        assert len(lines) == 6
        assert [entry.state for entry in bank.sim.book.entries] == ["completed"]
        again = here.asks("06 20 05 12 34 56 03 03")
        assert (again[1], again[2]) == (approval, "06 0F 00")


@over_tcp
def test_after_the_last_please_wait_or_without_a_word_it_takes_the_payment_back(bank: Counter) -> None:
    bank.simulate(repeat_s=0.05, goods_unit_s=0.01)
    with till(bank) as here:
        here.asks(REGISTER)
        here.pays()
        for _ in range(3):
            assert "27 00" in here.hears()
            here.says("84 9C 00")
        assert "27 00" in here.hears()
        here.says("84 9C 00")
        assert "27 6C" in here.hears()
        here.says(YES)
        assert here.hears() == "06 1E 01 6C"
        here.says(YES)
        assert [entry.state for entry in bank.sim.book.entries] == ["reversed"]
        here.pays()
        assert "27 00" in here.hears()
        time.sleep(0.4)  # 30 hundredths of a second for the goods
        assert "27 6C" in here.hears()
        assert bank.sim.book.charged_minor == 0


@over_tcp
def test_what_it_does_not_know_and_what_comes_at_the_wrong_time_is_refused(bank: Counter) -> None:
    bank.simulate()
    with till(bank) as here:
        here.asks(REGISTER)
        assert here.asks("06 93 03 12 34 56") == ["84 83 00"]
        assert here.asks("06 20 05 12 34 56 03 03") == [YES, "06 1E 01 64"], "its book is empty"
        assert here.asks("06 30 06 12 34 56 87 00 07")[-1] == "06 1E 01 B5"
        bank.sim.do({"do": "pos", "to": "hold"})
        here.says(PAY)
        here.hears()
        here.says("05 01 03 12 34 56")
        assert "84 9C 00" in (here.hears(), here.hears())
    for order in (
        {"do": "pos", "to": "rob"},
        {"do": "fault", "flood": 1},
        {"do": "power", "to": "half"},
        {"do": "unasked"},
        {"do": "steal"},
    ):
        with pytest.raises(ControlRefused):
            bank.sim.do(order)


@over_pty
def test_a_block_is_acknowledged_and_a_broken_one_is_not(bank: Counter) -> None:
    bank.simulate()
    port = open_serial(str(bank.place / "terminal"), stop_bits=2)
    block = bytes.fromhex(VECTORS["status enquiry"]["bytes"])
    port.write(block[:-1] + bytes([block[-1] ^ 1]))
    assert port.read(1, after(2.0)) == b"\x15"
    port.write(block)
    answered = port.read(1 + 9, after(2.0))
    assert answered == b"\x06" + bytes.fromhex(VECTORS["yes"]["bytes"])
    repeated = port.read(9, after(2.0))  # nobody acknowledged that
    assert repeated == answered[1:]
    port.close()


def test_its_book_outlives_it_and_a_last_line_that_was_torn_is_not_there(tmp_path: Path) -> None:
    book = Book(tmp_path / "book")
    book.complete(book.approve(100_00), "goods")
    book.reversal(book.approve(50_00))
    book.end_day()
    with (tmp_path / "book").open("ab") as file:
        file.write(b'{"what": "approved", "rec')
    again = Book(tmp_path / "book")
    assert (again.charged_minor, again.day_ends, again.last) == (100_00, 1, book.last)
    assert again.reversible(1) is None, "it was handed in"
    assert again.approve(1_00).receipt == 4
    assert Book(tmp_path / "book").charged_minor == 101_00


def test_numbers_begin_anew_behind_9999(tmp_path: Path) -> None:
    (tmp_path / "book").write_text('{"what": "approved", "receipt": 9999, "trace": 999999, "amount_minor": 1}\n')
    entry = Book(tmp_path / "book").approve(1)
    assert (entry.receipt, entry.trace) == (1, 1)


def test_kiosk_sim_terminal_plays_one_until_it_is_told_to_quit(tmp_path: Path) -> None:
    where = ["--link", str(tmp_path / "terminal"), "--book", str(tmp_path / "book"), "--control", str(tmp_path / "control")]
    with subprocess.Popen([sys.executable, "-m", "kiosk", "sim", "terminal", *where], stderr=subprocess.PIPE, text=True) as process:
        try:
            eventually(lambda: (tmp_path / "control").exists() and (tmp_path / "terminal").exists(), 20)
            assert ask(tmp_path / "control", {"do": "pos", "to": "decline"})["state"]["mode"] == "decline"
            open_serial(str(tmp_path / "terminal"), stop_bits=2).close()
            ask(tmp_path / "control", {"do": "quit"})
            assert process.wait(10) == 0
        finally:
            process.kill()
    assert not (tmp_path / "terminal").exists()


def test_kiosk_sim_terminal_says_in_one_sentence_what_it_cannot_do(tmp_path: Path) -> None:
    (tmp_path / "no-book").write_text("hello\n")
    for arguments, code, sentence in (
        (["--book", str(tmp_path / "book")], 2, "Give either --link, or --listen with HOST:PORT."),
        (["--book", str(tmp_path / "book"), "--listen", "somewhere"], 2, "Give either --link, or --listen with HOST:PORT."),
        (["--book", str(tmp_path / "no-book"), "--link", str(tmp_path / "t")], 3, "is not the book of a simulated terminal."),
        (["--book", str(tmp_path / "book"), "--link", str(tmp_path / "no" / "t")], 3, "The simulator cannot start"),
    ):
        ended = subprocess.run([sys.executable, "-m", "kiosk", "sim", "terminal", *arguments], capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stderr.count("\n")) == (code, 1)
        assert sentence in ended.stderr
