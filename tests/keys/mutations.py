"""A plain mutator: bits, bytes, cuts, repeats and lengths that lie, the same for the same seed."""

import random
from collections.abc import Iterator


def mutations(raw: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Neighbours of these bytes; never the bytes themselves."""
    chance = random.Random(seed)
    made = 0
    while made < count:
        changed = _changed(bytearray(raw), chance)
        if changed != raw:
            made += 1
            yield changed


def _changed(raw: bytearray, chance: random.Random) -> bytes:
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        at = chance.randrange(len(raw) + 1) if raw else 0
        match chance.randrange(6):
            case 0 if raw:
                raw[at - 1] ^= 1 << chance.randrange(8)
            case 1 if raw:
                raw[at - 1] = chance.choice((0, 0x7F, 0x80, 0x81, 0x82, 0x84, 0xFF, 10, 34, 123))
            case 2:
                del raw[at:]
            case 3:
                del raw[at : at + chance.randrange(1, 9)]
            case 4:
                raw[at:at] = chance.randbytes(chance.randrange(1, 9))
            case _:
                raw[at:at] = raw[at : at + 40]
    return bytes(raw)
