"""What the customer takes home as proof: a paper, or its signed code on the screen, under the one number that a sale has.

A code needs a signature, and nothing here has a key: `sign_job` asks for it and `Signed` answers. Until then the screen stays as it is;
an answer that does not come, or comes empty, leaves the paper to choose.
"""

from kiosk.vend import facts as f
from kiosk.vend import outage
from kiosk.vend import passing as p
from kiosk.vend import seen as s
from kiosk.vend.facts import Fact
from kiosk.vend.papers import blocked_paper, paper_of
from kiosk.vend.phase import landed_shown
from kiosk.vend.ports import PrintJob, SignJob
from kiosk.vend.rules import Rules
from kiosk.vend.state import Sale, State, find
from kiosk.vend.wording import worded

Facts = tuple[Fact, ...]


def paper_works(state: State) -> bool:
    """The printer is there and has paper."""
    return outage.works(state, "paper")


def spoken(rules: Rules, state: State, sale: Sale) -> str:
    """The language of a sale's paper: the one on the screen now, else the one it had, else the machine's."""
    return state.here.language or sale.language or rules.language


def number_of(state: State, sale: Sale) -> int:
    """The sale's number, or the one that it will get."""
    return sale.number or state.number + 1


# ---------------------------------------------------------------- chosen


def choices(state: State) -> tuple[str, ...]:
    """How the proof of the end on the screen may be had now: paper | again | qr | none.

    Paper once, and again only when nobody can say that it came out, or after a code: then it is a COPY. A slip as often as it is asked for.
    A code until it has failed. None as long as there was nothing else.
    """
    here, sale = state.here, state.ended
    if sale is None or sale.id != here.shown or here.printing:
        return ()
    code = ("qr",) if here.qr != "failed" else ()
    if not landed_shown(state):
        return (*(("again",) if paper_works(state) else ()), *code)
    if here.printed in ("printed", "none"):
        return ()
    asking = here.printed != "assumed"
    return (*(("paper",) if asking and paper_works(state) else ()), *code, *(("none",) if asking and not sale.copies else ()))


def chosen(rules: Rules, state: State, how: str) -> Facts:
    """What follows from one of the choices. A receipt that is not wanted still has its number."""
    sale = state.ended
    if sale is None or how not in choices(state):  # asked again: `untold` chooses for whoever does not
        return ()
    if how == "qr":
        return _code(state)
    number = number_of(state, sale)
    if how == "none":
        return (f.ReceiptOffered(sale.id, number, "none"),)
    return (f.PrintStarted(sale.id, number, "claim" if how == "again" else "recharge", sale.copies, spoken(rules, state, sale)),)


def untold(rules: Rules, state: State) -> Facts:
    """For whoever goes without choosing: the paper, or where there is none its number. A code that was shown is a receipt, so is a text."""
    if not landed_shown(state) or state.here.qr in ("shown", "seen") or state.here.text.state in ("keeping", "queued"):
        return ()
    return chosen(rules, state, "paper" if paper_works(state) else "none")


def _code(state: State) -> Facts:
    """One that is signed already is shown again; one that failed is not asked for again."""
    if state.here.code:
        return (p.CodeShown(state.here.code),)
    return (p.CodeWanted(),) if not state.here.qr else ()


# ---------------------------------------------------------------- told


def printer(state: State, seen: s.PrinterState) -> Facts:
    """The printer's state; a fault is a row once."""
    known = state.faults.get("printer", "")
    bad = seen.state not in ("ok", "low", "unknown")
    facts: list[Fact] = [p.PrinterSeen(seen.state)]
    if bad and known != seen.state:
        facts.append(f.DeviceFault("printer", seen.state))
    if not bad and known:
        facts.append(f.DeviceRecovered("printer"))
    return tuple(facts)


def printed(state: State, seen: s.Printed) -> Facts:
    """How the paper ended."""
    job = state.here.printing
    if job is None or seen.job != print_id(job):
        return (p.Ignored("Printed"),)
    return (f.ReceiptPrinted(job.sale, job.number, seen.outcome, job.copy),)


def signed(rules: Rules, state: State, seen: s.Signed) -> Facts:
    """The code may be shown once its number is on disk."""
    job, sale = sign_job(rules, state), state.ended
    if job is None or sale is None or seen.job != job.id:
        return (p.Ignored("Signed"),)
    if not seen.code:
        return (p.CodeFailed(),)
    return (f.ReceiptOffered(sale.id, number_of(state, sale), "qr"), p.CodeShown(seen.code))


# ---------------------------------------------------------------- derived


def print_id(fact: f.PrintStarted) -> int:
    """One id a paper and copy: numbers are gapless, copies few. What has no number has a name of its own."""
    return fact.number * 100 + fact.copy if fact.number else int(fact.sale, 16)


def print_job(rules: Rules, state: State) -> PrintJob | None:
    """The paper that has been begun in this boot."""
    job, named, rules = state.here.printing, state.here.named, worded(rules, state.trust.texts)
    if job and named and job.sale == named.slip:
        return PrintJob(print_id(job), 0, 0, blocked_paper(rules, named, job))
    if job and state.here.staff.paper and state.here.staff.paper_of == job.sale:
        return PrintJob(print_id(job), job.number, job.copy, state.here.staff.paper)
    sale = find(state, job.sale) if job else None
    if job is None or sale is None or sale.closed is None:
        return None
    return PrintJob(print_id(job), job.number, job.copy, paper_of(rules, sale, job))


def sign_job(rules: Rules, state: State) -> SignJob | None:
    """The code that is wanted: what the paper of the same number carries. A claim's slip and its later receipt have two ids."""
    sale = state.ended
    if state.here.qr != "wanted" or sale is None or sale.closed is None:
        return None
    of = f.PrintStarted(sale.id, number_of(state, sale), "recharge" if landed_shown(state) else "claim")
    evidence = paper_of(rules, sale, of).evidence
    return SignJob(of.number * 2 + (of.paper == "claim"), evidence) if evidence else None
