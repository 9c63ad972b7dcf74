"""What one sale costs: a card, a note and a receipt through the product's own core, its devices told instead of built."""

import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from kiosk.bench.fsyncs import Tally
from kiosk.bench.place import dark
from kiosk.bench.table import Measured, spread

SALES, WARM, COUNTED = 30, 3, 5
RESTED_S = 0.3  # what may wait is on disk 100 ms later


def fsyncs_per_sale() -> Measured:
    """From the card going in until everything of that sale is on disk."""
    with TemporaryDirectory() as folder:
        tally = Tally(Path(folder))
        with dark(tally.environment, Path(folder)) as line:
            line.ask("sale")  # the first one writes the WAL's beginning
            counts = []
            for _ in range(COUNTED):
                time.sleep(RESTED_S)
                before = tally.count()
                line.ask("sale")
                time.sleep(RESTED_S)
                counts.append(tally.count() - before)
    return Measured(median(counts), spread=f"{min(counts)} to {max(counts)}, n {len(counts)}")


def apdus_per_recharge() -> Measured:
    """Commands over T=0, GET RESPONSE among them, to a card that comes from its meter: read, write, verify after a reset."""
    with dark() as line:
        counts = [line.ask("sale")["commands"] for _ in range(COUNTED)]
    return Measured(median(counts), spread=f"{min(counts)} to {max(counts)}, n {len(counts)}")


def scripted_sale_ms() -> Measured:
    """The whole sale with nobody to wait for: what the kiosk itself adds to the time that people and metal take."""
    with dark() as line:
        seconds = [line.ask("sale")["seconds"] for _ in range(WARM + SALES)][WARM:]
    return Measured(median(seconds) * 1e3, spread=spread(seconds))
