"""A customer whose kiosk has not been heard of for weeks: the code of the receipt lets the purchase number be far above what is known."""

from collections.abc import Iterator

import pytest

from kiosk.hq.kiosks import changed
from kiosk.hq.orders.book import Made, OrderRefused, Wanted
from kiosk.hq.orders.slots import AHEAD
from kiosk.hq.settlement.papers import bring
from kiosk.vend.damm import purchase_number
from tests.hq.settle_kit import CARD, Machine, Town, bought, claimed
from tests.sale.shop import METER, Card

FAR = 40


@pytest.fixture
def town() -> Iterator[Town]:
    made = Town()
    yield made
    made.store.close()


@pytest.fixture
def silent(town: Town) -> Machine:
    """A kiosk that sold a purchase and has sent nothing."""
    k07 = town.kiosk("K07")
    bought(k07, Card())
    return k07


def ordered(town: Town, purchase: int, receipt: str = "", reference: str = "r1", card: str = CARD) -> Made:
    binding = town.binding(card)
    assert binding is not None
    return town.orders.make(Wanted(binding, 70_00, "CNY", purchase, "partner bank", reference, receipt=receipt), town.now_ms)


def refused(town: Town, purchase: int, receipt: str = "", reference: str = "r1") -> str:
    with pytest.raises(OrderRefused) as caught:
        ordered(town, purchase, receipt, reference)
    assert caught.value.why == "receipt"
    return str(caught.value)


def test_a_receipt_whose_signature_was_checked_raises_what_is_known(town: Town, silent: Machine) -> None:
    assert f"up to {purchase_number(0)}" in refused(town, FAR)
    assert ordered(town, FAR, silent.receipt(n=FAR)).order.n == FAR + 1
    assert ordered(town, FAR + 2, reference="r2").order.n == FAR + 3, "it is kept: nobody has to show it twice"


def test_a_receipt_that_was_brought_to_the_counter_before_is_as_good(town: Town, silent: Machine) -> None:
    bring(town.store, silent.receipt(n=FAR), "anna", town.now_ms)
    assert ordered(town, FAR).order.n == FAR + 1


def test_a_refused_order_keeps_no_receipt(town: Town, silent: Machine) -> None:
    refused(town, FAR + AHEAD + 1, silent.receipt(n=FAR))
    refused(town, FAR)


def test_a_receipt_proves_its_own_purchase_and_no_more(town: Town, silent: Machine) -> None:
    receipt = silent.receipt(n=FAR)
    refused(town, FAR + AHEAD + 1, receipt)
    assert ordered(town, FAR + AHEAD, receipt).order.n == FAR + AHEAD + 1


def test_a_receipt_that_is_forged_or_of_another_meter_is_refused(town: Town, silent: Machine) -> None:
    good = silent.receipt(n=FAR)
    town.kiosk("K08")
    forged = (
        silent.receipt(n=FAR, kiosk="K08"),  # K07's signature
        silent.receipt(n=FAR, kiosk="K99"),
        silent.receipt(n=FAR, meter="000012340000"),
        good[:40] + ("A" if good[40] != "A" else "B") + good[41:],
        good[:-3],
        "K1:",
        "hello",
        "K1:" + "A" * 400,
        "\0é",
    )
    for number, text in enumerate(forged):
        refused(town, FAR, text, f"r{number}")
    assert refused(town, 1, forged[0]), "a forged code is refused even where none was needed"


@pytest.mark.parametrize("state", ["revoked", "frozen"])
def test_the_receipts_of_a_kiosk_that_is_not_believed_raise_nothing(town: Town, silent: Machine, state: str) -> None:
    """Whoever has a kiosk's key signs receipts for any number."""
    town.hears(silent)
    receipt = silent.receipt(n=900_000_000)
    assert ordered(town, 900_000_000, receipt).order.n == 900_000_001
    town.state(silent, state)
    refused(town, 900_000_000, receipt, "r2")
    assert ordered(town, 2, reference="r3").order.n == 3, "and the card is not barred by what it was made to pass for"


def test_rows_of_a_revoked_kiosk_count_up_to_its_last_true_batch(town: Town, silent: Machine) -> None:
    town.hears(silent)
    assert ordered(town, AHEAD + 2).order.n == AHEAD + 3
    town.state(silent, "revoked")
    assert ordered(town, AHEAD + 2, reference="r2").order.n == AHEAD + 4
    changed(town.store, silent.name, "revoked", 0)
    refused(town, AHEAD + 2, reference="r3")


def test_what_the_card_before_showed_counts_for_the_one_that_replaced_it(town: Town, silent: Machine) -> None:
    newer = "99aabbccddeeff00"
    town.hears(silent)
    town.cards[METER] = [CARD, newer]
    assert ordered(town, AHEAD + 2, card=newer).order.n == AHEAD + 3


def test_only_orders_that_live_or_were_collected_put_a_case_behind_them(town: Town) -> None:
    k07, card = town.kiosk("K07"), Card()
    claimed(k07, card)
    town.hears(k07)
    before = town.case(k07).after
    ahead = ordered(town, before + AHEAD).order
    assert town.case(k07).after == ahead.n > before
    town.now_ms = ahead.until_ms
    assert town.case(k07).after == before
