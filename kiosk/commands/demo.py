"""`kiosk demo`: the whole machine simulated, on this terminal or as a scripted day."""

import contextlib
import os
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from kiosk.commands import EXIT_MISSING, EXIT_REFUSED, EXIT_USAGE, ended, say

ANSWERS_S = 5.0
FOLDER_MAX = 80  # bytes: a socket below it has a name of at most 107 (unix(7))

Stack = Annotated[str, typer.Option("--stack", help="auto, pcsc (a pcscd of its own; root) or in-process")]


def demo(
    script: Annotated[bool, typer.Option("--script", help="play a day without a terminal and print its account")] = False,
    keep: Annotated[Path | None, typer.Option("--keep", help="where the stores, cards, meters, receipts and pictures stay")] = None,
    stack: Stack = "auto",
) -> None:
    """The whole machine simulated: a kiosk, its devices, four customers. Example: kiosk demo --script --keep /tmp/day."""
    by_script = script or not (sys.stdin.isatty() and sys.stdout.isatty())
    with _folder(keep, new=by_script) as folder:
        _loopback()
        if by_script:
            _script(folder, stack)
            return
        from kiosk.demo.glass import play

        sys.exit(play(folder, stack))


@contextlib.contextmanager
def _folder(keep: Path | None, *, new: bool) -> Iterator[Path]:
    """Where all of it stays. `new`: nothing may be there yet; by hand the customers of another day go on."""
    if keep:
        if len(os.fsencode(keep.absolute())) > FOLDER_MAX:
            raise ended(f"The name of that folder is too long for the sockets below it: it may have {FOLDER_MAX} bytes.", EXIT_USAGE)
        try:
            keep.mkdir(parents=True, exist_ok=True)
            used = new and any(keep.iterdir())
        except OSError as error:
            raise ended(f"{keep.absolute()} cannot be used: {error.strerror}.", EXIT_USAGE) from None
        if used:
            said = f"{keep.absolute()} is not empty: a scripted day begins in a new folder. Name another one, or delete it."
            raise ended(said, EXIT_USAGE)
        yield keep.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="kiosk-demo-") as place:
        yield Path(place)


def _loopback() -> None:
    """Ends where nothing on this machine can be reached by its own address."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as there, socket.socket() as here:
            here.settimeout(ANSWERS_S)
            here.connect(there.getsockname())
    except OSError:
        said = "This machine's loopback interface is down, and the demo's devices and office are reached by it: ip link set lo up"
        raise ended(said, EXIT_MISSING) from None


def _script(folder: Path, stack: str) -> None:
    from kiosk.demo.account import account
    from kiosk.demo.books import books
    from kiosk.demo.day import Day
    from kiosk.demo.site import DemoError
    from kiosk.demo.world import World

    began = time.monotonic()
    world = World(folder, ("K07", "K08"), stack=stack, office=True, full=True)
    try:
        world.start()
        day = Day(world)
        steps = day.play()
        hq, report = books(folder / "kiosks", day.office, folder, world.bank().orders)
    except DemoError as error:
        raise ended(str(error), EXIT_REFUSED) from None
    finally:
        world.stop()
    summary = account(folder / "kiosks")
    summary.steps, summary.hq = steps, hq
    summary.stack, summary.seconds = world.stack, round(time.monotonic() - began, 1)
    text = msgspec.json.format(msgspec.json.encode(summary), indent=2)
    (folder / "summary.json").write_bytes(text)
    say(text)
    say(f"\n{report}", err=True)
    if summary.journal != "ok" or not summary.balanced:
        raise ended("The account does not balance.", EXIT_REFUSED)
    if not hq.agrees:
        raise ended("The kiosks' account and the head office's are not the same.", EXIT_REFUSED)
