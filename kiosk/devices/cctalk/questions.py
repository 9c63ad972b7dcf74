"""What a ccTalk device is asked about itself, and how far its answers are believed.

A reply names no request, so that a late one may pass for the next. Whatever decides about money is therefore asked twice, with something
else in between. Header numbers: ccTalk Generic Specification 4.7, part 2. Each function raises Silent, Refused or PortLost.
"""

import msgspec

from kiosk.devices.cctalk.bus import Bus, Refused, Silent
from kiosk.devices.cctalk.events import Buffer, fault_word

_TRIES = 5
_LOOKS = 5  # readings of the event buffer to find one that stands still
_UNITS_S = {1: 0.001, 2: 0.01, 3: 1.0, 4: 60.0, 5: 3600.0}  # header 249


class Identity(msgspec.Struct, frozen=True):
    """Who answers at the address. `serial` is decimal, as kiosk.toml and the journal write it."""

    manufacturer: str
    category: str
    product: str
    serial: str
    software: str
    build: str


def polling_interval_s(bus: Bus) -> float:
    """The slowest polling that the device accepts (249); a minute where it does not care."""
    answer = optional(bus, 249, size=2)
    asked_s = _UNITS_S.get(answer[0], 0.0) * answer[1] if answer else 0.0
    return max(asked_s, 0.02) if asked_s else 60.0


def self_check(bus: Bus) -> str:
    """The word of its fault (232); "" when it is well or has no self-check."""
    answer = optional(bus, 232)
    return fault_word(answer[0]) if answer else ""


def has_accept_counter(bus: Bus, *, must: bool) -> bool:
    """Whether it counts the accepted pieces of its life (225)."""
    return optional(bus, 225, size=3, must=must) is not None


def steady_buffer(bus: Bus, header: int, *, accept_counter: bool) -> tuple[Buffer, int | None]:
    """The event buffer, twice the same, with the accept counter read in between, so that the two belong together."""
    first = bus.ask(header, size=11)
    for _ in range(_LOOKS):
        accepted = int.from_bytes(bus.ask(225, size=3), "little") if accept_counter else None
        second = bus.ask(header, size=11)
        if first == second:
            return Buffer.parse(first), accepted
        first = second
    raise Silent("the event buffer does not stand still")


def table(bus: Bus, header: int, rows: int, size: int) -> dict[int, str]:
    """The ASCII answers to `header` for 1..rows. Asked upwards and downwards: one late answer would shift all that money by a row."""

    def row(number: int) -> str:
        return bus.ask(header, bytes([number]), size=size, tries=_TRIES).decode("ascii", "replace")

    upwards = [row(number) for number in range(1, rows + 1)]
    downwards = [row(number) for number in range(rows, 0, -1)]
    if upwards != downwards[::-1]:
        raise Silent(f"the answers to header {header} are not the same twice")
    return dict(enumerate(upwards, 1))


def optional(bus: Bus, header: int, *, size: int | None = None, must: bool = False) -> bytes | None:
    """The answer to a header that not every device has; one that is known to have it `must` answer."""
    try:
        return bus.ask(header, size=size, tries=_TRIES)
    except (Silent, Refused):
        if must:
            raise
        return None


def identify(bus: Bus) -> Identity:
    """Raises Silent, Refused, PortLost. The serial is read twice: a late answer to something else must not look like another device."""

    def text(answer: bytes | None) -> str:
        return (answer or b"").decode("ascii", "replace").strip()

    serial = bus.ask(242, size=3, tries=_TRIES)
    named = [text(bus.ask(header, tries=_TRIES)) for header in (246, 245, 244)]
    versions = [text(optional(bus, header)) for header in (241, 192)]
    if bus.ask(242, size=3, tries=_TRIES) != serial:
        raise Silent("the serial number is not the same twice")
    return Identity(named[0], named[1], named[2], str(int.from_bytes(serial, "little")), versions[0], versions[1])
