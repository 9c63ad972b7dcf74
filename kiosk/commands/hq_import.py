"""`kiosk hq import` and `kiosk hq upgrade`: what the kiosks did, taken in, and the store that it goes into.

Exit codes of import, by the worst of all files: 0 all is in, or was before; 5 one is missing before others; 6 rows that break a rule, which
are in all the same; 7 a file that nobody may believe, or two histories of one kiosk. 1 refused, 2 wrong call.
"""

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from kiosk.commands import EXIT_REFUSED, EXIT_USAGE, ended, say
from kiosk.commands.hq import Folder
from kiosk.commands.hq_store import AsJson, Database, both, make_store, now_ms, opened_office

if TYPE_CHECKING:
    from kiosk.hq.intake.importer import Importer, Taken
    from kiosk.hq.intake.mail import Letter

EXIT_GAP, EXIT_EXCEPTION, EXIT_TAMPER = 5, 6, 7
TOLD_MAX = 50  # sentences about single files; the rest is counted


def upgrade(
    office: Folder,
    database: Database = "",
    *,
    partitions: Annotated[int, typer.Option(min=0, max=1024, help="A new PostgreSQL store: divide the tables that grow into so many.")] = 0,
) -> None:
    """Make the store of what the kiosks did, or bring it to this software's schema."""
    make_store(opened_office(office), database, partitions)


def import_(
    paths: Annotated[list[Path], typer.Argument(help="Mail bags, folders of batches, or single batches.")],
    office: Folder,
    database: Database = "",
    *,
    empty: Annotated[bool, typer.Option("--empty", help="Take out of a mail bag what is in; the kiosk has it until it is safe.")] = False,
    json: AsJson = False,
) -> None:
    """Take in what kiosks sent, each batch once, and put the acknowledgements into the bag. May be killed and begun again at any moment.

    Exit codes: 0 all is in; 5 a batch is missing; 6 rows break a rule, and are in; 7 a file is not to be believed, or a kiosk has two
    histories; 1 refused; 2 wrong call.
    """
    from kiosk.hq.intake.importer import Importer
    from kiosk.hq.intake.known import known
    from kiosk.hq.intake.mail import letters, taken
    from kiosk.hq.office import OfficeError
    from kiosk.hq.persons.register import tidied
    from kiosk.hq.store import StoreError
    from kiosk.sync.folder import FolderError

    opened, store = both(office, database)
    report = Report()
    try:
        found = [letter for path in paths for letter in letters(path)]
        boxes = opened.batch_boxes()
        importer = Importer(store, boxes, opened.signer("ack"), known(opened))
        with typer.progressbar(length=len(found), label="batches", file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
            for letter, one in taken(importer, boxes, found, now_ms):
                report.add(letter, one)
                bar.update(1)
        report.acknowledge(importer, empty=empty)
        tidied(store, now_ms())
    except FolderError as error:
        raise ended(str(error), EXIT_USAGE) from None
    except (OfficeError, StoreError) as error:
        raise ended(str(error), EXIT_REFUSED) from None
    finally:
        store.close()
    say(report.json() if json else report.text())
    raise typer.Exit(report.code)


def reread(office: Folder, database: Database = "", *, json: AsJson = False) -> None:
    """Read the rows again that earlier software did not know and kept. After an update; may be killed and begun again at any moment.

    Exit codes: 0 all is read; 5 some rows are of software that is newer still; 1 refused.
    """
    from kiosk.hq.intake.importer import Importer
    from kiosk.hq.intake.known import known
    from kiosk.hq.intake.reread import reread as again
    from kiosk.hq.office import OfficeError
    from kiosk.hq.store import StoreError

    opened, store = both(office, database)
    try:
        done = again(Importer(store, opened.batch_boxes(), opened.signer("ack"), known(opened)), now_ms())
    except (OfficeError, StoreError) as error:
        raise ended(str(error), EXIT_REFUSED) from None
    finally:
        store.close()
    still = f" {done.still} batches have rows that this software does not know either." if done.still else ""
    say(msgspec.json.encode(done) if json else f"{done.rows} rows of {done.batches} batches are read.{still}")
    raise typer.Exit(EXIT_GAP if done.still else 0)


class Report:
    """What became of all files."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.seen: set[str] = set()
        self.rows = self.unread = self.waiting = 0
        self.sentences: list[str] = []
        self.heard: dict[tuple[Path, str], str] = {}  # (bag, kiosk) -> its store
        self.within: dict[tuple[Path, str], list[Letter]] = {}  # the letters of it that are in

    def add(self, letter: "Letter", one: "Taken | str") -> None:
        """One file, or why it could not be read."""
        if isinstance(one, str):
            self.unread += 1
            self.sentences.append(one)
            return
        self.counts[str(one.verdict)] += 1
        self.rows += one.rows
        self.seen |= {str(verdict) for verdict in (one.verdict, *one.also)}
        if one.verdict == "GAP" and not one.store:
            self.waiting += 1  # of newer software: it is not here, and is not acknowledged
        if one.store and letter.bag:
            self.heard[letter.bag, one.kiosk] = one.store
            if one.verdict in ("OK", "REPLAY", "EXCEPTION"):
                self.within.setdefault((letter.bag, one.kiosk), []).append(letter)
        if one.sentence:
            self.sentences.append(f"{letter.path}: {one.verdict}: {one.sentence}")

    def acknowledge(self, importer: "Importer", *, empty: bool) -> None:
        """Into each bag, for each kiosk that had something in it; and how many batches still wait. `empty`: what is in goes out of it."""
        from kiosk.hq.intake.mail import acknowledge, taken_out
        from kiosk.hq.kiosks import standings
        from kiosk.sync.folder import FolderError

        for (bag, kiosk), store in sorted(self.heard.items()):
            ack = importer.ack(kiosk, store, now_ms())
            try:
                if ack:
                    acknowledge(bag, kiosk, ack)
                if ack and empty:
                    taken_out(self.within.get((bag, kiosk), []))
            except FolderError as error:
                self.unread += 1
                self.sentences.append(f"{error} Its batches are in; the kiosk will send them again.")
        self.waiting += sum(len(each.parked) for each in standings(importer.store))

    @property
    def code(self) -> int:
        """The exit code, by the worst; a gap that closed meanwhile is none."""
        if self.seen & {"TAMPER", "FORK"}:
            return EXIT_TAMPER
        if "EXCEPTION" in self.seen:
            return EXIT_EXCEPTION
        if self.waiting and "GAP" in self.seen:
            return EXIT_GAP
        return EXIT_REFUSED if self.unread else 0

    def text(self) -> str:
        """For people: what there is to say of single files, then the count."""
        lines = self.sentences[:TOLD_MAX]
        if len(self.sentences) > TOLD_MAX:
            lines.append(f"And {len(self.sentences) - TOLD_MAX} more; kiosk hq work lists what has to be looked at.")
        counted = ", ".join(f"{count} {verdict}" for verdict, count in sorted(self.counts.items())) or "nothing"
        waiting = f" {self.waiting} wait for one that is missing." if self.waiting else ""
        return "\n".join([*lines, f"{sum(self.counts.values())} batches: {counted}. {self.rows} rows.{waiting}"])

    def json(self) -> str:
        """The same for a program."""
        said = {"batches": sum(self.counts.values()), "verdicts": dict(sorted(self.counts.items())), "unread": self.unread}
        return msgspec.json.encode(said | {"rows": self.rows, "waiting": self.waiting, "sentences": self.sentences}).decode()


def join(hq_app: typer.Typer) -> None:
    """These commands, in the group `kiosk hq`."""
    hq_app.command("upgrade", epilog="Example: kiosk hq upgrade --office /srv/office")(upgrade)
    hq_app.command("reread", epilog="Example: kiosk hq reread --office /srv/office")(reread)
    hq_app.command("import", epilog="Example: kiosk hq import /media/stick --office /srv/office")(import_)
