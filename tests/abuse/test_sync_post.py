"""What is still told the kiosk when the usual way of telling it is closed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.hq import kiosks
from kiosk.hq.intake.ledger import Verdict
from kiosk.hq.intake.mail import acknowledge, contents, letters
from kiosk.hq.store import Store
from kiosk.sync import stick
from kiosk.sync.carrier import Memory, exchange
from kiosk.sync.https import https
from kiosk.sync.sftp import sftp
from kiosk.sync.spool import Spool
from tests.hq.batches import NOW_MS, UTILITY, Street, acked, importer
from tests.hq.test_import_command import Desk
from tests.sync.wires import authority, served, sftp_served, ssh_keys


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store.make(tmp_path / "hq.db", UTILITY, now_ms=NOW_MS)
    yield made
    made.close()


def full(folder: Path, street: Street, kiosk: str = "K07") -> Spool:
    spool = Spool(folder, kiosk).made()
    for seq, raw in enumerate(street.batches(60), 1):
        spool.put(seq, raw)
    return spool


# ---------------------------------------------------------------- what is safe elsewhere is learnt late, under the same name


def test_an_acknowledgement_that_says_more_under_the_same_name_comes_by_stick_and_by_wire(store: Store, tmp_path: Path) -> None:
    street = Street("K07", 6)
    importing, bag = importer(store, street), tmp_path / "bag"
    bag.mkdir()
    spool = full(tmp_path / "spool", street)
    assert stick.export(spool, bag).ok
    last = len(letters(bag))

    def office() -> None:
        for letter in letters(bag):
            taken = importing.take(contents(letter), NOW_MS)
            assert taken.ack
            acknowledge(bag, taken.kiosk, taken.ack)

    office()
    assert stick.bring(spool, bag).ok
    assert acked(spool.acks()[0]).durable_through == 0
    kiosks.backed_up(store, {"K07": last})
    office()
    assert stick.bring(spool, bag).ok
    (raw,) = spool.acks()
    assert (acked(raw).contiguous_seq, acked(raw).durable_through) == (last, last)


async def test_by_sftp_it_comes_though_a_file_of_that_name_and_length_is_here(store: Store, tmp_path: Path) -> None:
    street = Street("K07", 6)
    importing, bag = importer(store, street), tmp_path / "bag"
    (bag / "downlink" / "all").mkdir(parents=True)
    spool, memory = full(tmp_path / "spool", street), Memory()
    keys = ssh_keys(tmp_path / "ssh")
    last = 0
    with sftp_served(bag, keys) as plan:
        for durable in (1, 2):
            async with sftp(plan, "K07") as carrier:
                await exchange(spool, carrier, "sftp", memory)
            kiosks.backed_up(store, {"K07": durable})
            for letter in letters(bag):
                taken = importing.take(contents(letter), NOW_MS)
                assert taken.ack
                acknowledge(bag, "K07", taken.ack)
                last = taken.seq
        async with sftp(plan, "K07") as carrier:
            await exchange(spool, carrier, "sftp", memory)
    assert [(acked(raw).contiguous_seq, acked(raw).durable_through) for raw in spool.acks()] == [(last, 2)]


# ---------------------------------------------------------------- mail in the wrong slot


async def test_a_batch_that_another_kiosk_brought_is_acknowledged_when_its_own_brings_it(store: Store, tmp_path: Path) -> None:
    street, other = Street("K07", 6), Street("K08", 1)
    importing, bag = importer(store, street, other), tmp_path / "bag"
    (bag / "downlink" / "all").mkdir(parents=True)
    wrong, right = full(tmp_path / "wrong", street, "K08"), full(tmp_path / "right", street)
    with served(lambda raw: importing.take(raw, NOW_MS), bag, authority(tmp_path / "tls")) as plan:
        async with https(plan, "K08") as carrier:
            await exchange(wrong, carrier, "https", Memory())
        assert wrong.acks() == []
        memory = Memory()
        async with https(plan, "K07") as carrier:
            await exchange(right, carrier, "https", memory)
    assert {carried.state for carried in memory.batches.values()} == {"sent"}
    assert acked(right.acks()[0]).contiguous_seq == len(street.batches(60))


# ---------------------------------------------------------------- a bag that nobody empties


def test_what_is_acknowledged_is_taken_out_of_the_bag_when_that_is_wanted_and_nothing_else(tmp_path: Path) -> None:
    street = Street("K07", 6)
    desk = Desk(tmp_path, street)
    paths = desk.put(street)
    paths[1].rename(desk.stick / "up" / "K07" / "held")
    (desk.stick / "up" / "K07" / "00000077").write_bytes(b"no batch")
    assert desk.run("import", str(desk.stick), "--empty").exit_code == 7
    here = sorted(path.name for path in (desk.stick / "up" / "K07").iterdir())
    assert here == [*(path.name for path in paths[2:]), "00000077", "held"], "what waits for a missing one and what is none stays"
    (desk.stick / "up" / "K07" / "held").rename(paths[1])
    assert desk.run("import", str(desk.stick), "--empty").exit_code == 7
    assert sorted(path.name for path in (desk.stick / "up" / "K07").iterdir()) == ["00000077"]
    ack = next((desk.stick / "downlink" / "K07").glob("ack-*"))
    assert ack.name == f"ack-1-{len(paths):08}"
    assert Verdict.REPLAY not in desk.run("import", str(desk.stick)).output
