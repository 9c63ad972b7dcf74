"""How kiosk.toml's eSSP validator becomes a driver, and how `kiosk doctor` asks one who it is."""

from functools import partial
from typing import Annotated, Literal

import msgspec

from kiosk.devices.essp.line import KeyLost, Line, Pace
from kiosk.devices.essp.questions import identify
from kiosk.devices.essp.validator import NoteValidator
from kiosk.devices.fitting import Outfit, Part, checked_options, takes
from kiosk.devices.port import Port, open_port

_ASKING = Pace(reply_s=0.4, tries=2)  # a person waits


class EsspOptions(msgspec.Struct, frozen=True):
    """`encryption`: auto serves a device that has none in clear, on does not; `key`: the half of the key that lies in the device, 16 hex
    digits, the one that it left the factory with if left out."""

    encryption: Literal["auto", "on", "off"] = "auto"
    key: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-fA-F]{16}\Z")] = "0123456701234567"
    address: Annotated[int, msgspec.Meta(ge=0, le=0x7D)] = 0
    baud: Literal[9600, 38400, 115200] = 9600


def _ask(part: Part, port: Port) -> str:
    options = checked_options(part, EsspOptions)
    line = Line(port, options.address, _ASKING)
    line.sync()
    try:
        serial = identify(line, 0).serial
    except KeyLost:
        return ""  # it answers; who it is it tells only encrypted, and the kiosk asks it at every start
    return "" if part.serial in ("", serial) else f"Its serial is {serial}, and {part.serial} is enrolled."


@takes(EsspOptions, ask=_ask)
def notes(part: Part, outfit: Outfit) -> NoteValidator:
    """A note validator."""
    options = checked_options(part, EsspOptions)
    return NoteValidator(
        part.role,
        partial(open_port, part.port, options.baud, stop_bits=2),
        outfit.desk,
        currency=outfit.currency.code,
        exponent=outfit.currency.exponent,
        enrolled=part.serial or None,
        address=options.address,
        encryption=options.encryption,
        fixed=int(options.key, 16),
        at=part.port,
    )
