"""What a simulated terminal says in each of its dialogues: generators, which are sent the answer to each message, None for silence."""

from collections.abc import Callable, Generator
from dataclasses import dataclass

from kiosk.devices.sim import zvt_fields as zf
from kiosk.devices.sim.zvt_book import Book, Entry

MODES = ("approve", "decline", "abort", "silent", "plain", "hold", "busy", "full", "diagnosis", "jammed")
REFUSED = {"busy": 0x9C, "full": 0x6A, "diagnosis": 0xC2, "jammed": 0xC0}
PRINTS_PAYMENTS, PRINTS_OTHERS, TELLS_STEPS = 0x02, 0x04, 0x08  # of the registration's configuration byte
GOODS_S = 30  # where the till names no time
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
        self._currency, self._wants = b"\x01\x56", 0xFF  # what was registered; without a currency the terminal has its own

    def of(self, command: int) -> Callable[[bytes], Talk] | None:
        """What begins a command's dialogue, of its data, or raises Malformed; None for a command that is not known."""
        talks: dict[int, Callable[[bytes], Talk]] = {
            0x0600: self._registration,
            0x0501: lambda _: self._enquiry(),
            0x0601: self._payment,
            0x0602: lambda _: self._log_off(),
            0x0620: self._repeat,
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
        """Password, configuration, perhaps a currency, then fields."""
        if len(data) < 4:
            raise zf.Malformed("a registration has a password and a configuration byte")
        rest = data[4:]
        if rest and rest[0] not in (zf.SERVICE, zf.TLV):
            if len(rest) < 2:
                raise zf.Malformed("a currency has two bytes")
            zf.number(rest[:2])
            self._currency, rest = rest[:2], rest[2:]
        zf.fields(rest)
        self.registered, self._wants = True, data[3]
        return self._registered()

    def _registered(self) -> Talk:
        yield self._ask(0x060F, b"\x19\x00\x29" + packed(self._number, 4) + b"\x49" + self._currency)

    def _log_off(self) -> Talk:
        self.registered = False
        yield from ()

    def _enquiry(self) -> Talk:
        """One byte without a tag: how the terminal stands."""
        yield self._ask(0x060F, bytes([REFUSED.get(self.mode, 0) if self.mode != "busy" else 0]))

    def _diagnosis(self) -> Talk:
        if self.mode == "diagnosis":
            self.mode = "approve"
        yield self._ask(0x060F, b"\x27\x00")

    def _end_of_day(self) -> Talk:
        if self.mode == "full":
            self.mode = "approve"
        self.book.end_day()
        if self._wants & PRINTS_OTHERS:
            yield self._ask(0x06D1, b"\x00END OF DAY")
        yield self._ask(0x060F)

    def _repeat(self, data: bytes) -> Talk:
        """The service byte's first bit asks for the status, its second for no paper."""
        service = zf.fields(data[3:]).get(zf.SERVICE, b"\x00")[0]
        return self._repeated(status=bool(service & 1), paper=not service & 2)

    def _repeated(self, *, status: bool, paper: bool) -> Talk:
        last = self.book.last
        if last is None:
            yield self._ask(0x061E, b"\x64")
            return
        if status:
            yield self._ask(0x040F, self._status(last, 0x6C if last.state == "reversed" else 0))
        if paper:
            yield from self._paper(last)
        yield self._ask(0x060F)

    def _reversal(self, data: bytes) -> Talk:
        said = zf.fields(data[3:])
        if zf.RECEIPT not in said:
            raise zf.Malformed("a reversal names a receipt")
        return self._reversed(zf.number(said[zf.RECEIPT]))

    def _reversed(self, receipt: int) -> Talk:
        entry = self.book.reversible(receipt)
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
        """With a time for the goods, or a number of waits, the approval waits for them; without either it is final by itself."""
        said = zf.fields(data)
        if zf.AMOUNT not in said:
            raise zf.Malformed("a payment has an amount")
        vends = zf.TIMEOUT in said or zf.WAITS in said
        goods_s = said.get(zf.TIMEOUT, bytes([GOODS_S]))[0] * self._goods_unit_s
        return self._paying(zf.number(said[zf.AMOUNT]), goods_s, said.get(zf.WAITS, b"\x00")[0], vends=vends)

    def _step(self, word: int) -> Talk:
        if self._wants & TELLS_STEPS:
            yield self._ask(0x04FF, bytes([word, 1]))

    def _paying(self, amount: int, goods_s: float, waits: int, *, vends: bool) -> Talk:
        yield from self._step(0x0A)
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
        elif self.mode == "plain" or not vends:
            entry = self.book.approve(amount)
            self.book.complete(entry, "plain")
            yield self._ask(0x040F, self._status(entry, 0))
            yield from self._papers(entry)
        else:
            yield from self._step(0x0E)
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
        yield from self._paper(entry)
        yield self._ask(0x060F, b"\x27\x00\x29" + packed(self._number, 4))

    def _paper(self, entry: Entry) -> Talk:
        if not self._wants & PRINTS_PAYMENTS:
            return
        amount = f"{entry.amount_minor // 100}.{entry.amount_minor % 100:02d}"
        for line in LINES:
            yield self._ask(0x06D1, b"\0" + line.format(amount=amount, receipt=entry.receipt, trace=entry.trace).encode())

    def _not_approved(self, amount: int, result: int) -> Talk:
        declined = bytes([0x27, result, 0x04]) + packed(amount, 6) + b"\x29" + packed(self._number, 4)
        yield self._ask(0x040F, declined)
        yield self._ask(0x061E, bytes([result]))
