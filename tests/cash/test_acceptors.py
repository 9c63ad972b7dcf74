"""Coins and notes come in when they are wanted, are told once, and everything else stays out."""

import time

import msgspec
import pytest

from kiosk.devices.cctalk.wire import Mode
from kiosk.devices.sim.coins import CoinSimulator
from kiosk.devices.sim.notes import NoteSimulator
from kiosk.vend.seen import AcceptorDown, AcceptorUp, CoinIn, NoteBack, NoteHeld, NoteIn, NoteRejected, Seen
from tests.cash.conftest import QUICK, Bench
from tests.cash.desk import eventually

MODES = pytest.mark.parametrize(("mode", "echo"), [("checksum", False), ("checksum", True), ("crc", False), ("crc", True)])


def open_notes(bench: Bench, simulator: NoteSimulator, *denominations: int) -> None:
    bench.desk.wants(notes=denominations or (1000, 2000))
    eventually(lambda: simulator.memory["mask"] and simulator.memory["master"])


def open_coins(bench: Bench, simulator: CoinSimulator) -> None:
    bench.desk.wants(coins=(10, 50, 100))
    eventually(lambda: simulator.memory["mask"] == 7 and simulator.memory["master"])


def insert(simulator: NoteSimulator | CoinSimulator, value_minor: int, **more: object) -> None:
    kind = "note" if isinstance(simulator, NoteSimulator) else "coin"
    simulator.do({"do": f"insert_{kind}", "value_minor": value_minor, **more})


@pytest.mark.covers("abuse-19")
@MODES
def test_a_note_is_held_until_the_desk_says_stack_and_then_is_money(bench: Bench, mode: str, echo: bool) -> None:
    notes = bench.notes(mode=mode, echo=echo)
    bench.drive("notes", mode=Mode(mode))
    assert bench.desk.await_one(AcceptorUp) == AcceptorUp("notes", "1060501", 0, 0, (100, 500, 1000, 2000, 5000, 10000))
    open_notes(bench, notes)
    insert(notes, 1000)
    held = bench.desk.await_held()
    assert held == NoteHeld("notes", "1060501", 1000, 1)
    assert notes.memory["box"] == {}
    bench.desk.wants(escrow="stack", counter=held.counter)
    assert bench.desk.await_one(NoteIn) == NoteIn("notes", "1060501", 1000, 2, 1)
    assert notes.memory["box"] == {"1000": 1}


@MODES
def test_a_coin_is_money_when_it_fell(bench: Bench, mode: str, echo: bool) -> None:
    coins = bench.coins(mode=mode, echo=echo)
    bench.drive("coins", mode=Mode(mode))
    assert bench.desk.await_one(AcceptorUp) == AcceptorUp("coins", "1060501", 0, 0, (10, 50, 100))
    open_coins(bench, coins)
    insert(coins, 50)
    assert bench.desk.await_one(CoinIn) == CoinIn("coins", "1060501", 50, 1, 1, path=1)


def test_a_note_that_the_desk_does_not_want_goes_back(bench: Bench) -> None:
    notes = bench.notes()
    bench.drive("notes")
    open_notes(bench, notes)
    insert(notes, 2000)
    held = bench.desk.await_held()
    bench.desk.wants(notes=(1000,), escrow="return", counter=held.counter)
    assert bench.desk.await_one(NoteBack) == NoteBack("notes", "1060501", 2)
    assert notes.memory["box"] == {}


def test_a_word_about_another_note_moves_nothing(bench: Bench) -> None:
    notes = bench.notes(hold_s=0.3)
    bench.drive("notes")
    open_notes(bench, notes)
    insert(notes, 1000)
    held = bench.desk.await_held()
    bench.desk.wants(escrow="stack", counter=held.counter + 1)
    time.sleep(0.6)  # twice as long as the device waits by itself: it is told to hold, again and again
    assert notes.memory["held"] == 3
    assert not bench.desk.heard(NoteIn)
    assert not bench.desk.heard(NoteBack)
    bench.desk.wants(escrow="stack", counter=held.counter)
    bench.desk.await_one(NoteIn)


def test_a_note_that_nobody_has_a_word_for_goes_back(bench: Bench) -> None:
    """The desk takes it for gone when the line was away, and the device has it still."""
    notes = bench.notes(hold_s=60.0)
    bench.drive("notes", pace=msgspec.structs.replace(QUICK, decide_s=0.5))
    open_notes(bench, notes)
    insert(notes, 1000)
    held = bench.desk.await_held()
    bench.desk.wants(notes=(1000,))
    assert bench.desk.await_one(NoteBack) == NoteBack("notes", held.serial, held.counter + 1)
    eventually(lambda: notes.memory["held"] is None)
    assert notes.memory["box"] == {}


@pytest.mark.covers("failure-34")
def test_only_what_the_stance_names_can_come_in(bench: Bench) -> None:
    notes, coins = bench.notes(), bench.coins()
    bench.drive("notes")
    bench.drive("coins")
    bench.desk.wants(notes=(1000,), coins=(100,))
    eventually(lambda: all(part.memory["mask"] == 0b100 and part.memory["master"] for part in (notes, coins)))
    insert(notes, 2000)
    assert bench.desk.await_one(NoteRejected) == NoteRejected("notes", "inhibited")
    bench.desk.wants()
    eventually(lambda: not notes.memory["master"] and not coins.memory["master"])
    insert(notes, 1000)
    eventually(lambda: len(bench.desk.heard(NoteRejected)) == 2)


@pytest.mark.covers("failure-8")
def test_a_coin_that_is_refused_while_shut_is_no_news(bench: Bench) -> None:
    coins = bench.coins()
    bench.drive("coins")
    bench.desk.await_one(AcceptorUp)
    insert(coins, 100)
    open_coins(bench, coins)
    insert(coins, 100)
    bench.desk.await_one(CoinIn)
    assert [type(seen) for seen in bench.desk.told if not isinstance(seen, AcceptorUp)] == [CoinIn]


@pytest.mark.covers("failure-7")
def test_a_coin_that_was_falling_when_the_slot_shut_is_still_money(bench: Bench) -> None:
    coins = bench.coins()
    bench.drive("coins")
    open_coins(bench, coins)
    bench.desk.wants()
    eventually(lambda: not coins.memory["master"])
    insert(coins, 100, falling=True)
    assert bench.desk.await_one(CoinIn).denomination == 100


def test_rejected_coins_do_not_make_the_next_start_cry_wolf(bench: Bench) -> None:
    """Seven rejects move the counter by more than the device remembers; the journal is told where it stands while nothing else happens."""
    coins = bench.coins()
    driver = bench.drive("coins")
    bench.desk.await_one(AcceptorUp)
    for _ in range(7):
        insert(coins, 100)
        time.sleep(0.03)
    eventually(lambda: bench.desk.heard(AcceptorUp)[-1].counter == 7)
    driver.stop()
    since = len(bench.desk.told)
    bench.drive("coins")
    assert bench.desk.await_one(AcceptorUp, since).counter == 7
    assert len(bench.desk.told) == since + 1


def test_a_coin_of_another_country_is_never_let_in_and_has_no_value(bench: Bench) -> None:
    coins = bench.coins()
    coins.coins = {**coins.coins, 4: ("GB100A", 7)}
    bench.drive("coins")
    assert bench.desk.await_one(AcceptorUp).denominations == (10, 50, 100)
    open_coins(bench, coins)
    insert(coins, 7, falling=True)
    assert bench.desk.await_one(CoinIn).denomination == 0


def test_a_device_without_an_accept_counter_still_sells(bench: Bench) -> None:
    for nak_unknown in (True, False):
        coins = bench.coins(accept_counter=False, nak_unknown=nak_unknown)
        driver = bench.drive("coins")
        since = len(bench.desk.told)
        assert bench.desk.await_one(AcceptorUp, since).accepted is None
        open_coins(bench, coins)
        insert(coins, 100)
        assert bench.desk.await_one(CoinIn, since).accepted is None
        driver.stop()
        coins.stop()


def test_several_events_in_one_look_have_each_their_own_counters(bench: Bench) -> None:
    coins = bench.coins()
    bench.drive("coins")
    open_coins(bench, coins)
    with coins.line.lock:
        for value in (10, 50, 100):
            insert(coins, value)
    eventually(lambda: len(bench.desk.heard(CoinIn)) == 3)
    assert [(coin.denomination, coin.counter, coin.accepted) for coin in bench.desk.heard(CoinIn)] == [(10, 1, 1), (50, 2, 2), (100, 3, 3)]


def test_stop_shuts_the_slot_and_gives_the_line_back(bench: Bench) -> None:
    coins = bench.coins()
    driver = bench.drive("coins")
    open_coins(bench, coins)
    driver.stop()
    assert not driver.alive
    assert coins.memory["master"] == 0
    bench.drive("coins")  # the line can be had again
    eventually(lambda: len(bench.desk.heard(AcceptorUp)) == 2)


# ---------------------------------------------------------------- what breaks


def trouble(bench: Bench, orders: list[dict[str, object]], code: str, mend: dict[str, object]) -> NoteSimulator:
    """A note acceptor that is open, breaks with `code`, is shut, and works again after `mend`."""
    notes = bench.notes()
    bench.drive("notes")
    open_notes(bench, notes)
    since = len(bench.desk.told)
    for order in orders:
        notes.do(order)
    assert bench.desk.await_one(AcceptorDown, since) == AcceptorDown("notes", code)
    eventually(lambda: not notes.memory["master"])
    time.sleep(3 * QUICK.check_s)
    assert len(bench.desk.heard(AcceptorDown)) == 1
    since = len(bench.desk.told)
    notes.do(mend)
    bench.desk.await_one(AcceptorUp, since)
    eventually(lambda: notes.memory["master"])
    return notes


@pytest.mark.covers("failure-1")
def test_a_safe_jam_shuts_the_slot_until_it_is_cleared(bench: Bench) -> None:
    trouble(bench, [{"do": "jam"}], "jammed", {"do": "clear"})
    assert not bench.desk.heard(NoteIn)


@pytest.mark.covers("failure-2")
def test_a_note_jammed_where_the_customer_can_pull_it_is_money_only_if_it_is_stacked_later(bench: Bench) -> None:
    notes = bench.notes()
    bench.drive("notes")
    open_notes(bench, notes)
    insert(notes, 1000)
    held = bench.desk.await_held()
    notes.do({"do": "jam", "unsafe": True})
    bench.desk.await_one(AcceptorDown)
    bench.desk.wants(escrow="stack", counter=held.counter)
    time.sleep(0.5)
    assert not bench.desk.heard(NoteIn)
    notes.do({"do": "clear", "note": "stack"})
    assert bench.desk.await_one(NoteIn).denomination == 1000


@pytest.mark.covers("failure-3")
def test_a_full_stacker_shuts_the_notes_and_not_the_coins(bench: Bench) -> None:
    coins = bench.coins()
    bench.drive("coins")
    notes = bench.notes()
    bench.drive("notes")
    bench.desk.wants(notes=(1000,), coins=(100,))
    eventually(lambda: all(part.memory["mask"] and part.memory["master"] for part in (notes, coins)))
    notes.do({"do": "stacker", "to": "full"})
    assert bench.desk.await_one(AcceptorDown) == AcceptorDown("notes", "full")
    insert(coins, 100)
    bench.desk.await_one(CoinIn)
    assert coins.memory["master"]


@pytest.mark.covers("failure-4")
def test_a_stacker_that_is_taken_out_shuts_the_slot_until_it_is_back(bench: Bench) -> None:
    trouble(bench, [{"do": "stacker", "to": "out"}], "removed", {"do": "stacker", "to": "in"})


@pytest.mark.covers("failure-13")
def test_a_fraud_shuts_the_slot_for_a_while_and_brings_no_credit(bench: Bench) -> None:
    notes = bench.notes()
    bench.drive("notes")
    open_notes(bench, notes)
    since = len(bench.desk.told)
    started = time.monotonic()
    notes.do({"do": "event", "a": 0, "b": 18})
    down = bench.desk.await_one(AcceptorDown, since)
    assert down.code == "fraud-18"
    eventually(lambda: not notes.memory["master"])
    bench.desk.await_one(AcceptorUp, bench.desk.told.index(down))  # not the one of its start, which may be told late
    assert time.monotonic() - started >= QUICK.fraud_s
    assert not bench.desk.heard(NoteIn)


def test_a_device_that_starts_broken_is_told_so(bench: Bench) -> None:
    notes = bench.notes()
    notes.do({"do": "stacker", "to": "full"})
    bench.drive("notes")
    assert bench.desk.await_one(AcceptorDown) == AcceptorDown("notes", "full")
    assert not bench.desk.heard(AcceptorUp)


@pytest.mark.covers("abuse-27")
def test_a_wrong_kind_of_device_takes_no_money(bench: Bench) -> None:
    coins = bench.coins()
    coins.category = "Payout"
    bench.drive("coins")
    assert bench.desk.await_one(AcceptorDown).code == "swapped"


# ---------------------------------------------------------------- the word that is said once


@pytest.mark.covers("failure-12")
@pytest.mark.parametrize("lost", ["lose_reply", "lose_request"])
def test_when_the_answer_to_stack_is_lost_the_note_is_stacked_once(bench: Bench, lost: str) -> None:
    notes = bench.notes(route_s=0.05)
    said: list[int] = []
    listen = notes.answer_more
    notes.answer_more = lambda header, data: (said.append(data[0]) if header == 154 else None) or listen(header, data)  # type: ignore[method-assign,func-returns-value]
    bench.drive("notes", pace=msgspec.structs.replace(QUICK, hold_s=60.0))
    open_notes(bench, notes)
    insert(notes, 1000)
    held = bench.desk.await_held()
    eventually(lambda: said == [255])
    notes.do({"do": "fault", lost: 154})
    bench.desk.wants(escrow="stack", counter=held.counter)
    assert bench.desk.await_one(NoteIn).accepted == 1
    time.sleep(0.3)
    assert said == [255, 1]  # a word that was heard is not said again; one that was not heard is
    assert len(bench.desk.heard(NoteIn)) == 1
    assert notes.memory["box"] == {"1000": 1}


def test_a_note_that_will_not_move_is_a_jam(bench: Bench) -> None:
    notes = bench.notes(route_s=60.0)
    bench.drive("notes")
    open_notes(bench, notes)
    insert(notes, 1000)
    held = bench.desk.await_held()
    notes.memory["fault"] = 39  # it says nothing, but answers 255: failed to route
    bench.desk.wants(escrow="stack", counter=held.counter)
    assert bench.desk.await_one(AcceptorDown).code == "jammed"
    assert not bench.desk.heard(NoteIn)


def test_a_note_that_vanished_from_escrow_is_told_as_a_fault_and_not_as_money(bench: Bench) -> None:
    notes = bench.notes()
    bench.drive("notes")
    open_notes(bench, notes)
    insert(notes, 1000)
    held = bench.desk.await_held()
    notes.memory["held"] = None
    bench.desk.wants(escrow="stack", counter=held.counter)
    assert bench.desk.await_one(AcceptorDown).code == "fault-254"
    up: Seen = bench.desk.await_one(AcceptorUp, len(bench.desk.told) - 1)
    assert isinstance(up, AcceptorUp)
    assert up.accepted == 0
    assert not bench.desk.heard(NoteIn)
