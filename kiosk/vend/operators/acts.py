"""What operators do, once it was asked and confirmed: the facts of each operation, with who, where and on what."""

from collections.abc import Mapping

from msgspec.structs import replace

from kiosk.vend import fitted
from kiosk.vend import passing as p
from kiosk.vend.bank import PosDeclined
from kiosk.vend.cash import box_minor
from kiosk.vend.facts import DeviceRecovered, Fact, PrintStarted, Tender
from kiosk.vend.operators.session import OperatorDid, OperatorRefused
from kiosk.vend.operators.standing import NOTHING, ReadJob, Staff, StaffAt, StaffTold
from kiosk.vend.paper.values import Paper
from kiosk.vend.proof import paper_works
from kiosk.vend.rules import Now, Rules
from kiosk.vend.service import ServiceClosed, ServiceOpened
from kiosk.vend.staff import Word
from kiosk.vend.state import State
from kiosk.vend.till import AcceptorEnrolled, CashBoxInstalled, CashBoxRemoved

Facts = tuple[Fact, ...]
UNNAMED = "0"  # pieces of which the device named no value


def did(rules: Rules, state: State, operation: str, about: Mapping[str, str], second: str = "") -> OperatorDid:
    """Who, where, on what."""
    return OperatorDid(state.operators.operator, second, operation, rules.place, dict(about))


def allowed(rules: Rules, state: State, operation: str, now: Now) -> bool:
    """May whoever is logged in do this here and now? Asked again at every step: a screen that offers it proves nothing."""
    roster, operator = state.here.roster, state.operators.operator
    return bool(operator and roster and roster.may(operator, operation, rules.place, now.at_ms))


def not_allowed(state: State, operation: str) -> Facts:
    """It was asked for without the right."""
    refused = OperatorRefused(state.operators.operator, "no_grant", operation)
    return (refused, StaffAt(replace(state.here.staff, asked=None, notice=Word("not_allowed"))))


def perform(rules: Rules, state: State, staff: Staff, now: Now) -> Facts:
    """`staff.asked`, confirmed, and `staff.second` beside it where two are needed."""
    asked = staff.asked
    if asked is None:
        return ()
    if not allowed(rules, state, asked.operation, now):
        return not_allowed(state, asked.operation)
    second = staff.second
    staff = replace(staff, asked=None, second="", typed="", notice=None)
    match asked.operation:
        case "service.close":
            facts: Facts = (ServiceClosed(state.operators.operator, asked.on),)
            return (*facts, did(rules, state, asked.operation, {"why": asked.on}, second), StaffTold(replace(staff, screen="service")))
        case "service.open":
            opened = ServiceOpened(state.operators.operator)
            return (opened, did(rules, state, asked.operation, {}, second), StaffTold(replace(staff, screen="service")))
        case "cash.box.swap":
            return _removed(rules, state, staff, asked.on, second)
        case "cash.box.install":
            return _installed(rules, state, staff, asked.on, second)
        case "device.enrol":
            return _enrolled(rules, state, staff, asked.on, second)
        case "receipt.reprint" | "terminal.settle":
            return (_settled if asked.operation == "terminal.settle" else _reprinted)(rules, state, staff, second)
        case "clock.set":
            reading = reads(replace(staff, screen="service"), "clock", asked.on)
            return (did(rules, state, asked.operation, {"at": asked.on}, second), StaffTold(reading))
        case "restart" | "terminal.day_end":
            ending = asked.operation == "restart"
            begun = () if ending else (p.PosDo("day_end", now.mono_ms),)
            after = replace(staff, screen="service", ending=True) if ending else replace(staff, screen="reports", notice=Word("day_ending"))
            return (did(rules, state, asked.operation, {}, second), *begun, StaffTold(after))
        case "counters.reset":
            done = did(rules, state, asked.operation, {}, second)
            return (done, StaffTold(reads(replace(staff, screen="counters", of=""), "counters", "")))
    return (did(rules, state, asked.operation, {}, second), StaffTold(replace(staff, screen="home", notice=Word("done"))))


# ---------------------------------------------------------------- the cash box


def removal(state: State, staff: Staff, device: str, operators: tuple[str, ...]) -> CashBoxRemoved:
    """The fact that a swap writes, as it is shown before it is: counted by the journal, not by whoever takes the box."""
    box, held = state.till.box(device), state.boxes.get(device, {})
    named = sorted(((int(face), pieces) for face, pieces in held.items() if face != UNNAMED), reverse=True)
    return CashBoxRemoved(
        device,
        box.session,
        box.box,
        staff.typed,
        operators,
        tuple(Tender(device, face, pieces) for face, pieces in named),
        box_minor(state, device),
        held.get(UNNAMED, 0),
        sum(one.denomination for one in state.disputed if one.device == device),
    )


def _removed(rules: Rules, state: State, staff: Staff, device: str, second: str) -> Facts:
    people = tuple(one for one in (state.operators.operator, second) if one)
    fact = removal(state, replace(staff, typed=state.here.staff.typed), device, people)
    about = {"device": device, "session": str(fact.session), "bag": fact.bag}
    staff = reads(replace(staff, screen="box", of=device, notice=Word("box_out")), "box", f"{device}.{fact.session}")
    return (fact, did(rules, state, "cash.box.swap", about, second), StaffTold(staff))


def _installed(rules: Rules, state: State, staff: Staff, device: str, second: str) -> Facts:
    people = tuple(one for one in (state.operators.operator, second) if one)
    number, stray = state.here.staff.typed, sum(state.boxes.get(device, {}).values())
    session = state.till.box(device).session + 1
    fact = CashBoxInstalled(device, session, number, people, stray)
    about = {"device": device, "session": str(session), "box": number}
    return (fact, did(rules, state, "cash.box.install", about, second), StaffTold(replace(staff, screen="cash", notice=Word("done"))))


def _enrolled(rules: Rules, state: State, staff: Staff, device: str, second: str) -> Facts:
    """The acceptor that was asked about, if it is still the one that answers."""
    serial = state.here.staff.typed
    if fitted.stranger(state, device) != serial:
        return (StaffTold(replace(staff, screen="cash", notice=Word("not_there"))),)
    people = tuple(one for one in (state.operators.operator, second) if one)
    about = {"device": device, "serial": serial}
    done = StaffTold(replace(staff, screen="cash", notice=Word("done")))
    well = (DeviceRecovered(device),) if device in state.till.doubted else ()
    return (AcceptorEnrolled(device, serial, people), *well, did(rules, state, "device.enrol", about, second), done)


def _settled(rules: Rules, state: State, staff: Staff, second: str) -> Facts:
    """The bank's own word about a payment that no terminal can tell of any more, if none has told meanwhile."""
    payment, staff = state.bank.open, replace(staff, screen="cases", of="")
    if payment is None:
        return (StaffTold(staff),)
    about = {"payment": payment.id, "amount": str(payment.amount_minor)}
    nothing = PosDeclined(payment.sale, payment.id, "people")
    return (nothing, did(rules, state, "terminal.settle", about, second), StaffTold(replace(staff, notice=Word("done"))))


# ---------------------------------------------------------------- paper


def reads(staff: Staff, what: str, of: str) -> Staff:
    """The screen while the journal is being looked up."""
    job = staff.jobs + 1
    return replace(staff, read=ReadJob(job, what, of), jobs=job, found=NOTHING)


def prints(rules: Rules, state: State, staff: Staff, paper: Paper, now: Now) -> Facts:
    """A paper that is about no sale: it has no number, and 16 fresh hex digits for a name."""
    if state.here.printing or not paper_works(state):
        return (StaffTold(replace(staff, notice=Word("no_paper"))),)
    begun = PrintStarted(now.fresh, 0, paper.kind, 0, rules.language)
    return (begun, StaffTold(replace(staff, paper=paper, paper_of=now.fresh)))


def _reprinted(rules: Rules, state: State, staff: Staff, second: str) -> Facts:
    again, paper = state.here.staff.found.again, state.here.staff.found.paper
    if again is None or paper is None or state.here.printing or not paper_works(state):
        return (StaffTold(replace(staff, notice=Word("no_paper"))),)
    about = {"receipt": str(again.number), "copy": str(again.copy)}
    staff = replace(staff, paper=paper, paper_of=again.sale, found=NOTHING, notice=Word("printing"))
    return (again, did(rules, state, "receipt.reprint", about, second), StaffTold(staff))
