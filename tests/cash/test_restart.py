"""Power fails, cables come out, devices are exchanged: afterwards the desk knows every coin and note, each once."""

import time
from typing import Any

import pytest

from kiosk.devices.cctalk.acceptor import Acceptor
from kiosk.devices.sim.coins import CoinSimulator
from kiosk.devices.sim.notes import NoteSimulator
from kiosk.vend.ports import AcceptorMemory
from kiosk.vend.seen import AcceptorDown, AcceptorReset, AcceptorUp, CoinIn, EventsLost, NoteBack, NoteHeld, NoteIn, Seen
from tests.cash.conftest import QUICK, Bench
from tests.cash.desk import ListeningDesk, eventually
from tests.cash.test_acceptors import insert, open_coins, open_notes


def held_note(bench: Bench, **options: Any) -> tuple[NoteSimulator, Acceptor, NoteHeld]:
    """A note of 10.00 in escrow, on disk as such."""
    notes = bench.notes(**options)
    driver = bench.drive("notes")
    open_notes(bench, notes)
    insert(notes, 1000)
    held = bench.desk.await_held()
    accepted = 0 if options.get("accept_counter", True) else None
    bench.desk.knows("notes", AcceptorMemory(held.serial, held.counter, accepted))
    return notes, driver, held


def next_life(bench: Bench, held: NoteHeld | None, role: str = "notes") -> list[Seen]:
    """A new core with the same journal, `held` the escrow on disk: what its desk is told until the acceptor is up, that included."""
    desk = ListeningDesk()
    desk.knows(role, bench.desk.published().acceptors[role])
    desk.wants(escrow="hold", counter=held.counter if held else None)
    bench.desk = desk
    bench.drive(role, desk)
    desk.await_one(AcceptorUp)
    return list(desk.told)


# ---------------------------------------------------------------- a note in escrow when the power goes


@pytest.mark.covers("failure-6")
def test_a_note_that_the_device_still_holds_is_stacked_by_the_next_life(bench: Bench) -> None:
    notes, driver, held = held_note(bench)
    driver.stop()
    assert next_life(bench, held) == [AcceptorUp("notes", "1060501", 1, 0, (100, 500, 1000, 2000, 5000, 10000))]
    bench.desk.wants(escrow="stack", counter=held.counter)
    assert bench.desk.await_one(NoteIn) == NoteIn("notes", "1060501", 1000, 2, 1)
    assert notes.memory["box"] == {"1000": 1}


@pytest.mark.covers("failure-6")
def test_a_held_note_that_the_journal_never_heard_of_is_told_again(bench: Bench) -> None:
    _notes, driver, held = held_note(bench)
    driver.stop()
    bench.desk.knows("notes", AcceptorMemory("1060501", 0, 0))
    assert next_life(bench, None)[0] == held


@pytest.mark.covers("failure-6")
def test_a_note_that_went_back_meanwhile_is_told_before_all_is_well(bench: Bench) -> None:
    notes, driver, held = held_note(bench, hold_s=0.2)
    driver.stop()
    eventually(lambda: notes.memory["held"] is None)
    told = next_life(bench, held)
    assert told == [NoteBack("notes", "1060501", 2), AcceptorUp("notes", "1060501", 2, 0, (100, 500, 1000, 2000, 5000, 10000))]


@pytest.mark.covers("failure-6")
def test_a_note_that_was_stacked_while_nobody_listened_is_money_with_its_counter(bench: Bench) -> None:
    notes, driver, held = held_note(bench)
    driver.stop()
    notes.do({"do": "clear", "note": "stack"})
    told = next_life(bench, held)
    assert told[:-1] == [NoteIn("notes", "1060501", 1000, 2, 1)]


@pytest.mark.covers("failure-5", "failure-10")
@pytest.mark.parametrize(
    ("model", "evidence", "accepted"),
    [
        ({"at_power_loss": "return"}, [NoteBack("notes", "1060501", 1)], 0),
        ({"at_power_loss": "stack"}, [NoteIn("notes", "1060501", 1000, 1, 1)], 1),
        ({"at_power_loss": "stack", "power_up_tells": "unknown"}, [NoteIn("notes", "1060501", 0, 1, 1)], 1),
        ({"at_power_loss": "stack", "power_up_tells": "nothing"}, [], 1),
        ({"at_power_loss": "return", "power_up_tells": "nothing"}, [], 0),
        ({"at_power_loss": "stack", "power_up_tells": "nothing", "accept_counter": False}, [], None),
    ],
    ids=["returned", "stacked", "unknown-stacked", "only-the-counter-tells", "counter-did-not-move", "no-evidence"],
)
@pytest.mark.covers("abuse-21")
def test_when_the_device_lost_power_too_its_evidence_is_told(
    bench: Bench, model: dict[str, Any], evidence: list[Seen], accepted: int | None
) -> None:
    notes, driver, held = held_note(bench, **model)
    driver.stop()
    notes.do({"do": "power", "to": "off"})
    notes.do({"do": "power", "to": "on"})
    told = next_life(bench, held)
    assert told[:-1] == [AcceptorReset("notes", "1060501"), *evidence]
    counter = len(evidence)
    assert told[-1] == AcceptorUp("notes", "1060501", counter, accepted, (100, 500, 1000, 2000, 5000, 10000), reset=True)


def test_a_simulator_that_is_killed_holds_the_note_when_it_comes_back(bench: Bench) -> None:
    notes, driver, held = held_note(bench)
    driver.stop()
    notes.stop()
    again = bench.notes()
    assert again.memory["held"] == 3
    assert next_life(bench, held)[-1].counter == 1  # type: ignore[attr-defined]
    bench.desk.wants(escrow="stack", counter=held.counter)
    bench.desk.await_one(NoteIn)
    assert again.memory["box"] == {"1000": 1}


# ---------------------------------------------------------------- more than the device remembers


@pytest.mark.covers("failure-6")
def test_coins_that_fell_while_the_kiosk_was_dead_are_replayed(bench: Bench) -> None:
    coins = bench.coins()
    driver = bench.drive("coins")
    open_coins(bench, coins)
    insert(coins, 100)
    bench.desk.await_one(CoinIn)
    driver.stop()
    for value in (10, 50):
        insert(coins, value, falling=True)
    told = next_life(bench, None, "coins")
    assert told[:-1] == [CoinIn("coins", "1060501", 10, 2, 2, 1), CoinIn("coins", "1060501", 50, 3, 3, 1)]


@pytest.mark.covers("failure-9")
def test_seven_coins_behind_our_back_are_five_credits_and_two_lost_events(bench: Bench) -> None:
    coins = bench.coins()
    driver = bench.drive("coins")
    bench.desk.await_one(AcceptorUp)
    driver.stop()
    for _ in range(7):
        insert(coins, 100, falling=True)
    told = next_life(bench, None, "coins")
    assert told[0] == EventsLost("coins", 2)
    assert [seen.counter for seen in told if isinstance(seen, CoinIn)] == [3, 4, 5, 6, 7]
    assert [seen.accepted for seen in told if isinstance(seen, CoinIn)] == [3, 4, 5, 6, 7]


@pytest.mark.covers("failure-9")
def test_seven_coins_between_two_polls_in_one_session_too(bench: Bench) -> None:
    coins = bench.coins()
    bench.drive("coins")
    open_coins(bench, coins)
    with coins.line.lock:
        for _ in range(7):
            insert(coins, 100)
    assert bench.desk.await_one(EventsLost).events == 2
    eventually(lambda: len(bench.desk.heard(CoinIn)) == 5)
    assert not bench.desk.heard(AcceptorUp)[-1].reset


# ---------------------------------------------------------------- the device in mid-session


@pytest.mark.covers("failure-10")
@pytest.mark.parametrize("coins_before", [0, 1])
def test_a_device_that_starts_again_in_mid_session_is_set_up_again_and_goes_on(bench: Bench, coins_before: int) -> None:
    coins = bench.coins()
    bench.drive("coins")
    open_coins(bench, coins)
    for _ in range(coins_before):
        insert(coins, 100)
    eventually(lambda: len(bench.desk.heard(CoinIn)) == coins_before)
    since = len(bench.desk.told)
    coins.do({"do": "power", "to": "off"})
    coins.do({"do": "power", "to": "on"})
    if coins_before:
        assert bench.desk.await_one(AcceptorUp, since).reset
        assert isinstance(bench.desk.told[since], AcceptorReset)
    time.sleep(0.2)
    eventually(lambda: coins.memory["mask"] == 7 and coins.memory["master"])  # even where the counter was 0 before and after
    insert(coins, 50)
    bench.desk.await_one(CoinIn, since)
    assert [coin.accepted for coin in bench.desk.heard(CoinIn)] == list(range(1, coins_before + 2))


def test_a_note_acceptor_that_lost_its_escrow_setting_gets_it_back(bench: Bench) -> None:
    notes = bench.notes()
    bench.drive("notes")
    open_notes(bench, notes)
    notes.memory["operating"] = 1
    eventually(lambda: notes.memory["operating"] == 3)


@pytest.mark.covers("failure-20")
def test_a_cable_that_comes_out_and_goes_in_again(bench: Bench) -> None:
    coins = bench.coins()
    bench.drive("coins")
    open_coins(bench, coins)
    since = len(bench.desk.told)
    coins.do({"do": "unplug"})
    assert bench.desk.await_one(AcceptorDown, since) == AcceptorDown("coins", "offline")
    insert(coins, 100)
    insert(coins, 50)
    coins.do({"do": "plug"})
    bench.desk.await_one(AcceptorUp, since)
    assert [coin.denomination for coin in bench.desk.heard(CoinIn, since)] == [100, 50]
    eventually(lambda: coins.memory["mask"] == 7 and coins.memory["master"])


@pytest.mark.covers("failure-21")
def test_a_device_without_power_is_offline_and_its_line_stays_open(bench: Bench) -> None:
    opened: list[object] = []
    bench.wire = lambda port: opened.append(port) or port  # type: ignore[func-returns-value]
    coins = bench.coins()
    bench.drive("coins")
    bench.desk.await_one(AcceptorUp)
    coins.do({"do": "power", "to": "off"})
    assert bench.desk.await_one(AcceptorDown) == AcceptorDown("coins", "offline")
    since = len(bench.desk.told)
    coins.do({"do": "power", "to": "on"})
    bench.desk.await_one(AcceptorUp, since)
    assert len(opened) == 1


def test_a_device_that_is_not_there_yet_is_waited_for(bench: Bench) -> None:
    bench.drive("coins")
    assert bench.desk.await_one(AcceptorDown) == AcceptorDown("coins", "offline")
    bench.coins()
    bench.desk.await_one(AcceptorUp)
    assert len(bench.desk.told) == 2


@pytest.mark.covers("abuse-25")
@pytest.mark.covers("failure-14")
def test_another_device_than_the_enrolled_one_takes_no_money(bench: Bench) -> None:
    coins = bench.coins(serial=5)
    bench.drive("coins", enrolled="1060501")
    assert bench.desk.await_one(AcceptorDown) == AcceptorDown("coins", "swapped", "5")
    bench.desk.wants(coins=(100,))
    time.sleep(3 * QUICK.check_s)
    assert not coins.memory["master"]
    insert(coins, 100, falling=True)
    assert bench.desk.await_one(CoinIn).serial == "5"  # it is in the box all the same


@pytest.mark.covers("failure-14")
def test_the_memory_of_an_exchanged_device_is_not_our_money(bench: Bench) -> None:
    coins = bench.coins()
    driver = bench.drive("coins")
    open_coins(bench, coins)
    insert(coins, 100)
    bench.desk.await_one(CoinIn)
    coins.stop()
    since = len(bench.desk.told)
    (bench.place / "coins.json").unlink()
    other = CoinSimulator(bench.place / "coins", serial=77)
    for _ in range(3):
        other.do({"do": "insert_coin", "value_minor": 100, "falling": True})
    bench.simulate(other)
    up = bench.desk.await_one(AcceptorUp, since)
    assert (up.serial, up.counter, up.accepted, up.reset) == ("77", 3, 3, False)
    assert not bench.desk.heard(CoinIn, since)
    assert driver.alive


# ---------------------------------------------------------------- the desk


@pytest.mark.covers("failure-31", "failure-32")
def test_a_desk_that_does_not_listen_shuts_the_slot_and_misses_no_coin(bench: Bench) -> None:
    coins = bench.coins()
    bench.drive("coins")
    open_coins(bench, coins)
    bench.desk.block()
    insert(coins, 100)
    eventually(lambda: not coins.memory["master"])
    for _ in range(7):
        insert(coins, 50, falling=True)
        time.sleep(0.05)
    bench.desk.unblock()
    eventually(lambda: len(bench.desk.heard(CoinIn)) == 8)
    eventually(lambda: coins.memory["master"])


@pytest.mark.covers("failure-31", "failure-32")
def test_a_desk_that_stays_deaf_cannot_fill_our_memory(bench: Bench) -> None:
    coins = bench.coins()
    bench.drive("coins")
    open_coins(bench, coins)
    bench.desk.block()
    for _ in range(80):
        insert(coins, 50, falling=True)
        time.sleep(0.02)
    bench.desk.unblock()
    eventually(lambda: len(bench.desk.heard(CoinIn)) + sum(lost.events for lost in bench.desk.heard(EventsLost)) == 80)
    assert bench.desk.heard(EventsLost)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_desk_that_fails_ends_the_driver_with_the_slot_shut(bench: Bench) -> None:
    class BrokenDesk(ListeningDesk):
        def tell(self, seen: Seen) -> None:
            super().tell(seen)
            if isinstance(seen, CoinIn):
                raise RuntimeError("the desk is gone")

    desk = bench.desk = BrokenDesk()
    coins = bench.coins()
    driver = bench.drive("coins", desk)
    open_coins(bench, coins)
    insert(coins, 100)
    eventually(lambda: not driver.alive)
    assert not coins.memory["master"]
