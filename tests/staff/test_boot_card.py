"""A technician opens a locked kiosk at its own screen: boot card in its reader, PIN typed as dots; nothing of it stays anywhere."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kiosk import words
from kiosk.app import KioskApp
from kiosk.devices.vault.demo_roster import TECHNICIAN, demo_roster
from kiosk.screens.palette import TRUE
from kiosk.vend.operators.session import OperatorDid
from kiosk.vend.trust import BootCardRefused, Unlocked
from tests.keys.kit import KIOSK, PIN
from tests.keys.site import Street
from tests.pcscd import running_pcscd
from tests.staff.test_walk import Technician

pytestmark = [pytest.mark.pcsc, pytest.mark.deep("boot cards through a real reader and every screen of unlocking")]


@pytest.fixture
async def street(tmp_path: Path) -> AsyncIterator[Street]:
    """A kiosk that has its stores and lists, and no keys yet."""
    with running_pcscd():
        street = Street(tmp_path)
        street.hq.office.publish("roster", KIOSK, demo_roster(), street.hq.decision, days=90, now_ms=street.hq.now_ms)
        imported = await asyncio.to_thread(street.kiosk, "sync", "import", str(street.hq.bag))
        assert imported.returncode == 0, imported.stderr
        await asyncio.to_thread(street.site.start)
        await asyncio.to_thread(street.site.phase, "out")
        yield street
        await asyncio.to_thread(street.stop)


async def test_a_locked_kiosk_is_opened_at_its_screen_by_card_and_pin(street: Street) -> None:
    app = KioskApp(street.site, TRUE, motion=False)
    async with app.run_test(size=(78, 24)) as pilot:
        staff = Technician(app, pilot, touch=False)
        await staff.enters(TECHNICIAN, words.text("en", "out.first"))
        await staff.press("7")
        await staff.reads("LOCKED: no boot card yet", "Open the keys")
        await asyncio.to_thread(street.boot_slot.insert, street.boot_card)
        for pin, said in (("000000", "Wrong PIN."), (PIN, "The trading keys are open.")):
            await staff.press("1")
            await staff.reads("Boot card's PIN")
            await staff.type(pin)
            await staff.reads(said)
            assert pin not in staff.page.replace(" ", "")
        await staff.reads("Trading keys", "OK")
        await asyncio.to_thread(street.boot_slot.pull)
        await staff.press("clear", "clear")
        await staff.reads(words.text("en", "attract.first"))
    (refused,) = [fact for fact in street.facts() if isinstance(fact, BootCardRefused)]
    (opened,) = [fact for fact in street.facts() if isinstance(fact, Unlocked)]
    assert (refused.why, refused.operator, opened.how, opened.operator) == ("pin", "014", "card", "014")
    assert [fact.operation for fact in street.facts() if isinstance(fact, OperatorDid)] == ["keys.unlock"] * 2
