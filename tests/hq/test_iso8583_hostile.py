"""The ISO 8583 gateway and lines that lie, tear, stall or are too many: each ends by itself, and no other notices."""

import random
import socket
import time

import pytest

from kiosk.hq.admission import PER_ADDRESS
from kiosk.hq.partners import iso8583
from kiosk.hq.partners.iso8583 import MESSAGE_MAX, Malformed, Unreadable
from kiosk.hq.partners.iso8583_door import Patience
from tests.hq.partner_kit import (  # noqa: F401 - fixtures
    NOW_MS,
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
    private,
    reversal,
)
from tests.hq.postgres import database, postgres_url  # noqa: F401 - fixtures
from tests.seeds import Seeds

MUTATIONS = 20_000


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
    lines = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(PER_ADDRESS + 5)]
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


def test_twenty_thousand_broken_messages_are_read_or_refused_and_nothing_else(seeds: Seeds) -> None:
    random_, readable = seeds.random("iso8583"), 0
    right = [message("0200", financial()), message("0420", reversal()), message("0800", network("001") | {"48": private(("09", "bank.x"))})]
    for _ in range(MUTATIONS):
        try:
            asked = iso8583.read(mutated(random_, random_.choice(right)))
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


def test_broken_messages_on_a_real_line_move_no_money_that_nobody_sent(port: int, token: str, office: Office, seeds: Seeds) -> None:
    random_, switch = seeds.random("iso8583 on a line"), Switch(port)
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
