"""A `[[device]]` with role display or board, as kiosk.toml writes it."""

from functools import partial
from typing import Literal

import msgspec

from kiosk.devices.display.dialect import DIALECTS
from kiosk.devices.display.driver import DisplayDriver
from kiosk.devices.display.showing import Wording
from kiosk.devices.fitting import Outfit, Part, checked_options, takes
from kiosk.devices.port import open_port


class DisplayOptions(msgspec.Struct, frozen=True):
    """`charset`: of the display's font; `greeting`: what it says at rest, at most 20 cells; `baud`: 0 is the dialect's own."""

    charset: Literal["ascii", "cp437", "cp850", "cp858", "cp1252", "gb18030"] = "cp437"
    greeting: str = ""
    baud: Literal[0, 1200, 2400, 4800, 9600, 19200, 38400, 115200] = 0


@takes(DisplayOptions)
def display(part: Part, outfit: Outfit) -> DisplayDriver:
    """A display before the customer, or, with role board, one that the whole queue reads."""
    options, dialect = checked_options(part, DisplayOptions), DIALECTS[part.protocol]
    baud = options.baud or dialect.baud
    return DisplayDriver(
        part.role,
        outfit.desk,
        partial(open_port, part.port, baud),
        dialect,
        Wording(options.charset, options.greeting, public=part.role == "board"),
        baud=baud,
        protocol=part.protocol,
        address=part.port,
    )
