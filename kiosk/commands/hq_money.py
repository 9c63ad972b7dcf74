"""What the office's commands about paid money share: where they work, what an amount is, and the other site of an order."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kiosk.commands import EXIT_REFUSED, EXIT_USAGE, ended

if TYPE_CHECKING:
    from kiosk.hq.orders.off_site import OffSite
    from kiosk.hq.store import Store

Folder = Annotated[Path, typer.Option("--office", envvar="KIOSK_OFFICE", help="The head office's folder.")]
Book = Annotated[
    Path | None, typer.Option("--registry", envvar="KIOSK_REGISTRY", help="The office's registry of cards; its own if left out.")
]
Vault = Annotated[
    Path | None, typer.Option("--vault", help="The utility's vault file; none for a security module, with --token and --module.")
]
OtherSite = Annotated[
    str,
    typer.Option(
        "--off-site",
        envvar="KIOSK_OFF_SITE",
        help="Where an order is safe before its code leaves: a folder at another site, or: replica. Here only if left out.",
    ),
]


def minor_of(amount: str, currency: str, least: int = 1) -> int:
    """What somebody typed, "100.00", in minor units. Ends with one sentence for what is no amount or below `least`."""
    from decimal import Decimal, InvalidOperation

    from kiosk.vend.money import CURRENCIES

    known = CURRENCIES.get(currency)
    if known is None:
        raise ended(f"{currency} is not known here; known are {', '.join(CURRENCIES)}.", EXIT_USAGE)
    try:
        minor = Decimal(amount).scaleb(known.exponent)
    except InvalidOperation:
        minor = Decimal("NaN")
    if not minor.is_finite() or minor != minor.to_integral_value() or not least <= minor < 1 << 53:
        raise ended(f"{amount} is no amount of {currency}; write it like {'100.00' if known.exponent else '100'}.", EXIT_USAGE)
    return int(minor)


def other_site(said: str, store: "Store", office: Path) -> "OffSite":
    """As `--off-site` says; what lies in a folder is signed by this office. Raises StoreError. Ends with one sentence without its key."""
    from kiosk.hq.office import Office, OfficeError
    from kiosk.hq.orders import off_site
    from kiosk.hq.orders.book import nowhere_else

    if not said:
        return nowhere_else
    if said == "replica":
        return off_site.replica(store)
    try:
        return off_site.folder(Path(said), store.utility, Office(office).signer("ack"))
    except OfficeError as error:
        raise ended(str(error), EXIT_REFUSED) from None
