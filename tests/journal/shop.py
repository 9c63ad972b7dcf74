"""A store, a key and the facts of a small sale, for the tests of this folder."""

from pathlib import Path

from kiosk.vend import facts as f
from kiosk.vend.journal import Journal

KEY = bytes(range(32))
SALE = "00112233445566aa"
CARD = "1122334455667788"
METER = "000012345678"


def note(counter: int, minor: int = 10_000) -> f.NoteStacked:
    return f.NoteStacked(SALE, "notes", "N1", minor, counter, counter)


def day(journal: Journal, notes: int = 30) -> None:
    """A boot, a card, some notes, the write: `notes` + 4 rows after the first."""
    journal.append(1_000, 1, 10, (f.Started(boot=1, kiosk="K07", software="0.1", demo=True), f.DeviceRecovered("reader")))
    for counter in range(1, notes + 1):
        journal.append(2_000 + counter, 1, 20 + counter, (note(counter),))
    journal.append(9_000, 1, 90, (f.WriteStarted(SALE, CARD, METER, 8, 30_000, "a1b2c3d4"), f.CardVerified(SALE, CARD, 8, "a1b2c3d4")))


def made(path: Path, notes: int = 30) -> Path:
    """A closed store with a day in it."""
    with Journal.open(path, KEY, at_ms=1) as journal:
        day(journal, notes)
    return path
