"""A card that was used at its meter, a contact that counts, and a desk at which the test stands itself."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

import msgspec

from kiosk.devices.card.apdu import Connection
from kiosk.devices.card.inprocess import InProcessReader
from kiosk.devices.card.session import CardSession
from kiosk.devices.sim.card import CardModel
from kiosk.devices.sim.card_files import PURCHASE, Parameters, Returned
from kiosk.devices.sim.crypto import Masters
from kiosk.devices.sim.image import CardImage, personalise
from kiosk.devices.vault.demo import DemoVault
from kiosk.vend.card.gdw1365 import Gdw1365
from kiosk.vend.card.reading import Reading, Record
from kiosk.vend.ports import CardJob, Published, Stance, Vault
from kiosk.vend.seen import CardRead, CardWorked, Seen
from kiosk.vend.view import View

METER, CUSTOMER = "000012345678", "000098765432"
SERIAL = bytes.fromhex("1122334455667788")
PROFILE = Gdw1365()
WAIT_S = 30.0
VIEW = View("attract")
Kind = TypeVar("Kind", bound=Seen)


def used_card(serial: bytes = SERIAL, count: int = 7, masters: Masters | None = None) -> CardImage:
    """A purchase card that the meter has taken: count in the wallet and in the return file, 108.32 left."""
    return personalise(
        masters or Masters.demo(),
        serial,
        Parameters(METER, CUSTOMER, kind=PURCHASE),
        amount_minor=5000,
        count=count,
        returned=Returned(METER, CUSTOMER, count, remaining_minor=10832, time="2607011230"),
    )


class Counted:
    """A connection that keeps what is sent through it."""

    def __init__(self, inner: Connection) -> None:
        self._inner = inner
        self.sent: list[bytes] = []
        self.checked: Callable[[], None] = lambda: None  # called with each look at the event counter
        self.before: Callable[[bytes], None] = lambda _apdu: None  # called with each command before it goes

    @property
    def protocol(self) -> int:
        return self._inner.protocol

    def transmit(self, apdu: bytes) -> bytes:
        self.before(apdu)
        self.sent.append(apdu)
        return self._inner.transmit(apdu)

    def reset(self) -> None:
        self._inner.reset()

    def check(self) -> None:
        self.checked()
        self._inner.check()

    def close(self) -> None:
        self._inner.close()


class Bay:
    """A reader in this process with a card in it, and a session over a counted contact."""

    def __init__(self, image: CardImage, vault: Vault | None = None, *, locked: bool = False) -> None:
        self.card = CardModel(image)
        self.reader = InProcessReader()
        self.vault = None if locked else vault or DemoVault()
        self.insert(self.card)

    def insert(self, card: CardModel) -> None:
        """Push this card in, whatever is there; a new session."""
        self.card = card
        self.reader.insert(card)
        self.contact = Counted(self.reader.open(self.reader.watch(None, 0)))
        self.session = CardSession(self.contact, PROFILE, self.vault)

    @property
    def wallet(self) -> tuple[int, int]:
        """(amount, count) as they stand on the card."""
        raw = self.card.files[2]
        return int.from_bytes(raw[:4]), int.from_bytes(raw[4:])


def read_job(number: int = 1, *, reset: bool = False, token: str = "t") -> CardJob:  # noqa: S107 - names a presentation
    return CardJob(number, "read", token, reset=reset)


def reading_of(seen: Seen) -> Reading:
    assert isinstance(seen, CardRead), seen
    return seen.reading


def worked(seen: Seen) -> CardWorked:
    assert isinstance(seen, CardWorked), seen
    return seen


def record_of(reading: Reading, tag: str, amount_minor: int = 10000) -> Record:
    assert reading.taken is not None
    return Record(reading.serial, reading.meter, reading.taken + 1, amount_minor, tag)


class HandDesk:
    """A desk at which the test decides: it keeps what is told and publishes the jobs that it is handed."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self._published = Published(0, VIEW, Stance(), None, None, {})
        self.told: list[Seen] = []

    def tell(self, seen: Seen) -> None:
        with self._news:
            self.told.append(seen)
            self._news.notify_all()

    def published(self) -> Published:
        return self._published

    def wait(self, rev: int, timeout_s: float) -> Published:
        with self._news:
            self._news.wait_for(lambda: self._published.rev != rev, timeout_s)
            return self._published

    def publish(self, job: CardJob | None) -> None:
        """Put a job up for the driver."""
        with self._news:
            self._published = msgspec.structs.replace(self._published, rev=self._published.rev + 1, card_job=job)
            self._news.notify_all()

    def hear(self, wanted: Callable[[Seen], bool], since: int = 0, wait_s: float = WAIT_S) -> Seen:
        """The first thing told, from `since` on, that is wanted. Fails after the wait."""
        deadline = time.monotonic() + wait_s
        with self._news:
            while True:
                for seen in self.told[since:]:
                    if wanted(seen):
                        return seen
                left = deadline - time.monotonic()
                assert left > 0, f"not heard; told: {self.told}"
                self._news.wait(left)

    def hear_one(self, kind: type[Kind], since: int = 0) -> Kind:
        """The first of that kind."""
        seen = self.hear(lambda seen: isinstance(seen, kind), since)
        assert isinstance(seen, kind)
        return seen

    def do(self, job: CardJob) -> Seen:
        """Publish the job and hear its answer."""
        since = len(self.told)
        self.publish(job)
        return self.hear(lambda seen: isinstance(seen, CardRead | CardWorked) and seen.job == job.id, since)
