"""A batch as rows of the tables: facts, sales, what they add up to, and what somebody has to look at. Pure, and run beside the database.

This is where the time of an import goes, so it happens once a row and in a worker: what comes out is finished, down to the text that COPY
takes. Only what another transaction may change meanwhile is left to the importer: which days are closed, and whose claim was settled.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import msgspec
from msgspec.structs import astuple

from kiosk.hq.intake.rules import Flag, Known, Number, broken
from kiosk.hq.intake.sold import ELSEWHERE, Odd, SaleRow, Settled, given, hour_of, sale_row, sums_of
from kiosk.hq.intake.summary import Added, SaleSums, later, summed
from kiosk.sync.batch import Batch, BatchHeader, BatchRefused, Line
from kiosk.vend import facts as f
from kiosk.vend.lifetime import Lifetime, add
from kiosk.vend.rows import Unreadable, fact_of, kinds
from kiosk.vend.till import CASH, CashBoxRemoved
from kiosk.vend.trust import HotlistInstalled

SOUGHT = (
    "OrphanCredit", "EscrowUnknown", "CashBoxRemoved", "CashBoxInstalled", "CashBoxMissing", "ClaimIssued", "ClaimSettled", "FloatGranted",
    "ForeignSaleFinished", "Restored", "TamperSeen", "TransferCodeAccepted", "StoreCreated", "BatchAcked", "CashBoxBack", "CardUnsure",
    "OperatorDid", "Unlocked", "KeyRolled", "PersonErased",
)  # fmt: skip
"""Kinds that are looked for by their kind: an index finds them. The place is the number, from 1; a new one goes to the end, below 100."""

UNNAMED = 0  # of a kind whose name is none, or for which there was no number left
AMOUNTS = ("amount_minor", "denomination", "tender_minor", "credit_minor", "minor")
"""The field that is a fact's own amount: the first of these that it has."""

CARD = "card"
TEXT_MAX = 128  # characters of all names in a sale together
NAME_MAX, NUMBER_MAX = 48, 1 << 53
MONEY_MAX = 1 << 43  # eight times a million million: a million such rows still add up in 64 bits
MONEY = {kind.__name__: kind for kind in (f.NoteStacked, f.CoinAccepted, f.OrphanCredit, f.SaleClosed, f.ClaimSettled, CashBoxRemoved)}
ODD = f.OrphanCredit, CashBoxRemoved
OPENED, LISTED, FINISHED = f.SaleOpened.__name__, HotlistInstalled.__name__, f.ForeignSaleFinished.__name__
MARKS = frozenset({OPENED, LISTED, FINISHED})  # rows that say how others are judged, here or at another kiosk
NULL = "\\N"  # as COPY's text has it

Told = tuple[int, str | None, str | None, int | None]
"""What a row says, for the columns: number of its kind, sale, card, amount."""


class Columns:
    """Card and amount of rows as their columns have them, by the kinds that are known now."""

    def __init__(self) -> None:
        self._kinds = kinds()

    def of(self, kind: str, v: int, sale: str | None, body: str) -> tuple[str | None, int | None]:
        """Of one row; two times None for one that says neither, or that cannot be read."""
        form = self._kinds.get(kind)
        reader = _reader(form) if form else None
        if reader is None or v > reader.v or (reader.of_sale and sale is None):
            return None, None
        try:
            said = reader.decode(body) if v == reader.v else fact_of(self._kinds, (sale, kind, v, body.encode()))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, Unreadable):
            return None, None
        return _columns(reader, said)


class Shaped(msgspec.Struct, frozen=True):
    """What one batch brings. `facts` is COPY's text, or the rows where there is no COPY; `grown`: what its rows add to the totals.

    `sums` and each sale's posted day hold as long as no day after `closed_through` was closed. `named`: kinds that have no number yet;
    what is shaped without them is shaped again. `carried`: sales that end here and were opened in an earlier batch: one of them may have
    ended there, too. `finished`: cards on which this kiosk finished what another one had begun.
    """

    kiosk_no: int
    header: BatchHeader
    hash: str
    clear: bytes
    facts: bytes | list[tuple[Any, ...]]
    sales: list[SaleRow]
    settled: list[Settled]
    sums: Added
    grown: Lifetime
    flags: list[Flag]
    closed_through: int
    named: tuple[str, ...] = ()
    odd: list[Odd] = []
    carried: tuple[str, ...] = ()
    finished: tuple[str, ...] = ()


class Shaper:
    """Shapes batches. `numbers`: kind -> its number; `copy`: whether the facts become COPY's text."""

    def __init__(self, numbers: Mapping[str, int], known: Known, *, copy: bool, closed_through: int = 0) -> None:
        self.numbers, self.known, self.copy, self.closed_through = dict(numbers), known, copy, closed_through
        self.kinds = kinds()
        self.readers = {name: _reader(kind) for name, kind in self.kinds.items()}

    def shape(self, kiosk_no: int, batch: Batch) -> Shaped:
        """Raises BatchRefused where a row holds what no journal's row can."""
        marks = [row for row in batch.rows if row.kind in MARKS]
        work = _Work(self, kiosk_no, _lists(batch.header, marks))
        try:
            text = batch.text.decode()
        except UnicodeDecodeError:
            raise _tampered(batch, "Its rows are no text.") from None
        for row in batch.rows:
            if (row.at_ms | row.boot | row.mono_ms) >> 53:
                raise _tampered(batch, f"Row {row.seq} holds a number that no row of a journal has.")
        told = [work.plain(row) or work.row(row) for row in batch.rows]
        facts = (_copied if self.copy else _rows)(kiosk_no, batch.rows, told, text)
        sums = summed(work.sums, self.closed_through)
        named = tuple(sorted(work.named))
        opened = {row.sale for row in marks if row.kind == OPENED}
        carried = tuple(row.sale for row in work.sales if row.sale not in opened)
        return Shaped(
            kiosk_no, batch.header, batch.hash, batch.clear, facts, work.sales, work.settled, sums, work.grown, work.flags,
            self.closed_through, named, work.odd, carried, _finished(marks),
        )  # fmt: skip


class _Reader:
    """Reads the bodies of one kind: its `sale` is a column of the row, everything else stands in the body."""

    def __init__(self, kind: type[f.Fact]) -> None:
        fields = [field for field in msgspec.structs.fields(kind) if field.name != "sale"]
        self.form, self.v = kind, kind.v
        self.of_sale = issubclass(kind, f.SaleFact)
        body = msgspec.defstruct(kind.__name__, [_declared(field) for field in fields], frozen=True)
        self.decode: Callable[[Any], Any] = msgspec.json.Decoder(body).decode
        names = [field.name for field in fields]
        self.card = "card" in names
        self.amount = next((name for name in AMOUNTS if name in names), None)
        self.money = kind.__name__ in MONEY

    def fact(self, said: Any, sale: str | None) -> f.Fact:
        """The fact itself, of a body that was read."""
        return self.form(sale, *astuple(said)) if self.of_sale else self.form(*astuple(said))


@cache
def _reader(kind: type[f.Fact]) -> _Reader:
    """Made once: whoever begins anew reads as before."""
    return _Reader(kind)


def _declared(field: msgspec.structs.FieldInfo) -> Any:
    if field.default is not msgspec.NODEFAULT:
        return field.name, field.type, field.default
    if field.default_factory is not msgspec.NODEFAULT:
        return field.name, field.type, msgspec.field(default_factory=field.default_factory)
    return field.name, field.type


def _columns(reader: _Reader, said: Any) -> tuple[str | None, int | None]:
    card: str | None = getattr(said, CARD) if reader.card else None
    amount = getattr(said, reader.amount) if reader.amount else None
    card = card if card is not None and _card_named(card) else None
    return card, amount if amount is not None and -NUMBER_MAX < amount < NUMBER_MAX else None


class _Work:
    """What has come of a batch's rows so far."""

    def __init__(self, shaper: Shaper, kiosk_no: int, lists: "list[tuple[int, Number | None]]") -> None:
        self._shaper, self._kiosk_no, self._lists = shaper, kiosk_no, lists
        self._readers, self._numbers = shaper.readers, shaper.numbers
        self.sales: list[SaleRow] = []
        self.settled: list[Settled] = []
        self.odd: list[Odd] = []
        self.sums: list[SaleSums] = []
        self.flags: list[Flag] = []
        self.named: set[str] = set()
        self.grown = Lifetime()
        self._ended: set[str] = set()
        self._sale = self._card = ""  # the last that were found good

    def plain(self, row: Line) -> "Told | None":
        """A row with nothing unusual, the short way: nearly all are. None where it has to be looked at more closely."""
        kind, sale = row.kind, row.sale
        reader, number = self._readers.get(kind), self._numbers.get(kind)
        if reader is None or number is None or row.v != reader.v:
            return None
        if sale is None:
            if reader.of_sale:
                return None
        elif sale != self._sale:
            if not _sale_named(sale):
                return None
            self._sale = sale
        try:
            said = reader.decode(row.body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        card = said.card if reader.card else None
        if card is not None and card != self._card:
            if not _card_named(card):
                return None
            self._card = card
        amount = getattr(said, reader.amount) if reader.amount else None
        if amount is not None and not -NUMBER_MAX < amount < NUMBER_MAX:
            return None
        if reader.money:
            self._money(row, reader.fact(said, sale))
        return number, sale, card, amount

    def row(self, row: Line) -> "Told":
        """Any row."""
        kind, sale = row.kind, row.sale
        number = self._numbers.get(kind)
        if number is None:
            number = self._unnumbered(kind)
        if sale is not None and not _sale_named(sale):
            self._flag(row, "name", "It belongs to a sale whose name is none.")
            sale = None
        card, amount = self._read(row, sale)
        return number, sale, card, amount

    def _unnumbered(self, kind: str) -> int:
        if _named(kind) == kind:
            self.named.add(kind)
        return UNNAMED

    def _read(self, row: Line, sale: str | None) -> tuple[str | None, int | None]:
        """Card and amount of a row, for the columns; and of one that moves money all that follows."""
        reader = self._shaper.readers.get(row.kind)
        if reader is None or row.v > reader.v:
            self._flag(row, "unknown", f"{_named(row.kind)} of version {row.v} is not known to this software; it is kept.")
            return None, None
        try:
            if reader.of_sale and sale is None:
                raise Unreadable(f"{row.kind} belongs to no sale")
            said = reader.decode(row.body) if row.v == reader.v else self._raised(row, sale)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, Unreadable):
            self._flag(row, "unreadable", f"It does not say what {row.kind} says; it is kept.")
            return None, None
        card, amount = _columns(reader, said)
        if row.kind in MONEY:
            self._money(row, said if isinstance(said, f.Fact) else reader.fact(said, sale))
        return card, amount

    def _raised(self, row: Line, sale: str | None) -> f.Fact:
        return fact_of(self._shaper.kinds, (sale, row.kind, row.v, bytes(row.body)))

    def _money(self, row: Line, fact: f.Fact) -> None:
        numbers = _numbers(fact)
        if not -MONEY_MAX < min(numbers, default=0) <= max(numbers, default=0) < MONEY_MAX:
            self._flag(row, "unreadable", "It names an amount that no machine can hold; it is kept, and stands in no sum.")
            return
        self.grown = add(self.grown, fact)
        if isinstance(fact, f.SaleClosed):
            self._closed(row, fact)
        elif isinstance(fact, f.ClaimSettled):
            credit, fee, debt, energy = given(fact.lines)
            self.settled.append(Settled(row.seq, row.at_ms, fact.sale, credit, fee, debt, energy, fact.how == ELSEWHERE))
        elif isinstance(fact, CashBoxRemoved) and not (fact.device in CASH and _plain(fact.bag)):
            self._flag(row, "unreadable", "It names a box or a bag that no machine has; it is kept, and stands in no report.")
        elif isinstance(fact, ODD):
            self.odd.append(Odd(row.seq, row.at_ms, fact))

    def _closed(self, row: Line, fact: f.SaleClosed) -> None:
        if fact.sale in self._ended:
            self._flag(row, "sums", f"Sale {fact.sale} ended before; this end of it stands in no sum.")
            return
        self._ended.add(fact.sale)
        listed = next(number for seq, number in self._lists if seq <= row.seq)
        self.flags += broken(row.seq, fact, self._shaper.known, listed)
        if not _plain(fact.card + fact.meter + (fact.tag or "") + fact.currency + fact.tariff + fact.outcome):
            self._flag(row, "unreadable", f"Sale {fact.sale} holds text that no machine writes; it is kept, and stands in no sum.")
            return
        hour = hour_of(fact.zone, row.at_ms)
        if hour is None:
            self._flag(row, "zone", f"Sale {fact.sale}: its zone is not known here, so its hour is UTC's.")
        sold = sale_row(self._kiosk_no, row, fact, hour)
        self.sales.append(later(sold, self._shaper.closed_through))
        self.sums.append(sums_of(sold))

    def _flag(self, row: Line, rule: str, sentence: str) -> None:
        self.flags.append(Flag(row.seq, rule, sentence))


class _Installed(msgspec.Struct, frozen=True):
    epoch: int
    version: int


class _Finished(msgspec.Struct, frozen=True):
    card: str


def _lists(header: BatchHeader, marks: list[Line]) -> list[tuple[int, Number | None]]:
    """From which row on which hotlist held at the kiosk, the last first; None for what held before one that was installed in this batch."""
    found: list[tuple[int, Number | None]] = []
    for row in marks:
        if row.kind == LISTED:
            try:
                said = msgspec.json.decode(row.body, type=_Installed)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):  # flagged as any row that cannot be read
                continue
            found.insert(0, (row.seq, (said.epoch, said.version)))
    return [*found, (0, None if found else header.applied.get("hotlist"))]


def _finished(marks: list[Line]) -> tuple[str, ...]:
    """Cards of records that were another machine's."""
    cards = list[str]()
    for row in marks:
        if row.kind == FINISHED:
            try:
                cards.append(msgspec.json.decode(row.body, type=_Finished).card)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):  # flagged as any row that cannot be read
                continue
    return tuple(cards)


def _numbers(fact: f.Fact) -> list[int]:
    """Every number in it, and in its lines and tenders."""
    parts = (fact, *getattr(fact, "lines", ()), *getattr(fact, "tenders", ()))
    return [value for part in parts for value in astuple(part) if type(value) is int]


def _named(kind: str) -> str:
    """The kind's name, if it is one."""
    return kind if len(kind) <= NAME_MAX and kind.isidentifier() and kind.isascii() else "A kind whose name is none"


def _sale_named(sale: str) -> bool:
    return len(sale) == 16 and sale.isalnum() and sale.isascii()


def _card_named(card: str) -> bool:
    return 0 < len(card) <= 32 and card.isalnum() and card.isascii()


def _plain(text: str) -> bool:
    return len(text) <= TEXT_MAX and text.isprintable()


# ---------------------------------------------------------------- COPY's text


def _copied(kiosk_no: int, rows: list[Line], told: list[Told], text: str) -> bytes:
    """Rows as COPY reads them. What it would read otherwise stands in bodies only, and in few of them."""
    odd = "\\" in text or "\t" in text or "\r" in text
    lines = []
    for row, (kind, sale, card, amount) in zip(rows, told, strict=True):
        body = str(row.body, "utf-8")
        if odd:
            body = body.replace("\\", "\\\\").replace("\t", "\\t").replace("\r", "\\r")
        lines.append(
            f"{kiosk_no}\t{row.seq}\t{row.at_ms}\t{kind}\t{row.v}\t{row.boot}\t{row.mono_ms}\t{sale or NULL}\t{card or NULL}\t"
            f"{NULL if amount is None else amount}\t{body}\n"
        )
    return "".join(lines).encode()


def _rows(kiosk_no: int, rows: list[Line], told: list[Told], text: str) -> list[tuple[Any, ...]]:
    """Rows as they are inserted where there is no COPY."""
    del text
    return [
        (kiosk_no, row.seq, row.at_ms, kind, row.v, row.boot, row.mono_ms, sale, card, amount, str(row.body, "utf-8"))
        for row, (kind, sale, card, amount) in zip(rows, told, strict=True)
    ]


def copied_sales(sales: list[SaleRow]) -> bytes:
    """The same of sales, whose texts hold nothing that would have to be said in another way but a backslash."""
    form = "\t".join(["%s"] * len(SaleRow._fields)) + "\n"
    return "".join([form % tuple([NULL if value is None else value for value in _escaped(row)]) for row in sales]).encode()


def _escaped(row: SaleRow) -> tuple[Any, ...]:
    if "\\" not in f"{row.sale}{row.outcome}{row.card}{row.meter}{row.tag}{row.currency}{row.tariff}":
        return row
    return tuple(value.replace("\\", "\\\\") if isinstance(value, str) else value for value in row)


def _tampered(batch: Batch, sentence: str) -> BatchRefused:
    return BatchRefused("tamper", sentence, batch.header.kiosk, batch.header.seq)
