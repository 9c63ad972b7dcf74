"""From the head office to a sale: stores in a bag, a boot card in a real reader, a kiosk that is locked until it is opened."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.devices.sim.pcscd import Pcscd
from kiosk.devices.sim.piv import PivModel
from kiosk.vend.facts import SaleClosed
from kiosk.vend.trust import BootCardRefused, KeyListInstalled, LimitsInstalled, Locked, StoreInstalled, Unlocked
from tests.abuse.needles import in_memory
from tests.keys.kit import PIN
from tests.keys.site import Street
from tests.pcscd import running_pcscd

pytestmark = pytest.mark.pcsc
WRONG_PIN = "608352"


@pytest.fixture(scope="module")
def daemon() -> Iterator[Pcscd]:
    with running_pcscd() as daemon:
        yield daemon


@pytest.fixture
def street(daemon: Pcscd, tmp_path: Path) -> Iterator[Street]:
    assert daemon.process
    street = Street(tmp_path)
    yield street
    street.stop()


@pytest.mark.covers("rule-10", "rule-11")
def test_from_the_head_office_to_a_sale_and_locked_again_after_a_restart(street: Street) -> None:
    imported = street.kiosk("sync", "import", str(street.hq.bag))
    assert imported.returncode == 0, imported.stderr
    names = [line.split(":")[0] for line in imported.stdout.splitlines()]
    assert names == ["keys-1-1", "limits-1-1", "hotlist-1-1", "float-1-1", "store-1-1"]
    assert imported.stdout.count(": installed.") == 5

    street.site.start()
    street.is_locked()
    street.site.insert(street.customer)
    assert street.site.phase("refused").params["why"] == "keys"
    street.site.pull()

    wrong = street.unlock(WRONG_PIN)
    assert (wrong.returncode, wrong.stderr) == (1, "The PIN is wrong, 2 left.\n")
    street.is_locked()
    right = street.unlock()
    assert right.returncode == 0, right.stderr
    street.site.phase("attract")
    assert street.buy() > 0
    for process in (street.core, street.vault()):
        assert in_memory(process, {"PIN": PIN.encode(), "mistyped PIN": WRONG_PIN.encode()}) == set()

    street.restart()
    street.is_locked()  # the head office lets nothing be kept over a restart
    assert street.unlock().returncode == 0
    street.site.phase("attract")

    facts = street.facts()
    order = [type(fact).__name__ for fact in facts if isinstance(fact, Locked | Unlocked | BootCardRefused | StoreInstalled | SaleClosed)]
    assert order == ["StoreInstalled", "Locked", "BootCardRefused", "Unlocked", "SaleClosed", "Locked", "Unlocked"]
    assert len([fact for fact in facts if isinstance(fact, KeyListInstalled | LimitsInstalled)]) == 2, "once, however often it is read"
    assert next(fact for fact in facts if isinstance(fact, BootCardRefused)).left == 2
    assert next(fact for fact in facts if isinstance(fact, SaleClosed)).key_generation == 2, "the card has 1, 2 and 3"


def test_a_locked_kiosk_shows_a_balance_that_was_read_and_not_checked_and_takes_no_money(street: Street) -> None:
    street.site.start()
    street.is_locked()
    street.site.press("balance")
    street.site.insert(street.customer)
    view = street.site.phase("account")
    assert view.params["unproven"] is True
    assert view.figure_minor == 10832
    assert not any(offer.choice == "tender" for offer in view.offers)
    assert not street.site.notes.do({"do": "state"})["accepting"]
    before = dict(street.customer.files)
    street.site.pull()
    assert street.customer.files == before


@pytest.mark.deep("every policy and every refusal of a boot card")
@pytest.mark.covers("rule-11")
def test_no_card_a_foreign_card_no_store_and_a_revoked_card_are_each_said(street: Street) -> None:
    street.site.start()
    street.is_locked()
    none = street.kiosk("boot", "unlock", typed=PIN + "\n")
    assert none.stderr == "There is no trading store here: the head office makes one for this kiosk and a boot card.\n"
    street.kiosk("sync", "import", str(street.hq.bag))
    empty = street.kiosk("boot", "unlock", typed=PIN + "\n")
    assert empty.stderr == "There is no boot card in its reader.\n"
    right, street.boot_card = street.boot_card, PivModel.issue(PIN)
    assert street.unlock().stderr == "This is not the boot card of this kiosk's store.\n"
    street.show(street.customer)
    assert "no boot card" in street.kiosk("boot", "unlock", typed=PIN + "\n").stderr
    street.boot_card = right
    assert street.unlock().returncode == 0
    assert [fact.why for fact in street.facts() if isinstance(fact, BootCardRefused)] == ["no_store", "no_card", "wrong_card", "not_piv"]


@pytest.mark.deep("every policy and every refusal of a boot card")
def test_the_policy_finish_ends_an_open_sale_after_a_power_cut_and_begins_no_new_one(daemon: Pcscd, tmp_path: Path) -> None:
    assert daemon.process
    street = Street(tmp_path, restart="finish")
    try:
        street.kiosk("sync", "import", str(street.hq.bag))
        street.site.start()
        street.is_locked()
        assert street.unlock().returncode == 0
        street.site.insert(street.customer)
        street.site.press("tender", "cash")
        street.site.feed(100_00)
        street.site.cut()
        street.site.phase("done", timeout_s=60)
        assert int.from_bytes(street.customer.files[2][4:]) == 8, "the purchase is on the card, without any boot card"
        street.site.pull()
        street.is_locked()
        opened = [fact for fact in street.facts() if isinstance(fact, Unlocked)]
        assert [(fact.how, fact.may) for fact in opened] == [("card", "trade"), ("warm", "finish")]
    finally:
        street.stop()


@pytest.mark.deep("every policy and every refusal of a boot card")
def test_the_policy_trade_goes_on_by_itself_until_a_lock_ends_it(daemon: Pcscd, tmp_path: Path) -> None:
    assert daemon.process
    street = Street(tmp_path, restart="trade")
    try:
        street.kiosk("sync", "import", str(street.hq.bag))
        street.site.start()
        street.is_locked()
        assert street.unlock().returncode == 0
        street.site.phase("attract")
        street.restart()
        street.site.phase("attract")
        assert street.buy() > 0
        assert street.kiosk("boot", "lock").stdout == "The trading keys are locked.\n"
        street.is_locked()
        street.restart()
        street.is_locked()  # what an operator locked stays so
    finally:
        street.stop()


@pytest.mark.deep("every policy and every refusal of a boot card")
def test_the_door_takes_the_trading_store_and_leaves_the_journal(street: Street) -> None:
    street.kiosk("sync", "import", str(street.hq.bag))
    street.site.start()
    street.is_locked()
    assert street.unlock().returncode == 0
    street.site.phase("attract")
    assert street.kiosk("boot", "tamper", "door").returncode == 0
    street.is_locked()
    assert "no trading store" in street.unlock().stderr
    again = street.kiosk("sync", "import", str(street.hq.bag))
    assert "there is no way back" in again.stdout, "the store that was deleted is not installed again"
    street.hq.send_store(street.boot_card)
    assert "store-1-2: installed." in street.kiosk("sync", "import", str(street.hq.bag)).stdout
    assert street.unlock().returncode == 0
    street.site.phase("attract")


def test_a_vault_that_is_killed_is_a_locked_kiosk_and_says_so(street: Street) -> None:
    street.kiosk("sync", "import", str(street.hq.bag))
    street.site.start()
    street.is_locked()
    assert street.unlock().returncode == 0
    street.site.phase("attract")
    os.kill(street.vault(), signal.SIGKILL)
    street.is_locked()
    assert street.locks(2) == ["start", "ended"]


@pytest.mark.deep("every policy and every refusal of a boot card")
def test_a_card_that_is_revoked_while_its_keys_are_open_locks_the_kiosk(street: Street) -> None:
    street.kiosk("sync", "import", str(street.hq.bag))
    street.site.start()
    street.is_locked()
    assert street.unlock().returncode == 0
    street.site.phase("attract")
    street.hq.revoke(street.boot_card)
    assert "keys-1-2: installed." in street.kiosk("sync", "import", str(street.hq.bag)).stdout
    street.is_locked()
    assert street.unlock().stderr == "This boot card is revoked.\n"
    assert street.locks(2) == ["start", "order"]
