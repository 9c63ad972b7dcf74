"""`kiosk doctor`: on a machine with nothing, on one that stands still, on one that runs, and on one whose disk was put back."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from kiosk.cli import app
from kiosk.commands import doctor
from kiosk.commands.findings import NO_MONEY, Line, exit_code, worst_first
from kiosk.demo.site import Site
from kiosk.demo.world import World
from tests.risk.test_restored import buys, image, put_back, world

__all__ = ["world"]
READER = "The card service pcscd does not run."


@pytest.fixture(autouse=True)
def reader(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether other tests run a pcscd just now is no matter here."""
    monkeypatch.setattr(doctor, "_reader", lambda _name: READER)


def told(*words: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """Exit code, and the lines by subject."""
    result = CliRunner().invoke(app, ["doctor", "--json", *words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    by_what: dict[str, list[dict[str, Any]]] = {}
    for line in map(json.loads, result.stdout.splitlines()):
        by_what.setdefault(line["what"], []).append(line)
    return result.exit_code, by_what


def of(site: Site) -> tuple[str, str]:
    return "--config", str(site.folder / "kiosk.toml")


def test_a_machine_with_nothing_there_is_one_sentence(tmp_path: Path) -> None:
    code, lines = told("--config", str(tmp_path / "kiosk.toml"))
    assert (code, list(lines), lines["config"][0]["level"]) == (2, ["config"], "STOP")


def test_a_machine_without_stores_and_devices_says_of_each_what_it_costs_and_what_to_do(tmp_path: Path) -> None:
    CliRunner().invoke(app, ["init", str(tmp_path), "--id", "K09"])
    (tmp_path / "store.db").unlink()
    config = ("--config", str(tmp_path / "kiosk.toml"))
    code, lines = told(*config)
    assert code == 3
    bad = {what: line for what, (line, *_) in lines.items() if line["level"] != "OK"}
    assert set(bad) == {"store", "notes", "coins", "printer", "reader"}
    assert {what for what, line in bad.items() if line["level"] == "LOW"} == {"printer"}
    assert all(line["costs"] and line["do"] for line in bad.values())
    (tmp_path / "station.json").unlink()
    assert told(*config)[0] == 3
    plain = CliRunner().invoke(app, ["doctor", *config]).stdout.splitlines()
    assert [line.split()[0] for line in plain] == sorted((line.split()[0] for line in plain), key=["STOP", "LOW", "OK"].index)


@pytest.mark.covers("abuse-29")
def test_a_store_of_another_key_or_with_a_broken_page_is_damaged(tmp_path: Path) -> None:
    CliRunner().invoke(app, ["init", str(tmp_path), "--id", "K09"])
    whole = bytearray((tmp_path / "store.db").read_bytes())
    whole[100] ^= 1
    (tmp_path / "store.db").write_bytes(whole)
    code, lines = told("--config", str(tmp_path / "kiosk.toml"))
    assert (code, lines["store"][0]["code"]) == (4, 4)


def test_a_kiosk_that_runs_keeps_its_ports_and_one_that_stands_is_asked_device_by_device(world: World) -> None:
    site = world.sites["K07"]
    buys(world, "A", 100_00)
    code, lines = told(*of(site))
    assert "in use by the running kiosk" in lines["devices"][0]["says"]
    assert "a kiosk is running" in lines["store"][0]["says"]
    assert code == 0
    assert ["agree" in line["says"] for line in lines["rule 25"]] == [True, True]
    assert site.running
    site.running.stop()
    code, lines = told(*of(site))
    assert "notes, coins, printer: answered" in lines["devices"][0]["says"]
    assert (code, lines["reader"][0]["says"]) == (3, READER)
    site.notes.stop()
    code, lines = told(*of(site))
    assert (lines["notes"][0]["level"], lines["notes"][0]["costs"]) == ("LOW", "No notes can go in.")
    site.coins.stop()
    assert told(*of(site))[1]["coins"][0]["level"] == "STOP"
    site.running = None


@pytest.mark.covers("rule-2")
def test_a_disk_that_was_put_back_is_said_before_and_after_the_kiosk_has_noticed_it(world: World) -> None:
    site = world.sites["K07"]
    image(site, "yesterday")
    buys(world, "A", 100_00)
    put_back(site, "yesterday")
    site.phase("out")
    code, lines = told(*of(site))
    assert (code, lines["rule 2"][0]["level"], lines["rule 2"][0]["costs"]) == (7, "STOP", NO_MONEY)
    assert site.running
    site.running.stop()
    for name in ("store.db", "store.db-wal"):
        (site.folder / name).write_bytes((site.folder / "yesterday" / name).read_bytes())
    code, lines = told(*of(site))
    assert lines["witness"][0]["says"].startswith("mark stands at ")
    site._view = None
    site.start()


def test_the_first_line_that_stops_gives_the_exit_code() -> None:
    found = [Line("OK", "a", ""), Line("LOW", "b", "", code=3), Line("STOP", "c", "", code=4), Line("STOP", "d", "", code=3)]
    assert [line.what for line in worst_first(found)] == ["c", "d", "b", "a"]
    assert (exit_code(worst_first(found)), exit_code(found[:2])) == (4, 0)
