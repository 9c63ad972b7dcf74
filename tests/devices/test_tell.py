"""`kiosk sim tell`: a person at a terminal says what happens to a simulated device."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from kiosk.cli import app
from kiosk.devices.sim.fleet import Fleet, Seat


@contextmanager
def fleet(folder: Path) -> Iterator[Path]:
    """A note validator and a display; their control socket."""
    ports = {"notes": "cctalk", "display": "cd5220"}
    seats = tuple(Seat(role, protocol, str(folder / "dev" / role), folder) for role, protocol in ports.items())
    control = folder / "control"
    made = Fleet(seats, control)
    made.start()
    try:
        yield control
    finally:
        made.stop()


def told(*words: str) -> Result:
    return CliRunner().invoke(app, ["sim", "tell", *words])


def test_an_order_for_one_device_answers_its_state(tmp_path: Path) -> None:
    with fleet(tmp_path) as control:
        off = told(str(control), "notes", "power", "to=off")
        assert (off.exit_code, json.loads(off.output)["powered"]) == (0, False)
        state = told(str(control), "state")
        assert sorted(json.loads(state.output)) == ["display", "notes"]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("notes", "insert_note", "value_minor=many"), 1, "value_minor"),
        (("shelf", "state"), 1, "There is no shelf here"),
        (("value_minor=1", "notes"), 2, "Say at which device and what"),
        (("a", "b", "c"), 2, "Say at which device and what"),
    ],
)
def test_what_is_no_order_or_is_refused_is_one_sentence(words: tuple[str, ...], code: int, says: str, tmp_path: Path) -> None:
    with fleet(tmp_path) as control:
        answer = told(str(control), *words)
    assert answer.exit_code == code
    assert says in " ".join(answer.output.split())


def test_where_nobody_is_that_is_said(tmp_path: Path) -> None:
    answer = told(str(tmp_path / "nobody"), "state")
    assert (answer.exit_code, "No simulator answers at" in answer.output) == (3, True)
