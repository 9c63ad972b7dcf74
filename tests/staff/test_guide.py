"""The technician's guide names keys that are on the screens, facts that are written, and every driver that there is."""

import re
import tomllib

from kiosk.devices.registry import BUILT_IN
from kiosk.vend import rows
from kiosk.vend.facts import Fact
from tests.house.tree import HOUSE

GUIDE = (HOUSE / "docs" / "technician.md").read_text("utf-8")
TASKS = [line.split("|")[1:4] for line in GUIDE.partition("| task |")[2].partition("\n\n")[0].splitlines()[2:]]


def sentences(found: object) -> list[str]:
    """Every text of a part of the catalogue."""
    if isinstance(found, dict):
        return [text for part in found.values() for text in sentences(part)]
    return [str(found)]


def every(kind: type[Fact]) -> set[str]:
    return {kind.__name__}.union(*(every(each) for each in kind.__subclasses__()))


def test_every_key_that_the_guide_names_is_on_a_screen() -> None:
    keys = sentences(tomllib.loads((HOUSE / "kiosk" / "locale" / "en" / "staff.toml").read_text("utf-8"))["staff"]["key"])
    named = [key for _, how, _ in TASKS for key in re.findall(r"\*([^*]+)\*", how)]
    assert len(named) > 10
    assert [key for key in named if key not in keys] == []


def test_every_fact_that_the_guide_names_is_one() -> None:
    assert rows.StoreCreated.__name__ in every(Fact)
    named = [fact for _, _, facts in TASKS for fact in re.findall(r"`(\w+)`", facts)]
    assert len(named) == len(TASKS) + 1 - sum("`" not in facts for _, _, facts in TASKS)
    assert [fact for fact in named if fact not in every(Fact)] == []


def test_the_guide_has_every_driver() -> None:
    table = GUIDE.partition("| role |")[2].partition("\n\n")[0].splitlines()[2:]
    told = {
        f"{role}/{protocol}"
        for roles, protocols, *_ in (line.strip("| ").split(" | ") for line in table)
        for role in roles.split(", ")
        for protocol in protocols.split(", ")
    }
    assert told == set(BUILT_IN)
