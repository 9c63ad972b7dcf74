"""A day's settlement file: to the cent what was ordered, signed, the same bytes whenever it is made; and orders at the other site."""

import csv
import io
import os
import pwd
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace
from sqlalchemy import Connection, Update, func, select

from kiosk import envelope
from kiosk.devices.vault.demo import DemoMasters
from kiosk.envelope import EnvelopeRefused
from kiosk.hq.orders import off_site
from kiosk.hq.orders.book import OrderRefused, Orders
from kiosk.hq.orders.tables import ORDER
from kiosk.hq.partners.accounts import PartnerError, day_at, pay_in
from kiosk.hq.partners.settlement_file import COLUMNS, checked
from kiosk.hq.partners.till import Till
from kiosk.hq.store import StoreError
from tests.hq.batches import OFFICE, UTILITY
from tests.hq.partner_kit import BANK, DAY_MS, NOW_MS, Office, a_place, an_office, client, payment, web  # noqa: F401 - fixtures
from tests.hq.postgres import BIN, USER, database, postgres_url  # noqa: F401 - fixtures
from tests.sync.wires import authority, until

SEED = b"\x07" * 32
KEY = Ed25519PrivateKey.from_private_bytes(SEED).public_key().public_bytes_raw()
TODAY = day_at(BANK, NOW_MS)


def sign(label: str, data: bytes) -> bytes:
    return envelope.sign(SEED, label, data)


def sheet(raw: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(raw.decode())))


def cents(money: str) -> int:
    return int(money.replace(".", ""))


def _run(connection: Connection, statement: Update) -> None:
    connection.execute(statement)


def test_a_days_file_has_every_movement_and_its_totals_are_the_orders_to_the_cent(office: Office) -> None:
    office.partner(paid_in_minor=2000_00)
    bank, random_ = replace(BANK, day_max_minor=900_00), random.Random(4)
    for number in range(40):
        office.away = random_.random() < 0.3
        try:
            sold = office.till.order(bank, f"k{number}", payment(f"r{number}", amount_minor=random_.randint(1, 60_00)), NOW_MS)
        except OrderRefused as refused:
            if refused.why == "off_site":
                office.till.cancel(bank, office.till.state(bank, reference=f"r{number}", now_ms=NOW_MS).order, NOW_MS)
            continue
        collected = ORDER.update().where(ORDER.c.name == sold.order).values(state="collected")  # the next one may be made
        office.store.transact(partial(_run, statement=collected))
    pay_in(office.store, "bank", 3_33, "=cmd()", NOW_MS)
    path, totals = office.settlements.write(office.store, "bank", TODAY, sign, NOW_MS + DAY_MS)
    rows = sheet(path.read_bytes())
    assert tuple(rows[0]) == COLUMNS
    lines = [row for row in rows if row["line"]]
    ordered = select(func.sum(ORDER.c.amount_minor), func.count()).where(ORDER.c.source == bank.source, ORDER.c.state != "void")
    minor, count = office.store.read(lambda connection: tuple(connection.execute(ordered).one()))
    whole = {row["what"]: cents(row["amount"]) for row in rows if row["what"].startswith("total")}
    assert -whole["total order"] - whole["total cancelled"] == minor == totals.ordered_minor - totals.cancelled_minor
    assert totals.orders - sum(row["what"] == "cancelled" for row in lines) == count
    assert totals.cancelled_minor > 0
    assert totals.deposits_minor == 2003_33
    balance = totals.before_minor
    for row in lines:
        balance += cents(row["amount"])
        assert cents(row["balance"]) == balance
    assert balance == totals.after_minor == office.stands().balance_minor
    assert [row["name"] for row in lines if row["what"] == "deposit"][-1] == "'=cmd()"


def test_the_signature_holds_for_these_bytes_alone(office: Office) -> None:
    office.partner()
    office.till.order(BANK, "k1", payment(), NOW_MS)
    path, totals = office.settlements.write(office.store, "bank", TODAY, sign, NOW_MS + DAY_MS)
    text, signature = path.read_bytes(), path.with_suffix(".sig").read_bytes()
    header = checked(text, signature, [KEY])
    assert (header.partner, header.day, header.totals) == ("bank", TODAY, totals)
    for odd in (text + b"\n", text.replace(b"100.00", b"200.00"), b""):
        with pytest.raises(EnvelopeRefused):
            checked(odd, signature, [KEY])
    with pytest.raises(EnvelopeRefused):
        checked(text, signature, [b"\x01" * 32])


def test_a_day_that_is_not_over_has_no_file_and_one_that_is_has_the_same_for_ever(office: Office) -> None:
    office.partner()
    office.till.order(BANK, "k1", payment(), NOW_MS)
    with pytest.raises(PartnerError, match="not over"):
        office.settlements.write(office.store, "bank", TODAY, sign, NOW_MS)
    with pytest.raises(PartnerError, match="no partner"):
        office.settlements.write(office.store, "ghost", TODAY, sign, NOW_MS + DAY_MS)
    first = office.settlements.write(office.store, "bank", TODAY, sign, NOW_MS + DAY_MS)[0].read_bytes()
    office.till.order(BANK, "k2", payment("r2"), NOW_MS + DAY_MS)
    office.till.order(BANK, "k3", payment("r3"), NOW_MS)  # a clock that was set back: it stands on the later day
    path, _ = office.settlements.write(office.store, "bank", TODAY, sign, NOW_MS + 2 * DAY_MS)
    assert path.read_bytes() == first
    _, after = office.settlements.write(office.store, "bank", day_at(BANK, NOW_MS + DAY_MS), sign, NOW_MS + 2 * DAY_MS)
    assert (after.orders, after.before_minor, after.after_minor) == (2, 900_00, 700_00)


def test_a_partner_gets_its_own_files_at_its_door_and_nobody_elses(office: Office, tmp_path: Path) -> None:
    other = office.partner(replace(BANK, name="other", acquirer=""))
    token, signed = office.partner(), authority(tmp_path / "tls")
    path, _ = office.settlements.write(office.store, "bank", TODAY, sign, NOW_MS + DAY_MS)
    with web(office, signed) as url, client(url, signed.ca, token) as mine, client(url, signed.ca, other) as theirs:
        text, signature = (mine.get(f"/v1/settlements/{TODAY}.{kind}").content for kind in ("csv", "sig"))
        assert text == path.read_bytes()
        assert checked(text, signature, [KEY]).partner == "bank"
        assert theirs.get(f"/v1/settlements/{TODAY}.csv").status_code == 404


# ---------------------------------------------------------------- the other site


def test_an_order_lies_at_the_other_site_before_its_code_leaves(office: Office, tmp_path: Path) -> None:
    office.partner()
    site = tmp_path / "site"
    orders = Orders(office.store, DemoMasters(UTILITY), off_site.folder(site, UTILITY, OFFICE.sign), cards=office.registry)
    till = Till(office.store, orders, office.registry)
    with pytest.raises(OrderRefused, match="does not answer"):
        till.order(BANK, "k1", payment(), NOW_MS)
    assert office.states() == ["held"]
    site.mkdir()
    sold = till.order(BANK, "k1", payment(), NOW_MS)
    kept = off_site.believed((site / sold.order).read_bytes(), sold.order, UTILITY, (OFFICE.public_key,))
    assert kept is not None
    assert (kept.amount_minor, kept.n) == (100_00, 2)
    assert sold.code not in (site / sold.order).read_text()
    assert till.order(BANK, "k2", payment(), NOW_MS) == sold
    (site / sold.order).write_bytes(b"something else")
    with pytest.raises(OrderRefused, match="something else"):
        till.order(BANK, "k3", payment(), NOW_MS)


def test_a_sqlite_store_has_no_replica(office: Office) -> None:
    if office.store.postgresql:
        off_site.replica(office.store)
    else:
        with pytest.raises(StoreError, match="folder"):
            off_site.replica(office.store)


def test_a_code_leaves_when_a_follower_of_the_postgresql_server_has_the_order_on_its_disk(database: str, tmp_path: Path) -> None:  # noqa: F811
    with closing(Office(tmp_path, database)) as office:
        office.partner()
        vault, store = DemoMasters(UTILITY), office.store
        waits = [
            Till(store, Orders(store, vault, off_site.replica(store, wait_s), cards=office.registry), office.registry)
            for wait_s in (0.3, 30.0)
        ]
        with pytest.raises(OrderRefused, match="does not answer"):
            waits[0].order(BANK, "k1", payment(), NOW_MS)
        assert office.states() == ["held"]
        with following(database.partition("host=")[2]):
            assert waits[1].order(BANK, "k1", payment(), NOW_MS).amount_minor == 100_00
        assert office.states() == ["open"]


@contextmanager
def following(socket: str) -> Iterator[None]:
    """A follower of the server at that socket, which writes its log to a disk of its own."""
    folder = Path(tempfile.mkdtemp(prefix="kiosk-wal-", dir="/tmp"))
    user = USER if os.geteuid() == 0 else None
    if user:
        os.chown(folder, *pwd.getpwnam(user)[2:4])
    command = [str(BIN[-1].parent / "pg_receivewal"), "-h", socket, "-U", USER, "-D", str(folder), "--synchronous", "--no-loop"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=user)
    try:
        until(lambda: any(folder.glob("*.partial")), "the follower")
        yield
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)
