"""The offline rules as a table: each by its number in docs/failures.md, where it stands and where it stops, the worst first."""

from kiosk.vend.risk import LEVELS, RuleStanding, standing
from kiosk.vend.rules import Now, Rules
from kiosk.vend.staff import Cell, Count, Money, Plain, Status, Table, Word
from kiosk.vend.state import State

_PLATES = {"ok": Status("OK"), "warn": Status("LOW"), "low": Status("LOW"), "stop": Status("BAD")}
_ENDS = ("grant", "tariff", "keys")  # their value is what is left, and there is no other limit than 0


def rules_table(rules: Rules, state: State, now: Now) -> Table:
    """One row a rule."""
    found = sorted(standing(rules, state, now), key=lambda one: (-LEVELS.index(one.level), one.number))
    return Table(("rule", "about", "state", "stands", "limit"), tuple(_row(one) for one in found))


def _row(one: RuleStanding) -> tuple[Cell, ...]:
    limit = Plain("") if one.name in _ENDS else _amount(one.limit, one.unit)
    return Plain(str(one.number)), Word(f"rule.{one.name}"), _PLATES[one.level], _amount(one.value, one.unit), limit


def _amount(value: int, unit: str) -> Cell:
    match unit:
        case "minor":
            return Money(value)
        case "hours" | "mib":
            return Word(f"unit.{unit}", {"n": value})
        case "ms":
            return Word("unit.seconds", {"n": value // 1000})
    return Count(value)
