"""The kiosk's real process, which kills itself (SIGKILL) at one instant of its journal and says in a file what it came past.

    python -m tests.kill.mortal TRACE DEATH run --core SOCKET --config FILE

Instants are named by the row: "before NoteStacked#1" (its transaction has not begun), "inserted NoteStacked#1" (its row is in, its commit
is not), "committed NoteStacked#1" (its commit has returned; nothing is folded, published or acted on). A row in the middle of a
transaction has only "inserted": what came before it is the row above. Nothing in the product knows of this.
"""

import os
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from kiosk.cli import main
from kiosk.vend import journal as product

KIND = 5  # column of a journal row


class Fate:
    """Stands between the journal and its database."""

    def __init__(self, trace: Path, death: str) -> None:
        self._trace, self._death = trace.open("a"), death
        self._write = product.Journal._write
        self._kinds = Counter[str]()
        self._last = ""

    def write(self, journal: product.Journal, statement: str, values: list[tuple[Any, ...]] | None = None) -> None:
        """Row by row, as the database does it."""
        if statement != product.INSERT or values is None:
            self._write(journal, statement, values)
            if statement == "COMMIT":
                self._pass(f"committed {self._last}")
            return
        for place, row in enumerate(values):
            kind = str(row[KIND])
            self._kinds[kind] += 1
            self._last = f"{kind}#{self._kinds[kind]}"
            if place == 0:
                self._pass(f"before {self._last}")
            self._write(journal, statement, [row])
            self._pass(f"inserted {self._last}")

    def _pass(self, instant: str) -> None:
        print(instant, file=self._trace, flush=True)
        if instant == self._death:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    fate = Fate(Path(sys.argv[1]), sys.argv[2])

    def write(journal: product.Journal, statement: str, values: list[tuple[Any, ...]] | None = None) -> None:
        fate.write(journal, statement, values)

    product.Journal._write = write  # type: ignore[assignment, method-assign]
    sys.argv = ["kiosk", *sys.argv[3:]]
    main()
