"""What can go wrong with a card, as data: armed by a test, by the bench panel or by hand, and taken when its moment comes.

JSON forms, all optional (`fault {...}` on the control socket):
    {"cut": {"apdu": 12}}                 pulled before the 13th command from now (counting from 0)
    {"cut": {"apdu": 12, "after": true}}  pulled after its effect, before its answer
    {"cut": {"update": 2, "byte": 5, "rest": "zero"}}   inside the third update: 5 new bytes, then the rest old | zero | ff | random
    {"lose_answer": {"apdu": 3}}          done, but the answer never comes; true = the next command
    {"not_stored": true}                  says 9000 and stores nothing, from now on
    {"wrong_mac": true}                   its proofs (INTERNAL, READ with MAC) are wrong, from now on
    {"alter_plain": {"file": 2, "offset": 0, "data": "000f4240"}}   a shim that changes what is read without a MAC, from now on
    {"stale_count": 1}                    an older copy of the card: counts one purchase back (done at once)
    {"clone": true}                       a copy without the keys (done at once)
"""

import random
from typing import Literal

import msgspec

Rest = Literal["old", "zero", "ff", "random"]


class CardPulled(ConnectionError):
    """The card has left the contacts in the middle of a command: no answer will come."""


class Cut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The card is pulled at a command or at an update, counted from 0 from the moment of arming."""

    apdu: int | None = None
    update: int | None = None  # counts updates whose MAC was right
    byte: int | None = None  # inside an update: how many bytes are new
    rest: Rest = "old"
    after: bool = False  # without byte: after the effect, before the answer
    seed: int = 0


class At(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One command, counted from 0 from the moment of arming."""

    apdu: int = 0


class AlterPlain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Bytes that a shim puts over a plain reading."""

    file: int
    offset: int
    data: str


class Faults(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that is armed on one card."""

    cut: Cut | None = None
    lose_answer: At | bool = False
    not_stored: bool = False
    wrong_mac: bool = False
    alter_plain: AlterPlain | None = None
    stale_count: int = 0
    clone: bool = False

    @property
    def lost_apdu(self) -> int | None:
        """The command whose answer is lost."""
        if isinstance(self.lose_answer, At):
            return self.lose_answer.apdu
        return 0 if self.lose_answer else None


NONE = Faults()


def from_json(words: object) -> Faults:
    """The argument of `fault`; ValueError in one sentence."""
    try:
        faults = msgspec.convert(words, Faults)
        if faults.cut and (faults.cut.apdu is None) == (faults.cut.update is None):
            raise ValueError("cut needs one of apdu and update")
        if faults.alter_plain:
            bytes.fromhex(faults.alter_plain.data)
    except msgspec.ValidationError as e:
        raise ValueError(f"fault not understood: {e}") from None
    return faults


def torn(old: bytes, new: bytes, cut: Cut) -> bytes:
    """What stands in the memory when the power went after `cut.byte` bytes of a write."""
    k = min(cut.byte or 0, len(new))
    left = len(new) - k
    rest = {
        "old": lambda: old[k:],
        "zero": lambda: bytes(left),
        "ff": lambda: b"\xff" * left,
        "random": lambda: random.Random(cut.seed).randbytes(left),
    }[cut.rest]()
    return new[:k] + rest


def altered(plain: bytes, file: int, offset: int, shim: AlterPlain | None) -> bytes:
    """A plain reading as the shim passes it on."""
    if shim is None or shim.file != file:
        return plain
    out = bytearray(plain)
    for i, value in enumerate(bytes.fromhex(shim.data), shim.offset - offset):
        if 0 <= i < len(out):
            out[i] = value
    return bytes(out)
