"""What a receipt printer says, taken apart. Pure: bytes in, events out.

Four kinds of answers share one line and may fall into each other (Epson ESC/POS: DLE EOT, GS a, GS ( H fn 48, DLE DC4 fn 8, GS r):

    real time   one byte 0xx1xx10, at any moment, even inside another answer
    status      four bytes by themselves on every change (ASB): 0xx1xx00, then three of 0xx0xxxx
    done        37 22 d1..d4 00: everything in front of the mark d1..d4 is on paper
    cleared     37 25 00
    queued      one byte 0xx0xxxx: the printer got as far as our GS r

An answer that does not come says nothing: every field of a `Condition` is None until the printer itself has told it.
"""

import msgspec

MARK_FIRST = 0x60  # marks use 60..6F only: no byte of a mark can be taken for a real-time answer


class RealTime(msgspec.Struct, frozen=True):
    """The answer to DLE EOT; which question it answers only the asker knows."""

    byte: int


class Status(msgspec.Struct, frozen=True):
    """An automatic status block, four bytes."""

    block: bytes


class Done(msgspec.Struct, frozen=True):
    """The mark has been reached and everything before it is printed."""

    mark: bytes


class Cleared(msgspec.Struct, frozen=True):
    """The buffers are empty."""


class Queued(msgspec.Struct, frozen=True):
    """The answer to GS r."""

    byte: int


Answer = RealTime | Status | Done | Cleared | Queued


class StatusReader:
    """Separates the answers. What fits nowhere is dropped byte by byte, and counted."""

    def __init__(self) -> None:
        self._block = bytearray()
        self.dropped = 0

    def feed(self, data: bytes) -> list[Answer]:
        """The answers that are complete with these bytes, in the order of their last bytes."""
        return [answer for byte in data for answer in self._take(byte)]

    def forget_half(self) -> None:
        """After silence: the rest of a begun block is not coming."""
        self.dropped += len(self._block)
        self._block.clear()

    def _take(self, byte: int) -> list[Answer]:
        if byte & 0x93 == 0x12:
            return [RealTime(byte)]
        if self._block:
            return self._continue(byte)
        if byte == 0x37 or byte & 0x93 == 0x10:
            self._block.append(byte)
            return []
        if byte & 0x90 == 0:
            return [Queued(byte)]
        self.dropped += 1
        return []

    def _continue(self, byte: int) -> list[Answer]:
        self._block.append(byte)
        block = bytes(self._block)
        if block[0] == 0x37:
            fits, whole = _fits_response(block)
        else:
            fits, whole = byte & 0x90 == 0, len(block) == 4
        if not fits:
            self._block.clear()
            self.dropped += 1
            return self.feed(block[1:])
        if not whole:
            return []
        self._block.clear()
        if block[0] != 0x37:
            return [Status(block)]
        return [Done(block[2:6])] if block[1] == 0x22 else [Cleared()]


def _fits_response(block: bytes) -> tuple[bool, bool]:
    """Can this be the beginning of a 37 answer, and is it all of it?"""
    if block[1] == 0x25:
        return len(block) < 3 or block[2] == 0, len(block) == 3
    if block[1] != 0x22:
        return False, False
    if len(block) == 7:
        return block[6] == 0, True
    return all(byte & 0xF0 == MARK_FIRST for byte in block[2:]), False


class Condition(msgspec.Struct, frozen=True):
    """What is known of the printer; None: it has not said."""

    offline: bool | None = None
    cover: bool | None = None
    stopped: bool | None = None  # it stopped in the middle because the paper ended
    error: bool | None = None
    cutter: bool | None = None
    fatal: bool | None = None
    hot: bool | None = None  # or another error that passes by itself
    low: bool | None = None
    out: bool | None = None

    @property
    def word(self) -> str:
        """ok | low | out | cover | error | offline | unknown, the one that a person can do something about first."""
        if self.cover:
            return "cover"
        if self.out or self.stopped:
            return "out"
        if self.cutter or self.fatal or self.error or self.hot:
            return "error"
        if self.offline:
            return "offline"
        if self.offline is None or self.out is None:
            return "unknown"
        return "low" if self.low else "ok"

    @property
    def passing(self) -> bool:
        """It stopped for a reason that goes away by itself (a hot head)."""
        return bool(self.hot) and not (self.cover or self.out or self.stopped or self.cutter or self.fatal)


def after_answer(condition: Condition, question: int, byte: int) -> Condition:
    """`condition` with the answer to DLE EOT `question` (1 printer, 2 why offline, 3 which error, 4 paper)."""
    match question:
        case 1:
            news = {"offline": bool(byte & 0x08)}
        case 2:
            news = {"cover": bool(byte & 0x04), "stopped": bool(byte & 0x20), "error": bool(byte & 0x40)}
        case 3:
            news = {"cutter": bool(byte & 0x08), "fatal": bool(byte & 0x20), "hot": bool(byte & 0x40)}
        case 4:
            news = {"low": bool(byte & 0x0C), "out": bool(byte & 0x60)}
        case _:
            raise ValueError("DLE EOT has the questions 1 to 4")
    return msgspec.structs.replace(condition, **news)


def after_status(block: bytes) -> Condition:
    """What an automatic status block says: everything at once."""
    printer, errors, paper, _ = block
    return Condition(
        offline=bool(printer & 0x08),
        cover=bool(printer & 0x20),
        stopped=False,
        error=False,
        cutter=bool(errors & 0x08),
        fatal=bool(errors & 0x20),
        hot=bool(errors & 0x40),
        low=bool(paper & 0x03),
        out=bool(paper & 0x0C),
    )
