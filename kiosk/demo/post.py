"""The demo's post: a kiosk with a line sends by itself, one without is visited with a stick. The same words as `kiosk sync` uses.

A kiosk is done when its own journal says that the head office has every row that is worth a batch.
"""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from kiosk.control import Import, ask
from kiosk.demo.office import HeadOffice
from kiosk.demo.site import DemoError, Site
from kiosk.devices.vault.station import open_station
from kiosk.sync import stick
from kiosk.sync.counter import waits
from kiosk.sync.spool import Spool
from kiosk.vend.journal import Journal
from kiosk.vend.rows import Recorded
from kiosk.vend.sent import BOOKKEEPING, BatchAcked, BatchSealed
from kiosk.vend.trust import KeyListInstalled

POST_S, ROUND_S = 60.0, 5.0
TRIPS = 3  # with the stick


def by_wire(site: Site) -> None:
    """As `kiosk sync now`: the core seals what it has, the courier makes a round. DemoError when not all of it is acknowledged in time."""
    spool, until_s = _spool(site), time.monotonic() + POST_S
    while not acknowledged(site):
        if time.monotonic() > until_s:
            raise DemoError(f"{site.kiosk}: the head office has not acknowledged all of its batches.")
        _seal(spool)
        spool.ask("now")
        waits(lambda: not spool.waiting(), ROUND_S)


def by_stick(site: Site, office: HeadOffice, bag: Path) -> None:
    """Somebody drives to a kiosk that has no line, to the office, and back. DemoError where the stick did not help."""
    shutil.copytree(office.folder / "downlink" / "all", bag / "downlink" / "all", dirs_exist_ok=True)
    said = ask(site.folder / "keys" / "control", Import(str(bag.absolute()))).say
    if not any("installed" in sentence for sentence in said):
        raise DemoError(f"{site.kiosk} takes nothing off the stick: {' '.join(said)}")
    spool = _spool(site)
    for _ in range(TRIPS):
        _trip(spool, office, bag)
        if waits(lambda: acknowledged(site), POST_S / TRIPS):
            return
    left = ", ".join(waiting(site))
    raise DemoError(f"{site.kiosk}: the stick came back, and not all is acknowledged: {left}.")


def _trip(spool: Spool, office: HeadOffice, bag: Path) -> None:
    """What the kiosk writes after it is sealed waits for the next one."""
    _seal(spool)
    done = stick.export(spool, bag)
    if not done.ok:
        raise DemoError(f"{spool.kiosk} puts nothing onto the stick: {' '.join(done.says)}")
    office.take_bag(bag)
    stick.bring(spool, bag, acks_only=True)


def never_heard(site: Site) -> bool:
    """Has it never had anything from a head office, and never made a batch for one?"""
    return not any(isinstance(row.fact, KeyListInstalled | BatchSealed) for row in _rows(site))


def acknowledged(site: Site) -> bool:
    """By its own journal."""
    return not waiting(site)


def waiting(site: Site) -> list[str]:
    """The kinds of the rows that the head office has not acknowledged, as far as they are worth a batch."""
    told: list[tuple[int, str]] = []
    row = 0
    for recorded in _rows(site):
        if isinstance(recorded.fact, BatchAcked):
            row = recorded.fact.row
        elif not isinstance(recorded.fact, BOOKKEEPING):
            told.append((recorded.row.seq, type(recorded.fact).__name__))
    return [kind for seq, kind in told if seq > row]


def _rows(site: Site) -> Iterator[Recorded]:
    key = open_station(site.folder / "station.json").database_key()
    with Journal.open(site.folder / "store.db", key, create=False, read_only=True) as journal:
        yield from journal.rows()


def _spool(site: Site) -> Spool:
    return Spool(site.folder / "spool", site.kiosk).made()


def _seal(spool: Spool) -> None:
    spool.ask_to_seal()
    if not waits(lambda: not spool.wants_seal(), POST_S):
        raise DemoError(f"{spool.kiosk}: nothing is sealed.")
