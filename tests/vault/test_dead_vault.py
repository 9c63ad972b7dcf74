"""The vault is killed in the middle: the kiosk lives on without keys, no card loses a try, and the money finds its card later."""

import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.devices.card.session import perform
from kiosk.devices.sim.pcscd import Pcscd
from kiosk.devices.sim.vpcd import VpcdSlot
from kiosk.devices.vault import wire
from kiosk.devices.vault.client import VaultClient
from kiosk.vend import facts as f
from kiosk.vend.card.reading import Word
from kiosk.vend.ports import CardJob
from tests.card.kit import PROFILE, Bay, read_job, reading_of, record_of, used_card, worked
from tests.kill.street import CoreHere, Corner, Household, Person, books
from tests.pcscd import USER_READER, running_pcscd
from tests.vault.kit import LIMITS

ORDER = wire.OpenDemo(utility=1, region=1, limits=LIMITS)
COMMANDS = 23  # of a whole recharge


def fresh() -> VaultClient:
    vault = VaultClient(ORDER)
    vault.start()
    vault.opened()
    return vault


def kill(vault: VaultClient) -> None:
    os.kill(vault.pid, signal.SIGKILL)


@pytest.mark.parametrize("command", range(COMMANDS))
def test_killed_at_any_command_the_card_is_whole_and_the_purchase_lands_with_the_next_vault(command: int) -> None:
    vault = fresh()
    bay = Bay(used_card(), vault)
    sent = 0

    def before(_apdu: bytes) -> None:
        nonlocal sent
        if sent == command:
            kill(vault)
        sent += 1

    bay.contact.before = before
    reading = perform(read_job(), bay.session)
    arm = perform(CardJob(2, "arm", "t", n=8, amount_minor=10000), bay.session)
    record = record_of(reading_of(reading), worked(arm).tag or "0102a1b2")
    if worked(arm).done:
        work = worked(perform(CardJob(3, "write", "t", record=record, start="type"), bay.session))
        assert work.done or work.why == "no_key"
    else:
        assert worked(arm).why == "no_key"
    perform(read_job(4, reset=True), bay.session)
    assert set(bay.card.tries.values()) == {10}
    vault.lock()

    bay.vault = fresh()
    bay.insert(bay.card)
    for number in range(5, 11, 2):
        now = reading_of(perform(read_job(number, reset=True), bay.session))
        verdict = PROFILE.judge(now, record, 7)
        if verdict.word is Word.LANDED:
            break
        start = "arm" if verdict.word is Word.READY else verdict.step
        assert start, verdict
        assert worked(perform(CardJob(number + 1, "write", "t", record=record, start=start), bay.session)).done
    assert verdict.word is Word.LANDED
    assert bay.wallet == (10000, 8)
    bay.vault.lock()


# ---------------------------------------------------------------- the whole kiosk


@pytest.fixture(scope="module")
def daemon() -> Iterator[Pcscd]:
    with running_pcscd() as daemon:
        yield daemon


@pytest.fixture
def corner(daemon: Pcscd) -> Iterator[Corner]:
    with tempfile.TemporaryDirectory(prefix="kill-") as place:
        corner = Corner(Path(place), VpcdSlot(daemon.user_port), USER_READER)
        yield corner
        corner.stop()


@pytest.mark.pcsc
def test_killed_in_mid_sale_the_money_is_claimed_and_lands_when_there_are_keys_again(corner: Corner) -> None:
    home = Household(corner.place.parents[1] / "home", bought=3)
    corner.start_here()
    running = corner.running
    assert isinstance(running, CoreHere)
    person = Person(corner, home, (100_00,))
    vault = running._core.vault
    assert isinstance(vault, VaultClient)
    person.before_finish = lambda: kill(vault)
    view = person.until_phase("unsure")
    assert vault.locked
    assert view.figure_minor == 100_00
    person.give_up()
    assert not person.charged

    corner.bury()
    corner.start_here()
    person.recharge()
    assert person.charged
    corner.stop()
    assert home.home() > 0
    kinds = [type(fact) for fact in corner.facts()]
    assert kinds.count(f.ClaimIssued) == kinds.count(f.ClaimSettled) == 1
    books(corner)
