"""The station's thread beside the desk: what was asked for is signed once; a signer that dies or hangs leaves the customer the paper."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kiosk.core import machine_of
from kiosk.devices.vault.signer import Signer
from kiosk.vend.desk import Desk
from kiosk.vend.evidence import verify
from kiosk.vend.facts import Fact
from kiosk.vend.journal import Journal
from kiosk.vend.phase import SIGN_MS
from kiosk.vend.seen import Choice, PrinterState
from kiosk.vend.state import State
from kiosk.vend.view import View
from tests.desk.test_desk import KEY
from tests.desk.till import HandClock, Seal
from tests.sale.everywhere import landed
from tests.sale.shop import rules, sign


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def desk(tmp_path: Path, clock: HandClock) -> Iterator[Desk[State]]:
    """A desk at which a purchase has just landed."""
    with Journal.open(tmp_path / "store.db", KEY, at_ms=1) as journal:
        machine = machine_of(rules())
        running = Desk(machine, machine.blank, journal, Seal(), clock)
        story: list[Fact] = landed().facts()
        running.record(story)
        running.start()
        running.tell(PrinterState("ok"))
        yield running
        running.stop()


def until(desk: Desk[State], what: Callable[[View], object]) -> View:
    end, published = time.monotonic() + 20, desk.published()
    while not what(published.view):
        assert time.monotonic() < end, published.view
        published = desk.wait(published.rev, 0.2)
    return published.view


def ask(desk: Desk[State]) -> None:
    view = until(desk, lambda view: view.phase == "done" and view.params["receipt"] == "asking")
    desk.tell(Choice(view.rev, "receipt", "qr"))


def test_a_code_is_signed_once_and_holds(desk: Desk[State]) -> None:
    signed: list[str] = []

    def counted(label: str, data: bytes) -> bytes:
        signed.append(label)
        return sign(label, data)

    Signer(desk, counted).start()
    ask(desk)
    view = until(desk, lambda view: view.phase == "qr")
    assert verify(str(view.params["code"]), lambda label, data, given: sign(label, data) == given).amount_minor == 95_00
    desk.tell(Choice(view.rev, "cancel"))
    view = until(desk, lambda view: view.phase == "done")
    desk.tell(Choice(view.rev, "receipt", "qr"))
    until(desk, lambda view: view.phase == "qr")
    assert signed == ["receipt"]


def test_a_signer_that_dies_of_it_says_so_and_lives_on(desk: Desk[State], capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(_label: str, _data: bytes) -> bytes:
        raise OSError("the key is gone")

    Signer(desk, refuse).start()
    ask(desk)
    view = until(desk, lambda view: view.params["receipt"] == "no_qr")
    assert [offer.arg for offer in view.offers if offer.choice == "receipt"] == ["paper", "none"]
    assert "the key is gone" in capsys.readouterr().err
    assert [thread.name for thread in threading.enumerate()].count("signer") == 1


def test_a_signer_that_hangs_is_not_waited_for(desk: Desk[State], clock: HandClock) -> None:
    never = threading.Event()

    def hang(_label: str, _data: bytes) -> bytes:
        never.wait(60)
        return bytes(64)

    Signer(desk, hang).start()
    ask(desk)
    time.sleep(0.2)
    assert desk.published().view.phase == "done"
    clock.move(SIGN_MS)
    desk.tell(PrinterState("low"))  # anything that wakes a desk whose clock is a hand's
    until(desk, lambda view: view.params["receipt"] == "no_qr")
    never.set()
    time.sleep(0.2)
    assert desk.published().view.params["receipt"] == "no_qr", "the late answer is to a question that is over"


def test_it_ends_with_the_desk(desk: Desk[State]) -> None:
    Signer(desk, sign).start()
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "signer")
    desk.stop()
    thread.join(10)
    assert not thread.is_alive()
