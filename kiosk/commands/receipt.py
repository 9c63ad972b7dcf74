"""`kiosk receipt verify`: is this code from a receipt or a claim slip genuine, and what does it prove?"""

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from kiosk.commands import say
from kiosk.vend import damm, evidence
from kiosk.vend.money import plain

_TENDERS = {evidence.CASH: "cash", evidence.BANK: "bank card", evidence.CODE: "transfer code"}


def verify(
    code: Annotated[str, typer.Argument(help="The text of the QR, from K1: on; - reads it from standard input.")],
    *,
    key: Annotated[str, typer.Option(help="The kiosk's public key, 64 hex digits.")] = "",
    station: Annotated[Path | None, typer.Option(help="Or the station store of the kiosk that printed it.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    exponent: Annotated[int, typer.Option(min=0, max=4, help="Digits after the point of the kiosk's currency.")] = 2,
) -> None:
    """Check the signed code of a receipt or slip. Exit code 0 genuine, 1 not genuine, 2 wrong call, 3 no usable station store.

    Example: zbarimg -q --raw slip.png | kiosk receipt verify - --key 8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c
    """
    public_key = _public_key(key, station)
    text = sys.stdin.read(1024) if code == "-" else code
    from kiosk import envelope

    try:
        found = evidence.verify(text.strip(), partial(envelope.holds, public_key))
    except evidence.NotGenuine as why:
        say(msgspec.json.encode({"genuine": False, "why": str(why)}) if json else str(why), err=not json)
        raise typer.Exit(1) from None
    say(msgspec.json.encode({"genuine": True, **msgspec.structs.asdict(found)}) if json else _told(found, exponent))


def _public_key(key: str, station: Path | None) -> bytes:
    if bool(key) == (station is not None):
        say("Say whose code it is: either --key HEX or --station FILE.", err=True)
        raise typer.Exit(2)
    if station:
        from kiosk.devices.vault.station import StationError, open_station

        try:
            return open_station(station).public_key
        except StationError as why:
            say(str(why), err=True)
            raise typer.Exit(3) from None
    try:
        public_key = bytes.fromhex(key)
    except ValueError:
        public_key = b""
    if len(public_key) != 32:
        say("--key is 64 hex digits.", err=True)
        raise typer.Exit(2)
    return public_key


def _told(found: evidence.Evidence, exponent: int) -> str:
    paper = evidence.LABELS[found.kind]
    lines = [
        f"Genuine {paper} {found.kiosk}-{found.number:06d}: {plain(found.amount_minor, exponent)}",
        f"card ..{found.card_tail}, meter {found.meter}, purchase {damm.purchase_number(found.n)}, tag {found.tag}, time {found.time_s}",
    ]
    if found.kind == evidence.SLIP:
        tender = found.tender & ~evidence.RESTORED
        lines.append(f"paid by {_TENDERS.get(tender, tender)}, sale {found.sale}, journal row {found.seq}, head {found.head}")
        if found.tender & evidence.RESTORED:
            lines.append("Issued by a store that had been put back: two people look for this money in the rows of its first life.")
    return "\n".join(lines)
