"""What a virtual card remembers without power: files, keys, try counters, its least generation.

Every change is on disk before the card answers.
"""

from pathlib import Path

import msgspec

from kiosk.devices.sim import crypto, faults
from kiosk.devices.sim.card_keys import Held, Keys
from kiosk.devices.sim.faults import Cut, Faults
from kiosk.devices.sim.image import TRIES, CardImage, check, save

Memories = tuple[dict[int, bytes], dict[str, int], int, Keys, bytes]


class Memory:
    """With a path, in a file. Everything in it is replaced, never changed, so that a snapshot costs nothing."""

    def __init__(self, card: CardImage, path: Path | None) -> None:
        check(card, str(path or "card"))
        self.path = path
        self.faults: Faults = faults.NONE
        self.updates = 0
        self.load(card)

    def load(self, card: CardImage) -> None:
        """All of it anew."""
        self.made_as = card
        self.atr = bytes.fromhex(card.atr)
        self.serial = bytes.fromhex(card.serial)
        self.files = {int(n): bytes.fromhex(raw) for n, raw in card.files.items()}
        self.keys = Keys.of(card.suite, card.keys)
        self.tries = dict.fromkeys(self.keys.names(), TRIES) | card.tries
        self.min_generation = card.min_generation
        self.issuer = card.utility.to_bytes(4, "big") + card.region.to_bytes(4, "big")

    def image(self) -> CardImage:
        """The card as its file holds it."""
        return msgspec.structs.replace(
            self.made_as,
            files={f"{n:02d}": raw.hex() for n, raw in self.files.items()},
            keys=self.keys.texts(),
            tries=dict(self.tries),
            min_generation=self.min_generation,
            utility=int.from_bytes(self.issuer[:4], "big"),
            region=int.from_bytes(self.issuer[4:], "big"),
        )

    def remembered(self) -> Memories:
        """All that can change."""
        return self.files, self.tries, self.min_generation, self.keys, self.issuer

    def remember(self, then: Memories) -> None:
        """Back to it."""
        self.files, self.tries, self.min_generation, self.keys, self.issuer = then

    def save(self) -> None:
        """Onto the disk, where there is one."""
        if self.path:
            save(self.path, self.image())

    def count_down(self, name: str) -> None:
        """One try less."""
        self.tries = self.tries | {name: self.tries[name] - 1}
        self.save()

    def store(self, number: int, offset: int, data: bytes, cut: Cut | None, by: Held) -> Cut | None:
        """One update, and the cut that ends it, if any. The card raises its minimum generation first, so that no tear can leave a newer
        key's work under an older minimum."""
        this, self.updates = self.updates, self.updates + 1
        if self.faults.cut and self.faults.cut.update == this:
            cut = self.faults.cut
        if by.role == crypto.KIOSK:
            self.min_generation = max(self.min_generation, by.generation)
        raw = self.files[number]
        old = raw[offset : offset + len(data)]
        new = data
        if cut:
            if self.made_as.torn == "apdu":
                new = data if cut.after or (cut.byte or 0) >= len(data) else old
            elif not cut.after:
                new = old if cut.byte is None else faults.torn(old, data, cut)
        if self.faults.not_stored:
            new = old
        self.files = self.files | {number: raw[:offset] + new + raw[offset + len(data) :]}
        self.save()
        return cut

    def put_key(self, ref: int, generation: int, value: bytes, cut: Cut | None) -> None:
        """A key into its place, its tries anew. KeyError: there is no such place; Full."""
        keys = self.keys.put(self.made_as.suite, ref, generation, value)
        if self._unwritten(cut):
            return
        self.keys = keys
        if ref & 0x0F == crypto.KIOSK and not self.min_generation:
            self.min_generation = generation
        self.tries = dict.fromkeys(keys.names(), TRIES) | {name: n for name, n in self.tries.items() if name in keys.names()}
        self.save()

    def put_issuer(self, issuer: bytes, cut: Cut | None) -> None:
        """Utility and region, 4 bytes each."""
        if not self._unwritten(cut):
            self.issuer = issuer
            self.save()

    def _unwritten(self, cut: Cut | None) -> bool:
        """Keys and issuer are stored whole or not at all."""
        return self.faults.not_stored or (cut is not None and not cut.after)
