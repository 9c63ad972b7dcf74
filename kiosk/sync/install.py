"""Installing what the head office sent: each item is believed, compared with what is here, kept on the disk, and told as a fact.

The file first, then the fact: a power cut between the two leaves a file that is newer than the journal, and the next start tells it again.
What is kept lies in the folder of keys under its kind, as it came (a float under its number); at every start it is read and checked again.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from kiosk import safefile
from kiosk.envelope import OVERHEAD, Box
from kiosk.sync import bag, delta
from kiosk.sync.bodies import READERS, Reader, key_list, told
from kiosk.sync.customer import held_against
from kiosk.sync.item import WAYS, Item, ItemRefused, Kind, Me, fresh, read, series
from kiosk.vend import trust as t
from kiosk.vend.facts import Row
from kiosk.vend.trust import Trust

FLOATS_KEPT = 4
NOWHERE = Row(0, 0, 0, 0, "")


class Outcome(msgspec.Struct, frozen=True):
    """What came of one file, in one sentence; with the fact and the item where it was installed."""

    sentence: str
    fact: t.Installed | None = None
    item: Item | None = None


class Cupboard:
    """Where this kiosk keeps what the head office sent. `more`: readers of kinds that need other rooms; a store's keeps it itself."""

    def __init__(self, folder: Path, me: Me, box: Box, more: Mapping[Kind, Reader] | None = None) -> None:
        self._folder, self._me, self._box = folder / "installed", me, box
        self._readers = {**READERS, **(more or {})}

    # ------------------------------------------------------------ from a bag

    def install(self, source: Path, trust: Trust, now_ms: int) -> Iterator[Outcome]:
        """Everything new in a bag, one outcome a file; of a kind the newest that holds, and every one where every one counts."""
        done: dict[Kind, t.Version] = {}
        for letter in bag.letters(source, self._me.kiosk):
            if (letter.epoch, letter.version) <= done.get(series(letter.kind), t.NEVER):
                continue
            try:
                raw = bag.contents(letter)
                item = read(raw, letter.kind, self._me, self._box, self.signers())
                fresh(item, trust, now_ms)
                item = self._whole(item)
                fact = self._read(item)
                held_against(trust, fact)
                self._keep(raw, fact, letter.kind)
            except ItemRefused as refused:
                yield Outcome(f"{letter.name}: not installed. {refused}")
                continue
            trust = t.fold(trust, fact, NOWHERE)
            done[item.header.kind] = item.header.number
            yield Outcome(f"{letter.name}: installed. {told(fact)}", fact, item)

    def _whole(self, item: Item) -> Item:
        """A change of the hotlist as the list that it makes. Raises ItemRefused."""
        return delta.whole(item, self.kept("hotlist")) if item.header.kind == "delta" else item

    def _read(self, item: Item) -> t.Installed:
        try:
            return self._readers[item.header.kind](item)
        except ValueError as error:
            raise ItemRefused(str(error)) from None

    def _keep(self, raw: bytes, fact: t.Installed, kind: Kind) -> None:
        """As it came, durably; of floats the last few. Raises ItemRefused."""
        if kind == "store":
            return
        try:
            safefile.folder(self._folder)
            safefile.write(self._folder / (f"float-{fact.number}" if isinstance(fact, t.FloatGranted) else kind), raw)
            for old in self._floats()[:-FLOATS_KEPT]:
                old.unlink()
        except OSError as error:
            raise ItemRefused(f"The disk does not take it: {error.strerror}.") from None

    def _floats(self) -> list[Path]:
        return sorted((path for path in self._folder.glob("float-*") if path.name[6:].isdecimal()), key=lambda path: int(path.name[6:]))

    # ------------------------------------------------------------ from the disk

    def standing(self) -> Iterator[tuple[t.Installed, Item]]:
        """All that is installed, as its facts once more: who hears them leaves out what the journal knows. What does not hold is none."""
        names: list[tuple[Kind, str]] = [(kind, kind) for kind in WAYS if kind not in {"float", "store"}]
        for kind, name in (*names, *(("float", path.name) for path in self._floats())):
            try:
                kept = self.kept(kind, name)
                if kept:
                    item = self._whole(kept)
                    yield self._read(item), item
            except ItemRefused:
                continue

    def kept(self, kind: Kind, name: str = "") -> Item | None:
        """What is installed of a kind, checked again; None where there is nothing. Raises ItemRefused for a file that is not as it was."""
        try:
            with (self._folder / (name or kind)).open("rb") as file:
                raw = file.read(WAYS[kind].body_max + OVERHEAD + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ItemRefused(f"It cannot be read: {error.strerror}.") from None
        return read(raw, kind, self._me, self._box, () if kind == "keys" else self.signers())

    def signers(self) -> tuple[bytes, ...]:
        """The head office's DECISION keys, by the root's list; none as long as there is no list that holds."""
        try:
            item = self.kept("keys")
            return tuple(bytes.fromhex(key) for key in key_list(item).decision) if item else ()
        except ItemRefused:
            return ()
