"""What a validator is asked about itself, and how its answers are read. Each function raises Silent, Refused or PortLost.

Source: ITL SSP Protocol Manual GA138, "Setup request", "Get serial number", "Get counters", "Host protocol version". Numbers in the set-up
answer are big-endian, those of protocol 6 and of the counters little-endian.
"""

import msgspec

from kiosk.devices.essp.line import FAIL, UNKNOWN_COMMAND, KeyLost, Line, Refused, Silent

HOST_PROTOCOL, SETUP, SERIAL, FIRMWARE, DATASET, GET_COUNTERS = 0x06, 0x05, 0x0C, 0x20, 0x21, 0x58
PROTOCOLS = (6, 5, 4)  # 6 is the newest whose events all have a length that the table tells
VALIDATORS = {0: "note validator", 6: "note validator with payout", 7: "note validator with float"}  # unit types that take notes
_LOOKS = 5  # readings of the counters to find two that agree


class Identity(msgspec.Struct, frozen=True):
    """Who answers. `serial` is decimal, as kiosk.toml and the journal write it; `unit`: the unit type of its set-up answer."""

    serial: str
    unit: int
    firmware: str
    dataset: str


class Setup(msgspec.Struct, frozen=True):
    """The set-up answer. `values`: by channel from 1 on, in units of the currency that `currencies` names."""

    unit: int
    firmware: str
    protocol: int
    currencies: tuple[str, ...]
    values: tuple[int, ...]
    multiplier: int  # from those units to the smallest ones, as the device has it

    @classmethod
    def parse(cls, data: bytes) -> "Setup":
        """ValueError unless it is whole."""
        if len(data) < 12 or len(data) < 16 + 2 * data[11]:
            raise ValueError("the set-up answer is cut off")
        n, country = data[11], _text(data[5:8])
        protocol = data[15 + 2 * n]
        values = tuple(value * int.from_bytes(data[8:11]) for value in data[12 : 12 + n])
        currencies = (country,) * n
        if protocol >= 6:
            names, amounts = data[16 + 2 * n : 16 + 5 * n], data[16 + 5 * n : 16 + 9 * n]
            if len(amounts) != 4 * n:
                raise ValueError("the set-up answer is cut off")
            currencies = tuple(_text(names[3 * i : 3 * i + 3]) for i in range(n))
            values = tuple(int.from_bytes(amounts[4 * i : 4 * i + 4], "little") for i in range(n))
        real = int.from_bytes(data[12 + 2 * n : 15 + 2 * n])
        return cls(data[0], _text(data[1:5]), protocol, currencies, values, real)

    def minor(self, currency: str, exponent: int) -> dict[int, int]:
        """Minor units by channel, those of our own currency. The device's multiplier counts where it fits the currency's places."""
        multiplier = self.multiplier if self.multiplier in [10**places for places in range(exponent)] else 10**exponent
        channels = enumerate(zip(self.currencies, self.values, strict=True), 1)
        return {channel: value * multiplier for channel, (name, value) in channels if name == currency and value}


def agree(line: Line) -> None:
    """The newest protocol that both know."""
    for protocol in PROTOCOLS:
        try:
            line.ask(bytes([HOST_PROTOCOL, protocol]))
        except Refused as refused:
            if refused.status not in (FAIL, UNKNOWN_COMMAND):
                raise
        else:
            return
    raise Silent(f"the validator knows none of the protocols {PROTOCOLS}")


def setup(line: Line) -> Setup:
    """Asked twice: an answer that belongs to something else would change what all notes are worth."""
    first, again = line.ask(bytes([SETUP])), line.ask(bytes([SETUP]))
    if first != again:
        raise Silent("the set-up answer is not the same twice")
    try:
        return Setup.parse(first)
    except ValueError as error:
        raise Silent(str(error)) from None


def identify(line: Line, unit: int) -> Identity:
    """Its serial number, asked twice, and its versions, where it tells them."""
    serials = [line.ask(bytes([SERIAL])) for _ in range(2)]
    if serials[0] != serials[1] or len(serials[0]) != 4:
        raise Silent("the serial number is not the same twice, or not four bytes")

    def optional(command: int) -> str:
        try:
            return _text(line.ask(bytes([command])))
        except KeyLost:
            raise
        except Refused:
            return ""

    return Identity(str(int.from_bytes(serials[0])), unit, optional(FIRMWARE), optional(DATASET))


def stacked(line: Line) -> int | None:
    """Notes that it has stacked in its life, read until two readings agree; None where it counts none.

    The answer is how many counters there are, and each in four bytes, this one first; firmwares differ in what follows it.
    """
    try:
        last = line.ask(bytes([GET_COUNTERS]))
        for _ in range(_LOOKS):
            again = line.ask(bytes([GET_COUNTERS]))
            if again == last and again and again[0] and len(again) == 1 + 4 * again[0]:
                return int.from_bytes(again[1:5], "little")
            last = again
    except Refused as refused:
        if refused.status == UNKNOWN_COMMAND:
            return None
        raise
    raise Silent("the counters do not stand still")


def _text(raw: bytes) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in raw.decode("ascii", "replace")).strip()
