"""A paper's values become text: in its language, its currency and its zone. Pure."""

from datetime import UTC, datetime

from kiosk import words
from kiosk.devices.printer.cells import cells
from kiosk.vend.paper import values as v

_KEPT = "\u00a0"  # parts thousands where a language parts them by a space, so that no line ends within an amount


def said(value: v.Value, paper: v.Paper) -> str:
    """Any value of a row, as this paper writes it."""
    match value:
        case str() | int():
            return str(value)
        case v.Said(key, params):
            return words.text(paper.language, key, **{name: said(inner, paper) for name, inner in params.items()})
        case v.PaperNumber():
            return f"{paper.kiosk}-{paper.number:06d}" + (f"-{paper.check}" if paper.check else "")
        case v.Tail(digits, dots):
            return "." * dots + digits
        case v.Day() | v.Month() | v.Clock() | v.Moment():
            return _time(value, paper)
        case _:
            return _number(value, paper).replace(" ", _KEPT)


def _number(value: v.Money | v.Energy | v.Rate | v.Pieces | v.Stack, paper: v.Paper) -> str:
    match value:
        case v.Money(minor):
            return words.money(paper.language, minor, paper.exponent)
        case v.Energy(wh):
            return words.money(paper.language, wh // 10, 2)
        case v.Rate(decimal):
            whole, _, part = decimal.partition(".")
            return words.money(paper.language, int(whole + part), len(part))
        case v.Pieces(items):
            return " + ".join(_face(face, paper) + (f" x {count}" if count > 1 else "") for face, count in items)
        case v.Stack(denomination, pieces, widest):
            face = _face(denomination, paper)
            return " " * (cells(_face(widest, paper)) - cells(face)) + f"{face} x {pieces}"


def _face(denomination: int, paper: v.Paper) -> str:
    return words.whole_money(paper.language, denomination, paper.exponent)


def _time(value: v.Day | v.Month | v.Clock | v.Moment, paper: v.Paper) -> str:
    local = datetime.fromtimestamp(value.at_ms / 1000, UTC).astimezone(datetime.strptime(paper.zone, "%z").tzinfo)
    match value:
        case v.Day():
            return words.full_day(paper.language, local)
        case v.Month():
            return words.month(paper.language, local)
        case v.Clock():
            return f"{words.clock(local)} {paper.zone}"
        case v.Moment():
            return f"{words.day(paper.language, local)} {words.clock(local)}"
