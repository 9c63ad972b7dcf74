"""Texts for customers and technicians: what `step` makes of a typed number, of what the modem says, and of the time that has come.

The number goes from the customer's screen through `here`, which is never written, into the side table; the facts say that a text waits.
"""

import re

from kiosk.vend import facts as f
from kiosk.vend import outage, sms, till, trust
from kiosk.vend import passing as p
from kiosk.vend import seen as s
from kiosk.vend.damm import purchase_number
from kiosk.vend.facts import Fact
from kiosk.vend.phase import landed_shown
from kiosk.vend.rules import Now, Rules
from kiosk.vend.sms import DAY_MS, HOUR_MS, LetterJob, LetterWanted, SmsJob, TextAt
from kiosk.vend.state import Sale, State
from kiosk.vend.wording import worded

Facts = tuple[Fact, ...]


# ---------------------------------------------------------------- the customer's words


def offered(rules: Rules, state: State) -> bool:
    """May the end on the screen be told in a text? Once, while the modem works and the outbox takes more."""
    texts, here, box = rules.texts, state.here, state.sms
    if texts is None or not texts.receipts or not outage.works(state, "text") or here.text.state or here.letter or here.printing:
        return False
    today = box.customers if state.clock.last_ms // DAY_MS == box.day else 0
    return today < texts.day_max and len(box.texts) < sms.OUTBOX_MAX and state.ended is not None and state.ended.id == here.shown


def chosen(rules: Rules, state: State, do: str, arg: str, now: Now) -> Facts:
    """A text is wanted; its number; whether it is right."""
    match do, arg:
        case ("sms", "" | "again"):
            return (TextAt("typing"),)
        case "sms", "send":
            return _wanted(rules, state, now)
        case "phone", _:
            number = sms.dialled(arg, rules.texts.country if rules.texts else "")
            return (TextAt("confirm", number),) if number else (TextAt("wrong"),)
    return (TextAt(""),)


def _wanted(rules: Rules, state: State, now: Now) -> Facts:
    """The sale has its number before a text names it."""
    sale, number = state.ended, state.here.text.number
    if sale is None or sale.closed is None or not number:
        return ()
    numbered = () if sale.number else (f.ReceiptOffered(sale.id, state.number + 1, "sms"),)
    return (*numbered, LetterWanted(_letter(rules, state, sale, now)), TextAt("keeping"))


def _letter(rules: Rules, state: State, sale: Sale, now: Now) -> LetterJob:
    """No more than a paper says: of the card its tail, of the meter nothing."""
    landed = landed_shown(state)
    language = state.here.language or sale.language or rules.language
    number = f"{rules.kiosk}-{sale.number or state.number + 1:06d}"
    values: dict[str, str | int] = {
        "utility": worded(rules, state.trust.texts).letterhead.spoken(language).utility,
        "number": number if landed else f"{number}-{sale.check}",
        "at": f"{rules.local(sale.closed_ms if landed else sale.claim_ms):%Y-%m-%d %H:%M}",
        "tail": sale.card[-4:],
        "purchase": purchase_number(sale.n),
        "paid_minor": sale.tender_minor,
        "credit_minor": sale.closed.credit_minor if sale.closed else 0,
    }
    about, until_ms = "receipt" if landed else "claim", now.at_ms + sms.RECEIPT_MS
    currency = (sale.quote.currency, sale.quote.exponent)
    return LetterJob(now.fresh, sale.id, about, state.here.text.number, until_ms, language, *currency, values)


# ---------------------------------------------------------------- told


def heard(state: State, seen: s.Seen) -> Facts:
    """What the outbox and the modem say."""
    match seen:
        case s.SmsKept():
            return _kept(state, seen)
        case s.SmsAnswered():
            return _answered(state, seen)
        case s.SmsReported() if seen.ref in state.sms.texts and seen.outcome in ("delivered", "lost"):
            return (sms.SmsReported(seen.ref, seen.outcome, state.sms.texts[seen.ref].sale),)
        case s.SmsArrived():
            return (sms.SmsDropped(seen.messages),)
        case s.SimPin() if seen.number > state.sms.pin_tried:
            return (sms.SimPinTried(seen.number),)
    return (p.Ignored(type(seen).__name__),)


def _kept(state: State, seen: s.SmsKept) -> Facts:
    """In the side table, or not; the customer may be gone by now, and gets the text all the same."""
    job = state.here.letter
    if job is None or job.ref != seen.ref:
        return (p.Ignored("SmsKept"),)
    at = (TextAt("queued" if seen.kept else "failed"),) if state.here.text.state == "keeping" else ()
    queued = (sms.SmsQueued(job.ref, job.about, job.until_ms, sale=job.sale),) if seen.kept else ()
    return (*queued, LetterWanted(None), *at)


def _answered(state: State, seen: s.SmsAnswered) -> Facts:
    busy = sms.started(state.sms)
    if busy is None or busy[1].job != seen.job:
        return (p.Ignored("SmsAnswered"),)
    ref, text = busy
    if seen.outcome == "sent":
        return (sms.SmsSent(ref, seen.mr, text.sale),)
    if seen.outcome == "unknown":
        return (sms.unknown(ref, text, seen.why or "lost"),)
    return (sms.failed(ref, text, seen.why, final=seen.final),)


# ---------------------------------------------------------------- alarms

_ALARMING = ("full", "swapped", "counter-back", "jammed", "fraud")


def alarm_of(fact: Fact) -> str:
    """What technicians are told of a fact, one word, and the device after a dot; "" for what is none of theirs."""
    match fact:
        case trust.TamperSeen():
            return "tamper"
        case till.CashBoxMissing():
            return f"box_gone.{fact.device}"
        case f.DeviceFault(device="printer", code="out"):
            return "paper"
        case f.DeviceFault():
            word = re.sub(r"-\d+$", "", fact.code)
            return f"{word}.{fact.device}" if word in _ALARMING else ""
    return ""


def _alarms(numbers: int, box: sms.Sms, facts: Facts, now: Now) -> Facts:
    """The texts that follow from these facts: one for each number, and of one alarm one in an hour."""
    found: list[Fact] = []
    for what in dict.fromkeys(filter(None, map(alarm_of, facts))):
        if 0 <= now.at_ms - box.alarms.get(what, -HOUR_MS) < HOUR_MS:
            continue
        for to in range(numbers):
            if len(box.texts) + len(found) < sms.OUTBOX_MAX:
                ref = f"{(int(now.fresh, 16) + len(found) + 1) % (1 << 64):016x}"
                found.append(sms.SmsQueued(ref, "alarm", now.at_ms + sms.ALARM_MS, what, to))
    return tuple(found)


# ---------------------------------------------------------------- by itself


def after(rules: Rules, state: State, facts: Facts, now: Now) -> Facts:
    """What follows for texts from what has just happened, and from the time."""
    if rules.texts is None and not state.sms.texts:
        return ()
    alarms = _alarms(rules.texts.alarms, state.sms, facts, now) if rules.texts else ()
    return (*alarms, *(() if any(isinstance(fact, sms.SmsStarted) for fact in facts) else _due(rules, state, facts, now)))


def _due(rules: Rules, state: State, facts: Facts, now: Now) -> Facts:
    """What is too late; what the modem's thread will not answer any more; the next text. One of these at a time."""
    box = state.sms
    if any(isinstance(fact, f.RoomFact) and fact.room == "sms" for fact in facts):
        return ()  # the outbox has just changed: it is looked at again by what that leads to
    if late := tuple(sms.over(box, now.at_ms)):
        return late
    if busy := sms.started(box):
        return (sms.unknown(*busy, "silent"),) if now.mono_ms >= busy[1].due_ms + sms.ANSWER_MS else ()
    following = sms.waiting(box, now.boot, selling=state.sale is not None)
    if following is None or now.mono_ms < following[2] or "modem" in state.faults:
        return ()
    ref, text, _ = following
    return (sms.SmsStarted(ref, text.sale),) if rules.texts else (sms.failed(ref, text, "no_modem", final=True),)


def job(state: State) -> SmsJob | None:
    """What the modem is to send now."""
    busy = sms.started(state.sms)
    return SmsJob(busy[1].job, busy[0]) if busy else None
