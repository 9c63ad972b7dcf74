"""The end of the bank terminal's day: what it has collected is handed in. At night by itself, or when a technician asks for it.

Never while a payment is unknown: its trace is in the batch that would be closed.
"""

from msgspec.structs import replace

from kiosk.vend import bank
from kiosk.vend import facts as f
from kiosk.vend import passing as p
from kiosk.vend import seen as s
from kiosk.vend.facts import Fact
from kiosk.vend.operators.standing import StaffTold
from kiosk.vend.rules import Now, Rules
from kiosk.vend.staff import Word
from kiosk.vend.state import State

Facts = tuple[Fact, ...]
NIGHT = range(2, 5)  # hours of the kiosk's own clock
LONGEST_MS = 600_000


def may(state: State) -> bool:
    """The terminal can be asked for it now."""
    return bool(state.here.pos.up is not None and state.bank.open is None and not state.here.pos.doing and state.sale is None)


def may_settle(state: State) -> bool:
    """There is a payment of which nobody knows the end, and no sale that waits for it: its terminal may never come back."""
    payment = state.bank.open
    return payment is not None and payment.stage == "unknown" and state.sale is None


def wanted(state: State) -> bool:
    """There is something to hand in, or only that mends the terminal."""
    return may(state) and (state.bank.payments > 0 or state.faults.get(bank.DEVICE, "") in bank.NIGHTLY)


def due(rules: Rules, state: State, now: Now) -> Facts:
    """Once a night, when nobody is there; and one that is never answered is over after ten minutes."""
    pos, local = state.here.pos, rules.local(now.at_ms)
    if pos.doing == "day_end":
        return _ended(rules, state, "unknown", "silent", now) if now.mono_ms >= pos.since_ms + LONGEST_MS else ()
    idle = not state.here.token and not state.here.staff.screen
    night = local.hour in NIGHT and state.bank.ended != local.date().isoformat()
    return (p.PosDo("day_end", now.mono_ms),) if night and idle and wanted(state) else ()


def ended(rules: Rules, state: State, seen: s.PosAnswered, now: Now) -> Facts:
    """The terminal's word. What only this mends is well again."""
    outcome = seen.outcome if seen.outcome in ("done", "refused") else "unknown"
    return _ended(rules, state, outcome, seen.why, now)


def _ended(rules: Rules, state: State, outcome: str, why: str, now: Now) -> Facts:
    fact = bank.PosDayEnded(outcome, rules.business_date(now.at_ms), state.bank.payments, state.bank.amount_minor, why)
    mended = outcome == "done" and state.faults.get(bank.DEVICE, "") in bank.NIGHTLY
    well: Facts = (f.DeviceRecovered(bank.DEVICE), p.TerminalSeen("")) if mended else ()
    staff, notice = state.here.staff, Word("day_ended" if outcome == "done" else "day_not_ended")
    told = (StaffTold(replace(staff, notice=notice)),) if staff.screen and state.operators.operator else ()
    return (fact, *well, p.PosDo("", now.mono_ms), *told)
