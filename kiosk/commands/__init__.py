"""The command line, a file a group of commands. Heavy libraries are imported by the command that needs them."""

import threading
from typing import TYPE_CHECKING

from kiosk import safetext

if TYPE_CHECKING:
    import typer

LOOK_S = 1.0
EXIT_REFUSED, EXIT_USAGE, EXIT_MISSING, EXIT_DAMAGED, EXIT_DIED = 1, 2, 3, 4, 70


def say(text: str | bytes, *, err: bool = False, nl: bool = True) -> None:
    """A text, or JSON as bytes, to the terminal. What is in it may come from anywhere (`kiosk.safetext`)."""
    import typer

    typer.echo(safetext.json(text) if isinstance(text, bytes) else safetext.lines(text), err=err, nl=nl)


def ended(sentence: str, code: int) -> "typer.Exit":
    """Say one sentence on stderr; the caller raises what this gives."""
    import typer

    say(sentence, err=True)
    return typer.Exit(code)


def until(over: threading.Event) -> None:
    """Waits for it on the main thread, where Python runs what signals call. A process that was stopped and goes on may take a signal on
    another thread, and that wakes nobody who waits without an end."""
    while not over.wait(LOOK_S):
        pass
