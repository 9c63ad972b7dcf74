"""An office that was put back from last night's backup decides again: no claim is paid twice, whatever it forgot."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.hq.copies import reported
from kiosk.hq.orders.book import Wanted
from kiosk.hq.orders.record import completed
from kiosk.hq.settlement.deciding import NotSettled
from kiosk.hq.settlement.rule import way
from tests.hq.restored_kit import Branch, collect
from tests.hq.settle_kit import bought, claimed
from tests.sale.shop import Card

DAY_MS = 86_400_000
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


def lost_and_paid_as_a_claim(branch: Branch, card: Card) -> tuple[str, str]:
    """The code of a lost order, of last month, does not land at K08. Two people order that claim in its own slot, and it lands.

    The names of the order and of the claim.
    """
    branch.crew.add("ben")
    last_night = branch.backed_up()
    lost = branch.orders.make(Wanted(branch.held(), 100_00, "CNY", 1, "counter", "P1"), branch.now_ms - 31 * DAY_MS)
    k08 = branch.machines["K08"]
    k08.insert(card)
    card.stores = False
    k08.type(lost.code)
    k08.wait(5)
    k08.pull()
    card.stores = True
    k08.wait(300)
    branch.restored(last_night, site=False, complete=False)
    branch.hears()
    proposed = branch.decided(branch.claim("K08")).proposed
    assert proposed is not None
    made = branch.desk.release(proposed.no, branch.crew("ben"), branch.now_ms).made
    assert made is not None
    assert (made.order.n, made.order.generation) == (2, lost.order.generation + 1)
    collect(branch, "K07", card, made.code)
    assert card.credited == [100_00]
    return lost.order.name, branch.claim("K08")


@pytest.mark.parametrize("under", [0, 1], ids=["the order", "the claim"])
def test_a_claim_that_was_settled_before_its_order_came_back_is_not_paid_again(branch: Branch, under: int) -> None:
    """The order's file comes late: what settled the claim of its code has settled the order."""
    card = Card()
    names = lost_and_paid_as_a_claim(branch, card)
    reported.orders(branch.store, branch.site, (bytes.fromhex(branch.office.record.ack),), branch.now_ms)
    completed(branch.store, branch.now_ms, note="all are here")
    branch.hears()
    again(branch, card, names[under])
    assert card.credited == [100_00], "the payment of 100.00 is in the meter twice"


def test_a_claim_and_its_order_that_came_back_late_are_one_case(branch: Branch) -> None:
    order, _ = lost_and_paid_as_a_claim(branch, Card())
    reported.orders(branch.store, branch.site, (bytes.fromhex(branch.office.record.ack),), branch.now_ms)
    branch.hears()
    (case,) = branch.cases.all(branch.now_ms)
    assert (case.value, len(case.orders), way(case, branch.now_ms).why) == (order, 2, "landed")
