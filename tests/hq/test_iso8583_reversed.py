"""A reversal that comes before its payment: it is refused however it is sent again; its reference on another day is not."""

from datetime import UTC, datetime

from kiosk.hq.partners.accounts import pay_in
from tests.hq.partner_kit import (  # noqa: F401 - fixtures
    BANK,
    DAY_MS,
    NOW_MS,
    Office,
    Switch,
    a_line,
    a_place,
    a_port,
    a_token,
    an_office,
    financial,
    payment,
    reversal,
)
from tests.hq.postgres import database, postgres_url  # noqa: F401 - fixtures
from tests.hq.test_partners import refused
from tests.hq.test_partners_at_once import at_once


def at(now_ms: int) -> dict[str, str]:
    """Fields 7 and 13 of a message that is sent then."""
    moment = f"{datetime.fromtimestamp(now_ms / 1000, UTC):%m%d%H%M%S}"
    return {"7": moment, "13": moment[:4]}


def test_what_was_reversed_before_it_came_is_refused_under_another_trace_number_too(switch: Switch, office: Office) -> None:
    assert switch.ask("0420", reversal(7))["39"] == "00"
    assert switch.ask("0200", financial(8))["39"] == "21"
    assert switch.ask("0201", financial(9))["39"] == "21"
    assert (office.states(), office.stands().balance_minor) == ([], 1000_00)


def test_and_from_another_terminal_at_another_time_and_without_its_local_date(switch: Switch, office: Office) -> None:
    assert switch.ask("0420", reversal(7))["39"] == "00"
    later = at(NOW_MS + DAY_MS)["7"]
    assert switch.ask("0200", financial(8) | {"7": later, "41": "ATM00002"})["39"] == "21", (
        "sent anew after midnight, of the same local date"
    )
    bare = financial(9)
    del bare["13"]
    assert switch.ask("0200", bare)["39"] == "21"
    refused("cancelled", lambda: office.till.order(BANK, "http", payment("RRN000000001"), NOW_MS))
    assert office.states() == []


def test_a_reversal_without_a_local_date_bars_its_payment(switch: Switch, office: Office) -> None:
    bare = reversal(7)
    del bare["13"]
    assert switch.ask("0420", bare)["39"] == "00"
    assert switch.ask("0200", financial(8))["39"] == "21"
    assert office.states() == []


def test_the_same_reference_on_another_day_is_another_payment(switch: Switch, office: Office) -> None:
    assert switch.ask("0420", reversal(7))["39"] == "00"
    office.now_ms += DAY_MS
    assert switch.ask("0200", financial(8) | at(office.now_ms))["39"] == "00"
    assert office.states() == ["open"]


def test_a_payment_that_was_refused_and_reversed_is_refused_under_another_trace_number(switch: Switch, office: Office) -> None:
    assert switch.ask("0200", financial(7, amount_minor=500_01))["39"] == "61"
    assert switch.ask("0420", reversal(7))["39"] == "00"
    pay_in(office.store, "bank", 1_00, "transfer 2", NOW_MS)
    assert switch.ask("0200", financial(8))["39"] == "21"
    assert office.states() == []


def test_the_reversal_of_a_refusal_is_not_granted_where_its_reference_was_ordered_meanwhile(switch: Switch, office: Office) -> None:
    assert switch.ask("0200", financial(7, amount_minor=500_01))["39"] == "61"
    assert switch.ask("0200", financial(8))["39"] == "00"
    assert switch.ask("0420", reversal(7))["39"] == "21"
    assert office.states() == ["open"]


def test_a_payment_and_the_reversal_of_another_trace_number_at_once_are_never_both_done(office: Office) -> None:
    office.partner()
    for number in range(3):
        reference = f"r{number}"
        order, reversed_ = at_once(
            lambda reference=reference: office.till.order(BANK, f"pay {reference}", payment(reference), NOW_MS),  # type: ignore[misc]
            lambda reference=reference: office.till.reverse(BANK, f"back {reference}", reference, NOW_MS),  # type: ignore[misc]
        )
        assert (isinstance(order, str), reversed_) in {(True, None), (False, "given")}, (order, reversed_)
    assert office.adds_up()
