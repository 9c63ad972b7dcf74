"""The ISO 8583 gateway on a real socket: a switch pays and gets its code once, whatever is repeated, reversed, torn or made up."""

import random
import socket
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from kiosk.hq import iso8583
from kiosk.hq.api_pace import Pace
from kiosk.hq.iso8583 import MESSAGE_MAX, RESPONSES, Malformed, Unreadable
from kiosk.hq.iso8583_door import CONNECTIONS, Patience
from kiosk.hq.order_tables import ORDER
from kiosk.hq.partner_tables import ENTRY, PARTNER, REQUEST
from kiosk.hq.partners import change, rotate
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
    a_place,
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

MUTATIONS = 20_000


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def token(office: Office) -> str:
    return office.partner()


@pytest.fixture
def port(office: Office, token: str) -> Iterator[int]:  # noqa: ARG001 - the partner is there first
    with gateway(office) as made:
        yield made


@pytest.fixture
def switch(port: int, token: str) -> Iterator[Switch]:
    made = Switch(port)
    assert made.sign_on(token) == "00"
    yield made
    made.close()


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
    assert switch.ask("0200", financial(amount_minor=500_01))["39"] == "13"
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
        ({"4": "000000050001"}, "13"), ({"49": "978"}, "12"), ({"49": "999"}, "30"), ({"3": "000000"}, "30"), ({"4": "x" * 12}, "30"),
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


# ---------------------------------------------------------------- hostile lines


@pytest.mark.parametrize(
    "raw", [b"\0\0", b"\xff\xff", (MESSAGE_MAX + 1).to_bytes(2) + b"0" * 50, b"\0\4\0\0\0\0", b"\0\x04abcd", b"GET / HTTP/1.1\r\n\r\n"]
)
def test_what_is_no_message_ends_the_line_and_no_other(switch: Switch, port: int, raw: bytes) -> None:
    line = socket.create_connection(("127.0.0.1", port), 10)
    line.sendall(raw)
    assert line.recv(100) == b""
    line.close()
    assert switch.ask("0800", network("301"))["39"] == "00"


@pytest.mark.covers("field-124")
def test_a_message_of_the_greatest_length_is_read(switch: Switch) -> None:
    fields = network("301")
    spare = {"60": "x" * 999, "61": "x"}
    whole = message("0800", fields | spare)
    spare["61"] = "x" * (MESSAGE_MAX - len(whole) + 1)
    assert len(message("0800", fields | spare)) == MESSAGE_MAX
    assert switch.ask("0800", fields | spare)["39"] == "00"
    switch.send(message("0800", fields | spare | {"61": spare["61"] + "x"}))
    assert switch.receive() is None


def test_who_does_not_sign_on_stops_in_the_middle_or_falls_silent_is_hung_up_on(office: Office, token: str) -> None:
    short = Patience(sign_on_s=0.6, message_s=0.3, silent_s=0.5, answer_s=0.5)
    with gateway(office, short) as port:
        for said in (b"", b"\0", b"\0\x40080"):
            line = socket.create_connection(("127.0.0.1", port), 10)
            line.sendall(said)
            assert line.recv(10) == b""
            line.close()
        echoing = Switch(port)  # it speaks, and never signs on
        answers = 0
        while echoing.receive_after(network("301")):
            answers += 1
            assert answers < 1000
            time.sleep(0.05)
        silent = Switch(port)
        assert silent.sign_on(token) == "00"
        assert silent.receive() is None


def test_a_message_may_come_a_byte_at_a_time_and_several_at_once(switch: Switch) -> None:
    raw = message("0200", financial())
    framed = len(raw).to_bytes(2) + raw
    for at in range(len(framed)):
        switch.line.sendall(framed[at : at + 1])
    first = switch.receive()
    assert first is not None
    switch.line.sendall(framed * 5)
    assert [switch.receive() for _ in range(5)] == [first] * 5


def test_a_line_that_breaks_between_the_request_and_its_answer_loses_nothing(port: int, token: str, office: Office) -> None:
    switch = Switch(port)
    assert switch.sign_on(token) == "00"
    switch.send(message("0200", financial()))
    switch.close()
    again = Switch(port)
    assert again.sign_on(token) == "00"
    assert again.ask("0201", financial())["39"] == "00"
    again.close()
    assert (office.states(), office.stands().balance_minor) == (["open"], 900_00)


@pytest.mark.covers("field-125")
def test_more_lines_than_there_are_do_not_shut_out_those_that_are(switch: Switch, port: int) -> None:
    lines = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(CONNECTIONS + 5)]
    assert lines[-1].recv(1) == b""
    assert switch.ask("0800", network("301"))["39"] == "00"
    for line in lines:
        line.close()


def mutated(random_: random.Random, raw: bytes) -> bytes:
    made = bytearray(raw)
    for _ in range(random_.randint(1, 3)):
        at, what = random_.randrange(len(made)), random_.randrange(4)
        if what == 0:
            made[at] = random_.randrange(256)
        elif what == 1:
            made[at] = ord(random_.choice("0123456789 ABCx"))
        elif what == 2:
            del made[at : at + random_.randint(1, 9)]
        else:
            made[at:at] = bytes(random_.choice(b"0129Ff\0 ") for _ in range(random_.randint(1, 9)))
        made = made or bytearray(b"0")
    return bytes(made)


def test_twenty_thousand_broken_messages_are_read_or_refused_and_nothing_else() -> None:
    random_, readable = random.Random(8583), 0
    seeds = [message("0200", financial()), message("0420", reversal()), message("0800", network("001") | {"48": private(("09", "bank.x"))})]
    for _ in range(MUTATIONS):
        try:
            asked = iso8583.read(mutated(random_, random_.choice(seeds)))
        except Unreadable:
            continue
        readable += 1
        sentence = ""
        try:
            iso8583.key(asked, NOW_MS)
            iso8583.payment(asked)
        except Malformed as malformed:
            sentence = str(malformed)
        assert iso8583.read(b"0800" + iso8583.answer(asked, "30", sentence=sentence)[4:]).fields == asked.fields
    assert MUTATIONS // 10 < readable < MUTATIONS


def test_broken_messages_on_a_real_line_move_no_money_that_nobody_sent(port: int, token: str, office: Office) -> None:
    random_, switch = random.Random(7), Switch(port)
    assert switch.sign_on(token) == "00"
    for number in range(300):
        switch.send(mutated(random_, message("0200", financial(number, reference=f"R{number:011}"))))
        if switch.receive() is None:
            switch.close()
            switch = Switch(port)
            assert switch.sign_on(token) == "00"
    switch.close()
    assert office.adds_up()
    assert all(amount <= 500_00 for amount in amounts(office))


def amounts(office: Office) -> list[int]:
    return office.store.read(lambda connection: [row[0] for row in connection.exec_driver_sql("SELECT amount_minor FROM transfer_order")])


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
