"""`kiosk hq order quote` and `least`: what an order would be, and how small it may be. Nothing here makes a code.

Exit codes: 0 done, 1 refused, 2 wrong call, 3 no vault.
"""

import os
from typing import Annotated

import msgspec
import typer

from kiosk.commands import EXIT_REFUSED, ended, say
from kiosk.commands.hq_money import Book, Folder, Vault, minor_of
from kiosk.commands.hq_order import (
    COUNTER,
    Amount,
    Money,
    Purchase,
    Receipt,
    Serial,
    binding_of,
    book_of,
    count_of,
    masters_of,
    moment,
    money_of,
    order_app,
    store_of,
)
from kiosk.commands.hq_store import AsJson, Database, now_ms
from kiosk.commands.vault import Module, SecretFile, Token

__all__ = ["order_app"]  # with these two commands


@order_app.command(
    "quote",
    epilog="Example: kiosk hq order quote --card 1122334455667788 --amount 100.00 --purchase 18-2 --office /srv/office --vault vault.json",
)
def quote(
    office: Folder,
    *,
    card: Serial,
    amount: Amount,
    purchase: Purchase,
    receipt: Receipt = "",
    currency: Money = "CNY",
    store: Database = "",
    registry: Book = None,
    vault: Vault = None,
    token: Token = "",
    module: Module = None,
    secret_file: SecretFile = None,
    as_json: AsJson = False,
) -> None:
    """Say what an order would be now, and what has to be collected before it. Nothing is written."""
    from kiosk.hq.orders.book import OrderRefused, Orders, Wanted
    from kiosk.hq.store import StoreError
    from kiosk.vend.damm import purchase_number

    count, minor = count_of(purchase), minor_of(amount, currency)
    with store_of(office, store) as held, book_of(office, registry) as book:
        orders = Orders(held, masters_of(vault, token, module, secret_file), cards=book)
        try:
            asked = Wanted(binding_of(book, card), minor, currency, count, COUNTER, os.urandom(8).hex(), receipt=receipt)
            order, after = orders.quoted(asked, now_ms())
        except (OrderRefused, StoreError) as refused:
            raise ended(str(refused), EXIT_REFUSED) from None
    if as_json:
        number = purchase_number(order.n)
        say(msgspec.json.encode({"purchase": number, "amount_minor": minor, "until_ms": order.until_ms, "after": after}))
        return
    say(f"{money_of(order)} for card ..{order.card[-4:]}, purchase {purchase_number(order.n)}, until {moment(order.until_ms)}.")
    if after:
        say(f"It is collected after the other: {', '.join(after)}.")


@order_app.command("least", epilog="Example: kiosk hq order least 2.00 --currency CNY --office /srv/office")
def least_(
    office: Folder,
    amount: Annotated[str, typer.Argument(help="Major units; what it is now, if left out.")] = "",
    *,
    currency: Money = "CNY",
    store: Database = "",
) -> None:
    """Set or show the least amount of an order. A partner may have its own; a claim is settled whatever it is for."""
    from kiosk.hq.orders.book import MOST_MINOR
    from kiosk.hq.orders.least import least, set_least
    from kiosk.vend.money import CURRENCIES, plain

    minor = minor_of(amount or "1", currency)
    if minor > MOST_MINOR:
        raise ended(f"No order is for more than {plain(MOST_MINOR, CURRENCIES[currency].exponent)} {currency}.", EXIT_REFUSED)
    with store_of(office, store) as held:
        if amount:
            set_least(held, currency, minor)
        now = held.read(lambda connection: least(connection, currency))
    say(f"An order is for at least {plain(now, CURRENCIES[currency].exponent)} {currency}.")
