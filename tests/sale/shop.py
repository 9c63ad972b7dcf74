"""A whole shop in one thread for tests: the real step and fold, a card of plain bytes, acceptors and a printer that only tell.

Time is the test's. Every lasting fact is kept, so that a power cut is: fold them again.
"""

import hashlib
from dataclasses import dataclass, field

import msgspec

from kiosk.vend import facts as f
from kiosk.vend import proof, sale, seen, showing
from kiosk.vend.card.gdw1365 import PROFILE, armed
from kiosk.vend.card.reading import Reading, Record, Update
from kiosk.vend.evidence import Evidence, encode
from kiosk.vend.facts import Row
from kiosk.vend.fold import fold
from kiosk.vend.ports import CardJob, PrintJob, SignJob
from kiosk.vend.rows import Recorded
from kiosk.vend.rules import Now, Rules
from kiosk.vend.state import State
from kiosk.vend.view import View
from kiosk.vend.witness import Height

METER, CUSTOMER = "000012345678", "000098765432"


def rules(**changes: object) -> Rules:
    """The rules of kiosk K07 with two enrolled acceptors."""
    return msgspec.structs.replace(Rules("K07", PROFILE, acceptors={"notes": "", "coins": ""}), **changes)


def sign(label: str, data: bytes) -> bytes:
    """Stands for the station's signature: 64 bytes that a test can make again."""
    return hashlib.sha512(label.encode() + data).digest()


def tag_of(meter: str, n: int, amount_minor: int, salt: bytes) -> bytes:
    """Stands for the vault's CMAC."""
    return hashlib.sha256(f"{meter}{n}{amount_minor}".encode() + salt).digest()[:2]


@dataclass
class Card:
    """A gdw1365 card as bytes, and its meter in five lines."""

    serial: str = "1122334455667788"
    meter: str = METER
    files: dict[int, bytes] = field(default_factory=dict)
    count: int = 1  # the meter's
    credited: list[int] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)  # whose purchases they were
    slots: list[int] = field(default_factory=list)  # and in which slots
    stores: bool = True

    def __post_init__(self) -> None:
        if not self.files:
            body = bytes.fromhex("01002700" + "00" * 11 + "00002000" + "00000500" + "000001" + "000001" + self.meter + CUSTOMER + "02")
            self.files = {1: b"\x68" + body + bytes((sum(body) & 255, 0x16)), 2: bytes(4) + (1).to_bytes(4), 5: b""}
            self.files[5] = self._returned(12_40)

    def _returned(self, balance: int) -> bytes:
        frame = bytearray(armed(self.files[1], self.count))
        frame[23:27] = balance.to_bytes(4)
        frame[42:47] = bytes.fromhex("2611030815")
        frame[47] = sum(frame[1:47]) & 255
        return bytes(frame)

    def into_meter(self) -> None:
        """The decision of facts 3.4, its one crediting row."""
        amount, n = int.from_bytes(self.files[2][:4]), int.from_bytes(self.files[2][4:])
        returned = self.files[5]
        if n == self.count + 1 and returned[0] != 0x68 and not any(returned[5:8]):
            self.count = n
            self.credited.append(amount)
            self.tags.append(self.files[1][6:10].hex())
            self.slots.append(n)
        self.files[5] = self._returned(12_40)

    def write(self, update: Update, upto: int | None = None) -> None:
        """One update, whole or torn after `upto` bytes."""
        if not self.stores:
            return
        data = update.data if upto is None else update.data[:upto]
        old = self.files[update.file]
        self.files[update.file] = old[: update.offset] + data + old[update.offset + len(data) :]

    def read(self, authentic: bool = True) -> Reading:
        return PROFILE.parse(self.serial, self.files, authentic, tag_of)


class Shop:
    """step + fold + a journal in memory."""

    def __init__(self, *, printer: str = "ok", **changes: object) -> None:
        self.rules = rules(**changes)
        self.state, self.rows, self.boot, self.ms, self.fresh = State(), list[tuple[f.Fact, Row]](), 0, 1_000_000, 0
        self.moved_ms = 0
        self.heights: tuple[Height, ...] = ()
        self.counters = {"notes": 0, "coins": 0}
        self.accepted: dict[str, int | None] = {"notes": 0, "coins": 0}
        self.pieces: dict[str, list[int]] = {"notes": [], "coins": []}  # the acceptors' own lists of what fell into their boxes
        self.escrow = 0  # the note that the acceptor holds
        self.papers: list[PrintJob] = []  # all that came out of the printer
        self.codes: list[Evidence] = []  # all that the station signed
        self.card: Card | None = None
        self.tokens = 0
        self.printer = printer
        self.outcome = "printed"
        self.signs = True
        self.start()

    # ------------------------------------------------------------ the machine

    def start(self, *, acceptors: bool = True) -> None:
        """Power comes: replay, then the devices say what they know. The card stays where it is."""
        self.boot += 1
        self.state = State()
        for fact, row in self.rows:
            self.state = fold(self.state, fact, row)
        self._add(sale.started(self.rules, self.state, self.now(), "test", self.heights))
        self.tell(seen.ReaderUp("bench"))
        self.tell(seen.PrinterState(self.printer))
        if acceptors:
            self.acceptors_up()
        if self.card:
            self.insert(self.card)

    def acceptors_up(self, *, reset: bool = False) -> None:
        values = {"notes": (10_00, 20_00, 50_00, 100_00), "coins": (1_00,)}
        for device, counter in self.counters.items():
            self.tell(seen.AcceptorUp(device, f"SN-{device}", counter, self.accepted[device], values[device], reset))
        if reset:
            self.escrow = 0  # what was not stacked is with the customer again

    def wall_ms(self) -> int:
        """The wall clock: the running one, and by how much somebody moved it."""
        return 1_795_536_000_000 + self.ms + self.moved_ms

    def now(self) -> Now:
        self.fresh += 1
        return Now(self.wall_ms(), self.ms, self.boot, f"{self.fresh:016x}")

    def tell(self, what: seen.Seen) -> tuple[f.Fact, ...]:
        """As the desk does it: what is due by itself comes first afterwards."""
        facts = self._add(sale.step(self.rules, self.state, what, self.now()))
        if self.state.here.look_ms <= self.ms:
            self._add(sale.step(self.rules, self.state, seen.Tick(), self.now()))
        return facts

    def _add(self, facts: tuple[f.Fact, ...]) -> tuple[f.Fact, ...]:
        for fact in facts:
            if fact.passing:
                row = self.rows[-1][1] if self.rows else Row(0, 0, self.boot, self.ms, "00" * 32)
                row = msgspec.structs.replace(row, mono_ms=self.ms)
            else:
                digest = hashlib.sha256(msgspec.json.encode(fact)).hexdigest()
                row = Row(len(self.rows) + 1, self.wall_ms(), self.boot, self.ms, digest)
                self.rows.append((fact, row))
            self.state = fold(self.state, fact, row)
        return facts

    def wait(self, seconds: float) -> None:
        """Time passes, a tick each half second."""
        for _ in range(int(seconds * 2)):
            self.ms += 500
            self.tell(seen.Tick())
            self.work()

    def later(self, hours: float) -> None:
        """So long nobody comes; the desk looks once."""
        self.ms += int(hours * 3_600_000)
        self.tell(seen.Tick())

    def set_clock(self, by_ms: int) -> None:
        """Somebody moves the wall clock; the desk sees it against the running one."""
        self.moved_ms += by_ms
        self._add((f.ClockStepped(by_ms),))
        self.tell(seen.Tick())

    # ------------------------------------------------------------ the customer

    def insert(self, card: Card) -> None:
        self.card = card
        self.tokens += 1
        self.tell(seen.CardIn(f"t{self.tokens}", "3b00"))
        self.work()

    def pull(self) -> None:
        self.card = None
        self.tell(seen.CardOut(self.state.here.token))

    def press(self, do: str, arg: str = "", *, work: bool = True) -> None:
        self.tell(seen.Choice(self.state.here.turn, do, arg))
        if work:
            self.work()

    def feed(self, value: int, *, stack: bool = True) -> None:
        """A note: held, and if the stance says so stacked."""
        self.counters["notes"] += 1
        self.escrow = value
        self.tell(seen.NoteHeld("notes", "SN-notes", value, self.counters["notes"]))
        word = sale.stance(self.rules, self.state)
        if not stack:
            return
        self.counters["notes"] += 1
        if word.escrow == "stack":
            self.falls("notes", value)
            self.tell(seen.NoteIn("notes", "SN-notes", value, self.counters["notes"], self.accepted["notes"]))
        else:
            self.escrow = 0
            self.tell(seen.NoteBack("notes", "SN-notes", self.counters["notes"]))
        self.work()

    def falls(self, device: str, value: int) -> None:
        """A piece is in the box: the acceptor counts it and writes down what it is. The note in escrow is stacked by it."""
        count = self.accepted[device]
        self.accepted[device] = None if count is None else count + 1
        self.pieces[device].append(value)
        if device == "notes":
            self.escrow = 0

    def coin(self, value: int = 1_00) -> None:
        self.counters["coins"] += 1
        self.falls("coins", value)
        self.tell(seen.CoinIn("coins", "SN-coins", value, self.counters["coins"], self.accepted["coins"]))
        self.work()

    # ------------------------------------------------------------ the card

    def job(self) -> CardJob | None:
        return sale.next_job(self.rules, self.state)

    def work(self) -> None:
        """Do card, print and sign jobs until there is none."""
        for _ in range(20):
            job, paper, code = self.job(), proof.print_job(self.rules, self.state), proof.sign_job(self.rules, self.state)
            if paper:
                self.print(paper)
            elif code:
                self.sign(code)
            elif job and self.card:
                self.do(job, self.card)
            else:
                return
        raise AssertionError("the machine never comes to rest")

    def print(self, job: PrintJob) -> None:
        """The printer keeps what it prints, and tells how it ended."""
        self.papers.append(job)
        self.tell(seen.Printed(job.id, self.outcome))

    def sign(self, job: SignJob) -> None:
        """The station keeps what it signs."""
        if self.signs:
            self.codes.append(job.evidence)
        self.tell(seen.Signed(job.id, encode(job.evidence, sign) if self.signs else ""))

    def do(self, job: CardJob, card: Card) -> None:
        if job.do == "read":
            self.tell(seen.CardRead(job.token, job.id, card.read()))
            return
        tag = ""
        if job.do == "arm":
            salt = bytes.fromhex(job.salt) or hashlib.sha256(str(self.fresh).encode()).digest()[:2]
            tag = (salt + tag_of(card.meter, job.n, job.amount_minor, salt)).hex()
        for update in self.updates(job, card):
            card.write(update)
        self.tell(seen.CardWorked(job.token, job.id, done=True, tag=tag))

    def updates(self, job: CardJob, card: Card) -> tuple[Update, ...]:
        reading = card.read()
        if job.do == "arm":
            arm = PROFILE.arm(reading, job.n)
            return (arm,) if arm else ()
        if job.do == "finish":
            return (PROFILE.commit(reading),)
        assert isinstance(job.record, Record)
        return PROFILE.plan(reading, job.record, job.start)

    # ------------------------------------------------------------ what is seen

    @property
    def view(self) -> View:
        return showing.view(self.rules, self.state, self.now())

    def facts(self, *kinds: str) -> list[f.Fact]:
        return [fact for fact, _ in self.rows if not kinds or fact.kind in kinds]

    def recorded(self) -> list[Recorded]:
        """As a journal gives its rows."""
        return [Recorded(row, fact, getattr(fact, "sale", None)) for fact, row in self.rows]

    def kinds(self) -> list[str]:
        return [fact.kind for fact, _ in self.rows]


def torn(shop: Shop, card: Card) -> None:
    """100.00 are paid, and the card is pulled before the last update of its record."""
    shop.insert(card)
    shop.feed(100_00)
    shop.press("finish", work=False)
    for _ in range(2):
        job = shop.job()
        assert job
        if job.do == "arm":
            shop.do(job, card)
    assert job
    for update in shop.updates(job, card)[:-1]:
        card.write(update)
    shop.pull()
