"""Whoever decides about money holds the registry of cards: no card is opened or replaced between its reading and the commit."""

import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from kiosk.devices.vault.demo import DemoMasters
from kiosk.hq.cards.registry import Binding, Bound, OfMeter, Registry, RegistryError
from kiosk.hq.orders.book import NO_REGISTRY, Order, OrderRefused, Orders, Wanted, standing
from kiosk.hq.partners.till import Till
from kiosk.hq.settlement.deciding import Desk, decisions
from kiosk.hq.store import IN_MEMORY, Store
from tests.codes.kit import CodeShop
from tests.hq.batches import UTILITY
from tests.hq.partner_kit import BANK, Office, a_place, an_office, payment  # noqa: F401 - fixtures
from tests.hq.postgres import database, postgres_url  # noqa: F401 - fixtures
from tests.hq.settle_kit import Town, claimed
from tests.sale.shop import METER, Card

CARD, NEWER, CUSTOMER = "1122334455667788", "99aabbccddeeff00", "000098765432"
NOW_MS = CodeShop().wall_ms()
LOCKED_S = 0.3


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Registry]:
    with closing(Registry(tmp_path / "registry.db", lambda: NOW_MS)) as made:
        made.begin(Binding(UTILITY, 1, CUSTOMER, METER, CARD, 1, 1))
        made.issued(CARD)
        yield made


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    where = tmp_path / "hq.db" if request.param == "sqlite" else request.getfixturevalue("database")
    with closing(Store.make(where, UTILITY, now_ms=NOW_MS)) as made:
        yield made


def wanted(book: Registry, reference: str = "r1") -> Wanted:
    found = book.of_card(CARD)
    assert found is not None
    return Wanted(found, 100_00, "CNY", 1, "counter", reference)


def replaced(folder: Path) -> None:
    """The old card's binding ends, a new card stands for its customer and meter: written by another program, in one moment."""
    with closing(sqlite3.connect(folder / "registry.db")) as raw, raw:
        raw.execute("UPDATE binding SET ended_ms = 5 WHERE card = ?", (CARD,))
        raw.execute(
            "INSERT INTO binding (utility, region, customer, meter, card, version, generation, state, subject, begun_ms) "
            "SELECT utility, region, customer, meter, ?, version, generation, state, 'aa', 6 FROM binding WHERE card = ?",
            (NEWER, CARD),
        )


def test_an_order_for_a_card_that_was_replaced_since_it_was_looked_up_is_not_made(book: Registry, store: Store, tmp_path: Path) -> None:
    orders, asked = Orders(store, DemoMasters(UTILITY), cards=book), wanted(book)
    replaced(tmp_path)
    with pytest.raises(OrderRefused, match="registry of cards has changed") as refused:
        orders.make(asked, NOW_MS)
    assert refused.value.why == "changed"
    assert standing(store) == []


def test_an_order_for_a_card_that_was_scrapped_since_is_not_made(tmp_path: Path, store: Store) -> None:
    with closing(Registry(tmp_path / "other.db", lambda: NOW_MS)) as book:
        book.begin(Binding(UTILITY, 1, CUSTOMER, METER, CARD, 1, 1))
        begun = book.of_card(CARD)
        assert begun is not None
        asked = Wanted(replace(begun, state="issued"), 1_00, "CNY", 1, "c", "r")
        book.scrap(CARD, "014", "broken")
        with pytest.raises(OrderRefused, match="registry of cards has changed"):
            Orders(store, DemoMasters(UTILITY), cards=book).make(asked, NOW_MS)
    assert standing(store) == []


def test_a_partners_key_is_good_again_after_the_registry_changed(office: Office) -> None:
    """The refusal is a passing one: the same key under the new card is an order, not the old answer."""
    assert office.partner()

    class Stale:
        """It tells what it knew before the card was replaced."""

        def __init__(self, book: Registry) -> None:
            self.before = book.of_card(CARD)

        def of_card(self, _card: str) -> Binding | None:
            return self.before

        def standing(self, *_: object, **__: object) -> Binding | None:
            return self.before

    stale = Till(office.store, office.orders, Stale(office.registry))
    replaced(office.folder)
    with pytest.raises(OrderRefused, match="registry of cards has changed"):
        stale.order(BANK, "k1", payment("r1"), office.now_ms)
    assert office.states() == []
    sold = office.till.order(BANK, "k1", payment("r1", card=NEWER), office.now_ms)
    assert sold.card == f"..{NEWER[-4:]}"


def test_orders_without_a_registry_tell_codes_and_make_none() -> None:
    held = Binding(UTILITY, 1, CUSTOMER, METER, CARD, 1, 1, "issued")
    with closing(Store.make(IN_MEMORY, UTILITY, now_ms=NOW_MS)) as store:
        orders = Orders(store, DemoMasters(UTILITY), cards=NO_REGISTRY)
        with pytest.raises(OrderRefused, match="without the registry"):
            orders.make(Wanted(held, 1_00, "CNY", 1, "c", "r"), NOW_MS)


def test_who_opens_a_card_waits_until_the_order_is_committed(book: Registry, store: Store, tmp_path: Path) -> None:
    told = list[str]()
    other = Registry(tmp_path / "registry.db", lambda: NOW_MS)

    def opens() -> None:
        other.begin(Binding(UTILITY, 1, "000000000002", "000000000002", NEWER, 1, 1))
        told.append(f"opened, {len(standing(store))} order")

    opener = threading.Thread(target=opens)

    def also(connection: object, order: Order, *, anew: bool) -> None:
        assert (connection, order.n, anew) != (None, 0, False)
        opener.start()
        opener.join(LOCKED_S)
        told.append("ordered")

    Orders(store, DemoMasters(UTILITY), cards=book).make(wanted(book), NOW_MS, also)
    opener.join()
    other.close()
    assert told == ["ordered", "opened, 1 order"]


def test_a_settlement_holds_the_registry_from_its_evidence_to_its_last_row(book: Registry, tmp_path: Path) -> None:
    with closing(Store.make(tmp_path / "hq.db", UTILITY, now_ms=NOW_MS)) as store:
        town = Town(store)
        k07, card, told = town.kiosk("K07"), Card(), list[str]()
        claimed(k07, card)
        town.hears(k07)
        value = town.case(k07).value
        other = Registry(tmp_path / "registry.db", lambda: NOW_MS)

        def opens() -> None:
            other.begin(Binding(UTILITY, 1, "000000000002", "000000000002", NEWER, 1, 1))
            told.append(f"opened, {len(decisions(store, value))} decision")

        opener = threading.Thread(target=opens)

        def holder(serial: str) -> Binding | None:
            opener.start()
            opener.join(LOCKED_S)
            told.append("read")
            return town.binding(serial)

        class Both:
            """The lock is the registry's; the cards are the town's."""

            @contextmanager
            def held(self) -> Iterator[OfMeter]:
                with book.held(), town.orders.cards.held() as of_meter:
                    yield of_meter

        orders = Orders(store, DemoMasters(UTILITY), cards=Both())
        assert Desk(store, town.cases, town.crew.approvals, orders, holder).decide(value, town.crew("anna"), town.now_ms).made
        opener.join()
        other.close()
    assert told == ["read", "opened, 1 decision"]


def test_two_decide_at_once_without_waiting_for_each_other(book: Registry) -> None:
    both = threading.Barrier(2, timeout=5)

    def decides() -> None:
        with book.held():
            both.wait()

    threads = [threading.Thread(target=decides) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not both.broken


def test_orders_and_openings_in_two_processes_never_wait_for_each_other_for_ever(book: Registry, tmp_path: Path) -> None:
    """The lock of the registry comes first, the store's second: whoever opens cards takes the first alone."""
    program = (
        "import sys; from pathlib import Path; from kiosk.hq.cards.registry import Binding, Registry\n"
        f"book = Registry(Path({str(tmp_path / 'registry.db')!r}), lambda: 7)\n"
        "for no in range(1, 31):\n"
        f"    book.begin(Binding({UTILITY}, 1, f'{{no:012}}', f'{{no:012}}', f'{{no:016x}}', 1, 1)); book.issued(f'{{no:016x}}')\n"
    )
    opener = subprocess.Popen([sys.executable, "-c", program])
    with closing(Store.make(tmp_path / "hq.db", UTILITY, now_ms=NOW_MS)) as store:
        orders = Orders(store, DemoMasters(UTILITY), cards=book)
        made = 0
        while opener.poll() is None or made < 3:
            orders.make(wanted(book, f"r{made % 5}"), NOW_MS)
            made += 1
        assert opener.wait(timeout=30) == 0
    assert len(book.of_meter(UTILITY, f"{30:012}")) == 1


def test_the_lock_of_a_process_that_was_killed_is_free(book: Registry, tmp_path: Path) -> None:
    program = (
        "import time; from pathlib import Path; from kiosk.hq.cards.registry import Registry\n"
        f"book = Registry(Path({str(tmp_path / 'registry.db')!r}), lambda: 7)\n"
        "with book.held():\n    print('held', flush=True); time.sleep(60)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    began_s = time.monotonic()
    book.begin(Binding(UTILITY, 1, "000000000003", "000000000003", NEWER, 1, 1))
    assert time.monotonic() - began_s < 5


def test_a_registry_that_stays_in_use_is_a_sentence(book: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.hq.cards.registry.LOCK_WAIT_S", 0.05)
    with book.held(), pytest.raises(RegistryError, match="in use by another program"):
        book.begin(Binding(UTILITY, 1, "000000000004", "000000000004", NEWER, 1, 1))
    with pytest.raises(Bound):
        book.begin(Binding(UTILITY, 1, CUSTOMER, "000000000005", NEWER, 1, 1))


def test_a_registry_that_must_be_there_is_never_made_anew(tmp_path: Path) -> None:
    with pytest.raises(RegistryError, match="put it back from a backup"):
        Registry(tmp_path / "registry.db", lambda: NOW_MS, create=False)
    assert not (tmp_path / "registry.db").exists()
