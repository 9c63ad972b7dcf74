"""A list from the head office, all the way: signed, carried in a bag, installed, and a card of it in a real reader."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.devices.sim.pcscd import Pcscd
from kiosk.vend.facts import CardPresented, PrintStarted
from kiosk.vend.trust import HotlistInstalled
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


@pytest.mark.deep("a whole street with two restarts through a real reader")
@pytest.mark.covers("abuse-15", "rule-8")
def test_a_card_that_the_head_office_names_is_refused_from_the_next_bag_on_and_after_every_restart(street: Street) -> None:
    street.kiosk("sync", "import", str(street.hq.bag))
    street.site.start()
    street.is_locked()
    assert street.unlock().returncode == 0
    street.site.phase("attract")
    street.buy()
    before = street.customer.image()
    street.hq.send_hotlist(bytes.fromhex(before.serial))
    assert "1 cards are served no more" in street.kiosk("sync", "import", str(street.hq.bag)).stdout
    for _ in range(2):
        street.site.insert(street.customer)
        assert street.site.phase("refused").params["why"] == "hotlisted"
        street.site.pull()
        street.restart()
        street.is_locked()
        assert street.unlock().returncode == 0
        street.site.phase("attract")
    assert street.customer.image() == before
    facts = street.facts()
    assert [fact.cards for fact in facts if isinstance(fact, HotlistInstalled)] == [0, 1]
    assert [fact.card for fact in facts if isinstance(fact, CardPresented) and fact.why == "hotlisted"] == [before.serial] * 2
    assert [fact.paper for fact in facts if isinstance(fact, PrintStarted)][-2:] == ["blocked"] * 2
