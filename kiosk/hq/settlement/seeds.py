"""Where money that is paid and not credited comes from: claims by their rows, slips that people brought, purchases on a card that was
replaced, orders that came too late, sales that never ended at a kiosk whose life is over, and cash that no sale explains."""

import re
from collections.abc import Iterator, Sequence

import msgspec
from sqlalchemy import Connection, select

from kiosk.hq.orders.tables import ORDER, PARTNERS
from kiosk.hq.schema import FACT, KIOSK
from kiosk.hq.settlement import sources
from kiosk.hq.settlement.chain import Chains
from kiosk.hq.settlement.known import value_of
from kiosk.hq.settlement.rule import Doubt
from kiosk.hq.settlement.sources import Claimed, Machine, numbers
from kiosk.hq.settlement.tables import PAPER, SETTLEMENT
from kiosk.vend import evidence, facts
from kiosk.vend.bank import PosFinal
from kiosk.vend.evidence import RESTORED, SLIP
from kiosk.vend.evidence import Evidence as Paper
from kiosk.vend.money import CURRENCIES

METER = re.compile(r"[0-9]{12}")
OPEN_ROWS = 5_000  # of a kiosk whose life is over, the newest: its last sale is among them
ORDERED, CLOSED = "ordered", "closed"


class Seed(msgspec.Struct, frozen=True):
    """Money before anything was looked up about its meter."""

    value: str
    kind: str
    kiosk: str
    meter: str
    n: int
    amount_minor: int
    currency: str
    exponent: int
    at_ms: int
    doubts: tuple[Doubt, ...] = ()
    over: str = ""
    number: int = 0


def seeds(
    connection: Connection, machines: dict[str, Machine], chains: Chains, now_ms: int, only: str = "", *, whole: bool = True
) -> list[Seed]:
    """`only`: where one value is looked for, and nothing else need be read. `whole`: with claims that their own kiosk settled."""
    kiosk, slash, sale = only.partition("/")
    claimed = sources.claims(connection, kiosk=kiosk if slash else "", sale=sale if slash else "")
    over = sources.settled(connection)
    ended = set() if whole else over
    found = [
        _claim(connection, each, machines[each.kiosk], changed=each.key not in over and not chains.signed(each.kiosk, each.seq))
        for each in claimed
        if each.key not in ended
    ]
    found += _slips(connection, machines, {seed.value for seed in found} | {value_of(*each) for each in ended}, only if slash else "")
    if not slash:
        found += _late_orders(connection, now_ms)
        found += _orphans(connection, machines)
    return found + list(_never_ended(connection, machines, {seed.value for seed in found}, only if slash else ""))


def on_cards(  # noqa: PLR0917
    connection: Connection, machines: dict[str, Machine], chains: Chains, meter: str, cards: Sequence[str], only: str = ""
) -> list[Seed]:
    """The purchases that a machine verified on these cards of a meter. One whose record a return file shows is in the meter.

    `only`: the one sale that is looked for.
    """
    lines = list(sources.card_rows(connection, cards))
    records = {line.value: line.fact for line in lines if isinstance(line.fact, facts.WriteStarted) and line.fact.meter == meter}
    found = []
    for line in lines:
        record = records.get(line.value)
        if record is None or only not in ("", line.value) or not isinstance(line.fact, facts.CardVerified):
            continue
        if (line.fact.n, line.fact.tag) != (record.n, record.tag):
            continue
        machine = machines[line.kiosk]
        ended = sources.sold(connection, machine.no, line.sale)
        doubts = [Doubt.FROZEN] if machine.state == "frozen" else []
        doubts += [] if chains.signed(line.kiosk, line.seq) else [Doubt.CHANGED]
        doubts += [] if machine.believes(line.seq) else [Doubt.REVOKED]
        doubts += [Doubt.SUMS] if ended is None or ended.flagged or ended.outcome not in ("landed", "claimed", "settled") else []
        currency, exponent = (ended.currency, ended.exponent) if ended else sources.money(connection, machine.no)[:2]
        head = (line.value, "stranded", line.kiosk, meter, record.n, record.amount_minor, currency, exponent, line.at_ms)
        found.append(Seed(*head, tuple(doubts)))
    return found


def _claim(connection: Connection, claimed: Claimed, machine: Machine, *, changed: bool) -> Seed:
    fact = claimed.fact
    ended = sources.sold(connection, machine.no, fact.sale)
    doubts = [Doubt.FROZEN] if machine.state == "frozen" else []
    if changed:
        doubts.append(Doubt.CHANGED)
    if not machine.believes(claimed.seq):
        doubts.append(Doubt.REVOKED)
    if fact.why == "restored" or (machine.restored is not None and claimed.seq > machine.restored):
        doubts.append(Doubt.RESTORED)
    amount = fact.amount_minor
    if not amount or fact.why == "disputed":
        doubts.append(Doubt.DISPUTED)
        amount += sources.in_doubt(connection, machine.no, fact.sale)
    elif ended is None or ended.flagged or (ended.outcome, ended.claim_minor) != ("claimed", amount):
        doubts.append(Doubt.SUMS)
    currency, exponent = (ended.currency, ended.exponent) if ended else sources.money(connection, machine.no)[:2]
    value = value_of(claimed.kiosk, fact.sale)
    meter = fact.meter if METER.fullmatch(fact.meter) else ""  # a machine may say anything
    head = (value, "claim", claimed.kiosk, meter, fact.n, amount, currency, exponent, claimed.at_ms)
    return Seed(*head, tuple(doubts), number=fact.number)


def _slips(connection: Connection, machines: dict[str, Machine], here: set[str], only: str) -> Iterator[Seed]:
    """Slips whose claims are in no row."""
    asked = select(PAPER.c.text, PAPER.c.value).where(PAPER.c.seq > 0).order_by(PAPER.c.at_ms, PAPER.c.sha256)
    asked = asked.where(PAPER.c.value == only) if only else asked
    for text, value in connection.execute(asked).all():
        paper = evidence.decode(text)[0]
        if value in here or paper.kind != SLIP or paper.kiosk not in machines:
            continue
        machine = machines[paper.kiosk]
        currency, exponent, left = sources.money(connection, machine.no)
        doubts = tuple(_slip_doubts(connection, paper, machine, left))
        over = _contradicted(connection, paper, machine)
        head = (value, "slip", paper.kiosk, paper.meter, paper.n, paper.amount_minor, currency, exponent, paper.time_s * 1000)
        yield Seed(*head, doubts, over, paper.number)


def _slip_doubts(connection: Connection, paper: Paper, machine: Machine, left_minor: int | None) -> Iterator[Doubt]:
    """On a slip alone the office pays up to what its kiosk may have sold unreported."""
    if machine.state in ("revoked", "frozen"):
        yield Doubt.REVOKED if machine.state == "revoked" else Doubt.FROZEN
    if paper.tender & RESTORED or machine.restored is not None:
        yield Doubt.RESTORED
    if not paper.amount_minor:
        yield Doubt.DISPUTED
    value = value_of(paper.kiosk, paper.sale)
    if left_minor is None or given_on_slips(connection, machine, but=value) + paper.amount_minor > left_minor:
        yield Doubt.FLOAT


def given_on_slips(connection: Connection, machine: Machine, *, but: str = "") -> int:
    """Minor units that were ordered on this kiosk's slips alone and that its rows still do not report, each value once."""
    unreported = select(PAPER.c.value).where(PAPER.c.kiosk == machine.kiosk, PAPER.c.seq > machine.row_seq)
    asked = select(SETTLEMENT.c.value, SETTLEMENT.c.amount_minor).where(
        SETTLEMENT.c.what == ORDERED, SETTLEMENT.c.value.in_(unreported), SETTLEMENT.c.value != but
    )
    return sum({row.value: row.amount_minor for row in connection.execute(asked)}.values())


def _contradicted(connection: Connection, paper: Paper, machine: Machine) -> str:
    """Why the rows say that nothing is owed for a slip; "" where they do not. At or below the last row that is here, the rows decide."""
    ended = sources.sold(connection, machine.no, paper.sale)
    if ended and ended.outcome != "claimed":
        return f"The rows of {machine.kiosk} say that this sale ended otherwise: {ended.outcome}."
    if paper.seq <= machine.row_seq and not paper.tender & RESTORED:
        return f"The rows of {machine.kiosk} up to {machine.row_seq} are here, and row {paper.seq} is not this slip's: two histories."
    return ""


def _late_orders(connection: Connection, now_ms: int) -> Iterator[Seed]:
    """Orders whose slot another record took, by a count proof, and orders that no machine takes any more."""
    unheard = (ORDER.c.state == "held") & ~ORDER.c.source.startswith(PARTNERS)  # a partner cancels its own
    late = (ORDER.c.state == "passed") | (((ORDER.c.state == "open") | unheard) & (ORDER.c.until_ms <= now_ms))
    asked = select(ORDER).where(late, ORDER.c.settles == "").order_by(ORDER.c.made_ms, ORDER.c.name)
    for row in connection.execute(asked).mappings():
        order = sources.order_of(row)
        money = (order.amount_minor, order.currency, CURRENCIES[order.currency].exponent if order.currency in CURRENCIES else 2)
        yield Seed(order.name, "order", "", order.meter, order.n, *money, order.made_ms)


def _orphans(connection: Connection, machines: dict[str, Machine]) -> Iterator[Seed]:
    """Cash that no sale explains, as long as nobody has closed it."""
    asked = (
        select(FACT.c.seq, FACT.c.at_ms, FACT.c.amount_minor, KIOSK.c.id)
        .join(KIOSK, KIOSK.c.no == FACT.c.kiosk_no)
        .where(FACT.c.kind.in_(numbers("OrphanCredit")))
        .order_by(FACT.c.at_ms, FACT.c.kiosk_no, FACT.c.seq)
    )
    over = set(connection.execute(select(SETTLEMENT.c.value).where(SETTLEMENT.c.what == CLOSED)).scalars())
    for seq, at_ms, amount, kiosk in connection.execute(asked).all():
        value = f"{kiosk}#{seq}"
        currency, exponent, _ = sources.money(connection, machines[kiosk].no)
        closed = "It was closed." if value in over else ""
        yield Seed(value, "orphan", kiosk, "", 0, amount or 0, currency, exponent, at_ms, (Doubt.ORPHAN,), closed)


def _never_ended(connection: Connection, machines: dict[str, Machine], here: set[str], only: str) -> Iterator[Seed]:
    """The sale that was open when the journal of a kiosk stopped whose life is over: there is at most one."""
    for machine in machines.values():
        if machine.state == "open" or (only and not only.startswith(f"{machine.kiosk}/")):
            continue
        opened, paid, at_ms = _last_sale(connection, machine.no)
        value = value_of(machine.kiosk, opened.sale) if opened else ""
        if opened and paid and value not in here:
            quote = opened.quote
            meter = opened.meter if METER.fullmatch(opened.meter) else ""
            head = (value, "open", machine.kiosk, meter, opened.n, paid, quote.currency, quote.exponent, at_ms)
            yield Seed(*head, (Doubt.OPEN,))


def _last_sale(connection: Connection, no: int) -> tuple[facts.SaleOpened | None, int, int]:
    """The last sale if it did not end, what was paid into it, and when it was opened."""
    paid = 0
    for line in sources.newest_rows(connection, no, OPEN_ROWS):
        match line.fact:
            case facts.SaleClosed() | facts.ClaimIssued():
                return None, 0, 0
            case facts.NoteStacked() | facts.CoinAccepted() as piece:
                paid += piece.denomination
            case facts.TransferCodeAccepted() | PosFinal() as accepted:
                paid += accepted.amount_minor
            case facts.SaleOpened() as opened:
                return opened, paid, line.at_ms
    return None, 0, 0
