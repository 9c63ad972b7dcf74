"""The files of the user card in DF01 (Q/GDW 1365-2013, local fee control), byte for byte, as the issuing desk and the meter use them.

All numbers are big-endian. Money is in minor units (0.01 yuan), prices in 10^-4 yuan a kWh, limits in 0.01 kWh.
Frame: 68, command, length of the data (2), data, CS = sum of command..data mod 256, 16. Malformed bytes raise `BadFile` with one sentence.
"""

import msgspec

PARAMETERS, WALLET, CURRENT, STANDBY, RETURNED, COMMAND = 1, 2, 3, 4, 5, 6
SIZES = {PARAMETERS: 45, WALLET: 8, CURRENT: 258, STANDBY: 258, RETURNED: 49, COMMAND: 50}
USER_CARD, RETURN_FILE = 0x01, 0x11  # the frame's command: State Grid numbering
OPEN, PURCHASE, REPLACEMENT = 1, 2, 3  # the user-card type, file 1 offset 42
NONE_TIME = "0000000000"
UNUSED_DATE = "ffffff"


class BadFile(ValueError):
    """Bytes that are not the file they should be."""


def bcd(value: int, length: int) -> bytes:
    """A number as `length` bytes of packed decimal."""
    digits = f"{value:0{length * 2}d}"
    if value < 0 or len(digits) > length * 2:
        raise BadFile(f"{value} does not fit in {length} BCD bytes")
    return bytes.fromhex(digits)


def unbcd(data: bytes) -> int:
    """Packed decimal -> number."""
    if not data.hex().isdigit():
        raise BadFile(f"{data.hex()} is not BCD")
    return int(data.hex())


def frame(command: int, data: bytes) -> bytes:
    """Data in its frame."""
    body = bytes([command]) + len(data).to_bytes(2, "big") + data
    return b"\x68" + body + bytes([sum(body) & 0xFF, 0x16])


def unframe(raw: bytes, command: int) -> bytes:
    """The data of a frame whose length and checksum are true."""
    if raw[:1] != b"\x68" or raw[-1:] != b"\x16" or int.from_bytes(raw[2:4], "big") != len(raw) - 6:
        raise BadFile("not a frame of this length")
    if raw[1] != command:
        raise BadFile(f"card kind {raw[1]:02x}, not {command:02x}")
    if sum(raw[1:-2]) & 0xFF != raw[-2]:
        raise BadFile("checksum is wrong")
    return raw[4:-2]


class Parameters(msgspec.Struct, frozen=True):
    """File 1, the parameter information file."""

    meter: str  # 12 digits
    customer: str  # 12 digits
    kind: int = OPEN
    user_type: int = 0
    flags: int = 0  # 7 alarms and CT/PT, 0 current TOU, 1 standby TOU, 2 current tiers, 3 standby tiers
    reserved: bytes = bytes(4)  # offset 6
    tou_switch: str = NONE_TIME  # YYMMDDhhmm; all 0 or all 9 = none
    reserved_15: int = 0
    alarm1_minor: int = 0
    alarm2_minor: int = 0
    ct: int = 1
    pt: int = 1

    def encode(self) -> bytes:
        """45 bytes."""
        return frame(
            USER_CARD,
            bytes([self.user_type, self.flags])
            + self.reserved
            + bytes.fromhex(self.tou_switch)
            + bytes([self.reserved_15])
            + bcd(self.alarm1_minor, 4)
            + bcd(self.alarm2_minor, 4)
            + bcd(self.ct, 3)
            + bcd(self.pt, 3)
            + bytes.fromhex(self.meter + self.customer)
            + bytes([self.kind]),
        )

    @staticmethod
    def decode(raw: bytes) -> "Parameters":
        """45 bytes -> fields. Flags of FF mean 0: old cards."""
        data = unframe(raw, USER_CARD)
        return Parameters(
            meter=raw[30:36].hex(),
            customer=raw[36:42].hex(),
            kind=raw[42],
            user_type=data[0],
            flags=0 if data[1] == 0xFF else data[1],
            reserved=raw[6:10],
            tou_switch=raw[10:15].hex(),
            reserved_15=raw[15],
            alarm1_minor=unbcd(raw[16:20]),
            alarm2_minor=unbcd(raw[20:24]),
            ct=unbcd(raw[24:27]),
            pt=unbcd(raw[27:30]),
        )


def wallet(amount_minor: int, count: int) -> bytes:
    """File 2: amount and purchase count, both binary."""
    return amount_minor.to_bytes(4, "big") + count.to_bytes(4, "big")


class Returned(msgspec.Struct, frozen=True):
    """File 5, the return-write file: what the meter says to the next kiosk."""

    meter: str
    customer: str
    count: int  # the meter's purchase count
    remaining_minor: int = 0  # 0 when overdrawn
    overdraft_minor: int = 0
    illegal: int = 0
    time: str = NONE_TIME  # YYMMDDhhmm
    user_type: int = 0
    ct: int = 1
    pt: int = 1

    def encode(self) -> bytes:
        """49 bytes."""
        return frame(
            RETURN_FILE,
            bytes([self.user_type])
            + bcd(self.ct, 3)
            + bcd(self.pt, 3)
            + bytes.fromhex(self.meter + self.customer)
            + self.remaining_minor.to_bytes(4, "big")
            + self.count.to_bytes(4, "big")
            + bcd(self.overdraft_minor, 4)
            + bytes(4)
            + bcd(self.illegal, 3)
            + bytes.fromhex(self.time),
        )

    @staticmethod
    def decode(raw: bytes) -> "Returned":
        """49 bytes -> fields."""
        data = unframe(raw, RETURN_FILE)
        return Returned(
            meter=raw[11:17].hex(),
            customer=raw[17:23].hex(),
            count=int.from_bytes(raw[27:31], "big"),
            remaining_minor=int.from_bytes(raw[23:27], "big"),
            overdraft_minor=unbcd(raw[31:35]),
            illegal=unbcd(raw[39:42]),
            time=raw[42:47].hex(),
            user_type=data[0],
            ct=unbcd(raw[5:8]),
            pt=unbcd(raw[8:11]),
        )


def is_empty(returned: bytes) -> bool:
    """The meter's own test of file 5: byte 0 is not 68 and the CT bytes are zero."""
    return returned[0] != 0x68 and not any(returned[5:8])


class Tariff(msgspec.Struct, frozen=True):
    """Files 3 and 4: 32 TOU prices (1 sharp, 2 peak, 3 flat, 4 valley), six tier limits, seven tier adders, four settlement dates."""

    tou: tuple[int, ...] = (5000,) * 4
    limits: tuple[int, ...] = ()  # 0.01 kWh
    adders: tuple[int, ...] = (0,)
    settlements: tuple[str, ...] = ("010100",)  # MMDDhh; month ff in the first = every month
    tier_switch: str = NONE_TIME

    def encode(self) -> bytes:
        """258 bytes; lists are filled up with zeros, dates with FF."""
        dates = self.settlements + (UNUSED_DATE,) * (4 - len(self.settlements))
        return frame(
            USER_CARD,
            b"".join(bcd(x, 4) for x in _filled(self.tou, 32) + _filled(self.limits, 6) + _filled(self.adders, 7))
            + bytes.fromhex("".join(dates) + self.tier_switch)
            + bytes(55),
        )

    @staticmethod
    def decode(raw: bytes) -> "Tariff":
        """258 bytes -> a set. Zero limits at the end are unused ones."""
        unframe(raw, USER_CARD)
        numbers = [unbcd(raw[at : at + 4]) for at in range(4, 184, 4)]
        limits = numbers[32:38]
        while limits and limits[-1] == 0:
            limits.pop()
        return Tariff(
            tou=tuple(numbers[:32]),
            limits=tuple(limits),
            adders=tuple(numbers[38:]),
            settlements=tuple(raw[at : at + 3].hex() for at in range(184, 196, 3)),
            tier_switch=raw[196:201].hex(),
        )


def _filled(numbers: tuple[int, ...], length: int) -> tuple[int, ...]:
    return numbers + (0,) * (length - len(numbers))
