"""From the head office to a sale: stores in a bag, a boot card in a real reader, a kiosk that is locked until it is opened."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.devices.sim.pcscd import Pcscd
from kiosk.devices.sim.piv import PivModel
from kiosk.vend.facts import SaleClosed
from kiosk.vend.trust import BootCardRefused, KeyListInstalled, LimitsInstalled, Locked, StoreInstalled, Unlocked
from tests.keys.kit import PIN
from tests.keys.site import Street
from tests.pcscd import running_pcscd

pytestmark = pytest.mark.pcsc


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


def test_from_the_head_office_to_a_sale_and_locked_again_after_a_restart(street: Street) -> None:
    imported = street.kiosk("sync", "import", str(street.hq.bag))
    assert imported.returncode == 0, imported.stderr
    assert [line.split(":")[0] for line in imported.stdout.splitlines()] == ["keys-1-1", "limits-1-1", "store-1-1"]
    assert imported.stdout.count("installed.") == 3

    street.site.start()
    assert street.site.phase("out").params["why"] == "keys"
    street.site.insert(street.customer)
    assert street.site.phase("refused").params["why"] == "keys"
    street.site.pull()

    wrong = street.unlock("000000")
    assert (wrong.returncode, wrong.stderr) == (1, "The PIN is wrong, 2 left.\n")
    assert street.site.phase("out").params["why"] == "keys"
    right = street.unlock()
    assert right.returncode == 0, right.stderr
    street.site.phase("attract")
    assert street.buy() > 0

    street.restart()
    assert street.site.phase("out").params["why"] == "keys", "HQ allows nothing to be kept over a restart"
    assert street.unlock().returncode == 0
    street.site.phase("attract")

    facts = street.facts()
    order = [type(fact).__name__ for fact in facts if isinstance(fact, Locked | Unlocked | BootCardRefused | StoreInstalled | SaleClosed)]
    assert order == ["StoreInstalled", "Locked", "BootCardRefused", "Unlocked", "SaleClosed", "Locked", "Unlocked"]
    assert len([fact for fact in facts if isinstance(fact, KeyListInstalled | LimitsInstalled)]) == 2, "once, however often it is read"
    assert next(fact for fact in facts if isinstance(fact, BootCardRefused)).left == 2


def test_a_locked_kiosk_shows_a_balance_that_was_read_and_not_checked_and_takes_no_money(street: Street) -> None:
    street.site.start()
    street.site.phase("out")
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


def test_no_card_a_foreign_card_no_store_and_a_revoked_card_are_each_said(street: Street) -> None:
    street.site.start()
    street.site.phase("out")
    none = street.kiosk("boot", "unlock", typed=PIN + "\n")
    assert none.stderr == "There is no trading store here: the head office makes one for this kiosk and a boot card.\n"
    street.kiosk("sync", "import", str(street.hq.bag))
    empty = street.kiosk("boot", "unlock", typed=PIN + "\n")
    assert empty.stderr == "There is no boot card in its reader.\n"
    right, street.boot_card = street.boot_card, PivModel.issue(PIN)
    assert street.unlock().stderr == "This is not the boot card of this kiosk's store.\n"
    street.boot_slot.insert(street.customer)
    assert "no boot card" in street.kiosk("boot", "unlock", typed=PIN + "\n").stderr
    street.boot_card = right
    assert street.unlock().returncode == 0
    assert [fact.why for fact in street.facts() if isinstance(fact, BootCardRefused)] == ["no_store", "no_card", "wrong_card", "not_piv"]
