"""A card and a meter made, looked at and worked by hand."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from kiosk.commands.sim_card import card_app, meter_app
from kiosk.devices.sim.card import CardModel

RUN = CliRunner()


def card_run(*words: object) -> Result:
    return RUN.invoke(card_app, [str(w) for w in words])


def meter_run(*words: object) -> Result:
    return RUN.invoke(meter_app, [str(w) for w in words])


@pytest.fixture
def card(tmp_path: Path) -> Path:
    path = tmp_path / "card.json"
    assert card_run("new", path, "--meter", 12345678, "--customer", 98765432, "--count", 1, "--amount", "100.00").exit_code == 0
    return path


@pytest.fixture
def meter(tmp_path: Path) -> Path:
    path = tmp_path / "meter.json"
    assert meter_run("new", path, "--meter", 12345678, "--clock", "2026-07-01 12:30").exit_code == 0
    return path


def test_a_month_by_hand(card: Path, meter: Path) -> None:
    done = meter_run("insert", meter, card, "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["credited_minor"] == 100_00
    assert "supply               True" in meter_run("show", meter).stdout
    shown = json.loads(meter_run("advance", meter, 24 * 30, "--load-kw", 0.4, "--json").stdout)
    assert (shown["off_because"], shown["balance_minor"], shown["clock"]) == ("alarm_2", 5_00, "2026-07-31 12:30")
    assert json.loads(card_run("show", card, "--json").stdout)["taken"] == 1


def test_what_a_card_shows_has_no_key_in_it(card: Path) -> None:
    keys = json.loads(card.read_text())["keys"]
    for shown in (card_run("show", card).stdout, card_run("show", card, "--json").stdout):
        assert not any(key in shown for key in (keys["admin"], keys["auth"], keys["meterkey"], *keys["kiosk"].values()))


def test_a_clone_is_refused_by_the_meter_and_the_command_says_so_by_its_exit_code(card: Path, meter: Path, tmp_path: Path) -> None:
    assert card_run("clone", card, tmp_path / "copy.json").exit_code == 0
    done = meter_run("insert", meter, tmp_path / "copy.json", "--json")
    assert (done.exit_code, json.loads(done.stdout)["error"]) == (1, "ERR-32")


def test_an_older_state_of_a_card_keeps_its_keys(card: Path, tmp_path: Path) -> None:
    assert card_run("clone", card, tmp_path / "old.json", "--back", 1).exit_code == 0
    old = CardModel.open(tmp_path / "old.json").image()
    assert old.keys == CardModel.open(card).image().keys
    assert old.files["02"][8:] == "00000000"


def test_a_card_can_be_made_used_atomic_or_not_issued(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    who = ("--meter", 1, "--customer", 2)
    card_run("new", path, *who, "--kind", "purchase", "--count", 7, "--balance", "-3.15", "--atomic", "--serial", "1122334455667788")
    shown = json.loads(card_run("show", path, "--json").stdout)
    assert (shown["serial"], shown["kind"], shown["balance_minor"], shown["taken"]) == ("1122334455667788", "purchase", -3_15, 7)
    assert CardModel.open(path).image().torn == "apdu"
    assert card_run("blank", path, "--transport", "ab" * 16).exit_code == 0
    assert "not a frame" in card_run("show", path).stdout
    assert CardModel.open(path).image().keys.admin == "ab" * 16
    assert card_run("blank", path, "--transport", "ab").exit_code == 2


@pytest.mark.parametrize(
    "words",
    [
        ("--meter", "x", "--customer", "1"),
        ("--meter", "1", "--customer", "1234567890123"),
        ("--meter", "1", "--customer", "1", "--serial", "zz"),
        ("--meter", "1", "--customer", "1", "--kind", "gold"),
        ("--meter", "1", "--customer", "1", "--amount", "1e3"),
        ("--meter", "1", "--customer", "1", "--amount", "-1"),
        ("--meter", "1", "--customer", "1", "--amount", "99999999.99"),
        ("--meter", "1", "--customer", "1", "--alarm1", "9999999.99"),
        ("--meter", "1", "--customer", "1", "--balance", "0.001"),
    ],
)
def test_a_wrong_option_is_one_sentence_and_makes_no_file(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = card_run("new", tmp_path / "c.json", *words)
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "c.json").exists()


def test_files_that_are_not_there_or_something_else_are_one_sentence(card: Path, meter: Path, tmp_path: Path) -> None:
    for done in (
        card_run("show", tmp_path / "none.json"),
        card_run("show", meter),
        card_run("clone", meter, tmp_path / "x"),
        card_run("run", meter),
        meter_run("show", card),
        meter_run("insert", meter),
        meter_run("insert", meter, card, "--reader", "x"),
        meter_run("new", tmp_path / "no" / "m.json", "--meter", 1),
        meter_run("new", tmp_path / "m.json", "--meter", 1, "--clock", "noon"),
        card_run("new", tmp_path / "no" / "c.json", "--meter", 1, "--customer", 1),
        card_run("clone", card, tmp_path / "no" / "c.json"),
    ):
        assert (done.exit_code, done.stderr.count("\n"), done.stdout) == (2, 1, "")


def test_without_a_virtual_reader_the_card_stays_out_and_the_exit_code_is_3(card: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.devices.sim.vpcd.CONNECT_S", 0.1)
    done = card_run("run", card, "--port", 9)
    assert done.exit_code == 3
    assert "no virtual reader listens on port 9" in done.stderr
