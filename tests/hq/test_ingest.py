"""A kiosk's real batches by each way into the real import: HTTPS, SFTP and a stick bring the same rows, once."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from kiosk.hq.intake.importer import Importer
from kiosk.hq.intake.mail import acknowledge, contents, letters
from kiosk.hq.schema import FACT
from kiosk.hq.store import Store
from kiosk.sync import stick
from kiosk.sync.carrier import CarryFailed, Memory, exchange
from kiosk.sync.https import https
from kiosk.sync.plan import HttpsPlan, SftpPlan
from kiosk.sync.sftp import sftp
from kiosk.sync.spool import Spool
from tests.hq.batches import NOW_MS, UTILITY, Street, acked, importer
from tests.hq.postgres import database, postgres_url  # noqa: F401 - fixtures
from tests.seeds import Seeds
from tests.sync.wires import Fault, authority, proxied, served, sftp_served, ssh_keys

ROWS = 60


@pytest.fixture(scope="module")
def street() -> Street:
    return Street("K07", 12)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    where = str(tmp_path / "hq.db") if request.param == "sqlite" else request.getfixturevalue("database")
    made = Store.make(where, UTILITY, now_ms=NOW_MS)
    yield made
    made.close()


@pytest.fixture
def spool(tmp_path: Path, street: Street) -> Spool:
    made = Spool(tmp_path / "spool", "K07").made()
    for seq, raw in enumerate(street.batches(ROWS), 1):
        made.put(seq, raw)
    return made


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    (tmp_path / "bag/downlink/all").mkdir(parents=True)
    return tmp_path / "bag"


def facts(store: Store) -> int:
    return int(store.read(lambda connection: connection.execute(select(func.count()).select_from(FACT)).scalar_one()))


async def by_https(spool: Spool, plan: HttpsPlan, memory: Memory) -> None:
    async with https(plan, "K07") as carrier:
        await exchange(spool, carrier, "https", memory)


async def by_sftp(spool: Spool, plan: SftpPlan, memory: Memory) -> None:
    async with sftp(plan, "K07") as carrier:
        await exchange(spool, carrier, "sftp", memory)


def office_empties(importing: Importer, bag: Path) -> None:
    for letter in letters(bag):
        taken = importing.take(contents(letter), NOW_MS)
        assert taken.ack
        acknowledge(bag, taken.kiosk, taken.ack)


def checked(spool: Spool, store: Store, street: Street) -> None:
    """Everything is in, once, and the kiosk's acknowledgement says so."""
    last = len(street.batches(ROWS))
    assert facts(store) == len(street.lines)
    assert acked(spool.acks()[0]).contiguous_seq == last


async def test_by_https_over_a_bad_line(spool: Spool, store: Store, street: Street, bag: Path, tmp_path: Path, *, seeds: Seeds) -> None:
    importing = importer(store, street)
    chance = seeds.random("cut lines")
    faults = [Fault(cut_up=chance.randint(0, 9000), cut_down=chance.randint(500, 4000)) for _ in range(6)]
    with (
        served(lambda raw: importing.take(raw, NOW_MS), bag, authority(tmp_path / "tls")) as plan,
        proxied(int(plan.url.rpartition(":")[2]), faults) as (port, _),
    ):
        bad = HttpsPlan(f"https://127.0.0.1:{port}", plan.ca)
        for _ in range(len(faults) + 1):
            try:
                await by_https(spool, bad, Memory())
            except CarryFailed:
                await asyncio.sleep(0)
            else:
                break
    checked(spool, store, street)


async def test_by_sftp(spool: Spool, store: Store, street: Street, bag: Path, tmp_path: Path) -> None:
    memory = Memory()
    with sftp_served(bag, ssh_keys(tmp_path / "ssh")) as plan:
        await by_sftp(spool, plan, memory)
        office_empties(importer(store, street), bag)
        await by_sftp(spool, plan, memory)
    checked(spool, store, street)


def test_by_stick(spool: Spool, store: Store, street: Street, bag: Path) -> None:
    assert stick.export(spool, bag).ok
    office_empties(importer(store, street), bag)
    assert stick.bring(spool, bag).ok
    checked(spool, store, street)


@pytest.mark.covers("abuse-42")
async def test_by_all_of_them_one_after_the_other_nothing_is_doubled(
    spool: Spool, store: Store, street: Street, bag: Path, tmp_path: Path
) -> None:
    importing = importer(store, street)
    with (
        sftp_served(bag, ssh_keys(tmp_path / "ssh")) as sftp_plan,
        served(lambda raw: importing.take(raw, NOW_MS), bag, authority(tmp_path / "tls")) as https_plan,
    ):
        assert stick.export(spool, tmp_path).ok
        await by_https(spool, https_plan, Memory())
        await by_sftp(spool, sftp_plan, Memory())
        office_empties(importing, bag)
        office_empties(importing, tmp_path)
        await by_https(spool, https_plan, Memory())
    checked(spool, store, street)


@pytest.mark.covers("abuse-41")
async def test_a_batch_that_was_changed_is_refused_and_the_kiosk_hears_why(
    spool: Spool, store: Store, street: Street, bag: Path, tmp_path: Path
) -> None:
    importing, memory = importer(store, street), Memory()
    whole = spool.sealed(2)
    spool.put(2, whole[:-1] + bytes((whole[-1] ^ 1,)))
    with served(lambda raw: importing.take(raw, NOW_MS), bag, authority(tmp_path / "tls")) as plan:
        await by_https(spool, plan, memory)
        assert memory.batches[2].state == "refused"
        assert memory.batches[2].why
        assert acked(spool.acks()[0]).contiguous_seq == 1
        spool.put(2, whole)
        await by_https(spool, plan, memory)
    checked(spool, store, street)


async def test_a_kiosks_batch_by_another_kiosks_way_is_kept_for_its_own(store: Store, street: Street, bag: Path, tmp_path: Path) -> None:
    importing, memory = importer(store, street), Memory()
    other = Spool(tmp_path / "other", "K08").made()
    other.put(1, street.batches(ROWS)[0])
    with served(lambda raw: importing.take(raw, NOW_MS), bag, authority(tmp_path / "tls")) as plan:
        async with https(plan, "K08") as carrier:
            await exchange(other, carrier, "https", memory)
    assert (memory.batches[1].state, other.acks()) == ("refused", [])
    assert facts(store) == ROWS
