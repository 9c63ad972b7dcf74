"""What `kiosk doctor` says of devices: which cannot be, which are named badly, and what each costs, from the one table."""

from pathlib import Path
from typing import get_args

import pytest
from typer.testing import CliRunner

from kiosk import words
from kiosk.cli import app
from kiosk.commands import doctor
from kiosk.commands.findings import of_device
from kiosk.config import checked, load
from kiosk.devices.contract import Role
from kiosk.vend import outage


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    CliRunner().invoke(app, ["init", str(tmp_path), "--id", "K07"])
    return tmp_path


def said(folder: Path, devices: str) -> tuple[int, str]:
    text = (folder / "kiosk.toml").read_text()
    (folder / "kiosk.toml").write_text(text[: text.index("[[device]]")] + devices)
    result = CliRunner().invoke(app, ["doctor", "--config", str(folder / "kiosk.toml")])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout


def test_every_role_of_the_file_has_a_row_and_its_sentences_in_every_language() -> None:
    devices = {*get_args(Role), "reader"}
    assert devices == set(outage.DEVICES) - {"store", "keys", "service", "rules", "screen"}
    for row in map(outage.of, (*devices, "a stranger's")):
        for language in words.languages():
            assert words.text(language, row.costs).endswith((".", "。"))
            assert words.text(language, row.look)
    assert of_device("reader", "reader", "It is gone.").level == "STOP"
    assert of_device("display", "offline", "It is gone.").level == "LOW"


def test_an_option_that_the_driver_has_not_is_a_sentence_with_the_nearest(folder: Path) -> None:
    code, told = said(folder, '[[device]]\nrole = "coins"\nprotocol = "cctalk"\nport = "/x"\noptions = { mod = "crc" }\n')
    assert code == 2
    assert "device coins: mod is no option of coins/cctalk; did you mean mode?" in told


def test_a_name_that_changes_with_the_order_of_plugging_in_is_warned_of(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(doctor, "_reader", lambda _name: "")
    _, told = said(folder, '[[device]]\nrole = "coins"\nprotocol = "cctalk"\nport = "/dev/ttyUSB7"\n')
    (line,) = [line for line in told.splitlines() if "/dev/ttyUSB7 is whatever" in line]
    assert line.startswith("LOW")
    assert "/dev/serial/by-path" in line


@pytest.mark.parametrize(
    ("at", "level", "sentence", "taken"),
    [
        ("", "LOW", "No kiosk is named", {}),
        ("K08", "OK", "recovered at K08, and not here", {}),
        ("K07", "OK", "1 old debts are recovered here", {"000098765432": 500}),
    ],
)
def test_old_debts_are_recovered_at_one_kiosk_and_doctor_says_where(at: str, level: str, sentence: str, taken: dict[str, int]) -> None:
    """A kiosk.toml that was copied to another kiosk recovers nothing there."""
    config = checked({"kiosk": {"id": "K07"}, "tariff": {"debts": {"000098765432": 500}, "debts_at": at}})
    assert config.tariff_values().debts == taken
    (line,) = doctor._debts(config)
    assert line.level == level
    assert sentence in str(line)


def test_init_says_that_one_kiosk_recovers_old_debts(folder: Path) -> None:
    text = (folder / "kiosk.toml").read_text()
    assert "the one kiosk that recovers them" in text
    (folder / "kiosk.toml").write_text(text.replace("# debts", "debts"))
    assert load(folder / "kiosk.toml").tariff_values().debts == {"000098765432": 500}


def test_a_lasting_name_is_not_warned_of() -> None:
    part = {"role": "coins", "protocol": "cctalk", "port": "/dev/serial/by-path/pci-0000:00:14.0-usb-0:1:1.0-port0"}
    assert doctor._names(checked({"kiosk": {"id": "K07"}, "device": (part,)})) == []


def test_a_device_of_a_protocol_that_nobody_drives_is_said_before_anything_is_opened(folder: Path) -> None:
    code, told = said(folder, '[[device]]\nrole = "coins"\nprotocol = "cctak"\nport = "/x"\n')
    assert code == 2
    assert "device coins: there is no driver coins/cctak; did you mean cctalk?" in told
