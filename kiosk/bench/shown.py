"""A kiosk's glass that shows scripted Views: run in a terminal by the bench and the tests.

    python -m kiosk.bench.shown VIEWS CHOICES [palette [moving]]

VIEWS is a file or a fifo of Views, one a line, or names of palettes; CHOICES gets `do arg` a line. A View of the phase "crash" makes the
board fail.
Time stands still, so that pictures are the same: it is half past two, and a View comes a second after the one before.
"""

import sys
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec

from kiosk.app import KioskApp
from kiosk.screens.palette import PALETTES
from kiosk.vend.seen import Choice
from kiosk.vend.view import View


class Scripted:
    """A source whose Views come from a file, told from another thread."""

    def __init__(self, views: Path, choices: Path) -> None:
        self._views, self._choices = views, choices
        self.told = 0
        self.use: Callable[[str], None] = lambda _: None

    def subscribe(self, callback: Callable[[View], None]) -> None:
        """Follow the file."""
        threading.Thread(target=self._follow, args=(callback,), daemon=True).start()

    def tell(self, choice: Choice) -> None:
        """Write it down."""
        with self._choices.open("a") as lines:
            lines.write(f"{choice.do} {choice.arg}".strip() + "\n")

    def _follow(self, callback: Callable[[View], None]) -> None:
        with self._views.open("rb") as lines:
            for line in lines:
                told = msgspec.json.decode(line, type=View | str)
                if isinstance(told, str):
                    self.use(told)
                else:
                    self.told += 1
                    callback(told)


def at_half_past_two() -> datetime:
    """The wall's own time."""
    return datetime(2026, 11, 3, 14, 32)  # noqa: DTZ001 - as a wall clock says it


def main() -> int:
    """Show them."""
    views, choices, *rest = sys.argv[1:]
    palette = PALETTES[rest[0]] if rest else None
    source = Scripted(Path(views), Path(choices))
    app = KioskApp(source, palette, now=at_half_past_two, motion="moving" in rest, monotonic_ms=lambda: 1000 * source.told)
    source.use = lambda name: app.later(lambda: app.use(PALETTES[name]))
    app.run()
    return app.return_code or 0


if __name__ == "__main__":
    sys.exit(main())
