"""A printer's ear: bytes become ESC/POS commands, as a receipt printer's firmware takes them apart. Pure.

Written from the command tables, apart from the kiosk's driver. Real-time commands are obeyed on arrival, wherever they stand in the stream;
everything else waits in the buffer and is taken one whole command at a time.
"""

from dataclasses import dataclass

# how many parameter bytes follow; commands with a length of their own are in _length
_FIXED = {
    b"\x1b": {
        **dict.fromkeys(b"@2", 0),
        **dict.fromkeys(b"!-3EGJMRVadrt{ ", 1),
        **dict.fromkeys(b"$\\", 2),
        **dict.fromkeys(b"p", 3),
    },
    b"\x1d": {**dict.fromkeys(b"!BHIabfhrw", 1), **dict.fromkeys(b"LPW", 2)},
    b"\x1c": {**dict.fromkeys(b"&.", 0), **dict.fromkeys(b"!-CW", 1), **dict.fromkeys(b"S", 2)},
}
_CLEAR = b"\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08"


@dataclass(frozen=True)
class Command:
    """`name` is the command's own first bytes (b"\\x1bE"), or b"" for printable text; `data` its parameters; `raw` all of it."""

    name: bytes
    data: bytes
    raw: bytes


def take_real_time(stream: bytes) -> tuple[bytes, list[bytes], bytes]:
    """The stream without its real-time commands, those commands in order, and a tail that may be the beginning of one."""
    plain, orders, at = bytearray(), [], 0
    while at < len(stream):
        rest = stream[at:]
        if rest[0] != 0x10:
            plain.append(rest[0])
            at += 1
        elif rest.startswith(_CLEAR):
            orders.append(_CLEAR)
            at += len(_CLEAR)
        elif len(rest) >= 3 and rest[1] in {0x04, 0x05} and 1 <= rest[2] <= 4:
            orders.append(rest[:3])
            at += 3
        elif len(rest) < len(_CLEAR) and (_CLEAR.startswith(rest) or (len(rest) < 3 and rest[1:2] in {b"", b"\x04", b"\x05"})):
            return bytes(plain), orders, rest
        else:
            plain.append(rest[0])
            at += 1
    return bytes(plain), orders, b""


def take_command(buffer: bytes) -> Command | None:
    """The first whole command; None while it is still incomplete. What no table knows is one byte of text, as a printer prints it."""
    if not buffer:
        return None
    if buffer[:1] not in _FIXED:
        end = next((at for at, byte in enumerate(buffer) if byte < 0x20), len(buffer)) or 1
        text = buffer[:end]
        return Command(text if text[0] < 0x20 else b"", b"" if text[0] < 0x20 else text, text)
    if len(buffer) < 2:
        return None
    total = _length(buffer)
    if total is None or total > len(buffer):
        return None
    name_bytes = 3 if buffer[:2] in {b"\x1d(", b"\x1c("} else 2
    return Command(buffer[:name_bytes], buffer[name_bytes:total], buffer[:total])


def _length(buffer: bytes) -> int | None:
    """Bytes of the command at the head, None while that cannot be told yet; 1 for one that is not known."""
    head = buffer[:2]
    if head in {b"\x1d(", b"\x1c("}:
        return 5 + int.from_bytes(buffer[3:5], "little") if len(buffer) >= 5 else None
    if head == b"\x1dV":
        return None if len(buffer) < 3 else 4 if buffer[2] >= 65 else 3
    if head == b"\x1dv":
        if len(buffer) < 8:
            return None
        width_bytes, rows = int.from_bytes(buffer[4:6], "little"), int.from_bytes(buffer[6:8], "little")
        return 8 + width_bytes * rows
    parameters = _FIXED[buffer[:1]].get(buffer[1])
    return 2 + parameters if parameters is not None else 1
