"""A head office and a kiosk that knows where it stands and what it takes, and the mail between them."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from kiosk.hq.downlink import publish
from kiosk.hq.office import OfficeError
from kiosk.sync.customer import NoticeBody, PeriodBody
from kiosk.sync.item import EVERYBODY, WAYS, Kind, Me
from tests.keys.kit import KIOSK, REGION, UTILITY
from tests.keys.test_items import DAY_MS, Post

PLACE = f"u{UTILITY}/r{REGION}/k07"


class Mail(Post):
    """The same head office and kiosk, which knows where it stands and what it takes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.me = Me(KIOSK, UTILITY, REGION, self.hq.roots, PLACE, "CNY")
        self.cupboard = type(self.cupboard)(self.folder, self.me, self.station)
        self.take_in()

    def send(self, kind: Kind, body: object, to: str = EVERYBODY) -> Path:
        """Signed as it is, whatever a kiosk says of it."""
        raw = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return self.hq.office.publish(kind, to, raw, self.hq.decision, days=30, now_ms=self.hq.now_ms)

    def said(self, kind: Kind, now_ms: int | None = None) -> str:
        """What comes of the newest of a kind."""
        return next(line for line in self.take_in(now_ms) if line.startswith(f"{kind}-"))

    def refused(self, kind: Kind, body: object) -> str:
        """One sentence, the same to whoever is about to sign it; and nothing has changed."""
        before, raw = self.trust, body if isinstance(body, bytes) else msgspec.json.encode(body)
        to = KIOSK if WAYS[kind].boxed else EVERYBODY
        with pytest.raises(OfficeError) as said:
            publish.draft(self.hq.office, kind, to, raw, now_ms=self.hq.now_ms, days=30)
        self.send(kind, raw, to)
        line = self.said(kind)
        assert ": not installed. " in line
        assert "\n" not in line
        assert "\n" not in str(said.value)
        assert self.trust == before
        return line

    def period(self, **changes: Any) -> PeriodBody:
        now_ms = self.hq.now_ms
        return msgspec.structs.replace(PeriodBody("home/7", "0.5800", 500, now_ms - DAY_MS, now_ms + 30 * DAY_MS), **changes)

    def prices(self, *periods: PeriodBody, currency: str = "CNY") -> dict[str, object]:
        return {"currency": currency, "periods": periods or (self.period(),)}

    def notice(self, **changes: Any) -> NoticeBody:
        now_ms = self.hq.now_ms
        return msgspec.structs.replace(NoticeBody(f"u{UTILITY}", now_ms + DAY_MS, now_ms + 2 * DAY_MS), **changes)


def cards(*numbers: int) -> frozenset[bytes]:
    return frozenset(number.to_bytes(8) for number in numbers)
