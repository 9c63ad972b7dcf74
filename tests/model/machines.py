"""The product's real decisions, behind the model's small words: abstract card -> bytes -> the profile -> back.

Every card of the model is laid out as the bytes of a gdw1365 card, by the simulator's own encoders; the profile parses and judges them, and
its updates are put on those bytes. Nothing is decided here. Answers are remembered by abstract situation, because there are few.
"""

import hashlib
from functools import cache

from kiosk.devices.sim.card_files import Parameters, Returned
from kiosk.devices.sim.card_files import wallet as wallet_bytes
from kiosk.vend import slot
from kiosk.vend.card import gdw1365
from kiosk.vend.card.reading import Reading, Record, Update, Verdict
from kiosk.vend.card.reading import Returned as ReturnFile
from tests.model.hq import owners
from tests.model.world import GARBAGE, LOW, TORN, Card, Deed, Kiosk, Name, Row, Tag, Told, World, Wrote

METER, CUSTOMER = "000012345678", "000098765432"
AMOUNT, OTHER_AMOUNT = 100_00, 1_00
HUGE = 0xFFFF_FFFF


def serial_of(card: int) -> str:
    """A model serial as eight bytes."""
    return f"{0x1122334455667700 + card:016x}"


def name_salt(name: Name) -> bytes:
    """Each record has its own salt."""
    return (name if isinstance(name, int) else 0x100 + int(name.removeprefix("order "))).to_bytes(2)


def name_of(salt: bytes) -> Name:
    """The record of a salt."""
    number = int.from_bytes(salt)
    return number if number < 0x100 else f"order {number - 0x100}"


def tag_of(meter: str, n: int, amount_minor: int, salt: bytes) -> bytes:
    """Stands for the vault's CMAC."""
    return hashlib.sha256(f"{meter} {n} {amount_minor} ".encode() + salt).digest()[:2]


def tag_hex(tag: Tag) -> str:
    """The tag of a record in a slot, as it stands on the card."""
    salt = name_salt(tag[0])
    return (salt + tag_of(METER, tag[1], AMOUNT, salt)).hex()


def amount_of(value: int) -> int:
    """All values are equal; a torn amount is another; the purchase of nothing is 0."""
    return {GARBAGE: OTHER_AMOUNT, 0: 0}.get(value, AMOUNT)


def bytes_of(card: Card) -> dict[int, bytes]:
    """The card's files. A cleared return file keeps its old tail; a torn one is half a frame."""
    tag = bytes.fromhex(tag_hex(card.tag)) if card.tag else bytes(4)
    frame = Returned(METER, CUSTOMER, max(card.taken or 0, 0), remaining_minor=12_40, time="2611030815").encode()
    returned = {None: bytes(8) + frame[8:], TORN: frame[:20] + b"\xff" * 29}.get(card.taken, frame)
    return {
        1: Parameters(METER, CUSTOMER, kind=card.kind, reserved=tag).encode(),
        2: wallet_bytes(amount_of(card.value), card.bought if card.bought >= 0 else HUGE),
        5: returned,
    }


def slot_of(verdict: Verdict) -> int:
    """The slot that a word is about, 0 for none."""
    return LOW if verdict.n == HUGE else verdict.n or 0


def record_of(kiosk: Kiosk) -> Record:
    """The kiosk's record, as WriteStarted holds it."""
    assert kiosk.tag is not None
    return Record(serial_of(kiosk.serial), METER, kiosk.n, AMOUNT, tag_hex(kiosk.tag))


class RealCode:
    """The profile's judge and writes, and HQ's slot rule."""

    def __init__(self, profile: gdw1365.Gdw1365 = gdw1365.PROFILE) -> None:
        self.profile = profile
        self.steps: tuple[str, ...] = profile.steps
        self._own: dict[tuple[Card, Kiosk], tuple[str, int, str]] = {}
        self._offer: dict[Card, tuple[str, int]] = {}
        self._written: dict[tuple[Card, Kiosk], Card] = {}
        self._walks: dict[object, tuple[tuple[int, frozenset[Told]], ...]] = {}

    # ------------------------------------------------------------ kiosk

    def reading(self, card: Card) -> Reading:
        """What a kiosk reads of this card."""
        return self.profile.parse(serial_of(card.serial), bytes_of(card), authentic=True, tag_of=tag_of)

    def own(self, card: Card, kiosk: Kiosk) -> tuple[str, int, str]:
        """(word, slot, step) for a record in doubt."""
        key = (card, kiosk)
        if key not in self._own:
            self._own[key] = self.decide_own(card, kiosk)
        return self._own[key]

    def decide_own(self, card: Card, kiosk: Kiosk) -> tuple[str, int, str]:
        """The judge's word."""
        verdict = self.profile.judge(self.reading(card), record_of(kiosk), 0)
        return str(verdict.word), slot_of(verdict), verdict.step or ""

    def offer(self, card: Card) -> tuple[str, int]:
        """(word, slot) for a card that no record of the kiosk is about."""
        if card not in self._offer:
            self._offer[card] = self.decide_offer(card)
        return self._offer[card]

    def decide_offer(self, card: Card) -> tuple[str, int]:
        """The judge's word."""
        verdict = self.profile.judge(self.reading(card), None, 0)
        return str(verdict.word), slot_of(verdict)

    def written(self, card: Card, kiosk: Kiosk) -> Card:
        """The card after the kiosk's present step."""
        key = (card, kiosk)
        if key not in self._written:
            self._written[key] = self.decide_written(card, kiosk)
        return self._written[key]

    def decide_written(self, card: Card, kiosk: Kiosk) -> Card:
        """The profile's update, if that step changes anything."""
        updates = self.profile.plan(self.reading(card), record_of(kiosk), kiosk.step)
        return self.after(card, [update for update in updates[:1] if update.step == kiosk.step], kiosk.value)

    def finished(self, card: Card) -> Card:
        """The card after the commit alone."""
        return self.after(card, [self.profile.commit(self.reading(card))], card.value)

    def after(self, card: Card, updates: list[Update], value: int) -> Card:
        """The card with these updates on its bytes, seen again. `value` is the ghost that a new wallet holds."""
        files = bytes_of(card)
        for update in updates:
            old = files[update.file]
            files[update.file] = old[: update.offset] + update.data + old[update.offset + len(update.data) :]
            card = card._replace(value=value) if update.file == 2 else card
        seen = gdw1365.PROFILE.parse(serial_of(card.serial), files, authentic=True, tag_of=tag_of)
        count = card.bought if seen.count == HUGE else seen.count
        taken = TORN if seen.returned is ReturnFile.TORN else seen.taken
        assert seen.kind is not None
        tag = None
        if seen.tag:
            name = name_of(bytes.fromhex(seen.tag)[:2])
            tag = next((name, n) for n in range(1, 20) if tag_hex((name, n)) == seen.tag)
        return Card(card.serial, seen.kind, count, card.value, tag, taken)

    # ------------------------------------------------------------ HQ

    def walk(self, world: World, value: int, first: int, newest: int) -> tuple[tuple[int, frozenset[Told]], ...]:
        """The product's walk, asked with each choice of the pieces that prove; and with all of them, which must not come further."""
        key = (world.rows, world.kept, value, first, newest)
        if key not in self._walks:
            self._walks[key] = tuple(self.steps_up(world, value, first, newest))
        return self._walks[key]

    def steps_up(self, world: World, value: int, first: int, newest: int) -> list[tuple[int, frozenset[Told]]]:
        """Every (slot, verified records that prove it), one slot at a time."""
        told = [row for row in world.rows if isinstance(row, Told) and piece(row)]
        spent = {row.n for row in world.rows if isinstance(row, Deed) and row.what == "spent" and row.value != value}
        found, todo = list[tuple[int, frozenset[Told]]](), [(first, frozenset[Told]())]
        while todo:
            n, kept = todo.pop()
            found.append((n, kept))
            following = [kept | {row} if row.what == "verified" else kept for row in told if self.home(world, value, n, newest, [row]) > n]
            following += [kept] if n in spent or self.home(world, value, n, newest, []) > n else []
            todo += [step for each in dict.fromkeys(following) if (step := (n + 1, each)) not in todo and step not in found]
        if not spent:
            assert self.home(world, value, first, newest, told) == max(n for n, _ in found), (world, value)
        return found

    def home(self, world: World, value: int, n: int, newest: int, told: list[Told]) -> int:
        """Where the product's rule puts the value on the strength of these rows, from slot n on."""
        pieces = [item for row in told if (item := piece(row))]
        kept = [item for row in world.kept if isinstance(item := piece(row), slot.Verified)]
        return slot.home(str(value), slot.Slot(METER, n), entries(world.rows), pieces, serial_of(newest), kept=kept).n

    def carried(self, world: World) -> tuple[tuple[int, int, Tag | None], ...]:
        """What a replacement may carry, back in the model's words."""
        behind = {tag_hex(tag): (tag, value) for tag, value in owners(world).items() if tag}
        card, issued = serial_of(world.cards[-1].serial), None
        if world.issued:
            issued = slot.Verified(card, METER, world.issued[1], AMOUNT, tag_hex(world.issued))
        served = [item for row in world.kept if isinstance(item := piece(row), slot.Verified)]
        told = slot.carried(METER, card, issued, [item for row in world.rows if (item := piece(row))], kept=served)
        return tuple((item.n, behind[item.tag][1], behind[item.tag][0]) for item in told if item.tag in behind)


@cache
def piece(row: Row) -> slot.Evidence | None:
    """A row as HQ gets it; None where it is no evidence."""
    if not isinstance(row, Told) or row.tag is None or row.what == "clean":
        return None
    card, tag = serial_of(row.serial), tag_hex(row.tag)
    if row.what == "verified":
        return slot.Verified(card, METER, row.n, AMOUNT, tag)
    return slot.Shown(card, METER, row.n, AMOUNT, row.n, tag, fits=row.tag[1] == row.n)


@cache
def entry(row: Wrote) -> slot.Entry:
    """A record; one without a value is of a forgotten order, and counts as its own."""
    return slot.Entry(str(row.value) if row.value else f"strange {row.tag}", METER, row.n, AMOUNT, tag_hex(row.tag))


def entries(rows: frozenset[Row]) -> list[slot.Entry]:
    """All records that are known."""
    return [entry(row) for row in rows if isinstance(row, Wrote)]
