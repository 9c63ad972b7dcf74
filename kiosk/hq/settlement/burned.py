"""A kiosk that is gone: what its rows say up to the last one that came, and by what its money since then is accounted for.

Five witnesses are left. Acknowledgements say how far the rows came. Papers that people bring, and its records that other machines saw on
cards, each name one sale. The acceptor's own counter says how many pieces came after the last row, and the box how much money they are.
What the box has and nothing names stays unexplained; it is never made up.
"""

from collections.abc import Iterator, Mapping

import msgspec
from sqlalchemy import Connection, select

from kiosk.hq.schema import FACT, HEAD, KIND, KIOSK
from kiosk.hq.settlement import sources
from kiosk.hq.settlement.cases import Cases
from kiosk.hq.settlement.known import UNMARKED, Line, value_of
from kiosk.hq.settlement.rule import Case
from kiosk.hq.settlement.tables import PAPER
from kiosk.hq.store import Store
from kiosk.vend import evidence
from kiosk.vend import facts as f
from kiosk.vend.evidence import RESTORED, SLIP
from kiosk.vend.evidence import Evidence as Paper
from kiosk.vend.till import CASH, CashBoxInstalled, CashBoxRemoved

BOX_KINDS = ("NoteStacked", "CoinAccepted", "OrphanCredit", "AcceptorRead", "CashBoxInstalled", "CashBoxRemoved")


class NoSuchMachine(Exception):
    """There is no kiosk of that id here; the text is one sentence."""


class Found(msgspec.Struct, frozen=True):
    """What people found of one device: money and pieces in its box, and the acceptor's own count of its life; None where it is lost."""

    minor: int | None = None
    pieces: int | None = None
    accepted: int | None = None


class Box(msgspec.Struct, frozen=True):
    """One device. `journal_minor` and `journal_pieces`: in its present box by the rows; `accepted`: the acceptor's count at the last row.

    `after_minor`: money that came after the last row, by the count of the box; `after_pieces`: pieces, by the acceptor and by the box.
    """

    device: str
    journal_minor: int
    journal_pieces: int
    accepted: int | None
    found: Found

    @property
    def after_minor(self) -> int | None:
        """None where the box was not counted."""
        return None if self.found.minor is None else self.found.minor - self.journal_minor

    @property
    def after_pieces(self) -> tuple[int | None, int | None]:
        """By the acceptor's count, and by the box's."""
        by_meter = self.found.accepted - self.accepted if self.found.accepted is not None and self.accepted is not None else None
        return by_meter, None if self.found.pieces is None else self.found.pieces - self.journal_pieces


class Named(msgspec.Struct, frozen=True):
    """Money after the last row that something names. `by`: slip | receipt | card; `where`: its number, or who saw it."""

    by: str
    where: str
    card: str
    meter: str
    n: int
    tag: str
    amount_minor: int


class Burned(msgspec.Struct, frozen=True):
    """What is known of a kiosk that is gone. `float_minor`: the most that it may have sold after the last row, None: nothing bounds it.

    `perhaps`: records on cards whose rows are nobody's that is here: they may be this kiosk's, or of one in `silent`.
    """

    kiosk: str
    state: str
    batches: int
    last_row: int
    made_ms: int
    durable_seq: int
    currency: str
    exponent: int
    float_minor: int | None
    boxes: tuple[Box, ...]
    named: tuple[Named, ...]
    perhaps: tuple[Named, ...]
    silent: tuple[str, ...]
    cases: tuple[Case, ...]

    @property
    def after_minor(self) -> int | None:
        """Cash that came after the last row, by the boxes; None until all of them are counted."""
        after = [box.after_minor for box in self.boxes]
        return None if not after or None in after else sum(minor or 0 for minor in after)

    @property
    def named_minor(self) -> int:
        """What papers and cards name of it. A receipt and a card name what was credited, without the fee."""
        return sum(each.amount_minor for each in (*self.named, *self.perhaps))

    @property
    def unexplained_minor(self) -> int | None:
        """In the box, and named by nothing: fees, sales whose papers nobody brought. Below 0: more is named than is there."""
        return None if self.after_minor is None else self.after_minor - self.named_minor


def burned(store: Store, cases: Cases, kiosk: str, found: Mapping[str, Found], now_ms: int) -> Burned:
    """`found`: notes | coins -> what people found. Raises NoSuchMachine, StoreError."""
    owed = tuple(case for case in cases.all(now_ms) if case.kiosk == kiosk)
    return store.read(lambda connection: _burned(connection, kiosk, found, owed))


def exponent_of(store: Store, kiosk: str) -> int:
    """Decimal places of a kiosk's money, by its last sale. Raises NoSuchMachine, StoreError."""

    def work(connection: Connection) -> int:
        machine = sources.machines(connection).get(kiosk)
        if machine is None:
            raise NoSuchMachine(f"There is no kiosk {kiosk} here.")
        return sources.money(connection, machine.no)[1]

    return store.read(work)


def _burned(connection: Connection, kiosk: str, found: Mapping[str, Found], owed: tuple[Case, ...]) -> Burned:
    machines = sources.machines(connection)
    machine = machines.get(kiosk)
    if machine is None:
        raise NoSuchMachine(f"There is no kiosk {kiosk} here.")
    asked = select(HEAD.c.seq, KIOSK.c.durable_seq).join(KIOSK, KIOSK.c.no == HEAD.c.kiosk_no).where(KIOSK.c.no == machine.no)
    batches, durable = connection.execute(asked).one()
    currency, exponent, left = sources.money(connection, machine.no)
    papers = _papers(connection, machine)
    named = tuple(_of_papers(papers))
    silent = tuple(name for name, each in machines.items() if name != kiosk and each.state == "open" and each.made_ms < machine.made_ms)
    return Burned(
        kiosk=kiosk,
        state=machine.state,
        batches=batches,
        last_row=machine.row_seq,
        made_ms=machine.made_ms,
        durable_seq=min(durable, batches),
        currency=currency,
        exponent=exponent,
        float_minor=left,
        boxes=tuple(_boxes(connection, machine.no, found)),
        named=named,
        perhaps=tuple(_on_cards(connection, machine, papers)),
        silent=silent,
        cases=owed,
    )


# ---------------------------------------------------------------- papers


def _papers(connection: Connection, machine: sources.Machine) -> list[Paper]:
    """Of sales after the last row: slips by their row, receipts by a number above the last one that the rows have."""
    numbers = select(FACT.c.body, KIND.c.name).join(KIND, KIND.c.no == FACT.c.kind).where(FACT.c.kiosk_no == machine.no)
    last = 0
    for body, _ in connection.execute(numbers.where(KIND.c.name.in_(("PrintStarted", "ReceiptOffered", "ClaimIssued")))):
        last = max(last, msgspec.json.decode(body).get("number", 0))
    texts = connection.execute(select(PAPER.c.text).where(PAPER.c.kiosk == machine.kiosk).order_by(PAPER.c.at_ms)).scalars()
    papers = [evidence.decode(text)[0] for text in texts]
    return [
        paper
        for paper in papers
        if (paper.kind == SLIP and (paper.seq > machine.row_seq or paper.tender & RESTORED)) or (paper.kind != SLIP and paper.number > last)
    ]


def _of_papers(papers: list[Paper]) -> Iterator[Named]:
    """Each sale once: a claim that landed later has a receipt, too, with the same tag in the same slot."""
    told = set[tuple[str, int, str]]()
    for paper in sorted(papers, key=lambda each: each.kind != SLIP):
        key = (paper.meter, paper.n, paper.tag) if paper.tag != UNMARKED else ("", 0, value_of(paper.kiosk, paper.sale))
        if key not in told:
            told.add(key)
            by = "slip" if paper.kind == SLIP else "receipt"
            where = f"{paper.kiosk}-{paper.number:06d}"
            yield Named(by, where, paper.card_tail, paper.meter, paper.n, paper.tag, paper.amount_minor)


# ---------------------------------------------------------------- cards


def _on_cards(connection: Connection, machine: sources.Machine, papers: list[Paper]) -> Iterator[Named]:
    """Records that others saw since on cards that this kiosk has served, or finished for it, and that no row and no paper is about."""
    served = select(FACT.c.card).where(FACT.c.kiosk_no == machine.no, FACT.c.card.is_not(None)).distinct()
    finished = (
        select(FACT.c.card).where(FACT.c.kind.in_(sources.numbers("ForeignSaleFinished")), FACT.c.at_ms >= machine.made_ms).distinct()
    )
    cards = sorted({card for asked in (served, finished) for card in connection.execute(asked).scalars() if card})
    for card in cards:
        lines = list(sources.card_rows(connection, [card]))
        begun = {(r.meter, r.n, r.tag) for line in lines if isinstance(r := line.fact, f.WriteStarted)}
        told = begun | {(paper.meter, paper.n, paper.tag) for paper in papers}
        for line in lines:
            named = _record(line) if line.kiosk != machine.kiosk else None
            if named and (named.meter, named.n, named.tag) not in told:
                told.add((named.meter, named.n, named.tag))
                yield named


def _record(line: Line) -> Named | None:
    where = f"{line.kiosk} row {line.seq}"
    match line.fact:
        case f.ForeignSaleFinished() as done:
            return Named("card", where, done.card, done.meter, done.n, done.tag, done.amount_minor)
        case f.CardPresented(authentic=True, fits=True, tag=str(tag)) as seen:
            return Named("card", where, seen.card, seen.meter, seen.count, tag, seen.amount_minor)
    return None


# ---------------------------------------------------------------- boxes


def _boxes(connection: Connection, no: int, found: Mapping[str, Found]) -> Iterator[Box]:
    """What is in each present box by the rows."""
    for device in CASH:
        minor = pieces = 0
        accepted: int | None = None
        used = False
        for fact in _box_facts(connection, no):
            if fact.device != device:  # type: ignore[attr-defined]
                continue
            used = True
            match fact:
                case CashBoxInstalled() | CashBoxRemoved():
                    minor = pieces = 0
                case f.AcceptorRead():
                    accepted = fact.accepted
                case f.NoteStacked() | f.CoinAccepted():
                    minor, pieces, accepted = minor + fact.denomination, pieces + 1, fact.accepted
                case f.OrphanCredit():
                    minor, pieces, accepted = minor + (fact.amount_minor or 0), pieces + fact.pieces, fact.accepted
        if used or device in found:
            yield Box(device, minor, pieces, accepted, found.get(device, Found()))


def _box_facts(connection: Connection, no: int) -> Iterator[f.Fact]:
    asked = select(FACT.c.sale, FACT.c.v, FACT.c.body, KIND.c.name).join(KIND, KIND.c.no == FACT.c.kind)
    rows = connection.execute(asked.where(FACT.c.kiosk_no == no, KIND.c.name.in_(BOX_KINDS)).order_by(FACT.c.seq))
    for sale, v, body, kind in rows:
        fact = sources.decoded(sale, kind, v, body)
        if fact is not None:
            yield fact
