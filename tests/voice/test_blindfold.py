"""The blindfold sale once more (tests/screens/test_blind.py), heard through the voice: all that this person knows is what the driver gave
to its speech program, and the program wrote down. The keys are pressed on the real screen, which tells the core of help, no more.
"""

import asyncio
import re
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from kiosk.app import KioskApp, to_voice
from kiosk.demo.site import Site
from kiosk.demo.world import World
from tests.screens import test_blind as sighted
from tests.voice.ear import PROGRAM, utterances

SPELT = re.compile(r"(?:\b\w ){3}\w\b")  # a card's tail, as it is said


class Listener(sighted.Person):
    """Ears at the headphones. What was heard since the last key was pressed is now; keys and labelled lines are remembered for longer."""

    def __init__(self, app: KioskApp, pilot: Pilot[None], kiosk: Site, log: Path) -> None:
        super().__init__(app, pilot, kiosk)
        self._log, self._pressed_at = log, 0

    def _now(self) -> tuple[str, ...]:
        heard = [[SPELT.sub(lambda tail: ".." + tail[0].replace(" ", ""), line) for line in each.lines] for each in utterances(self._log)]
        fresh = [line for lines in reversed(heard[self._pressed_at :]) for line in lines]
        older = {line.partition(": ")[0]: line for lines in heard for line in lines if ": " in line}
        return (*fresh, *older.values())

    async def presses(self, label: str) -> str:
        await self.hears(rf"^\S+: .*{label}")
        self._pressed_at = len(utterances(self._log))
        return await super().presses(label)


@asynccontextmanager
async def through_headphones(folder: Path) -> AsyncIterator[tuple[Listener, Site, World]]:
    """A person before a kiosk that has a voice."""
    world, log = World(folder, stack="in-process"), folder / "said.jsonl"
    site = world.sites["K07"]
    program = shlex.join((*PROGRAM, str(log)))
    with (site.folder / "kiosk.toml").open("a") as config:
        config.write(
            f'\n[[device]]\nrole = "voice"\nprotocol = "espeak"\nport = ""\noptions = {{ jack = "always", program = "{program}" }}\n'
        )
    world.start()
    app = KioskApp(site, motion=False, speak=to_voice(site))
    try:
        async with app.run_test(size=(78, 29)) as pilot:
            yield Listener(app, pilot, site, log), site, world
    finally:
        await asyncio.to_thread(world.stop)


@pytest.mark.parametrize(
    "sale",
    [
        sighted.test_a_sale_is_done_from_what_is_said_alone,
        sighted.test_help_another_language_and_a_card_that_was_pulled_are_no_dead_end,
        sighted.test_a_card_that_stays_away_is_told_as_a_slip_with_its_number,
    ],
    ids=lambda sale: sale.__name__.removeprefix("test_"),
)
async def test_the_same_sale_by_the_voice_alone(sale: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sighted, "at_the_kiosk", through_headphones)
    assert callable(sale)
    await sale(tmp_path)
    said = utterances(tmp_path / "said.jsonl")
    assert {each.voice for each in said} <= {"en", "cmn"}
    assert len(said) > 5
