"""What `kiosk doctor` finds: one line a subject, with what it costs the customer and what to do about it."""

from typing import Literal

import msgspec

from kiosk.commands import EXIT_MISSING, EXIT_REFUSED
from kiosk.vend import outage
from kiosk.vend.risk import RuleStanding
from kiosk.words import text

Level = Literal["OK", "LOW", "STOP"]
ORDER: tuple[Level, ...] = ("STOP", "LOW", "OK")
EXIT_ROLLED_BACK = 7


class Line(msgspec.Struct, frozen=True):
    """One subject. `code`: the exit code where it stops the machine."""

    level: Level
    what: str
    says: str
    costs: str = ""
    do: str = ""
    code: int = EXIT_REFUSED

    def __str__(self) -> str:
        rest = " ".join(part for part in (self.says, self.costs, self.do) if part)
        return f"{self.level:<5}{self.what:<12}{rest}"


NO_MONEY = "No money can go in."
NEW_ID = "Keep it as it is; the office gives this place a new id."
STORE = "Ask the office for another store."
CLOCK = "Set it: two operators, on the maintenance screens."
BAG = "Take a bag to the office, and its answer back."
OFFICE = "Take in a bag of the head office: kiosk sync import DIR."

RULES: dict[str, tuple[str, str, str]] = {  # name -> (while all is well, otherwise, what to do)
    "float": ("{value} may still be sold", "only {value} may still be sold", OFFICE),
    "grant": ("the float is good for {value} hours", "the float is good for {value} more hours", OFFICE),
    "restored": ("no witness is ahead of this journal", "this disk was put back: a witness is {value} ahead of its journal", NEW_ID),
    "hotlisted": ("{value} cards are served no more", "", ""),
    "offline": ("the office was heard {value} hours ago", "the office was last heard {value} hours ago, and {limit} is the end", OFFICE),
    "hotlist": ("the hotlist is {value} hours old", "the hotlist is {value} hours old, and {limit} is the end", OFFICE),
    "tariff": ("the tariff is good for {value} hours", "the tariff is good for {value} more hours", OFFICE),
    "keys": ("the trading store is good for {value} hours", "the trading store is good for {value} more hours", STORE),
    "generation": ("cards are written with key generation {value}", "no generation of the card key is good now", STORE),
    "locked": ("the trading keys are open", "the trading keys are locked", "Boot card and PIN: kiosk boot unlock."),
    "clock_floor": ("the clock is not behind the journal", "the clock is {value} ms behind the journal's last row", CLOCK),
    "clock_step": ("nobody moved the clock", "the clock was moved by {value} ms", CLOCK),
    "clock_cards": ("no card says that the clock is behind", "{value} cards say that it is later than the clock says", CLOCK),
    "history": ("the office has our history", "the office has another batch {value} than this journal", "Tell the office; change nothing."),
    "disk": ("{value} MiB are free", "{value} MiB are free, and below {limit} nothing is sold", "Make room; never in the store."),
    "unacked": ("{value} rows are not at the office", "{value} rows are not at the office, and {limit} is the end", BAG),
    "cash_box": ("every piece in the boxes is a sale's", "{value} pieces in the boxes are nobody's, or in doubt", "Count the box."),
    "stopped": ("the office has not stopped this machine", "the office has stopped this machine", "Ask the office."),
}
COSTS = {"warn": "Nothing yet.", "low": "Half the limits, one sale a card and day.", "stop": NO_MONEY, "ok": ""}


def of_rule(one: RuleStanding, money: str) -> Line:
    """A rule as a line; `money` is its value as an amount, for those that have one."""
    good, bad, do = RULES[one.name]
    told = (good if one.level == "ok" else bad).format(value=money if one.unit == "minor" else one.value, limit=one.limit)
    level: Level = {"ok": "OK", "stop": "STOP"}.get(one.level, "LOW")  # type: ignore[assignment]
    code = EXIT_ROLLED_BACK if one.name == "restored" else EXIT_REFUSED
    return Line(level, f"rule {one.number}", f"{told[0].upper()}{told[1:]}.", COSTS[one.level], do if level != "OK" else "", code)


def of_device(role: str, code: str, why: str, *, alone: bool = False) -> Line:
    """A device that says `code` instead of doing its work; `alone`: nothing else takes money."""
    row = outage.of(role, code)
    level: Level = "STOP" if row.stops or (alone and set(row.lost) & set(outage.MONEY)) else "LOW"
    return Line(level, role, why, text("en", row.costs), text("en", row.look), EXIT_MISSING)


def worst_first(lines: list[Line]) -> list[Line]:
    """Those that stop the machine, those that cost something, the others; each in the order in which they were looked at."""
    return sorted(lines, key=lambda line: ORDER.index(line.level))


def exit_code(lines: list[Line]) -> int:
    """Of the first line that stops the machine; 0 where none does."""
    return next((line.code for line in lines if line.level == "STOP"), 0)
