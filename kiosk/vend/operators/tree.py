"""One resource tree: what can be done, and where. A grant is an operator or a role, an operation subtree, a place subtree and a time.

    operations   cash.box.swap     a subtree is a path, or what stands before one of its dots: "cash" covers it, "cash.b" does not
    places       u1/r2/s3/k07      the same with slashes: utility, region, site, kiosk

The head office signs the roster; its body is this struct as JSON. PINs are in it as argon2id strings of one fixed cost, so that a number
that nobody has takes as long to refuse as a wrong PIN.
"""

import re

import msgspec

OPERATIONS = (
    "case.open", "cash.box.install", "cash.box.slip", "cash.box.swap", "cash.count", "clock.set", "counters.reset", "counters.view",
    "device.enrol", "device.test", "journal.view", "keys.unlock", "paper.change", "receipt.find", "receipt.reprint", "report.day",
    "report.month", "restart", "service.close", "service.open", "sync.export", "sync.import", "sync.now",
    "terminal.day_end", "terminal.settle",
)  # fmt: skip
TWO_PERSONS = ("clock.set", "terminal.settle")
"""What two people do whatever a roster says; a roster may name more."""

COST = "m=65536,t=3,p=1"
_PHC = re.compile(r"\$argon2id\$v=19\$m=65536,t=3,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}")
_NUMBER = re.compile(r"[0-9]{3}")
_PLACE = re.compile(r"[a-z0-9./]*")
ALWAYS_MS = 1 << 53
MOST_BYTES = 256 * 1024


class RosterRefused(ValueError):
    """These bytes are no roster; the text is one sentence and repeats nothing of it."""


class Grant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`who`: an operator's number or a role."""

    who: str
    operation: str
    place: str
    from_ms: int = 0
    to_ms: int = ALWAYS_MS


class Operator(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Three digits, and the PIN as an argon2id string."""

    number: str
    pin: str
    roles: tuple[str, ...] = ()
    from_ms: int = 0
    to_ms: int = ALWAYS_MS

    def __repr__(self) -> str:
        return f"Operator({self.number!r})"


class Roster(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All operators of a place, and what each may do. `two`: subtrees of operations that need a second person beside the fixed ones."""

    operators: tuple[Operator, ...] = ()
    grants: tuple[Grant, ...] = ()
    two: tuple[str, ...] = ()

    def operator(self, number: str, at_ms: int) -> Operator | None:
        """Whoever has that number now."""
        return next((one for one in self.operators if one.number == number and one.from_ms <= at_ms < one.to_ms), None)

    def may(self, number: str, operation: str, place: str, at_ms: int) -> bool:
        """Does some grant of theirs, or of a role of theirs, cover it here and now?"""
        one = self.operator(number, at_ms)
        names = (one.number, *one.roles) if one else ()
        return any(
            grant.who in names
            and covers(grant.operation, operation, ".")
            and covers(grant.place, place, "/")
            and grant.from_ms <= at_ms < grant.to_ms
            for grant in self.grants
        )

    def serves(self, number: str, place: str, at_ms: int) -> bool:
        """May they do anything at all here?"""
        return any(self.may(number, operation, place, at_ms) for operation in OPERATIONS)

    def needs_two(self, operation: str) -> bool:
        """Is a second person asked for?"""
        return any(covers(subtree, operation, ".") for subtree in (*TWO_PERSONS, *self.two))


def covers(subtree: str, path: str, dot: str) -> bool:
    """Is the path the subtree's root or below it?"""
    return not subtree or path == subtree or path.startswith(subtree + dot)


def roster_of(body: bytes) -> Roster:
    """The roster of a body whose signature was checked. Raises RosterRefused: what is signed is not yet well made."""
    if len(body) > MOST_BYTES:
        raise RosterRefused("The roster is larger than 256 KiB.")
    try:
        roster = msgspec.json.decode(body, type=Roster)
    except (msgspec.MsgspecError, UnicodeError):
        raise RosterRefused("The roster cannot be read.") from None
    numbers = [one.number for one in roster.operators]
    if len(set(numbers)) != len(numbers) or not all(_NUMBER.fullmatch(number) for number in numbers):
        raise RosterRefused("A roster's numbers are three digits, and nobody shares one.")
    if not all(_PHC.fullmatch(one.pin) for one in roster.operators):
        raise RosterRefused(f"A roster's PINs are argon2id strings of {COST}.")
    for grant in roster.grants:
        if not known(grant.operation) or not _PLACE.fullmatch(grant.place):
            raise RosterRefused("A grant names an operation or a place that there is not.")
    if not all(known(subtree) for subtree in roster.two):
        raise RosterRefused("The roster asks two persons for an operation that there is not.")
    return roster


def known(subtree: str) -> bool:
    """Is it a subtree of the operations?"""
    return any(covers(subtree, operation, ".") for operation in OPERATIONS)
