"""Coming in and going: a number, a PIN, and for some operations a second person.

Whether a number is anybody's is never said: it is asked for its PIN, the check takes as long, the word is the same, and its tries count.
"""

from msgspec.structs import replace

from kiosk.vend import passing as p
from kiosk.vend import seen as s
from kiosk.vend.facts import Fact
from kiosk.vend.operators import acts
from kiosk.vend.operators.session import OperatorEntered, OperatorLeft, OperatorRefused, OperatorTried, pause_ms
from kiosk.vend.operators.standing import PinJob, RosterHere, Staff, StaffAt, StaffTold
from kiosk.vend.phase import phase
from kiosk.vend.rules import Now, Rules
from kiosk.vend.staff import OPERATOR_DIGITS, Word
from kiosk.vend.state import State

Facts = tuple[Fact, ...]
MINUTE_MS = 60_000


def blank(staff: Staff) -> Staff:
    """Nobody there; what is being printed still is, and numbers of jobs go on."""
    return Staff(jobs=staff.jobs, paper=staff.paper, paper_of=staff.paper_of)


def entering(state: State) -> Facts:
    """From the two screens on which no customer has begun anything."""
    if phase(state) not in ("attract", "out"):
        return (p.Ignored("enter"),)
    return (StaffAt(replace(blank(state.here.staff), screen="number")),)


def left(state: State, why: str) -> Facts:
    """The machine is the customers' again. why: leave | time | card | restart."""
    over = (OperatorLeft(state.operators.operator, why),) if state.operators.operator else ()
    return (*over, StaffAt(blank(state.here.staff)))


def numbered(state: State, digits: str, now: Now) -> Facts:
    """A number was typed, on the first screen or as the second person's."""
    staff = state.here.staff
    if len(digits) != OPERATOR_DIGITS:
        return (p.Ignored("number"),)
    if notice := _pause(state, digits, now):
        return (StaffAt(replace(staff, notice=notice)),)
    if digits == state.operators.operator:
        refused = OperatorRefused(digits, "same", staff.asked.operation if staff.asked else "")
        return (refused, StaffAt(replace(staff, notice=Word("second_same"))))
    screen = "second_pin" if staff.screen == "second" else "pin"
    return (StaffAt(replace(staff, screen=screen, number=digits, notice=None)),)


def _pause(state: State, number: str, now: Now) -> Word | None:
    left_ms = pause_ms(state.operators, number, now.mono_ms)
    return Word("paused", {"minutes": -(-left_ms // MINUTE_MS)}) if left_ms else None


def pin_typed(state: State, now: Now) -> Facts:
    """The try is on disk before anybody looks at the PIN."""
    staff = state.here.staff
    if staff.screen not in ("pin", "second_pin"):
        return (p.Ignored("pin"),)
    if notice := _pause(state, staff.number, now):
        return (StaffAt(replace(staff, screen=_door(staff), notice=notice)),)
    job = staff.jobs + 1
    return (OperatorTried(staff.number), StaffAt(replace(staff, screen="wait", checking=job, jobs=job, notice=None)))


def _door(staff: Staff) -> str:
    return "second" if staff.asked else "number"


def pin_job(state: State, at_ms: int) -> PinJob | None:
    """Whose PIN the one that was typed is held against."""
    staff = state.here.staff
    if not staff.checking:
        return None
    known = state.here.roster.operator(staff.number, at_ms) if state.here.roster else None
    return PinJob(staff.checking, known.pin if known else "")


def checked(rules: Rules, state: State, seen: s.PinChecked, now: Now) -> Facts:
    """In, or not and not why."""
    staff = state.here.staff
    if not staff.checking or seen.job != staff.checking:
        return (p.Ignored("PinChecked"),)
    why = _refusal(rules, state, now, right=seen.right)
    number, operation = staff.number, staff.asked.operation if staff.asked else ""
    staff = replace(staff, checking=0, number="", screen=_door(staff))
    if why:
        notice = _pause(state, number, now) or Word("refused")
        return (OperatorRefused(number, why, operation), StaffTold(replace(staff, notice=notice)))
    if staff.asked:
        beside = OperatorEntered(number, state.operators.operator)
        return (beside, *acts.perform(rules, state, replace(staff, second=number), now))
    return (OperatorEntered(number), StaffTold(replace(staff, screen="home")))


def _refusal(rules: Rules, state: State, now: Now, *, right: bool) -> str:
    """Why not, for the journal alone."""
    staff, roster = state.here.staff, state.here.roster
    if roster is None:
        return "no_roster"
    if roster.operator(staff.number, now.at_ms) is None:
        return "unknown"
    if not right:
        return "pin"
    if staff.asked:
        granted = roster.may(staff.number, staff.asked.operation, rules.place, now.at_ms)
    else:
        granted = roster.serves(staff.number, rules.place, now.at_ms)
    return "" if granted else "no_grant"


def roster_read(state: State, seen: s.RosterRead) -> Facts:
    """Only the roster that the journal says is installed counts, so that an older one on the disk lets nobody in."""
    installed = state.trust.roster
    if installed is None or installed.digest != seen.digest:
        return (p.Ignored("RosterRead"),)
    return (RosterHere(seen.roster),)
