"""What a mobile network does with a modem's TPDUs, written from the tables of 3GPP TS 23.040 and 23.038 apart from the driver.

A telephone puts parts together; a report goes back when it has one. Bits are walked one by one: slow, and another way than the driver's.
"""

from dataclasses import dataclass, field
from typing import Any

# 23.038, 6.2.1, a row of sixteen at a time, as Unicode numbers in hex
_ROWS = (
    "40 A3 24 A5 E8 E9 F9 EC F2 C7 0A D8 F8 0D C5 E5",
    "394 5F 3A6 393 39B 3A9 3A0 3A8 3A3 398 39E 1B C6 E6 DF C9",
    "20 21 22 23 A4 25 26 27 28 29 2A 2B 2C 2D 2E 2F",
    "30 31 32 33 34 35 36 37 38 39 3A 3B 3C 3D 3E 3F",
    "A1 41 42 43 44 45 46 47 48 49 4A 4B 4C 4D 4E 4F",
    "50 51 52 53 54 55 56 57 58 59 5A C4 D6 D1 DC A7",
    "BF 61 62 63 64 65 66 67 68 69 6A 6B 6C 6D 6E 6F",
    "70 71 72 73 74 75 76 77 78 79 7A E4 F6 F1 FC E0",
)
_BASIC = [chr(int(code, 16)) for row in _ROWS for code in row.split()]
_BEHIND_ESCAPE = {10: "\f", 20: "^", 40: "{", 41: "}", 47: "\\", 60: "[", 61: "~", 62: "]", 64: "|", 101: "\u20ac"}
STAMP = "62115241000000"  # 2026-11-25 14:00:00, any time zone


class Malformed(ValueError):
    """The network would not take it: +CMS ERROR: 304."""


@dataclass
class Part:
    """One SUBMIT as a telephone receives it."""

    to: str
    text: str
    report: bool
    reference: int = 0
    whole: int = 1
    place: int = 1


@dataclass
class Air:
    """Everything that was ever sent, and what the telephones show. `state` and `Air.of` are its memory."""

    mr: int = 0
    parts: list[dict[str, Any]] = field(default_factory=list)

    def take(self, part: Part) -> int:
        """A message reference for it."""
        self.mr = (self.mr + 1) % 256
        said = {"to": part.to, "text": part.text, "reference": part.reference, "whole": part.whole, "place": part.place}
        self.parts.append(said | {"mr": self.mr, "report": part.report})
        return self.mr

    def shown(self) -> list[dict[str, str]]:
        """The messages on the telephones: parts of one reference to one number are one message, and a part that comes twice is one."""
        shown: list[dict[str, str]] = []
        half: dict[tuple[str, int], dict[int, str]] = {}
        for part in self.parts:
            if part["whole"] == 1:
                shown.append({"to": part["to"], "text": part["text"]})
                continue
            pieces = half.setdefault((part["to"], part["reference"]), {})
            pieces[part["place"]] = part["text"]
            if len(pieces) == part["whole"]:
                shown.append({"to": part["to"], "text": "".join(pieces[place] for place in sorted(pieces))})
                del half[part["to"], part["reference"]]
        return shown

    def report(self, mr: int, status: int) -> tuple[int, str]:
        """Octets and hex of the STATUS-REPORT of that reference."""
        to = next((part["to"] for part in reversed(self.parts) if part["mr"] == mr), "+0")
        body = f"06{mr:02X}{_number(to)}{STAMP}{STAMP}{status:02X}"
        return len(body) // 2, "00" + body


def deliver(sender: str, text: str) -> tuple[int, str]:
    """Octets and hex of a DELIVER from a telephone, in UCS-2."""
    said = text.encode("utf-16-be")[:140]
    body = f"04{_number(sender)}0008{STAMP}{len(said):02X}{said.hex().upper()}"
    return len(body) // 2, "00" + body


def submitted(octets: int, line: str) -> Part:
    """What a modem was given. Raises Malformed."""
    try:
        raw = [int(line[at : at + 2], 16) for at in range(0, len(line), 2)]
        body = raw[1 + raw[0] :]
        if len(body) != octets or len(line) % 2 or body[0] & 3 != 1:
            raise Malformed
        first, digits = body[0], body[2]
        at = 4 + -(-digits // 2)
        number = "".join(f"{octet:02X}"[::-1] for octet in body[4:at])[:digits]
        to = ("+" if body[3] == 0x91 else "") + number
        scheme = body[at + 1]
        at += 2 + (first & 0x18 == 0x10) + 7 * (first & 0x18 in (0x08, 0x18))
        length, data = body[at], body[at + 1 :]
        return _read(Part(to, "", bool(first & 0x20)), scheme, length, data, header=bool(first & 0x40))
    except (ValueError, IndexError):
        raise Malformed from None


def _read(part: Part, scheme: int, length: int, data: list[int], *, header: bool) -> Part:
    behind = data[0] + 1 if header else 0
    if header:
        kind, size, part.reference, part.whole, part.place = data[1:6]
        if (kind, size) != (0, 3) or not 1 <= part.place <= part.whole:
            raise Malformed
    if scheme == 8:
        if length != len(data) or (length - behind) % 2:
            raise Malformed
        part.text = bytes(data[behind:]).decode("utf-16-be")
        return part
    skipped = -(-behind * 8 // 7)
    if scheme != 0 or -(-length * 7 // 8) != len(data) or length > 160:
        raise Malformed
    bits = [octet >> bit & 1 for octet in data for bit in range(8)]
    septets = [sum(bits[7 * n + bit] << bit for bit in range(7)) for n in range(skipped, length)]
    escaped = False
    for septet in septets:
        part.text += "" if septet == 27 and not escaped else _BEHIND_ESCAPE[septet] if escaped else _BASIC[septet]
        escaped = septet == 27 and not escaped
    return part


def _number(number: str) -> str:
    digits = number.lstrip("+")
    even = digits + "F" * (len(digits) % 2)
    pairs = (even[at : at + 2] for at in range(0, len(even), 2))
    return f"{len(digits):02X}{'91' if number.startswith('+') else '81'}{''.join(pair[::-1] for pair in pairs)}"
