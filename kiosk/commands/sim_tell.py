"""`kiosk sim tell`: one order for a simulator that runs, by its control socket."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from kiosk.commands import EXIT_MISSING, EXIT_REFUSED, EXIT_USAGE, ended, say


def tell(
    control: Annotated[Path, typer.Argument(help="the control socket")],
    words: Annotated[
        list[str], typer.Argument(help="at which device, where the socket serves several; the order; and NAME=VALUE for what goes with it")
    ],
) -> None:
    """Tell a simulated device what happens to it, and print its state, a line of JSON.

    Example: kiosk sim tell k07/sim/control card insert_card, then kiosk sim tell k07/sim/control notes insert_note value_minor=10000

    Exit codes: 1 the device refuses; 2 that is no order; 3 nobody is there.
    """
    from kiosk.devices.sim.control import ask

    plain = [word for word in words if "=" not in word]
    if not 1 <= len(plain) <= 2 or words[: len(plain)] != plain:
        raise ended("Say at which device and what: notes insert_note value_minor=10000; or only what, of one device.", EXIT_USAGE)
    order = dict(zip(("at", "do") if len(plain) == 2 else ("do",), plain, strict=True))
    try:
        answer = ask(control, order | {name: _value(text) for name, _, text in (word.partition("=") for word in words[len(plain) :])})
    except OSError as error:
        raise ended(f"No simulator answers at {control}: {error.strerror or error}.", EXIT_MISSING) from None
    if not answer["ok"]:
        raise ended(str(answer["error"]), EXIT_REFUSED)
    say(msgspec.json.encode(answer["state"]))


def _value(text: str) -> object:
    """A number, true, a list; what is none of these is a word."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text
