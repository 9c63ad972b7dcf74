"""Codes through the whole machine: a core with its vault's process and journal, a virtual card over its commands, and the meter at home."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.demo.world import CUSTOMERS, World
from kiosk.vend.damm import digit
from tests.codes.kit import DAYS_30_MS, code_cmac, digits


@pytest.fixture
def town(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path, ("K07", "K08"), stack="in-process")
    world.start()
    yield world
    world.stop()


def code_of(name: str, n: int, amount_minor: int) -> str:
    """As an office of the demo's masters would make it now."""
    serial, meter, _ = CUSTOMERS[name]
    generation = time.time_ns() // 1_000_000 // DAYS_30_MS
    return digits(code_cmac(serial, meter, n, amount_minor, generation), n, amount_minor, generation)


def balance_minor(town: World, name: str) -> int:
    """In the meter at home."""
    return int(town.meters[name].display()["balance_minor"])


def test_a_code_is_collected_once_at_kiosks_that_know_nothing_of_each_other(town: World) -> None:
    """The first purchase of a card that is new, and then its code again."""
    text, card = code_of("B", 1, 80_00), town.cards["B"]
    for kiosk, said in (("K07", "done"), ("K08", "code")):
        site = town.sites[kiosk]
        site.insert(card)
        site.phase("account")
        site.press("tender", "code")
        site.phase("code")
        wrong = text[:18] + str((int(text[18]) + 1) % 10)
        site.press("code", wrong + digit(wrong))
        answer = site.until(lambda view: view.params.get("state") not in {"", "checking", None}, why="an answer")
        assert (answer.params["state"], answer.params["tries"]) == ("card", 4)
        site.press("code", "again")
        site.until(lambda view: view.params.get("state") == "", why="digits to type")
        site.press("code", text)
        end = site.until(lambda view: view.phase == "done" or view.params.get("state") in {"used", "passed"}, why="an end")
        assert (end.phase, end.figure_minor) == (said, 80_00)
        site.press("finish" if said == "done" else "cancel")
        site.pull()
        before = balance_minor(town, "B")
        town.to_meter("B")
        assert balance_minor(town, "B") - before == (80_00 if said == "done" else 0)


def test_power_that_fails_when_the_code_was_entered_leaves_one_credit(town: World) -> None:
    site, text = town.sites["K07"], code_of("C", 1, 60_00)
    site.insert(town.cards["C"])
    site.phase("account")
    site.press("tender", "code")
    site.phase("code")
    site.press("code", text)
    site.until(lambda view: view.phase in {"writing", "done"}, why="the sale")
    site.cut()
    if site.phase("done", "account").phase == "account":  # the power failed before acceptance was on disk
        site.press("tender", "code")
        site.phase("code")
        site.press("code", text)
        site.phase("done")
    site.pull()
    town.to_meter("C")
    assert balance_minor(town, "C") == 60_00
