"""What a display shows of a View: money first, how much and where it is; without any, the one thing to do; idle, a greeting.

Two lines of twenty cells, in the customer's language where the display's font has its letters, else in English. A board is read by the
whole queue: it does not tell what is left in a customer's meter.
"""

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from kiosk import words
from kiosk.devices.display.dialect import Shown, can_show
from kiosk.vend.view import View

SAFE = ("unsure", "interrupted")
TO_DO: Mapping[str, str] = {  # what is said where no amount is
    "attract": "put_card", "reading": "reading", "account": "busy", "amount": "amount", "code": "code", "insert": "put_money",
    "writing": "leave_card", "take_card": "take_card", "still": "more_time", "refused": "read_screen", "bank": "read_screen",
}  # fmt: skip
NONE_TAKEN = {"declined", "aborted", "busy", "reversed", "none"}  # bank cards that came to nothing: no amount is anybody's any more
LAMP = {"you": "price", "machine": "collect", "card": "total"}


class Wording(NamedTuple):
    """How one display is spoken to. `greeting`: the utility's own words at rest; `public`: more than the customer can read it."""

    charset: str = "cp437"
    greeting: str = ""
    public: bool = False


PLAIN = Wording()


def shown(view: View, wording: Wording = PLAIN) -> Shown:
    """The two lines, and the amount as a numeric display has it."""
    language = _language(view.language, wording.charset)

    def say(key: str) -> str:
        return words.text(language, f"display.{key}")

    if view.phase in ("out", "staff"):
        return Shown(say("out"), say("out_next"))
    if view.phase == "attract":
        return Shown(wording.greeting or say("welcome"), say("put_card"))
    amount = _amount(view, wording)
    if amount is None:
        return Shown(say(_to_do(view)), say("wait") if view.phase == "reading" else "")
    digits = _plain(amount, view.exponent)
    place = "held" if view.held else view.place
    return Shown(_written(language, amount, view, wording.charset), say(_where(view)), digits, LAMP.get(place, ""))


def _to_do(view: View) -> str:
    """The key of what is said without an amount."""
    state = view.params.get("state")
    if view.phase == "bank" and state in NONE_TAKEN:
        return "none_taken"
    return TO_DO.get(view.phase, "read_screen") if not state else "read_screen"


def _amount(view: View, wording: Wording) -> int | None:
    """The amount that this moment is about, minor units; None where there is none, or none for these eyes."""
    if view.phase == "account":
        told = view.params.get("as_of") and not view.params.get("unproven") and not view.params.get("order_minor")
        return view.figure_minor if told and not wording.public else None
    if view.phase == "still":
        tender = view.params.get("tender")
        return tender if isinstance(tender, int) and tender else view.figure_minor or None
    answered = view.phase == "code" and view.params.get("state", "checking") != "checking"
    if view.phase == "refused" or answered or (view.phase == "bank" and view.params.get("state") in NONE_TAKEN):
        return None
    return view.figure_minor or None


def _where(view: View) -> str:
    """The key of the words that say where it is, and whether anything is to be done."""
    if view.phase in SAFE:
        return "same_card" if view.phase == "unsure" else "safe"
    if view.held and view.phase in ("claim", "qr"):
        return "slip" if view.params.get("printed") else "safe"
    if view.phase == "writing":
        return "leave_card"
    if view.phase == "bank":
        return {"approved": "bank_paid", "silent": "wait"}.get(str(view.params.get("state", "")), "by_bank")
    if view.phase == "code":
        return "on_code"
    return {"machine": "in_machine", "card": "on_card", "meter": "in_meter"}.get(view.place, "to_pay")


def _language(language: str, charset: str) -> str:
    """The customer's, or English where the font lacks a letter of any of its sentences: two scripts side by side help nobody."""
    return language if _speaks(language, charset) else words.SOURCE


@cache
def _speaks(language: str, charset: str) -> bool:
    said = (sentence for key, sentence in words.catalogue(language).items() if key.startswith("display."))
    return all(can_show(sentence, charset) for sentence in said)


def _written(language: str, amount_minor: int, view: View, charset: str) -> str:
    """`150.00 yuan`; the currency's code where the font lacks its word, and the number alone where both do not fit."""
    number = words.money(language, amount_minor, view.exponent)
    units = (words.currency(language, view.currency), view.currency)
    return next((line for unit in units if can_show(line := f"{number} {unit}", charset)), number)


def _plain(amount_minor: int, exponent: int) -> str:
    """`-1234.50`: digits, a point, a minus, as seven segments have them."""
    sign, digits = "-" if amount_minor < 0 else "", str(abs(amount_minor)).rjust(exponent + 1, "0")
    return f"{sign}{digits[:-exponent]}.{digits[-exponent:]}" if exponent else f"{sign}{digits}"
