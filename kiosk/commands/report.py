"""`kiosk report day` and `kiosk report box`: what the journal adds up to, as text, as JSON, or on the receipt printer."""

import re
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypedDict, TypeVar

import msgspec
import typer

from kiosk.commands import EXIT_DAMAGED, EXIT_MISSING, EXIT_REFUSED, EXIT_USAGE, ended, say

if TYPE_CHECKING:
    from kiosk.config import Config
    from kiosk.vend.journal import Journal
    from kiosk.vend.paper.values import Paper
    from kiosk.vend.rules import Rules

ConfigFile = Annotated[Path | None, typer.Option("--config", help="kiosk.toml")]
Language = Annotated[str, typer.Option(help="A language that has a catalogue; without it the screen's.")]
Width = Annotated[int, typer.Option(help="Columns of the text, 48 or 32; a printer has its own.")]
OnPaper = Annotated[bool, typer.Option("--print", help="On the printer of kiosk.toml, too; a running kiosk keeps that for itself.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output instead of text.")]

T = TypeVar("T")


class Form(TypedDict):
    """What every report needs to become a paper."""

    kiosk: str
    printed_ms: int
    zone: str
    exponent: int
    language: str


def day(
    *,
    date: Annotated[str, typer.Option(help="A business day, 2026-11-03; without it today.")] = "",
    config: ConfigFile = None,
    language: Language = "",
    width: Width = 48,
    on_paper: OnPaper = False,
    json: AsJson = False,
) -> None:
    """What was taken on a day, what became of it, and whether the two are the same. The kiosk may be running.

    Example: kiosk report day --date 2026-11-03 --config /var/lib/kiosk/kiosk.toml

    Exit codes: 0 taken and given are the same; 1 they differ, or nothing was printed; 2 wrong call or configuration;
    3 no printer, store or station store; 4 the store is damaged.
    """
    from kiosk.vend.paper.day import day_report
    from kiosk.vend.totals import day_totals

    loaded, rules, form = _asked(config, language, width)
    asked = date or rules.business_date(form["printed_ms"])
    day_ms = _noon_ms(asked, rules)
    totals = _read(loaded, lambda journal: day_totals(journal.rows(), asked, rules.business_date))
    said = {"kiosk": rules.kiosk, **msgspec.to_builtins(totals)}
    said |= {"taken_minor": totals.taken_minor, "given_minor": totals.given.minor, "difference_minor": totals.difference_minor}
    _put_out(loaded, day_report(totals, day_ms=day_ms, **form), said if json else None, width, on_paper=on_paper)
    if totals.difference_minor:
        raise ended("What was taken and what was given differ.", EXIT_REFUSED)


def box(
    *,
    config: ConfigFile = None,
    language: Language = "",
    width: Width = 48,
    on_paper: OnPaper = False,
    json: AsJson = False,
) -> None:
    """What the cash boxes must hold by the journal, since they were put in, and whose money it is. The kiosk may be running.

    Example: kiosk report box --config /var/lib/kiosk/kiosk.toml

    Exit codes: 0 every piece is explained; 1 some are not, or nothing was printed; 2 wrong call or configuration;
    3 no printer, store or station store; 4 the store is damaged.
    """
    from kiosk.vend.paper.box import box_slip
    from kiosk.vend.totals import box_count

    loaded, rules, form = _asked(config, language, width)
    count = _read(loaded, lambda journal: box_count(journal.rows()))
    said = {"kiosk": rules.kiosk, **msgspec.to_builtins(count)}
    said |= {"count": count.count, "in_the_box_minor": count.minor, "difference_minor": count.difference_minor}
    _put_out(loaded, box_slip(count, **form), said if json else None, width, on_paper=on_paper)
    if count.unexplained_minor:
        raise ended("Some of the cash in the boxes is not explained.", EXIT_REFUSED)


def _asked(config: Path | None, language: str, width: int) -> "tuple[Config, Rules, Form]":
    from kiosk import words
    from kiosk.config import ConfigError, config_path, load
    from kiosk.core import rules_of

    try:
        loaded = load(config or config_path())
    except ConfigError as error:
        raise ended(str(error), EXIT_USAGE) from None
    rules = rules_of(loaded)
    spoken = language or rules.language
    if spoken not in words.languages():
        raise ended(f"There is no catalogue for {spoken}; there are {', '.join(words.languages())}.", EXIT_USAGE)
    if width not in {32, 48}:
        raise ended("A report is 48 or 32 columns wide.", EXIT_USAGE)
    now_ms = time.time_ns() // 1_000_000
    form = Form(kiosk=rules.kiosk, printed_ms=now_ms, zone=rules.offset(now_ms), exponent=rules.currency.exponent, language=spoken)
    return loaded, rules, form


def _noon_ms(day: str, rules: "Rules") -> int:
    """The middle of that day in the kiosk's zone."""
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", day):
            raise ValueError(day)
        return rules.noon_ms(day)
    except ValueError:
        raise ended(f"{day} is no day; a day is written 2026-11-03.", EXIT_USAGE) from None


def _read(config: "Config", from_it: "Callable[[Journal], T]") -> T:
    """Whatever is asked of the journal, beside a running kiosk."""
    from kiosk.devices.vault.station import StationError, open_station
    from kiosk.vend.journal import Journal
    from kiosk.vend.store import StoreDamaged, StoreError

    try:
        key = open_station(config.store.station).database_key()
        with Journal.open(config.store.path, key, create=False, read_only=True) as journal:
            return from_it(journal)
    except StoreDamaged as error:
        raise ended(str(error), EXIT_DAMAGED) from None
    except (StationError, StoreError) as error:
        raise ended(str(error), EXIT_MISSING) from None


def _put_out(config: "Config", paper: "Paper", said: dict[str, Any] | None, width: int, *, on_paper: bool) -> None:
    from kiosk.commands.receipt_sample import text_of

    say(text_of(paper, width) if said is None else msgspec.json.encode(said), nl=said is not None)
    if on_paper:
        _print(config, paper)


def _print(config: "Config", paper: "Paper") -> None:
    from kiosk.devices.port import PortLost, open_port
    from kiosk.devices.printer.driver import print_once
    from kiosk.devices.printer.escpos import PROFILES

    part = next((part for part in config.device if part.role == "printer"), None)
    if part is None:
        raise ended("kiosk.toml names no printer.", EXIT_MISSING)
    profile = PROFILES.get(str(part.options.get("profile", "80mm")))
    if profile is None:
        raise ended(f"The printer's profile is none of {', '.join(PROFILES)}.", EXIT_USAGE)
    try:
        with closing(open_port(part.port)) as port:
            outcome = print_once(port, profile, paper)
    except PortLost as error:
        raise ended(f"The printer cannot be had: {error}. A running kiosk keeps it for itself.", EXIT_MISSING) from None
    if outcome not in {"printed", "assumed"}:
        raise ended(f"The report is not printed ({outcome}): look at the printer.", EXIT_REFUSED)
