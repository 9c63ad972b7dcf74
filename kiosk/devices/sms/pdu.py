"""TPDUs of the short message service (3GPP TS 23.040, 9.2) as hex, the SMSC first: SUBMIT out, DELIVER and STATUS-REPORT in. Pure.

    00 | first octet | MR | length TON digits | PID DCS VP | UDL UD      00: the SMSC that the SIM knows

What comes in is whatever a radio network says: anything that does not parse is a PduError, and nothing of it stands in the message.
"""

from typing import Final, NamedTuple

from kiosk.devices.sms.alphabet import Parts, cut, packed, spelled, unpacked

HEX_MAX = 2 * 200  # a TPDU has at most 164 octets, an SMSC's address 12
DIGITS_MAX = 20
SUBMIT: Final = 0x01
RELATIVE, REPORT, UDH = 0x10, 0x20, 0x40  # of the first octet: validity, status report request, user data header
DAY = 0xA7  # TP-VP (9.2.3.12.1)
UCS2 = 0x08
CONCATENATED = 0x00  # information element, 8-bit reference (9.2.3.24.1)
_HEADER_SEPTETS = 7  # 6 octets of header and one bit of fill
_FIGURES = "0123456789*#abc"


class PduError(ValueError):
    """It is no TPDU that this speaks."""


class Submit(NamedTuple):
    """One part as AT+CMGS takes it: the octets of the TPDU without the SMSC, and all of it as hex."""

    octets: int
    hex: str


class Deliver(NamedTuple):
    """A message from somebody. What it says is theirs."""

    sender: str
    text: str

    def __repr__(self) -> str:
        return "Deliver(hidden)"


class StatusReport(NamedTuple):
    """What became of the message `mr` to `recipient`, TP-ST as 9.2.3.15 has it."""

    mr: int
    recipient: str
    status: int

    def __repr__(self) -> str:
        return f"StatusReport({self.mr}, {self.status})"

    @property
    def outcome(self) -> str:
        """delivered | trying | lost."""
        return "delivered" if self.status < 0x20 else "trying" if self.status < 0x40 else "lost"


# ---------------------------------------------------------------- out


def submits(number: str, text: str, *, reference: int, report: bool = True, validity: int | None = DAY) -> tuple[Submit, ...]:
    """A text to `number` ("+254712345678", or digits as they are dialled here). `reference`: one octet, the same for every try.

    `validity`: TP-VP, None leaves it to the network. Raises PduError for a number that is none, TextTooLong.
    """
    told = cut(text)
    whole = len(told.parts)
    return tuple(
        _submit(number, told, place, reference, report=report, validity=validity, whole=whole) for place, _ in enumerate(told.parts)
    )


def _submit(number: str, told: Parts, place: int, reference: int, *, report: bool, validity: int | None, whole: int) -> Submit:
    part = told.parts[place]
    header = bytes((5, CONCATENATED, 3, reference & 0xFF, whole, place + 1)) if whole > 1 else b""
    first = SUBMIT | (0 if validity is None else RELATIVE) | (REPORT if report else 0) | (UDH if header else 0)
    if told.seven:
        length = len(part) + (_HEADER_SEPTETS if header else 0)
        data = header + packed(part, 1 if header else 0)
    else:
        length, data = len(header) + len(part), header + part
    fixed = bytes((0x00, 0x00 if told.seven else UCS2, *(() if validity is None else (validity,)), length))
    tpdu = bytes((first, reference & 0xFF)) + address(number) + fixed + data
    return Submit(len(tpdu), "00" + tpdu.hex().upper())


def address(number: str) -> bytes:
    """Digits, half-octets swapped (9.1.2.5). Raises PduError."""
    digits = number.removeprefix("+")
    if not 1 <= len(digits) <= DIGITS_MAX or not (digits.isascii() and digits.isdecimal()):
        raise PduError("A number has 1 to 20 digits.")
    padded = digits + "F" * (len(digits) % 2)
    swapped = "".join(padded[at + 1] + padded[at] for at in range(0, len(padded), 2))
    return bytes((len(digits), 0x91 if number.startswith("+") else 0x81)) + bytes.fromhex(swapped)


# ---------------------------------------------------------------- in


def parsed(line: str | bytes) -> Deliver | StatusReport:
    """A TPDU from the network, hex with the SMSC before it. Raises PduError."""
    if len(line) > HEX_MAX:
        raise PduError("It is longer than a TPDU can be.")
    try:
        octets = _Octets(bytes.fromhex(line if isinstance(line, str) else line.decode("ascii")))
    except ValueError:
        raise PduError("It is not hex.") from None
    octets.take(octets.one())  # the SMSC's address
    first = octets.one()
    if first & 0x03 == 0x02:
        return _status_report(octets)
    if first & 0x03 == 0x00:
        return _deliver(octets, header=bool(first & UDH))
    raise PduError("It is neither a message nor a report.")


def _status_report(octets: "_Octets") -> StatusReport:
    mr, recipient = octets.one(), octets.address()
    octets.take(14)  # when it was sent and when that ended
    return StatusReport(mr, recipient, octets.one())


def _deliver(octets: "_Octets", *, header: bool) -> Deliver:
    sender = octets.address()
    octets.take(1)
    scheme = octets.one()
    octets.take(7)
    length, data = octets.one(), octets.rest()
    skipped = data[0] + 1 if header and data else 0
    if scheme & 0x0C == 0x08:
        if length > len(data) or skipped > length:
            raise PduError("It ends in its text.")
        return Deliver(sender, data[skipped:length].decode("utf-16-be", "replace"))
    if scheme & 0x0C:
        return Deliver(sender, "")  # data, not text
    taken = -(-skipped * 8 // 7)
    if length * 7 > len(data) * 8 or taken > length:
        raise PduError("It ends in its text.")
    return Deliver(sender, spelled(unpacked(data, length)[taken:]))


class _Octets:
    """A walk through octets that ends before they do."""

    def __init__(self, octets: bytes) -> None:
        self._octets, self._at = octets, 0

    def take(self, count: int) -> bytes:
        if self._at + count > len(self._octets):
            raise PduError("It ends too early.")
        taken = self._octets[self._at : self._at + count]
        self._at += count
        return taken

    def one(self) -> int:
        return self.take(1)[0]

    def rest(self) -> bytes:
        return self.take(len(self._octets) - self._at)

    def address(self) -> str:
        """A sender's or recipient's; a name (9.1.2.5, alphanumeric) as its letters."""
        digits, kind = self.one(), self.one()
        if digits > DIGITS_MAX + 2:
            raise PduError("It has an address that is too long.")
        octets = self.take((digits + 1) // 2)
        if kind & 0x70 == 0x50:
            return spelled(unpacked(octets, digits * 4 // 7))
        halves = [half for octet in octets for half in (octet & 0x0F, octet >> 4)][:digits]
        if 0x0F in halves:
            raise PduError("It has an address that is too short.")
        return ("+" if kind & 0x70 == 0x10 else "") + "".join(_FIGURES[half] for half in halves)
