"""The keys in a virtual card, by the reference byte that EXTERNAL AUTHENTICATE names.

A blank card holds one: the maker's transport key, in ADMIN's place, with the generation FFFF by which a maker's key is known. The first key
that the office writes takes that place, and the maker's key is gone.
"""

from functools import partial
from typing import NamedTuple

from kiosk.devices.sim import crypto
from kiosk.devices.sim.image import GENERATIONS_ON_CARD, CardKeys

MAKERS = 0xFFFF
PLACES = {crypto.ADMIN: "admin", crypto.AUTH: "auth", crypto.METER: "meterkey"}


class Held(NamedTuple):
    """One key. `name` is its try counter's; the generation is 0 but for KIOSK keys and a maker's."""

    name: str
    generation: int
    role: int
    key: crypto.Key


class Full(Exception):
    """There is no room for another KIOSK key."""


class Keys:
    """Never changed: `put` gives others."""

    def __init__(self, held: dict[int, Held]) -> None:
        self._held = held

    @staticmethod
    def of(suite: str, texts: CardKeys) -> "Keys":
        """From a card's file; an empty text is a key that is not there yet."""
        key = partial(crypto.Key, suite=suite)
        held = {}
        for ref, name in PLACES.items():
            if text := getattr(texts, name):
                generation = MAKERS if texts.transport and ref == crypto.ADMIN else 0
                held[ref] = Held(name, generation, ref, key(bytes.fromhex(text)))
        for number, text in texts.kiosk.items():
            held[crypto.kiosk_role(int(number))] = Held(f"kiosk.{number}", int(number), crypto.KIOSK, key(bytes.fromhex(text)))
        return Keys(held)

    def texts(self) -> CardKeys:
        """As a card's file holds them."""
        values = {name: self._held[ref].key.value.hex() if ref in self._held else "" for ref, name in PLACES.items()}
        kiosk = {str(each.generation): each.key.value.hex() for ref, each in self._held.items() if ref & 0x0F == crypto.KIOSK}
        admin = self._held[crypto.ADMIN]
        return CardKeys(values["admin"], values["auth"], kiosk, values["meterkey"], transport=admin.generation == MAKERS)

    def get(self, ref: int) -> Held | None:
        """The key of that reference."""
        return self._held.get(ref)

    def names(self) -> list[str]:
        """Whose try counters there are: AUTH is never proved to the card."""
        return [each.name for each in self._held.values() if each.role != crypto.AUTH]

    def put(self, suite: str, ref: int, generation: int, value: bytes) -> "Keys":
        """With this key in its place; a KIOSK key may replace the one of its reference. KeyError: no such place; Full."""
        if ref & 0x0F == crypto.KIOSK:
            kiosk = [each for each in self._held if each & 0x0F == crypto.KIOSK]
            if ref != crypto.kiosk_role(generation):
                raise KeyError(ref)
            if ref not in kiosk and len(kiosk) >= GENERATIONS_ON_CARD:
                raise Full
            return Keys(self._held | {ref: Held(f"kiosk.{generation}", generation, crypto.KIOSK, crypto.Key(value, suite))})
        return Keys(self._held | {ref: Held(PLACES[ref], 0, ref, crypto.Key(value, suite))})

    def told(self) -> bytes:
        """What GET DATA says of them: reference(1) || generation(2), ADMIN first."""
        return b"".join(bytes([ref]) + self._held[ref].generation.to_bytes(2, "big") for ref in sorted(self._held, key=_order))


def _order(ref: int) -> tuple[int, int]:
    return ref & 0x0F, ref
