"""The head office's end of a mail bag: what kiosks have put into it, and the acknowledgements that go back with it.

up/K07/00000012             a batch; it stays where it is, or is taken out when it is in and acknowledged (`kiosk hq import --empty`)
downlink/K07/ack-1-12       the newest acknowledgement; older ones are taken away
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from kiosk.hq.batch_keys import KeyBox
from kiosk.hq.intake.importer import Importer, Taken, grouped
from kiosk.hq.intake.ledger import Verdict
from kiosk.hq.intake.letters import persons_taken
from kiosk.hq.intake.worker import beside
from kiosk.sync.folder import Folder, FolderError
from kiosk.sync.persons import is_letter
from kiosk.sync.spool import ACK, BATCH_MAX, ack_name, is_kiosk, letter_name, seq_of

UP = "up"
FILES_MAX = 1_000_000  # of one folder: a kiosk's batches of twenty-eight years
WORKER_FROM = 50  # letters: for fewer another process costs more than it saves


class Letter(msgspec.Struct, frozen=True):
    """One file that may be a batch. `bag`: where its acknowledgement goes, None where it did not lie in one."""

    folder: Path
    name: str
    bag: Path | None = None

    @property
    def path(self) -> Path:
        """For a sentence."""
        return self.folder / self.name


def letters(path: Path) -> list[Letter]:
    """What lies there, each kiosk's in order: a mail bag, a folder of batches, or one batch. Raises FolderError."""
    if not path.is_dir():
        return [Letter(path.parent, path.name)]
    if not (path / UP).is_dir():
        return _batches(path, None)
    with Folder.at(path) as bag, bag.below(UP) as up:
        kiosks = [name for name in up.names(FILES_MAX) if is_kiosk(name)]
    return [letter for kiosk in kiosks for letter in _batches(path / UP / kiosk, path)]


def _batches(folder: Path, bag: Path | None) -> list[Letter]:
    try:
        with Folder.at(folder) as opened:
            names = opened.names(FILES_MAX + 1)
    except FolderError:
        if bag is None:
            raise
        return []  # a kiosk's name in a bag, and no folder behind it
    if len(names) > FILES_MAX:  # rather nothing than what the disk happens to tell first
        raise FolderError(f"{folder} has more than {FILES_MAX} files; bring them in several folders.")
    return [Letter(folder, name, bag) for name in names if seq_of(name)]


def contents(letter: Letter) -> bytes:
    """Its bytes. Raises FolderError for a link, a pipe, or more than a batch may have."""
    with Folder.at(letter.folder) as folder:
        return folder.read(letter.name, BATCH_MAX)


def acknowledge(bag: Path, kiosk: str, raw: bytes) -> None:
    """Put it into the bag, in place of older ones. Raises FolderError."""
    name = ack_name(raw)
    if name is None or not is_kiosk(kiosk):
        raise ValueError("this acknowledges nothing")
    with Folder.at(bag) as opened, opened.below("downlink", kiosk, create=True) as folder:
        folder.replace(name, raw)
        for old in folder.names():
            said = letter_name(old)
            if said and said.kind == ACK and old != name:
                folder.remove(old)


def taken_out(found: Iterable[Letter]) -> None:
    """These lie in the bag no more. A bag that nobody empties is read from its first batch each time. Raises FolderError."""
    for letter in found:
        with Folder.at(letter.folder) as folder:
            folder.remove(letter.name)


def taken(
    importer: Importer, boxes: Sequence[KeyBox], found: Sequence[Letter], now_ms: Callable[[], int]
) -> Iterator[tuple[Letter, Taken | str]]:
    """Every letter and what became of it, or one sentence where it could not be read. Many are shaped by a worker. Raises StoreError."""
    read: list[Letter] = []
    unread: list[tuple[Letter, str]] = []
    apart: list[tuple[Letter, bytes]] = []  # about persons: not one of them is kept

    def raws() -> Iterator[bytes]:
        for letter in found:
            try:
                raw = contents(letter)
            except FolderError as error:
                unread.append((letter, str(error)))
                continue
            if is_letter(raw):
                apart.append((letter, raw))
                continue
            read.append(letter)
            yield raw

    with ExitStack() as open_:
        if len(found) < WORKER_FROM:
            groups = grouped((raw, importer.shaped(raw)) for raw in raws())
        else:
            worker = open_.enter_context(beside(importer, boxes))
            groups = grouped(worker.shaped(raws()), worker.ready)
        at = 0
        for group in groups:
            for one in importer.take_all([each for _, each in group], [raw for raw, _ in group], now_ms()):
                yield read[at], one
                at += 1
    for letter, raw in apart:
        one = persons_taken(importer, raw, now_ms())
        yield letter, one
        if one.verdict is Verdict.OK:
            yield from _removed(letter)
    yield from unread


def _removed(letter: Letter) -> Iterator[tuple[Letter, str]]:
    """What was said of persons lies where it was read no more; a sentence where it does."""
    try:
        with Folder.at(letter.folder) as folder:
            folder.remove(letter.name)
    except FolderError as error:
        yield letter, f"{error} It is about persons, and has to be deleted by hand."
