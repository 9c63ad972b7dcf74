"""An office of its own for kiosks that have none: it imports their journals, and says what it sold by its selling reports."""

from collections.abc import Iterable, Mapping

from kiosk.hq.report.period import period_of
from kiosk.hq.report.reading import selling
from kiosk.hq.report.selling import sheet_of
from kiosk.hq.report.text import text_of
from kiosk.hq.store import IN_MEMORY, Store
from kiosk.vend import facts as f
from kiosk.vend.rows import Recorded, StoreCreated
from tests.hq.batches import UTILITY, Journaled, importer

A_DAY_MS = 86_400_000


def reported(journals: Mapping[str, Iterable[Recorded]]) -> list[str]:
    """The reports, as people read them, of all days on which these kiosks sold anything, once every row of their journals is imported."""
    kiosks, days, now_ms = [Journaled(name) for name in journals], set[str](), 0
    for kiosk, rows in zip(kiosks, journals.values(), strict=True):
        for recorded in rows:
            if not isinstance(recorded.fact, StoreCreated):
                kiosk.write(recorded.fact, (recorded.row.at_ms, recorded.row.boot, recorded.row.mono_ms))
            if isinstance(recorded.fact, f.SaleClosed):
                days.add(recorded.fact.business_date)
            now_ms = max(now_ms, recorded.row.at_ms)
    store = Store.make(IN_MEMORY, UTILITY, now_ms=now_ms)
    office = importer(store, *kiosks, copy=False)
    for kiosk in kiosks:
        for raw in kiosk.batches(1000, made_ms=now_ms):
            taken = office.take(raw, now_ms)
            assert str(taken.verdict) in ("OK", "EXCEPTION"), taken
    reports = [store.read(lambda c, day=day: selling(c, period_of(day), now_ms=now_ms + A_DAY_MS)) for day in sorted(days)]  # type: ignore[misc]
    store.close()
    return [text_of(sheet_of(report)) for report in reports]
