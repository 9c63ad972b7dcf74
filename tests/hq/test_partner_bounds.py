"""What one partner may do to a card: orders of a least amount, so many that wait, and the quote says what comes first."""

import hashlib
from functools import partial

import pytest
from msgspec.structs import replace
from sqlalchemy import select

from kiosk.hq.orders.least import least, set_least, usual
from kiosk.hq.orders.slots import AHEAD
from kiosk.hq.partners.accounts import OPEN_MOST, PartnerError, change
from kiosk.hq.partners.tables import REQUEST
from tests.codes.test_orders import told_by
from tests.hq.partner_kit import (  # noqa: F401 - fixtures
    BANK,
    CARD,
    NOW_MS,
    Office,
    Switch,
    a_line,
    a_place,
    a_port,
    a_token,
    an_office,
    financial,
    parts,
    payment,
    private,
)
from tests.hq.postgres import database, postgres_url  # noqa: F401 - fixtures
from tests.hq.settle_kit import Machine, bought
from tests.hq.test_partners import refused
from tests.sale.shop import Card

SHOP = replace(BANK, name="shop", acquirer="")


def test_no_partner_blocks_a_card_with_orders_of_almost_nothing(office: Office) -> None:
    office.partner()
    for number in range(AHEAD):
        refused("order_min", partial(office.till.order, BANK, f"k{number}", payment(f"r{number}", amount_minor=1), NOW_MS))
    refused("order_min", lambda: office.till.quote(BANK, payment(amount_minor=99), NOW_MS))
    assert (office.states(), office.stands().balance_minor) == ([], 1000_00)
    assert office.till.order(BANK, "k", payment(amount_minor=1_00), NOW_MS).purchase == "2-1"


def test_a_partner_has_no_more_than_its_share_of_a_cards_places(office: Office) -> None:
    office.partner()
    office.partner(SHOP)
    for number in range(BANK.open_card_max):
        office.till.order(BANK, f"k{number}", payment(f"r{number}", amount_minor=1_00), NOW_MS)
    refused("open_card", lambda: office.till.order(BANK, "k", payment("r", amount_minor=1_00), NOW_MS))
    refused("open_card", lambda: office.till.quote(BANK, payment("r", amount_minor=1_00), NOW_MS))
    assert office.till.order(SHOP, "k", payment("r"), NOW_MS).amount_minor == 100_00
    assert office.adds_up()


def test_held_orders_are_counted_too_and_those_that_ran_out_are_not(office: Office) -> None:
    office.partner()
    office.away = True
    for number in range(BANK.open_card_max):
        refused("off_site", partial(office.till.order, BANK, f"k{number}", payment(f"r{number}"), NOW_MS))
    refused("open_card", lambda: office.till.order(BANK, "k", payment("r"), NOW_MS))
    office.away = False
    until_ms = office.till.state(BANK, reference="r0", now_ms=NOW_MS).until_ms
    assert office.till.order(BANK, "k later", payment("later"), until_ms).purchase == "2-1"


def test_the_orders_of_a_partner_that_wait_are_bounded_in_all(office: Office) -> None:
    few = replace(BANK, open_max=1)
    office.partner(few)
    office.till.order(few, "k1", payment(), NOW_MS)
    refused("open_max", lambda: office.till.order(few, "k2", payment("r2"), NOW_MS))
    assert office.till.order(few, "k1", payment(), NOW_MS).reference == "r1"
    change(office.store, "bank", open_max=2)
    assert office.till.order(replace(few, open_max=2), "k3", payment("r2"), NOW_MS).purchase == "3-7"


@pytest.mark.parametrize("odd", [{"open_card_max": 0}, {"open_card_max": AHEAD + 1}, {"open_max": 0}, {"open_max": OPEN_MOST + 1}])
def test_a_bound_that_cannot_be_is_refused(office: Office, odd: dict[str, int]) -> None:
    with pytest.raises(PartnerError):
        office.partner(replace(BANK, **odd))


def test_the_least_amount_is_the_offices_or_the_partners_own(office: Office) -> None:
    office.partner()
    set_least(office.store, "CNY", 20_00)
    refused("order_min", lambda: office.till.order(BANK, "k1", payment(amount_minor=19_99), NOW_MS))
    own = replace(BANK, order_min_minor=5_00)
    assert change(office.store, "bank", order_min_minor=5_00) == own
    refused("order_min", lambda: office.till.order(own, "k2", payment(amount_minor=4_99), NOW_MS))
    assert office.till.order(own, "k3", payment(amount_minor=5_00), NOW_MS).amount_minor == 5_00
    set_least(office.store, "CNY", 10_00)
    assert office.store.read(lambda connection: least(connection, "CNY")) == 10_00


def test_the_usual_least_amount_is_a_major_unit_and_a_hundred_where_there_are_no_decimals(monkeypatch: pytest.MonkeyPatch) -> None:
    from kiosk.vend.money import CURRENCIES, Currency  # noqa: PLC0415

    monkeypatch.setitem(CURRENCIES, "TND", Currency("TND", 788, 3))
    assert [usual(each) for each in ("CNY", "UGX", "TND")] == [1_00, 100, 1_000]


def test_an_order_from_before_there_was_a_least_amount_is_answered_as_ever(office: Office) -> None:
    office.partner(replace(BANK, order_min_minor=1))
    sold = office.till.order(replace(BANK, order_min_minor=1), "k1", payment(amount_minor=1), NOW_MS)
    change(office.store, "bank", order_min_minor=None)
    assert office.till.order(BANK, "k1", payment(amount_minor=1), NOW_MS) == sold
    assert office.till.order(BANK, "k2", payment(amount_minor=1), NOW_MS) == sold


def test_the_digest_of_a_payment_without_a_receipt_is_what_it_was(office: Office) -> None:
    """A key of before the update is asked again after it."""
    office.partner()
    office.till.order(BANK, "k1", payment(), NOW_MS)
    before = (
        f'{{"card":"{CARD}","meter":"","customer":"","amount_minor":10000,"currency":"CNY","purchase":"1-3","reference":"r1"}}'.encode()
    )
    found = office.store.read(lambda connection: connection.execute(select(REQUEST.c.digest)).scalar())
    assert found == hashlib.sha256(before).hexdigest()


# ---------------------------------------------------------------- what comes first, and receipts, through both doors


def test_a_quote_says_what_has_to_be_collected_first(office: Office) -> None:
    office.partner()
    office.partner(SHOP)
    assert office.till.quote(BANK, payment(), NOW_MS).after == ()
    first = office.till.order(SHOP, "k1", payment(), NOW_MS)
    quote = office.till.quote(BANK, payment(), NOW_MS)
    sold = office.till.order(BANK, "k1", payment(), NOW_MS)
    assert quote.after == sold.after == (first.order,)
    assert office.till.quote(BANK, payment("r2"), first.until_ms).after == ()


def enquiry(**changes: str) -> dict[str, str]:
    return financial(70) | {"3": "310000"} | changes


def test_an_enquiry_says_what_a_payment_would_and_writes_nothing(switch: Switch, office: Office) -> None:
    first = dict(parts(switch.ask("0200", financial())["62"]))
    before = office.stands()
    answer = switch.ask("0100", enquiry(**{"37": "RRN000000002"}))
    assert (answer["t"], answer["39"], parts(answer["62"])[0]) == ("0110", "00", ("13", "3-7"))
    assert parts(answer["62"])[2:] == [("15", first["12"])]
    assert (len(office.states()), office.stands()) == (1, before)
    sold = parts(switch.ask("0200", financial(70, reference="RRN000000002"))["62"])
    assert [value for tag, value in sold if tag == "15"] == [first["12"]]
    assert switch.ask("0101", enquiry(**{"37": "RRN000000003", "4": f"{1:012}"}))["39"] == "13"
    assert switch.ask("0101", enquiry(**{"37": "RRN000000003", "32": "999"}))["39"] == "57"
    assert switch.ask("0100", financial(71))["39"] == "12", "no such message"


def test_a_switch_sends_a_receipts_code_in_parts(switch: Switch, office: Office) -> None:
    shop = Machine("K07")
    bought(shop, Card())
    told_by(office.store, shop)
    receipt = shop.receipt(n=40)
    far = {"48": private(("01", CARD), ("04", "40-3"))}
    answer = switch.ask("0200", financial() | far)
    assert (answer["39"], parts(answer["62"])[0][0]) == ("12", "19")
    with_code = {"48": private(("01", CARD), ("04", "40-3"), ("05", receipt[:99]), ("05", receipt[99:]))}
    said = dict(parts(switch.ask("0200", financial(8) | with_code)["62"]))
    assert said["13"].startswith("41-")
