"""Faults off: in a few rounds every open sale ends, every outbox drains, and what was paid is in a meter, owed, or given out again."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from kiosk.hq.report.period import period_of
from kiosk.hq.report.reading import selling
from kiosk.hq.report.selling import ORPHAN, UNKNOWN
from kiosk.vend.facts import CardVerified
from kiosk.vend.phase import codes_work, phase
from kiosk.vend.seen import PrinterState, Tick
from tests.simulation import errands, invariants, platter
from tests.simulation.books import CASH, Sums
from tests.simulation.kiosk import Kiosk

if TYPE_CHECKING:
    from tests.simulation.world import Home, World

ROUNDS = 3
WAITS = 40
JOBS = 30
LETTERS = 4_000


def come_to_rest(world: "World") -> str:
    """What did not end, "" when everything did."""
    world.faults = world.mail.faults = False
    world.office.cut = ""
    for kiosk in world.kiosks:
        kiosk.disk.cut, kiosk.disk.lies, kiosk.disk.astray = "", 0, False
        kiosk.terminal.silent = False
        if kiosk.post:
            kiosk.post.hold()
    for _ in range(ROUNDS):
        for kiosk in list(world.kiosks):
            if wrong := _machine_rests(world, kiosk):
                return wrong
        if wrong := _mail_drains(world):  # before anybody comes: the office knows all rows, and claims are still open
            return wrong
        for home in world.homes:
            if wrong := _everybody_comes(world, home):
                return wrong
    for kiosk in world.kiosks:
        kiosk.tell(Tick())
    return _mail_drains(world) or invariants.of_all(world) or _nothing_open(world) or _reported(world) or _pieces_told(world)


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
        again = True
        while again:
            kiosk.marked = ""
            kiosk.insert(card)
            _works(kiosk)
            again = _collects(world, kiosk, home)
            wrong = invariants.of_kiosk(world, kiosk)
            kiosk.pull()
            world.into_meter(home, card)
            if wrong := wrong or invariants.of_home(world, home):
                return wrong
    return ""


def _collects(world: "World", kiosk: Kiosk, home: "Home") -> bool:
    """The code for the card's next slot is typed, if there is one; True where its record came onto the card."""
    n = home.meter.state.count + 1
    ticket = next((ticket for ticket in world.counter.held(home) if ticket.order.n == n), None)
    if ticket is None or ticket.order.card != home.cards[-1].serial.hex() or not codes_work(kiosk.state):
        return False
    kiosk.press("tender", "code")
    if phase(kiosk.state) != "code":
        return False
    kiosk.press("code", ticket.code)
    _works(kiosk)
    said = kiosk.state.here.code_said
    ticket.said = said.state if said else ""
    kiosk.press("cancel")
    ended = kiosk.state.ended
    return ended is not None and ended.id == kiosk.state.here.shown and world.counter.value(kiosk.id, ended.id) == ticket.value


def _mail_drains(world: "World") -> str:
    """Where a backup is refused, or a kiosk was told of more than the office has, the last backup is put back."""
    refused = _carried(world)
    refused = refused or platter.behind(world)
    if refused:
        world.told(f"{refused} {errands.restore(world)}")
        for kiosk in world.kiosks:
            errands.told_keys(world, kiosk)
        refused = _carried(world) or _carried(world)
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
    counts = {credit.n: credit for credit in home.credits}
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
            mine = claim.record is not None and claim.record.tag in tags
            if not mine and claim.n > home.meter.state.count:
                return f"{kiosk.id}: a needless claim, its slot {claim.n} is still free: {claim.id}"
            if mine or "/".join(world.counter.value(kiosk.id, claim.id)) in world.office.moved or claim.n not in counts:
                continue
            winner = counts[claim.n]
            owners = world.records.get((home.number, claim.n, winner.tag, winner.amount_minor), set())
            known = [one for one in world.kiosks if (one.id, next(iter(owners), ("", ""))[1]) in owners and not one.betrayed]
            if len(owners) == 1 and known:
                return f"{kiosk.id}: claim {claim.id} lost slot {claim.n} to {owners}, and the office does not see it"
    return ""
