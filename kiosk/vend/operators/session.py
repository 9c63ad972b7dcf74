"""Staff come and go: every try of a PIN, every session and every act is a fact with who, where and why; what they add up to.

A try is on disk before the PIN is looked at. So pulling the plug forgets none, and a pause that a restart interrupts begins anew: it is
measured on the running clock and nobody can set that forward.
"""

from typing import ClassVar

import msgspec
from msgspec.structs import replace

from kiosk.vend.facts import RoomFact, Row

TRIES, TRIES_ALL = 5, 20  # wrong PINs under one number, and under all of them together, before a pause
PAUSE_MS, LONG_PAUSE_MS = 15 * 60_000, 60 * 60_000


class OperatorTried(RoomFact, frozen=True):
    """A PIN is about to be checked under that number, which may be nobody's."""

    operator: str
    barrier: ClassVar[bool] = True
    room: ClassVar[str] = "operators"


class OperatorEntered(RoomFact, frozen=True):
    """The PIN was right. `beside`: the operator at whose operation this second one stands, "" for a session of their own."""

    operator: str
    beside: str = ""
    barrier: ClassVar[bool] = True
    room: ClassVar[str] = "operators"


class OperatorLeft(RoomFact, frozen=True):
    """The session is over. `why`: leave | time | card | restart."""

    operator: str
    why: str
    room: ClassVar[str] = "operators"


class OperatorRefused(RoomFact, frozen=True):
    """Nobody came in, or it was not done. `why`: pin | unknown | no_roster | no_grant | same (as the first of two)."""

    operator: str
    why: str
    operation: str = ""
    room: ClassVar[str] = "operators"


class OperatorDid(RoomFact, frozen=True):
    """An act. `second` stood beside it, `place` is this kiosk's path, `about` says on what: never a person, never a PIN."""

    operator: str
    second: str
    operation: str
    place: str
    about: dict[str, str]
    barrier: ClassVar[bool] = True
    room: ClassVar[str] = "operators"


class Wrong(msgspec.Struct, frozen=True):
    """Tries since the last right one, and when the last was."""

    tries: int = 0
    boot: int = 0
    mono_ms: int = 0


class Operators(msgspec.Struct, frozen=True):
    """`wrong` by number, of which there are a thousand; `operator` is who is logged in; `boot_ms`: this boot began on the running clock."""

    wrong: dict[str, Wrong] = {}
    wrong_all: Wrong = Wrong()
    operator: str = ""
    since_ms: int = 0
    boot: int = 0
    boot_ms: int = 0


def fold(operators: Operators, fact: RoomFact, row: Row) -> Operators:
    """Tries grow until one was right."""
    match fact:
        case OperatorTried():
            wrong = {number: each for number, each in operators.wrong.items() if number != fact.operator}
            wrong[fact.operator] = Wrong(operators.wrong.get(fact.operator, Wrong()).tries + 1, row.boot, row.mono_ms)
            return replace(operators, wrong=wrong, wrong_all=Wrong(operators.wrong_all.tries + 1, row.boot, row.mono_ms))
        case OperatorEntered():
            wrong = {number: each for number, each in operators.wrong.items() if number != fact.operator}
            right = replace(operators, wrong=wrong, wrong_all=Wrong())
            return right if fact.beside else replace(right, operator=fact.operator, since_ms=row.at_ms)
        case OperatorLeft():
            return replace(operators, operator="", since_ms=row.at_ms)
    return operators


def restarted(operators: Operators, row: Row) -> Operators:
    """A boot: pauses begin anew with it."""
    return replace(operators, boot=row.boot, boot_ms=row.mono_ms)


def pause_ms(operators: Operators, number: str, mono_ms: int) -> int:
    """How long no PIN is looked at under that number; 0 when it may be typed."""
    one = _left_ms(operators, operators.wrong.get(number, Wrong()), TRIES, mono_ms)
    return max(one, _left_ms(operators, operators.wrong_all, TRIES_ALL, mono_ms))


def _left_ms(operators: Operators, wrong: Wrong, tries: int, mono_ms: int) -> int:
    if not wrong.tries or wrong.tries % tries:
        return 0
    since_ms = wrong.mono_ms if wrong.boot == operators.boot else operators.boot_ms
    return max(0, since_ms + (PAUSE_MS if wrong.tries == tries else LONG_PAUSE_MS) - mono_ms)
