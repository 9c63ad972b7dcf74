"""`kiosk hq publish KIND`: sign what the head office has decided, and put it into the mail bag. `--dry-run` says what it would do and
needs no passphrase.

Exit codes: 0 done, 1 refused: nothing was signed, 2 wrong call.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from kiosk.commands import EXIT_REFUSED, ended, say
from kiosk.commands.hq_clock import Clock, Sure
from kiosk.commands.hq_signer import decision, root
from kiosk.commands.hq_store import Database

if TYPE_CHECKING:
    from kiosk.hq.downlink.publish import Draft
    from kiosk.hq.office import Office
    from kiosk.sync.item import KeyList, Kind

publish_app = typer.Typer(no_args_is_help=True, help="Sign what is decided, and put it into the mail bag for the kiosks.")

FILE_MAX = 64 << 20

Folder = Annotated[Path, typer.Option("--office", envvar="KIOSK_OFFICE", help="The head office's folder.")]
Secret = Annotated[
    Path | None, typer.Option("--secret-file", help="Passphrase of the DECISION key in the first line; asked for if left out.")
]
First = Annotated[Path | None, typer.Option("--first-secret", help="The root's first passphrase, of one person.")]
Second = Annotated[Path | None, typer.Option("--second-secret", help="The root's second passphrase, of another one.")]
Days = Annotated[int, typer.Option(min=1, max=3650, help="For how long it may be installed.")]
Dry = Annotated[bool, typer.Option("--dry-run", help="Only say what would be sent, to whom, and what it would end.")]
To = Annotated[str, typer.Option("--to", help="A kiosk (K07), a place (u1/r2), or all.")]
Whom = Annotated[str, typer.Argument(help="A kiosk (K07), a place (u1/r2) or all: an item for each.")]
File = Annotated[Path, typer.Argument(help="What to send.")]


@publish_app.command("tariff", epilog="Example: kiosk hq publish tariff prices.toml --to u1/r2 --office /srv/office --dry-run")
def tariff(
    file: File,
    office: Folder,
    *,
    to: To = "all",
    secret_file: Secret = None,
    days: Days = 90,
    dry_run: Dry = False,
    database: Database = "",
    clock_is_right: Sure = False,
) -> None:
    """The whole price list: today's tariff and all that are known ahead, without a hole."""
    _file("tariff", file, office, to=to, secret=secret_file, days=days, dry=dry_run, clock=Clock(database, clock_is_right))


@publish_app.command("texts", epilog="Example: kiosk hq publish texts words.toml --office /srv/office")
def texts(
    file: File,
    office: Folder,
    *,
    to: To = "all",
    secret_file: Secret = None,
    days: Days = 365,
    dry_run: Dry = False,
    database: Database = "",
    clock_is_right: Sure = False,
) -> None:
    """The office's own words for telephone, name, tax number and foot of the papers, in each language."""
    _file("texts", file, office, to=to, secret=secret_file, days=days, dry=dry_run, clock=Clock(database, clock_is_right))


@publish_app.command("notices", epilog="Example: kiosk hq publish notices outages.toml --office /srv/office")
def notices(
    file: File,
    office: Folder,
    *,
    to: To = "all",
    secret_file: Secret = None,
    days: Days = 30,
    dry_run: Dry = False,
    database: Database = "",
    clock_is_right: Sure = False,
) -> None:
    """All planned outages, by place; each kiosk shows those of its own."""
    _file("notices", file, office, to=to, secret=secret_file, days=days, dry=dry_run, clock=Clock(database, clock_is_right))


@publish_app.command("limits", epilog="Example: kiosk hq publish limits limits.toml --to K07 --office /srv/office")
def limits(
    file: File,
    office: Folder,
    *,
    to: To = "all",
    secret_file: Secret = None,
    days: Days = 365,
    dry_run: Dry = False,
    database: Database = "",
    clock_is_right: Sure = False,
) -> None:
    """What a kiosk may do by itself, and whether its keys outlive a restart: none, finish or trade."""
    _file("limits", file, office, to=to, secret=secret_file, days=days, dry=dry_run, clock=Clock(database, clock_is_right))


@publish_app.command("hotlist", epilog="Example: kiosk hq publish hotlist blocked.txt --change --office /srv/office")
def hotlist(
    file: Annotated[Path, typer.Argument(help="All cards: one serial of 16 hex digits a line.")],
    office: Folder,
    *,
    to: To = "all",
    change: Annotated[bool, typer.Option("--change", help="Send only what came and went since the last whole list.")] = False,
    secret_file: Secret = None,
    days: Days = 30,
    dry_run: Dry = False,
    database: Database = "",
    clock_is_right: Sure = False,
) -> None:
    """Name the cards that no kiosk serves any more."""
    from kiosk.hq.downlink.publish import changed
    from kiosk.hq.downlink.sources import serials
    from kiosk.sync.delta import listed

    def body(opened: "Office", to: str) -> bytes:
        cards = serials(_text(file))
        return changed(opened, to, cards) if change else listed(cards)

    _publish(
        "delta" if change else "hotlist",
        to,
        body,
        office,
        secret=secret_file,
        days=days,
        dry=dry_run,
        clock=Clock(database, clock_is_right),
    )


@publish_app.command("roster", epilog="Example: kiosk hq publish roster K07 roster.json --office /srv/office")
def roster(
    to: Whom,
    file: File,
    office: Folder,
    *,
    secret_file: Secret = None,
    days: Days = 365,
    dry_run: Dry = False,
    database: Database = "",
    clock_is_right: Sure = False,
) -> None:
    """Say who may do what at a kiosk, as JSON."""
    _publish(
        "roster",
        to,
        lambda _office, _to: _text(file).encode(),
        office,
        secret=secret_file,
        days=days,
        dry=dry_run,
        clock=Clock(database, clock_is_right),
    )


@publish_app.command("persons", epilog="Example: kiosk hq publish persons K07 customers.csv --office /srv/office")
def persons(
    to: Whom,
    file: File,
    office: Folder,
    *,
    secret_file: Secret = None,
    days: Days = 365,
    dry_run: Dry = False,
    database: Database = "",
    clock_is_right: Sure = False,
) -> None:
    """By which masks a kiosk greets its customers, of a CSV with customer and name: the names stay here. The last list replaces all."""
    from kiosk.hq.downlink.sources import persons as masks

    _publish(
        "persons",
        to,
        lambda office, _to: masks(_text(file), office.record.utility),
        office,
        secret=secret_file,
        days=days,
        dry=dry_run,
        clock=Clock(database, clock_is_right),
    )


@publish_app.command("float", epilog="Example: kiosk hq publish float K07 50000.00 --office /srv/office")
def grant(
    to: Whom,
    amount: Annotated[str, typer.Argument(help="Major units, two places: 50000.00.")],
    office: Folder,
    *,
    secret_file: Secret = None,
    days: Days = 30,
    dry_run: Dry = False,
    database: Database = "",
    clock_is_right: Sure = False,
) -> None:
    """Let each of these kiosks sell for so much more."""
    from kiosk.hq.downlink.sources import amount_minor
    from kiosk.hq.downlink.stores import float_grant
    from kiosk.hq.office import DAY_MS, OfficeError

    opened, now_ms = _office(office), _now_ms()
    try:
        minor, below = amount_minor(amount), opened.below(_everybody(to))
        Clock(database, clock_is_right).checked(opened, now_ms, dry=dry_run)
        if dry_run:
            say(f"float to {', '.join(below) or 'nobody'}: {amount} more each, {days} days.")
            return
        signer = decision(opened, database, secret_file)
        for kiosk in below:
            body = float_grant(opened, signer, kiosk=kiosk, amount_minor=minor, until_ms=now_ms + days * DAY_MS)
            say(str(opened.publish("float", kiosk, body, signer, days=days, now_ms=now_ms)))
    except OfficeError as error:
        raise ended(str(error), EXIT_REFUSED) from None


@publish_app.command("keys", epilog="Example: kiosk hq publish keys --revoke-kiosk K07 --office /srv/office")
def keys(
    office: Folder,
    *,
    revoke_kiosk: Annotated[list[str] | None, typer.Option(help="A kiosk whose keys end.")] = None,
    revoke_card: Annotated[list[str] | None, typer.Option(help="SHA-256 of a boot card's certificate, 64 hex digits.")] = None,
    dead: Annotated[list[int] | None, typer.Option(help="A KIOSK generation that serves no more.")] = None,
    new_epoch: Annotated[bool, typer.Option("--new-epoch", help="This office was restored from a backup: begin a new epoch.")] = False,
    epoch: Annotated[int, typer.Option(help="With --new-epoch: its number, where a higher one than the next is known.", min=0)] = 0,
    first_secret: First = None,
    second_secret: Second = None,
    dry_run: Dry = False,
    database: Database = "",
    clock_is_right: Sure = False,
) -> None:
    """Sign the list of keys anew, with what is revoked from now on. The root signs: two people."""
    from kiosk.hq.office import OfficeError

    opened = _office(office)
    try:
        grown = _grown(opened, revoke_kiosk, revoke_card, dead)
        Clock(database, clock_is_right).checked(opened, _now_ms(), dry=dry_run)
        if dry_run:
            begun = f"epoch {epoch or opened.record.epoch + 1}" if new_epoch else f"epoch {opened.record.epoch}"
            say(
                f"keys to all, {begun}: revoked are {len(grown.revoked_kiosks)} kiosks, {len(grown.revoked_cards)} boot cards, "
                f"{len(grown.dead)} generations."
            )
            return
        signer = root(opened, database, first_secret, second_secret)
        if new_epoch:
            opened.open_epoch(signer, keys=grown, now_ms=_now_ms(), epoch=epoch)
        else:
            opened.publish_keys(signer, keys=grown, now_ms=_now_ms())
    except OfficeError as error:
        raise ended(str(error), EXIT_REFUSED) from None
    say(f"{opened.folder / 'downlink' / 'all'}/keys-{opened.record.epoch}-{opened.next_number('keys', '*') - 1}")


# ---------------------------------------------------------------- how


def _file(kind: "Kind", file: Path, office: Path, *, to: str, secret: Path | None, days: int, dry: bool, clock: Clock) -> None:
    from kiosk.hq.downlink.sources import READ

    _publish(kind, to, lambda _office, _to: READ[kind](_text(file)), office, secret=secret, days=days, dry=dry, clock=clock)


def _publish(
    kind: "Kind",
    to: str,
    body: "Callable[[Office, str], bytes]",
    office: Path,
    *,
    secret: Path | None,
    days: int,
    dry: bool,
    clock: Clock,
) -> None:
    """Draft, say it, and if it is meant sign and send it."""
    from kiosk.hq.downlink import publish
    from kiosk.hq.office import OfficeError

    opened, now_ms = _office(office), _now_ms()
    try:
        drawn: Draft = publish.draft(opened, kind, _everybody(to), body(opened, _everybody(to)), now_ms=now_ms, days=days)
        for sentence in drawn.says:
            say(sentence)
        clock.checked(opened, now_ms, dry=dry)
        if dry:
            return
        signer = decision(opened, clock.database, secret)
        for path in publish.send(opened, drawn, signer, now_ms=now_ms, days=days):
            say(str(path))
    except OfficeError as error:
        raise ended(str(error), EXIT_REFUSED) from None


def _grown(office: "Office", kiosks: list[str] | None, cards: list[str] | None, dead: list[int] | None) -> "KeyList":
    """What is revoked stays so."""
    from kiosk.hq.office import OfficeError
    from kiosk.sync.item import KeyList

    old = office.record.keys
    if old is None:
        raise OfficeError("This office has no list of keys yet.")
    grown = msgspec.to_builtins(old) | {
        "revoked_kiosks": sorted({*old.revoked_kiosks, *(kiosks or ())}),
        "revoked_cards": sorted({*old.revoked_cards, *(cards or ())}),
        "dead": sorted({*old.dead, *(dead or ())}),
    }
    try:
        return msgspec.convert(grown, KeyList)
    except msgspec.ValidationError:
        raise OfficeError("A card is named by 64 hex digits, a generation by a number.") from None


def _office(folder: Path) -> "Office":
    from kiosk.hq.office import Office, OfficeError

    try:
        return Office(folder)
    except OfficeError as error:
        raise ended(str(error), EXIT_REFUSED) from None


def _text(file: Path) -> str:
    from kiosk.hq.office import OfficeError

    try:
        with file.open("rb") as source:
            raw = source.read(FILE_MAX + 1)
    except OSError as error:
        raise OfficeError(f"{file} cannot be read: {error.strerror}.") from None
    if len(raw) > FILE_MAX:
        raise OfficeError(f"{file} has more than {FILE_MAX} bytes.")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise OfficeError(f"{file} is not text.") from None


def _everybody(to: str) -> str:
    return "*" if to == "all" else to


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
