"""Yesterday's disk in the real core, with its devices on their wires: it notices, stops, loses no money and doubles none."""

import shutil
import tempfile
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
def test_one_note_more_is_what_a_power_cut_explains_but_not_to_the_mark_on_another_disk(world: World) -> None:
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
