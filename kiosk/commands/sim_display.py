"""`kiosk sim display`: a customer display on a pseudo-terminal, drawn here as text whenever it changes."""

import signal
from pathlib import Path
from typing import Annotated, Literal

import typer

from kiosk.commands import say, until

Link = Annotated[Path, typer.Option(help="Where the serial line appears, a link to a new pseudo-terminal.")]
Kind = Annotated[Literal["cd5220", "epson", "led8n"], typer.Option("--protocol", help="What it understands.")]
Control = Annotated[Path | None, typer.Option(help="Where the control socket appears: one JSON order a line.")]
Charset = Annotated[Literal["cp437", "cp850", "cp858", "cp1252", "gb18030"], typer.Option(help="Its font when it is switched on.")]


def display(*, link: Link, kind: Kind = "cd5220", control: Control = None, charset: Charset = "cp437") -> None:
    """Play a customer display until Ctrl-C or the order quit. Exit code 3 when link or socket cannot be made.

    Example: kiosk sim display --link /tmp/display --control /tmp/display.ctl, then kiosk sim tell /tmp/display.ctl unplug
    """
    from kiosk.devices.sim.display import DisplaySimulator

    drawn: list[str] = []

    def draw(rows: tuple[str, ...], lamps: list[str]) -> None:
        picture = drawing(rows, lamps)
        if drawn[-1:] != [picture]:
            drawn[:] = [picture]
            say(picture)

    simulator = DisplaySimulator(link, kind, control, charset=charset, changed=draw)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: simulator.finished.set())
    try:
        simulator.start()
    except OSError as error:
        say(f"The simulator cannot start: {error}. Is the place writable and free?", err=True)
        raise typer.Exit(3) from None
    try:
        until(simulator.finished)
    finally:
        simulator.stop()


def drawing(rows: tuple[str, ...], lamps: list[str]) -> str:
    """The cells in a frame, and the lamps that are lit below it."""
    width = max(len(row) for row in rows) if any(rows) else 8
    framed = [f"|{row.ljust(width)}|" for row in rows]
    edge = f"+{'-' * width}+"
    return "\n".join((edge, *framed, edge, *((f" {' '.join(lamps)}",) if lamps else ())))
