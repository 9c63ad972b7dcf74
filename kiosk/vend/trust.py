"""What this machine may do by the head office's word: are the trading keys open, and which store, roster, float, hotlist and limits hold.

Versions compare as (epoch, version) and never go back. The contents of what is installed lie in signed files beside the journal; a fact
says which one holds from here on. Limits are small, and money depends on them, so their fact carries them whole.
"""

from operator import attrgetter
from typing import ClassVar

import msgspec

from kiosk.vend.facts import Fact, RoomFact, Row
from kiosk.vend.greeting import PersonsInstalled
from kiosk.vend.notices import NoticesInstalled
from kiosk.vend.pricelist import TariffInstalled
from kiosk.vend.who import ErasuresInstalled
from kiosk.vend.wording import TextsInstalled

Version = tuple[int, int]
"""(epoch, version): a head office restored from its backup begins a new epoch, signed by the root."""

NEVER: Version = (0, 0)
GRANTS_KEPT = 16


# ---------------------------------------------------------------- the trading keys


class KeyGeneration(msgspec.Struct, frozen=True):
    """One generation of the KIOSK key in the trading store: cards are written with it from `not_before_ms` until `until_ms`."""

    number: int
    not_before_ms: int
    until_ms: int


class Unlocked(RoomFact, frozen=True):
    """The trading keys are open. `how`: card (a boot card and its PIN) | warm (kept sealed over a restart) | demo; `may`: trade | finish
    (an open sale ends, no new one begins); `until_ms`: from then on the store is worth nothing."""

    how: str
    may: str
    store: str
    epoch: int
    version: int
    until_ms: int
    generations: tuple[KeyGeneration, ...]
    certificate: str = ""  # SHA-256 of the boot card's, hex
    operator: str = ""
    codes: tuple[int, ...] = ()  # generations of transfer codes
    barrier: ClassVar[bool] = True
    room: ClassVar[str] = "trust"


class Locked(RoomFact, frozen=True):
    """There are no trading keys from here on. `why`: start | operator | order | ended | expired | version | clock | tamper."""

    why: str
    operator: str = ""
    room: ClassVar[str] = "trust"


class BootCardRefused(RoomFact, frozen=True):
    """A boot card did not open the trading store. `why`: no_store | no_reader | no_card | not_piv | pin | last_try | blocked | wrong_card |
    wrong_kiosk | not_yet | expired | revoked | older | disk | unheard | damaged.

    `left`: the card's own count of tries, where it said one.
    """

    why: str
    left: int | None = None
    certificate: str = ""
    operator: str = ""
    room: ClassVar[str] = "trust"


class TamperSeen(RoomFact, frozen=True):
    """The door or a tamper loop opened without leave. The trading store is deleted; the head office sends another one."""

    where: str
    barrier: ClassVar[bool] = True
    room: ClassVar[str] = "trust"


# ---------------------------------------------------------------- what the head office sends


class StoreInstalled(RoomFact, frozen=True):
    """A trading store for this kiosk and one boot card. `store`: 16 hex digits; `certificate`: SHA-256 of the card's, hex."""

    epoch: int
    version: int
    store: str
    certificate: str
    until_ms: int
    barrier: ClassVar[bool] = True
    room: ClassVar[str] = "trust"


class KeyListInstalled(RoomFact, frozen=True):
    """Who signs for the head office, and which kiosks and boot cards it has revoked; signed by the root. `dead`: KIOSK generations."""

    epoch: int
    version: int
    revoked_kiosks: tuple[str, ...] = ()
    revoked_cards: tuple[str, ...] = ()  # SHA-256 of certificates, hex
    dead: tuple[int, ...] = ()
    barrier: ClassVar[bool] = True
    room: ClassVar[str] = "trust"


class RosterInstalled(RoomFact, frozen=True):
    """Who may do what. `digest`: SHA-256 of the roster's body, hex."""

    epoch: int
    version: int
    digest: str
    barrier: ClassVar[bool] = True
    room: ClassVar[str] = "trust"


class HotlistInstalled(RoomFact, frozen=True):
    """Cards that are served no more, as of `at_ms`, when the head office made the list."""

    epoch: int
    version: int
    at_ms: int
    cards: int
    digest: str
    barrier: ClassVar[bool] = True
    room: ClassVar[str] = "trust"


class LimitsInstalled(RoomFact, frozen=True):
    """What a kiosk may do by itself, by the names that `limits` gives; `restart`: none | finish | trade, for `restart_ms` at most."""

    epoch: int
    version: int
    values: dict[str, int]
    restart: str = "finish"
    restart_ms: int = 0
    barrier: ClassVar[bool] = True
    room: ClassVar[str] = "trust"


class FloatGranted(RoomFact, frozen=True):
    """So much more may be sold until then. A number serves once: it is above every one before."""

    number: int
    amount_minor: int
    until_ms: int
    epoch: int = 1
    barrier: ClassVar[bool] = True
    room: ClassVar[str] = "trust"


class OrdersInstalled(RoomFact, frozen=True):
    """Another list of transfer orders that wait for their cards is here. `digest`: SHA-256 of its body, hex."""

    epoch: int
    version: int
    digest: str
    barrier: ClassVar[bool] = True
    room: ClassVar[str] = "trust"


Held = (
    KeyListInstalled | RosterInstalled | HotlistInstalled | LimitsInstalled
    | TariffInstalled | TextsInstalled | NoticesInstalled | OrdersInstalled | PersonsInstalled
    | ErasuresInstalled
)  # fmt: skip
"""Of these the last one holds."""

Installed = Held | StoreInstalled | FloatGranted
KINDS: dict[type, str] = {
    StoreInstalled: "store",
    KeyListInstalled: "keys",
    RosterInstalled: "roster",
    HotlistInstalled: "hotlist",
    LimitsInstalled: "limits",
    FloatGranted: "float",
    TariffInstalled: "tariff",
    TextsInstalled: "texts",
    NoticesInstalled: "notices",
    OrdersInstalled: "orders",
    PersonsInstalled: "persons",
    ErasuresInstalled: "erase",
}


_LISTS = attrgetter(*(kind for kind in KINDS.values() if kind not in ("store", "float")))

# ---------------------------------------------------------------- what they add up to


class Store(msgspec.Struct, frozen=True):
    """The trading store that is installed."""

    version: Version
    id: str
    certificate: str
    until_ms: int


class Trust(msgspec.Struct, frozen=True):
    """`locked`: why there are no trading keys, "" while there are; `finishing`: they end an open sale and begin none.

    `store_version` stays when a tamper deletes the store: an older one is worth nothing afterwards.
    """

    locked: str = ""
    finishing: bool = False
    opened: Unlocked | None = None
    opened_ms: int = 0
    refused: int = 0  # boot cards refused since it was last open
    store: Store | None = None
    store_version: Version = NEVER
    keys: KeyListInstalled | None = None
    roster: RosterInstalled | None = None
    hotlist: HotlistInstalled | None = None
    limits: LimitsInstalled | None = None
    tariff: TariffInstalled | None = None
    texts: TextsInstalled | None = None
    notices: NoticesInstalled | None = None
    orders: OrdersInstalled | None = None
    persons: PersonsInstalled | None = None
    erase: ErasuresInstalled | None = None
    float_version: Version = NEVER  # (epoch, number) of the last grant
    grants: tuple[FloatGranted, ...] = ()  # the newest, oldest first
    granted_minor: int = 0  # all grants ever
    tamper: str = ""  # where, until another store is installed
    heard_ms: int = 0  # when something of the head office was last installed

    def version(self, kind: str) -> Version:
        """Of what is installed, by the names of `KINDS`."""
        if kind in ("store", "float"):
            return self.store_version if kind == "store" else self.float_version
        held: Held | None = getattr(self, kind)
        return (held.epoch, held.version) if held else NEVER

    @property
    def office(self) -> bool:
        """Has a head office installed anything? Its epochs begin at 1."""
        return max(self.store_version, self.float_version) >= (1, 0) or any(held.epoch for held in _LISTS(self) if held)

    @property
    def trades(self) -> bool:
        """May a new sale begin, by the keys?"""
        return not self.locked and not self.finishing

    def generation(self, now_ms: int) -> int | None:
        """The KIOSK generation that cards are written with now: the newest that has begun, has not ended and is not declared dead."""
        dead = self.keys.dead if self.keys else ()
        held = self.opened.generations if self.opened and not self.locked else ()
        valid = [each.number for each in held if each.not_before_ms <= now_ms < each.until_ms and each.number not in dead]
        return max(valid, default=None)


def heard(trust: Trust, fact: Fact) -> bool:
    """Has this happened, by what is known? What is locked is not locked again, and nothing is installed twice or backwards."""
    match fact:
        case Unlocked():
            return not trust.tamper and (fact.how == "demo" or (fact.epoch, fact.version) >= trust.store_version)
        case Locked():
            return not trust.locked or trust.locked == "start"
    if isinstance(fact, Installed):
        return numbered(fact) > trust.version(KINDS[type(fact)])
    return True


def applied(trust: Trust) -> dict[str, Version]:
    """What is installed, by kind, as (epoch, version): how far the head office was heard. Kinds that never came are left out."""
    return {kind: version for kind in KINDS.values() if (version := trust.version(kind)) != NEVER}


def numbered(fact: Installed) -> Version:
    """(epoch, version) of what is installed."""
    return (fact.epoch, fact.number) if isinstance(fact, FloatGranted) else (fact.epoch, fact.version)


def fold(trust: Trust, fact: RoomFact, row: Row) -> Trust:
    """The last word counts; whoever tells it has compared the versions."""
    change = msgspec.structs.replace
    match fact:
        case Unlocked():
            return change(trust, locked="", finishing=fact.may == "finish", opened=fact, opened_ms=row.at_ms, refused=0)
        case Locked():
            return change(trust, locked=fact.why, finishing=False, opened=None)
        case BootCardRefused():
            return change(trust, refused=trust.refused + 1)
        case TamperSeen():
            return change(trust, locked="tamper", finishing=False, opened=None, store=None, tamper=fact.where)
    return change(_installed(trust, fact), heard_ms=row.at_ms)


def _installed(trust: Trust, fact: RoomFact) -> Trust:
    change = msgspec.structs.replace
    match fact:
        case StoreInstalled():
            version = (fact.epoch, fact.version)
            return change(trust, store=Store(version, fact.store, fact.certificate, fact.until_ms), store_version=version, tamper="")
        case FloatGranted():
            grants = (*trust.grants, fact)[-GRANTS_KEPT:]
            granted_minor = trust.granted_minor + fact.amount_minor
            return change(trust, float_version=(fact.epoch, fact.number), grants=grants, granted_minor=granted_minor)
    return change(trust, **{KINDS[type(fact)]: fact}) if isinstance(fact, Held) else trust
