"""Yesterday's disk in the real core, with its devices on their wires: it notices, stops, loses no money and doubles none."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.demo.site import Site
from kiosk.demo.world import World
from kiosk.devices.disk import Mark, read_mark
from kiosk.devices.vault.station import open_station
from kiosk.vend import facts as f
from kiosk.vend.journal import Journal
from kiosk.vend.witness import Restored
from tests.kill.street import Household

STORE = ("store.db", "store.db-wal")


@pytest.fixture
def world() -> Iterator[World]:
    with tempfile.TemporaryDirectory(prefix="risk-") as folder:
        town = World(Path(folder), stack="in-process")
        site = town.sites["K07"]
        config = site.folder / "kiosk.toml"
        config.write_text(config.read_text().replace("[store]\n", f'[store]\nmark = "{folder}/mark"\n'))
        town.start()
        yield town
        town.stop()


def image(site: Site, to: str) -> None:
    """The disk as it is at this instant."""
    folder = site.folder / to
    folder.mkdir()
    for name in STORE:
        shutil.copy2(site.folder / name, folder / name)


def put_back(site: Site, which: str) -> None:
    assert site.running
    site.running.stop()
    for name in (*STORE, "store.db-shm"):
        (site.folder / name).unlink(missing_ok=True)
    for name in STORE:
        shutil.copy2(site.folder / which / name, site.folder / name)
    site._view = None
    site.start()


def journal(site: Site) -> list[f.Fact]:
    assert site.running
    key = open_station(site.folder / "station.json").database_key()
    with Journal.open(site.folder / "store.db", key, create=False, read_only=True) as opened:
        assert opened.verify().bad_seq is None
        return [recorded.fact for recorded in opened.rows()]


def buys(world: World, name: str, amount_minor: int) -> None:
    site = world.sites["K07"]
    site.insert(world.cards[name])
    site.feed(amount_minor)
    site.press("finish")
    site.phase("done")
    site.press("receipt", "none")
    site.pull()
    site.phase("attract")


@pytest.mark.covers("rule-2", "abuse-29", "abuse-37")
def test_a_disk_of_before_with_an_open_sale_is_noticed_by_the_acceptor_and_the_money_stays_where_it_is(world: World) -> None:
    site, card = world.sites["K07"], world.cards["A"]
    site.insert(card)
    site.feed(100_00)
    image(site, "yesterday")
    site.press("finish")
    site.phase("done")
    site.press("receipt", "none")
    site.pull()
    site.phase("attract")
    assert world.to_meter("A").credited_minor == 90_00  # the fee and a debt off it
    buys(world, "B", 50_00)
    buys(world, "C", 20_00)
    files = {name: dict(world.cards[name].files) for name in "ABC"}
    put_back(site, "yesterday")
    site.until(lambda view: view.phase == "claim" and bool(view.params["printed"]), why="the slip")
    site.press("slip_taken")
    view = site.phase("out")
    assert view.params["why"] == "restored"
    facts = journal(site)
    (noticed,) = [fact for fact in facts if isinstance(fact, Restored)]
    assert noticed.there > noticed.here
    (claim,) = [fact for fact in facts if isinstance(fact, f.ClaimIssued)]
    assert (claim.amount_minor, claim.why) == (100_00, "restored")
    assert not [fact for fact in facts if isinstance(fact, f.OrphanCredit | f.WriteStarted | f.CardVerified)]
    site.push(card)
    site.phase("account", "refused")
    assert not site.notes.do({"do": "state"})["accepting"]
    site.pull()
    assert {name: dict(world.cards[name].files) for name in "ABC"} == files
    assert world.to_meter("A").credited_minor == 0
    papers = [path.read_text() for path in sorted((world.folder / "receipts").glob("*.txt"))]
    assert any("Restored store" in paper for paper in papers)


@pytest.mark.covers("rule-2", "abuse-29")
def test_the_mark_on_another_disk_tells_one_sale_less_before_any_device_has_spoken(world: World) -> None:
    site = world.sites["K07"]
    image(site, "yesterday")
    buys(world, "A", 100_00)
    put_back(site, "yesterday")
    view = site.phase("out")
    assert view.params["why"] == "restored"
    facts = journal(site)
    assert [fact.witness for fact in facts if isinstance(fact, Restored)] == ["mark"]
    mark = read_mark(world.folder / "mark")
    assert mark
    assert isinstance(mark, Mark)
    assert mark.seq > len(facts)
    assert world.to_meter("A").credited_minor == 90_00


@pytest.mark.covers("rule-2", "abuse-29")
def test_the_mark_is_as_high_as_the_end_of_a_sale_while_the_kiosk_runs(world: World) -> None:
    """Not a minute later: the kiosk need not end in good order for it."""
    site = world.sites["K07"]
    buys(world, "A", 100_00)
    image(site, "now")
    key = open_station(site.folder / "station.json").database_key()
    with Journal.open(site.folder / "now" / "store.db", key, create=False, read_only=True) as opened:
        (closed,) = [recorded.row for recorded in opened.rows() if isinstance(recorded.fact, f.SaleClosed)]
        hashes = {recorded.row.seq: recorded.row.hash for recorded in opened.rows()}
    by = time.monotonic() + 10
    mark = read_mark(world.folder / "mark")
    while (mark is None or mark.seq < closed.seq) and time.monotonic() < by:
        time.sleep(0.05)
        mark = read_mark(world.folder / "mark")
    assert mark
    assert mark.seq >= closed.seq
    assert hashes.get(mark.seq, mark.head) == mark.head


@pytest.mark.covers("rule-2", "abuse-29")
@pytest.mark.parametrize("cut", [False, True], ids=["acceptors live on", "acceptors lose their power"])
@pytest.mark.parametrize("essp", [False, True], ids=["cctalk", "essp"])
def test_the_second_note_of_a_sale_that_an_older_disk_holds_open_is_told_by_the_validator(tmp_path: Path, essp: bool, cut: bool) -> None:
    """No mark. The first note's credit becomes a slip that says so; the card, which has both, is not written."""
    home = Household(tmp_path / "home")
    site = Site(tmp_path / "K07", "K07", tmp_path, None, essp=essp)
    site.start()
    try:
        site.insert(home.card)
        site.feed(50_00)
        image(site, "yesterday")
        site.feed(100_00)
        site.press("finish")
        site.phase("done")
        site.press("receipt", "none")
        site.pull()
        site.phase("attract")
        credited = home.home()
        if cut:
            for device in (site.notes, site.coins):
                device.do({"do": "power", "to": "off"})
                device.do({"do": "power", "to": "on"})
        put_back(site, "yesterday")
        site.until(lambda view: view.phase == "claim" and bool(view.params["printed"]), why="the slip")
        site.press("slip_taken")
        assert site.phase("out").params["why"] == "restored"
        facts = journal(site)
        assert [(fact.witness, fact.there - fact.here) for fact in facts if isinstance(fact, Restored)] == [("notes", 1)]
        (claim,) = [fact for fact in facts if isinstance(fact, f.ClaimIssued)]
        assert (claim.amount_minor, claim.why) == (50_00, "restored")
        assert not [fact for fact in facts if isinstance(fact, f.OrphanCredit | f.WriteStarted)]
        assert not site.notes.do({"do": "state"})["accepting"]
        assert home.home() == 0 < credited
    finally:
        site.stop()
