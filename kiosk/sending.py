"""The core's half of the post: batches are sealed and put where the courier finds them, and what came back is taken in.

A thread beside the desk, so that packing a thousand rows holds nobody up. It does whatever is wanting, over and over, from what the journal
says and what lies in the folders; a crash between any two steps leaves something wanting, and nothing else.

    rows -> kept, durably -> a draft in the spool -> BatchSealed -> from here on the courier may see it -> BatchAcked -> out of the spool

Composed here, because it joins the journal, the station's keys and the spool.
"""

import contextlib
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from functools import partial
from hashlib import sha256
from pathlib import Path

import msgspec

from kiosk.config import Config
from kiosk.devices.supervise import AGAIN_S, Worker
from kiosk.envelope import EnvelopeRefused
from kiosk.keeping import Keeping
from kiosk.sync.ack import AckRefused, read_ack
from kiosk.sync.batch import Made, boxed_batch
from kiosk.sync.bodies import key_list
from kiosk.sync.folder import FolderError
from kiosk.sync.install import Cupboard
from kiosk.sync.item import ItemRefused, KeyList
from kiosk.sync.persons import FIRST as PERSONS_FIRST
from kiosk.sync.plan import HttpsPlan, Plan, SftpPlan
from kiosk.sync.seal import Kept, NotSealed, Says, Station, made_again, next_batch, sealed_in
from kiosk.sync.spool import Spool
from kiosk.vend.journal import Journal
from kiosk.vend.ports import Desk, DeskBusy, Published
from kiosk.vend.seen import AckRead, BatchMade
from kiosk.vend.sent import Acknowledged, BatchSealed, Sealed, Sent, acknowledged, due, progress
from kiosk.vend.store import StoreError
from kiosk.vend.trust import applied

LOOK_S = 1.0
HEARD_S = 10.0
FORGET_S = 3600.0
WINDOW = 1_000  # batches that lie in the spool at once; those behind them follow as acknowledgements come


class Sender:
    """`keys`: the root's list as it is installed; `take_in`: installs what lies in a bag, a sentence a file.

    `open_journal`: beside the desk, for reading.
    """

    def __init__(
        self,
        desk: Desk,
        station: Station,
        spool: Spool,
        kept: Path,
        *,
        kiosk: str,
        utility: int,
        software: str,
        open_journal: Callable[[], Journal],
        keys: Callable[[], KeyList | None],
        take_in: Callable[[Path], Iterable[str]],
    ) -> None:
        self._desk, self._station, self._spool, self._kept = desk, station, spool, Kept(kept, kiosk, station)
        self._kiosk, self._utility, self._software = kiosk, utility, software
        self._open_journal, self._keys, self._take_in = open_journal, keys, take_in
        self._upto = 0  # rows up to here are sealed however few they are: somebody takes them away
        self._boxed: dict[int, bytes] = {}  # which key each batch in the spool is boxed to
        self._acks: dict[bytes, Acknowledged | None] = {}  # what came, by its digest; None for what is not believed
        self._ack_keys: tuple[str, ...] = ()  # by which it was or was not
        self._came: tuple[str, ...] = ()  # what lay in the bag when it was last taken in
        self._forget_s = 0.0
        self._troubles: list[str] = []
        self._worker = Worker("sender", self.work, LOOK_S, self._failed, AGAIN_S)
        self.trouble = ""  # why something is not sealed or not taken in, one sentence; `kiosk sync status` tells it
        self._told_trouble: str | None = None

    def start(self) -> None:
        """In a thread of its own."""
        self._worker.start()

    def stop(self) -> None:
        """What is being written is written to its end."""
        self._worker.stop(HEARD_S)

    def flush(self) -> None:
        """Seal what there is, however little: somebody takes it away now. From any thread."""
        self._upto = self._desk.published().sent.news
        self._worker.wake()

    def _failed(self) -> None:
        self.trouble = "Sealing failed three times in a minute by a fault of the program; it is tried again every ten minutes."
        self._tell_trouble()

    def _tell_trouble(self) -> None:
        """Where the disk does not take it, the next change is told."""
        if self.trouble != self._told_trouble:
            with contextlib.suppress(FolderError):
                self._spool.troubled(self.trouble)
                self._told_trouble = self.trouble

    def work(self, now_ms: int) -> None:
        """All that is wanting now. What the disk refuses is tried again the next time, and what can be done without it is done.

        Raises DeskDied at the end.
        """
        self._troubles = []
        self._try(self._spool.made)
        asked = self._spool.wants_seal()
        if asked:
            self._upto = self._desk.published().sent.news
        self._try(self._take_in_items)
        keys = self._keys()
        if keys is not None:
            self._try(lambda: self._take_in_acks(keys))
        if keys is not None and keys.batch:
            hq_key = bytes.fromhex(keys.batch[0])
            self._try(lambda: self._seal_what_is_due(hq_key, now_ms))
            self._try(lambda: self._settle_spool(hq_key))
        if asked:
            self._try(self._spool.seal_done)
        self._try(lambda: self._forget(now_ms))
        self.trouble = self._troubles[0] if self._troubles else ""
        self._tell_trouble()

    def _try(self, wanting: Callable[[], object]) -> None:
        try:
            wanting()
        except (FolderError, NotSealed, StoreError, DeskBusy, EnvelopeRefused) as error:
            self._troubles.append(str(error))

    # ------------------------------------------------------------ up

    def _seal_what_is_due(self, hq_key: bytes, now_ms: int) -> None:
        upto = self._upto
        published = self._desk.published()
        while due(published.sent, now_ms) or published.sent.row < min(upto, published.sent.news):
            if self._worker.stopping or not self._seal(published, hq_key, now_ms):
                return
            published = self._desk.published()

    def _seal(self, published: Published, hq_key: bytes, now_ms: int) -> bool:
        """One batch more; False where the desk has not written this very one down."""
        says = Says(self._kiosk, self._utility, self._software, published.clock, applied(published.trust), now_ms)
        with closing(self._open_journal()) as journal:
            header, made = next_batch(journal, published.sent, says, self._station)
        self._kept.keep(header.seq, made)
        in_window = header.seq <= published.sent.acked.batch + WINDOW
        if in_window:
            self._spool.draft(header.seq, boxed_batch(made, hq_key))
        self._desk.tell(BatchMade(header.seq, header.first, header.last, made.header.decode()))
        self._heard(lambda sent: sent.batch >= header.seq)
        last = self._desk.published().sent.last
        if last is None or last.hash != made.hash:
            return False
        if in_window:
            self._spool.release(header.seq)
            self._boxed[header.seq] = hq_key
        return True

    def _settle_spool(self, hq_key: bytes) -> None:
        """In it lies what is sealed and not acknowledged, boxed to the key that the head office has now, and nothing else."""
        sent = self._desk.published().sent
        lying = {waiting.seq for waiting in self._spool.waiting() if waiting.seq < PERSONS_FIRST}  # above: `people`'s letters
        wanted = range(sent.acked.batch + 1, min(sent.batch, sent.acked.batch + WINDOW) + 1)
        for seq in lying - set(wanted):
            self._spool.done(seq)
            self._boxed.pop(seq, None)
        again = {seq for seq in wanted if seq not in lying or self._boxed.get(seq) != hq_key}
        for one in sent.waiting:
            made = self._kept.made(one.batch, one.hash) if one.batch in again else None
            if made:
                again.discard(one.batch)
                self._try(partial(self._put, one.batch, made, hq_key))
        if again:
            self._try(partial(self._put_from_journal, again, hq_key))

    def _put_from_journal(self, seqs: set[int], hq_key: bytes) -> None:
        """As they were kept, or made again: all in one walk over the journal, however many the head office has lost."""
        with closing(self._open_journal()) as journal:
            found = [(sealed, fact) for sealed, fact in sealed_in(journal) if sealed.batch in seqs]
            for sealed, fact in found:
                if self._worker.stopping:
                    return
                self._try(partial(self._put_again, journal, sealed, fact, hq_key))

    def _put_again(self, journal: Journal, sealed: Sealed, fact: BatchSealed, hq_key: bytes) -> None:
        made = self._kept.made(sealed.batch, sealed.hash)
        if made is None:
            made = made_again(journal, fact, self._station)
            self._kept.keep(sealed.batch, made)
        self._put(sealed.batch, made, hq_key)

    def _put(self, seq: int, made: Made, hq_key: bytes) -> None:
        self._spool.put(seq, boxed_batch(made, hq_key))
        self._boxed[seq] = hq_key

    def _forget(self, now_ms: int) -> None:
        if time.monotonic() >= self._forget_s:
            acked = self._desk.published().sent.acked
            self._kept.forget(min(acked.durable, acked.batch), now_ms)
            self._forget_s = time.monotonic() + FORGET_S

    # ------------------------------------------------------------ down

    def _take_in_items(self) -> None:
        """Only when something else lies there than before."""
        came = tuple(sorted(self._lying("all", self._kiosk)))
        if came != self._came:
            for _ in self._take_in(self._spool.bag):
                pass
            self._came = came

    def _lying(self, *places: str) -> Iterable[str]:
        for place in places:
            with self._spool.open("down", "downlink", place) as folder:
                for name in folder.names():
                    seen = folder.stat(name)
                    if seen and not name.startswith((".", "ack-")):
                        yield f"{place}/{name} {seen.st_ino} {seen.st_mtime_ns} {seen.st_size}"

    def _take_in_acks(self, keys: KeyList) -> None:
        """The oldest first. One that is not signed, or is for another store, acknowledges nothing and is not told."""
        if keys.ack != self._ack_keys:  # what was signed by a key that was not listed yet is looked at again
            self._acks, self._ack_keys = {}, keys.ack
        lying = {sha256(raw).digest(): raw for raw in reversed(self._spool.acks())}
        self._acks = {digest: self._acks[digest] if digest in self._acks else self._believed(raw, keys) for digest, raw in lying.items()}
        for digest in lying:
            said, published = self._acks[digest], self._desk.published()
            if said is None or (said.hq_epoch, said.batch, said.durable) <= progress(published.sent):
                continue
            said = msgspec.structs.replace(said, own=self._own(published.sent, said.batch))
            if acknowledged(published.sent, published.trust, said):
                self._desk.tell(AckRead(said))
                self._heard(partial(_differs, published.sent))

    def _believed(self, raw: bytes, keys: KeyList) -> Acknowledged | None:
        try:
            ack = read_ack(raw, [bytes.fromhex(key) for key in keys.ack])
        except AckRefused as refused:
            self._troubles.append(f"An acknowledgement is not believed. {refused}")
            return None
        with closing(self._open_journal()) as journal:
            mine = (ack.kiosk, ack.store) == (self._kiosk, journal.store_id.hex())
        return Acknowledged(ack.hq_epoch, ack.contiguous_seq, ack.head_hash, ack.durable_through, ack.at_ms) if mine else None

    def _own(self, sent: Sent, seq: int) -> Sealed | None:
        """What this journal says of a batch: mostly one of those that wait."""
        near = (*sent.waiting, *((sent.last,) if sent.last else ()))
        known = next((one for one in near if one.batch == seq), None)
        if known or not 0 < seq <= sent.batch:
            return known
        with closing(self._open_journal()) as journal:
            return next((sealed for sealed, _ in sealed_in(journal) if sealed.batch == seq), None)

    def _heard(self, wanted: Callable[[Sent], bool]) -> bool:
        """Wait until the desk has written it down."""
        until_s, rev = time.monotonic() + HEARD_S, -1
        while time.monotonic() < until_s:
            published = self._desk.wait(rev, 1.0)
            rev = published.rev
            if wanted(published.sent):
                return True
        return False


def _differs(before: Sent, sent: Sent) -> bool:
    return (sent.acked, sent.disputed) != (before.acked, before.disputed)


def listed_keys(cupboard: Cupboard) -> KeyList | None:
    """The root's list as it is installed; None as long as there is none that holds."""
    try:
        item = cupboard.kept("keys")
        return key_list(item) if item else None
    except ItemRefused:
        return None


def sender_of(
    config: Config, desk: Desk, station: Station, keeping: Keeping, *, open_journal: Callable[[], Journal], software: str
) -> Sender:
    """The one of a kiosk that has a head office. Its batches are kept beside the store."""
    return Sender(
        desk,
        station,
        Spool(spool_folder(config), config.kiosk.id),
        config.store.path.parent / "batches",
        kiosk=config.kiosk.id,
        utility=config.kiosk.utility,
        software=software,
        open_journal=open_journal,
        keys=partial(listed_keys, keeping.cupboard),
        take_in=keeping.take_in,
    )


def courier_plan(config: Config) -> Plan:
    """What the courier of this kiosk is told: where its spool is, and the ways that are configured."""
    sync, sftp = config.sync, config.sync.sftp
    return Plan(
        str(spool_folder(config).absolute()),
        config.kiosk.id,
        float(sync.interval_s),
        HttpsPlan(sync.url, str(sync.ca or ""), str(sync.certificate or ""), str(sync.key or "")) if sync.url else None,
        SftpPlan(sftp.host, str(sftp.key), sftp.host_key, sftp.port, sftp.user, sftp.root) if sftp else None,
        str(sync.stick or ""),
    )


def spool_folder(config: Config) -> Path:
    """What the core and the courier share."""
    return config.store.path.parent / "spool"
