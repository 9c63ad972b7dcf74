"""A disk that can be cut at any moment: plays a recorded writer's operations and decides what of the unsynced ones reached the plate.

What was synced is there. Of the rest each write is there, is not, or is torn at its 512-byte sectors. Names and lengths are in order.
"""

import random
import struct
from pathlib import Path
from typing import NamedTuple

SECTOR = 512
HEAD = struct.Struct("<cIqQ")


class Op(NamedTuple):
    """One thing that the writer did to a file."""

    op: str  # W | T | S | U
    name: str
    offset: int
    data: bytes


def recorded(log: Path) -> list[Op]:
    """The log of recorder.c, with names instead of descriptors."""
    raw, at, names, ops = log.read_bytes(), 0, {}, list[Op]()
    while at < len(raw):
        kind, fd, offset, length = HEAD.unpack_from(raw, at)
        at += HEAD.size
        data = raw[at : at + length]
        at += length
        if kind == b"O":
            names[fd] = Path(data.decode()).name
        elif kind == b"U":
            ops.append(Op("U", Path(data.decode()).name, 0, b""))
        else:
            ops.append(Op(kind.decode(), names[fd], offset, data))
    return ops


class Disk:
    """Files as they would be found: the synced bytes, and what has been done to them since."""

    def __init__(self) -> None:
        self.synced: dict[str, bytes] = {}
        self.since: dict[str, list[Op]] = {}

    def do(self, op: Op) -> None:
        """One operation of the writer."""
        if op.op == "U":
            self.synced.pop(op.name, None)
            self.since.pop(op.name, None)
        elif op.op == "S":
            self.synced[op.name] = self._played(op.name, None)
            self.since[op.name] = []
        else:
            self.since.setdefault(op.name, []).append(op)

    def cut(self, chance: random.Random) -> dict[str, bytes]:
        """The power fails now: one of the many ways in which the files may be found."""
        mood = chance.choice((0.0, 0.2, 0.5, 0.9))  # how much of the unsynced reached the plate
        return {name: self._played(name, chance, mood) for name in self.synced.keys() | self.since.keys()}

    def _played(self, name: str, chance: random.Random | None, mood: float = 1.0) -> bytes:
        content = bytearray(self.synced.get(name, b""))
        for op in self.since.get(name, []):
            if op.op == "T":
                del content[op.offset :]
                content.extend(bytes(op.offset - len(content)))
                continue
            start = len(content) if op.offset < 0 else op.offset
            for first in range(0, len(op.data), SECTOR):
                if chance is None or chance.random() < mood:
                    piece = op.data[first : first + SECTOR]
                    content.extend(bytes(max(0, start + first + len(piece) - len(content))))
                    content[start + first : start + first + len(piece)] = piece
        return bytes(content)
