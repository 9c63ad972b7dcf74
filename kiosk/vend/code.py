"""Transfer codes: money that was paid elsewhere, as twenty digits for one card, one slot and one amount. Pure; it has no key.

    G N AAAAAAA MMMMMMMMMM C     shown 4-4-4-4-4

G is the key generation mod 10, N the purchase count mod 10, A the amount in minor units, M ten digits of a CMAC, C a Damm digit over all.

    Kcard = CMAC(Kgen, 01 || serial(8) || utility(4) || "C" || "KIOSKPWR")
    MAC   = CMAC(Kcard, "KVCODE1" 00 || utility(4) || generation(4) || serial(8) || meter(6 BCD) || n(4) || amount(4) || currency(2 BCD))
    M     = the first 8 bytes of it, mod 10^10; bytes 8-9 are the salt of the record's tag

So one order is one record at every kiosk. A count proof says over the telephone which record took the slot of a code that came too late:

    CMAC(Kcard, "KVPROOF1" || meter(6 BCD) || n(4) || M(5 BCD) || 00 this order / 01 another record), the first 8 bytes, mod 10^10
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from kiosk.vend import damm

DIGITS, GROUP = 20, 4
AMOUNT = slice(2, 9)
MOST_MINOR = 9_999_999  # seven digits
MAC_DIGITS = 10
MAC_RANGE = 10_000_000_000
GENERATION_MS = 30 * 86_400_000
BEHIND, AHEAD = 4, 5  # how far a code's count may be from the card's next one: ten in all, so that one digit names one of them
HELD_BEFORE, HELD_AFTER = 1, 1  # generations that a kiosk holds beside the present one
COUNT_MAX = 0xFFFFFFFF

Serial = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]
Meter = Annotated[str, Meta(pattern=r"^[0-9]{12}\Z")]


class Terms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a code is about: whose card and meter, which slot, how much. Two codes of the same terms are the same code."""

    utility: Annotated[int, Meta(ge=1, le=0xFFFFFFFF)]
    generation: Annotated[int, Meta(ge=1, le=0xFFFF)]
    serial: Serial
    meter: Meter
    n: Annotated[int, Meta(ge=1, le=COUNT_MAX)]
    amount_minor: Annotated[int, Meta(ge=1, le=MOST_MINOR)]
    currency: Annotated[int, Meta(ge=1, le=999)]  # ISO 4217, numeric


class Typed(msgspec.Struct, frozen=True):
    """What stands in twenty digits whose check digit holds."""

    generation_digit: int
    count_digit: int
    amount_minor: int
    mac: int

    def __repr__(self) -> str:
        return "Typed(hidden)"


# ---------------------------------------------------------------- digits


def typed(text: str) -> Typed | None:
    """The parts of a code; None for anything but twenty digits, a wrong check digit, and a code for nothing."""
    if len(text) != DIGITS or not (text.isascii() and text.isdecimal()) or damm.digit(text) != "0":
        return None
    amount_minor = int(text[AMOUNT])
    return Typed(int(text[0]), int(text[1]), amount_minor, int(text[9:19])) if amount_minor else None


def written(terms: Terms, mac: int) -> str:
    """The twenty digits."""
    digits = f"{terms.generation % 10}{terms.n % 10}{terms.amount_minor:07}{mac:0{MAC_DIGITS}}"
    return digits + damm.digit(digits)


def grouped(text: str, by: int = GROUP) -> str:
    """As people read it: `7800 1000 0528 8620 6546`."""
    return " ".join(text[at : at + by] for at in range(0, len(text), by))


# ---------------------------------------------------------------- what is MACed


def message(terms: Terms) -> bytes:
    """40 bytes."""
    slot = terms.n.to_bytes(4) + terms.amount_minor.to_bytes(4)
    who = bytes.fromhex(terms.serial) + bytes.fromhex(terms.meter)
    return b"KVCODE1\0" + terms.utility.to_bytes(4) + terms.generation.to_bytes(4) + who + slot + bytes.fromhex(f"{terms.currency:04}")


def proof_message(terms: Terms, mac: int, *, another: bool) -> bytes:
    """24 bytes."""
    return b"KVPROOF1" + bytes.fromhex(terms.meter) + terms.n.to_bytes(4) + bytes.fromhex(f"{mac:0{MAC_DIGITS}}") + bytes((another,))


def ten_digits(cmac: bytes) -> int:
    """Of a code or a proof."""
    return int.from_bytes(cmac[:8]) % MAC_RANGE


def salt(cmac: bytes) -> bytes:
    """Two bytes for the record's tag; 0000 stands for no tag and becomes 0001."""
    return cmac[8:10] if any(cmac[8:10]) else b"\0\1"


# ---------------------------------------------------------------- which slot, which generation


def count(count_digit: int, following: int) -> int:
    """The one count near the card's next one, `following`, that has this digit; 0 or less where the card never had it."""
    first = following - BEHIND
    return first + (count_digit - first) % 10


def generation_at(at_ms: int) -> int:
    """The key generation of a moment: thirty days each, since 1970."""
    return at_ms // GENERATION_MS


def generation(generation_digit: int, at_ms: int) -> int:
    """The one generation near the present one that has this digit: four back, five ahead."""
    return count(generation_digit, generation_at(at_ms))


def until_ms(made_in: int) -> int:
    """When no kiosk takes a code of this generation any more: it is the previous one until then."""
    return (made_in + HELD_BEFORE + 1) * GENERATION_MS
