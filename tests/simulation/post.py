"""A kiosk's post: the core's own `Sender` over a spool and kept batches in memory, which survive the plug as files do that were synced.

The power may fail before or after each change of a file, and a file that was there may be gone. Time is the simulation's.
"""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from kiosk.sending import Sender
from kiosk.sync.batch import Made
from kiosk.sync.item import KeyList
from kiosk.sync.seal import KEPT_MS
from kiosk.sync.spool import Waiting
from kiosk.vend.seen import Seen
from tests.simulation.disk import DiskJournal, PowerCut

if TYPE_CHECKING:
    from tests.simulation.kiosk import Kiosk


class Files:
    """Named bytes. A change is whole and durable when it returns; `cut` says at which of the next ones the power fails, and how."""

    def __init__(self) -> None:
        self.lying: dict[int, bytes] = {}
        self.drafts: dict[int, bytes] = {}
        self.cut: tuple[int, str] = (-1, "")

    def change(self, what: Callable[[], object]) -> None:
        """Raises PowerCut before or after it."""
        left, how = self.cut
        self.cut = (left - 1, how) if left >= 0 else self.cut
        if left == 0 and how == "before":
            raise PowerCut
        what()
        if left == 0:
            raise PowerCut


class Spool:
    """As `kiosk.sync.spool.Spool`: what the sender asks of it."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self.came: dict[str, bytes] = {}
        self.asked = False  # somebody wants the newest rows to travel
        self.trouble = ""

    def made(self) -> "Spool":
        """It is."""
        return self

    def wants_seal(self) -> bool:
        """Does anybody?"""
        return self.asked

    def seal_done(self) -> None:
        """They are sealed."""
        self.asked = False

    def troubled(self, sentence: str) -> None:
        """For people."""
        self.trouble = sentence

    def draft(self, seq: int, raw: bytes) -> None:
        """Where no courier sees it."""
        self.files.change(lambda: self.files.drafts.update({seq: raw}))

    def release(self, seq: int) -> None:
        """From here on it may be carried."""
        if seq in self.files.drafts or seq not in self.files.lying:
            self.files.change(lambda: self.files.lying.update({seq: self.files.drafts.pop(seq)}))

    def put(self, seq: int, raw: bytes) -> None:
        """Both at once."""
        self.files.change(lambda: self.files.lying.update({seq: raw}))

    def waiting(self) -> list[Waiting]:
        """What may be carried, the lowest first."""
        return [Waiting(seq, len(raw), 0, (0, 0)) for seq, raw in sorted(self.files.lying.items())]

    def done(self, seq: int) -> None:
        """It need not wait any more."""
        self.files.change(lambda: self.files.lying.pop(seq, None))

    def acks(self) -> list[bytes]:
        """What came, the newest first."""
        return [raw for _, raw in sorted(self.came.items(), reverse=True)]


class Kept:
    """As `kiosk.sync.seal.Kept`, each with the time when it was written."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.files = Files()
        self._now_ms = now_ms
        self.made_at: dict[int, tuple[Made, int]] = {}

    def keep(self, seq: int, made: Made) -> None:
        """Durably, in place of one that was never sent."""
        self.files.change(lambda: self.made_at.update({seq: (made, self._now_ms())}))

    def made(self, seq: int, header_hash: str) -> Made | None:
        """The very bytes; None where there are none, or others."""
        made, _ = self.made_at.get(seq, (None, 0))
        return made if made and made.hash == header_hash else None

    def forget(self, durable: int, now_ms: int) -> None:
        """What is safe elsewhere, and old."""
        for seq, (_, at_ms) in list(self.made_at.items()):
            if seq <= durable and now_ms - at_ms > KEPT_MS:
                del self.made_at[seq]


class Beside:
    """The desk as the sender has it: told, and heard at once."""

    def __init__(self, kiosk: "Kiosk") -> None:
        self._kiosk = kiosk

    def tell(self, what: Seen) -> None:
        """Into the journal before this returns."""
        self._kiosk.tell(what)

    def published(self) -> Any:
        """The newest."""
        return self._kiosk.published()


class Post:
    """What of the post outlives the core's process; `sender` is made anew at every start."""

    def __init__(self, kiosk: "Kiosk", keys: Callable[[], KeyList | None], now_ms: Callable[[], int]) -> None:
        self.kiosk, self.keys, self._now_ms = kiosk, keys, now_ms
        self.up, self.kept = Files(), Kept(now_ms)
        self.spool = Spool(self.up)
        self.sender: Sender | None = None

    def start(self) -> None:
        """The core runs."""
        kiosk = self.kiosk
        sender = Sender(
            Beside(kiosk),  # type: ignore[arg-type]
            kiosk.station,
            self.spool,  # type: ignore[arg-type]
            Path("kept"),
            kiosk=kiosk.id,
            utility=kiosk.rules.utility,
            software="simulation",
            open_journal=self._beside,
            keys=self.keys,
            take_in=lambda _bag: (),
        )
        sender._kept = self.kept  # type: ignore[assignment]
        sender._take_in_items = lambda: None  # type: ignore[method-assign]
        sender._heard = lambda wanted: wanted(kiosk.state.sent)  # type: ignore[method-assign]
        self.sender = sender

    def _beside(self) -> DiskJournal:
        return self.kiosk.journal.beside()

    def work(self, *, flush: bool) -> str:
        """All that is wanting now. Raises PowerCut."""
        assert self.sender
        self.sender._forget_s = 0.0
        self.spool.asked = self.spool.asked or flush
        self.sender.work(self._now_ms())
        return self.sender.trouble

    def break_off(self, chance: Random) -> None:
        """The power is going to fail at one of the next changes of a file."""
        files = chance.choice((self.up, self.kept.files))
        files.cut = (chance.randrange(3), chance.choice(("before", "after")))

    def power_off(self) -> None:
        """Drafts stay; what was to fail has failed."""
        self.sender = None
        self.hold()

    def hold(self) -> None:
        """The power holds."""
        self.up.cut = self.kept.files.cut = (-1, "")
