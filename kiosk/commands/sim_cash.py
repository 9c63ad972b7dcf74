"""`kiosk sim coins` and `kiosk sim notes`: a cash acceptor on a pseudo-terminal, played through its control socket."""

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from kiosk.commands import say, until

if TYPE_CHECKING:
    from kiosk.devices.sim.cash import CashSimulator

Link = Annotated[Path, typer.Option(help="Where the serial line appears, a link to a new pseudo-terminal.")]
Control = Annotated[Path, typer.Option(help="Where the control socket appears: one JSON order a line.")]
State = Annotated[Path | None, typer.Option(help="The file that keeps the device's memory from one start to the next.")]
Serial = Annotated[int, typer.Option(min=0, max=0xFFFFFF, help="The device's serial number.")]
Crc = Annotated[bool, typer.Option("--crc", help="Protect frames by CRC-16 instead of a checksum.")]
Echo = Annotated[bool, typer.Option("--echo", help="Echo what is sent, as a single-wire bus does.")]
NoCounter = Annotated[bool, typer.Option("--no-accept-counter", help="Do not count accepted pieces (header 225, GET COUNTERS).")]


def coins(
    *,
    link: Link,
    control: Control,
    state: State = None,
    serial: Serial = 1060501,
    crc: Crc = False,
    echo: Echo = False,
    no_accept_counter: NoCounter = False,
) -> None:
    """Play a ccTalk coin acceptor (address 2) until Ctrl-C or the order quit. Exit code 3 when link or socket cannot be made.

    Example: kiosk sim coins --link /tmp/coins --control /tmp/coins.ctl, then
    kiosk sim tell /tmp/coins.ctl insert_coin value_minor=100
    """
    from kiosk.devices.sim.coins import CoinSimulator

    mode = "crc" if crc else "checksum"
    _play(CoinSimulator(link, control, state, serial=serial, mode=mode, echo=echo, accept_counter=not no_accept_counter, paced=True))


def notes(
    *,
    link: Link,
    control: Control,
    state: State = None,
    serial: Serial = 2060502,
    crc: Crc = False,
    echo: Echo = False,
    no_accept_counter: NoCounter = False,
    stacks_at_power_loss: Annotated[bool, typer.Option("--stacks-at-power-loss", help="Stack a held note when power fails.")] = False,
    protocol: Annotated[Literal["cctalk", "essp"], typer.Option(help="What it speaks: --crc and --echo are ccTalk's.")] = "cctalk",
    keys: Annotated[Literal["none", "optional", "required"], typer.Option(help="essp: does it encrypt?")] = "optional",
) -> None:
    """Play a note acceptor with escrow until Ctrl-C or the order quit: ccTalk at address 40, eSSP at 0.

    Exit code 3 when link or socket cannot be made.

    Example: kiosk sim notes --link /tmp/notes --control /tmp/notes.ctl, then
    kiosk sim tell /tmp/notes.ctl insert_note value_minor=1000
    """
    from kiosk.devices.sim.essp import EsspSimulator
    from kiosk.devices.sim.notes import NoteSimulator

    at_power_loss = "stack" if stacks_at_power_loss else "return"
    if protocol == "essp":
        counts = not no_accept_counter
        rest: dict[str, Any] = {"at_power_loss": at_power_loss, "accept_counter": counts, "keyed": keys, "paced": True, "route_s": 0.5}
        _play(EsspSimulator(link, control, state, serial=serial, **rest))
        return
    _play(
        NoteSimulator(
            link,
            control,
            state,
            serial=serial,
            mode="crc" if crc else "checksum",
            echo=echo,
            accept_counter=not no_accept_counter,
            paced=True,
            route_s=0.5,
            at_power_loss=at_power_loss,
        )
    )


def _play(simulator: "CashSimulator") -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: simulator.finished.set())
    try:
        simulator.start()
    except OSError as error:
        say(f"The simulator cannot start: {error}. Is the place writable, and no other simulator there?", err=True)
        raise typer.Exit(3) from None
    try:
        until(simulator.finished)
    finally:
        simulator.stop()
