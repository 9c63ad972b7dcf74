"""An office that was put back from last night's backup decides again: no claim is paid twice, whatever it forgot."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.hq.orders.book import Wanted
from kiosk.hq.settlement.deciding import NotSettled
from tests.hq.restored_kit import Branch, collect
from tests.hq.settle_kit import bought, claimed
from tests.sale.shop import Card

SALE = 45_00  # of a note of 50.00, the fee taken off


@pytest.fixture
def branch(tmp_path: Path) -> Iterator[Branch]:
    made = Branch(tmp_path, "K07", "K08", "K09")
    yield made
    made.close()


def lost_to_another(branch: Branch) -> Card:
    """100.00 are paid at K07 and not stored; 50.00 of another sale take the slot; the office hears both."""
    card = Card()
    claimed(branch.machines["K07"], card)
    bought(branch.machines["K08"], card)
    branch.hears()
    return card


def two_lost_to_another(branch: Branch) -> Card:
    """20.00 more are paid at K09 for the same slot, and not stored."""
    card = Card()
    claimed(branch.machines["K07"], card)
    claimed(branch.machines["K09"], card, 20_00)
    bought(branch.machines["K08"], card)
    branch.hears()
    return card


def again(branch: Branch, card: Card, value: str) -> None:
    """Whatever the office gives out for this money now is collected, if a machine takes it."""
    try:
        decided = branch.decided(value)
    except NotSettled:
        return
    if decided.made:
        collect(branch, "K09", card, decided.made.code)


@pytest.mark.parametrize("site", [True, False], ids=["the site's orders are there", "the other site burned too"])
def test_a_claim_that_was_moved_is_paid_once_after_the_office_is_restored(branch: Branch, site: bool) -> None:
    card = lost_to_another(branch)
    value, last_night = branch.claim("K07"), branch.backed_up()
    moved = branch.decided(value).made
    assert moved is not None
    assert moved.order.n == 3
    collect(branch, "K08", card, moved.code)
    assert card.credited == [SALE, 100_00]
    branch.restored(last_night, site=site)
    branch.hears()
    again(branch, card, value)
    assert card.credited == [SALE, 100_00], "the claim of 100.00 is in the meter twice"


def test_two_claims_that_are_decided_in_another_order_after_the_restore_are_paid_once_each(branch: Branch) -> None:
    """The first code is still in its customer's hand when the office that forgot it decides about the other claim first."""
    card = two_lost_to_another(branch)
    first, second, last_night = branch.claim("K07"), branch.claim("K09"), branch.backed_up()
    in_hand = branch.decided(first).made
    assert in_hand is not None
    branch.restored(last_night)
    branch.hears()
    others = [made.code for value in (second, first) if (made := branch.decided(value).made)]
    for code in (in_hand.code, *others):
        collect(branch, "K08", card, code)
    for _ in range(2):
        branch.hears()
        again(branch, card, second)
        again(branch, card, first)
    assert sorted(card.credited) == [20_00, SALE, 100_00]


def test_a_claim_is_paid_once_by_an_office_that_was_restored_twice(branch: Branch) -> None:
    card = lost_to_another(branch)
    value, last_night = branch.claim("K07"), branch.backed_up()
    for epoch in (2, 3):
        again(branch, card, value)
        branch.restored(last_night, epoch=epoch)
        branch.hears()
    again(branch, card, value)
    bought(branch.machines["K08"], card)
    branch.hears()
    again(branch, card, value)
    assert sorted(card.credited) == [SALE, SALE, 100_00]


def test_two_officers_one_on_the_restored_office_and_one_on_the_old_disk_pay_each_claim_once(branch: Branch) -> None:
    """Nobody burned: a second office was started from the backup, and the first one went on."""
    card = two_lost_to_another(branch)
    first, second, last_night = branch.claim("K07"), branch.claim("K09"), branch.backed_up()
    old = branch.beside()
    branch.restored(last_night, site=False)
    branch.hears()
    made = old.decided(first).made
    assert made is not None
    codes = [made.code, *(made.code for value in (second, first) if (made := branch.decided(value).made))]
    for code in codes:
        collect(branch, "K08", card, code)
    for office in (old, branch, old):
        office.hears()
        again(office, card, first)
        again(office, card, second)
    old.close()
    assert sorted(card.credited) == [20_00, SALE, 100_00]


@pytest.mark.parametrize("site", [True, False], ids=["the site's orders are there", "the other site burned too"])
def test_what_a_count_proof_ordered_again_is_paid_once_though_the_office_forgot_it(branch: Branch, site: bool) -> None:
    """An order for slot 2 is passed; its customer reads the count proof, before and after the restore."""
    card = Card()
    paid = branch.orders.make(Wanted(branch.held(), 100_00, "CNY", 1, "counter", "P1"), branch.now_ms)
    assert paid.order.n == 2
    last_night = branch.backed_up()
    bought(branch.machines["K08"], card)
    made = branch.proved_again(paid.order.name)
    assert made.order.n == 3
    collect(branch, "K08", card, made.code)
    assert card.credited == [SALE, 100_00]
    branch.restored(last_night, site=site)
    branch.hears()
    collect(branch, "K09", card, branch.proved_again(paid.order.name).code)
    assert card.credited == [SALE, 100_00], "the payment of 100.00 is in the meter twice"
