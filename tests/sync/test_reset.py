"""A kiosk's store is deleted only when the head office has all of it, twice."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from kiosk.cli import app
from kiosk.commands.reset import in_the_way
from kiosk.config import load
from kiosk.core import machine_of, rules_of
from kiosk.devices.vault.station import open_station
from kiosk.vend.desk import Desk, SystemClock, recover
from kiosk.vend.journal import Journal
from kiosk.vend.sent import Acked, Sealed, Sent
from kiosk.vend.state import State
from kiosk.vend.store import take_lock
from kiosk.vend.trust import BootCardRefused
from tests.sale.shop import Card, Shop

RUN = CliRunner()


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    assert RUN.invoke(app, ["init", str(tmp_path / "kiosk"), "--id", "K07"]).exit_code == 0
    return tmp_path / "kiosk"


def reset(machine: Path, *words: str) -> tuple[int, str]:
    done = RUN.invoke(app, ["reset", "--config", str(machine / "kiosk.toml"), *words])
    return done.exit_code, done.output


def something_happened(machine: Path) -> None:
    config = load(machine / "kiosk.toml")
    station = open_station(config.store.station)
    journal = Journal.open(config.store.path, station.database_key(), create=False)
    rules = machine_of(rules_of(config))
    desk = Desk(rules, recover(journal, rules), journal, station, SystemClock(journal.next_boot()))
    desk.record((BootCardRefused("pin"),))
    journal.close()


def test_a_row_that_nobody_else_has_keeps_the_store(machine: Path) -> None:
    something_happened(machine)
    before = sorted(machine.iterdir())
    code, said = reset(machine, "--yes")
    assert (code, "2 rows are not acknowledged" in said) == (1, True)
    assert set(before) <= set(machine.iterdir())


def test_with_nothing_in_the_way_it_is_asked_for_twice_and_the_configuration_stays(machine: Path) -> None:
    assert reset(machine) == (0, "Nothing stands in the way: kiosk reset --yes.\n")
    assert (machine / "store.db").exists()
    (machine / "spool/up").mkdir(parents=True)
    (machine / "keys").mkdir(exist_ok=True)
    assert reset(machine, "--yes")[0] == 0
    assert [path.name for path in machine.iterdir()] == ["kiosk.toml"]
    assert reset(machine, "--yes") == (3, f"There is no journal at {machine / 'store.db'}.\n")
    assert RUN.invoke(app, ["init", str(machine), "--id", "K07.2"]).exit_code == 0


def test_a_kiosk_that_runs_is_not_deleted_under_its_feet(machine: Path) -> None:
    lock = take_lock(machine / "store.db")
    code, said = reset(machine, "--yes")
    assert (code, "Another process" in said, (machine / "store.db").exists(), lock > 0) == (3, True, True, True)


def test_a_damaged_store_is_kept(machine: Path) -> None:
    (machine / "store.db").write_bytes(b"x" * 8192)
    assert reset(machine, "--yes")[0] == 4
    assert (machine / "store.db").exists()


BATCH = Sealed(3, 1, 90, "00" * 32, "00" * 32)


@pytest.mark.parametrize(("sent", "sentence"), [
    (Sent(news=90), "90 rows are not acknowledged"),
    (Sent(BATCH, news=95, acked=Acked(1, 3, 90, durable=3)), "5 rows are not acknowledged"),
    (Sent(BATCH, news=90, acked=Acked(1, 3, 90, durable=1)), "The batches from 2 to 3"),
    (Sent(BATCH, news=90, acked=Acked(1, 3, 90, durable=3)), ""),
])  # fmt: skip
def test_nothing_above_what_is_durable_is_deleted(sent: Sent, sentence: str) -> None:
    assert in_the_way(State(sent=sent)).startswith(sentence)
    assert bool(in_the_way(State(sent=sent))) == bool(sentence)


def test_a_customers_money_is_in_the_way() -> None:
    shop = Shop()
    shop.insert(Card())
    shop.feed(50_00)
    assert in_the_way(shop.state).startswith("A sale is open")
    assert shop.state.sale is not None
    claimed = replace(shop.state, sale=None, claims={shop.state.sale.id: shop.state.sale})
    assert in_the_way(claimed).startswith("1 claims are open")
