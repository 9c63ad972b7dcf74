"""Cases as lines for whoever sits at the office: what it is, how old, what is known, what comes next, who must act. Pure."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from kiosk.hq.settlement.burned import Burned
from kiosk.hq.settlement.known import Known, Told
from kiosk.hq.settlement.rule import DOUBTS, Case, Way
from kiosk.vend import damm
from kiosk.vend.money import plain
from kiosk.vend.slot import Entry, Removed, Shown, Verified

KINDS = {
    "claim": "claim",
    "slip": "slip alone",
    "stranded": "replaced card",
    "order": "order",
    "open": "unended sale",
    "orphan": "cash of no sale",
}
NEXT = {
    "landed": "on the card",
    "settled": "settled at its kiosk",
    "over": "nothing is owed",
    "collect": "the customer collects the code",
    "twin": "the customer collects another order first",
    "rows": "order it in its own slot",
    "proof": "order it in another slot: proved",
    "unproved": "wait for rows, or two people move it",
    "removed": "the meter was taken away: it waits for the next one",
    "card": "find out whose meter this is",
    "owner": "two people close it",
}
WHO = {"nobody": "nobody", "customer": "customer", "office": "office", "two": "two people"}
DAY_MS = 86_400_000
NAMED_MAX = 32


def line(case: Case, way: Way, now_ms: int) -> str:
    """One row of the list."""
    next_one = NEXT[way.why] + (" (two people)" if way.people > 1 and way.why in ("rows", "proof") else "")
    slot = damm.purchase_number(case.n) if case.n else "-"
    tail = f"..{case.card[-4:]}" if case.card else "-"
    return (
        f"{case.value:<26} {KINDS[case.kind]:<15} {money(case):>12} {case.currency:<3} {age(case, now_ms):>5}  {tail:>6} {slot:>6}  "
        f"{WHO[way.who]:<10} {next_one}"
    )


def shown(case: Case, way: Way, known: Known, now_ms: int) -> Iterator[str]:
    """One case with its evidence."""
    yield f"{case.value}: {money(case)} {case.currency}, {KINDS[case.kind]}, of {moment(case.at_ms)}, {age(case, now_ms)} old."
    if case.meter:
        of = f"newest card {case.card}" if case.card else "no card of it was opened here"
        yield f"Meter {case.meter}, purchase {damm.purchase_number(case.n)}, {of}."
    for doubt in case.doubts:
        yield f"For two people: {DOUBTS[doubt]}."
    for order in case.orders:
        until = moment(order.until_ms)
        yield f"Order {order.name}: purchase {damm.purchase_number(order.n)}, {order.state}, machines take it until {until}."
    yield from _evidence(case, known)
    yield f"Now: {conclusion(case, way)}"


def _evidence(case: Case, known: Known) -> Iterator[str]:
    mine = [entry for entry in known.entries if entry.value == case.value]
    slots = range(case.n - len(case.proofs), case.n + 1)
    others = [entry for entry in known.entries if entry.value != case.value and entry.n in slots]
    yield f"Records of this money: {', '.join(map(record, mine)) or 'none is known'}."
    where = "these slots" if case.proofs else "this slot"
    yield f"Records of others in {where}: {', '.join(f'{record(each)} of {each.value}' for each in others) or 'none is known'}."
    if known.strange:
        yield f"Records of codes that no order has: {', '.join(map(record, known.strange))}. They may be this money: they prove nothing."
    about = {
        told.evidence: told for told in reversed(known.told) if told in case.proofs or _about(told, case.n)
    }  # the first of those that say the same
    for told in reversed(about.values()):
        yield f"  {moment(told.at_ms)}  {evidence(told)}{_marked(told, case)}"
    if not about and case.n:
        yield "No reading and no verified record speaks of this slot."


def _about(told: Told, n: int) -> bool:
    item = told.evidence
    if isinstance(item, Removed):
        return True
    return item.n == n if isinstance(item, Verified) else item.count >= n or (item.taken or 0) >= n


def _marked(told: Told, case: Case) -> str:
    words = ("THIS MONEY", told == case.landed), ("PROOF", told in case.proofs), ("the slot is gone", told in (case.gone, case.removed))
    marks = [word for word, holds in words if holds]
    return f"  <- {', '.join(marks)}" if marks else ""


def evidence(told: Told) -> str:
    """One piece, with its source."""
    item, where = told.evidence, f"{told.kiosk} row {told.seq}" if told.source != "receipt" else f"{told.kiosk}-{told.seq:06d}"
    match item:
        case Removed():
            return f"the meter was taken away with count {item.count}"
        case Verified():
            record_of = f"tag {_named(item.tag)} verified in slot {item.n}, {item.amount_minor} minor"
            return f"{told.source} {where}: {record_of}, on card ..{_named(item.card[-4:])}"
        case Shown():
            taken = "not told" if item.taken is None else item.taken
            fits = "" if item.fits else ", which does not fit"
            said = f"count {item.count}, taken {taken}, tag {_named(item.tag or '-')}{fits}"
            return f"{told.source} {where}: card ..{_named(item.card[-4:])} shows {said}"


def conclusion(case: Case, way: Way) -> str:
    """What comes next, in a sentence."""
    match way.why:
        case "landed" if case.landed:
            return f"nothing is owed: {evidence(case.landed)}."
        case "twin":
            return (
                f"order {case.twin} for other money has just this code; it is collected first, and its rows prove that this one may move."
            )
        case "over":
            return f"nothing is owed. {case.over}"
        case "unproved":
            missing = f" Rows of {', '.join(case.waiting)} may still come." if case.waiting else ""
            return f"slot {case.n} was passed, and nothing here proves by whose record.{missing} Two people may move it to slot {way.n}."
        case "proof" | "rows":
            people = "two people order" if way.people > 1 else "order"
            return f"{people} it in slot {way.n}: kiosk hq settle make {case.value}"
    return f"{NEXT[way.why]}."


def left_behind(case: Case) -> str:
    """One purchase that a new card would leave uncredited."""
    return f"{case.value}: {money(case)} {case.currency}, purchase {damm.purchase_number(case.n)}, of {moment(case.at_ms)}."


def record(entry: Entry) -> str:
    """A record, by its tag."""
    return f"tag {_named(entry.tag)} in slot {entry.n}"


def _named(text: str) -> str:
    """A tag or the end of a card's serial, as a machine wrote it; `?` for what is neither."""
    return text if text.isascii() and text.isprintable() and len(text) <= NAMED_MAX else "?"


def money(case: Case) -> str:
    """In major units; what only a count will tell is named so."""
    return plain(case.amount_minor, case.exponent) if case.amount_minor else "uncounted"


def age(case: Case, now_ms: int) -> str:
    """In days and hours."""
    days, rest = divmod(max(now_ms - case.at_ms, 0), DAY_MS)
    return f"{days}d" if days else f"{rest // 3_600_000}h"


def moment(at_ms: int) -> str:
    """In UTC."""
    try:
        return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError, OSError):
        return "no date"


def heads() -> str:
    """Above the list."""
    return f"{'money':<26} {'kind':<15} {'amount':>16} {'age':>5}  {'card':>6} {'slot':>6}  {'who':<10} next"


def summed(cases: Sequence[Case]) -> str:
    """Below it: what is owed, by currency."""
    sums: dict[tuple[str, int], int] = {}
    for case in cases:
        sums[case.currency, case.exponent] = sums.get((case.currency, case.exponent), 0) + case.amount_minor
    said = ", ".join(f"{plain(minor, exponent)} {currency}" for (currency, exponent), minor in sorted(sums.items()))
    return f"{len(cases)} cases, {said or 'nothing'}."


# ---------------------------------------------------------------- a kiosk that is gone


def gone(report: Burned) -> Iterator[str]:
    """What is left of its money, and by what it is accounted for."""

    def shown_money(minor: int | None) -> str:
        return "not known" if minor is None else f"{plain(minor, report.exponent)} {report.currency}".rstrip()

    yield f"{report.kiosk} ({report.state}): {report.batches} batches, rows up to {report.last_row}, made {moment(report.made_ms)}."
    yield f"In a backup at another place: up to batch {report.durable_seq}. What is after row {report.last_row} is in no row."
    bound = "nothing bounds it" if report.float_minor is None else f"at most {shown_money(report.float_minor)}"
    yield f"Its own limits let it sell unreported: {bound}."
    for box in report.boxes:
        by_meter, by_box = ("not known" if pieces is None else str(pieces) for pieces in box.after_pieces)
        journal, counted, after = (shown_money(minor) for minor in (box.journal_minor, box.found.minor, box.after_minor))
        yield f"Box of {box.device}: {journal} by the rows, {counted} counted."
        yield f"  After the last row: {after}; pieces by the acceptor: {by_meter}, by the box: {by_box}."
    for each in report.named:
        slot = f"card ..{_named(each.card[-4:])}, purchase {damm.purchase_number(each.n)}"
        yield f"  {each.by} {each.where}: {shown_money(each.amount_minor)}, {slot}"
    for each in report.perhaps:
        who = f"; or of {', '.join(report.silent)}" if report.silent else ""
        slot = f"card ..{_named(each.card[-4:])}, purchase {damm.purchase_number(each.n)}"
        yield f"  on a card, seen by {each.where}: {shown_money(each.amount_minor)}, {slot}, in no row{who}"
    yield f"Named after the last row: {shown_money(report.named_minor)}; by the boxes: {shown_money(report.after_minor)}."
    yield f"Explained by nothing: {shown_money(report.unexplained_minor)}."
    yield f"{len(report.cases)} of its cases: kiosk hq settle list --kiosk {report.kiosk}"
