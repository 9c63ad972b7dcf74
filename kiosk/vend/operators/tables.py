"""The machine in tables, for staff: devices and what each costs the customer, boxes, open cases, keys, totals."""

from typing import NamedTuple

from kiosk.vend import outage
from kiosk.vend.bank import Payment
from kiosk.vend.cash import box_minor
from kiosk.vend.damm import purchase_number
from kiosk.vend.rules import Now, Rules
from kiosk.vend.staff import Cell, Count, Energy, Moment, Money, Plain, Status, Table, Word
from kiosk.vend.state import State
from kiosk.vend.till import CASH
from kiosk.vend.totals import DayTotals

WORST = ("BAD", "JAM", "OUT", "FULL", "OFF", "WAIT", "LOW", "OK")
STATUS = {
    "": "OK", "ok": "OK", "low": "LOW", "out": "OUT", "removed": "OUT", "jammed": "JAM", "full": "FULL", "offline": "OFF", "driver": "OFF",
    "no_device": "OFF", "no_network": "OFF", "died": "OFF", "starting": "WAIT", "unknown": "WAIT", "cover": "WAIT",
}  # fmt: skip
"""A device's own word -> the plate; any other is BAD."""


def moment(rules: Rules, at_ms: int) -> Cell:
    """A time on the kiosk's own wall; nothing where it is not known."""
    return Moment(f"{rules.local(at_ms):%Y-%m-%d %H:%M}") if at_ms else Plain("")


# ---------------------------------------------------------------- devices


class Device(NamedTuple):
    """One row of the overview: `code` is the device's own word, "" when all is well."""

    name: str
    code: str
    costs: str  # what the customer has not, as a key


def devices(rules: Rules, state: State) -> tuple[Device, ...]:
    """Every device, the worst first."""
    terminal = ("terminal",) if state.here.pos.up is not None or state.bank.open else ()
    missed = (name for name in ("screen", *outage.COMFORTS) if name in state.faults)
    names = (*rules.acceptors, *terminal, "reader", "printer", "keys", *missed)
    found = [Device(name, outage.word(state, name), outage.costs(state, name)) for name in names]
    return tuple(sorted(found, key=lambda device: WORST.index(_status(device.code).word)))


def _status(code: str) -> Status:
    return Status(STATUS.get(code, "BAD"))  # type: ignore[arg-type]


def devices_table(rules: Rules, state: State) -> Table:
    """What works, since when, and what it costs the customer."""
    boot_ms = state.since_ms.get("", 0)
    rows = tuple(
        (
            Word(f"device.{one.name}"),
            _status(one.code),
            moment(rules, _since_ms(state, one.name, boot_ms)),
            Word(f"costs.{one.costs}"),
            Plain(one.code),
        )
        for one in devices(rules, state)
    )
    return Table(("device", "state", "since", "costs", "note"), rows)


def _since_ms(state: State, device: str, boot_ms: int) -> int:
    box = state.till.box(device)
    if device == "keys":
        return state.trust.opened_ms or boot_ms
    return box.since_ms if device in CASH and box.gone and box.since_ms else state.since_ms.get(device, boot_ms)


# ---------------------------------------------------------------- boxes


def boxes_table(rules: Rules, state: State, *, counted: bool) -> Table:
    """The running session of each box; sums only for whoever may know them."""
    rows = []
    for device in (name for name in CASH if name in rules.acceptors):
        box, held = state.till.box(device), state.boxes.get(device, {})
        pieces, minor = sum(held.values()), box_minor(state, device)
        stray = box.out and pieces
        status = Status("BAD" if stray or box.missing else "OUT" if box.out else "OK")
        sums: tuple[Cell, ...] = (Count(pieces), Money(minor)) if counted else (Plain(""), Plain(""))
        rows.append((Word(f"device.{device}"), status, Count(box.session), moment(rules, box.since_ms), *sums))
    return Table(("box", "state", "session", "since", "pieces", "sum"), tuple(rows))


# ---------------------------------------------------------------- cases


class Case(NamedTuple):
    """Something that somebody has to settle."""

    of: str  # its place in an order
    number: str
    at_ms: int
    card: str
    minor: int | None
    what: str  # claim | orphan | disputed | alarm | stray | payment | book


def cases(state: State) -> tuple[Case, ...]:
    """Open claims, money without a sale, notes in doubt, boxes that left by themselves, a bank payment that nobody knows the end of, and
    payments in the terminal's book that no row explains; the newest of each first."""
    claims = [
        Case(sale.id, str(sale.number or ""), sale.claim_ms, sale.card[-4:], sale.tender_minor, "claim")
        for sale in reversed(state.claims.values())
    ]
    alarms = [Case(f"alarm-{a.seq}", str(a.seq), a.at_ms, "", a.minor, "alarm") for a in reversed(state.till.alarms)]
    disputed = [Case(f"disputed-{d.seq}", str(d.seq), d.at_ms, "", d.denomination, "disputed") for d in reversed(state.disputed)]
    orphans = [
        Case(f"orphan-{place}", "", 0, "", orphan.amount_minor, "orphan") for place, orphan in reversed(list(enumerate(state.orphans)))
    ]
    at, bank = state.bank.open, state.bank
    unknown = [Case(case_of(at), at.id[:6].upper(), at.at_ms, at.terms.card[-4:], at.amount_minor, "payment")] if at else []
    beside = [Case(f"book-{seq}", str(seq), at_ms, "", None, "book") for seq, at_ms, _ in reversed(bank.unexplained)]
    return (*alarms, *unknown, *beside, *claims, *disputed, *orphans)


def case_of(payment: Payment | None) -> str:
    """The place in an order of a payment that nobody knows the end of."""
    return f"payment-{payment.id}" if payment else ""


def cases_table(rules: Rules, state: State) -> Table:
    """One row a case."""
    rows = tuple(
        (
            Plain(f"{rules.kiosk}-{int(case.number):06d}" if case.what == "claim" and case.number else case.number),
            moment(rules, case.at_ms),
            Plain(case.card),
            Money(case.minor) if case.minor is not None else Word("case.unknown"),
            Word(f"case.{case.what}"),
        )
        for case in cases(state)
    )
    return Table(("case", "since", "card", "sum", "what"), rows)


def case_table(rules: Rules, state: State, of: str) -> Table | None:
    """One case in lines: what is known, where the money is, who must act. None when it is settled."""
    case = next((one for one in cases(state) if one.of == of), None)
    if case is None:
        return None
    lines: list[tuple[str, Cell]] = [("what", Word(f"case.{case.what}"))]
    if claim := state.claims.get(of):
        lines += [("card", Plain(case.card)), ("meter", Plain(claim.meter[-4:])), ("purchase_no", Plain(purchase_number(claim.n)))]
    lines += [("row", Plain(case.number))] if case.number and case.what != "claim" else []
    lines += [("at", moment(rules, case.at_ms))] if case.at_ms else []
    lines.append(("sum", Money(case.minor) if case.minor is not None else Word("case.unknown")))
    lines += [("where", Word(f"case.{case.what}.where")), ("next", Word(f"case.{case.what}.next"))]
    return Table(("line", "value"), tuple((Word(f"line.{key}"), cell) for key, cell in lines))


# ---------------------------------------------------------------- keys


def keys_table(rules: Rules, state: State, now: Now) -> Table:
    """What the head office lets this machine do, and until when."""
    trust = state.trust
    generation = trust.generation(now.at_ms)
    lines: list[tuple[str, Cell]] = [
        ("trading", Word(f"locked.{trust.locked}") if trust.locked else Status("OK")),
        ("store", _version(trust.version("store"))),
        ("generation", Plain(str(generation) if generation is not None else "")),
        ("until", moment(rules, trust.store.until_ms if trust.store else 0)),
        ("float", Money(trust.granted_minor)),
        ("roster", _version(trust.version("roster"))),
        ("hotlist", moment(rules, trust.hotlist.at_ms if trust.hotlist else 0)),
        ("heard", moment(rules, trust.heard_ms)),
    ]
    return Table(("line", "value"), tuple((Word(f"line.{key}"), cell) for key, cell in lines))


def _version(version: tuple[int, int]) -> Cell:
    return Plain(".".join(map(str, version)) if any(version) else "")


# ---------------------------------------------------------------- reports


def report_table(totals: DayTotals) -> Table:
    """What was taken and what became of it, as on paper."""
    given, odd, none = totals.given, totals.odd, Plain("")
    rows: list[tuple[str, Cell, Cell]] = [(one.device, Count(one.count), Money(one.minor)) for one in totals.taken]
    rows += [
        ("taken", Count(totals.sales), Money(totals.taken_minor)),
        ("on_cards", Count(given.on_cards), Money(given.credit_minor)),
        ("fees", none, Money(given.fees_minor)),
        ("debt", none, Money(given.debt_minor)),
        ("claims", Count(given.claims), Money(given.claims_minor)),
    ]
    rows += [("earlier", Count(given.earlier), Money(-given.earlier_minor))] if given.earlier else []
    rows += [("given", none, Money(given.minor)), ("difference", none, Money(totals.difference_minor))]
    rows += [("orphans", Count(odd.orphans + odd.unknown), Money(odd.orphans_minor))] if odd.orphans + odd.unknown else []
    rows += [("disputed", Count(odd.disputed), Money(odd.disputed_minor))] if odd.disputed else []
    rows += [
        ("energy", none, Energy(given.energy_wh)),
        ("refused", Count(totals.refused_cards + totals.refused_notes), none),
        ("unsent", none, Money(totals.unsent_minor)),
    ]
    return Table(("line", "count", "sum"), tuple((Word(f"report.{key}"), count, minor) for key, count, minor in rows))
