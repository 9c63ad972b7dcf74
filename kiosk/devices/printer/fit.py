"""How kiosk.toml's receipt printer becomes a driver, and how `kiosk doctor` asks it how it is."""

from functools import partial
from typing import Literal

import msgspec

from kiosk.devices.fitting import Outfit, Part, checked_options, takes
from kiosk.devices.port import Port, open_port
from kiosk.devices.printer.driver import PrinterDriver
from kiosk.devices.printer.escpos import PROFILES
from kiosk.devices.printer.link import PrinterLink, Waits

Profile = Literal["80mm", "58mm", "80mm-write-only", "58mm-write-only"]


class PrinterOptions(msgspec.Struct, frozen=True):
    """`profile`: see `escpos.PROFILES`."""

    profile: Profile = "80mm"


def _ask(part: Part, port: Port) -> str:
    link = PrinterLink(port, PROFILES[checked_options(part, PrinterOptions).profile], Waits())
    link.greet()
    return "" if link.ready else f"It says: {link.word}."


@takes(PrinterOptions, ask=_ask)
def printer(part: Part, outfit: Outfit) -> PrinterDriver:
    """A receipt printer that speaks ESC/POS."""
    profile = PROFILES[checked_options(part, PrinterOptions).profile]
    return PrinterDriver(outfit.desk, partial(open_port, part.port), profile, outfit.sign, at=part.port)
