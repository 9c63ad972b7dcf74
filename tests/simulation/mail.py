"""The mail between kiosks and the head office: letters get lost, come twice, come in any order, are spoilt, or wait on a stick for days."""

from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple


class Letter(NamedTuple):
    """A sealed batch on its way up, or an acknowledgement on its way down."""

    kiosk: str
    name: str
    raw: bytes


@dataclass
class Mail:
    """`drawn` takes any letter out: nobody waits for a turn."""

    chance: Random
    up: list[Letter] = field(default_factory=list)
    down: list[Letter] = field(default_factory=list)
    stick: list[Letter] = field(default_factory=list)  # on its way up, all together
    faults: bool = True

    def drawn(self, letters: list[Letter]) -> Letter | None:
        """One of them; it may stay there as well, be lost, or be spoilt."""
        if not letters:
            return None
        place, fate = self.chance.randrange(len(letters)), self.chance.random() if self.faults else 1.0
        letter = letters[place]
        if fate >= 0.1:  # it does not come twice
            letters[place] = letters[-1]
            letters.pop()
        if 0.1 <= fate < 0.2:
            return None
        if 0.2 <= fate < 0.23:
            spoilt = bytearray(letter.raw)
            spoilt[self.chance.randrange(len(spoilt))] ^= 1 << self.chance.randrange(8)
            return letter._replace(raw=bytes(spoilt))
        return letter
