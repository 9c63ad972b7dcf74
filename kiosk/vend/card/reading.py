"""What was read from a card, what is to be written on it, and the one word that a profile says of the two."""

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

import msgspec


class Returned(StrEnum):
    """The state of the return file: the meter's own test for empty, a whole frame, or neither."""

    EMPTY = "empty"
    FRAME = "frame"
    TORN = "torn"


class Reading(msgspec.Struct, frozen=True):
    """One look at a card, already parsed by its profile. Counts are purchase counts, money is in minor units.

    `authentic`: every file came with a MAC over a fresh challenge that the card's own key made.
    `fits`: the tag's CMAC is true for the wallet's amount and count. Whoever reads brings both proofs; no rule here needs a key.
    """

    serial: str  # 16 hex digits, the diversification factor
    profile: str
    authentic: bool
    meter: str  # 12 digits; "" where neither file names one
    customer: str
    kind: int | None  # 1 open, 2 purchase, 3 replacement; None when file 1 has a bad checksum
    count: int  # w, in the wallet
    amount_minor: int  # in the wallet
    returned: Returned
    taken: int | None  # r, the meter's count in the return file; None when it is empty or torn
    tag: str | None  # 8 hex digits (salt, CMAC); None when there is none or file 1 is bad
    fits: bool
    balance_minor: int | None = None  # what was left in the meter; negative when overdrawn
    balance_at: str | None = None  # "2026-11-03 08:15", the meter's own time
    illegal: int = 0  # the meter's illegal-card count
    agrees: bool = True  # file 1 and the return file name the same meter and customer
    files: dict[str, str] = {}
    keyed: bool = True  # the tag key was at hand; without it no tag but one's own record's means anything
    key: str = ""  # why our key would not open it: blocked (few tries are left, or none) | dead | ahead (the card knows newer ones only)
    issuer: tuple[int, int] | None = None  # (utility, region), as a card that proves nothing says of itself

    @property
    def sound(self) -> bool:
        """File 1 has a true checksum."""
        return self.kind is not None


class Record(msgspec.Struct, frozen=True):
    """A paid value on its way into a slot (meter, n): what WriteStarted puts on disk before the card is marked."""

    card: str
    meter: str
    n: int
    amount_minor: int
    tag: str  # 8 hex digits


class Word(StrEnum):
    """What `Profile.judge` may say."""

    REFUSED = "refused"
    LANDED = "landed"
    RESUME = "resume"
    FOREIGN = "foreign"
    NEVER = "never"
    UNREADABLE = "unreadable"
    SPENT = "spent"
    READY = "ready"
    UNTAKEN = "untaken"


class Verdict(msgspec.Struct, frozen=True):
    """The word, with what it is about: the slot, the amount, the step to go on from, the reason of a refusal."""

    word: Word
    n: int | None = None
    amount_minor: int | None = None
    step: str | None = None
    why: str | None = None
    begun_elsewhere: bool = False


class Update(msgspec.Struct, frozen=True):
    """One write: a step's name, the file, the offset, the bytes. On the card it is one UPDATE with MAC."""

    step: str
    file: int
    offset: int
    data: bytes


class FileSpec(msgspec.Struct, frozen=True):
    """A file to read: its short identifier and length in bytes."""

    file: int
    length: int


TagOf = Callable[[str, int, int, bytes], bytes]
"""(meter, n, amount_minor, salt) -> the two CMAC bytes of a tag."""


class Profile(Protocol):
    """A card layout. Everything here is pure."""

    @property
    def name(self) -> str:
        """What config calls it."""

    @property
    def reads(self) -> tuple[FileSpec, ...]:
        """The files that decide, in reading order."""

    @property
    def steps(self) -> tuple[str, ...]:
        """The ordered write steps, arm first."""

    def parse(self, serial: str, files: dict[int, bytes], authentic: bool, tag_of: TagOf | None) -> Reading:
        """Bytes -> Reading. `tag_of` is None when there is no key for it. ValueError where a file has not the layout's length."""

    def judge(self, reading: Reading, record: Record | None, known: int) -> Verdict:
        """What the reading says, of `record` if it is ours. `known` is the highest return-file count that this card ever showed here."""

    def arm(self, reading: Reading, n: int) -> Update | None:
        """The write that makes a commit possible in slot n; None when the card is armed already."""

    def plan(self, reading: Reading, record: Record, start: str) -> tuple[Update, ...]:
        """The writes from step `start` on, commit last."""

    def commit(self, reading: Reading) -> Update:
        """The write that lets the meter take what stands in the wallet."""
