"""Faults off: in a few rounds every open sale ends, every outbox drains, and what was paid is in a meter, owed, or given out again."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from kiosk.hq.report.period import period_of
from kiosk.hq.report.reading import selling
from kiosk.hq.report.selling import ORPHAN, UNKNOWN
from kiosk.hq.settlement.rule import way
from kiosk.vend.facts import CardVerified
from kiosk.vend.phase import codes_work, phase
from kiosk.vend.seen import PrinterState, Tick
from tests.simulation import errands, forgetting, invariants, platter
from tests.simulation.books import CASH, Sums
from tests.simulation.kiosk import Kiosk
from tests.simulation.money import Value, name_of

if TYPE_CHECKING:
    from tests.simulation.world import Home, World

ROUNDS = 3
ROUNDS_MAX = 6
WAITS = 40
JOBS = 30
LETTERS = 4_000
LATER_MS = 400 * 86_400_000  # no code that is out now is taken then


def come_to_rest(world: "World") -> str:
    """What did not end, "" when everything did."""
    world.faults = world.mail.faults = False
    world.office.cut = ""
    for kiosk in world.kiosks:
        kiosk.disk.cut, kiosk.disk.lies, kiosk.disk.astray = "", 0, False
        kiosk.terminal.silent = False
        if kiosk.post:
            kiosk.post.hold()
    for turn in range(1, ROUNDS_MAX + 1):
        if wrong := _round(world):
            return wrong
        if turn < ROUNDS:
            continue
        if wrong := _last_mail(world):
            return wrong
        if not any(world.is_over(kiosk) for kiosk in world.kiosks):
            break  # else a parked batch has just shown that a store has two histories: its kiosk is enrolled anew in one more round
    at_rest = (invariants.of_all, _nothing_open, _reported, _pieces_told, _owed)
    return next((wrong for look in at_rest if (wrong := look(world))), "")


def _round(world: "World") -> str:
    for kiosk in list(world.kiosks):
        if wrong := _machine_rests(world, kiosk):
            return wrong
    if wrong := _mail_drains(world):  # before anybody comes: the office knows all rows, and claims are still open
        return wrong
    for home in world.homes:
        if wrong := _everybody_comes(world, home):
            return wrong
    return ""


def _last_mail(world: "World") -> str:
    """After the last visit: the kiosks close what it began, and the office hears of it."""
    for kiosk in world.kiosks:
        kiosk.tell(Tick())
    return _mail_drains(world)


def _machine_rests(world: "World", kiosk: Kiosk) -> str:
    """It is started, its clock set right, its card taken out, and left alone until its sale is over."""
    kiosk.clock.moved_ms = 0
    world.took(kiosk.pull())
    if not kiosk.on and not kiosk.damaged:
        kiosk.power_on()
    if world.is_over(kiosk):
        world.enrolled_anew(kiosk)
        kiosk = next(one for one in world.kiosks if one.acceptors is kiosk.acceptors)
    kiosk.tell(PrinterState("ok"))
    for device in CASH:  # a coin that nobody told is told by the counters
        kiosk.acceptor_up(device, reset=True)
    kiosk.terminal_up()
    for _ in range(WAITS):
        if kiosk.state.sale is None and kiosk.state.bank.open is None:
            break
        world.advance(30_000)
        kiosk.tell(Tick())
        _works(kiosk)
    if kiosk.state.sale or kiosk.state.bank.open:
        return f"{kiosk.id}: a sale or a payment never ends: {kiosk.state.sale} {kiosk.state.bank.open}"
    _works(kiosk)
    if kiosk.state.here.shown:
        kiosk.press("slip_taken")
    errands.told_keys(world, kiosk)
    return invariants.of_kiosk(world, kiosk)


def _works(kiosk: Kiosk) -> None:
    for _ in range(JOBS):
        if not kiosk.work():
            return
    raise AssertionError(f"{kiosk.id} never comes to rest")


def _everybody_comes(world: "World", home: "Home") -> str:
    """The newest card at every machine and in its meter after each; the older ones stay in their drawers."""
    card = home.cards[-1]
    for kiosk in world.kiosks:
        again, tried = True, set[str]()
        while again:
            kiosk.marked = ""
            kiosk.insert(card)
            _works(kiosk)
            again = _collects(world, kiosk, home, tried)
            wrong = invariants.of_kiosk(world, kiosk)
            kiosk.pull()
            world.into_meter(home, card)
            if wrong := wrong or invariants.of_home(world, home):
                return wrong
    return ""


def _collects(world: "World", kiosk: Kiosk, home: "Home", tried: set[str]) -> bool:
    """A code for the card's next slot is typed; False where there is none that was not."""
    n, card = home.meter.state.count + 1, home.cards[-1].serial.hex()
    mine = (ticket for ticket in world.counter.held(home) if (ticket.order.n, ticket.order.card) == (n, card))
    ticket = next((ticket for ticket in mine if ticket.order.name not in tried), None)
    if ticket is None or not codes_work(kiosk.state):
        return False
    kiosk.press("tender", "code")
    if phase(kiosk.state) != "code":
        return False
    tried.add(ticket.order.name)
    kiosk.press("code", ticket.code)
    _works(kiosk)
    said = kiosk.state.here.code_said
    ticket.said = said.state if said else ""
    kiosk.press("cancel")
    return True


def _mail_drains(world: "World") -> str:
    """Where a backup is refused, or a kiosk was told of more than the office has, the last backup is put back."""
    refused = _carried(world)
    refused = refused or platter.behind(world)
    if refused:
        world.told(f"{refused} {errands.restore(world)}")
        for kiosk in world.kiosks:
            errands.told_keys(world, kiosk)
        refused = _carried(world) or _carried(world)
    forgetting.taken_in(world)
    while world.counter.unheard:
        world.counter.again()
    world.counter.match()
    errands.settle(world)
    return world.found() or (f"after a restore: {refused}" if refused else "")


def _carried(world: "World") -> str:
    """All letters come, are answered, and what is in the office is backed up, or the refusal is returned."""
    for kiosk in world.kiosks:
        errands.posted(world, kiosk, flush=True)
        world.mail.up += errands.waiting(kiosk)
    errands.stick(world)
    world.mail.up = list(dict.fromkeys(world.mail.up))  # what came twice has been seen to; now each comes once
    for _ in range(LETTERS):
        if not world.mail.up:
            break
        errands.arrive(world)
    refused = world.office.back_up()
    world.backed_up(refused)
    for kiosk in world.kiosks:  # once more, so that what is durable is said
        world.mail.up += errands.waiting(kiosk)
    while world.mail.down:
        errands.return_mail(world)
    for kiosk in world.kiosks:
        errands.posted(world, kiosk, flush=False)
    return refused


# ---------------------------------------------------------------- what must be true then


def _nothing_open(world: "World") -> str:
    for kiosk in world.kiosks:
        sent, post = kiosk.state.sent, kiosk.post
        if kiosk.state.sale or (post and post.up.lying) or sent.unsent_rows:
            return f"{kiosk.id}: {len(post.up.lying) if post else 0} batches and {sent.unsent_rows} rows wait for ever"
        row = world.office.heads().get(kiosk.id, (0, 0, ""))[1]
        if sent.news > row:
            return f"{kiosk.id}: the office has row {row} of {sent.news}"
        if not kiosk.betrayed and kiosk.books.sums != with_settled(invariants.told_sums(world, kiosk.id), kiosk.books.sums.settled):
            return f"{kiosk.id}: the office adds up {invariants.told_sums(world, kiosk.id)}, the kiosk {kiosk.books.sums}"
    return next((wrong for home in world.homes if (wrong := _money_arrived(world, home))), "")


def _reported(world: "World") -> str:
    """The lines of the selling reports of all months add up to what the office's sums are, for each kiosk."""
    office, told = world.office, dict[str, list[int]]()
    months = [month for (month,) in office.raw().execute("SELECT DISTINCT month FROM month_kiosk WHERE month > 0").fetchall()]
    for month in months:
        period = period_of(f"{month // 100:04}-{month % 100:02}")
        report = office.store.read(partial(selling, period=period, now_ms=office.now_ms()))
        for line in (line for book in report.books for line in book.lines if line.tender not in (ORPHAN, UNKNOWN)):
            deducted = line.fee_minor + line.debt_minor
            parts = (line.sales, line.tender_minor, line.credit_minor, deducted, line.claim_minor, line.returned_minor)
            told[line.of] = [one + other for one, other in zip(told.get(line.of, [0] * 6), parts, strict=True)]
    for kiosk in office.heads():
        sums = office.sums(kiosk)
        summed = [sums.sales, sums.tendered, sums.credited, sums.deducted, sums.claims, sums.returned]
        if told.get(kiosk, [0] * 6) != summed:
            return f"{kiosk}, selling reports: their lines add up to {told.get(kiosk)}, the office's sums are {summed} (minor units)"
    return ""


def _pieces_told(world: "World") -> str:
    """Each piece in a box is in a row, one by one. A store that was betrayed is not asked."""
    for kiosk in world.kiosks:
        for device in CASH if kiosk.on and not kiosk.betrayed else ():
            if missing := kiosk.ledger.missing(device):
                worth = [kiosk.acceptors[device].worth(piece) for piece in missing]
                return f"{kiosk.id}, {device}: pieces of {worth} are in the box and in no row (minor units)"
    return ""


def with_settled(sums: Sums, settled: int) -> Sums:
    """HQ takes settled claims off its claims; the books count them apart."""
    return replace(sums, claims=sums.claims + settled, settled=settled)


def _money_arrived(world: "World", home: "Home") -> str:
    """Of a home whose card was never replaced: what was verified is in the meter, and a claim's slot is gone to another."""
    if home.replaced:
        return ""
    tags = {credit.tag: credit for credit in home.credits}
    for ticket in world.counter.held(home):
        order, live = ticket.order, ticket.order.until_ms > world.office.now_ms()
        if order.n == home.meter.state.count + 1 and live and ticket.said not in ("untried", "shut", "room", "old", "behind"):
            return f"order {order.name} is never collected: {ticket.said}"
    for kiosk in world.kiosks:
        if kiosk.betrayed:
            continue
        for recorded in kiosk.journal.of_kind("CardVerified"):
            fact = recorded.fact
            if isinstance(fact, CardVerified) and fact.card == home.cards[-1].serial.hex() and fact.tag not in tags:
                return f"{kiosk.id}: {fact} is not in the meter"
        for claim in kiosk.state.claims.values():
            if claim.meter != home.number or not claim.tender_minor:
                continue
            if (claim.record is None or claim.record.tag not in tags) and claim.n > home.meter.state.count:
                return f"{kiosk.id}: a needless claim, its slot {claim.n} is still free: {claim.id}"
    return ""


def _owed(world: "World") -> str:
    """Each payment that no meter has is somebody's case, at the latest when its code is taken no more; nothing that is credited moves."""
    cases = world.settling.cases.all(now_ms := world.office.now_ms() + LATER_MS, whole=False)
    ways = {world.settling.value(case): way(case, now_ms) for case in cases if case.kind != "orphan"}
    for value, where in _paid(world).items():
        if not world.money.credited(value) and value not in world.returned:
            found = ways.get(value)
            if found is None or (found.to == "none" and found.why not in ("twin", "removed")):
                return f"{name_of(value)} ({where}) is paid and not credited, and the office says {found or 'nothing of it'}"
    return ""


def _paid(world: "World") -> dict[Value, str]:
    """What somebody paid, and what became of it: claims of kiosks whose rows came, and payments elsewhere that were answered."""
    found: dict[Value, str] = {}
    for kiosk in (*world.past, *world.kiosks):
        if not kiosk.betrayed and world.office.heads()[kiosk.id][1] == kiosk.journal.written:
            left = [name for name, claim in kiosk.books.claims.items() if name not in kiosk.books.settled and claim.amount_minor]
            found |= {world.money.of_sale(kiosk.id, name): f"claim of {kiosk.id}" for name in left}
    betrayed = {value for value in world.money.coded if (of := world.named(value[0])) and (of.betrayed or of.closed)}
    for name, asked in world.counter.heard.items():
        if not any(order.name == name for value, order in world.money.coded.items() if value in betrayed):
            found[world.money.of(name)] = f"order {name}, {asked.wanted.reference}"
    return found
