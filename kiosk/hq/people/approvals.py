"""What needs two people: one proposes it, another one releases or refuses it. Both sign the same line.

The line says what is to be done with which value, when it was proposed, and the hash of what the first person saw. The second is shown
just that, from the table, and signs it only if the hash still holds. So neither a name, nor a row in the database, nor a signature that was
made for something else stands for a second person.

A proposal ends after fourteen days, when somebody refuses it, and when what it rests on has changed (`ended`: whoever carries it out says
so).
"""

import hashlib
from collections.abc import Callable
from typing import TypeVar

import msgspec
from sqlalchemy import Connection, RowMapping, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from kiosk.hq.people.staff import Acting, People, StaffError
from kiosk.hq.people.tables import APPROVAL
from kiosk.hq.store import Store

LABEL, REFUSAL = "deed", "refusal"
OPEN, RELEASED, REFUSED, ENDED = "open", "released", "refused", "ended"
PROPOSAL_MS = 14 * 86_400_000
TRIES = 20
WHY_MAX = 512

Body = dict[str, str | int]
Also = Callable[[Connection, "Approval"], None]
T = TypeVar("T")


class ApprovalError(StaffError):
    """It is not released; the text is one sentence."""


class Taken(Exception):
    """Somebody else took a number at this moment: the same once more."""


class Deed(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What is signed. `kind`: the operation of `staff.OPERATIONS`; `value`: what it is about; `shown`: SHA-256 of what was seen."""

    utility: int
    kind: str
    value: str
    at_ms: int
    body: Body
    shown: str

    def line(self) -> bytes:
        """The exact bytes: JSON, the names in the body sorted."""
        return msgspec.json.encode(self, order="deterministic")


class Approval(msgspec.Struct, frozen=True):
    """A proposal, and what became of it. See `tables.ApprovalTable`."""

    no: int
    deed: Deed
    line: str
    shown: str
    first: str
    first_signature: str
    state: str = OPEN
    second: str = ""
    second_signature: str = ""
    done_ms: int | None = None
    why: str = ""

    def standing(self, now_ms: int) -> str:
        """Its state now: an open one ends with its time."""
        return ENDED if self.state == OPEN and now_ms >= self.deed.at_ms + PROPOSAL_MS else self.state


class Approvals:
    """All of an office. `people` says whose signatures hold."""

    def __init__(self, store: Store, people: People) -> None:
        self._store, self.people = store, people

    # ------------------------------------------------------------ looked up

    def find(self, no: int) -> Approval:
        """Raises ApprovalError, StoreError."""
        return self._genuine(self._row(no))

    def listed(self, now_ms: int, *, whole: bool = False) -> list[Approval]:
        """Those that wait for somebody; `whole`: all that there ever were. Raises ApprovalError, StoreError."""

        def work(connection: Connection) -> list[RowMapping]:
            asked = select(APPROVAL).order_by(APPROVAL.c.no)
            return list(connection.execute(asked if whole else asked.where(APPROVAL.c.state == OPEN)).mappings())

        found = [_approval(row) for row in self._store.read(work)]
        return [each for each in found if whole or each.standing(now_ms) == OPEN]

    def about(self, kind: str, value: str, now_ms: int) -> list[Approval]:
        """What was proposed of this kind about a value, open or released, and is not over; the newest first. Raises as `find`."""
        mine = (APPROVAL.c.kind == kind) & (APPROVAL.c.value == value) & APPROVAL.c.state.in_((OPEN, RELEASED))

        def work(connection: Connection) -> list[RowMapping]:
            return list(connection.execute(select(APPROVAL).where(mine).order_by(APPROVAL.c.no.desc())).mappings())

        found = [self._genuine(row) for row in self._store.read(work)]
        return [each for each in found if now_ms < each.deed.at_ms + PROPOSAL_MS]

    def by_two(self, approval: Approval) -> bool:
        """Whether two different people have signed it, with keys of theirs."""
        line, before = approval.line.encode(), self.people.had_signed
        pair = ((approval.first, approval.first_signature), (approval.second, approval.second_signature))
        return approval.first != approval.second and all(before(name, LABEL, line, signature) for name, signature in pair)

    # ------------------------------------------------------------ the first, and the second

    def propose(self, deed: Deed, shown: str, acting: Acting, also: Also | None = None) -> Approval:
        """The first person's word. `also`: what is written in the same transaction. Raises StaffError, StoreError."""
        line = deed.line()
        signature = self.people.signed(acting, deed.kind, LABEL, line)

        def work(connection: Connection) -> Approval:
            number = (connection.execute(select(func.max(APPROVAL.c.no))).scalar() or 0) + 1
            made = Approval(number, deed, line.decode(), shown, acting.id, signature)
            same = connection.execute(select(APPROVAL.c.no).where(APPROVAL.c.line_sha256 == seen(made.line))).scalar()
            if same:
                raise ApprovalError(f"Just this was proposed at this very moment, as {same}.")
            try:
                connection.execute(insert(APPROVAL).values(_columns(made)))
            except IntegrityError:
                raise Taken from None
            if also:
                also(connection, made)
            return made

        return self._until_free(work)

    def release(self, no: int, acting: Acting, now_ms: int, also: Also | None = None) -> Approval:
        """The second person's word: it may be done. Raises ApprovalError, StaffError, StoreError."""
        found = self.open(no, now_ms)
        self._another(found, acting)
        signature = self.people.signed(acting, found.deed.kind, LABEL, found.line.encode())
        return self._over(found, RELEASED, acting.id, signature, now_ms, also=also)

    def refuse(self, no: int, acting: Acting, now_ms: int, why: str) -> Approval:
        """Somebody who could release it, or who proposed it, says no. Raises ApprovalError, StaffError, StoreError."""
        if len(why) > WHY_MAX or not why.isprintable():
            raise ApprovalError(f"A reason has up to {WHY_MAX} characters.")
        found = self._waiting(_approval(self._row(no)), now_ms)  # also one that somebody has changed
        signature = self.people.signed(acting, found.deed.kind, REFUSAL, found.line.encode())
        return self._over(found, REFUSED, acting.id, signature, now_ms, why=why)

    def end(self, approval: Approval, now_ms: int, why: str) -> None:
        """What it rests on has changed. Raises ApprovalError where somebody has decided it meanwhile, StoreError."""
        of_it = (APPROVAL.c.no == approval.no) & (APPROVAL.c.state == OPEN)
        changes = {"state": ENDED, "done_ms": now_ms, "why": why}
        if not self._store.transact(lambda connection: connection.execute(update(APPROVAL).where(of_it).values(changes)).rowcount):
            self.open(approval.no, now_ms)

    # ------------------------------------------------------------ how

    def open(self, no: int, now_ms: int) -> Approval:
        """One that still waits. Raises ApprovalError, StoreError."""
        return self._waiting(self.find(no), now_ms)

    def _waiting(self, found: Approval, now_ms: int) -> Approval:
        state = found.standing(now_ms)
        if state == OPEN:
            return found
        if state == RELEASED:
            raise ApprovalError(f"Proposal {found.no} was released by {found.second}.")
        over = f"was refused by {found.second}" if state == REFUSED else "has ended"
        why = f": {found.why.rstrip('.')}" if found.why else ""
        raise ApprovalError(f"Proposal {found.no} {over}{why}. Whoever still wants it proposes it anew.")

    def _row(self, no: int) -> RowMapping:
        asked = select(APPROVAL).where(APPROVAL.c.no == no)
        row = self._store.read(lambda connection: connection.execute(asked).mappings().first())
        if row is None:
            raise ApprovalError(f"There is no proposal {no}.")
        return row

    def _until_free(self, work: Callable[[Connection], T]) -> T:
        for _ in range(TRIES):
            try:
                return self._store.transact(work)
            except Taken:
                continue
        raise ApprovalError("Others decide at this moment; try again.")

    def _another(self, found: Approval, acting: Acting) -> None:
        """Raises ApprovalError where it is not another person, StaffError where the first is not on the staff any more."""
        if acting.id == found.first:
            raise ApprovalError("Another person releases it: whoever proposes does not release.")
        first, second = self.people.member(found.first), self.people.member(acting.id)
        if first.key == second.key or first.login == second.login:
            raise ApprovalError("Another person releases it: these two have one key or one login.")

    def _over(
        self, found: Approval, state: str, who: str, signature: str, now_ms: int, *, why: str = "", also: Also | None = None
    ) -> Approval:
        """Once: of two who decide at the same moment one is the second person, and the other hears so."""
        done = msgspec.structs.replace(found, state=state, second=who, second_signature=signature, done_ms=now_ms, why=why)
        changes = {"state": state, "second": who, "second_signature": signature, "done_ms": now_ms, "why": why}
        of_it = (APPROVAL.c.no == found.no) & (APPROVAL.c.state == OPEN)

        def work(connection: Connection) -> bool:
            if not connection.execute(update(APPROVAL).where(of_it).values(changes)).rowcount:
                return False
            if also:
                also(connection, done)
            return True

        if not self._until_free(work):
            self.open(found.no, now_ms)  # says who was first
            raise ApprovalError(f"Proposal {found.no} is decided at this moment; look again.")
        return done

    def _genuine(self, row: RowMapping) -> Approval:
        """As the first person signed it. Raises ApprovalError, StoreError."""
        found = _approval(row)
        same = (found.deed.kind, found.deed.value) == (row["kind"], row["value"])
        seen = hashlib.sha256(found.shown.encode()).hexdigest() == found.deed.shown
        if not same or not seen or not self.people.had_signed(found.first, LABEL, found.line.encode(), found.first_signature):
            raise ApprovalError(f"Proposal {found.no} is not as {found.first} signed it: refuse it, and see who changed it.")
        return found


def seen(shown: str) -> str:
    """The hash of what somebody saw, as it stands in the line."""
    return hashlib.sha256(shown.encode()).hexdigest()


def _columns(made: Approval) -> dict[str, object]:
    deed = made.deed
    own = {"kind": deed.kind, "value": deed.value, "at_ms": deed.at_ms, "line_sha256": seen(made.line)}
    return own | {name: getattr(made, name) for name in Approval.__struct_fields__ if name != "deed"}


def _approval(row: RowMapping) -> Approval:
    """Raises ApprovalError."""
    try:
        deed = msgspec.json.decode(row["line"], type=Deed)
    except msgspec.MsgspecError:
        raise ApprovalError(f"Proposal {row['no']} cannot be read.") from None
    return Approval(deed=deed, **{name: row[name] for name in Approval.__struct_fields__ if name != "deed"})
