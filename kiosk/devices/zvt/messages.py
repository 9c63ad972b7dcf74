"""The messages that a kiosk says to a terminal, and those that it understands. Pure.

A card number comes in and does not go on: of bitmap 22 the last four digits are kept, tracks are dropped, and in what is to be printed
every long number is masked. Source: PA00P015 13.08, one section a command; the numbers in its titles are those here.
"""

import re

import msgspec

from kiosk.devices.zvt import fields
from kiosk.devices.zvt.fields import FieldError, bcd, bitmaps, digits, every, objects
from kiosk.devices.zvt.wire import Apdu, WireError

# from the terminal
STATUS, INTERMEDIATE, COMPLETION, ABORTED, PRINT_LINE, PRINT_BLOCK = 0x040F, 0x04FF, 0x060F, 0x061E, 0x06D1, 0x06D3
TOLD = frozenset({STATUS, INTERMEDIATE, COMPLETION, ABORTED, PRINT_LINE, PRINT_BLOCK})
PROMPTS = frozenset({INTERMEDIATE})  # somebody has to do something
TRANSACTION = frozenset({STATUS, PRINT_LINE, PRINT_BLOCK})  # about money, or a paper
# answers of either side: 80 00 and 84 00 are yes, 84 xx with a result code is no
YES, GOODS_WAIT, GOODS_FAILED, CANNOT = Apdu(0x8000), Apdu(0x849C), Apdu(0x8466), Apdu(0x8483)

CONFIG = 0xBE  # we print the papers, know intermediate states, and alone say amounts and run services; print by 06 D1 and 06 D3
_PRINT_BLOCKS = bytes.fromhex("0606 2604 0A02 06D3")  # TLV 26/0A: the commands that we know beside
_READ_ONLY = b"\x03\x03"  # service byte: send the status information, print nothing

AMOUNT_LIMIT_MINOR = 999_999_999_999  # twelve digits
LINES_LIMIT = 200  # of one paper; what comes behind them is not kept
_COLUMNS = 64
_NUMBER = re.compile(r"\d(?:[ -]?[\dxX*#]){11,}")
_MASKED = re.compile(r"[\dxX*#]")


# ---------------------------------------------------------------- to the terminal


def registration(password: int, currency: int) -> Apdu:
    """06 00: who we are and what we can. `currency`: ISO 4217, numeric."""
    return Apdu(0x0600, bcd(password, 3) + bytes([CONFIG]) + bcd(currency, 2) + _PRINT_BLOCKS)


def authorisation(amount_minor: int, currency: int, goods_s: int, waits: int) -> Apdu:
    """06 01: a payment whose goods come afterwards. The terminal gives `goods_s` for each answer and takes `waits` times "please wait"."""
    amount = bytes([fields.AMOUNT]) + bcd(amount_minor, 6)
    return Apdu(0x0601, amount + bytes([fields.CURRENCY]) + bcd(currency, 2) + bytes([0x01, goods_s, 0x02, waits]))


def repeat_receipt(password: int) -> Apdu:
    """06 20: say once more how the last transaction ended, and print nothing."""
    return Apdu(0x0620, bcd(password, 3) + _READ_ONLY)


def reversal(password: int, receipt: str) -> Apdu:
    """06 30: take back the payment with this receipt number, four digits."""
    return Apdu(0x0630, bcd(password, 3) + bytes([fields.RECEIPT]) + bcd(int(receipt), 2))


def end_of_day(password: int) -> Apdu:
    """06 50."""
    return Apdu(0x0650, bcd(password, 3))


def status_enquiry(password: int) -> Apdu:
    """05 01."""
    return Apdu(0x0501, bcd(password, 3))


DIAGNOSIS = Apdu(0x0670)
ABORT = Apdu(0x06B0)


# ---------------------------------------------------------------- from the terminal


class StatusInfo(msgspec.Struct, frozen=True):
    """04 0F: how a transaction stands. What the terminal does not say is None or ""; numbers are digits, and a nought is none."""

    result: int  # 00 approved
    amount_minor: int | None = None
    currency: int | None = None
    trace: str = ""  # six digits
    receipt: str = ""  # four
    terminal: str = ""  # eight
    approval: str = ""  # the bank's code
    tail: str = ""  # of the card number
    original: str = ""  # the trace that a reversal is about

    @property
    def name(self) -> tuple[str, str, str]:
        """Which transaction it is: the same one, told again, has the same."""
        return self.terminal, self.trace, self.receipt

    @property
    def names_one(self) -> bool:
        """It is about a transaction: of a command that found none only the result is said."""
        return bool(self.receipt) or self.amount_minor is not None


def status_info(data: bytes) -> StatusInfo:
    """Reads the data of 04 0F. Raises FieldError; without a result it is no status."""
    found = bitmaps(data)
    if fields.RESULT not in found:
        raise FieldError("a status information has no result")
    amount, currency = found.get(fields.AMOUNT), found.get(fields.CURRENCY)
    return StatusInfo(
        result=found[fields.RESULT][0],
        amount_minor=None if amount is None else int(digits(amount)),
        currency=None if currency is None else int(digits(currency)),
        trace=_number(found.get(fields.TRACE)),
        receipt=_number(found.get(fields.RECEIPT)),
        terminal=_number(found.get(fields.TERMINAL)),
        approval="".join(letter for letter in found.get(fields.APPROVAL, b"").decode("latin-1") if letter.isalnum() and letter.isascii()),
        tail=_tail(found.get(fields.PAN, b"")),
        original=_number(found.get(fields.ORIGINAL)),
    )


def _number(value: bytes | None) -> str:
    text = digits(value) if value else ""
    return text if text.strip("0") else ""


def _tail(pan: bytes) -> str:
    """The last four digits; "" where they are masked, too."""
    last = pan.hex().rstrip("f")[-4:]
    return last if len(last) == 4 and last.isdecimal() else ""


def result_of(apdu: Apdu) -> int | None:
    """The result code of 06 0F or 06 1E, where there is one. What cannot be read has none: an end is an end."""
    if apdu.command == ABORTED:
        return apdu.data[0] if apdu.data else None
    try:
        result = bitmaps(apdu.data).get(fields.RESULT)
    except WireError:
        return None
    return result[0] if result else None


def terminal_of(apdu: Apdu) -> str:
    """The terminal's id in the 06 0F that ends a registration, eight digits; "" where it does not say. Raises FieldError."""
    return _number(bitmaps(apdu.data).get(fields.TERMINAL))


def currency_of(apdu: Apdu) -> int | None:
    """The currency in that same 06 0F, ISO 4217 numeric. Raises FieldError."""
    value = bitmaps(apdu.data).get(fields.CURRENCY)
    return None if value is None else int(digits(value))


def refusal_of(apdu: Apdu) -> int | None:
    """The code with which 84 xx says no; None for anything else, 84 00 being a yes."""
    return apdu.command & 0xFF or None if apdu.command >> 8 == 0x84 else None


def is_yes(apdu: Apdu) -> bool:
    """80 00 or 84 00."""
    return apdu.command in {0x8000, 0x8400}


def printed(apdu: Apdu) -> tuple[str, ...]:
    """The lines of a 06 D1 or 06 D3. Nothing that a terminal prints is worth a failure: what cannot be read is not there."""
    if apdu.command == PRINT_LINE:
        return (_line(apdu.data[1:]),)  # the first byte says how it looks
    try:
        container = bitmaps(apdu.data).get(fields.CONTAINER, b"")
        return tuple(_line(one.value) for one in every(objects(container), 0x07))[:LINES_LIMIT]
    except WireError:
        return ()


def _line(raw: bytes) -> str:
    text = "".join(letter if letter.isprintable() else " " for letter in raw.decode("cp437"))[:_COLUMNS].rstrip()
    return _NUMBER.sub(lambda found: _MASKED.sub("*", found[0][:-4]) + found[0][-4:], text)
