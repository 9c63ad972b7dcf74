"""What a maintenance screen asks for becomes facts, or nothing: what is not offered, not granted or not now is refused by the desk."""

from datetime import date, datetime

from msgspec.structs import replace

from kiosk.vend import fitted, handing_in
from kiosk.vend import passing as p
from kiosk.vend import seen as s
from kiosk.vend import staff as st
from kiosk.vend.facts import Fact
from kiosk.vend.operators import acts, entry, trials
from kiosk.vend.operators.standing import NOTHING, Staff, StaffAt, StaffKept, StaffTold
from kiosk.vend.phase import staff_here
from kiosk.vend.rules import Now, Rules
from kiosk.vend.state import State
from kiosk.vend.till import CASH, bag_used

Facts = tuple[Fact, ...]
NEEDS = {"tests": "device.test", "counters": "counters.view", "cases": "case.open", "case": "case.open", "receipts": "receipt.find",
         "reports": "report.day", "report": "report.day", "journal": "journal.view", "post": "sync.now"}  # fmt: skip
WHY = ("maintenance", "cash", "order")
DIGITS = {"bag": (3, 12), "bag_again": (3, 12), "box": (1, 8), "receipts": (1, 6), "clock": (12, 12)}


def heard(rules: Rules, state: State, seen: s.Ordered | s.PinChecked | s.Found | s.RosterRead, now: Now) -> Facts:
    """What a maintenance screen said, and what was looked up and checked for one."""
    match seen:
        case s.Ordered():
            return _ordered_here(rules, state, seen, now)
        case s.PinChecked():
            return entry.checked(rules, state, seen, now)
        case s.Found():
            return _found(rules, state, seen, now)
        case s.RosterRead():
            return entry.roster_read(state, seen)


def _ordered_here(rules: Rules, state: State, seen: s.Ordered, now: Now) -> Facts:
    """An order counts on the screen that it was made on. Wherever it leads, a key was pressed."""
    if seen.rev != state.here.turn:
        return (p.Ignored("order"),)
    facts = _ordered(rules, state, seen.order, now)
    return tuple(StaffAt(fact.staff) if isinstance(fact, StaffTold) else fact for fact in facts)


def _ordered(rules: Rules, state: State, order: st.Order | None, now: Now) -> Facts:
    if isinstance(order, st.Enter):
        return entry.entering(state)
    if not staff_here(state):
        return (p.Ignored("order"),)
    match order:
        case st.Here():
            return (StaffKept(),)
        case st.Leave():
            return entry.left(state, "leave")
        case None:
            return _boot_card(rules, state, now) if state.here.staff.screen == "boot" else entry.pin_typed(state, now)
        case st.Typed():
            return _typed(state, order.digits, now)
    if not state.operators.operator or state.here.staff.screen in ("wait", "second_pin"):
        return (p.Ignored("order"),)
    match order:
        case st.Go():
            return _went(rules, state, order, now)
        case st.Do():
            return _asked(rules, state, order, now)
        case st.Yes() | st.No():
            return _answered(rules, state, now, yes=isinstance(order, st.Yes))
    return (p.Ignored("order"),)


# ---------------------------------------------------------------- screens


def _went(rules: Rules, state: State, order: st.Go, now: Now) -> Facts:
    """Another screen, or another page of this one."""
    of, page = _page(order.of)
    if order.to == "report" and not _is_date(of if len(of) > len("2026-11") else f"{of}-01"):
        return (p.Ignored("report"),)
    needs = "report.month" if order.to == "report" and len(of) == len("2026-11") else NEEDS.get(order.to, "")
    if needs and not acts.allowed(rules, state, needs, now):
        return acts.not_allowed(state, needs)
    staff = replace(_plain(state.here.staff), screen=order.to, of=of, page=page)
    if (order.to, of) == (state.here.staff.screen, state.here.staff.of) and state.here.staff.found.table:
        return (StaffAt(replace(staff, found=state.here.staff.found)),)
    match order.to:
        case "journal":
            return (StaffAt(acts.reads(staff, "journal", of)),)
        case "report":
            return (StaffAt(acts.reads(staff, "month" if needs == "report.month" else "day", of)),)
        case "counters":
            return (StaffAt(acts.reads(staff, "counters", "")),)
        case "post":
            return (StaffAt(acts.reads(staff, "post", "")),)
        case "case" if of in state.claims:
            return (StaffAt(acts.reads(staff, "case", of)),)
    return (StaffAt(staff),)


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _page(of: str) -> tuple[str, int]:
    """`all.2` is the second page of `all`."""
    subject, dot, page = of.rpartition(".")
    return (subject, max(1, int(page[:4]))) if dot and page.isdecimal() else (of, 1)


def _plain(staff: Staff) -> Staff:
    """Whatever was asked, typed or found is over."""
    return Staff(staff.screen, jobs=staff.jobs, paper=staff.paper, paper_of=staff.paper_of)


# ---------------------------------------------------------------- asked


def _asked(rules: Rules, state: State, order: st.Do, now: Now) -> Facts:
    """Ask ENTER for it; or first for what has to be typed; or begin it where nothing can go wrong."""
    if not acts.allowed(rules, state, order.operation, now):
        return acts.not_allowed(state, order.operation)
    staff = replace(state.here.staff, asked=None, typed="", notice=None)
    box = state.till.box(order.on)
    match order.operation:
        case "device.test" | "sync.now" | "sync.export" | "sync.import":
            return trials.begun(rules, state, order.on, now) if order.operation == "device.test" else _posted(rules, state, order)
        case "cash.box.swap" if order.on in CASH and not box.out:
            return (StaffAt(replace(_plain(staff), screen="bag", of=order.on)),)
        case "cash.box.install" if order.on in CASH and box.out:
            return (StaffAt(replace(_plain(staff), screen="box", of=order.on)),)
        case "cash.box.slip" if last := state.till.last.get(order.on):
            return (StaffAt(acts.reads(staff, "box", f"{order.on}.{last.session}")),)
        case "device.enrol" if serial := fitted.stranger(state, order.on):
            return (StaffAt(replace(staff, asked=order, typed=serial)),)
        case "clock.set" | "keys.unlock":
            return (StaffAt(replace(_plain(staff), screen="clock" if order.operation == "clock.set" else "boot")),)
        case "report.day" | "report.month" if staff.screen == "report" and staff.found.paper:
            printed = acts.prints(rules, state, staff, staff.found.paper, now)
            done = (acts.did(rules, state, order.operation, {"of": staff.of}),) if len(printed) > 1 else ()
            return (*printed, *done)
        case "receipt.reprint" if staff.found.again:
            return (StaffAt(replace(staff, asked=order)),)
        case "service.close" | "service.open" if _turns_service(state, order):
            return (StaffAt(replace(staff, asked=order)),)
        case "service.open" | "paper.change" | "counters.reset" | "restart" | "terminal.day_end" | "terminal.settle":
            return (StaffAt(replace(staff, asked=order)),) if _stands(state, order.operation) else (p.Ignored("do"),)
    return (p.Ignored("do"),)


def _turns_service(state: State, order: st.Do) -> bool:
    """An open machine is closed for a reason, a closed one is opened."""
    return bool(state.service.closed) if order.operation == "service.open" else order.on in WHY and not state.service.closed


def _stands(state: State, operation: str) -> bool:
    """Is it there to be done?"""
    match operation:
        case "service.open":
            return bool(state.service.closed)
        case "terminal.day_end":
            return handing_in.may(state)
        case "terminal.settle":
            return handing_in.may_settle(state)
    return True


def _posted(rules: Rules, state: State, order: st.Do) -> Facts:
    """The courier is asked, and the post shown when it has answered."""
    staff = acts.reads(replace(_plain(state.here.staff), screen="post"), "post", order.operation)
    return (acts.did(rules, state, order.operation, {}), StaffAt(staff))


def _boot_card(rules: Rules, state: State, now: Now) -> Facts:
    """The boot card's PIN was typed: whoever guards the keys looks at it, and says what became of it."""
    if not acts.allowed(rules, state, "keys.unlock", now):
        return acts.not_allowed(state, "keys.unlock")
    staff = acts.reads(replace(_plain(state.here.staff), screen="keys"), "boot", state.operators.operator)
    return (acts.did(rules, state, "keys.unlock", {}), StaffAt(staff))


def _answered(rules: Rules, state: State, now: Now, *, yes: bool) -> Facts:
    """ENTER or CLEAR on a question or a test."""
    staff = state.here.staff
    if staff.asked is None:
        if not staff.test:
            return (p.Ignored("yes"),)
        looked = "ok" if yes else "bad"
        return trials.ended(rules, state, looked if staff.test in trials.LOOKED_AT else "stopped")
    if not yes:
        cash = staff.asked.operation.startswith("cash.") or staff.asked.operation == "device.enrol"
        screen = "cash" if cash else "service" if staff.screen in ("clock", "second") else staff.screen
        return (StaffAt(replace(staff, screen=screen, asked=None, typed="", notice=None)),)
    if state.here.roster and state.here.roster.needs_two(staff.asked.operation):
        return (StaffAt(replace(staff, screen="second", notice=None)),)
    return acts.perform(rules, state, staff, now)


# ---------------------------------------------------------------- typed


def _typed(state: State, digits: str, now: Now) -> Facts:
    """ENTER on a field."""
    staff = state.here.staff
    if staff.screen in ("number", "second"):
        return entry.numbered(state, digits, now)
    least, most = DIGITS.get(staff.screen, (1, 0))
    if not state.operators.operator or staff.asked or not least <= len(digits) <= most:
        return (p.Ignored("digits"),)
    match staff.screen:
        case "bag":
            if bag_used(state.till, digits):
                return (StaffAt(replace(staff, notice=st.Word("bag_used"))),)
            return (StaffAt(replace(staff, screen="bag_again", typed=digits, notice=None)),)
        case "bag_again" if digits != staff.typed:
            return (StaffAt(replace(staff, screen="bag", typed="", notice=st.Word("bag_differs"))),)
        case "bag_again":
            return (StaffAt(replace(staff, screen="cash", asked=st.Do("cash.box.swap", staff.of), notice=None)),)
        case "box":
            return (StaffAt(replace(staff, screen="cash", asked=st.Do("cash.box.install", staff.of), typed=digits, notice=None)),)
        case "receipts":
            return (StaffAt(acts.reads(replace(staff, of=digits, notice=None), "receipt", digits)),)
    return _clock_typed(staff, digits)


def _clock_typed(staff: Staff, digits: str) -> Facts:
    """Year to minute; a date that there is not is said."""
    try:
        datetime.strptime(digits, "%Y%m%d%H%M")  # noqa: DTZ007 - only whether there is such a minute; the zone is the kiosk's
    except ValueError:
        return (StaffAt(replace(staff, notice=st.Word("no_date"))),)
    return (StaffAt(replace(staff, asked=st.Do("clock.set", digits), notice=None)),)


# ---------------------------------------------------------------- found


def _found(rules: Rules, state: State, seen: s.Found, now: Now) -> Facts:
    """What was looked up: to show, or in a swap to print at once."""
    staff = state.here.staff
    if staff.read is None or seen.job != staff.read.id:
        return (p.Ignored("Found"),)
    what, answer = staff.read.what, seen.found
    notice = st.Word(answer.notice) if answer.notice else staff.notice
    staff = replace(staff, read=None, found=answer, notice=notice)
    if what == "box" and answer.paper:
        return acts.prints(rules, state, replace(staff, found=NOTHING), answer.paper, now)
    return (StaffTold(staff),)
