"""The product's real decisions, behind the model's small words: abstract card -> bytes -> the profile -> back.

Every card of the model is laid out as the bytes of a gdw1365 card, by the simulator's own encoders; the profile parses and judges them, and
its updates are put on those bytes. Nothing is decided here. Answers are remembered by abstract situation, because there are few.
"""

import hashlib

from kiosk.devices.sim.card_files import Parameters, Returned
from kiosk.devices.sim.card_files import wallet as wallet_bytes
from kiosk.vend import slot
from kiosk.vend.card import gdw1365
from kiosk.vend.card.reading import Reading, Record, Update, Verdict
from kiosk.vend.card.reading import Returned as ReturnFile
from tests.model.world import GARBAGE, LOW, TORN, Card, Kiosk, Name, Tag, Told, World, Wrote, owners

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
        self._moves: dict[tuple[frozenset[Wrote | Told], int, int, int], bool] = {}

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

    def may_move(self, world: World, value: int, n: int) -> bool:
        """HQ's rule over all rows there are."""
        key = (world.rows, world.cards[-1].serial, value, n)
        if key not in self._moves:
            entries = [slot.Entry(str(row.value), METER, row.n, AMOUNT, tag_hex(row.tag)) for row in world.rows if isinstance(row, Wrote)]
            newest = serial_of(world.cards[-1].serial)
            proof = slot.may_move(str(value), slot.Slot(METER, n), entries, evidence(world), newest)
            self._moves[key] = proof is not None
        return self._moves[key]

    def carried(self, world: World) -> tuple[tuple[int, int, Tag | None], ...]:
        """What a replacement may carry, back in the model's words."""
        behind = {tag_hex(tag): (tag, value) for tag, value in owners(world).items() if tag}
        cards = [serial_of(card.serial) for card in world.cards]
        told = slot.carried(METER, cards, evidence(world))
        return tuple((item.n, behind[item.tag][1], behind[item.tag][0]) for item in told)


def evidence(world: World) -> list[slot.Evidence]:
    """The rows as HQ gets them."""
    told: list[slot.Evidence] = []
    for row in world.rows:
        if not isinstance(row, Told) or row.tag is None:
            continue
        card, tag = serial_of(row.serial), tag_hex(row.tag)
        if row.what == "verified":
            told.append(slot.Verified(card, METER, row.n, AMOUNT, tag))
        else:
            told.append(slot.Shown(card, METER, row.n, AMOUNT, row.n, tag, fits=row.tag[1] == row.n))
    return told
