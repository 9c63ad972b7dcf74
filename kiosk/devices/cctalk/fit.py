"""How kiosk.toml's ccTalk acceptors become drivers, and how `kiosk doctor` asks one who it is."""

from functools import partial
from typing import Literal, TypeVar

import msgspec

from kiosk.devices.cctalk.acceptor import Acceptor
from kiosk.devices.cctalk.bus import Bus, Pace
from kiosk.devices.cctalk.coins import CoinAcceptor
from kiosk.devices.cctalk.notes import NoteAcceptor
from kiosk.devices.cctalk.questions import identify
from kiosk.devices.cctalk.wire import Mode
from kiosk.devices.fitting import Outfit, Part, checked_options, takes
from kiosk.devices.port import Port, open_port

Kind = TypeVar("Kind", bound=Acceptor)


class CctalkOptions(msgspec.Struct, frozen=True):
    """`country`: the first two letters of the ids that are money here, those of the currency if left out; `echo`: does the adapter hear
    itself, found out if left out."""

    mode: Literal["checksum", "crc"] = "checksum"
    country: str = ""
    echo: bool | None = None


def _ask(part: Part, port: Port) -> str:
    options = checked_options(part, CctalkOptions)
    address = (NoteAcceptor if part.role == "notes" else CoinAcceptor).address
    serial = identify(Bus(port, address, Mode(options.mode), options.echo, Pace())).serial
    return "" if part.serial in ("", serial) else f"Its serial is {serial}, and {part.serial} is enrolled."


@takes(CctalkOptions, ask=_ask)
def notes(part: Part, outfit: Outfit) -> NoteAcceptor:
    """A note acceptor at address 40."""
    return _made(NoteAcceptor, part, outfit)


@takes(CctalkOptions, ask=_ask)
def coins(part: Part, outfit: Outfit) -> CoinAcceptor:
    """A coin acceptor at address 2."""
    return _made(CoinAcceptor, part, outfit)


def _made(kind: type[Kind], part: Part, outfit: Outfit) -> Kind:
    options = checked_options(part, CctalkOptions)
    return kind(
        part.role,
        partial(open_port, part.port),
        outfit.desk,
        country=options.country or outfit.currency.code[:2],
        exponent=outfit.currency.exponent,
        enrolled=part.serial or None,
        mode=Mode(options.mode),
        echo=options.echo,
        at=part.port,
    )
