"""What a kiosk works by: its identity, its profile, its limits, its tariff. Frozen; made once from config and what HQ signed."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta

import msgspec

from kiosk.vend import zones
from kiosk.vend.card.reading import Profile
from kiosk.vend.limits import Allowed
from kiosk.vend.money import CNY, Currency
from kiosk.vend.sms import Texts
from kiosk.vend.tariff import Tariff

EVERY_LANGUAGE = "*"
CELLS: Mapping[str, int] = {"utility": 32, "tax_number": 20, "phone": 20, "footer": 32}
"""What the head office may say otherwise, in how many columns: the narrow roll has 32, and "Help by phone" stands before the number."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Letterhead(msgspec.Struct, frozen=True):
    """What stands at the head and foot of every paper. `texts`: the head office's own words (`vend.wording`), name -> language -> text."""

    utility: str = "EXAMPLE POWER UTILITY"
    tax_number: str = "000 000 000"
    phone: str = "0800 123 456"
    footer: str = ""
    texts: dict[str, dict[str, str]] = {}

    def spoken(self, language: str) -> "Letterhead":
        """In that language: the head office's words, the machine's own where it sent none."""
        said = {name: words.get(language) or words.get(EVERY_LANGUAGE) for name, words in self.texts.items() if name in CELLS}
        return msgspec.structs.replace(self, **{name: text for name, text in said.items() if text})


class Rules(msgspec.Struct, frozen=True):
    """Everything that `step` decides by beside the state.

    `acceptors`: the enrolled serial of each device; "" takes the first that comes.
    """

    kiosk: str
    profile: Profile
    utility: int = 1
    region: int = 1
    allowed: Allowed = Allowed()
    tariff: Tariff = Tariff()
    currency: Currency = CNY
    zone: str = "+0800"  # or a name of the zone database, "Europe/Berlin"
    acceptors: dict[str, str] = {}
    key_generation: int = 1
    language: str = "en"
    languages: tuple[str, ...] = ("en",)
    letterhead: Letterhead = Letterhead()
    demo: bool = False
    office: bool = False  # a head office stands behind it: without its float and its lists nothing is sold
    lowers: dict[str, int] = {}  # what the machine's own file lowers, by the names of `Allowed`
    place: str = ""  # in the resource tree: "u1/r2/k07"
    texts: Texts | None = None  # where there is a modem

    def local(self, at_ms: int) -> datetime:
        """Wall time of the kiosk's own zone."""
        return EPOCH + timedelta(milliseconds=at_ms) + zones.ahead(self.zone, at_ms)

    def offset(self, at_ms: int) -> str:
        """What the kiosk's clock is ahead of UTC at that moment, "+0200"."""
        return zones.offset(self.zone, at_ms)

    def instant_ms(self, wall: datetime) -> int:
        """The moment of a wall time. Of two (in autumn) it is the first, and for none (in spring) as if the clock had not moved yet."""
        return zones.instant_ms(self.zone, wall)

    def noon_ms(self, day: str) -> int:
        """The middle of a day of the kiosk's own, "2026-11-03". ValueError."""
        return self.instant_ms(datetime.combine(date.fromisoformat(day), time(12)))

    def ahead_ms(self, wall: str | None, at_ms: int) -> int | None:
        """How much later than `at_ms` a meter's "2026-11-03 08:15" is; None where that is no time."""
        try:
            said = datetime.fromisoformat(wall or "").replace(tzinfo=UTC)
        except ValueError:
            return None
        return (said - self.local(at_ms)) // timedelta(milliseconds=1)

    def business_date(self, at_ms: int) -> str:
        """The day that a sale belongs to, "2026-11-03"."""
        return zones.date_of(self.zone, at_ms)


class Now(msgspec.Struct, frozen=True):
    """The moment of a step. `fresh` is 16 random hex digits, used at most once."""

    at_ms: int
    mono_ms: int
    boot: int
    fresh: str
