"""The head of every maintenance screen: who is here and until when, and the machine's own money on its line.

The amounts stand on the line itself, so that the keys have three rows each even in a window of 24. It is painted where the head office
knows of the money, and unpainted under what it has not got.
"""

from kiosk import words
from kiosk.screens.canvas import Piece, plane, width_of
from kiosk.screens.rows import Clock, time_left
from kiosk.screens.size import Size
from kiosk.screens.staff.plan import STRIP
from kiosk.screens.staff.speech import Speech
from kiosk.vend.staff import Owed, StaffView
from kiosk.vend.view import View

_AT = (0, 28, 48, 71)  # per cent of the inner width
_STYLE = ("header_words", "header", True)


def head(view: View, staff: StaffView, say: Speech, clock: Clock, size: Size) -> list[Piece]:
    """Rows 0 to 2."""
    return _header(view, staff, say, clock, size) + (_money(staff.owed, say, size) if staff.owed else _door(say, size))


def _header(view: View, staff: StaffView, say: Speech, clock: Clock, size: Size) -> list[Piece]:
    """Title, operator, service; what is left of the session, kiosk and clock. In a narrow window the title gives way first."""
    leaves = say("head.leaves", time=time_left(say.language, clock.left_ms)) if clock.left_ms is not None else ""
    demo = words.text(say.language, "title.demo_short") if view.demo else ""
    right = "  ".join(part for part in (leaves, demo, view.kiosk, clock.time) if part)
    service = say("head.closed" if staff.service else "head.open") if staff.operator else ""
    operator = say("head.operator", number=staff.operator) if staff.operator else ""
    room = size.columns - 2 - width_of(right)
    ways = [(say("head.title"), operator, service), (operator, service), (service,)]
    said = next((way for way in ways if sum(width_of(part) + 3 for part in way) <= room), ways[-1])
    pieces, x = plane(0, 0, size.columns, 1, "header"), 1
    for part in filter(None, said):
        closed = staff.service and part == service
        pieces.append(Piece(0, x, f" {part} ", ("badge_words", "badge", True)) if closed else Piece(0, x, part, _STYLE))
        x += width_of(part) + 3
    return [*pieces, Piece(0, size.columns - 1 - width_of(right), right, _STYLE)]


def _door(say: Speech, size: Size) -> list[Piece]:
    """Before anybody is logged in no money is named."""
    pieces = plane(STRIP, 0, size.columns, 2, "you.plane")
    pieces.append(Piece(STRIP, size.margin, say("head.door"), ("you.words", "you.plane", True)))
    return [*pieces, Piece(STRIP + 1, size.margin, say("head.customers"), ("you.words", "you.plane", False))]


def _money(owed: Owed, say: Speech, size: Size) -> list[Piece]:
    """Four stations: their words, and below them their amounts on the line."""
    labels = tuple(say(f"money.{name}") for name in ("box", "sale", "claims", "unsent"))
    four = (owed.box_minor, owed.sale_minor, owed.claims_minor, owed.unsent_minor)
    box, sale, claims, unsent = (say("money.hidden") if minor is None else say.money(minor) for minor in four)
    counted = (claims + "  " + say("money.slips", n=owed.claims), unsent + "  " + say("money.facts", n=owed.unsent_rows))
    ways = ((box, sale, *counted), (box, sale, claims, counted[1]), (box, sale, claims, unsent))
    amounts, at = next((way, at) for way in ways if (at := _columns(labels, way, size))[0] >= size.margin or way is ways[-1])
    painted = max(at[3] - 1, 0) if owed.unsent_rows else size.columns
    pieces = plane(STRIP, 0, size.columns, 1, "you.plane")
    pieces += plane(STRIP + 1, 0, painted, 1, "till") + plane(STRIP + 1, painted, size.columns - painted, 1, "till_rest")
    for x, label, amount in zip(at, labels, amounts, strict=True):
        pieces.append(Piece(STRIP, x, label, ("you.words", "you.plane", False)))
        ground = "till" if x < painted else "till_rest"
        pieces.append(Piece(STRIP + 1, x, amount, (f"{ground}_words", ground, True)))
    return pieces


def _columns(labels: tuple[str, ...], amounts: tuple[str, ...], size: Size) -> list[int]:
    """Where the stations stand: at their places, moved on by a long one before them, or back by the window's edge."""
    widths = [max(map(width_of, pair)) for pair in zip(labels, amounts, strict=True)]
    at = [size.margin + size.inner * part // 100 for part in _AT]
    for here in range(1, len(at)):
        at[here] = max(at[here], at[here - 1] + widths[here - 1] + 2)
    end = size.right + 2
    for here in reversed(range(len(at))):
        at[here] = min(at[here], end - 2 - widths[here])
        end = at[here]
    return at
