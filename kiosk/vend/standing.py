"""Passing facts add up to what stands before the machine now: a card, a screen, a paper. No money rests on it, and no replay knows it."""

from functools import singledispatch
from typing import Any

from msgspec.structs import replace

from kiosk.vend import counterfeits, sms
from kiosk.vend import passing as p
from kiosk.vend.card.reading import Returned, Word
from kiosk.vend.facts import Row
from kiosk.vend.operators import standing as o
from kiosk.vend.phase import landed_shown, phase
from kiosk.vend.state import Here, State, find


@singledispatch
def stand(_fact: p.Passing, state: State) -> State:
    """One fact more; a kind that nobody adds up changes nothing."""
    return state


def begun(state: State, row: Row) -> Here:
    """At the start of a boot: nothing yet, and where the journal stands with the acceptors."""
    return Here(
        touched_ms=row.mono_ms,
        turn=state.here.turn + 1,
        jobs=state.here.jobs,
        language=state.sale.language if state.sale else "",
        at_start=state.acceptors,
        boxed=sum(state.boxes.get("notes", {}).values()),
        doubtful=int(_note_in_doubt(state)),
    )


def _note_in_doubt(state: State) -> bool:
    """One note may be in the box without a row: in escrow, gone from it unseen, or stuck in a validator that clears itself."""
    held = state.sale is not None and state.sale.escrow is not None
    stuck = state.faults.get("notes", "").startswith(("jammed", "fault-"))
    return held or stuck or any(note.device == "notes" for note in state.disputed)


def here_with(state: State, **changes: Any) -> State:
    """Change what stands here."""
    return replace(state, here=replace(state.here, **changes))


def shown(state: State, sale_id: str, **changes: Any) -> State:
    """Another end on the screen, or none: nothing is known yet of its paper and code. It speaks its customer's language."""
    sale = find(state, sale_id)
    language = state.here.language or (sale.language if sale else "")
    return here_with(state, shown=sale_id, printed="", qr="", code="", text=sms.TextAt(""), language=language, **changes)


def _gone(state: State) -> State:
    """No card: all that was known of the one before is over."""
    return here_with(
        state,
        token="",
        reading=None,
        verdict=None,
        due="",
        refused="",
        quote=None,
        failed="",
        foreign=None,
        finished=None,
        armed=False,
        tries=0,
        reset=False,
        leaving=False,
        still=False,
        extended=0,
        code_sent=None,
        code_said=None,
        pos=replace(state.here.pos, bare=False),
    )


@stand.register
def _(fact: p.CardCame, state: State) -> State:
    if landed_shown(state):
        state = shown(state, "")
    bare = state.here.pos.bare and fact.token == state.here.token  # the same card, to be read anew
    return here_with(after := _gone(state), token=fact.token, pos=replace(after.here.pos, bare=bare))


@stand.register
def _(_fact: p.CardLeft, state: State) -> State:
    """With the card its screen goes; but a code stays until it is photographed, a number that is typed until it is there, and a claim
    until its slip is taken."""
    over = landed_shown(state) and state.here.qr not in ("wanted", "shown") and phase(state) != "phone"
    state = shown(state, "") if over else state
    return here_with(_gone(state), asked="" if state.sale is None else state.here.asked)


@stand.register
def _(fact: p.CardLooked, state: State) -> State:
    here = state.here
    state = here_with(state, reading=fact.reading, verdict=fact.verdict, due=fact.due, refused=fact.refused, quote=fact.quote)
    bare = here.pos.bare and fact.reading.returned is Returned.FRAME
    state = here_with(state, failed="", reset=False, jobs=here.jobs + 1, pos=replace(here.pos, bare=bare))
    if fact.verdict.word == Word.FOREIGN:
        return here_with(state, foreign=fact.verdict)
    return here_with(state, foreign=None, tries=0) if here.foreign else state


@stand.register
def _(fact: p.HotlistHere, state: State) -> State:
    return here_with(state, hotlist=fact.cards)


@stand.register
def _(fact: p.PersonsHere, state: State) -> State:
    return here_with(state, masks=fact.masks)


@stand.register
def _(fact: p.CardNamed, state: State) -> State:
    return here_with(state, named=fact)


@stand.register
def _(fact: p.EndShown, state: State) -> State:
    return shown(state, fact.sale)


@stand.register
def _(fact: p.CardFailed, state: State) -> State:
    return here_with(state, failed=fact.why, reading=None, verdict=None)


@stand.register
def _(fact: p.JobEnded, state: State) -> State:
    """After an arming the reading before it still speaks; after a write, done or torn, only a new reading does."""
    armed = fact.ok and fact.do == "arm"
    state = here_with(state, jobs=state.here.jobs + 1, armed=armed)
    if armed:
        return state
    undone = fact.do == "finish" and state.here.pos.bare  # nothing of it is awaited
    pos = replace(state.here.pos, bare=state.here.pos.bare and fact.do != "finish")
    return here_with(state, reading=None, verdict=None, reset=not undone, tries=state.here.tries + 1, pos=pos)


@stand.register
def _(fact: p.ReaderSeen, state: State) -> State:
    return here_with(state, reader=fact.why)


@stand.register
def _(fact: p.AcceptorSeen, state: State) -> State:
    met = state.here.met if fact.code else state.here.met | {fact.device}
    return here_with(state, acceptors={**state.here.acceptors, fact.device: fact}, met=met)


@stand.register
def _(fact: p.PrinterSeen, state: State) -> State:
    return here_with(state, printer=fact.state, look_ms=0)


@stand.register
def _(fact: p.NoteDeclined, state: State) -> State:
    return here_with(state, declined=fact, came_back=fact.why)


@stand.register
def _(fact: p.NoteGone, state: State) -> State:
    return here_with(state, declined=None, came_back=fact.why or state.here.came_back)


@stand.register
def _(fact: p.Asked, state: State) -> State:
    here = state.here
    if fact.what == "language":
        return here_with(state, language=fact.arg)
    if fact.what == "more_time":
        return here_with(state, still=False, extended=here.extended + 1)
    if fact.what == "leave":
        return shown(state, "", leaving=bool(here.token), asked="")
    return here_with(state, asked=fact.what, code_sent=None, code_said=None, pos=replace(here.pos, said=""))


@stand.register
def _(_fact: p.CodeWanted, state: State) -> State:
    return here_with(state, qr="wanted")


@stand.register
def _(fact: p.CodeShown, state: State) -> State:
    return here_with(state, qr="shown", code=fact.code)


@stand.register
def _(_fact: p.CodeSeen, state: State) -> State:
    return here_with(state, qr="seen")


@stand.register
def _(_fact: p.CodeFailed, state: State) -> State:
    return here_with(state, qr="failed")


@stand.register
def _(fact: p.Waited, state: State) -> State:
    asks = fact.phase in ("insert", "account", "amount", "code")
    return here_with(state, still=True) if asks else here_with(state, language="", asked="")


@stand.register
def _(fact: p.AmountChosen, state: State) -> State:
    return here_with(state, asked="bank", pos=replace(state.here.pos, amount_minor=fact.amount_minor))


@stand.register
def _(fact: p.TerminalSeen, state: State) -> State:
    again = {"tries": 0, "next_ms": 0} if state.here.pos.up else {}  # it was away: what is unknown is asked for at once
    return here_with(state, pos=replace(state.here.pos, up=fact.code, read=state.here.pos.read or fact.read, **again))


@stand.register
def _(fact: p.PosDo, state: State) -> State:
    now = state.here.pos
    now = replace(now, jobs=now.jobs + 1, doing=fact.do, receipt=fact.receipt, since_ms=fact.at_ms, prompt="")
    later = {} if fact.do else {"tries": now.tries + 1, "next_ms": fact.next_ms}
    return here_with(state, pos=replace(now, tag=fact.tag or now.tag, bare=fact.bare or now.bare, **later))


@stand.register
def _(fact: p.PosPrompted, state: State) -> State:
    return here_with(state, pos=replace(state.here.pos, prompt=fact.key))


@stand.register
def _(fact: p.RulesLooked, state: State) -> State:
    return here_with(state, stop=fact.stop, code_stop=fact.code_stop, look_ms=fact.next_ms)


@stand.register
def _(fact: p.OrdersHere, state: State) -> State:
    return here_with(state, orders={each.order: each for each in fact.orders})


@stand.register
def _(fact: p.CodeSent, state: State) -> State:
    return here_with(state, code_sent=fact, code_said=None, jobs=state.here.jobs + 1)


@stand.register
def _(fact: p.CodeAnswered, state: State) -> State:
    return here_with(state, code_sent=None, code_said=fact, jobs=state.here.jobs + 1)


@stand.register
def _(fact: sms.TextAt, state: State) -> State:
    return here_with(state, text=fact)


@stand.register
def _(fact: sms.LetterWanted, state: State) -> State:
    return here_with(state, letter=fact.job)


@stand.register
def _(fact: sms.SmsDropped, state: State) -> State:
    return here_with(state, dropped=state.here.dropped + fact.messages)


@stand.register
def _(fact: counterfeits.Suspected, state: State) -> State:
    return here_with(state, wary=fact.wary)


@stand.register
def _(fact: p.DiskSeen, state: State) -> State:
    return here_with(state, disk=fact, look_ms=0)


@stand.register
def _(_fact: p.Ignored, state: State) -> State:
    return here_with(state, ignored=state.here.ignored + 1)


@stand.register
def _(fact: o.StaffAt | o.StaffTold, state: State) -> State:
    return here_with(state, staff=fact.staff)


@stand.register
def _(fact: o.RosterHere, state: State) -> State:
    return here_with(state, roster=fact.roster)
