"""A maintenance screen: head, notice, then a table, a question or what is tested, a field, and the keys. Nothing here knows a task."""

from msgspec.structs import replace

from kiosk import words
from kiosk.screens.canvas import Frame, Piece, Target, compose, plane
from kiosk.screens.flow import flow, flow_all
from kiosk.screens.rows import Clock, too_small
from kiosk.screens.scene import Key
from kiosk.screens.size import fitting
from kiosk.screens.staff.case import TURN, page, pages, turn
from kiosk.screens.staff.entry import entry, hidden
from kiosk.screens.staff.head import head
from kiosk.screens.staff.keys import help_key, of_field, of_help, offered, painted
from kiosk.screens.staff.look import grid
from kiosk.screens.staff.plan import Plan, plan_of
from kiosk.screens.staff.question import question
from kiosk.screens.staff.small import small
from kiosk.screens.staff.speech import Speech
from kiosk.screens.staff.table import numbered, table
from kiosk.vend.staff import StaffView, Word
from kiosk.vend.view import View

HELP_LINES = 5


def goes_on(before: StaffView | None, after: StaffView) -> bool:
    """Does what was typed stay: digits of a field, marks on a screen under test, turned pages of a case?"""
    if before is None or not (after.field or after.look == "grid" or after.story):
        return False
    return (before.screen, before.field, before.story) == (after.screen, after.field, after.story)


def frame(view: View, typed: list[str], clock: Clock, today: str, window: tuple[int, int], *, helping: bool = False) -> Frame:
    """The whole screen. `typed`: the digits so far; `today`: the wall's date, "2026-11-24"; `window`: columns and rows."""
    say, staff = Speech(view, today), view.staff or StaffView("")
    plan, fits = plan_of(*window), fitting(*window)
    if plan is None:
        return small(say, clock.time, fits) if fits else too_small(view.language, *window)
    told, found, turns = (_help(say, plan), [], []) if helping else _body(staff, typed, say, plan)
    keys = of_help(view, say) if helping else [*_keys(view, staff, typed, say), *turns]
    pieces, targets = painted(keys, plan)
    rows, lost = compose(plan.size.columns, plan.size.rows, "paper", head(view, staff, say, clock, plan.size) + told + pieces)
    return Frame(rows, (*found, *targets), lost)


def _keys(view: View, staff: StaffView, typed: list[str], say: Speech) -> list[Key]:
    """What the desk offers, and help where 0 is no digit."""
    if staff.field:
        return of_field(staff.field, len(typed), staff.keys, say)
    own = [] if staff.look == "grid" else [help_key(view)]
    return own + [offered(key, say) for key in staff.keys]


def _body(staff: StaffView, typed: list[str], say: Speech, plan: Plan) -> tuple[list[Piece], list[Target], list[Key]]:
    """Everything between the money line and the keys, what may be touched there, and the key that turns a case's page."""
    notice = staff.notice or (Word("busy") if staff.busy else None)
    pieces = _notice(say.word("notice", notice), plan) if notice else []
    covered = notice is not None and plan.notice == plan.body[0]
    region = (plan.size.margin, plan.body[0] + covered, plan.size.inner)
    free = plan.room({key.cap for key in staff.keys} | set("1" if staff.field else "")) - covered
    if staff.look == "grid" and staff.question:
        asked = question(replace(staff.question, lines=(), journaled=""), say, region)
        planes, targets = grid("".join(typed), plan, asked[-1].y + 2)
        return pieces + asked + planes, targets, []
    if staff.question:
        pieces += question(staff.question, say, region)
    elif staff.story:
        told = pages(staff.story, staff.zone, say, region[2], free)
        number = typed.count(TURN) % len(told)
        return pieces + page(told[number], *region[:2]), [], turn(number, len(told), say)
    elif staff.table and staff.table.rows:
        rows = numbered(staff.table) if staff.screen == "cases" else staff.table
        pieces += table(rows, say, (*region, free), headed=not covered)
    elif staff.table or not staff.field:
        pieces += _hint(staff, say, region)
    if staff.field is None:
        return pieces, [], []
    shown, targets = entry(staff.field, len(typed), "" if hidden(staff.field) else "".join(typed), say, plan)
    return pieces + shown, targets, []


def _hint(staff: StaffView, say: Speech, region: tuple[int, int, int]) -> list[Piece]:
    """What there is to say where there is no table: nothing while it is being looked up."""
    x, y, width = region
    hint = say(f"hint.{staff.screen}") if words.known(f"staff.hint.{staff.screen}") else "" if staff.busy else say("none")
    return [Piece(y + row, x, text, ("ink", "paper", False)) for row, text in enumerate(flow(hint, width)) if text]


def _notice(text: str, plan: Plan) -> list[Piece]:
    """What has just happened, on a plane of its own."""
    x, width = plan.size.margin, plan.size.inner
    return [*plane(plan.notice, x, width, 1, "badge"), Piece(plan.notice, x + 1, text, ("badge_words", "badge", True))]


def _help(say: Speech, plan: Plan) -> list[Piece]:
    """How these screens work, in a few lines."""
    lines = flow_all(tuple(say(f"help.{line}") for line in range(1, HELP_LINES + 1)), plan.size.inner, plan.body[1])
    return [Piece(plan.body[0] + row, plan.size.margin, text, ("ink", "paper", False)) for row, text in enumerate(lines)]
