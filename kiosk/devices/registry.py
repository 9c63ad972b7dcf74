"""Which driver serves a `[[device]]`: by its role and protocol, one line each.

Our own stand in the table below, so that they work in a checkout as it is. Anyone else's come as entry points of the group
`kiosk.drivers`, named ROLE/PROTOCOL, in the metadata of an installed package (docs/drivers.md); none replaces one of ours.
"""

import difflib
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from kiosk.devices.contract import Driver
from kiosk.devices.fitting import Maker, Outfit, Part, PartError, checked_options

GROUP = "kiosk.drivers"
BUILT_IN: dict[str, str] = {
    "notes/cctalk": "kiosk.devices.cctalk.fit:notes",
    "notes/essp": "kiosk.devices.essp.fit:notes",
    "coins/cctalk": "kiosk.devices.cctalk.fit:coins",
    "printer/escpos": "kiosk.devices.printer.fit:printer",
    "modem/at": "kiosk.devices.sms.fit:modem",
    "terminal/zvt": "kiosk.devices.zvt.fit:terminal",
    "display/cd5220": "kiosk.devices.display.fit:display",
    "display/epson": "kiosk.devices.display.fit:display",
    "display/led8n": "kiosk.devices.display.fit:display",
    "board/cd5220": "kiosk.devices.display.fit:display",
    "board/epson": "kiosk.devices.display.fit:display",
    "board/led8n": "kiosk.devices.display.fit:display",
    "voice/espeak": "kiosk.devices.voice.fit:voice",
}
"""ROLE/PROTOCOL -> "module:maker", imported when a machine has such a device."""


def names() -> tuple[str, ...]:
    """Every ROLE/PROTOCOL that there is a driver for."""
    return tuple(sorted({*BUILT_IN, *(point.name for point in entry_points(group=GROUP))}))


def maker_of(part: Part) -> Maker:
    """Who makes its driver. Raises PartError: there is none, two claim it, or the package that brings it does not load."""
    name = f"{part.role}/{part.protocol}"
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        return _as_maker(getattr(import_module(module), attribute))
    found = tuple(entry_points(group=GROUP, name=name))
    if not found:
        raise PartError(f"device {part.role}: there is no driver {name}{_instead(part.role, name)}")
    if len(found) > 1:
        raise PartError(f"device {part.role}: {' and '.join(sorted(_package(one) for one in found))} both bring a driver {name}.")
    try:
        return _as_maker(found[0].load())
    except Exception as error:  # noqa: BLE001 - whatever somebody else's package does wrong when it is loaded
        raise PartError(f"device {part.role}: the driver {name} of {_package(found[0])} does not load: {error}.") from None


def checked(part: Part) -> None:
    """Is there a driver, and does it take these options? Raises PartError."""
    checked_options(part, maker_of(part).options)


def driver_of(part: Part, outfit: Outfit) -> Driver:
    """A driver that is not started. Raises PartError, for whatever somebody else's package does wrong, too."""
    maker, name = maker_of(part), f"{part.role}/{part.protocol}"
    try:
        made = maker(part, outfit)
    except PartError:
        raise
    except Exception as error:
        if name in BUILT_IN:
            raise
        raise PartError(f"device {part.role}: the driver {name} cannot be made: {type(error).__name__}.") from None
    if any(not callable(getattr(made, each, None)) for each in ("start", "stop", "health", "identity")):
        raise PartError(f"device {part.role}: what {name} makes is no driver.")
    return made


def _as_maker(loaded: object) -> Maker:
    if isinstance(loaded, Maker):
        return loaded
    if callable(loaded):
        return Maker(loaded)
    raise TypeError("it is not callable")


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.value


def _instead(role: str, name: str) -> str:
    known = [one for one in names() if one.startswith(f"{role}/")]
    close = difflib.get_close_matches(name, known, 1, 0.6)
    if close:
        return f"; did you mean {close[0].partition('/')[2]}?"
    return f"; there is {', '.join(known)}." if known else "."
