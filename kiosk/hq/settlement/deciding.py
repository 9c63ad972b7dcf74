"""Decisions: a case becomes an order, by one person or by two, and each step is a row of the audit that nothing changes.

Whoever decides signs it with a key of their own. What is for two people is proposed by the first, and released by the second over the same
line (`hq/people/approvals`); it ends when the evidence changes what the rule says.

What is decided again is the same order: its reference says which money, slot, card and generation. So a crash between the audit and the
order, or two officers at once, make one.
"""

from collections.abc import Callable
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError

from kiosk.hq.cards.registry import Binding
from kiosk.hq.orders.book import Made, Order, Orders, Wanted
from kiosk.hq.people.approvals import LABEL, OPEN, RELEASED, Approval, Approvals, Body, Deed, Taken, seen
from kiosk.hq.people.staff import Acting, People
from kiosk.hq.settlement import told
from kiosk.hq.settlement.cases import Cases
from kiosk.hq.settlement.rule import TOGETHER, Case, Way, standing, way
from kiosk.hq.settlement.seeds import CLOSED, ORDERED
from kiosk.hq.settlement.tables import SETTLEMENT
from kiosk.hq.store import Store
from kiosk.vend import code
from kiosk.vend.code import COUNT_MAX

SOURCE = "settle"
PROPOSED = "proposed"
MAKE, MOVE, CLOSE = "settle.make", "settle.move", "settle.close"
TRIES = 20
NOTE_MAX = 512

Holder = Callable[[str], Binding | None]
"""A card's serial -> its binding. The registry's."""


class NotSettled(Exception):
    """It is not decided so; the text is one sentence. `why`: one word for a program."""

    def __init__(self, why: str, sentence: str) -> None:
        self.why = why
        super().__init__(sentence)


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
    line: str = ""
    first: str = ""
    first_signature: str = ""
    second: str = ""
    second_signature: str = ""


class Signed(NamedTuple):
    """A line, and who signed it: one person, or two."""

    line: str
    first: str
    first_signature: str
    second: str = ""
    second_signature: str = ""


class Decided(msgspec.Struct, frozen=True):
    """What came of it: an order with its code, or a proposal that waits for another person."""

    way: Way
    made: Made | None = None
    proposed: Approval | None = None


def decisions(store: Store, value: str) -> list[Decision]:
    """What was decided about a value, in its order. Raises StoreError."""
    return store.read(lambda connection: _decisions(connection, value))


def vouched(people: People, decision: Decision) -> str:
    """Whether a row of the audit is what its people signed: "signed", "unsigned" (of before, or put in by hand) or "changed".

    Raises StaffError, StoreError.
    """
    if not decision.line:
        return "unsigned"
    try:
        deed = msgspec.json.decode(decision.line, type=Deed)
    except msgspec.MsgspecError:
        return "changed"
    said = {name: getattr(decision, name) for name in ("why", "basis", "card", "meter", "n", "amount_minor", "currency")}
    same = deed.value == decision.value and said.items() <= deed.body.items()
    alone = decision.what == PROPOSED or deed.kind == MAKE
    pairs = [(decision.first, decision.first_signature), (decision.second, decision.second_signature)]
    by = pairs[:1] if alone else pairs
    held = all(people.had_signed(name, LABEL, decision.line.encode(), signature) for name, signature in by)
    return "signed" if same and held and (alone or decision.first != decision.second) else "changed"


def _decisions(connection: Connection, value: str) -> list[Decision]:
    asked = select(SETTLEMENT).where(SETTLEMENT.c.value == value).order_by(SETTLEMENT.c.no)
    return [Decision(**row) for row in connection.execute(asked).mappings()]


class Closer:
    """Whoever writes decisions down; it needs no vault."""

    def __init__(self, store: Store, cases: Cases, approvals: Approvals) -> None:
        self._store, self._cases, self._approvals = store, cases, approvals

    def close(self, value: str, acting: Acting, now_ms: int, *, note: str) -> Approval:
        """Money that belongs to no sale is given out otherwise, or kept: one says how, another releases it. Raises NotSettled, StaffError,
        StoreError."""
        _noted(note)
        if not note:
            raise NotSettled("note", "Whoever closes it says what became of the money.")
        case = self._case(value, now_ms)
        _closable(case)
        return self._propose(CLOSE, case, way(case, now_ms), acting, now_ms, note)

    def release_close(self, no: int, acting: Acting, now_ms: int) -> Decision:
        """The second person's word. Raises NotSettled, StaffError, StoreError."""
        approval, case, chosen = self._unchanged(no, CLOSE, now_ms)
        _closable(case)
        written: list[Decision] = []

        def closed(connection: Connection, released: Approval) -> None:
            if any(each.what == CLOSED for each in _decisions(connection, case.value)):
                raise NotSettled("kind", _ONCE)
            both, note = f"{released.first} {released.second}", _note_of(released)
            written[:] = [_written(connection, case, chosen, CLOSED, both, acting.login, now_ms, _pair(released), note=note)]

        self._approvals.release(approval.no, acting, now_ms, closed)
        return written[0]

    def _case(self, value: str, now_ms: int) -> Case:
        case = self._cases.one(value, now_ms)
        if case is None:
            raise NotSettled("case", f"Nothing is owed under {value}.")
        return self._true(case)

    def _true(self, case: Case) -> Case:
        """It rests on what kiosks signed and the office wrote. Raises NotSettled."""
        why = self._cases.untrue(case)
        if why:
            raise NotSettled("untrue", f"{why} Nothing is decided until that is put right.")
        return case

    def _propose(self, kind: str, case: Case, chosen: Way, acting: Acting, now_ms: int, note: str) -> Approval:  # noqa: PLR0917
        """The first person's word; the same as before where it waits already."""
        waiting = self._about(kind, case, chosen, OPEN, now_ms)
        if waiting:
            return waiting
        shown = "\n".join(told.shown(case, chosen, self._cases.known(case.meter), now_ms))
        deed = Deed(self._store.utility, kind, case.value, now_ms, _terms(case, chosen) | {"note": note}, seen(shown))

        def proposed(connection: Connection, made: Approval) -> None:
            alone = Signed(made.line, made.first, made.first_signature)
            _written(connection, case, chosen, PROPOSED, acting.id, acting.login, now_ms, alone, note=note)

        return self._approvals.propose(deed, shown, acting, proposed)

    def _about(self, kind: str, case: Case, chosen: Way, state: str, now_ms: int) -> Approval | None:
        """The newest proposal of just this."""
        terms = _terms(case, chosen)
        found = self._approvals.about(kind, case.value, now_ms)
        return next((each for each in found if each.state == state and terms.items() <= each.deed.body.items()), None)

    def _unchanged(self, no: int, kind: str, now_ms: int) -> tuple[Approval, Case, Way]:
        """A proposal that waits, and the case that the rule still says the same of; otherwise it ends. Raises NotSettled, StaffError."""
        approval = self._approvals.open(no, now_ms)
        if approval.deed.kind != kind or approval.deed.utility != self._store.utility:
            raise NotSettled("kind", f"Proposal {no} is about {approval.deed.kind}.")
        case = self._cases.one(approval.deed.value, now_ms)
        chosen = way(case, now_ms) if case else None
        if case is None or chosen is None or not _terms(case, chosen).items() <= approval.deed.body.items():
            self._approvals.end(approval, now_ms, "the evidence has changed what the rule says")
            raise NotSettled(
                "changed", f"The evidence has changed what the rule says: proposal {no} has ended. Look again, and propose anew."
            )
        return approval, self._true(case), chosen


class Desk(Closer):
    """Where money becomes an order."""

    def __init__(self, store: Store, cases: Cases, approvals: Approvals, orders: Orders, holder: Holder) -> None:
        super().__init__(store, cases, approvals)
        self._orders, self._holder = orders, holder

    def decide(self, value: str, acting: Acting, now_ms: int, *, note: str = "") -> Decided:
        """Order this money where the rule says. What is for two people is proposed, and somebody else releases it.

        The registry is held from the reading of the case until all is written, so the meter's newest card is the same throughout.
        Raises NotSettled, OrderRefused, StaffError, StoreError, RegistryError, NoSuchKey.
        """
        _noted(note)
        with self._orders.cards.held():
            return self._decided(value, acting, now_ms, note)

    def _decided(self, value: str, acting: Acting, now_ms: int, note: str) -> Decided:
        case = self._case(value, now_ms)
        chosen = way(case, now_ms)
        if chosen.to == "none":
            raise NotSettled(chosen.why, _NOTHING[chosen.why].format(case=case))
        binding = self._bound(case)
        wanted = _wanted(case, chosen, binding, now_ms)
        given_before = standing(case, now_ms) if chosen.why == "collect" else None
        if given_before:  # its own reference finds it; and each time that a code is given out is a row of the audit
            wanted = _again(given_before, binding)
        elif chosen.people == TOGETHER:
            released = self._about(MOVE, case, chosen, RELEASED, now_ms)
            if released and self._approvals.by_two(released):  # by both, and the order was not made: somebody ends what they began
                self._approvals.people.checked(acting, MOVE)
                return Decided(chosen, self._ordered(case, chosen, wanted, acting, _pair(released), now_ms, note))
            return Decided(chosen, proposed=self._propose(MOVE, case, chosen, acting, now_ms, note))
        signed = self._signed(case, chosen, acting, now_ms, note)
        return Decided(chosen, self._ordered(case, chosen, wanted, acting, signed, now_ms, note))

    def release(self, no: int, acting: Acting, now_ms: int) -> Decided:
        """The second person's word: the money that another one proposed to move is ordered. Raises as `decide`."""
        before = self._approvals.find(no)
        if (before.state, before.second) == (RELEASED, acting.id):  # their own word stands; the order may not have been made
            return self.decide(before.deed.value, acting, now_ms)
        with self._orders.cards.held():
            return self._released(no, acting, now_ms)

    def _released(self, no: int, acting: Acting, now_ms: int) -> Decided:
        approval, case, chosen = self._unchanged(no, MOVE, now_ms)
        wanted, note = _wanted(case, chosen, self._bound(case), now_ms), _note_of(approval)

        def released(connection: Connection, done: Approval) -> None:
            _written(connection, case, chosen, RELEASED, acting.id, acting.login, now_ms, _pair(done), note=note)

        done = self._approvals.release(no, acting, now_ms, released)
        return Decided(chosen, self._ordered(case, chosen, wanted, acting, _pair(done), now_ms, note))

    def _bound(self, case: Case) -> Binding:
        binding = self._holder(case.card)
        if binding is None:
            raise NotSettled("card", f"No card {case.card} was opened here.")
        return binding

    def _signed(self, case: Case, chosen: Way, acting: Acting, now_ms: int, note: str) -> Signed:
        """One person's own decision."""
        evidence = seen(_proof(case))
        line = Deed(self._store.utility, MAKE, case.value, now_ms, _terms(case, chosen) | {"note": note}, evidence).line()
        return Signed(line.decode(), acting.id, self._approvals.people.signed(acting, MAKE, LABEL, line))

    def _ordered(  # noqa: PLR0917
        self, case: Case, chosen: Way, wanted: Wanted, acting: Acting, signed: Signed, now_ms: int, note: str
    ) -> Made:
        """The order and its code, once it is as safe as `Orders` wants it."""
        made = self._orders.make(wanted, now_ms)

        def work(connection: Connection) -> Decision:
            name = made.order.name
            return _written(connection, case, chosen, ORDERED, acting.id, acting.login, now_ms, signed, order_name=name, note=note)

        for _ in range(TRIES):
            try:
                self._store.transact(work)
            except Taken:
                continue
            return made
        raise NotSettled("busy", "Others are deciding about this money; try again.")


def _written(  # noqa: PLR0917
    connection: Connection,
    case: Case,
    chosen: Way,
    what: str,
    who: str,
    login: str,
    now_ms: int,
    signed: Signed,
    *,
    order_name: str = "",
    note: str = "",
) -> Decision:
    """One row more; the same step by the same person once. Raises Taken where another decision took the number in this very moment."""
    basis = _basis(case)
    before = _decisions(connection, case.value)
    for each in before:
        same = (each.what, each.who, each.n, each.card, each.order_name) == (what, who, chosen.n, case.card, order_name)
        if same and (what == ORDERED or each.line == signed.line):  # a new proposal is another step
            return each
    number = before[-1].no + 1 if before else 1  # of the very rows that were looked at: whoever wrote meanwhile has taken it
    last = (chosen.why, basis, case.card, case.meter, chosen.n, case.amount_minor, case.currency, order_name, _proof(case), note)
    decision = Decision(case.value, number, now_ms, what, who, login, *last, *signed)
    try:
        connection.execute(insert(SETTLEMENT).values(**msgspec.structs.asdict(decision)))
    except IntegrityError:
        raise Taken from None
    return decision


def _proof(case: Case) -> str:
    """The evidence with its source."""
    shown = case.proofs or ((case.gone,) if case.gone else ())
    proofs = [{"kind": type(each.evidence).__name__, **msgspec.to_builtins(each)} for each in shown]
    return msgspec.json.encode(proofs).decode() if proofs else ""


def _basis(case: Case) -> str:
    return " ".join([case.kind, *case.doubts])


def _terms(case: Case, chosen: Way) -> Body:
    """What the rule says: while this is the same, a proposal stands."""
    return {
        "to": chosen.to,
        "why": chosen.why,
        "basis": _basis(case),
        "card": case.card,
        "meter": case.meter,
        "n": chosen.n,
        "amount_minor": case.amount_minor,
        "currency": case.currency,
    }


def _pair(done: Approval) -> Signed:
    return Signed(done.line, done.first, done.first_signature, done.second, done.second_signature)


def _note_of(approval: Approval) -> str:
    return str(approval.deed.body.get("note", ""))


def _closable(case: Case) -> None:
    if case.kind != "orphan" or case.over:
        raise NotSettled("kind", _ONCE)


_ONCE = "Only money that belongs to no sale is closed, and once; all else ends on a card."
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
    moved = chosen.to == "other"
    return Wanted(binding, case.amount_minor, case.currency, chosen.n - 1, SOURCE, reference, case.value, chosen.n, moved)


def _again(order: Order, binding: Binding) -> Wanted:
    """What an order was made of."""
    slot = order.n if order.settles else 0
    return Wanted(binding, order.amount_minor, order.currency, order.n - 1, order.source, order.reference, order.settles, slot)


def _noted(note: str) -> None:
    if len(note) > NOTE_MAX or not note.isprintable():
        raise NotSettled("note", f"A note has up to {NOTE_MAX} characters.")
