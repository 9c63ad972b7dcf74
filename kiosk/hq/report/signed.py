"""What the head office itself has granted: a line for each float, written down before the float leaves. floats.jsonl in its folder."""

import os
from pathlib import Path

import msgspec

FILE = "floats.jsonl"


class SignedFloat(msgspec.Struct, frozen=True):
    """One float as it was signed. A number that stands twice was signed twice, because the first never left: the last one holds."""

    kiosk: str
    number: int
    amount_minor: int
    until_ms: int


def note_signed(folder: Path, signed: SignedFloat) -> None:
    """Durably, at the end of the file, 0600. What a power cut left of a line was never signed, and goes."""
    descriptor = os.open(folder / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        file.seek(0)
        whole = file.read().rfind(b"\n") + 1
        file.seek(whole)
        file.truncate()
        file.write(msgspec.json.encode(signed) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def signed_floats(folder: Path) -> tuple[SignedFloat, ...]:
    """By kiosk and number. A last line that was torn by a power cut was never signed; any other bad line raises ValueError."""
    try:
        *lines, torn = (folder / FILE).read_bytes().split(b"\n")
    except FileNotFoundError:
        return ()
    found: dict[tuple[str, int], SignedFloat] = {}
    for place, line in enumerate(lines, 1):
        try:
            one = msgspec.json.decode(line, type=SignedFloat)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise ValueError(f"Line {place} of {folder / FILE} cannot be read: restore it from its backup.") from None
        found[one.kiosk, one.number] = one
    del torn
    return tuple(found[key] for key in sorted(found))
