"""The head office's side: a PIN becomes a string, and a roster that no kiosk would take is not signed."""

from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from typer.testing import CliRunner

from kiosk.commands.hq import hq_app
from kiosk.vend.operators.tree import Grant, Operator, Roster, roster_of
from tests.keys.kit import HeadOffice, station_of
from tests.operators.kit import PHC

RUN = CliRunner()


def written(folder: Path, pin: str) -> None:
    (folder / "pin").write_text(f"{pin}\n", "utf-8")
    (folder / "pin").chmod(0o600)


def test_a_pin_becomes_a_string_that_a_roster_may_have_and_only_that_pin_opens(tmp_path: Path) -> None:
    written(tmp_path, "271828")
    made = RUN.invoke(hq_app, ["pin", "--secret-file", str(tmp_path / "pin")])
    assert made.exit_code == 0, made.output
    string = made.stdout.strip()
    Argon2id.verify_phc_encoded(b"271828", string)
    assert roster_of(msgspec.json.encode(Roster((Operator("014", string),)))).operators[0].pin == string


def test_a_pin_has_six_digits(tmp_path: Path) -> None:
    for pin in ("27182", "2718281", "27182x", "２７１８２８"):  # noqa: RUF001 - digits of another alphabet
        written(tmp_path, pin)
        refused = RUN.invoke(hq_app, ["pin", "--secret-file", str(tmp_path / "pin")])
        assert refused.exit_code == 1
        assert pin not in refused.output


def test_a_roster_with_an_operation_that_there_is_not_is_not_signed(tmp_path: Path) -> None:
    roster = tmp_path / "roster.json"
    roster.write_bytes(msgspec.json.encode(Roster((Operator("014", PHC),), (Grant("014", "cash.gift", ""),))))
    hq = HeadOffice(tmp_path)
    hq.know(station_of(tmp_path / "kiosk"))
    refused = RUN.invoke(hq_app, ["publish", "roster", "K07", str(roster), "--office", str(hq.bag)])
    assert (refused.exit_code, "operation" in refused.output) == (1, True)
    assert not (hq.bag / "downlink/K07").exists()
