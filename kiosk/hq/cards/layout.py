"""What stands on a card when the head office hands it out: the files of layout gdw1365, byte for byte.

Source: Q/GDW 1365-2013 and the field tables of docs. An open card: type 01, count 0, nothing in the wallet, the return file empty; it
brings its meter the alarm amounts and both sets of prices. Money in 0.01, prices in 10^-4 a kWh, all numbers big-endian.
"""

import msgspec

from kiosk.vend.card.gdw1365 import FRAME_END, OPEN, checksum

PARAMETERS, WALLET, CURRENT, STANDBY, RETURN = 1, 2, 3, 4, 5
ALL_BUT_STANDBY_PRICES = 0x8D  # alarms and CT/PT, current prices, both sets of tiers
PRICES, LIMITS, ADDERS, DATES = 32, 6, 7, 4
NO_TIME, NEW_YEAR, NO_DATE = bytes(5), bytes.fromhex("010100"), b"\xff" * 3
AMOUNT_MAX_MINOR = 999_999_99
PRICE_MAX = 9999_9999


class Opening(msgspec.Struct, frozen=True):
    """For whom a card is opened, and what it tells their meter. `price`: one for all hours, 10^-4 a kWh."""

    customer: str  # 12 digits
    meter: str
    alarm1_minor: int = 20_00
    alarm2_minor: int = 5_00
    price: int = 5000


def files(order: Opening) -> dict[int, bytes]:
    """Every file, in the order in which it is written: file 1 last, for a card without it is one that was never issued."""
    prices = tariff(order.price)
    return {RETURN: bytes(49), WALLET: bytes(8), CURRENT: prices, STANDBY: prices, PARAMETERS: parameters(order)}


def parameters(order: Opening) -> bytes:
    """45 bytes: whose card it is. CT and PT are 1."""
    ratio = bytes.fromhex("000001")
    alarms = bcd(order.alarm1_minor, 4) + bcd(order.alarm2_minor, 4)
    names = bytes.fromhex(order.meter + order.customer)
    return framed(bytes((0, ALL_BUT_STANDBY_PRICES)) + bytes(4) + NO_TIME + bytes(1) + alarms + ratio + ratio + names + bytes((OPEN,)))


def tariff(price: int) -> bytes:
    """258 bytes: four prices that are one, no tiers, settled each new year."""
    numbers = [price] * 4 + [0] * (PRICES - 4 + LIMITS + ADDERS)
    return framed(b"".join(bcd(number, 4) for number in numbers) + NEW_YEAR + NO_DATE * (DATES - 1) + NO_TIME + bytes(55))


def framed(data: bytes) -> bytes:
    """68, the user card's command 01, length (2), data, checksum, 16."""
    body = b"\x01" + len(data).to_bytes(2) + data
    return b"\x68" + body + bytes((checksum(body), FRAME_END))


def bcd(number: int, length: int) -> bytes:
    """A number as packed decimal."""
    return bytes.fromhex(f"{number:0{2 * length}}")
