"""The driver against the simulated validator: what the desk is told, and where the note is."""

import time

import pytest

from kiosk.devices.sim.essp import EsspSimulator
from kiosk.vend.ports import AcceptorMemory
from kiosk.vend.seen import AcceptorDown, AcceptorUp, NoteBack, NoteHeld, NoteIn, NoteRejected
from tests.cash.desk import ListeningDesk, eventually
from tests.essp.conftest import QUICK, Bench, quick
from tests.essp.desk import ALL, box, held, opened, pays


@pytest.mark.parametrize("keyed", ["none", "optional", "required"])
def test_a_note_is_held_stacked_and_credited_in_clear_and_encrypted(bench: Bench, keyed: str) -> None:
    sim = bench.notes(keyed=keyed)
    driver = bench.drive(at="/dev/notes")
    up = opened(bench.desk, sim)
    assert (up.serial, up.accepted, up.denominations) == ("4060504", 0, ALL)
    credit = bench.desk.await_one(NoteIn, pays(bench.desk, sim, 1000))
    assert (credit.denomination, credit.accepted) == (1000, 1)
    eventually(lambda: not sim.do({"do": "state"})["repeated"])
    assert sim.do({"do": "state"})["sealed"] == (keyed != "none")
    bench.desk.await_one(NoteBack, pays(bench.desk, sim, 2000, "return"))
    assert bench.desk.await_one(NoteIn, pays(bench.desk, sim, 5000)).accepted == 2
    assert box(sim) == {"1000": 1, "5000": 1}
    assert len(bench.desk.heard(NoteIn)) == 2
    who = driver.identity()
    assert who
    assert (who.kind, who.protocol, who.serial, who.port) == ("notes", "essp", "4060504", "/dev/notes")
    assert who.firmware == "SIM0100000000001 CNY01000"
    assert driver.health().state == "online"


def test_a_held_note_is_kept_for_as_long_as_the_desk_thinks_and_is_never_taken_by_a_poll(bench: Bench) -> None:
    sim = bench.notes(hold_s=0.3)
    bench.drive(bench.desk, pace=QUICK)
    opened(bench.desk, sim)
    note = held(bench.desk, sim, 10000)
    time.sleep(0.9)  # three times what the device would wait for a packet
    assert sim.do({"do": "state"})["held"] == 6
    bench.desk.wants(notes=ALL, escrow="stack", counter=(note.counter + 7) % 255)  # a word about another note
    time.sleep(0.2)
    assert sim.do({"do": "state"})["held"] == 6
    bench.desk.wants(notes=ALL, escrow="stack", counter=note.counter)
    bench.desk.await_one(NoteIn)
    assert box(sim) == {"10000": 1}


def test_a_note_that_nobody_has_a_word_for_goes_back(bench: Bench) -> None:
    sim = bench.notes()
    bench.drive(pace=quick(decide_s=0.2))
    opened(bench.desk, sim)
    note = held(bench.desk, sim, 500)
    assert bench.desk.await_one(NoteBack).counter != note.counter
    bench.desk.wants(notes=ALL, escrow="stack", counter=note.counter)  # too late
    time.sleep(0.1)
    assert box(sim) == {}


@pytest.mark.covers("failure-34")
def test_only_what_the_stance_names_can_come_in(bench: Bench) -> None:
    sim = bench.notes()
    bench.drive()
    bench.desk.await_one(AcceptorUp)
    bench.desk.wants(notes=(500, 1000))
    eventually(lambda: sim.do({"do": "state"})["accepting"])
    sim.do({"do": "insert_note", "value_minor": 2000})
    assert bench.desk.await_one(NoteRejected).code == "inhibited"
    bench.desk.wants()
    eventually(lambda: not sim.do({"do": "state"})["accepting"])
    assert not bench.desk.heard(NoteHeld)


def test_inhibits_that_a_device_forgot_are_set_again(bench: Bench) -> None:
    sim = bench.notes()
    bench.drive()
    opened(bench.desk, sim)
    sim.memory["master"] = 0
    eventually(lambda: sim.do({"do": "state"})["accepting"])
    sim.memory["mask"] = 0
    eventually(lambda: sim.do({"do": "state"})["accepting"])


def test_a_credit_repeats_until_the_journal_has_it(bench: Bench) -> None:
    sim, desk = bench.notes(), ListeningDesk(remember=False)
    bench.drive(desk)
    opened(desk, sim)
    desk.knows("notes", AcceptorMemory("4060504", 0, 0))
    since = pays(desk, sim, 1000)
    credit = desk.await_one(NoteIn, since)
    time.sleep(0.3)
    assert sim.do({"do": "state"})["repeated"] == [[0xEE, 3]]
    assert len(desk.heard(NoteIn)) == 1
    desk.knows("notes", AcceptorMemory("4060504", credit.counter, 1))
    eventually(lambda: not sim.do({"do": "state"})["repeated"])
    assert len(desk.heard(NoteIn)) == 1


@pytest.mark.covers("failure-7")
def test_a_note_that_is_stacked_after_the_slot_was_shut_is_still_money(bench: Bench) -> None:
    sim = bench.notes()
    bench.drive()
    opened(bench.desk, sim)
    bench.desk.wants()
    eventually(lambda: not sim.do({"do": "state"})["accepting"])
    with sim.line.lock:
        sim.put_in_box(2000)
        sim.memory["repeated"].append([0xEE, 4])
    credit = bench.desk.await_one(NoteIn)
    assert (credit.denomination, credit.accepted) == (2000, 1)
    eventually(lambda: not sim.do({"do": "state"})["repeated"])


def test_growth_of_the_counter_that_no_event_explains_is_told(bench: Bench) -> None:
    sim = bench.notes()
    bench.drive()
    opened(bench.desk, sim)
    since = len(bench.desk.told)
    with sim.line.lock:
        sim.put_in_box(2000)
    bench.desk.wants()
    eventually(lambda: not sim.do({"do": "state"})["accepting"])
    bench.desk.wants(notes=ALL)  # counters come before notes
    assert bench.desk.await_one(AcceptorUp, since).accepted == 1
    assert not bench.desk.heard(NoteIn)


def test_a_counter_that_follows_its_credit_late_makes_one_credit(bench: Bench) -> None:
    sim = bench.notes(count_lag_s=0.15)
    bench.drive()
    opened(bench.desk, sim)
    since = pays(bench.desk, sim, 1000)
    assert bench.desk.await_one(NoteIn, since).accepted == 1
    time.sleep(0.5)
    assert [seen.accepted for seen in bench.desk.heard(AcceptorUp, since)] in ([], [1])


@pytest.mark.parametrize("model", [{"keyed": "none"}, {"keyed": "none", "polls_with_ack": False}, {"accept_counter": False}])
def test_older_devices_sell_too(bench: Bench, model: dict[str, object]) -> None:
    sim = bench.notes(**model)
    bench.drive()
    opened(bench.desk, sim)
    for minor in (1000, 500):
        bench.desk.await_one(NoteIn, pays(bench.desk, sim, minor))
    assert box(sim) == {"1000": 1, "500": 1}
    assert [note.accepted for note in bench.desk.heard(NoteIn)] == ([None, None] if "accept_counter" in model else [1, 2])


def test_a_device_of_an_old_protocol_tells_its_values_in_one_byte_each(bench: Bench) -> None:
    sim = bench.notes(newest=5)
    bench.drive()
    assert opened(bench.desk, sim).denominations == ALL


def test_notes_of_another_currency_are_never_let_in(bench: Bench) -> None:
    bench.notes()
    bench.drive(currency="KES")
    assert bench.desk.await_one(AcceptorUp).denominations == ()


def test_without_a_key_nothing_is_sold_where_it_must_be_encrypted(bench: Bench) -> None:
    sim = bench.notes(keyed="none")
    driver = bench.drive(encryption="on")
    assert bench.desk.await_one(AcceptorDown).code == "offline"
    assert driver.health().state == "offline"
    assert not sim.do({"do": "state"})["accepting"]


def test_a_device_with_another_fixed_key_is_served_in_clear_or_not_at_all(bench: Bench) -> None:
    sim = bench.notes(fixed=0xFEDCBA9876543210)
    bench.drive(pace=quick(reply_s=0.03, tries=2))
    opened(bench.desk, sim)
    bench.desk.await_one(NoteIn, pays(bench.desk, sim, 1000))
    assert box(sim) == {"1000": 1}


def test_a_fixed_key_of_ones_own_is_used(bench: Bench) -> None:
    sim = bench.notes(keyed="required", fixed=0xFEDCBA9876543210)
    bench.drive(encryption="on", fixed=0xFEDCBA9876543210)
    opened(bench.desk, sim)
    bench.desk.await_one(NoteIn, pays(bench.desk, sim, 1000))


def test_returned_notes_move_the_ordinal_and_the_journal_hears_of_it(bench: Bench) -> None:
    sim = bench.notes()
    bench.drive()
    opened(bench.desk, sim)
    for _ in range(3):
        bench.desk.await_one(NoteBack, pays(bench.desk, sim, 500, "return"))
    since = len(bench.desk.told)
    assert bench.desk.await_one(AcceptorUp, since - 1).counter == 6


@pytest.mark.covers("field-94")
def test_the_ordinal_goes_round_at_255(bench: Bench) -> None:
    sim = bench.notes()
    bench.desk.knows("notes", AcceptorMemory("4060504", 253, 0))
    bench.drive()
    opened(bench.desk, sim)
    counters = []
    for _ in range(2):
        counters.append(held(bench.desk, sim, 1000).counter)
        bench.desk.wants(notes=ALL, escrow="stack", counter=counters[-1])
        counters.append(await_credit(bench.desk, sim))
    assert counters == [254, 255, 1, 2]
    eventually(lambda: not sim.do({"do": "state"})["repeated"])


def await_credit(desk: ListeningDesk, sim: EsspSimulator) -> int:
    """The counter of the newest credit, once the device repeats none."""
    eventually(lambda: desk.heard(NoteIn) and not sim.do({"do": "state"})["held"] and not sim.do({"do": "state"})["repeated"])
    return desk.heard(NoteIn)[-1].counter


def test_stop_gives_a_held_note_back_and_leaves_the_device_disabled(bench: Bench) -> None:
    sim = bench.notes()
    driver = bench.drive()
    opened(bench.desk, sim)
    held(bench.desk, sim, 1000)
    driver.stop()
    assert not driver.alive
    eventually(lambda: not sim.do({"do": "state"})["held"])
    assert box(sim) == {}
    driver.stop()
