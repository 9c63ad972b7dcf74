"""One sale by two users on one machine: the screen is killed on every screen, the core is stopped, and every cent is somewhere."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.devices.sim.card import CardModel
from kiosk.devices.vault.demo_roster import TECHNICIAN
from kiosk.screens.staff.knock import KNOCK
from kiosk.vend.facts import NoteStacked, SaleClosed
from kiosk.vend.operators.session import OperatorEntered, OperatorLeft, OperatorRefused
from tests.apart.place import HOLD_S, Place, anywhere


@pytest.fixture
def place() -> Iterator[Place]:
    with anywhere() as folder, Place(Path(folder)) as here:
        yield here


def die(place: Place, text: str) -> None:
    """This is on the screen; its process is killed; this is on the screen again."""
    place.glass.says(text)
    place.glass.kill()
    place.glass.start()
    place.glass.says(text)


def feed(place: Place, amount_minor: int) -> None:
    """As people do: try until the machine takes it."""
    until = time.monotonic() + 30
    while not place.notes.do({"do": "state"})["accepting"]:
        assert time.monotonic() < until, "the acceptor never opened"
        time.sleep(0.05)
    place.notes.do({"do": "insert_note", "value_minor": amount_minor})


@pytest.mark.deep("every screen of a sale is killed")
@pytest.mark.covers("abuse-7")
def test_a_sale_whose_screen_is_killed_on_each_of_its_screens_ends_as_any_other(place: Place) -> None:
    die(place, "Put your electricity card")
    place.hand("insert")
    die(place, "The meter has not used it yet.")
    feed(place, 100_00)
    die(place, "100.00 is in.")
    feed(place, 50_00)
    die(place, "150.00 is in.")
    place.glass.type(b"\r")
    die(place, "is on the card.")
    place.glass.type(b"\x1b")
    die(place, "Take your card")
    place.hand("pull")
    die(place, "Put your electricity card")
    stacked = [fact.denomination for fact in place.facts() if isinstance(fact, NoteStacked)]
    (closed,) = [fact for fact in place.facts() if isinstance(fact, SaleClosed)]
    assert stacked == [100_00, 50_00]
    assert closed.tender_minor == 150_00
    place.home.card = CardModel.open(place.state / "home" / "card.json")
    assert place.home.home() == closed.credit_minor > 0
    assert place.home.home() == 0


@pytest.mark.covers("abuse-8")
def test_a_core_that_is_stopped_takes_no_money_and_goes_on_where_it_was(place: Place) -> None:
    assert place.core
    place.hand("insert")
    place.glass.says("The meter has not used it yet.")
    feed(place, 100_00)
    place.glass.says("100.00 is in.")
    os.kill(place.core.pid, signal.SIGSTOP)
    place.notes.do({"do": "insert_note", "value_minor": 50_00})
    assert place.notes.do({"do": "state"})["held_minor"] == 50_00
    time.sleep(HOLD_S + 1)
    state = place.notes.do({"do": "state"})
    assert (state["held_minor"], state["box"]) == (None, {"10000": 1}), "nobody said stack: the note went back"
    place.glass.type(b"\r")
    place.glass.drain(1.0)
    place.glass.says("100.00 is in.")
    os.kill(place.core.pid, signal.SIGCONT)
    place.glass.says("is on the card.")
    (closed,) = [fact for fact in place.facts() if isinstance(fact, SaleClosed)]
    assert closed.tender_minor == 100_00


@pytest.mark.deep("a screen killed at each step of a technician's work")
@pytest.mark.covers("abuse-7")
def test_a_screen_that_is_killed_under_a_technician_comes_back_to_the_same_session_without_what_was_half_typed(place: Place) -> None:
    die(place, "Put your electricity card")
    press(place, *KNOCK)
    die(place, "Your operator number")
    number, pin = TECHNICIAN
    press(place, *number, "enter")
    place.glass.says("Your PIN")
    press(place, *pin[:4])
    die(place, "Your PIN")
    press(place, *pin, "enter")
    die(place, f"operator {number}")
    press(place, "clear")
    die(place, "Put your electricity card")
    came = [fact for fact in place.facts() if isinstance(fact, OperatorEntered | OperatorRefused | OperatorLeft)]
    assert came == [OperatorEntered(number), OperatorLeft(number, "leave")]


def press(place: Place, *caps: str) -> None:
    """On the pad, with a finger that rests between two keys."""
    for cap in caps:
        place.glass.type({"clear": b"\x1b", "enter": b"\r"}.get(cap, cap.encode()))
        place.glass.drain(0.55)
