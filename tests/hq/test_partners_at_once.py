"""Partners' orders at once: the same is one, two things under one name are one, the room for one is not given to two."""

import threading
from collections.abc import Callable
from functools import partial

from msgspec.structs import replace

from kiosk.hq.orders import matching
from kiosk.hq.orders.book import OrderRefused
from kiosk.hq.partners.till import Sold
from tests.hq.partner_kit import BANK, NOW_MS, Office, a_place, an_office, payment  # noqa: F401 - fixtures
from tests.hq.postgres import database, postgres_url  # noqa: F401 - fixtures


def at_once(*works: Callable[[], object]) -> list[object]:
    """Each in a thread of its own, begun together; an OrderRefused is its why."""
    said: list[object] = [None] * len(works)
    gate = threading.Barrier(len(works))

    def run(number: int) -> None:
        gate.wait()
        try:
            said[number] = works[number]()
        except OrderRefused as caught:
            said[number] = caught.why

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return said


def test_the_same_request_eight_times_at_once_is_one_order_and_one_answer(office: Office) -> None:
    office.partner()
    said = at_once(*[lambda: office.till.order(BANK, "k1", payment(), NOW_MS)] * 8)
    assert isinstance(said[0], Sold)
    assert said == [said[0]] * 8
    assert (office.states(), office.stands().balance_minor) == (["open"], 900_00)


def test_one_reference_at_both_doors_at_once_is_one_order(office: Office) -> None:
    office.partner()
    said = at_once(*(partial(office.till.order, BANK, key, payment(), NOW_MS) for key in ("iso 1", "http 1", "iso 2", "http 2")))
    assert {each.order for each in said if isinstance(each, Sold)} == {office.till.state(BANK, reference="r1", now_ms=NOW_MS).order}
    assert (len(office.states()), office.stands().balance_minor) == (1, 900_00)


def test_one_key_for_two_things_at_once_is_one_order(office: Office) -> None:
    office.partner()
    said = at_once(*(partial(office.till.order, BANK, "k1", payment(each), NOW_MS) for each in "abcd"))
    assert sorted(each if isinstance(each, str) else "sold" for each in said) == ["key", "key", "key", "sold"]
    assert (len(office.states()), office.stands().balance_minor) == (1, 900_00)


def test_the_room_for_one_order_is_not_given_to_two_at_once(office: Office) -> None:
    bank = replace(BANK, credit_minor=0)
    office.partner(bank, paid_in_minor=150_00)
    said = at_once(*(partial(office.till.order, bank, f"k{n}", payment(f"r{n}"), NOW_MS) for n in range(4)))
    assert sorted(each if isinstance(each, str) else "sold" for each in said) == ["float", "float", "float", "sold"]
    assert office.stands(bank).balance_minor == 50_00
    assert office.adds_up(bank)


def test_an_order_and_its_reversal_at_once_are_never_both_done(office: Office) -> None:
    office.partner()
    for number in range(6):
        key, reference = f"k{number}", f"r{number}"
        works = (
            partial(office.till.order, BANK, key, payment(reference, amount_minor=1_00), NOW_MS),
            partial(office.till.reverse, BANK, key, reference, NOW_MS),
        )
        order, reversal = at_once(*works)
        assert (isinstance(order, Sold), reversal) in {(True, "given"), (False, None)}
        if isinstance(order, Sold):  # its place is another's only when it is collected
            office.store.transact(partial(matching._collected, name=order.order, kiosk="K07", at_ms=NOW_MS))
    assert office.adds_up()
