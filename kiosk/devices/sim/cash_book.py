"""A simulated acceptor's own book: every piece that fell into its box and every one that it gave back, one JSON object a line.

{"what": "stacked", "minor": 10000}     into the box
{"what": "returned", "minor": 10000}    a note from escrow, to the customer
{"what": "gone", "minor": 10000}        a note from the path, and nobody saw where to

No counter, event or state of the device is made from it. Whoever checks a kiosk holds its journal against it.
"""

import json
from pathlib import Path


class CashBook:
    """In the file `path`, which goes on where it was, or only in memory."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self.entries: list[tuple[str, int]] = []
        if path and path.exists():
            for line in path.read_text().splitlines():
                entry = json.loads(line)
                self.entries.append((entry["what"], entry["minor"]))

    @property
    def stacked(self) -> list[int]:
        """All that ever fell into the box, in minor units, in the order in which it fell."""
        return [minor for what, minor in self.entries if what == "stacked"]

    def write(self, what: str, minor: int) -> None:
        """One line more."""
        self.entries.append((what, minor))
        if self._path:
            with self._path.open("a") as file:
                file.write(json.dumps({"what": what, "minor": minor}) + "\n")
