"""A head office with one partner, `bank`, and one card: its till, its doors, and an office at another site that may be away."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from kiosk.devices.vault.demo import DemoMasters
from kiosk.hq.api_pace import Pace
from kiosk.hq.order_tables import ORDER
from kiosk.hq.orders import Order, OrderRefused, Orders
from kiosk.hq.partner_tables import ENTRY
from kiosk.hq.partner_till import Payment, Till
from kiosk.hq.partners import Account, Partner, account, add, pay_in
from kiosk.hq.registry import Binding, Registry
from kiosk.hq.settlement_file import Settlements
from kiosk.hq.store import Store
from tests.codes.kit import CodeShop
from tests.hq.batches import UTILITY
from tests.sale.shop import METER

CARD, CUSTOMER = "1122334455667788", "000098765432"
NOW_MS = CodeShop().wall_ms()
DAY_MS = 86_400_000
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
        self.orders = Orders(self.store, DemoMasters(UTILITY), self._off_site)
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
