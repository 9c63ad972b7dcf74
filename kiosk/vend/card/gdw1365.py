"""Card layout `gdw1365`: the user card that State Grid meters read, with a slot mark in its reserved bytes.

Source: Q/GDW 1365-2013 and the field tables of docs (file 1 parameters, file 2 wallet, file 5 return file; big-endian, money in 0.01 yuan).
The module reads as the card does: where things stand, what a reading says, what is written and in which order.

The meter credits the wallet only when its count is the meter's count + 1 and the return file is empty. So a purchase is prepared behind a
return file that is *not* empty, and clearing that file is the last write, the commit. Torn anywhere before it, the meter refuses.
"""

from collections.abc import Callable, Mapping

import msgspec

from kiosk.vend.card.reading import FileSpec, Reading, Record, Returned, TagOf, Update, Verdict, Word

# ---------------------------------------------------------------- where things stand

PARAMETERS, WALLET, RETURN = FileSpec(1, 45), FileSpec(2, 8), FileSpec(5, 49)
USER_CARD, RETURN_HEAD, FRAME_END = bytes.fromhex("68010027"), bytes.fromhex("6811002b"), 0x16
COUNT_MAX = 0xFFFFFFFF  # four bytes; a card that is there is renewed at the counter
OPEN, PURCHASE = 1, 2  # byte 42 of file 1; 3 is a replacement


class File1:
    """Parameter information file: a frame of 45 bytes. The tag stands in bytes that the standard reserves on a user card."""

    USER_TYPE = slice(4, 5)
    FLAGS = 5  # flags, tag, switch time and balancing byte are one update: the mark
    TAG = slice(6, 10)  # salt (2), CMAC (2)
    SWITCH = slice(10, 15)  # BCD YYMMDDhhmm, all 00 or all 99 for none
    BALANCE = 15  # chosen so that the checksum at 43 stays true whatever the mark holds
    CT = slice(24, 27)
    CT_PT = slice(24, 30)
    METER = slice(30, 36)
    CUSTOMER = slice(36, 42)
    KIND = 42
    CHECKSUM = 43


class File5:
    """Return-write file: a frame of 49 bytes that the meter writes. Its first eight bytes decide whether it is empty."""

    CLEARED = slice(0, 8)
    CT = slice(5, 8)
    METER = slice(11, 17)
    CUSTOMER = slice(17, 23)
    MONEY = slice(23, 27)  # binary; 0 when overdrawn
    COUNT = slice(27, 31)
    OVERDRAFT = slice(31, 35)  # BCD
    ILLEGAL = slice(39, 42)  # BCD
    TIME = slice(42, 47)  # BCD YYMMDDhhmm; 0 on a file that a kiosk armed: the balance is unknown then


def checksum(body: bytes) -> int:
    """Sum modulo 256 from the command byte to the last data byte."""
    return sum(body) & 0xFF


def whole(frame: bytes, head: bytes) -> bool:
    """Head, checksum and end are those of a complete frame."""
    return frame.startswith(head) and checksum(frame[1:-2]) == frame[-2] and frame[-1] == FRAME_END


def digits(bcd: bytes) -> str:
    """BCD -> decimal digits, "" where a nibble is none."""
    text = bcd.hex()
    return text if text.isdecimal() else ""


def moment(bcd: bytes) -> str | None:
    """BCD YYMMDDhhmm -> "20YY-MM-DD hh:mm"; None where it is no moment (all 00, all 99, a torn byte)."""
    text = digits(bcd)
    year, month, day, hour, minute = (int(text[i : i + 2] or 0) for i in range(0, 10, 2))
    if 1 <= month <= 12 and 1 <= day <= 31 and hour < 24 and minute < 60:
        return f"20{year:02}-{month:02}-{day:02} {hour:02}:{minute:02}"
    return None


# ---------------------------------------------------------------- what the bytes are


def empty(returned: bytes) -> bool:
    """The meter's own test: byte 0 is not 68 and the CT bytes are zero."""
    return returned[0] != RETURN_HEAD[0] and not any(returned[File5.CT])


def frame_of(returned: bytes, parameters: bytes) -> bytes | None:
    """The return file's frame, if it holds one.

    A commit torn after byte j leaves bytes 0..j zero. The purchase behind it was never released, and what the file said can be
    put back: head, user type and CT are known, and the checksum decides whether they were these.
    """
    if empty(returned):
        return None
    if whole(returned, RETURN_HEAD):
        return returned
    head = RETURN_HEAD + parameters[File1.USER_TYPE] + parameters[File1.CT]
    for j, byte in enumerate(returned[File5.CLEARED]):
        if byte:
            break
        mended = head[: j + 1] + returned[j + 1 :]
        if whole(mended, RETURN_HEAD):
            return mended
    return None


def names_of(frame: bytes, meter: slice, customer: slice) -> tuple[str, str]:
    """(meter number, customer number). A meter that was never opened has no customer yet and writes zeros: ""."""
    name = digits(frame[customer])
    return digits(frame[meter]), name if name.strip("0") else ""


def balance_of(frame: bytes) -> tuple[int | None, str | None]:
    """(what was left in the meter, when): money, or the overdraft as a negative amount; (None, None) from a file that a kiosk armed."""
    if not any(frame[File5.TIME]):
        return None, None
    money, overdraft = int.from_bytes(frame[File5.MONEY]), digits(frame[File5.OVERDRAFT])
    balance = money or -int(overdraft) if overdraft else None
    return balance, moment(frame[File5.TIME])


def exact(files: Mapping[int, bytes], spec: FileSpec) -> bytes:
    """A file's bytes, of the length that the layout says. ValueError otherwise: such a card is of another layout."""
    raw = files.get(spec.file, b"")
    if len(raw) != spec.length:
        raise ValueError(f"file {spec.file} has {len(raw)} bytes, gdw1365 has {spec.length}")
    return raw


# ---------------------------------------------------------------- what a reading says


class Case(msgspec.Struct, frozen=True):
    """A reading beside our own record, if that was begun on this very card, and the highest return count it ever showed here."""

    reading: Reading
    record: Record | None
    known: int

    @property
    def ours(self) -> bool:
        """The card is marked with our record."""
        return self.record is not None and self.reading.tag == self.record.tag

    @property
    def right(self) -> bool:
        """The wallet holds our record, whole."""
        wallet = (self.reading.count, self.reading.amount_minor)
        return self.record is not None and wallet == (self.record.n, self.record.amount_minor)

    @property
    def next(self) -> int | None:
        """The slot that a new purchase would take."""
        return next_slot(self.reading)


def next_slot(reading: Reading) -> int | None:
    """The slot that a new purchase on this card would take; None while one stands in the way or nothing proves the count.

    Without a return frame only a card that was never opened has one: type 01 speaks of slot 1 alone, because the type changes
    before slot 2 is marked.
    """
    if reading.taken is not None:
        free = reading.taken < COUNT_MAX and (reading.count <= reading.taken or not reading.fits)
        return reading.taken + 1 if free else None
    torn_mark = reading.returned is Returned.TORN and reading.tag is not None and not reading.fits
    return 1 if reading.kind == OPEN and (reading.count == 0 or torn_mark) else None


def refused(case: Case) -> Verdict | None:
    """Not proven genuine, of another meter, or older than what it once showed."""
    reading, record = case.reading, case.record
    other = record is not None and reading.meter not in ("", record.meter)
    if not reading.authentic:
        return Verdict(Word.REFUSED, why="unproven")
    if not reading.agrees or other:
        return Verdict(Word.REFUSED, why="other_customer" if not other and two_customers(reading) else "other_meter")
    if reading.taken is not None and reading.taken < case.known:
        return Verdict(Word.REFUSED, why="went_back")
    return None


def two_customers(reading: Reading) -> bool:
    """File 1 and the return file name one meter, and two people."""
    parameters, returned = (bytes.fromhex(reading.files.get(name, "")) for name in ("01", "05"))
    frame = frame_of(returned, parameters) if parameters and returned else None
    return frame is not None and parameters[File1.METER] == frame[File5.METER]


def landed(case: Case) -> Verdict | None:
    """Ours, whole, and released: the meter takes it next, or has taken it."""
    reading, record = case.reading, case.record
    if record and case.ours and case.right and (reading.returned is Returned.EMPTY or reading.taken == record.n):
        return Verdict(Word.LANDED, record.n, record.amount_minor)
    return None


def resume(case: Case) -> Verdict | None:
    """Ours and not released: go on where it tore, never mark twice."""
    reading, record = case.reading, case.record
    if record and case.ours and (reading.taken == record.n - 1 or reading.returned is Returned.TORN):
        return Verdict(Word.RESUME, record.n, record.amount_minor, step="commit" if case.right else "load")
    return None


def locked(case: Case) -> Verdict | None:
    """Without the tag key nothing further may be believed: another machine can tell."""
    return None if case.reading.keyed else Verdict(Word.REFUSED, why="locked")


def foreign(case: Case) -> Verdict | None:
    """A paid purchase of another machine, torn before its commit."""
    reading = case.reading
    if reading.taken is not None and reading.count == reading.taken + 1 and reading.fits:
        return Verdict(Word.FOREIGN, reading.count, reading.amount_minor, step="commit")
    return None


def never(case: Case) -> Verdict | None:
    """Our slot is still the next one: nothing of ours got as far as the wallet."""
    record = case.record
    if record and case.next == record.n:
        return Verdict(Word.NEVER, record.n, record.amount_minor, step="arm")
    return None


def unreadable(case: Case) -> Verdict | None:
    """The meter's write was torn: the meter writes the return file anew."""
    return Verdict(Word.UNREADABLE) if case.reading.returned is Returned.TORN and case.next is None else None


def spent(case: Case) -> Verdict | None:
    """Our slot is gone to another record."""
    return Verdict(Word.SPENT, case.record.n, case.record.amount_minor) if case.record else None


def ready(case: Case) -> Verdict | None:
    """A purchase can be sold. One that was begun elsewhere and lies broken is asked about first."""
    broken = case.reading.kind is None or (case.reading.tag is not None and not case.reading.fits)
    return Verdict(Word.READY, case.next, begun_elsewhere=broken) if case.next else None


def untaken(case: Case) -> Verdict | None:
    """The last purchase waits for the meter."""
    reading = case.reading
    return Verdict(Word.UNTAKEN, reading.count, reading.amount_minor) if reading.returned is Returned.EMPTY else None


def counts(_: Case) -> Verdict:
    """The counts disagree in a way that no tear explains."""
    return Verdict(Word.REFUSED, why="counts")


ROWS: tuple[Callable[[Case], Verdict | None], ...] = (
    refused,
    landed,
    resume,
    locked,
    foreign,
    never,
    unreadable,
    spent,
    ready,
    untaken,
    counts,
)
"""The judge's table: the first row that has a word decides."""


# ---------------------------------------------------------------- what is written


def armed(parameters: bytes, count: int) -> bytes:
    """A whole return frame with the numbers of file 1, `count`, no money and no time, so that there is something to clear."""
    body = RETURN_HEAD + parameters[File1.USER_TYPE] + parameters[File1.CT_PT] + parameters[File1.METER] + parameters[File1.CUSTOMER]
    body += bytes(4) + count.to_bytes(4) + bytes(16)
    return body + bytes((checksum(body[1:]), FRAME_END))


def typed(parameters: bytes) -> bytes:
    """Bytes 42-43: a purchase card, the checksum true with it."""
    return bytes((PURCHASE, checksum(parameters[1 : File1.KIND] + bytes((PURCHASE,)))))


EVERYTHING, STANDBY_TOU = 0x8F, 0x02  # parameter flags: alarms, CT and PT, all four sets of prices


def issued(parameters: bytes) -> tuple[int, bytes]:
    """(flags, switch time) of an open card in slot 1, as HQ issued them; a mark torn before may have spoilt either.

    FF means 0 on old cards. A byte with a bit that no flag has was torn: an open card brings everything. A switch time that is no
    moment switches to nothing, so the standby set stays out.
    """
    flags, switch = parameters[File1.FLAGS], parameters[File1.SWITCH]
    if flags == 0xFF and whole(parameters, USER_CARD):
        flags = 0
    elif flags & ~EVERYTHING:
        flags = EVERYTHING
    return (flags, switch) if moment(switch) else (flags & ~STANDBY_TOU, bytes(5))


def marked(parameters: bytes, record: Record) -> bytes:
    """Bytes 5-15: flags, tag, switch time, and the byte that keeps the checksum at 43 true, so that marking again heals a torn mark."""
    flags, switch = issued(parameters) if record.n == 1 else (0, bytes(5))
    mark = bytes((flags,)) + bytes.fromhex(record.tag) + switch
    rest = checksum(parameters[1 : File1.FLAGS] + mark + parameters[File1.BALANCE + 1 : File1.CHECKSUM])
    return mark + bytes(((parameters[File1.CHECKSUM] - rest) & 0xFF,))


class Gdw1365:
    """The profile. Everything here is pure."""

    name = "gdw1365"
    reads = (PARAMETERS, WALLET, RETURN)
    steps = ("arm", "type", "mark", "load", "commit")

    def parse(self, serial: str, files: dict[int, bytes], authentic: bool, tag_of: TagOf | None) -> Reading:
        """Bytes -> Reading. ValueError where a file has another length than the layout's."""
        parameters, wallet, returned = (exact(files, spec) for spec in self.reads)
        sound, frame = whole(parameters, USER_CARD), frame_of(returned, parameters)
        named = [names_of(parameters, File1.METER, File1.CUSTOMER)] if sound else []
        if frame:
            named.append(names_of(frame, File5.METER, File5.CUSTOMER))
        meter = named[0][0] if named else ""
        customer = next((name for _, name in named if name), "")
        amount, count = int.from_bytes(wallet[:4]), int.from_bytes(wallet[4:])
        tag = parameters[File1.TAG] if sound and any(parameters[File1.TAG]) else None
        fits = tag is not None and tag_of is not None and bool(meter) and tag_of(meter, count, amount, tag[:2]) == tag[2:]
        balance, balance_at = balance_of(frame) if frame else (None, None)
        return Reading(
            serial=serial,
            profile=self.name,
            authentic=authentic,
            meter=meter,
            customer=customer,
            kind=parameters[File1.KIND] if sound else None,
            count=count,
            amount_minor=amount,
            returned=Returned.FRAME if frame else Returned.EMPTY if empty(returned) else Returned.TORN,
            taken=int.from_bytes(frame[File5.COUNT]) if frame else None,
            tag=tag.hex() if tag else None,
            fits=fits,
            balance_minor=balance,
            balance_at=balance_at,
            illegal=int(digits(frame[File5.ILLEGAL]) or 0) if frame else 0,
            agrees=parameters.startswith(USER_CARD) and all(names in ((meter, customer), (meter, "")) for names in named),
            keyed=tag_of is not None,
            files={f"{spec.file:02}": raw.hex() for spec, raw in zip(self.reads, (parameters, wallet, returned), strict=True)},
        )

    def judge(self, reading: Reading, record: Record | None, known: int) -> Verdict:
        """The first row's word. An own record counts only on the card that its sale was opened with."""
        case = Case(reading, record if record and record.card == reading.serial else None, known)
        return next(verdict for row in ROWS if (verdict := row(case)))

    def arm(self, reading: Reading, n: int) -> Update | None:
        """The whole return frame, count n - 1; None when there is a frame to clear already."""
        if reading.returned is Returned.FRAME:
            return None
        return Update("arm", RETURN.file, 0, armed(bytes.fromhex(reading.files["01"]), n - 1))

    def plan(self, reading: Reading, record: Record, start: str) -> tuple[Update, ...]:
        """The writes from step `start` on, each one APDU; a step that would change nothing is left out."""
        parameters, updates = bytes.fromhex(reading.files["01"]), []
        for step in self.steps[self.steps.index(start) :]:
            update = self._update(step, reading, record, parameters)
            if update is None:
                continue
            updates.append(update)
            if update.file == PARAMETERS.file:
                parameters = parameters[: update.offset] + update.data + parameters[update.offset + len(update.data) :]
        return tuple(updates)

    def _update(self, step: str, reading: Reading, record: Record, parameters: bytes) -> Update | None:
        if step == "arm":
            return self.arm(reading, record.n)
        if step == "type":
            needed = record.n > 1 and parameters[File1.KIND] != PURCHASE
            return Update("type", PARAMETERS.file, File1.KIND, typed(parameters)) if needed else None
        if step == "mark":
            return Update("mark", PARAMETERS.file, File1.FLAGS, marked(parameters, record))
        if step == "load":
            return Update("load", WALLET.file, 0, record.amount_minor.to_bytes(4) + record.n.to_bytes(4))
        return self.commit(reading)

    def commit(self, reading: Reading) -> Update:  # noqa: ARG002 - other layouts need it
        """Clear the first eight bytes of the return file."""
        return Update("commit", RETURN.file, 0, bytes(8))


PROFILE = Gdw1365()
