"""`kiosk hq report`: what the office's books say, as text for a printer, as CSV for a spreadsheet, as JSON for a program.

Exit codes: 0 all agrees; 1 somebody has to look, or there is no office or store; 2 wrong call; 3 the store cannot be used;
8 another person has to release it.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from kiosk.commands import EXIT_MISSING, EXIT_REFUSED, EXIT_USAGE, ended, say
from kiosk.commands.hq import Folder
from kiosk.commands.hq_money import Book
from kiosk.commands.hq_room import room
from kiosk.commands.hq_settle import waits
from kiosk.commands.hq_staff import StaffSecret
from kiosk.commands.hq_store import AsJson, Database, both, now_ms

if TYPE_CHECKING:
    from kiosk.hq.report.period import Period
    from kiosk.hq.report.selling import By
    from kiosk.hq.report.sheet import Cell, Sheet
    from kiosk.hq.store import Store

report_app = typer.Typer(no_args_is_help=True, help="What the kiosks sold, what is in their boxes, what they may still sell.")

Only = Annotated[str, typer.Option("--kiosk", help="This kiosk alone.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Records for a spreadsheet instead of text.")]
Comma = Annotated[bool, typer.Option("--comma", help="With --csv, as spreadsheets of many countries read it: decimal commas, semicolons.")]
Page = Annotated[
    int,
    typer.Option("--page", min=0, max=1000, help="Lines of a page, 60 for A4 and Letter, with form feeds between; 0 for one long page."),
]
Out = Annotated[Path | None, typer.Option("--out", help="Into this file instead of standard output.")]
Again = Annotated[bool, typer.Option("--recompute", help="Make every sum anew from the sales, and say whether the summaries are the same.")]

Where = tuple[Path, str]
"""The office's folder and its store, as they were named."""

T = TypeVar("T")


@report_app.command("day", epilog="Example: kiosk hq report day 2026-11-03 --office /srv/office")
def day(
    date: Annotated[str, typer.Argument(metavar="DAY", help="A business day, 2026-11-03.")],
    office: Folder,
    database: Database = "",
    *,
    kiosk: Only = "",
    csv: AsCsv = False,
    json: AsJson = False,
    comma: Comma = False,
    page: Page = 0,
    out: Out = None,
    recompute: Again = False,
) -> None:
    """What was sold on a day, by kiosk and tender, and where the money went."""
    period = _period(date, month=False)
    _selling(
        (office, database), period, "kiosk", only=kiosk, recompute=recompute, put=_Put(csv=csv, json=json, comma=comma, page=page, out=out)
    )


@report_app.command("month", epilog="Example: kiosk hq report month 2026-11 --csv --out november.csv --office /srv/office")
def month(
    date: Annotated[str, typer.Argument(metavar="MONTH", help="2026-11.")],
    office: Folder,
    database: Database = "",
    *,
    kiosk: Only = "",
    csv: AsCsv = False,
    json: AsJson = False,
    comma: Comma = False,
    page: Page = 0,
    out: Out = None,
    recompute: Again = False,
) -> None:
    """The same of a month."""
    period = _period(date, month=True)
    _selling(
        (office, database), period, "kiosk", only=kiosk, recompute=recompute, put=_Put(csv=csv, json=json, comma=comma, page=page, out=out)
    )


@report_app.command("hours", epilog="Example: kiosk hq report hours 2026-11-03 --office /srv/office")
def hours(
    date: Annotated[str, typer.Argument(metavar="DAY|MONTH", help="2026-11-03 or 2026-11.")],
    office: Folder,
    database: Database = "",
    *,
    csv: AsCsv = False,
    json: AsJson = False,
    comma: Comma = False,
    page: Page = 0,
    out: Out = None,
    recompute: Again = False,
) -> None:
    """When people come: a day or a month by hour of the kiosks' own clocks, and tender."""
    _selling(
        (office, database),
        _period(date),
        "hour",
        only="",
        recompute=recompute,
        put=_Put(csv=csv, json=json, comma=comma, page=page, out=out),
    )


@report_app.command("boxes", epilog="Example: kiosk hq report boxes 2026-11 --kiosk K07 --office /srv/office")
def boxes(
    date: Annotated[str, typer.Argument(metavar="DAY|MONTH", help="When the boxes were taken out: 2026-11-03 or 2026-11.")],
    office: Folder,
    database: Database = "",
    *,
    kiosk: Only = "",
    csv: AsCsv = False,
    json: AsJson = False,
    comma: Comma = False,
    page: Page = 0,
    out: Out = None,
) -> None:
    """Cash boxes: what was counted, what the journal says, what the acceptor's counter says. Exit code 1 where one does not agree."""
    from kiosk.hq.report import boxes as rooms
    from kiosk.hq.report import cashbox

    period, put = _period(date), _Put(csv=csv, json=json, comma=comma, page=page, out=out)
    report = _read((office, database), lambda connection: rooms.boxes(connection, period, now_ms=now_ms(), only=kiosk), kiosk)
    put(report, rooms.sheet_of(report), cashbox.RECORD, cashbox.records(report.boxes))
    _trusted((office, database))
    if any(one.findings for one in report.boxes):
        raise ended("Some boxes do not agree.", EXIT_REFUSED)


@report_app.command("floats", epilog="Example: kiosk hq report floats --office /srv/office")
def floats(
    office: Folder,
    database: Database = "",
    *,
    kiosk: Only = "",
    csv: AsCsv = False,
    json: AsJson = False,
    comma: Comma = False,
    page: Page = 0,
    out: Out = None,
) -> None:
    """What was granted to each kiosk, spent there, lapsed, and left now. Exit code 1 where somebody has to look."""
    from kiosk.hq.report import floats as rooms
    from kiosk.hq.report import grants
    from kiosk.hq.report.signed import signed_floats

    put = _Put(csv=csv, json=json, comma=comma, page=page, out=out)
    try:
        signed = signed_floats(office)
    except (ValueError, OSError) as error:
        raise ended(str(error), EXIT_MISSING) from None
    report = _read((office, database), lambda connection: grants.floats(connection, signed, now_ms=now_ms(), only=kiosk), kiosk)
    put(report, rooms.sheet_of(report), rooms.RECORD, rooms.records(report))
    _trusted((office, database))
    if any(one.findings for one in report.lines):
        raise ended("Some floats have to be looked at.", EXIT_REFUSED)


@report_app.command("suspects", epilog="Example: kiosk hq report suspects --days 90 --csv --out suspects.csv --office /srv/office")
def suspects(
    office: Folder,
    database: Database = "",
    *,
    days: Annotated[int, typer.Option("--days", min=1, max=3660, help="So far back.")] = 90,
    csv: AsCsv = False,
    json: AsJson = False,
    comma: Comma = False,
    page: Page = 0,
    out: Out = None,
) -> None:
    """Sales against consumption: meters that hold more than was sold to them, use little, saw wrong cards, or owe much. Always exit code 0:
    a suspicion is no proof."""
    from kiosk.hq.report import suspects as rooms

    put = _Put(csv=csv, json=json, comma=comma, page=page, out=out)
    report = _read((office, database), lambda connection: rooms.suspects(connection, days=days, now_ms=now_ms()))
    put(report, rooms.sheet_of(report), rooms.RECORD, rooms.records(report))


@report_app.command("counted", epilog="Example: kiosk hq report counted bags.csv --office /srv/office")
def counted(
    file: Annotated[Path, typer.Argument(help="CSV with the heads kiosk,device,bag,pieces,amount.")],
    office: Folder,
    database: Database = "",
    *,
    staff_secret: StaffSecret = None,
    registry: Book = None,
    as_json: AsJson = False,
) -> None:
    """Propose what was counted in the sealed bags. Another person, who has counted too, releases it: kiosk hq approve.
    A bag that is counted again keeps its first count beside the new one."""
    from kiosk.hq.report.counting import Counting

    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise ended(f"{file} cannot be read: {error.strerror}.", EXIT_REFUSED) from None
    except UnicodeDecodeError:
        raise ended(f"{file} is no UTF-8 text.", EXIT_REFUSED) from None
    with room(office, database, registry, None) as opened_room:
        acting = opened_room.acting(staff_secret)
        proposed = Counting(opened_room.store, opened_room.approvals).propose(text, acting, now_ms())
    raise waits(proposed, as_json=as_json)


@report_app.command("check", epilog="Example: kiosk hq report check --office /srv/office")
def check(office: Folder, database: Database = "", *, registry: Book = None, json: AsJson = False) -> None:
    """Hold every row that money is decided or reported from against what kiosks signed, and against the office's own log."""
    from kiosk.hq.copies import proof
    from kiosk.sync.backup import BackupRefused

    def signed(connection: Any) -> list[str]:
        try:
            proof.check(connection)
        except BackupRefused as error:
            return [str(error)]
        return []

    found = _store((office, database), lambda opened: opened.read(signed))
    found += _written((office, database), registry, anew=True)
    if json:
        import msgspec

        say(msgspec.json.encode(found))
    else:
        say("\n".join(found) or "All rows are what kiosks signed and what the office wrote.")
    if found:
        raise typer.Exit(EXIT_REFUSED)


# ---------------------------------------------------------------- shared


def _written(where: Where, registry: Path | None, *, anew: bool = False) -> list[str]:
    """What of the office's own rows is not as it wrote it. `anew`: also what was right when it was checked last is read again."""
    from kiosk.hq.log import whole

    return _store(where, lambda opened: whole.disagreements(opened, where[0], registry, anew=anew))


def _trusted(where: Where) -> None:
    """A report over rows that somebody has changed says so, after the report. Ends with exit code 1."""
    elsewhere = os.environ.get("KIOSK_REGISTRY")
    found = _written(where, Path(elsewhere) if elsewhere else None)
    if found:
        raise ended("\n".join(found), EXIT_REFUSED)


class _Put:
    """Where a report goes, and in which form."""

    def __init__(self, *, csv: bool, json: bool, comma: bool, page: int, out: Path | None) -> None:
        if csv and json:
            raise ended("A report comes as CSV or as JSON, not as both.", EXIT_USAGE)
        self._csv, self._json, self._comma, self._page, self._out = csv, json, comma, page, out

    def __call__(self, report: object, sheet: "Sheet", heads: Sequence[str], records: "Iterable[tuple[Cell, ...]]") -> None:
        data = self._bytes(report, sheet, heads, records)
        if self._out is None:
            typer.get_binary_stream("stdout").write(data)
            return
        try:
            self._out.write_bytes(data)
        except OSError as error:
            raise ended(f"{self._out} cannot be written: {error.strerror}.", EXIT_REFUSED) from None

    def _bytes(self, report: object, sheet: "Sheet", heads: Sequence[str], records: "Iterable[tuple[Cell, ...]]") -> bytes:
        from kiosk.hq.report.spreadsheet import csv_of
        from kiosk.hq.report.text import text_of

        if self._json:
            import msgspec

            return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"
        text = csv_of(heads, records, comma=self._comma) if self._csv else text_of(sheet, page=self._page)
        return text.encode()


def _selling(where: Where, period: "Period", by: "By", *, only: str, recompute: bool, put: _Put) -> None:
    from kiosk.hq.report import reading, selling

    at_ms = now_ms()
    report = _read(where, lambda connection: reading.selling(connection, period, now_ms=at_ms, by=by, only=only), only)
    put(report, selling.sheet_of(report), selling.RECORD, selling.records(report))
    if recompute:
        again = _read(where, lambda connection: reading.recomputed(connection, period, now_ms=at_ms, by=by, only=only), only)
        if again.books != report.books:
            raise ended("The summaries are not what the sales add up to.", EXIT_REFUSED)
        say("The summaries are what the sales add up to.", err=True)
    _trusted(where)
    if any(book.foot.difference_minor for book in report.books):
        raise ended("What was tendered and what became of it differ.", EXIT_REFUSED)


def _period(text: str, *, month: bool | None = None) -> "Period":
    from kiosk.hq.report.period import NoPeriod, period_of

    try:
        period = period_of(text)
    except NoPeriod as error:
        raise ended(str(error), EXIT_USAGE) from None
    if month is not None and period.month is not month:
        raise ended(f"{text} is no {'month; write 2026-11' if month else 'day; write 2026-11-03'}.", EXIT_USAGE)
    return period


def _read(where: Where, work: Callable[[Any], T], only: str = "") -> T:
    """`work` gets a connection."""
    from kiosk.hq.report.absent import is_known

    def read(opened: "Store") -> T:
        if only and not opened.read(lambda connection: is_known(connection, only)):
            raise ended(f"There is no kiosk {only} here.", EXIT_REFUSED)
        return opened.read(work)

    return _store(where, read)


def _store(where: Where, work: "Callable[[Store], T]") -> T:
    """The office's kiosks are known to its store: one that was enrolled and never heard is missing, too."""
    from kiosk.hq.store import StoreError

    _, opened = both(*where)
    try:
        return work(opened)
    except StoreError as error:
        raise ended(str(error), EXIT_MISSING) from None
    finally:
        opened.close()
