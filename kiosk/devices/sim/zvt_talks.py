"""What a simulated terminal says in each of its dialogues: generators, which are sent the answer to each message, None for silence."""

from collections.abc import Callable, Generator
from dataclasses import dataclass

from kiosk.devices.sim.zvt_book import Book, Entry

MODES = ("approve", "decline", "abort", "silent", "plain", "hold", "busy", "full", "diagnosis", "jammed")
REFUSED = {"busy": 0x9C, "full": 0x6A, "diagnosis": 0xC2, "jammed": 0xC0}
LINES = ("SIMULATED BANK", "Amount {amount}", "Card ############4771", "Receipt {receipt:04d}  Trace {trace:06d}", "", "APPROVED")


@dataclass
class Faults:
    """What it does wrong."""

    duplicate: bool = False
    other_amount: bool = False
    other_currency: bool = False
    unknown_bitmap: bool = False
    delay_ms: int = 0


@dataclass(frozen=True)
class Ask:
    """A message, and how long its answer may take."""

    message: bytes
    wait_s: float


@dataclass(frozen=True)
class Pause:
    """Nothing is said for so long."""

    wait_s: float


Talk = Generator[Ask | Pause, bytes | None, None]


def packed(number: int, size: int) -> bytes:
    """BCD."""
    return bytes.fromhex(str(number).zfill(2 * size))


def message(command: int, data: bytes = b"") -> bytes:
    """An APDU."""
    size = bytes([len(data)]) if len(data) < 0xFF else bytes([0xFF, len(data) % 256, len(data) // 256])
    return bytes([command // 256, command % 256]) + size + data


class Talks:
    """The dialogues of one terminal. `cancelled`: the kiosk has called the payment off.

    `awaits_card`: the customer has the next word.
    """

    def __init__(
        self, book: Book, number: int, *, keep: bool, answer_s: float, repeat_s: float, goods_unit_s: float, card_s: float
    ) -> None:
        self.book, self._number, self._keep, self._answer_s = book, number, keep, answer_s
        self._repeat_s, self._goods_unit_s, self._card_s = repeat_s, goods_unit_s, card_s
        self.mode, self.result, self.faults = "approve", 0x05, Faults()
        self.registered = self.cancelled = self.awaits_card = False
        self._currency = b"\x01\x56"  # what was registered

    def of(self, command: int) -> Callable[[bytes], Talk] | None:
        """The dialogue that a command begins; None for what is not known."""
        talks: dict[int, Callable[[bytes], Talk]] = {
            0x0600: self._registration,
            0x0501: lambda _: self._enquiry(),
            0x0601: self._payment,
            0x0620: lambda _: self._repeat(),
            0x0630: self._reversal,
            0x0650: lambda _: self._end_of_day(),
            0x0670: lambda _: self._diagnosis(),
        }
        return talks.get(command)

    def settle(self, entry: Entry, why: str) -> None:
        """Nobody said a word about this approval."""
        if self._keep:
            self.book.complete(entry, "kept")
        else:
            self.book.reverse(entry, why)

    def _ask(self, command: int, data: bytes = b"") -> Ask:
        return Ask(message(command, data), self._answer_s)

    def _registration(self, data: bytes) -> Talk:
        self.registered, self._currency = True, data[4:6]
        yield self._ask(0x060F, b"\x19\x00\x29" + packed(self._number, 4) + b"\x49" + self._currency)

    def _enquiry(self) -> Talk:
        yield self._ask(0x060F, bytes([0x27, REFUSED.get(self.mode, 0) if self.mode != "busy" else 0]))

    def _diagnosis(self) -> Talk:
        if self.mode == "diagnosis":
            self.mode = "approve"
        yield self._ask(0x060F, b"\x27\x00")

    def _end_of_day(self) -> Talk:
        if self.mode == "full":
            self.mode = "approve"
        self.book.end_day()
        yield self._ask(0x06D1, b"\x00END OF DAY")
        yield self._ask(0x060F)

    def _repeat(self) -> Talk:
        last = self.book.last
        if last is None:
            yield self._ask(0x061E, b"\x64")
            return
        yield self._ask(0x040F, self._status(last, 0x6C if last.state == "reversed" else 0))
        yield self._ask(0x060F)

    def _reversal(self, data: bytes) -> Talk:
        entry = self.book.reversible(int(data[4:6].hex()))
        if entry is None or entry.state == "reversed":
            yield self._ask(0x061E, b"\xb4" if entry else b"\xb5")
            return
        yield self._ask(0x040F, self._status(self.book.reversal(entry), 0))
        yield self._ask(0x060F)

    def _status(self, entry: Entry, result: int) -> bytes:
        amount = entry.amount_minor + (100 if self.faults.other_amount else 0)
        currency = b"\x09\x78" if self.faults.other_currency else self._currency
        odd = b"\xee\x01" if self.faults.unknown_bitmap else b""
        original = b"\x37" + packed(entry.of, 3) if entry.of else b""
        numbers = b"\x0b" + packed(entry.trace, 3) + b"\x29" + packed(self._number, 4) + b"\x87" + packed(entry.receipt, 2)
        card = bytes.fromhex("22F0F8EEEEEEEEEEEE4771 3B3132333435360000 8A06")
        return odd + bytes([0x27, result, 0x04]) + packed(amount, 6) + b"\x49" + currency + numbers + original + card

    # ---------------------------------------------------------------- a payment

    def _payment(self, data: bytes) -> Talk:
        amount = int(data[1:7].hex())
        goods_s, waits = data[11] * self._goods_unit_s, data[13]
        yield self._ask(0x04FF, b"\x0a\x01")
        self.awaits_card = True
        yield Pause(self._card_s)
        while self.mode == "hold" and not self.cancelled:
            yield Pause(0.01)
        self.awaits_card = False
        if self.cancelled or self.mode == "abort":
            yield from self._not_approved(amount, 0x6C)
        elif self.mode in REFUSED or self.mode == "decline":
            yield from self._not_approved(amount, REFUSED.get(self.mode, self.result))
        elif self.mode == "silent":
            entry = self.book.approve(amount)
            yield Pause(goods_s)
            self.settle(entry, "silence")
        elif self.mode == "plain":
            entry = self.book.approve(amount)
            self.book.complete(entry, "plain")
            yield self._ask(0x040F, self._status(entry, 0))
            yield from self._papers(entry)
        else:
            yield self._ask(0x04FF, b"\x0e\x01")
            yield from self.goods(amount, goods_s, waits)

    def goods(self, amount: int, goods_s: float, waits: int) -> Talk:
        """An approval that waits for its goods."""
        entry = self.book.approve(amount)
        why = "waits"
        for turn in range(waits + 1):
            answer = yield Ask(message(0x040F, self._status(entry, 0)), goods_s)
            if answer is None:
                why = "silence"
                break
            if answer[:2] in (b"\x80\x00", b"\x84\x00"):
                self.book.complete(entry, "goods")
                yield from self._papers(entry)
                return
            if answer[:2] != b"\x84\x9c":
                why = "refused"
                break
            if turn < waits:
                yield Pause(self._repeat_s)
        self.book.reverse(entry, why)
        yield self._ask(0x040F, self._status(entry, 0x6C))
        yield self._ask(0x061E, b"\x6c")

    def _papers(self, entry: Entry) -> Talk:
        amount = f"{entry.amount_minor // 100}.{entry.amount_minor % 100:02d}"
        for line in LINES:
            yield self._ask(0x06D1, b"\0" + line.format(amount=amount, receipt=entry.receipt, trace=entry.trace).encode())
        yield self._ask(0x060F, b"\x27\x00\x29" + packed(self._number, 4))

    def _not_approved(self, amount: int, result: int) -> Talk:
        declined = bytes([0x27, result, 0x04]) + packed(amount, 6) + b"\x29" + packed(self._number, 4)
        yield self._ask(0x040F, declined)
        yield self._ask(0x061E, bytes([result]))
