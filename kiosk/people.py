"""Who may be reached: kept apart from the journal, sent to the head office apart from it, and forgotten when it is time.

A thread beside the desk. It does whatever is wanting, over and over, from what the side table, the journal and the spool say; a crash
between any two steps leaves something wanting, and nothing else.

    kept      the row first, then `ContactLeft`: a row that no fact names ends by itself
    erased    the contents first, on the disk and out of the WAL, then `PersonErased`, then the reference
    texted    number and text of a text message, as long as the desk's outbox names them; no other place has them, nor is the office told
    sent      one letter in the spool, made anew each day and whenever somebody came or went; one that was carried lies there no more

Composed here, because it joins the store's side table, the station's keys and the spool.
"""

import secrets
import threading
import time
from collections.abc import Callable, Collection
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec

from kiosk.config import Config
from kiosk.control import NotKept
from kiosk.devices.supervise import Worker
from kiosk.devices.vault.station import FileStation
from kiosk.keeping import me_of
from kiosk.sending import listed_keys, spool_folder
from kiosk.sync.erasures import erased
from kiosk.sync.folder import FolderError
from kiosk.sync.install import Cupboard
from kiosk.sync.item import KeyList
from kiosk.sync.persons import FIRST, LISTED_MAX, Listed, PersonsHeader, boxed_letter, wrong
from kiosk.sync.spool import SEQ_LAST, Spool
from kiosk.sync.standing import told
from kiosk.vend.journal import Journal
from kiosk.vend.persons import Details, Person, Persons
from kiosk.vend.ports import Desk, DeskBusy
from kiosk.vend.seen import Trusted
from kiosk.vend.sms import REPORT_MS, Letter
from kiosk.vend.store import StoreError
from kiosk.vend.who import ContactLeft, PersonErased

DAY_MS = 86_400_000
KEPT_DAYS, KEPT_DAYS_MAX = 90, 366
LOOK_S = 30.0
TO, TEXT = "to", "text"  # what a text message is kept as; no person has such details
FRESH_MS = 60_000  # by then the desk has named what was kept, or never will
LATER_MS = REPORT_MS + DAY_MS


class Station(Protocol):
    """Whose persons they are."""

    def sign(self, label: str, data: bytes) -> bytes:
        """64 bytes, Ed25519."""

    def database_key(self) -> bytes:
        """32 bytes, for the store."""


class People:
    """`keys`: the root's list as it is installed; `open_journal`: beside the desk, for reading. Any thread."""

    def __init__(
        self,
        desk: Desk,
        station: Station,
        spool: Spool,
        store: Path,
        *,
        open_journal: Callable[[], Journal],
        keys: Callable[[], KeyList | None],
    ) -> None:
        self._desk, self._station, self._spool, self._store = desk, station, spool, store
        self._open_journal, self._keys = open_journal, keys
        self._one = threading.Lock()
        self._office: frozenset[str] = frozenset()  # what the head office has erased
        self._sent: tuple[str, tuple[str, ...], int] = ("", (), 0)  # the last letter: key, whom, when
        self._fresh: dict[str, int] = {}  # texts that the desk may not name yet: reference -> since when
        self._told: set[str] = set()  # whose end the desk was told, and may have written
        self._worker = Worker("people", self._look, LOOK_S, self._failed)
        self.trouble = ""  # why something is not forgotten or not sent, one sentence

    def start(self) -> None:
        """In a thread of its own."""
        self._worker.start()

    def stop(self) -> None:
        """What is being done is done to its end."""
        self._worker.stop()

    def _failed(self) -> None:
        self.trouble = "Forgetting people failed three times in a minute by a fault of the program; it is tried again every ten minutes."

    def _look(self, now_ms: int) -> None:
        """Raises DeskDied at the end."""
        self._desk.published()
        self.work(now_ms)

    # ------------------------------------------------------------ what others say

    def keep(self, sale: str, details: Details, now_ms: int, days: int = KEPT_DAYS) -> str:
        """Whoever paid in this sale may be reached for so many days; the reference. Raises NotKept, StoreError, DeskBusy."""
        trouble = wrong(details.items())
        if trouble or not 0 < days <= KEPT_DAYS_MAX:
            raise NotKept(trouble or f"Somebody is kept for at most {KEPT_DAYS_MAX} days.")
        person = Person(secrets.token_hex(8), now_ms + days * DAY_MS, details)
        with self._one, self._persons() as persons:
            if len(persons.here()) >= LISTED_MAX:
                raise NotKept(f"{LISTED_MAX} persons are kept here already.")
            persons.keep(person)
        self._desk.tell(Trusted(ContactLeft(sale, person.subject, person.expires_ms)))
        self._worker.wake()
        return person.subject

    def keep_letter(self, ref: str, until_ms: int, letter: Letter) -> None:
        """What a text message says, and to whom, for the modem's thread. Raises StoreError, ValueError."""
        with self._one, self._persons() as persons:
            self._fresh[ref] = time.time_ns() // 1_000_000
            persons.keep(Person(ref, until_ms + LATER_MS, {TO: letter.number, TEXT: letter.text}))

    def over(self, refs: Collection[str]) -> None:
        """The desk named these texts, and does no more: their numbers are of no more use."""
        with self._one:
            self._fresh = {ref: at_ms for ref, at_ms in self._fresh.items() if ref not in refs}
        self._worker.wake()

    def letter(self, ref: str) -> Letter | None:
        """The same again; None where it has been erased. Raises StoreError."""
        with self._one, self._persons() as persons:
            found = next((one for one in persons.here() if one.subject == ref and TO in one.details), None)
        return Letter(found.details[TO], found.details.get(TEXT, "")) if found else None

    def forget(self, subject: str, now_ms: int) -> bool:
        """Somebody asks for it at this machine; was there anybody? Raises StoreError."""
        with self._one, self._persons() as persons:
            found = persons.erase({subject: "asked"})
        self.work(now_ms)
        return bool(found)

    def use_erasures(self, body: bytes) -> None:
        """The body of a list of erasures whose signature holds. Raises ItemRefused."""
        self._office = erased(body)
        self._worker.wake()

    # ------------------------------------------------------------ what is wanting

    def work(self, now_ms: int) -> None:
        """All that is wanting now; what the disk refuses is tried again the next time."""
        self.trouble = ""
        with self._one:
            try:
                with self._persons() as persons:
                    here = self._forgotten(persons, now_ms)
                self._send([person for person in here if person.expires_ms > now_ms and TO not in person.details], now_ms)
            except (StoreError, FolderError, DeskBusy) as error:
                self.trouble = str(error)

    def _forgotten(self, persons: Persons, now_ms: int) -> list[Person]:
        """Whose time is over, whom the head office has erased; and what the journal says of it. Who is still here."""
        here = persons.here()
        why = {one.subject: "expired" for one in here if one.expires_ms <= now_ms}
        why |= {one.subject: "office" for one in here if one.subject in self._office}
        why |= dict.fromkeys(self._texted(here, now_ms), "texted")
        persons.erase(why)
        gone = persons.erased()
        if gone and not persons.emptied():
            self.trouble = "Somebody is erased, but an older state of the store is being read; it is looked after again."
        elif gone:
            written = self._written()
            persons.forget(set(gone) & written)
            for subject in sorted(set(gone) - written - self._told):
                self._told.add(subject)
                self._desk.tell(Trusted(PersonErased(subject, gone[subject])))
        return [one for one in here if one.subject not in gone]

    def _texted(self, here: list[Person], now_ms: int) -> list[str]:
        """Texts that nobody waits for: they have come or failed, or no fact ever named them."""
        named = self._desk.published().sms.texts
        self._fresh = {ref: at_ms for ref, at_ms in self._fresh.items() if 0 <= now_ms - at_ms < FRESH_MS and ref not in named}
        return [one.subject for one in here if TO in one.details and one.subject not in named and one.subject not in self._fresh]

    def _written(self) -> set[str]:
        """Whom the journal says to be erased. Reads all of it, and only while somebody is."""
        with closing(self._open_journal()) as journal:
            facts = [recorded.fact for recorded in journal.of_kind(PersonErased.__name__)]
        return {fact.subject for fact in facts if isinstance(fact, PersonErased)}

    def _send(self, here: list[Person], now_ms: int) -> None:
        """One letter where there is somebody; none that says what is no more true."""
        keys = self._keys()
        key = keys.batch[0] if keys and keys.batch else ""
        lying = {one.seq: one for one in self._spool.waiting() if one.seq >= FIRST} if self._spool.path.exists() else {}
        wanted = (key, tuple(one.subject for one in here))
        due = wanted != self._sent[:2] or not 0 <= now_ms - self._sent[2] < DAY_MS
        standing = told(self._spool) if lying else None
        carried = {seq for seq in lying if standing and (said := standing.batches.get(str(seq))) and said.state == "sent"}
        for seq in lying if due else carried:
            self._spool.done(seq)
        if not due:
            return
        if here and key:
            seq = max(_numbered(now_ms), max(lying, default=0) + 1)
            header = PersonsHeader(self._spool.kiosk, self._store_id(), seq, now_ms)
            listed = [msgspec.convert((one.subject, one.expires_ms, one.details), Listed) for one in here]
            self._spool.put(seq, boxed_letter(header, listed, self._station.sign, bytes.fromhex(key)))
        self._sent = (*wanted, now_ms)

    def _store_id(self) -> str:
        with closing(self._open_journal()) as journal:
            return journal.store_id.hex()

    def _persons(self) -> Persons:
        return Persons(self._store, self._station.database_key())


def people_of(config: Config, desk: Desk, station: FileStation, *, open_journal: Callable[[], Journal]) -> People:
    """Those of a kiosk."""
    cupboard = Cupboard(config.keys_folder(), me_of(config), station)
    spool = Spool(spool_folder(config), config.kiosk.id)
    return People(desk, station, spool, config.store.path, open_journal=open_journal, keys=partial(listed_keys, cupboard))


def _numbered(now_ms: int) -> int:
    """A number that no earlier letter had: a minute each, for 19 years, and then from the beginning."""
    number: int = FIRST + (now_ms // 60_000) % (SEQ_LAST - FIRST)
    return number
