"""What an acceptor's event buffer means. Pure: buffers in, events out.

Headers 229 (coins) and 159 (notes) answer a counter and the five newest events, each a pair (A, B), newest first. The counter is 0 only
after power-up, then 1..255 and 1 again. Sources: ccTalk Generic Specification 4.7, part 2 (headers 229, 159, 232) and part 3,
appendices "Bill event codes", "Error code table" and "Fault code table".
"""

from enum import Enum, auto

import msgspec

DEPTH = 5  # events that a device remembers


class Event(msgspec.Struct, frozen=True):
    """One remembered event and the counter that it raised."""

    counter: int
    a: int
    b: int


class Buffer(msgspec.Struct, frozen=True):
    """One answer to 229 or 159: the counter and (A, B) pairs, newest first."""

    counter: int
    pairs: tuple[tuple[int, int], ...]

    @classmethod
    def parse(cls, data: bytes) -> "Buffer":
        """ValueError unless it is a counter and five pairs."""
        if len(data) != 1 + 2 * DEPTH:
            raise ValueError(f"an event buffer is {1 + 2 * DEPTH} bytes, not {len(data)}")
        return cls(data[0], tuple(zip(data[1::2], data[2::2], strict=True)))


class News(msgspec.Struct, frozen=True):
    """What happened since the last look: events, oldest first; `lost` older ones that the device forgot; `reset`: it started again."""

    events: tuple[Event, ...] = ()
    lost: int = 0
    reset: bool = False


def news(last: int | None, buffer: Buffer, before: Buffer | None = None, escrow: int | None = None) -> News:
    """The event-counter rule. `last` is the counter of the last event that was taken, None for a device never met before.

    Two things show a reset that the counters hide: `before`, the buffer last seen, where the two must overlap and do not; and `escrow`,
    the counter under which a note was held, where something else stands there now.
    """
    new = buffer.counter
    if last is None:
        return News()
    reset = last != 0 and (new == 0 or (new != last and _young(buffer, last)))
    happened = new if reset or last == 0 else (new - last) % 255
    contradicted = (before is not None and not _continues(before, buffer, happened)) or _gainsays(buffer, escrow)
    if contradicted and not reset:
        reset, happened = True, new
    taken = min(happened, DEPTH)
    events = tuple(Event(_back(new, age), *buffer.pairs[age]) for age in reversed(range(taken)))
    return News(events, happened - taken, reset)


def _young(buffer: Buffer, last: int) -> bool:
    """A buffer not yet full once, from a device whose counter stood higher: it counted from 0 since, and did not wrap."""
    empty = buffer.pairs[buffer.counter :]
    return buffer.counter < last and bool(empty) and not any(any(pair) for pair in empty)


def _continues(before: Buffer, buffer: Buffer, happened: int) -> bool:
    return happened >= DEPTH or buffer.pairs[happened:] == before.pairs[: DEPTH - happened]


def _gainsays(buffer: Buffer, escrow: int | None) -> bool:
    if not escrow:
        return False
    age = (buffer.counter - escrow) % 255
    return age < DEPTH and bill(Event(escrow, *buffer.pairs[age])).say is not Say.ESCROW


def _back(counter: int, age: int) -> int:
    """The counter `age` events ago; 255 comes before 1."""
    return (counter - age - 1) % 255 + 1


# ---------------------------------------------------------------- what one event says


class Say(Enum):
    """What a pair (A, B) is about."""

    CREDIT = auto()  # in the box
    ESCROW = auto()  # held, waits for a word
    RETURNED = auto()  # back out of escrow
    REJECTED = auto()  # went back by itself
    FAULT = auto()  # cannot take money until it says otherwise
    FRAUD = auto()  # someone tried something
    MENDED = auto()  # the fault of the stacker is over
    NOTHING = auto()


class Meaning(msgspec.Struct, frozen=True):
    """`type`: coin position or bill type, 0 where the device names no value. `word`: the code to tell. `name`: the vendors' own."""

    say: Say
    type: int = 0
    word: str = ""
    name: str = ""


_BILL: dict[int, tuple[Say, str, str]] = {
    0: (Say.NOTHING, "", "master inhibit active"),
    1: (Say.RETURNED, "", "bill returned from escrow"),
    2: (Say.REJECTED, "invalid", "invalid bill, validation"),
    3: (Say.REJECTED, "invalid", "invalid bill, transport"),
    4: (Say.REJECTED, "inhibited", "inhibited bill, serial"),
    5: (Say.REJECTED, "inhibited", "inhibited bill, switch"),
    6: (Say.FAULT, "jammed", "bill jammed in transport, unsafe: the customer may pull it"),
    7: (Say.FAULT, "jammed", "bill jammed in stacker"),
    8: (Say.FAULT, "jammed", "bill pulled backwards"),
    9: (Say.FRAUD, "fraud-9", "bill tamper"),
    10: (Say.MENDED, "", "stacker in order"),
    11: (Say.FAULT, "removed", "stacker removed"),
    12: (Say.MENDED, "", "stacker inserted"),
    13: (Say.FAULT, "fault-13", "stacker faulty"),
    14: (Say.FAULT, "full", "stacker full"),
    15: (Say.FAULT, "jammed", "stacker jammed"),
    16: (Say.FAULT, "jammed", "bill jammed in transport, safe"),
    17: (Say.FRAUD, "fraud-17", "opto fraud"),
    18: (Say.FRAUD, "fraud-18", "string fraud"),
    19: (Say.FAULT, "fault-19", "anti-string mechanism faulty"),
    20: (Say.REJECTED, "barcode", "barcode detected"),
    21: (Say.CREDIT, "", "unknown bill stacked"),
}

_COIN: dict[int, tuple[Say, str, str]] = {
    1: (Say.REJECTED, "invalid", "reject coin"),
    2: (Say.REJECTED, "inhibited", "inhibited coin"),
    3: (Say.REJECTED, "invalid", "multiple window"),
    4: (Say.REJECTED, "invalid", "wake-up time-out"),
    5: (Say.REJECTED, "invalid", "validation time-out"),
    6: (Say.FAULT, "fault-6", "credit sensor time-out"),
    7: (Say.REJECTED, "invalid", "sorter opto time-out"),
    8: (Say.REJECTED, "invalid", "second close coin"),
    9: (Say.REJECTED, "invalid", "accept gate not ready"),
    10: (Say.REJECTED, "invalid", "credit sensor not ready"),
    14: (Say.FAULT, "jammed", "credit sensor blocked"),
    15: (Say.FAULT, "jammed", "sorter opto blocked"),
    16: (Say.FAULT, "fault-16", "credit sequence error"),
    17: (Say.FRAUD, "fraud-17", "coin going backwards"),
    18: (Say.REJECTED, "invalid", "coin too fast"),
    19: (Say.REJECTED, "invalid", "coin too slow"),
    20: (Say.FRAUD, "fraud-20", "coin on string"),
    36: (Say.FAULT, "fault-36", "coin swallowed"),
    255: (Say.FAULT, "fault-255", "alarm"),
}


def bill(event: Event) -> Meaning:
    """A bill event (header 159)."""
    if event.a:
        if event.b > 1:
            return Meaning(Say.NOTHING)
        return Meaning(Say.ESCROW, event.a, "", "held in escrow") if event.b else Meaning(Say.CREDIT, event.a, "", "sent to stacker")
    say, word, name = _BILL.get(event.b, (Say.NOTHING, "", ""))
    return Meaning(say, 0, word, name)


def escrowed(buffer: Buffer) -> Event | None:
    """The event of the note that is held now, as far as the buffer tells."""
    for age, (a, b) in enumerate(buffer.pairs):
        event = Event(_back(buffer.counter, age), a, b)
        match bill(event).say:
            case Say.ESCROW:
                return event
            case Say.CREDIT | Say.RETURNED:
                return None
    return None


def coin(event: Event) -> Meaning:
    """A coin event (header 229). 128..159 is an inhibited coin of position B - 127; 253 and 254 move no coin."""
    if event.a:
        return Meaning(Say.CREDIT, event.a, "", "coin accepted")
    if 128 <= event.b <= 159:
        return Meaning(Say.REJECTED, 0, "inhibited", f"inhibited coin {event.b - 127}")
    say, word, name = _COIN.get(event.b, (Say.NOTHING, "", ""))
    return Meaning(say, 0, word, name)


_FAULTS = {39: "jammed", 44: "removed", 45: "full"}


def fault_word(code: int) -> str:
    """A self-check answer (header 232): "" when all is well, else jammed, removed, full or the number."""
    return _FAULTS.get(code, f"fault-{code}") if code else ""


# ---------------------------------------------------------------- what a coin or note is worth

_SCALES = {".": 0, "m": -3, "K": 3, "M": 6, "G": 9}


def coin_minor(identity: str) -> int | None:
    """Minor units of a coin id (header 184): "EU020A" is 20, "HU1K0A" 1000. None when unprogrammed, a token, or no whole number of them."""
    digits = identity[2:5]
    mark = next((letter for letter in digits if letter in _SCALES), None)
    whole, _, part = digits.partition(mark) if mark else (digits, "", "")
    if not (whole + part).isdecimal() or not (whole + part).isascii():
        return None
    return _whole(int(whole + part), (_SCALES[mark] if mark else 0) - len(part))


def bill_minor(identity: str, scaling: int, decimals: int, exponent: int) -> int | None:
    """Minor units of a bill id (header 157), "EU0005A", with its country's scaling (156). None when it has no value."""
    digits = identity[2:6]
    if not digits.isdecimal() or not digits.isascii() or not scaling:
        return None
    return _whole(int(digits) * scaling, exponent - decimals)


def _whole(number: int, power: int) -> int | None:
    if power >= 0:
        return number * 10**power or None
    whole, rest = divmod(number, 10**-power)
    return None if rest or not whole else whole
