"""`kiosk sim modem`: a GSM modem on a pseudo-terminal, its network and its telephones played through its control socket."""

import signal
from pathlib import Path
from typing import Annotated

import typer

from kiosk.commands import say, until

Link = Annotated[Path, typer.Option(help="Where the serial line appears, a link to a new pseudo-terminal.")]
Control = Annotated[Path | None, typer.Option(help="Where the control socket appears: one JSON order a line.")]
Memory = Annotated[Path | None, typer.Option(help="The file that is its memory: what telephones got, what the SIM card holds.")]
Pin = Annotated[str, typer.Option(help="The PIN that its SIM card asks for.")]


def modem(*, link: Link, control: Control = None, memory: Memory = None, pin: Pin = "") -> None:
    """Play a modem until Ctrl-C or the order quit. Exit code 3 when link or socket cannot be made.

    Example: kiosk sim modem --link /tmp/modem --control /tmp/modem.ctl, then
    kiosk sim tell /tmp/modem.ctl network to=none
    """
    from kiosk.devices.sim.modem import ModemSimulator
    from kiosk.devices.sim.printer_line import PtyLine

    simulator = ModemSimulator(PtyLine(link), control, memory, pin=pin)
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
