"""The ISO 8583 gateway on a real socket: a switch pays and gets its code once, whatever is repeated, reversed, torn or made up."""

import ssl
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from kiosk.hq.orders.tables import ORDER
from kiosk.hq.partners import iso8583
from kiosk.hq.partners.accounts import change, rotate
from kiosk.hq.partners.iso8583 import RESPONSES
from kiosk.hq.partners.pace import Pace
from kiosk.hq.partners.tables import ENTRY, PARTNER, REQUEST
from tests.codes.kit import CodeShop
from tests.house.tree import HOUSE
from tests.hq.partner_kit import (  # noqa: F401 - fixtures
    BANK,
    CARD,
    CUSTOMER,
    DAY_MS,
    MOMENT,
    NOW_MS,
    PAN,
    Office,
    Switch,
    a_line,
    a_place,
    a_port,
    a_token,
    an_office,
    financial,
    gateway,
    message,
    network,
    parts,
    payment,
    private,
    reversal,
)
from tests.hq.postgres import database, postgres_url  # noqa: F401 - fixtures
from tests.sale.shop import METER, Card
from tests.sync.wires import Authority, authority


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("tls"))


def code_of(answer: dict[str, str]) -> str:
    return dict(parts(answer["62"]))["11"]


def test_a_switch_signs_on_pays_and_its_customer_collects(switch: Switch, office: Office) -> None:
    answer = switch.ask("0200", financial())
    assert (answer["t"], answer["39"], answer["11"], answer["37"]) == ("0210", "00", "000007", "RRN000000001")
    said = dict(parts(answer["62"]))
    assert (said["12"], said["13"]) == (office.till.state(BANK, reference="RRN000000001", now_ms=NOW_MS).order, "2-1")
    shop, card = CodeShop(), Card()
    shop.insert(card)
    shop.type(said["11"])
    card.into_meter()
    assert card.credited == [100_00]


def test_network_messages_are_answered_and_who_signed_off_orders_nothing(switch: Switch, office: Office) -> None:
    assert switch.ask("0800", network("301"))["39"] == "00"
    assert switch.ask("0800", network("999"))["39"] == "30"
    assert switch.ask("0801", network("002"))["39"] == "00"
    assert switch.ask("0200", financial())["39"] == "58"
    assert office.states() == []


@pytest.mark.parametrize("wrong", ["", "bank.wrong", "ghost.x", "x" * 90])
def test_nobody_signs_on_without_a_partners_token(port: int, office: Office, wrong: str) -> None:
    switch = Switch(port)
    assert switch.sign_on(wrong) == "63"
    assert switch.ask("0200", financial())["39"] == "58"
    switch.close()
    assert office.states() == []


def test_a_token_that_is_no_more_ends_a_line_that_is_signed_on(switch: Switch, office: Office) -> None:
    rotate(office.store, "bank", NOW_MS, overlap_ms=0)
    assert switch.ask("0200", financial())["39"] == "58"


@pytest.mark.parametrize("way", [("02", METER), ("03", CUSTOMER), ("01", CARD.upper())])
def test_the_card_is_named_by_any_of_its_numbers(switch: Switch, way: tuple[str, str]) -> None:
    assert switch.ask("0200", financial() | {"48": private(way, ("04", "1-3"))})["39"] == "00"


def test_over_tls_too(office: Office, token: str, signed: Authority) -> None:
    with gateway(office, signed=signed) as port:
        switch = Switch(port, ssl.create_default_context(cafile=str(signed.ca)))
        assert switch.sign_on(token) == "00"
        assert switch.ask("0200", financial())["39"] == "00"
        switch.close()


# ---------------------------------------------------------------- once


def test_a_repeat_is_answered_the_same_on_any_line_and_costs_nothing(switch: Switch, port: int, token: str, office: Office) -> None:
    first = switch.ask("0200", financial())
    other = Switch(port)
    assert other.sign_on(token) == "00"
    assert [each.ask(mti, financial()) for each in (switch, other) for mti in ("0200", "0201")] == [first] * 4
    other.close()
    assert (office.states(), office.stands().balance_minor) == (["open"], 900_00)


def test_one_trace_number_of_a_day_is_one_request_and_the_next_days_is_another(switch: Switch, office: Office) -> None:
    switch.ask("0200", financial())
    assert switch.ask("0200", financial(amount_minor=1_00))["39"] == "94"
    assert switch.ask("0200", financial(reference="RRN000000002"))["39"] == "94"
    office.now_ms += DAY_MS
    tomorrow = f"{datetime.fromtimestamp(office.now_ms / 1000, UTC):%m%d%H%M%S}"
    assert switch.ask("0200", financial(reference="RRN000000002") | {"7": tomorrow})["39"] == "00"


def test_a_repeat_with_a_new_trace_number_has_the_same_reference_and_is_the_same_order(switch: Switch, office: Office) -> None:
    first, again = switch.ask("0200", financial(7)), switch.ask("0201", financial(8))
    assert code_of(first) == code_of(again)
    assert len(office.states()) == 1


def test_what_came_through_the_other_door_is_the_same_order(switch: Switch, office: Office) -> None:
    sold = office.till.order(BANK, "http key", payment("RRN000000001"), NOW_MS)
    assert code_of(switch.ask("0200", financial())) == sold.code
    assert office.stands().balance_minor == 900_00


def test_the_same_request_on_eight_lines_at_once_is_one_order(port: int, token: str, office: Office) -> None:
    lines = [Switch(port) for _ in range(8)]
    assert {each.sign_on(token) for each in lines} == {"00"}
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda line: line.ask("0200", financial()), lines))
    for line in lines:
        line.close()
    assert answers == [answers[0]] * 8
    assert (answers[0]["39"], office.states(), office.stands().balance_minor) == ("00", ["open"], 900_00)


# ---------------------------------------------------------------- reversals


def test_a_reversal_of_what_was_answered_takes_nothing_back(switch: Switch, office: Office) -> None:
    first = switch.ask("0200", financial())
    for mti, answered in (("0400", "0410"), ("0401", "0410"), ("0420", "0430"), ("0421", "0430")):
        answer = switch.ask(mti, reversal())
        assert (answer["t"], answer["39"]) == (answered, "21")
    assert switch.ask("0201", financial()) == first
    assert (office.states(), office.stands().balance_minor) == (["open"], 900_00)


def test_a_reversal_of_what_is_held_gives_the_money_back_once(switch: Switch, office: Office) -> None:
    office.away = True
    assert switch.ask("0200", financial())["39"] == "91"
    assert office.stands().balance_minor == 900_00
    assert [switch.ask(mti, reversal())["39"] for mti in ("0420", "0421", "0400")] == ["00"] * 3
    assert (office.states(), office.stands().balance_minor) == (["void"], 1000_00)
    office.away = False
    assert switch.ask("0201", financial())["39"] == "21"
    assert office.adds_up()


def test_a_reversal_that_comes_first_keeps_what_it_reverses_from_happening(switch: Switch, office: Office) -> None:
    assert switch.ask("0420", reversal())["39"] == "00"
    assert switch.ask("0200", financial())["39"] == "21"
    assert (office.states(), office.stands().balance_minor) == ([], 1000_00)


def test_a_reversal_with_another_trace_number_finds_its_order_by_the_reference(switch: Switch, office: Office) -> None:
    sold = office.till.order(BANK, "http key", payment("RRN000000001"), NOW_MS)
    assert switch.ask("0400", reversal(55))["39"] == "21"
    assert office.till.state(BANK, sold.order, now_ms=NOW_MS).state == "made"


def test_a_reversal_of_a_refusal_is_granted(switch: Switch, office: Office) -> None:
    assert switch.ask("0200", financial(amount_minor=500_01))["39"] == "61"
    assert switch.ask("0400", reversal())["39"] == "00"
    assert office.states() == []


def test_nobody_reverses_or_orders_under_anothers_number(switch: Switch, port: int, office: Office) -> None:
    other = office.partner(replace(BANK, name="other", acquirer="777"))
    line = Switch(port)
    assert line.sign_on(other) == "00"
    office.away = True
    switch.ask("0200", financial())
    assert line.ask("0400", reversal())["39"] == "57"
    assert line.ask("0200", financial())["39"] == "57"
    assert line.ask("0400", reversal() | {"32": "777"})["39"] == "30"
    line.close()
    assert office.states() == ["held"]


# ---------------------------------------------------------------- refusals, secrets


@pytest.mark.parametrize(
    ("odd", "response"),
    [
        ({"4": "000000050001"}, "61"), ({"4": "9" * 12}, "61"), ({"4": "0" * 12}, "13"), ({"49": "978"}, "12"), ({"49": "999"}, "12"),
        ({"49": "000"}, "12"), ({"49": "xxx"}, "30"), ({"3": "000000"}, "30"), ({"4": "x" * 12}, "30"),
        ({"48": private(("01", CARD))}, "30"), ({"48": private(("01", "00" * 8), ("04", "1-3"))}, "14"),
        ({"48": private(("01", CARD), ("04", "1-4"))}, "12"), ({"48": "99"}, "30"), ({"37": " " * 12}, "30"), ({"32": "999"}, "57"),
        ({"7": "9999999999"}, "30"), ({"11": "abcdef"}, "30"),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_has_its_response_code_and_a_sentence(
    switch: Switch, office: Office, odd: dict[str, str], response: str
) -> None:
    answer = switch.ask("0200", financial() | odd)
    assert answer["39"] == response
    assert parts(answer["62"])[0][0] == "19"
    assert (office.states(), office.stands().balance_minor) == ([], 1000_00)


@pytest.mark.parametrize(("limits", "response"), [({"order_max_minor": 1}, "61"), ({"day_max_minor": 1}, "61")])
def test_a_limit_has_its_response_code(switch: Switch, office: Office, limits: dict[str, object], response: str) -> None:
    change(office.store, "bank", **limits)
    assert switch.ask("0200", financial())["39"] == response


def test_an_enquiry_about_an_unknown_currency_is_answered_as_the_payment_is(switch: Switch, office: Office) -> None:
    answer = switch.ask("0100", financial() | {"3": iso8583.ENQUIRY, "49": "999"})
    assert (answer["t"], answer["39"]) == ("0110", "12")
    assert parts(answer["62"]) == [("19", "This currency is not known here.")]
    assert office.states() == []


def test_the_bank_cards_number_is_in_no_table_no_answer_and_no_log(
    switch: Switch, office: Office, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    answers = [
        switch.ask("0200", financial()),
        switch.ask("0420", reversal() | {"2": PAN}),
        switch.ask("0200", financial(9) | {"4": "x" * 12}),
    ]
    assert PAN not in str(answers)
    for table in (ORDER, REQUEST, ENTRY, PARTNER):
        rows = office.store.read(lambda connection, table=table: connection.execute(table.select()).all())  # type: ignore[misc]
        assert rows
        assert PAN not in str(rows)
    asked = iso8583.read(message("0200", financial()))
    assert PAN not in repr(asked) + str(asked.fields) + str(asked.private)
    said = capsys.readouterr()
    assert PAN not in said.out + said.err + caplog.text


def test_a_partner_that_asks_too_often_waits(office: Office, token: str) -> None:
    office.pace = Pace(0.1, 2)
    with gateway(office) as port:
        switch = Switch(port)
        assert switch.sign_on(token) == "00"
        assert [switch.ask("0200", financial())["39"] for _ in range(3)] == ["00", "00", "65"]
        switch.close()


def test_a_message_that_is_not_spoken_here_is_answered_and_an_answer_is_not(switch: Switch, office: Office) -> None:
    assert switch.ask("0100", financial())["39"] == "12"
    assert switch.ask("0220", financial())["t"] == "0230"
    switch.send(message("0210", financial()))
    assert switch.receive() is None
    assert office.states() == []


# ---------------------------------------------------------------- pure


@pytest.mark.parametrize(
    ("moment", "now", "day"),
    [("1231235959", (2027, 1, 1), "20261231"), ("0101000001", (2026, 12, 31), "20270101"), ("0229120000", (2028, 3, 1), "20280229")],
)
@pytest.mark.covers("field-126")
def test_a_date_without_a_year_is_the_nearest(moment: str, now: tuple[int, int, int], day: str) -> None:
    at_ms = int(datetime(*now, tzinfo=UTC).timestamp() * 1000)
    asked = iso8583.read(message("0200", financial() | {"7": moment}))
    assert iso8583.key(asked, at_ms) == f"iso 12345 {day} 000007"


def test_the_page_has_every_response_code_and_every_tag() -> None:
    page = (HOUSE / "docs/iso8583.md").read_text()
    codes = {*RESPONSES.values(), "00", "12", "30", "58"}
    for said in (*(f"| {number} |" for number in sorted(codes)), *(f"| {tag} |" for tag in iso8583.TAGS)):
        assert said in page
    assert MOMENT[:4] == f"{datetime.fromtimestamp(NOW_MS / 1000, UTC):%m%d}"
