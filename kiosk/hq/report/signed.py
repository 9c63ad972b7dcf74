"""What the head office itself has granted: a line for each float, written down before the float leaves. floats.jsonl in its folder.

Each line is chained to the one before it: `chain` is SHA-256(chain of the line before || SHA-256(00 || the float as JSON)). A line that was
changed, taken out or put in is noticed when the file is read; lines that were cut off at the end, or a file that was made anew, by the head
of the chain that lies in a backup. Lines of earlier software have no chain of their own and are counted in all the same.
"""

import os
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import msgspec

from kiosk.hq.log.chain import Head, origin
from kiosk.hq.log.check import Witness

FILE = "floats.jsonl"


class SignedFloat(msgspec.Struct, frozen=True):
    """One float as it was signed. A number that stands twice was signed twice, because the first never left: the last one holds."""

    kiosk: str
    number: int
    amount_minor: int
    until_ms: int


class _Line(SignedFloat, frozen=True):
    chain: str = ""

    @property
    def float(self) -> SignedFloat:
        return SignedFloat(self.kiosk, self.number, self.amount_minor, self.until_ms)


def note_signed(folder: Path, signed: SignedFloat) -> None:
    """Durably, at the end of the file, 0600. What a power cut left of a line was never signed, and goes. Raises ValueError."""
    descriptor = os.open(folder / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        file.seek(0)
        raw = file.read()
        whole = raw.rfind(b"\n") + 1
        *_, (_, at) = [(None, origin(FILE)), *_lines(folder, raw[:whole])]
        file.seek(whole)
        file.truncate()
        line = _Line(signed.kiosk, signed.number, signed.amount_minor, signed.until_ms, _link(at, signed))
        file.write(msgspec.json.encode(line) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def signed_floats(folder: Path) -> tuple[SignedFloat, ...]:
    """By kiosk and number. A last line that was torn by a power cut was never signed; any other bad line, and one that does not follow from
    the lines before it, raises ValueError."""
    found = {(one.kiosk, one.number): one for one, _ in _lines(folder, _read(folder))}
    return tuple(found[key] for key in sorted(found))


def head(folder: Path) -> Head:
    """Where the chain of the file ends. Raises ValueError."""
    chain = [at for _, at in _lines(folder, _read(folder))]
    return Head(len(chain), chain[-1] if chain else origin(FILE))


def faults(folder: Path, witnesses: Sequence[Witness] = ()) -> list[str]:
    """What in the file is not as the office wrote it. `witnesses`: heads of its chain that lie somewhere else."""
    try:
        chain = [origin(FILE), *(at for _, at in _lines(folder, _read(folder)))]
    except (ValueError, OSError) as error:
        return [str(error)]
    found = []
    for seen in witnesses:
        if seen.head.no >= len(chain):
            found.append(f"{FILE} has {len(chain) - 1} lines, and {seen.where} has its line {seen.head.no}: the newest were taken away.")
        elif chain[seen.head.no] != seen.head.hash:
            found.append(f"{FILE} was rewritten: its line {seen.head.no} is not the one that {seen.where} has.")
    return found


def _read(folder: Path) -> bytes:
    try:
        raw = (folder / FILE).read_bytes()
    except FileNotFoundError:
        return b""
    return raw[: raw.rfind(b"\n") + 1]


def _lines(folder: Path, raw: bytes) -> Iterator[tuple[SignedFloat, str]]:
    """Each float, and the chain up to it. Raises ValueError."""
    at, chained = origin(FILE), False
    for place, line in enumerate(raw.split(b"\n")[:-1], 1):
        try:
            one = msgspec.json.decode(line, type=_Line)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise ValueError(f"Line {place} of {folder / FILE} cannot be read: restore it from its backup.") from None
        at = _link(at, one.float)
        if one.chain != at and (one.chain or chained):
            raise ValueError(
                f"Line {place} of {folder / FILE} does not follow from the lines before it: one was changed, added or taken out. "
                f"It is about float {one.number} of {one.kiosk}."
            )
        chained = chained or bool(one.chain)
        yield one.float, at


def _link(before: str, one: SignedFloat) -> str:
    return sha256(bytes.fromhex(before) + sha256(b"\0" + msgspec.json.encode(one)).digest()).hexdigest()
