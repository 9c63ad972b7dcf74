"""ISO 8583:1987, as the gateway speaks it: bytes of one message in, what is asked; an answer as bytes. Pure. docs/iso8583.md is the page.

ASCII fields, bitmaps as hex letters, a length of two bytes before each message (`iso8583_door`). The bank card's number (field 2) and its
tracks are read over: nothing of them is in a request, so nothing of them can be kept.
"""

import copy
import re
from datetime import UTC, date, datetime
from typing import Any

import iso8583
import msgspec
from iso8583.specs import default_ascii

from kiosk.hq.partners.reversals import Days, around, number
from kiosk.hq.partners.till import Payment, Quote, Sold
from kiosk.vend.money import CURRENCIES

MESSAGE_MAX = 2048
SIGN_ON, SIGN_OFF, ECHO = "001", "002", "301"
PAYMENT, ENQUIRY = "500000", "310000"
ENQUIRIES = ("0100", "0101")
ASKS = {
    "0800": "network",
    "0801": "network",
    "0200": "pay",
    "0201": "pay",
    "0400": "reverse",
    "0401": "reverse",
    "0420": "reverse",
    "0421": "reverse",
}
TAGS = {"01": "card", "02": "meter", "03": "customer", "04": "purchase", "05": "receipt", "09": "token"}
IN_PARTS = "05"
"""May come several times: a receipt's code is longer than 99 characters."""
ECHOED = ("3", "4", "7", "11", "12", "13", "32", "37", "41", "49", "70")
DIGITS = re.compile(r"[0-9]+")

APPROVED, BAD_FORM, NOT_BACKED_OUT, NOT_SIGNED_ON, LATER, BROKEN = "00", "30", "21", "58", "91", "96"
RESPONSES = {
    "form": BAD_FORM,
    "token": "63",
    "partner": "57",
    "card": "14",
    "amount": "13",
    "currency": "12",
    "purchase": "12",
    "reference": "94",
    "key": "94",
    "order_min": "13",
    "order_max": "61",
    "day_max": "61",
    "float": "51",
    "waiting": "65",
    "open_card": "65",
    "open_max": "65",
    "pace": "65",
    "given": NOT_BACKED_OUT,
    "cancelled": NOT_BACKED_OUT,
    "late": NOT_BACKED_OUT,
    "busy": LATER,
    "changed": LATER,
    "off_site": LATER,
    "short": LATER,
    "office": LATER,
}
"""Field 39 for each `why`; 12, invalid transaction, for every other."""

_SPEC: dict[str, Any] = copy.deepcopy(default_ascii)
_NUMERICS = {currency.numeric: currency for currency in CURRENCIES.values()}


class Unreadable(Exception):
    """The bytes are no message that could be answered; whoever sent them is hung up on."""


class Malformed(Exception):
    """A message that cannot be an order; the text is one sentence, `response` is field 39 of the answer."""

    def __init__(self, sentence: str, response: str = BAD_FORM) -> None:
        super().__init__(sentence)
        self.response = response


class Asked(msgspec.Struct, frozen=True):
    """A message. `kind`: network | pay | enquire | reverse | other; `fields`: those that an answer repeats; `private`: of field 48, by
    name."""

    mti: str
    kind: str
    fields: dict[str, str]
    private: dict[str, str]
    original: str = ""

    def __repr__(self) -> str:
        return f"Asked({self.mti}, {self.fields.get('11', '')})"


def read(raw: bytes) -> Asked:
    """One message, without its length. Raises Unreadable."""
    try:
        fields, _ = iso8583.decode(raw, spec=_SPEC)
    except (iso8583.DecodeError, ValueError, TypeError, KeyError):
        raise Unreadable from None
    mti = fields["t"]
    if not re.fullmatch(r"0[0-9][0-9][0-9]", mti) or int(mti[2]) % 2:  # an answer is not answered
        raise Unreadable
    kept = {number: fields[number] for number in ECHOED if number in fields}
    kind = "enquire" if mti in ENQUIRIES and kept.get("3") == ENQUIRY else ASKS.get(mti, "other")
    return Asked(mti, kind, kept, _private(fields.get("48", "")), fields.get("90", ""))


def network(asked: Asked) -> str:
    """What a network management message wants: sign-on, sign-off or echo. Raises Malformed."""
    wants = asked.fields.get("70", "")
    if wants not in {SIGN_ON, SIGN_OFF, ECHO}:
        raise Malformed("Field 70 is 001, 002 or 301.")
    return wants


def payment(asked: Asked) -> Payment:
    """What a financial request is for, or an enquiry about one. Raises Malformed."""
    fields = asked.fields
    if asked.kind == "pay" and fields.get("3") != PAYMENT:
        raise Malformed(f"Field 3 is {PAYMENT}: a payment.")
    currency = _NUMERICS.get(int(_digits(fields, "49", 3)))
    if currency is None:
        raise Malformed("This currency is not known here.", RESPONSES["currency"])
    said = {name: value for name, value in asked.private.items() if name != "token"}
    if "purchase" not in said:
        raise Malformed("Field 48 has no purchase number.")
    return Payment(amount_minor=int(_digits(fields, "4", 12)), currency=currency.code, reference=reference(asked), **said)


def reference(asked: Asked) -> str:
    """The partner's name for a payment: the retrieval reference number, the same in a repeat, a reversal, and at the HTTP door."""
    found = asked.fields.get("37", "").strip()
    if not found.isalnum() or not found.isascii():
        raise Malformed("Field 37 has no retrieval reference number.")
    return found


def key(asked: Asked, now_ms: int) -> str:
    """Acquirer, date and trace number: what makes a message the same message. Of a reversal: the original's. Raises Malformed."""
    acquirer, moment, trace = _digits(asked.fields, "32"), _digits(asked.fields, "7", 10), _digits(asked.fields, "11", 6)
    if asked.kind == "reverse":
        if not DIGITS.fullmatch(asked.original) or len(asked.original) != 42:
            raise Malformed("Field 90 has the original's type, trace number, time, acquirer and forwarder, 42 digits.")
        trace, moment = asked.original[4:10], asked.original[10:20]
        if asked.original[:4] not in {"0200", "0201"} or int(asked.original[20:31]) != int(acquirer):
            raise Malformed("Field 90 names no financial request of this acquirer.")
    return f"iso {int(acquirer)} {_year(moment, now_ms):%Y%m%d} {trace}"


def days(asked: Asked, now_ms: int) -> Days:
    """The local days that the payment may be of: field 13, else those around its time. Raises Malformed."""
    if asked.fields.get("13"):
        return frozenset({number(_year(_digits(asked.fields, "13", 4), now_ms))})
    return around(_year(asked.original[10:20] if asked.kind == "reverse" else _digits(asked.fields, "7", 10), now_ms))


def answer(asked: Asked, response: str, sold: Sold | Quote | None = None, sentence: str = "") -> bytes:
    """The message that answers: the same fields, field 39, and in field 62 the code, what an order would be, or a sentence."""
    # every repeat (0201, 0421) is answered like the first
    mti = f"{asked.mti[:2]}{int(asked.mti[2]) + 1}0"
    said = {"t": mti, "39": response} | asked.fields
    private = _said(sold) if sold else ([("19", sentence)] if sentence else [])
    if private:
        said["62"] = "".join(f"{tag}{len(value):02}{value}" for tag, value in private)
    raw, _ = iso8583.encode(said, spec=_SPEC)
    return bytes(raw)


def _said(sold: Sold | Quote) -> list[tuple[str, str]]:
    until = f"{datetime.fromtimestamp(sold.until_ms // 1000, UTC):%Y%m%d%H%M}"
    made = [("11", sold.code), ("12", sold.order)] if isinstance(sold, Sold) else []
    return [*made, ("13", sold.purchase), ("14", until), *(("15", name) for name in sold.after)]


def _private(text: str) -> dict[str, str]:
    """Tag (2 digits), length (2), value, and so on; what is not understood is left out."""
    found: dict[str, str] = {}
    while len(text) >= 4 and text[:4].isascii() and text[:4].isdecimal():
        tag, length = text[:2], int(text[2:4])
        value, text = text[4 : 4 + length], text[4 + length :]
        if tag in TAGS and len(value) == length:
            found[TAGS[tag]] = (found.get(TAGS[tag], "") if tag == IN_PARTS else "") + value
    return found


def _digits(fields: dict[str, str], number: str, length: int = 0) -> str:
    said = fields.get(number, "")
    if not DIGITS.fullmatch(said) or (length and len(said) != length):
        raise Malformed(f"Field {number} is not what it has to be.")
    return said


def _year(moment: str, now_ms: int) -> date:
    """MMDDhhmmss has no year: the one that is nearest to now. Raises Malformed."""
    today = datetime.fromtimestamp(now_ms / 1000, UTC).date()
    days = []
    for year in (today.year - 1, today.year, today.year + 1):
        try:
            days.append(date(year, int(moment[:2]), int(moment[2:4])))
        except ValueError:
            continue
    if not days:
        raise Malformed("Field 7 or 13 is no date.")
    return min(days, key=lambda day: abs(day - today))
