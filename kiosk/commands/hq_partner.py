"""`kiosk hq partner`: who may order for our customers, up to how much; their two doors; what the office and they settle by.

Exit codes: 0 done, 1 refused, 2 wrong call, 3 no vault, or an address that cannot be listened on.
"""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from kiosk.commands import EXIT_MISSING, EXIT_REFUSED, EXIT_USAGE, ended, say
from kiosk.commands.hq_money import Book, Folder, OtherSite, Vault, minor_of, other_site
from kiosk.commands.hq_serve import PerAddress, alone
from kiosk.commands.hq_signer import decision
from kiosk.commands.hq_store import AsJson, Database, both, now_ms
from kiosk.commands.vault import Module, SecretFile, Token, opened

if TYPE_CHECKING:
    from kiosk.hq.office import Office
    from kiosk.hq.partners.accounts import Partner
    from kiosk.hq.store import Store

partner_app = typer.Typer(no_args_is_help=True, help="Partners: banks, apps and shops that order for our customers.")

HOUR_MS = 3_600_000

Name = Annotated[str, typer.Argument(help="The partner's name: small letters, digits, hyphens.")]
Acquirer = Annotated[str | None, typer.Option(help="Its acquirer's number in ISO 8583; none for no such door.")]
OrderMax = Annotated[str | None, typer.Option("--order-max", help="Of one order, in major units: 500.00.")]
DayMax = Annotated[str | None, typer.Option("--day-max", help="Of all its orders of a day.")]
OrderMin = Annotated[str | None, typer.Option("--order-min", help="The least of one order; the office's if left out, or: office.")]
OpenCard = Annotated[int | None, typer.Option("--open-card-max", help="Orders of its own that may wait for one card.")]
OpenMax = Annotated[int | None, typer.Option("--open-max", help="Orders of its own that may wait in all.")]
Credit = Annotated[str | None, typer.Option("--credit", help="What it may spend above what it paid in.")]


@partner_app.command("add", epilog="Example: kiosk hq partner add bank --order-max 500.00 --day-max 20000.00 --office /srv/office")
def add(
    name: Name,
    office: Folder,
    *,
    order_max: OrderMax = "0",
    day_max: DayMax = "0",
    credit: Credit = "0",
    order_min: OrderMin = None,
    open_card_max: OpenCard = None,
    open_max: OpenMax = None,
    acquirer: Acquirer = "",
    currency: Annotated[str, typer.Option(help="ISO 4217; of its account and its orders.")] = "CNY",
    zone: Annotated[str, typer.Option(help="Whose days are its days, like +0800.")] = "+0000",
    store: Database = "",
) -> None:
    """Make a partner known. Its token is printed this once: only its hash is kept."""
    from kiosk.hq.partners import accounts

    most, a_day, more = (minor_of(said or "0", currency, 0) for said in (order_max, day_max, credit))
    bounds = _bounds(order_min, currency, open_card_max, open_max)
    partner = msgspec.structs.replace(accounts.Partner(name, currency, most, a_day, more, acquirer or "", zone), **bounds)
    with _opened(office, store) as (_, held):
        say(accounts.add(held, partner, now_ms()))


@partner_app.command("limit", epilog="Example: kiosk hq partner limit bank --day-max 50000.00 --office /srv/office")
def limit(
    name: Name,
    office: Folder,
    *,
    order_max: OrderMax = None,
    day_max: DayMax = None,
    credit: Credit = None,
    order_min: OrderMin = None,
    open_card_max: OpenCard = None,
    open_max: OpenMax = None,
    acquirer: Acquirer = None,
    store: Database = "",
) -> None:
    """Change what a partner may; what is left out stays."""
    from kiosk.hq.partners import accounts

    with _opened(office, store) as (_, held):
        currency = _found(held, name).currency
        money = {"order_max_minor": order_max, "day_max_minor": day_max, "credit_minor": credit}
        changes: dict[str, object] = {key: minor_of(said, currency, 0) for key, said in money.items() if said is not None}
        changes |= _bounds(order_min, currency, open_card_max, open_max) | ({"acquirer": acquirer} if acquirer is not None else {})
        if not changes:
            raise ended(
                "Say what changes: --order-max, --order-min, --day-max, --credit, --open-card-max, --open-max or --acquirer.", EXIT_USAGE
            )
        accounts.change(held, name, **changes)


@partner_app.command("rotate", epilog="Example: kiosk hq partner rotate bank --hours 24 --office /srv/office")
def rotate(
    name: Name,
    office: Folder,
    *,
    hours: Annotated[int, typer.Option(min=0, max=720, help="For how long the token before is good beside the new one.")] = 24,
    store: Database = "",
) -> None:
    """Print a new token for a partner. With --hours 0 the one before is dead at once: it is in other hands."""
    from kiosk.hq.partners import accounts

    with _opened(office, store) as (_, held):
        say(accounts.rotate(held, name, now_ms(), hours * HOUR_MS))


@partner_app.command("close", epilog="Example: kiosk hq partner close bank --office /srv/office")
def close(
    name: Name,
    office: Folder,
    *,
    again: Annotated[bool, typer.Option("--open", help="Open it again.")] = False,
    store: Database = "",
) -> None:
    """Take no more orders of a partner. Codes that are out stay good: they were paid for."""
    from kiosk.hq.partners import accounts

    with _opened(office, store) as (_, held):
        accounts.change(held, name, state="open" if again else "closed")


@partner_app.command("pay-in", epilog='Example: kiosk hq partner pay-in bank 10000.00 --payment "transfer 4711" --office /srv/office')
def pay_in(
    name: Name,
    amount: Annotated[str, typer.Argument(help="In major units.")],
    office: Folder,
    *,
    payment: Annotated[str, typer.Option(help="The bank's name for this payment: entered twice it counts once.")],
    store: Database = "",
) -> None:
    """Enter what a partner paid."""
    from kiosk.hq.partners import accounts
    from kiosk.vend.money import CURRENCIES, plain

    with _opened(office, store) as (_, held):
        currency = _found(held, name).currency
        stands = accounts.pay_in(held, name, minor_of(amount, currency, 0), payment, now_ms())
        say(f"{plain(stands.balance_minor, CURRENCIES[currency].exponent)} {currency} are there for {name} now.", err=True)


@partner_app.command("list", epilog="Example: kiosk hq partner list --office /srv/office --json")
def list_(office: Folder, *, store: Database = "", as_json: AsJson = False) -> None:
    """Say who may order, what each has left, what it ordered today, and which of its orders are held: no code of theirs has left."""
    from kiosk.hq.partners import accounts
    from kiosk.hq.partners.till import held_orders
    from kiosk.vend.money import CURRENCIES, plain

    with _opened(office, store) as (_, held):
        found = [
            (each, held.read(lambda connection, each=each: accounts.account(connection, each, now_ms())), held_orders(held, each))  # type: ignore[misc]
            for each in accounts.listed(held)
        ]
    if as_json:
        say(msgspec.json.encode([{"partner": partner, "account": stands, "held": names} for partner, stands, names in found]))
        return
    for partner, stands, names in found:
        places = CURRENCIES[partner.currency].exponent
        balance, spent = (plain(minor, places) for minor in (stands.balance_minor, stands.spent_minor))
        acquirer = f"  acquirer {partner.acquirer}" if partner.acquirer else ""
        say(f"{partner.name:16}  {partner.state:6}  has {balance} {partner.currency}  today {spent}{acquirer}")
        for name in names:
            say(f"  held: {name}")


@partner_app.command("settlement", epilog="Example: kiosk hq partner settlement bank 20261103 --office /srv/office")
def settlement(
    name: Name,
    day: Annotated[int, typer.Argument(min=20_000_101, max=29_991_231, help="A day that is over: 20261103.")],
    office: Folder,
    *,
    secret: Annotated[Path | None, typer.Option("--decision-secret", help="Passphrase of the DECISION key; asked for if left out.")] = None,
    store: Database = "",
    as_json: AsJson = False,
) -> None:
    """Write a day of a partner's account as CSV, and the office's signature beside it. The partner gets both at its door."""
    from kiosk.hq.partners.doors import SETTLEMENTS
    from kiosk.hq.partners.settlement_file import Settlements

    with _opened(office, store) as (opened_office, held):
        sign = decision(opened_office, held, secret)
        path, totals = Settlements(opened_office.folder / SETTLEMENTS).write(held, name, day, sign, now_ms())
    say(msgspec.json.encode({"file": str(path), "totals": totals}) if as_json else str(path))


@partner_app.command(
    "serve", epilog="Example: kiosk hq partner serve --certificate hq.pem --key hq.key --office /srv/office --vault vault.json"
)
def serve(
    office: Folder,
    *,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "0.0.0.0",  # noqa: S104 - a door is for those outside
    port: Annotated[int, typer.Option(min=0, max=65535, help="Of the HTTP API; 0: any that is free.")] = 8444,
    iso: Annotated[int | None, typer.Option("--iso", min=0, max=65535, help="Of the ISO 8583 gateway; none if left out.")] = None,
    off_site: OtherSite = "",
    certificate: Annotated[Path | None, typer.Option(help="The server's certificate and those above it, PEM.")] = None,
    key: Annotated[Path | None, typer.Option(help="Its key, PEM.")] = None,
    client_ca: Annotated[Path | None, typer.Option("--client-ca", help="Serve only whoever has a certificate of this CA.")] = None,
    per_address: PerAddress = 64,
    store: Database = "",
    registry: Book = None,
    vault: Vault = None,
    token: Token = "",
    module: Module = None,
    secret_file: SecretFile = None,
) -> None:
    """Take partners' orders until it is stopped: a process of its own, apart from the kiosks' door, which has no vault."""
    import asyncio

    from kiosk.hq.cards.registry import Registry
    from kiosk.hq.orders.book import Orders
    from kiosk.hq.partners.doors import Blocked
    from kiosk.hq.partners.doors import serve as serving
    from kiosk.hq.partners.till import Till
    from kiosk.hq.serving import Certificate

    if (certificate is None) != (key is None):
        raise ended("A certificate and its key come together: --certificate and --key.", EXIT_USAGE)
    if certificate is None and host not in ("127.0.0.1", "::1"):
        raise ended(
            "Without --certificate and --key it serves this machine only: --host 127.0.0.1, behind a proxy that has them.", EXIT_USAGE
        )
    alone()
    masters = opened(vault, token, module, secret_file)
    book_at = registry or office / "registry.db"
    with _opened(office, store) as (opened_office, held), closing(Registry(book_at, now_ms, create=False)) as book:
        if not off_site:
            _say("Orders are kept here only: with --off-site their codes would leave when they are safe at another site.")
        till = Till(held, Orders(held, masters, other_site(off_site, held, office), cards=book), book, Blocked(opened_office.folder))
        tls = Certificate(certificate, key, client_ca) if certificate and key else None
        try:
            asyncio.run(
                serving(
                    held,
                    till,
                    opened_office.folder,
                    host=host,
                    ports=(port, iso),
                    certificate=tls,
                    per_address=per_address,
                    now_ms=now_ms,
                    ready=_say,
                )
            )
        except OSError as error:
            raise ended(f"It cannot serve there: {error.strerror or error}.", EXIT_MISSING) from None


# ---------------------------------------------------------------- shared


@contextmanager
def _opened(office: Path, store: str) -> "Iterator[tuple[Office, Store]]":
    """Whatever is refused ends in one sentence."""
    from kiosk.hq.cards.registry import RegistryError
    from kiosk.hq.office import OfficeError
    from kiosk.hq.orders.book import OrderRefused
    from kiosk.hq.partners.accounts import PartnerError
    from kiosk.hq.store import StoreError

    opened_office, held = both(office, store)
    with closing(held):
        try:
            yield opened_office, held
        except (PartnerError, OrderRefused, OfficeError, RegistryError, StoreError) as error:
            raise ended(str(error), EXIT_REFUSED) from None


def _bounds(order_min: str | None, currency: str, open_card_max: int | None, open_max: int | None) -> dict[str, object]:
    """Of those that were given."""
    said: dict[str, object] = {} if open_card_max is None else {"open_card_max": open_card_max}
    said |= {} if open_max is None else {"open_max": open_max}
    if order_min is not None:
        said["order_min_minor"] = None if order_min == "office" else minor_of(order_min, currency)
    return said


def _found(store: "Store", name: str) -> "Partner":
    from kiosk.hq.partners.accounts import PartnerError, listed

    found = next((each for each in listed(store) if each.name == name), None)
    if found is None:
        raise PartnerError(f"There is no partner {name}.")
    return found


def _say(sentence: str) -> None:
    say(sentence, err=True)
    sys.stderr.flush()
