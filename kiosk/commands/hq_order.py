"""`kiosk hq order`: money that was paid elsewhere becomes a code for one card; what becomes of it; and the lists that kiosks offer it from.

Exit codes: 0 done, 1 refused, or an accepted code has no order (match), 2 wrong call, 3 no vault, 6 a count proof that is wrong.
"""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from kiosk.commands import EXIT_REFUSED, EXIT_USAGE, ended, say
from kiosk.commands.hq import First, Second
from kiosk.commands.hq_money import Book, Folder, OtherSite, Vault, minor_of, other_site
from kiosk.commands.hq_signer import decision, root
from kiosk.commands.hq_staff import StaffSecret, one_of
from kiosk.commands.hq_store import AsJson, Database, both, now_ms
from kiosk.commands.vault import Module, SecretFile, Token, opened

if TYPE_CHECKING:
    from kiosk.devices.vault.hq import MasterVault
    from kiosk.hq.cards.registry import Binding, Registry
    from kiosk.hq.orders.book import Made, Order
    from kiosk.hq.store import Store

order_app = typer.Typer(no_args_is_help=True, help="Orders: paid elsewhere, collected by code at any kiosk.")

EXIT_WRONG = 6
COUNTER = "counter"

Serial = Annotated[str, typer.Option("--card", help="The card's serial, 16 hex digits.")]
Amount = Annotated[str, typer.Option(help="Major units: 100.00. All of it goes on the card.")]
Purchase = Annotated[str, typer.Option(help="The purchase number on the last receipt, with its check digit: 18-2; 0-0 before the first.")]
Receipt = Annotated[
    str, typer.Option(help="The text of that receipt's code, K1:...; where its number is far above what the office knows of the card.")
]
Money = Annotated[str, typer.Option(help="ISO 4217.")]

Name = Annotated[str, typer.Argument(help="The order's name.")]


@order_app.command(
    "make",
    epilog="Example: kiosk hq order make --card 1122334455667788 --amount 100.00 --purchase 18-2 --office /srv/office --vault vault.json",
)
def make(
    office: Folder,
    *,
    card: Serial,
    amount: Amount,
    purchase: Purchase,
    receipt: Receipt = "",
    currency: Money = "CNY",
    reference: Annotated[str, typer.Option(help="Your own name for it: twice the same is one order. Made up if left out.")] = "",
    off_site: OtherSite = "",
    store: Database = "",
    registry: Book = None,
    vault: Vault = None,
    token: Token = "",
    module: Module = None,
    secret_file: SecretFile = None,
    as_json: AsJson = False,
) -> None:
    """Write an order down, then give out its code."""
    from kiosk.hq.orders.book import OrderRefused, Orders, Wanted
    from kiosk.hq.store import StoreError

    count, minor = count_of(purchase), minor_of(amount, currency)
    name = reference or os.urandom(8).hex()
    with store_of(office, store) as held, book_of(office, registry) as book:
        binding = binding_of(book, card)
        masters = masters_of(vault, token, module, secret_file)
        try:
            orders = Orders(held, masters, other_site(off_site, held, office), cards=book)
            made = orders.make(Wanted(binding, minor, currency, count, COUNTER, name, receipt=receipt), now_ms())
        except (OrderRefused, StoreError) as refused:
            again = f" Repeat it with: --reference {name}" if isinstance(refused, OrderRefused) and refused.why == "off_site" else ""
            raise ended(f"{refused}{again}", EXIT_REFUSED) from None
        told_order(made, as_json=as_json)


@order_app.command("take", epilog="Example: kiosk hq order take /mnt/site --office /srv/office")
def take(
    place: Annotated[Path, typer.Argument(help="The folder where another site keeps this office's orders.")],
    office: Folder,
    *,
    store: Database = "",
    as_json: AsJson = False,
) -> None:
    """Take in the orders of the other site that this office has lost. What this office did not sign is put on the worklist."""
    from kiosk.hq.copies import reported
    from kiosk.hq.store import StoreError
    from kiosk.sync.folder import FolderError

    opened_office, held = both(office, store)
    with closing(held):
        try:
            done = reported.orders(held, place, (bytes.fromhex(opened_office.record.ack),), now_ms())
        except (FolderError, StoreError) as error:
            raise ended(str(error), EXIT_REFUSED) from None
    if as_json:
        say(msgspec.json.encode(done))
        return
    say(f"{done.taken} orders were taken in.")
    if done.listed:
        say(f"{done.listed} could not be taken in: kiosk hq work lists them.", err=True)


@order_app.command("complete", epilog="Example: kiosk hq order complete --office /srv/office --note 'all files of /mnt/site'")
def complete(
    office: Folder,
    *,
    note: Annotated[str, typer.Option(help="How it is known.")],
    first_secret: First = None,
    second_secret: Second = None,
    store: Database = "",
) -> None:
    """Two people, by the root's passphrases, say that this office has every order that it ever made: it takes new payments again."""
    from kiosk.hq.office import OfficeError
    from kiosk.hq.orders.record import completed
    from kiosk.hq.store import StoreError

    opened_office, held = both(office, store)
    with closing(held):
        try:
            root(opened_office, held, first_secret, second_secret)
            done = completed(held, now_ms(), note=note)
        except (OfficeError, StoreError) as error:
            raise ended(str(error), EXIT_REFUSED) from None
    say("The record of orders is complete: new payments are taken." if done else "Nothing was missing.")


@order_app.command("list", epilog="Example: kiosk hq order list --office /srv/office --card 1122334455667788")
def list_(
    office: Folder,
    *,
    card: Annotated[str, typer.Option(help="Only this card's.")] = "",
    store: Database = "",
    as_json: AsJson = False,
) -> None:
    """Say which orders are open, and until when machines take their codes. Without the codes."""
    from kiosk.hq.orders.book import standing

    with store_of(office, store) as held:
        found = standing(held, card=card.lower())
    if as_json:
        say(msgspec.json.encode(found))
        return
    for each in found:
        say(_line(each))
    say(f"{len(found)} open orders.", err=True)


@order_app.command("show", epilog="Example: kiosk hq order show 7KQ2M4XDR3 --office /srv/office")
def show(name: Name, office: Folder, *, store: Database = "", as_json: AsJson = False) -> None:
    """Say how an order stands, and which machines accepted its code."""
    from kiosk.hq.orders.book import find
    from kiosk.hq.orders.matching import uses

    with store_of(office, store) as held:
        order, used = find(held, name.upper()), uses(held, name.upper())
    if order is None:
        raise ended(f"There is no order {name}.", EXIT_REFUSED)
    if as_json:
        say(msgspec.json.encode({"order": order, "uses": [{"kiosk": kiosk, "at_ms": at_ms} for kiosk, at_ms in used]}))
        return
    say(_line(order))
    for kiosk, at_ms in used:
        say(f"  accepted at {kiosk}, {moment(at_ms)}")


@order_app.command("proof", epilog="Example: kiosk hq order proof 7KQ2M4XDR3 01234 56789 --office /srv/office --vault vault.json")
def proof(
    name: Name,
    digits: Annotated[list[str], typer.Argument(help="The ten digits that the machine shows for a passed code.")],
    office: Folder,
    *,
    staff_secret: StaffSecret = None,
    again: Annotated[
        bool, typer.Option("--again", help="Where another purchase took its place, order the same money again at once.")
    ] = False,
    store: Database = "",
    registry: Book = None,
    vault: Vault = None,
    token: Token = "",
    module: Module = None,
    secret_file: SecretFile = None,
    as_json: AsJson = False,
) -> None:
    """Hear a count proof: was it this order that took its place on the card, or another purchase?"""
    from kiosk.hq.orders.book import OrderRefused, Orders
    from kiosk.hq.orders.proofs import prove, reissue

    opened_office, held = both(office, store)
    with closing(held), book_of(office, registry) as book:
        who = one_of(opened_office, held, staff_secret, "order.proof")
        orders = Orders(held, masters_of(vault, token, module, secret_file), cards=book)
        try:
            proved = prove(orders, held, name.upper(), "".join(digits), by=who, now_ms=now_ms())
            say(_PROVED[proved.said].format(name=proved.order.name), err=True)
            if proved.said in {"wrong", "shut"}:
                raise typer.Exit(EXIT_WRONG if proved.said == "wrong" else EXIT_REFUSED)
            if again and proved.said == "another":
                told_order(reissue(orders, proved, binding_of(book, proved.order.card), now_ms()), as_json=as_json)
        except OrderRefused as refused:
            raise ended(str(refused), EXIT_REFUSED) from None


_PROVED = {
    "this": "Order {name} is on the card or in the meter: it is closed.",
    "another": "Another purchase took the place of order {name}.",
    "wrong": "This is no proof of order {name}.",
    "shut": "Five proofs were tried for order {name}: the office waits for the machines' rows.",
}


@order_app.command("match", epilog="Example: kiosk hq order match --office /srv/office")
def match(office: Folder, *, store: Database = "", as_json: AsJson = False) -> None:
    """Hold the codes that machines accepted against the orders. One without an order is on the worklist: close its generation."""
    from kiosk.hq.orders import matching

    with store_of(office, store) as held:
        found = matching.match(held, now_ms())
    if as_json:
        say(msgspec.json.encode(found))
    else:
        say(f"{found.rows} accepted codes; {found.again} of orders that were collected before; {len(found.without)} without an order.")
        for each in found.without:
            say(f"{each.kiosk} row {each.seq}: {each.sentence}")
    if found.without:
        raise typer.Exit(EXIT_REFUSED)


@order_app.command("send", epilog="Example: kiosk hq order send K07 --office /srv/office --vault vault.json --code-float 2000.00")
def send(
    to: Annotated[str, typer.Argument(help="A kiosk (K07), a place (u1/r2) or all: a list for each.")],
    office: Folder,
    *,
    code_float: Annotated[str, typer.Option(help="Codes on no list may take so much more there; none if left out.")] = "",
    days: Annotated[int, typer.Option(min=1, max=60, help="For how long the list may be installed, and the float holds.")] = 30,
    secret: Annotated[Path | None, typer.Option("--decision-secret", help="Passphrase of the DECISION key; asked for if left out.")] = None,
    store: Database = "",
    vault: Vault = None,
    token: Token = "",
    module: Module = None,
    secret_file: SecretFile = None,
) -> None:
    """Sign the open orders of each kiosk's region, boxed to it, and put them into the mail bag: it offers them once it has the list."""
    from kiosk.hq.downlink.publish import draft
    from kiosk.hq.downlink.publish import send as sent
    from kiosk.hq.office import DAY_MS, OfficeError
    from kiosk.hq.orders.book import Orders
    from kiosk.sync.item import EVERYBODY
    from kiosk.sync.orders import ORDERS_MAX, OrdersBody
    from kiosk.vend.codes import CodeFloat

    at_ms = now_ms()
    granted = CodeFloat(minor_of(code_float, "CNY"), at_ms + days * DAY_MS) if code_float else CodeFloat()
    opened_office, held = both(office, store)
    with closing(held):
        orders = Orders(held, masters_of(vault, token, module, secret_file))
        try:
            signer = decision(opened_office, held, secret)
            for kiosk in opened_office.below(EVERYBODY if to == "all" else to):
                listed = orders.listed(opened_office.kiosk(kiosk).region, at_ms, ORDERS_MAX)
                drawn = draft(opened_office, "orders", kiosk, msgspec.json.encode(OrdersBody(listed, granted)), now_ms=at_ms, days=days)
                for path in sent(opened_office, drawn, signer, now_ms=at_ms, days=days):
                    say(f"{path}: {len(listed)} orders.")
        except OfficeError as error:
            raise ended(str(error), EXIT_REFUSED) from None


# ---------------------------------------------------------------- shared


def store_of(office: Path, store: str) -> "closing[Store]":
    """The office's store. Ends with one sentence."""
    _, held = both(office, store)
    return closing(held)


def count_of(purchase: str) -> int:
    """Ends with one sentence."""
    from kiosk.vend.damm import purchase_of

    count = purchase_of(purchase)
    if count is None:
        raise ended(f"{purchase} is no purchase number: it stands on the last receipt, 18-2, with its check digit.", EXIT_USAGE)
    return count


def masters_of(vault: Path | None, token: str, module: Path | None, secret_file: Path | None) -> "MasterVault":
    """The utility's vault. Ends with one sentence."""
    return opened(vault, token, module, secret_file)


@contextmanager
def book_of(office: Path, registry: Path | None) -> "Iterator[Registry]":
    """Ends with one sentence where it cannot be used."""
    from kiosk.hq.cards.registry import Registry, RegistryError

    try:
        with closing(Registry(registry or office / "registry.db", now_ms, create=False)) as book:
            yield book
    except RegistryError as error:
        raise ended(str(error), EXIT_REFUSED) from None


def binding_of(book: "Registry", card: str) -> "Binding":
    """The card's. Ends with one sentence where there is none."""
    found = book.of_card(card.lower())
    if found is None:
        raise ended(f"No card {card} was opened here.", EXIT_REFUSED)
    return found


def told_order(made: "Made", *, as_json: bool) -> None:
    """An order and its code, to standard output."""
    from kiosk.vend.code import grouped
    from kiosk.vend.damm import purchase_number

    order = made.order
    if as_json:
        say(msgspec.json.encode({"order": order, "code": made.code, "after": made.after, "anew": made.anew}))
        return
    say(f"{grouped(made.code)}")
    say(f"Order {order.name}: {money_of(order)} for card ..{order.card[-4:]}, purchase {purchase_number(order.n)}.", err=True)
    say(f"Machines take the code until {moment(order.until_ms)}.", err=True)
    if made.after:
        say(f"Collect this after the other: {', '.join(made.after)}.", err=True)
    if not made.anew:
        say("This order was made before under the same reference.", err=True)


def _line(order: "Order") -> str:
    from kiosk.vend.damm import purchase_number

    number = purchase_number(order.n)
    until = moment(order.until_ms)
    return f"{order.name}  {order.state:9}  card ..{order.card[-4:]}  purchase {number:>6}  {money_of(order):>10}  until {until}"


def money_of(order: "Order") -> str:
    """Amount and currency."""
    from kiosk.vend.money import CURRENCIES, plain

    return f"{plain(order.amount_minor, CURRENCIES[order.currency].exponent)} {order.currency}"


def moment(at_ms: int) -> str:
    """In UTC."""
    from datetime import UTC, datetime

    return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m-%d %H:%M}"
