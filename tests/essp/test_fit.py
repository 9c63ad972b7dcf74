"""What kiosk.toml and the documents say of a validator is what there is."""

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kiosk.config import DevicePart
from kiosk.devices.essp.events import TABLE
from kiosk.devices.essp.fit import EsspOptions
from kiosk.devices.essp.validator import NoteValidator
from kiosk.devices.fitting import Outfit, PartError
from kiosk.devices.port import open_serial
from kiosk.devices.registry import driver_of, maker_of
from tests.cash.desk import ListeningDesk
from tests.essp.conftest import Bench

PAGE = (Path(__file__).parents[2] / "docs" / "note-validators.md").read_text()


def part(**changes: Any) -> DevicePart:
    return DevicePart(**({"role": "notes", "protocol": "essp", "port": "/dev/null"} | changes))


def test_the_documents_example_makes_a_driver() -> None:
    (device,) = tomllib.loads(PAGE.split("```toml")[1].split("```")[0])["device"]
    driver = driver_of(DevicePart(**device), Outfit(ListeningDesk()))
    assert isinstance(driver, NoteValidator)
    assert (driver.role, driver.alive, driver.identity(), driver.health().state) == ("notes", False, None, "starting")
    driver.stop()


def test_the_documents_table_names_every_option() -> None:
    rows = re.findall(r"^\| (\w+) \|", PAGE.split("| option |")[1].split("\n\n")[0], re.MULTILINE)
    assert rows == [field.name for field in msgspec.structs.fields(EsspOptions)]


def test_the_documents_table_names_every_event_that_shuts_it() -> None:
    table = PAGE.split("| event |")[1].split("\n\n")[0]
    for code, row in TABLE.items():
        assert not row.word or f"{code:02X}" in table, row.name


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"encryptoin": "on"}, "did you mean encryption"),
        ({"encryption": "maybe"}, "auto or on or off"),
        ({"key": "0123"}, "key"),
        ({"address": 126}, "address"),
        ({"baud": 4800}, "baud"),
    ],
)
def test_an_option_that_is_none_is_refused_in_a_sentence(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PartError, match=sentence):
        driver_of(part(options=options), Outfit(ListeningDesk()))


@pytest.mark.parametrize(("enrolled", "said"), [("", ""), ("4060504", ""), ("77", "Its serial is 4060504, and 77 is enrolled.")])
def test_the_doctor_asks_who_it_is(bench: Bench, enrolled: str, said: str) -> None:
    bench.notes()
    ask = maker_of(part()).ask
    assert ask
    port = open_serial(str(bench.place / "notes"), stop_bits=2)
    assert ask(part(serial=enrolled), port) == said


def test_one_that_tells_nothing_in_clear_is_well_for_the_doctor(bench: Bench) -> None:
    bench.notes(keyed="required")
    ask = maker_of(part()).ask
    assert ask
    assert ask(part(serial="77"), open_serial(str(bench.place / "notes"), stop_bits=2)) == ""
