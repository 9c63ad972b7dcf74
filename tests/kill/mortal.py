"""The kiosk's real process, which kills itself (SIGKILL) at one instant of its journal and says in a file what it came past.

    python -m tests.kill.mortal TRACE DEATH run --core SOCKET --config FILE

Instants are named by the row: "before NoteStacked#1" (its transaction has not begun), "inserted NoteStacked#1" (its row is in, its commit
is not), "committed NoteStacked#1" (its commit has returned; nothing is folded, published or acted on). A row in the middle of a
transaction is traced only as "inserted": what came before it is the row above. Which facts share a transaction is a matter of timing,
so a death holds wherever its fact stands in one. Nothing in the product knows of this.
"""

import os
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from kiosk.__main__ import main
from kiosk.vend import journal as product

KIND = 5  # column of a journal row


class Fate:
    """Stands between the journal and its database."""

    def __init__(self, trace: Path, death: str) -> None:
        self._trace, self._death = trace.open("a"), death
        self._write = product.Journal._write
        self._kinds = Counter[str]()
        self._group: list[str] = []

    def take(self) -> None:
        """Stand there from now on."""

        def write(journal: product.Journal, statement: str, values: list[tuple[Any, ...]] | None = None) -> None:
            self.write(journal, statement, values)

        product.Journal._write = write  # type: ignore[assignment, method-assign]

    def write(self, journal: product.Journal, statement: str, values: list[tuple[Any, ...]] | None = None) -> None:
        """Row by row, as the database does it."""
        if statement != product.INSERT or values is None:
            self._write(journal, statement, values)
            if statement == "COMMIT":
                self._trace_line(f"committed {self._group[-1] if self._group else 'nothing'}")
                self._die_at(*(f"committed {name}" for name in self._group))
                self._group.clear()
            return
        for place, row in enumerate(values):
            kind = str(row[KIND])
            self._kinds[kind] += 1
            name = f"{kind}#{self._kinds[kind]}"
            self._group.append(name)
            if place == 0:
                self._trace_line(f"before {name}")
            self._die_at(f"before {name}")
            self._write(journal, statement, [row])
            self._trace_line(f"inserted {name}")
            self._die_at(f"inserted {name}")

    def _trace_line(self, instant: str) -> None:
        print(instant, file=self._trace, flush=True)

    def _die_at(self, *instants: str) -> None:
        if self._death in instants:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    Fate(Path(sys.argv[1]), sys.argv[2]).take()
    sys.argv = ["kiosk", *sys.argv[3:]]
    main()
