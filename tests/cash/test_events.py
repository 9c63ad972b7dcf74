"""The counter says how many events there were, the buffer says which, and a device that started again is noticed."""

import pytest

from kiosk.devices.cctalk.events import (
    Buffer,
    Event,
    News,
    Say,
    bill,
    bill_minor,
    coin,
    coin_minor,
    escrowed,
    fault_word,
    news,
)
from kiosk.devices.cctalk.health import Health
from tests.seeds import Seeds

PAIRS = ((1, 1), (2, 1), (3, 1), (4, 1), (5, 1))


def counters(found: News) -> list[int]:
    return [event.counter for event in found.events]


@pytest.mark.parametrize(
    ("last", "new", "taken", "lost"),
    [
        (254, 2, [255, 1, 2], 0),
        (2, 2, [], 0),
        (9, 16, [12, 13, 14, 15, 16], 2),
        (255, 1, [1], 0),
        (0, 3, [1, 2, 3], 0),
        (0, 7, [3, 4, 5, 6, 7], 2),
    ],
)
def test_the_worked_examples_of_the_counter_rule(last: int, new: int, taken: list[int], lost: int) -> None:
    found = news(last, Buffer(new, PAIRS))
    assert (counters(found), found.lost, found.reset) == (taken, lost, False)


def test_the_oldest_event_is_told_first_and_each_with_its_own_counter() -> None:
    assert news(254, Buffer(2, PAIRS)).events == (Event(255, 3, 1), Event(1, 2, 1), Event(2, 1, 1))


def test_a_device_never_met_before_brings_no_credit() -> None:
    assert news(None, Buffer(200, PAIRS)) == News()


@pytest.mark.covers("failure-10")
def test_counter_zero_after_another_is_a_reset_and_zero_after_zero_is_not() -> None:
    empty = Buffer(0, ((0, 0),) * 5)
    assert news(20, empty) == News(reset=True)
    assert news(0, empty) == News()


@pytest.mark.covers("failure-10")
def test_a_reset_with_an_event_before_the_first_look_shows_by_the_empty_places() -> None:
    one = Buffer(1, ((3, 0), (0, 0), (0, 0), (0, 0), (0, 0)))
    assert news(20, one) == News((Event(1, 3, 0),), 0, reset=True)
    assert not news(255, Buffer(1, PAIRS)).reset


@pytest.mark.covers("failure-10")
def test_a_reset_that_the_counter_hides_shows_by_other_events_in_the_same_places() -> None:
    before = Buffer(3, ((1, 1), (2, 1), (1, 1), (0, 0), (0, 0)))
    after = Buffer(3, ((2, 1), (2, 1), (2, 1), (0, 0), (0, 0)))
    assert not news(3, before, before).reset
    found = news(3, after, before)
    assert found.reset
    assert counters(found) == [1, 2, 3]


def test_no_event_is_lost_or_told_twice_in_long_random_lives(seeds: Seeds) -> None:
    """A device that lives, is looked at now and then and restarts sometimes: what was told and what was lost add up to what happened."""
    chance = seeds.random("event counters")
    counter, pairs, happened, told, lost = 0, [(0, 0)] * 5, 0, 0, 0
    last, before = 0, Buffer(0, ((0, 0),) * 5)
    for _ in range(20_000):
        if chance.random() < 0.02:
            counter, pairs = 0, [(0, 0)] * 5
        else:
            for _ in range(chance.choice((0, 0, 1, 1, 2, 3, 5, 7))):
                counter, happened = counter % 255 + 1, happened + 1
                pairs = [(chance.randrange(1, 17), chance.randrange(1, 9)), *pairs[:4]]
        buffer = Buffer(counter, tuple(pairs))
        found = news(last, buffer, before)
        told, lost = told + len(found.events), lost + found.lost
        last, before = counter, buffer
    assert told + lost == happened


def test_every_bill_and_coin_event_means_one_thing() -> None:
    assert bill(Event(1, 3, 0)).say is Say.CREDIT
    assert bill(Event(1, 3, 1)).say is Say.ESCROW
    assert bill(Event(1, 3, 2)).say is Say.NOTHING
    assert bill(Event(1, 0, 21)).say is Say.CREDIT
    assert bill(Event(1, 0, 21)).type == 0
    assert coin(Event(1, 4, 2)).type == 4
    assert coin(Event(1, 0, 0x83)).name == "inhibited coin 4"
    assert [code for code in range(256) if bill(Event(1, 0, code)).say is Say.FRAUD] == [9, 17, 18]
    assert [code for code in range(256) if coin(Event(1, 0, code)).say is Say.FRAUD] == [17, 20]
    assert [code for code in range(256) if coin(Event(1, 0, code)).say is Say.CREDIT] == []
    assert [code for code in range(256) if coin(Event(1, 0, code)).say is Say.FAULT] == [6, 14, 15, 16, 36, 255]


def test_a_note_is_held_until_it_is_stacked_or_back() -> None:
    trace = [
        Buffer(18, ((3, 1), (0, 1), (3, 1), (0, 0), (0, 0))),
        Buffer(22, ((3, 1), (0, 1), (3, 1), (0, 1), (3, 1))),
        Buffer(23, ((0, 1), (3, 1), (0, 1), (3, 1), (0, 1))),
    ]
    assert [event and event.counter for event in map(escrowed, trace)] == [18, 22, None]
    assert escrowed(Buffer(2, ((0, 16), (3, 1), (0, 0), (0, 0), (0, 0)))) == Event(1, 3, 1)  # jammed, not gone


def test_self_check_codes_have_words_or_a_number() -> None:
    assert [fault_word(code) for code in (0, 39, 44, 45, 38, 255)] == ["", "jammed", "removed", "full", "fault-38", "fault-255"]


@pytest.mark.parametrize(
    ("identity", "minor"),
    [
        ("EU020A", 20),
        ("EU200A", 200),
        ("HU1K0A", 1000),
        ("HU10KA", 10_000),
        ("ID2M5A", 2_500_000),
        *((nothing, None) for nothing in ("KW5m0A", "KW.50A", "......", "TK000A", "EU-20A", "EU\ufffd20A", "", "EU\u00b200A")),
    ],
)
def test_a_coin_is_worth_what_its_id_says_or_nothing(identity: str, minor: int | None) -> None:
    assert coin_minor(identity) == minor


@pytest.mark.parametrize(
    ("identity", "scaling", "decimals", "exponent", "minor"),
    [
        ("EU0005A", 100, 2, 2, 500),
        ("CN0100A", 1, 0, 2, 10_000),
        ("HU0010A", 1000, 0, 2, 1_000_000),
        ("JP0001A", 1000, 0, 0, 1000),
        ("KW0005A", 1, 1, 3, 500),
        ("EU0005A", 0, 0, 2, None),
        ("XX0001A", 1, 3, 2, None),
        (".......", 100, 2, 2, None),
    ],
)
def test_a_bill_is_worth_its_id_times_its_countrys_scaling(
    identity: str, scaling: int, decimals: int, exponent: int, minor: int | None
) -> None:
    assert bill_minor(identity, scaling, decimals, exponent) == minor


def test_a_buffer_of_another_length_is_none() -> None:
    with pytest.raises(ValueError, match="11 bytes"):
        Buffer.parse(bytes(10))


# ---------------------------------------------------------------- health


@pytest.mark.covers("failure-13")
def test_a_fraud_shuts_for_a_minute_and_the_third_for_good() -> None:
    health = Health(60.0)
    string = bill(Event(1, 0, 18))
    for start in (0.0, 100.0):
        health.happened(string, start)
        health.checked("", start + 59)
        assert health.fault == "fraud-18"
        health.checked("", start + 61)
        assert health.fault == ""
    health.happened(string, 200.0)
    health.checked("", 1e9)
    assert health.fault == "fraud-18"


@pytest.mark.covers("failure-4")
def test_a_removed_stacker_is_back_when_the_device_says_so_and_not_before() -> None:
    health = Health(60.0)
    health.happened(bill(Event(1, 0, 11)), 0.0)
    health.checked("", 1.0)  # a self-check that does not look at the stacker
    assert health.fault == "removed"
    assert health.happened(bill(Event(2, 0, 12)), 2.0)
    health.checked("", 2.0)
    assert health.fault == ""


def test_a_fault_stays_while_the_self_check_says_so_and_changes_its_word_with_it() -> None:
    health = Health(60.0)
    health.happened(bill(Event(1, 0, 16)), 0.0)
    health.checked("jammed", 1.0)
    health.checked("full", 2.0)
    assert health.fault == "full"
    health.checked("", 3.0)
    assert health.fault == ""
