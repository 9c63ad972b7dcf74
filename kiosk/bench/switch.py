"""What is waited for when everything on the glass changes: another screen, another language, other colours. To the last byte on a drained
pty of 78 by 29.
"""

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from msgspec.structs import replace

from kiosk import words
from kiosk.bench.paint import waiting
from kiosk.bench.place import PATIENCE_S
from kiosk.bench.table import Measured, p95_ms, spread
from kiosk.bench.terminal import Terminal
from kiosk.screens.palette import PALETTES
from kiosk.screens.samples import SAMPLES

SCREENS, TURNS = 4, 25  # times each sample is shown; times each language and palette has its turn
PACE_S = 0.03


def screen_switch() -> Measured:
    """From telling the glass a View of another screen: every sample after its neighbour, in English, truecolour."""
    seconds, sizes = [], []
    views = [sample.view for sample in SAMPLES.values() if not sample.helping]
    with _glass() as terminal:
        for rev, view in enumerate(views * (SCREENS + 1), 1):
            began = time.perf_counter()
            terminal.show(replace(view, rev=rev))
            took, size = terminal.painted(began)
            if rev > len(views):  # what a process does once is done
                seconds.append(took)
                sizes.append(size)
    return Measured(p95_ms(seconds), spread(seconds), note=f"{len(views)} screens; bytes {median(sizes):.0f}, at most {max(sizes)}")


def language_switch() -> Measured:
    """From the customer's key on the first screen, through the desk, to the last byte in the other language."""
    first: list[float] = []
    seconds: list[float] = []
    with waiting() as (terminal, line):
        spoken = enumerate(line.ask("view")["languages"], 1)
        keys = {str(key): words.text(language, "attract.first").encode() for key, language in spoken}
        for turn, key in enumerate([*list(keys)[1:], *itertools.islice(itertools.cycle(keys), TURNS * len(keys))]):
            terminal.drain(PACE_S)
            terminal.written = b""
            began = time.perf_counter()
            terminal.type(key.encode())
            terminal.until(keys[key], PATIENCE_S)
            (first if turn < len(keys) - 1 else seconds).append(time.perf_counter() - began)
    return Measured(median(seconds) * 1e3, spread(seconds), note=f"a language's first time, with its catalogue: {max(first) * 1e3:.0f} ms")


def palette_switch() -> Measured:
    """From telling the glass: each palette in turn."""
    seconds, sizes = [], []
    with _glass() as terminal:
        terminal.show(replace(SAMPLES["insert"].view, rev=1))
        terminal.painted(time.perf_counter())
        for name in [*PALETTES, *PALETTES] * TURNS:
            began = time.perf_counter()
            terminal.use(name)
            took, size = terminal.painted(began)
            seconds.append(took)
            sizes.append(size)
    return Measured(median(seconds) * 1e3, spread(seconds), note=f"bytes {median(sizes):.0f}")


def catalogue_complete() -> Measured:
    """Per cent of the English sentences that every language says, the poorest language's."""
    complete = {language: words.completeness(language) for language in words.languages()}
    return Measured(min(complete.values()), note=", ".join(f"{name} {pct:.1f}" for name, pct in complete.items()))


@contextmanager
def _glass() -> Iterator[Terminal]:
    with TemporaryDirectory() as folder, Terminal(Path(folder)) as terminal:
        yield terminal
