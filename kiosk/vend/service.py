"""Is the machine open for trade? Staff close and open it; each is a fact with who and why, and a closed machine takes no money."""

from typing import ClassVar

import msgspec

from kiosk.vend.facts import RoomFact, Row


class ServiceClosed(RoomFact, frozen=True):
    """No new sale from here on. `operator` is a number of the roster, `why` one word: maintenance | cash | order."""

    operator: str
    why: str
    room: ClassVar[str] = "service"


class ServiceOpened(RoomFact, frozen=True):
    """Sales again."""

    operator: str
    room: ClassVar[str] = "service"


class Service(msgspec.Struct, frozen=True):
    """`closed`: why, or "" while the machine is open; `since_ms` and `operator` of the last change."""

    closed: str = ""
    operator: str = ""
    since_ms: int = 0


def fold(service: Service, fact: RoomFact, row: Row) -> Service:
    """The last word counts."""
    match fact:
        case ServiceClosed():
            return Service(fact.why, fact.operator, row.at_ms)
        case ServiceOpened():
            return Service("", fact.operator, row.at_ms)
    return service
