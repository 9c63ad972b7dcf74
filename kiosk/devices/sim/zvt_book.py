"""A simulated terminal's own book: what it approved, completed and took back, one JSON object a line, on the disk before it is said.

{"what": "approved", "receipt": 41, "trace": 1041, "amount_minor": 10000}
{"what": "completed" | "reversed", "receipt": 41, "why": "goods" | "kept" | "refused" | "silence" | "waits" | "power" | "asked"}
{"what": "reversal", "receipt": 42, "trace": 1042, "amount_minor": 10000, "of": 1041}
{"what": "day_end", "payments": 3, "amount_minor": 30000}
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class Entry:
    """A transaction. `state`: open | completed | reversed; `of`: for a reversal, the trace of what it took back."""

    receipt: int
    trace: int
    amount_minor: int
    state: str = "open"
    of: int = 0


class Book:
    """In the file `path`, or only in memory. A last line that a power cut tore is not there."""

    def __init__(self, path: str | Path | None) -> None:
        self._path = Path(path) if path else None
        self.entries: list[Entry] = []
        self.day_ends = 0
        self._handed_in = 0
        if self._path and self._path.exists():
            for line in self._path.read_bytes().split(b"\n")[:-1]:
                self._take(json.loads(line))
            whole = self._path.read_bytes().rpartition(b"\n")
            self._path.write_bytes(whole[0] + whole[1])

    @property
    def last(self) -> Entry | None:
        """What 06 20 repeats."""
        return self.entries[-1] if self.entries else None

    @property
    def charged_minor(self) -> int:
        """What customers have paid: all approvals less what was taken back."""
        return sum(entry.amount_minor for entry in self.entries if entry.state != "reversed" and not entry.of)

    def open(self) -> list[Entry]:
        """Approved, and neither completed nor taken back."""
        return [entry for entry in self.entries if entry.state == "open"]

    def approve(self, amount_minor: int) -> Entry:
        """The bank said yes."""
        self._write(what="approved", amount_minor=amount_minor, **self._numbers())
        return self.entries[-1]

    def complete(self, entry: Entry, why: str) -> None:
        """The goods are there."""
        self._write(what="completed", receipt=entry.receipt, why=why)

    def reverse(self, entry: Entry, why: str) -> None:
        """Taken back under its own number."""
        self._write(what="reversed", receipt=entry.receipt, why=why)

    def reversal(self, entry: Entry) -> Entry:
        """Taken back afterwards, by a transaction of its own."""
        self._write(what="reversed", receipt=entry.receipt, why="asked")
        self._write(what="reversal", amount_minor=entry.amount_minor, of=entry.trace, **self._numbers())
        return self.entries[-1]

    def end_day(self) -> None:
        """Everything is handed in; it cannot be reversed any more."""
        kept = [entry for entry in self.entries[self._handed_in :] if entry.state == "completed" and not entry.of]
        self._write(what="day_end", payments=len(kept), amount_minor=sum(entry.amount_minor for entry in kept))

    def reversible(self, receipt: int) -> Entry | None:
        """The payment with this number, if it is still here."""
        found = [entry for entry in self.entries[self._handed_in :] if entry.receipt == receipt and not entry.of]
        return found[-1] if found else None

    def _numbers(self) -> dict[str, int]:
        last = self.entries[-1] if self.entries else Entry(0, 1000, 0)
        return {"receipt": last.receipt % 9999 + 1, "trace": last.trace % 999_999 + 1}

    def _write(self, **words: Any) -> None:
        if self._path:
            with self._path.open("ab") as file:
                file.write(json.dumps(words).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        self._take(words)

    def _take(self, words: dict[str, Any]) -> None:
        match words["what"]:
            case "approved":
                self.entries.append(Entry(words["receipt"], words["trace"], words["amount_minor"]))
            case "reversal":
                self.entries.append(Entry(words["receipt"], words["trace"], words["amount_minor"], "completed", words["of"]))
            case "completed" | "reversed":
                entry = next(entry for entry in reversed(self.entries) if entry.receipt == words["receipt"])
                entry.state = words["what"]
            case "day_end":
                self.day_ends += 1
                self._handed_in = len(self.entries)
