"""The office's staff: who they are, which key is whose, and what each may do.

A row of the table says one thing about one person, and the root signs it together with the row before. So the list is as good as the
root's two passphrases: a row that somebody puts into the database, changes or takes out again makes the whole list worthless, and nobody
acts before that is mended. How many rows there have to be stands in the office's record, beside the numbers of what it sent.

Who acts is the key that signs. It belongs to one login, and the program runs under just that login.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, RowMapping, insert, select
from sqlalchemy.exc import IntegrityError

from kiosk import envelope
from kiosk.hq.people.signature import IN_A_FILE, ON_A_CARD, holds
from kiosk.hq.people.tables import STAFF
from kiosk.hq.store import Store
from kiosk.vend.operators.tree import ALWAYS_MS, Grant, covers

LABEL, ALONE = "staff", "alone"
OPERATIONS = (
    "box.counted", "office.restore", "order.proof", "person.erase", "person.keep", "person.show",
    "settle.close", "settle.make", "settle.move", "settle.paper", "settle.removed", "work.done",
)  # fmt: skip
"""What somebody may do. A grant names one of them, or what stands before one of the points: "settle" is all of settlement."""

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
LOGIN_MAX = 64

Signer = Callable[[str, bytes], bytes]
"""Label and bytes -> a signature."""


class StaffError(Exception):
    """It is refused; the text is one sentence."""


class Staff(msgspec.Struct, frozen=True):
    """A member of staff. `key`: public, in hex (`people.signature`). `to_ms`: when they left; `ALWAYS_MS` as long as they are here."""

    id: str
    login: str
    key: str
    grants: tuple[Grant, ...] = ()
    from_ms: int = 0
    to_ms: int = ALWAYS_MS

    @property
    def here(self) -> bool:
        """Whoever left is gone, whatever a clock says that was set back."""
        return self.to_ms == ALWAYS_MS

    def may(self, operation: str, place: str = "") -> bool:
        """Does one of their grants cover it there?"""
        return any(covers(each.operation, operation, ".") and covers(each.place, place, "/") for each in self.grants)


class Acting(NamedTuple):
    """Whoever acts: the id, the login under which this program runs, and what signs with the opened key."""

    id: str
    login: str
    sign: Signer


class _Listed(NamedTuple):
    """The whole list as it was read. `before`: what the next row is signed with."""

    rows: tuple[Staff, ...]
    before: str

    def newest(self) -> dict[str, Staff]:
        return {row.id: row for row in self.rows}


class People:
    """The staff of an office. `roots`: the root's public keys; `least`: how many rows the list has at least."""

    def __init__(self, store: Store, roots: Sequence[str], least: int = 0) -> None:
        self._store, self._roots, self._least = store, tuple(bytes.fromhex(root) for root in roots), least

    # ------------------------------------------------------------ who they are

    def listed(self) -> list[Staff]:
        """Everybody who is or was on the staff, by id. Raises StaffError, StoreError."""
        newest = self._store.read(self._read).newest()
        return [newest[name] for name in sorted(newest)]

    def of_login(self, login: str) -> Staff:
        """Who works under that login now. Raises StaffError, StoreError."""
        found = [row for row in self.listed() if row.login == login]
        here = [row for row in found if row.here]
        if len(here) != 1:
            gone = f" {found[-1].id} has left." if found and not here else ""
            raise StaffError(f"The login {login} is nobody's of the staff.{gone} The root adds somebody with: kiosk hq staff add")
        return here[0]

    def had_signed(self, name: str, label: str, line: bytes, signature: str) -> bool:
        """Whether this is a signature of that person, by a key that is or was theirs. Raises StaffError, StoreError."""
        keys = {row.key: row for row in self._store.read(self._read).rows if row.id == name}
        return any(self.holds(row, label, line, signature) for row in keys.values())

    # ------------------------------------------------------------ who may

    def signed(self, acting: Acting, operation: str, label: str, line: bytes) -> str:
        """That person's signature as hex, if they are who they say, and may. Raises StaffError, StoreError."""
        person = self.checked(acting, operation)
        signature = acting.sign(label, line)
        if not self.holds(person, label, line, signature.hex()):
            raise StaffError(f"This is not the key of {person.id}.")
        return signature.hex()

    def alone(self, acting: Acting, operation: str, now_ms: int) -> str:
        """The id of somebody who may do that by themselves, and has shown their key. Raises StaffError, StoreError."""
        self.signed(acting, operation, ALONE, msgspec.json.encode([operation, acting.id, now_ms]))
        return acting.id

    def checked(self, acting: Acting, operation: str) -> Staff:
        """Whoever acts, as the list has them now. Raises StaffError, StoreError."""
        person = self.member(acting.id)
        if person.login != acting.login:
            raise StaffError(f"The key of {person.id} belongs to the login {person.login}, and this is {acting.login}.")
        if not person.may(operation):
            raise StaffError(f"{person.id} has no right to {operation}.")
        return person

    def member(self, name: str) -> Staff:
        """Somebody who is on the staff now. Raises StaffError, StoreError."""
        person = self._store.read(self._read).newest().get(name)
        if person is None or not person.here:
            raise StaffError(f"{name} is not on the staff{' any more' if person else ''}.")
        return person

    @staticmethod
    def holds(person: Staff, label: str, line: bytes, signature: str) -> bool:
        """Whether this is that person's signature."""
        return holds(person.key, label, line, signature)

    # ------------------------------------------------------------ what the root says

    def put(self, root: Signer, person: Staff) -> int:
        """The root says this of somebody from now on; how many rows the list has then. Raises StaffError, StoreError."""
        _well_made(person)

        def work(connection: Connection) -> int:
            listed = self._read(connection)
            _alone(person, listed)
            number = len(listed.rows) + 1
            line = _line(number, listed.before, person)
            signature = root(LABEL, line).hex()
            if not self._by_root(line, signature):
                raise StaffError("This is not the root key of this office.")
            try:
                connection.execute(insert(STAFF).values(no=number, signature=signature, **_columns(person)))
            except IntegrityError:
                raise StaffError("Somebody else changes the staff at this moment; try again.") from None
            return number

        return self._store.transact(work)

    def end(self, root: Signer, name: str, now_ms: int) -> int:
        """Somebody leaves: from now on nothing that they sign counts. Raises StaffError, StoreError."""
        return self.put(root, msgspec.structs.replace(self.member(name), to_ms=now_ms))

    # ------------------------------------------------------------ the table

    def _read(self, connection: Connection) -> _Listed:
        """Every row, held against the root's signature. Raises StaffError."""
        found: list[Staff] = []
        before = ""
        for number, row in enumerate(connection.execute(select(STAFF).order_by(STAFF.c.no)).mappings(), 1):
            person = _person(row)
            line = _line(number, before, person) if person else b""
            if row["no"] != number or person is None or not self._by_root(line, row["signature"]):
                raise StaffError(f"Row {row['no']} of the list of staff is not as the root signed it: nobody acts until that is mended.")
            found.append(person)
            before = hashlib.sha256(line + bytes.fromhex(row["signature"])).hexdigest()
        if len(found) < self._least:
            raise StaffError(
                f"The list of staff has {len(found)} rows, and the root signed {self._least}: nobody acts until that is mended."
            )
        return _Listed(tuple(found), before)

    def _by_root(self, line: bytes, signature: str) -> bool:
        try:
            raw = bytes.fromhex(signature)
        except ValueError:
            return False
        return any(envelope.holds(root, LABEL, line, raw) for root in self._roots)


def _line(number: int, before: str, person: Staff) -> bytes:
    """What the root signs: the row, and by its hash the row before, which began with the first."""
    return msgspec.json.encode([number, before, *_columns(person).values()])


def _columns(person: Staff) -> dict[str, str | int]:
    names = ("id", "login", "key", "roles", "from_ms", "to_ms")
    grants = msgspec.json.encode(person.grants).decode()
    return dict(zip(names, (person.id, person.login, person.key, grants, person.from_ms, person.to_ms), strict=True))


def _person(row: RowMapping) -> Staff | None:
    try:
        grants = msgspec.json.decode(row["roles"], type=tuple[Grant, ...])
    except msgspec.MsgspecError:
        return None
    return Staff(row["id"], row["login"], row["key"], grants, row["from_ms"], row["to_ms"])


def granted(name: str, operations: Sequence[str], now_ms: int) -> tuple[Grant, ...]:
    """Grants of these operations, everywhere. Raises StaffError for one that there is not."""
    for each in operations:
        if not each or not any(covers(each, known, ".") for known in OPERATIONS):
            raise StaffError(f"There is no operation {each!r}; known are {', '.join(OPERATIONS)}.")
    return tuple(Grant(name, each, "", now_ms) for each in dict.fromkeys(operations))


def _well_made(person: Staff) -> None:
    if not ID.fullmatch(person.id):
        raise StaffError("Whoever is on the staff is named by 1 to 64 letters, digits, points and hyphens.")
    if not 1 <= len(person.login) <= LOGIN_MAX or not person.login.isprintable():
        raise StaffError(f"A login has 1 to {LOGIN_MAX} characters.")
    if not IN_A_FILE.fullmatch(person.key) and not ON_A_CARD.fullmatch(person.key):
        raise StaffError("A key is 64 lower hex digits, or 66 of a card, as kiosk hq staff key prints it.")


def _alone(person: Staff, listed: _Listed) -> None:
    """Nobody else has this key or ever had it, and nobody else who is here has this login. Raises StaffError."""
    for row in listed.rows:
        if row.key == person.key and row.id != person.id:
            raise StaffError(f"This is the key of {row.id}: each person has a key of their own.")
    for row in listed.newest().values():
        if row.here and person.here and row.login == person.login and row.id != person.id:
            raise StaffError(f"The login {row.login} is that of {row.id}: each person has a login of their own.")
