"""A head office with one partner, `bank`, and one card: its till, its doors, and an office at another site that may be away."""

import asyncio
import signal
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import iso8583
import pytest
from iso8583.specs import default_ascii
from sqlalchemy import func, select, update

from kiosk.devices.vault.demo import DemoMasters
from kiosk.hq.cards.registry import Binding, Registry
from kiosk.hq.orders.book import Order, OrderRefused, Orders
from kiosk.hq.orders.tables import ORDER
from kiosk.hq.partners.accounts import Account, Partner, account, add, pay_in
from kiosk.hq.partners.api import Doors, api
from kiosk.hq.partners.iso8583_door import Gateway, Patience
from kiosk.hq.partners.pace import Pace
from kiosk.hq.partners.settlement_file import Settlements
from kiosk.hq.partners.tables import ENTRY
from kiosk.hq.partners.till import Payment, Till
from kiosk.hq.serving import Certificate, listening, server
from kiosk.hq.store import Store
from tests.codes.kit import CodeShop
from tests.hq.batches import UTILITY
from tests.sale.shop import METER
from tests.sync.wires import Authority, looped, until

CARD, CUSTOMER = "1122334455667788", "000098765432"
NOW_MS = CodeShop().wall_ms()
DAY_MS = 86_400_000
PAN = "6222021234567890123"
MOMENT = f"{datetime.fromtimestamp(NOW_MS / 1000, UTC):%m%d%H%M%S}"
BANK = Partner("bank", "CNY", 500_00, 900_00, credit_minor=100_00, acquirer="12345", zone="+0800")


class Office:
    """`away`: the other site does not answer; `blocked`: cards on the hotlist."""

    def __init__(self, folder: Path, where: str) -> None:
        self.where, self.folder, self.now_ms = where, folder, NOW_MS
        self.store = Store.make(where, UTILITY, now_ms=NOW_MS)
        self.registry = Registry(folder / "registry.db", lambda: self.now_ms)
        if self.registry.of_card(CARD) is None:
            self.registry.begin(Binding(UTILITY, 1, CUSTOMER, METER, CARD, 1, 1))
            self.registry.issued(CARD)
        self.away, self.blocked, self.seen_there = False, set[str](), list[str]()
        self.orders = Orders(self.store, DemoMasters(UTILITY), self._off_site, cards=self.registry)
        self.till = Till(self.store, self.orders, self.registry, lambda card: card in self.blocked)
        self.settlements = Settlements(folder / "settlements")
        self.pace = Pace(1000.0, 100_000)

    def _off_site(self, order: Order) -> None:
        if self.away:
            raise OrderRefused("off_site", "The other site does not answer; the order is kept, ask again under the same key.")
        self.seen_there.append(order.name)

    def partner(self, partner: Partner = BANK, paid_in_minor: int = 1000_00) -> str:
        """Its token."""
        token = add(self.store, partner, NOW_MS)
        if paid_in_minor:
            pay_in(self.store, partner.name, paid_in_minor, "transfer 1", NOW_MS)
        return token

    def stands(self, partner: Partner = BANK) -> Account:
        return self.store.read(lambda connection: account(connection, partner, self.now_ms))

    def states(self) -> list[str]:
        asked = select(ORDER.c.state).order_by(ORDER.c.n, ORDER.c.made_ms)
        return self.store.read(lambda connection: [row[0] for row in connection.execute(asked)])

    def adds_up(self, partner: Partner = BANK) -> bool:
        """The account's balance is the sum of its lines, and its orders are the orders."""

        def work(connection: object) -> bool:
            sums = select(func.sum(ENTRY.c.amount_minor)).where(ENTRY.c.partner == partner.name)
            moved = sums.where(ENTRY.c.what != "deposit")
            ordered = select(func.sum(ORDER.c.amount_minor)).where(ORDER.c.source == partner.source, ORDER.c.state != "void")
            found = [connection.execute(asked).scalar() or 0 for asked in (sums, moved, ordered)]  # type: ignore[attr-defined]
            return bool(found[0] == self.stands(partner).balance_minor and -found[1] == found[2])

        return self.store.read(work)

    def age(self, name: str, until_ms: int) -> None:
        """Machines take this order's code until then."""
        self.store.transact(lambda connection: connection.execute(update(ORDER).where(ORDER.c.name == name).values(until_ms=until_ms)))

    def close(self) -> None:
        self.registry.close()
        self.store.close()


@pytest.fixture(name="where", params=["sqlite", "postgresql"])
def a_place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "hq.db") if request.param == "sqlite" else request.getfixturevalue("database")


@pytest.fixture(name="office")
def an_office(where: str, tmp_path: Path) -> Iterator[Office]:
    with closing(Office(tmp_path, where)) as made:
        yield made


def payment(
    reference: str = "r1", *, amount_minor: int = 100_00, purchase: str = "1-3", currency: str = "CNY", card: str = CARD
) -> Payment:
    return Payment(card=card, amount_minor=amount_minor, currency=currency, purchase=purchase, reference=reference)


# ---------------------------------------------------------------- the doors, on ports of their own


def client(url: str, ca: Path, token: str = "") -> httpx.Client:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.Client(base_url=url, headers=headers, verify=ssl.create_default_context(cafile=str(ca)), trust_env=False, timeout=30)


@contextmanager
def web(office: Office, signed: Authority) -> Iterator[str]:
    """The partners' API behind real TLS; its URL."""
    app = api(Doors(office.store, office.till, office.settlements, pace=office.pace, now_ms=lambda: office.now_ms))
    listener = listening("127.0.0.1", 0)
    door = server(app, Certificate(signed.chain, signed.key))
    thread = threading.Thread(target=lambda: door.run(sockets=[listener]), daemon=True)
    thread.start()
    until(lambda: door.started or not thread.is_alive(), "the partners' door")
    try:
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        for _ in range(2):  # asked, and then made to
            door.handle_exit(signal.SIGINT, None)
        thread.join(30)


@contextmanager
def gateway(office: Office, patience: Patience = Patience(), signed: Authority | None = None) -> Iterator[int]:  # noqa: B008 - frozen
    """The ISO 8583 gateway; its port."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if signed else None
    if tls and signed:
        tls.load_cert_chain(signed.chain, signed.key)
    door = Gateway(office.store, office.till, pace=office.pace, now_ms=lambda: office.now_ms, patience=patience)

    async def over(listener: asyncio.Server) -> None:
        listener.close()

    with looped() as run:
        listener = run(door.listen("127.0.0.1", 0, tls))
        try:
            yield listener.sockets[0].getsockname()[1]
        finally:
            run(over(listener))


class Switch:
    """A bank's switch on one line: written from docs/iso8583.md, with its own framing."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        raw = socket.create_connection(("127.0.0.1", port), 10)
        self.line = tls.wrap_socket(raw, server_hostname="127.0.0.1") if tls else raw

    def send(self, message: bytes) -> None:
        self.line.sendall(struct.pack(">H", len(message)) + message)

    def receive(self) -> dict[str, str] | None:
        """The next answer; None when the line is closed."""
        try:
            size = self._exactly(2)
            said = self._exactly(struct.unpack(">H", size)[0]) if size else b""
        except OSError:
            return None
        return iso8583.decode(said, spec=default_ascii)[0] if said else None

    def _exactly(self, size: int) -> bytes:
        got = b""
        while len(got) < size:
            part = self.line.recv(size - len(got))
            if not part:
                return b""
            got += part
        return got

    def ask(self, mti: str, fields: dict[str, str]) -> dict[str, str]:
        self.send(message(mti, fields))
        said = self.receive()
        assert said is not None, "the line was closed"
        return said

    def receive_after(self, fields: dict[str, str]) -> dict[str, str] | None:
        """The answer to a network message; None when the line is closed."""
        try:
            self.send(message("0800", fields))
        except OSError:
            return None
        return self.receive()

    def sign_on(self, token: str) -> str:
        return self.ask("0800", network("001") | {"48": private(("09", token))})["39"]

    def close(self) -> None:
        self.line.close()


def message(mti: str, fields: dict[str, str]) -> bytes:
    return bytes(iso8583.encode({"t": mti} | fields, spec=default_ascii)[0])


def private(*values: tuple[str, str]) -> str:
    return "".join(f"{tag}{len(value):02}{value}" for tag, value in values)


def parts(text: str) -> list[tuple[str, str]]:
    """Field 48 or 62, taken apart."""
    found = []
    while text:
        size = int(text[2:4])
        found.append((text[:2], text[4 : 4 + size]))
        text = text[4 + size :]
    return found


def network(wants: str, trace: int = 1) -> dict[str, str]:
    return {"7": MOMENT, "11": f"{trace:06}", "70": wants}


def financial(trace: int = 7, *, reference: str = "RRN000000001", amount_minor: int = 100_00, purchase: str = "1-3") -> dict[str, str]:
    return {
        "2": PAN,
        "3": "500000",
        "4": f"{amount_minor:012}",
        "7": MOMENT,
        "11": f"{trace:06}",
        "12": "120000",
        "13": MOMENT[:4],
        "32": "12345",
        "35": f"{PAN}=2912",
        "37": reference,
        "41": "ATM00001",
        "48": private(("01", CARD), ("04", purchase)),
        "49": "156",
    }


def reversal(trace: int = 7, *, reference: str = "RRN000000001", own: int = 900) -> dict[str, str]:
    original = f"0200{trace:06}{MOMENT}{'12345':0>11}{'0' * 11}"
    kept = {name: value for name, value in financial(trace, reference=reference).items() if name not in ("2", "35", "48")}
    return kept | {"11": f"{own:06}", "90": original}


@pytest.fixture(name="token")
def a_token(office: Office) -> str:
    return office.partner()


@pytest.fixture(name="port")
def a_port(office: Office, token: str) -> Iterator[int]:  # noqa: ARG001 - the partner is there first
    with gateway(office) as made:
        yield made


@pytest.fixture(name="switch")
def a_line(port: int, token: str) -> Iterator[Switch]:
    """One line, signed on."""
    made = Switch(port)
    assert made.sign_on(token) == "00"
    yield made
    made.close()
