"""`kiosk sim printer`: a receipt printer on a pseudo-terminal or a TCP port, played through its control socket."""

import signal
from pathlib import Path
from typing import Annotated

import typer

from kiosk.commands import say, until

Out = Annotated[Path, typer.Option(help="The folder for the papers: NNN.bin, NNN.txt, NNN.png.")]
Control = Annotated[Path, typer.Option(help="Where the control socket appears: one JSON order a line.")]
Link = Annotated[Path | None, typer.Option(help="Where the serial line appears, a link to a new pseudo-terminal.")]
Tcp = Annotated[int | None, typer.Option(min=1, max=65535, help="The TCP port of a network printer, on this machine only.")]
Columns = Annotated[int, typer.Option(help="48 for 80 mm paper, 32 for 58 mm.")]


def printer(*, out: Out, control: Control, link: Link = None, tcp: Tcp = None, columns: Columns = 48) -> None:
    """Play a receipt printer until Ctrl-C or the order quit. Exit code 2 for a wrong call, 3 when port, socket or folder cannot be made.

    Example: kiosk sim printer --tcp 9100 --control /tmp/printer.ctl --out /tmp/papers, then
    kiosk sim tell /tmp/printer.ctl paper to=out
    """
    from kiosk.devices.sim.printer import PrinterSimulator
    from kiosk.devices.sim.printer_line import PtyLine, TcpLine

    if (link is None) == (tcp is None) or columns not in {32, 48}:
        say("Give either --link or --tcp, and --columns 32 or 48.", err=True)
        raise typer.Exit(2)
    line = PtyLine(link) if link else TcpLine(number=tcp or 0)
    simulator = PrinterSimulator(line, out, control, columns=columns, line_s=0.02)
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
