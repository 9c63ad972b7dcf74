"""`kiosk sim terminal`: a bank card terminal on a pseudo-terminal or a TCP port, played through its control socket."""

import signal
from pathlib import Path
from typing import Annotated, Literal

import typer

from kiosk.commands import say, until

Protocol = Annotated[Literal["zvt"], typer.Option(help="What it speaks.")]
Link = Annotated[Path | None, typer.Option(help="Where the serial line appears, a link to a new pseudo-terminal.")]
Listen = Annotated[str, typer.Option(help="HOST:PORT of a network terminal; terminals use 20007.")]
Book = Annotated[Path, typer.Option(help="The file of its approvals and reversals; it outlives the terminal.")]
Control = Annotated[Path | None, typer.Option(help="Where the control socket appears: one JSON order a line.")]
Keep = Annotated[bool, typer.Option("--keep", help="Complete what was open at a power cut, instead of reversing it.")]


def terminal(
    *,
    book: Book,
    protocol: Protocol = "zvt",  # noqa: ARG001 - the only one so far
    link: Link = None,
    listen: Listen = "",
    control: Control = None,
    keep: Keep = False,
) -> None:
    """Play a bank card terminal until Ctrl-C or the order quit. Exit code 2 for a wrong call, 3 when port, socket or book cannot be had.

    Example: kiosk sim terminal --listen 127.0.0.1:20007 --book /tmp/book --control /tmp/pos.ctl, then
    kiosk sim tell /tmp/pos.ctl pos to=decline
    """
    from kiosk.devices.sim.printer_line import PtyLine, TcpLine
    from kiosk.devices.sim.zvt import TerminalSimulator

    host, _, number = listen.rpartition(":")
    named = bool(host) and number.isdecimal() and 0 < int(number) < 65536
    if (link is None) == (not listen) or (listen and not named):
        say("Give either --link, or --listen with HOST:PORT.", err=True)
        raise typer.Exit(2)
    line = PtyLine(link) if link else TcpLine(host.strip("[]"), int(number))
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: simulator.finished.set())
    try:
        simulator = TerminalSimulator(line, book, control, blocks=link is not None, keep=keep, card_s=2.0)
        simulator.start()
    except ValueError:
        say(f"{book} is not the book of a simulated terminal.", err=True)
        raise typer.Exit(3) from None
    except OSError as error:
        say(f"The simulator cannot start: {error}. Is the place writable and free?", err=True)
        raise typer.Exit(3) from None
    try:
        until(simulator.finished)
    finally:
        simulator.stop()
