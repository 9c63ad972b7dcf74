"""Decisions: a case becomes an order, by one person or by two, and each step is a row of the audit that nothing changes.

What is decided again is the same order: its reference says which money, slot, card and generation. So a crash between the audit and the
order, or two officers at once, make one.
"""

import getpass
from collections.abc import Callable

import msgspec
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from kiosk.hq.cards.registry import Binding
from kiosk.hq.orders.book import Made, Order, Orders, Wanted
from kiosk.hq.settlement.cases import Cases
from kiosk.hq.settlement.rule import TOGETHER, Case, Way, standing, way
from kiosk.hq.settlement.seeds import CLOSED, ORDERED
from kiosk.hq.settlement.tables import SETTLEMENT
from kiosk.hq.store import Store
from kiosk.vend import code
from kiosk.vend.code import COUNT_MAX

SOURCE = "settle"
PROPOSED, RELEASED = "proposed", "released"
TRIES = 20
PROPOSAL_MS = 14 * 86_400_000
NAME_MAX, NOTE_MAX = 64, 512

Holder = Callable[[str], Binding | None]
"""A card's serial -> its binding. The registry's."""


class NotSettled(Exception):
    """It is not decided so; the text is one sentence. `why`: one word for a program."""

    def __init__(self, why: str, sentence: str) -> None:
        self.why = why
        super().__init__(sentence)


class _Taken(Exception):
    """Another decision took the number in this very moment."""


class Decision(msgspec.Struct, frozen=True):
    """A row of the audit. See `tables.SettlementTable`."""

    value: str
    no: int
    at_ms: int
    what: str
    who: str
    login: str
    why: str
    basis: str
    card: str
    meter: str
    n: int
    amount_minor: int
    currency: str
    order_name: str = ""
    proof: str = ""
    note: str = ""


class Decided(msgspec.Struct, frozen=True):
    """What came of it: an order with its code, or a proposal that waits for another person."""

    way: Way
    made: Made | None = None
    proposed: Decision | None = None


def decisions(store: Store, value: str) -> list[Decision]:
    """What was decided about a value, in its order. Raises StoreError."""
    return store.read(lambda connection: _decisions(connection, value))


def _decisions(connection: Connection, value: str) -> list[Decision]:
    asked = select(SETTLEMENT).where(SETTLEMENT.c.value == value).order_by(SETTLEMENT.c.no)
    return [Decision(**row) for row in connection.execute(asked).mappings()]


class Closer:
    """Whoever writes decisions down; it needs no vault."""

    def __init__(self, store: Store, cases: Cases) -> None:
        self._store, self._cases = store, cases

    def close(self, value: str, who: str, second: str, now_ms: int, *, note: str) -> Decision:
        """Money that belongs to no sale is given out otherwise, or kept: two people say how. Raises NotSettled, StoreError."""
        _named(who, note)
        _named(second, note)
        if who == second or not note:
            raise NotSettled("two", "Two people close it, and say what became of the money.")
        case = self._case(value, now_ms)
        if case.kind != "orphan" or case.over:
            raise NotSettled("kind", "Only money that belongs to no sale is closed, and once; all else ends on a card.")
        return self._write(case, way(case, now_ms), CLOSED, f"{who} {second}", now_ms, note=note)

    def _case(self, value: str, now_ms: int) -> Case:
        case = self._cases.one(value, now_ms)
        if case is None:
            raise NotSettled("case", f"Nothing is owed under {value}.")
        return case

    def _write(self, case: Case, chosen: Way, what: str, who: str, now_ms: int, *, order_name: str = "", note: str = "") -> Decision:
        """One row more; the same step by the same person once."""
        shown = case.proofs or ((case.gone,) if case.gone else ())
        proofs = [{"kind": type(each.evidence).__name__, **msgspec.to_builtins(each)} for each in shown]
        told = msgspec.json.encode(proofs).decode() if proofs else ""
        basis = " ".join([case.kind, *case.doubts])
        last = (chosen.why, basis, case.card, case.meter, chosen.n, case.amount_minor, case.currency, order_name, told, note)

        def work(connection: Connection) -> Decision:
            before = _decisions(connection, case.value)
            for each in before:
                if (each.what, each.who, each.n, each.card, each.order_name) == (what, who, chosen.n, case.card, order_name):
                    return each
            number = before[-1].no + 1 if before else 1  # of the very rows that were looked at: whoever wrote meanwhile has taken it
            decision = Decision(case.value, number, now_ms, what, who, _login(), *last)
            try:
                connection.execute(insert(SETTLEMENT).values(**msgspec.structs.asdict(decision)))
            except IntegrityError:
                raise _Taken from None
            return decision

        for _ in range(TRIES):
            try:
                return self._store.transact(work)
            except _Taken:
                continue
        raise NotSettled("busy", "Others are deciding about this money; try again.")


class Desk(Closer):
    """Where money becomes an order."""

    def __init__(self, store: Store, cases: Cases, orders: Orders, holder: Holder) -> None:
        super().__init__(store, cases)
        self._orders, self._holder = orders, holder

    def decide(self, value: str, who: str, now_ms: int, *, note: str = "") -> Decided:
        """Order this money where the rule says. For two people: the first call proposes, one by another person releases.

        The registry is held from the reading of the case until all is written, so the meter's newest card is the same throughout.
        Raises NotSettled, OrderRefused, StoreError, RegistryError, NoSuchKey.
        """
        _named(who, note)
        with self._orders.cards.held():
            return self._decided(value, who, now_ms, note)

    def _decided(self, value: str, who: str, now_ms: int, note: str) -> Decided:
        case = self._case(value, now_ms)
        chosen = way(case, now_ms)
        if chosen.to == "none":
            raise NotSettled(chosen.why, _NOTHING[chosen.why].format(case=case))
        binding = self._holder(case.card)
        if binding is None:
            raise NotSettled("card", f"No card {case.card} was opened here.")
        wanted = _wanted(case, chosen, binding, now_ms)
        given_before = standing(case, now_ms) if chosen.why == "collect" else None
        if given_before:  # its own reference finds it; and each time that a code is given out is a row of the audit
            wanted = _again(given_before, binding)
            return Decided(chosen, self._ordered(case, chosen, wanted, who, now_ms, note))
        if chosen.people == TOGETHER and not self._released(case, chosen, who, now_ms, note):
            return Decided(chosen, proposed=self._write(case, chosen, PROPOSED, who, now_ms, note=note))
        return Decided(chosen, self._ordered(case, chosen, wanted, who, now_ms, note))

    def _ordered(self, case: Case, chosen: Way, wanted: Wanted, who: str, now_ms: int, note: str) -> Made:  # noqa: PLR0917
        """The order and its code, once it is as safe as `Orders` wants it."""
        made = self._orders.make(wanted, now_ms)
        self._write(case, chosen, ORDERED, who, now_ms, order_name=made.order.name, note=note)
        return made

    def _released(self, case: Case, chosen: Way, who: str, now_ms: int, note: str) -> bool:
        """Whether somebody else has proposed just this, not long ago; then this is the second person's word."""
        before = [each for each in decisions(self._store, case.value) if each.what == PROPOSED and each.at_ms > now_ms - PROPOSAL_MS]
        same = (chosen.n, case.card, case.amount_minor, case.currency)
        if not any((one.n, one.card, one.amount_minor, one.currency) == same and one.who != who for one in before):
            return False
        self._write(case, chosen, RELEASED, who, now_ms, note=note)
        return True


_NOTHING = {
    "landed": "Nothing is owed: {case.landed.source} of {case.landed.kiosk} row {case.landed.seq} shows this money on the card.",
    "settled": "Nothing is owed: its own kiosk found it on the card.",
    "over": "Nothing is owed. {case.over}",
    "twin": "Order {case.twin} for other money has the same card, slot and amount, which is one code: it is collected first.",
    "removed": "Meter {case.meter} was taken away with count {case.removed.evidence.count}: it credits no purchase {case.n}. "
    "The money waits for its customer's next meter.",
    "card": "No card of meter {case.meter} was opened here: the office looks for whose it is.",
    "owner": "No sale explains this money: two people close it and say what became of it.",
}


def _wanted(case: Case, chosen: Way, binding: Binding, now_ms: int) -> Wanted:
    """The order. Its reference is the same as long as it would be the same code."""
    if not 1 <= chosen.n <= COUNT_MAX:
        raise NotSettled("slot", f"No card has a purchase {chosen.n}.")
    generation = code.generation_at(now_ms)
    reference = f"{case.value} {chosen.n} {generation} {binding.card}"
    return Wanted(binding, case.amount_minor, case.currency, chosen.n - 1, SOURCE, reference, case.value, chosen.n)


def _again(order: Order, binding: Binding) -> Wanted:
    """What an order was made of."""
    slot = order.n if order.settles else 0
    return Wanted(binding, order.amount_minor, order.currency, order.n - 1, order.source, order.reference, order.settles, slot)


def _named(who: str, note: str) -> None:
    if not 1 <= len(who) <= NAME_MAX or not who.isprintable() or len(note) > NOTE_MAX or not note.isprintable():
        raise NotSettled("name", f"Whoever decides is named, in up to {NAME_MAX} characters; a note has up to {NOTE_MAX}.")


def _login() -> str:
    """Who is logged in on this machine: `who` is what somebody says, this is what the machine knows."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
