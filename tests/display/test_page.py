"""docs/display-and-voice.md says what is so: its table is what is shown, its examples are parts of a kiosk.toml."""

import re
import tomllib
from pathlib import Path

import pytest

from kiosk.config import checked
from kiosk.devices.display.dialect import DIALECTS, Shown
from kiosk.devices.display.showing import shown
from kiosk.devices.fitting import Outfit
from kiosk.devices.registry import driver_of
from kiosk.screens.samples import SAMPLES
from tests.display.desk import ShowingDesk

PAGE = Path("docs/display-and-voice.md").read_text("utf-8")
TABLES = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| ")]
MOMENTS = [row for row in TABLES if row[0] in SAMPLES]


@pytest.mark.parametrize("row", MOMENTS, ids=[row[0] for row in MOMENTS])
def test_the_page_shows_what_is_shown(row: list[str]) -> None:
    assert shown(SAMPLES[row[0]].view) == Shown(*row[1:])


def test_the_page_names_every_dialect_at_its_speed() -> None:
    assert len(MOMENTS) == 10
    told = {row[0]: int(row[2]) for row in TABLES if row[0] in DIALECTS}
    assert told == {name: dialect.baud for name, dialect in DIALECTS.items()}


def test_the_page_s_examples_are_devices() -> None:
    examples = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert len(examples) == 2
    for example in examples:
        (part,) = checked({"kiosk": {"id": "K07", "demo": True}, **tomllib.loads(example)}).device
        assert driver_of(part, Outfit(ShowingDesk(remember=False))).role == part.role
