"""Device tests, one by one: each is begun by an operator, answered by the device or by whoever looks at it, and is a fact when it is over.

A note is read in escrow and given back. A coin cannot be given back, so there is no test of coins. Nothing that is tested is ever credit.
"""

from msgspec.structs import replace

from kiosk import words
from kiosk.vend import passing as p
from kiosk.vend import seen as s
from kiosk.vend.facts import Fact
from kiosk.vend.operators import acts
from kiosk.vend.operators.standing import StaffAt, StaffTold
from kiosk.vend.paper.page import test_page
from kiosk.vend.rules import Now, Rules
from kiosk.vend.staff import Word
from kiosk.vend.state import State

Facts = tuple[Fact, ...]
DEVICES = ("notes", "reader", "printer", "screen", "sound")
LOOKED_AT = {"screen": "grid", "sound": "sound"}


def begun(rules: Rules, state: State, device: str, now: Now) -> Facts:
    """The screen of one test; a printer's begins with its paper."""
    if device not in DEVICES:
        return (p.Ignored("device.test"),)
    staff = replace(state.here.staff, screen="test", test=device, heard="", notice=None)
    if device != "printer":
        return (StaffAt(staff),)
    zone = rules.offset(now.at_ms)
    paper = test_page(kiosk=rules.kiosk, printed_ms=now.at_ms, zone=zone, exponent=rules.currency.exponent, language=rules.language)
    printing = acts.prints(rules, state, staff, paper, now)
    return printing if len(printing) > 1 else (StaffAt(replace(state.here.staff, notice=Word("no_paper"))),)


def ended(rules: Rules, state: State, result: str, heard: str = "") -> Facts:
    """result: ok | bad | stopped; `heard` is what the device said: an amount, an ATR."""
    staff = state.here.staff
    about = {"device": staff.test, "result": result, **({"heard": heard} if heard else {})}
    what = heard or staff.test
    if staff.test == "notes" and heard.isdecimal():
        what = words.money(state.here.language or rules.language, int(heard), rules.currency.exponent)
    notice = Word("test_ok" if result == "ok" else "test_bad", {"what": what})
    after = replace(staff, screen="tests", test="", heard="", notice=notice)
    return (acts.did(rules, state, "device.test", about), StaffTold(after))


def told(rules: Rules, state: State, seen: s.Seen) -> Facts:
    """What a device says while it is tested."""
    staff = state.here.staff
    match staff.test, seen:
        case "notes", s.NoteHeld():
            return (StaffTold(replace(staff, heard=str(seen.denomination))),)
        case "notes", s.NoteBack() if staff.heard:
            return ended(rules, state, "ok", staff.heard)
        case "notes", s.NoteRejected():
            return ended(rules, state, "bad", seen.code)
        case "notes", s.NoteIn():
            return ended(rules, state, "bad", "stacked")
        case "printer", s.Printed() if state.here.printing:
            return ended(rules, state, "ok" if seen.outcome in ("printed", "assumed") else "bad", seen.outcome)
        case "reader", s.CardIn():
            return ended(rules, state, "ok", seen.atr)
        case "reader", s.CardBad():
            return ended(rules, state, "bad", seen.why)
    return ()
