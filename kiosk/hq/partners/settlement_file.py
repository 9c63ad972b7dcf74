"""What a partner and the office settle by: one day of its account as CSV, and beside it the office's signature.

    20261103.csv   a line for each movement, the balance before and after, and three totals
    20261103.sig   HEADER \\n SIGNATURE: an envelope (kiosk/envelope.py, label "settle") whose body is the CSV

Only a day that is over, for ten minutes, has a file: no line of it can come any more, so making it again makes the same bytes.
"""

import re
from collections.abc import Iterable
from pathlib import Path

import msgspec
from sqlalchemy import Connection, select

from kiosk import envelope, safefile
from kiosk.envelope import EnvelopeRefused, body_of
from kiosk.hq.office import Signer
from kiosk.hq.orders.tables import ORDER
from kiosk.hq.partners.accounts import Partner, PartnerError, day_at, of_name
from kiosk.hq.partners.tables import ENTRY
from kiosk.hq.report.sheet import Cell, Money
from kiosk.hq.report.spreadsheet import lines_of
from kiosk.hq.store import Store
from kiosk.sync.folder import Folder, FolderError
from kiosk.vend.damm import purchase_number
from kiosk.vend.money import CURRENCIES

LABEL = "settle"
FILE_MAX = 256 << 20
LATEST_MS = 600_000  # an order that was begun before midnight has long come to its end, whatever it had to wait for
NAME = re.compile(r"[0-9]{8}\.(csv|sig)")
COLUMNS = ("line", "at_utc_ms", "what", "name", "reference", "card", "purchase", "amount", "currency", "balance")


class Totals(msgspec.Struct, frozen=True):
    """Of a day, in minor units: what was before, what moved, what is left. `orders`: how many."""

    before_minor: int
    deposits_minor: int
    ordered_minor: int
    cancelled_minor: int
    after_minor: int
    orders: int


class Header(msgspec.Struct, frozen=True):
    """What is signed: whose day it is, what it adds up to, and the CSV's length and hash."""

    utility: int
    partner: str
    day: int
    currency: str
    totals: Totals
    body: envelope.Body
    v: int = 1


class Settlements:
    """A folder with a folder for each partner."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def file(self, partner: str, name: str) -> bytes | None:
        """One of a partner's files."""
        if not NAME.fullmatch(name):
            return None
        try:
            with Folder.at(self.folder) as root, root.below(partner) as folder:
                return folder.read(name, FILE_MAX)
        except FolderError:
            return None

    def write(self, store: Store, name: str, day: int, sign: Signer, now_ms: int) -> tuple[Path, Totals]:
        """Make a day's two files; they may be there already, and then they are the same. Raises PartnerError, StoreError."""
        text, totals, partner = made(store, name, day, now_ms)
        header = msgspec.json.encode(Header(store.utility, name, day, partner.currency, totals, body_of(text)))
        whole = envelope.sealed(sign, LABEL, header, text)
        place = self.folder / name / f"{day}.csv"
        try:
            safefile.folder(place.parent)
            safefile.write(place, text)
            safefile.write(place.with_suffix(".sig"), whole[: len(whole) - len(text) - 1])
        except OSError as error:
            raise PartnerError(f"{place} cannot be written: {error.strerror}.") from None
        return place, totals


def made(store: Store, name: str, day: int, now_ms: int) -> tuple[bytes, Totals, Partner]:
    """The CSV of a day that is over. Raises PartnerError, StoreError."""

    def work(connection: Connection) -> tuple[bytes, Totals, Partner]:
        partner = of_name(connection, name)
        if partner is None:
            raise PartnerError(f"There is no partner {name}.")
        if day >= day_at(partner, now_ms - LATEST_MS):
            raise PartnerError(f"The day {day} is not over for {name}.")
        text, totals = _day(connection, partner, day)
        return text, totals, partner

    return store.read(work)


def checked(csv_bytes: bytes, sig_bytes: bytes, keys: Iterable[bytes]) -> Header:
    """What a partner does with the two files: the header that one of these keys signed over this CSV. Raises EnvelopeRefused."""
    opened = envelope.opened(sig_bytes + b"\n" + csv_bytes, LABEL, keys, FILE_MAX)
    try:
        return msgspec.json.decode(opened.header, type=Header)
    except msgspec.MsgspecError:
        raise EnvelopeRefused("It is no settlement file.") from None


def _day(connection: Connection, partner: Partner, day: int) -> tuple[bytes, Totals]:
    places = CURRENCIES[partner.currency].exponent
    mine = ENTRY.c.partner == partner.name
    earlier = select(ENTRY.c.balance_minor).where(mine, ENTRY.c.day < day).order_by(ENTRY.c.no.desc()).limit(1)
    before = int(connection.execute(earlier).scalar() or 0)
    lines = select(ENTRY, ORDER.c.reference, ORDER.c.card, ORDER.c.n).outerjoin(ORDER, ORDER.c.name == ENTRY.c.name)
    sums, orders, after = {"deposit": 0, "order": 0, "cancelled": 0}, 0, before
    sheet: list[tuple[Cell, ...]] = [("", "", "before", "", "", "", "", "", partner.currency, Money(before, places))]
    for row in connection.execute(lines.where(mine, ENTRY.c.day == day).order_by(ENTRY.c.no)).mappings():
        order = row["what"] != "deposit"
        sums[row["what"]] += row["amount_minor"]
        orders += row["what"] == "order"
        after += row["amount_minor"]
        said = (row["reference"], f"..{row['card'][-4:]}", purchase_number(row["n"])) if order else ("", "", "")
        money = Money(row["amount_minor"], places), partner.currency, Money(row["balance_minor"], places)
        sheet.append((row["no"], row["at_ms"], row["what"], row["name"], *said, *money))
    for what, total in sums.items():
        sheet.append(("", "", f"total {what}", "", "", "", "", Money(total, places), partner.currency, ""))
    sheet.append(("", "", "after", "", "", "", "", "", partner.currency, Money(after, places)))
    totals = Totals(before, sums["deposit"], -sums["order"], sums["cancelled"], after, orders)
    return lines_of(COLUMNS, sheet, end="\n").encode(), totals
