"""How a validator and its cable fail: what is told, what is credited, and where the note is."""

import pytest

from kiosk.devices.sim.essp import EsspSimulator
from kiosk.vend.ports import AcceptorMemory, DeskDied, Published
from kiosk.vend.seen import AcceptorDown, AcceptorUp, NoteBack, NoteIn
from tests.cash.desk import ListeningDesk, eventually
from tests.essp.conftest import Bench, quick
from tests.essp.desk import ALL, box, held, opened, pays


def trouble(bench: Bench, orders: list[dict[str, object]], code: str, mend: dict[str, object]) -> EsspSimulator:
    """Shut while it lasts, with that code, and open again when it is over."""
    sim = bench.notes()
    driver = bench.drive()
    opened(bench.desk, sim)
    since = len(bench.desk.told)
    for order in orders:
        sim.do(order)
    assert bench.desk.await_one(AcceptorDown, since).code == code
    eventually(lambda: not sim.memory["master"])
    assert driver.health().code == code
    sim.do(mend)
    bench.desk.await_one(AcceptorUp, since)
    eventually(lambda: sim.do({"do": "state"})["accepting"])
    assert driver.health().state == "online"
    assert not bench.desk.heard(NoteIn)
    return sim


@pytest.mark.covers("failure-1")
def test_a_safe_jam_shuts_the_slot_until_it_is_cleared(bench: Bench) -> None:
    trouble(bench, [{"do": "jam"}], "jammed", {"do": "clear"})


@pytest.mark.covers("failure-2")
def test_a_note_jammed_where_the_customer_can_pull_it_is_money_only_if_it_is_stacked_later(bench: Bench) -> None:
    sim = bench.notes(route_s=0.1)
    bench.drive()
    opened(bench.desk, sim)
    since = pays(bench.desk, sim, 1000)
    eventually(lambda: sim.do({"do": "state"})["moving"])
    sim.do({"do": "jam", "unsafe": True})
    assert bench.desk.await_one(AcceptorDown, since).code == "jammed"
    assert not bench.desk.heard(NoteIn)
    sim.do({"do": "clear", "note": "stack"})
    credit = bench.desk.await_one(NoteIn, since)
    assert (credit.denomination, credit.accepted) == (1000, 1)
    bench.desk.await_one(AcceptorUp, since)


@pytest.mark.covers("failure-3")
def test_a_full_stacker_shuts_the_notes(bench: Bench) -> None:
    trouble(bench, [{"do": "stacker", "to": "full"}], "full", {"do": "stacker", "to": "in"})


@pytest.mark.covers("failure-4")
def test_a_stacker_that_is_taken_out_shuts_the_slot_until_it_is_back(bench: Bench) -> None:
    trouble(bench, [{"do": "stacker", "to": "out"}], "removed", {"do": "stacker", "to": "in"})


@pytest.mark.covers("failure-13")
def test_a_fraud_shuts_the_slot_for_a_while_and_brings_no_credit(bench: Bench) -> None:
    sim = trouble(bench, [{"do": "fraud", "channel": 2}], "fraud-230", {"do": "state"})
    assert sim.do({"do": "state"})["repeated"] == []


def test_the_third_fraud_shuts_it_for_good(bench: Bench) -> None:
    sim = bench.notes()
    bench.drive(pace=quick(fraud_s=0.05))
    opened(bench.desk, sim)
    for strike in range(3):
        since = len(bench.desk.told)
        sim.do({"do": "fraud"})
        bench.desk.await_one(AcceptorDown, since)
        if strike < 2:
            bench.desk.await_one(AcceptorUp, since)
        eventually(lambda: not sim.do({"do": "state"})["repeated"])
    with pytest.raises(AssertionError):
        bench.desk.await_one(AcceptorUp, since, timeout_s=0.4)


def test_a_device_that_starts_with_a_full_box_says_what_it_has_and_then_that_it_is_full(bench: Bench) -> None:
    sim = bench.notes()
    sim.do({"do": "stacker", "to": "full"})
    bench.drive()
    bench.desk.await_one(AcceptorUp)
    assert bench.desk.await_one(AcceptorDown).code == "full"
    assert not sim.do({"do": "state"})["accepting"]


def test_an_event_that_nobody_knows_shuts_the_slot_and_costs_no_credit(bench: Bench) -> None:
    sim = bench.notes(keyed="none", polls_with_ack=False)
    bench.drive()
    opened(bench.desk, sim)
    since = len(bench.desk.told)
    with sim.line.lock:
        sim.put_in_box(1000)
        sim.do({"do": "say", "codes": "b1 ee 03"})  # the credit stands behind it and cannot be read
    assert bench.desk.await_one(AcceptorDown, since).code == "fault-177"
    assert bench.desk.await_one(AcceptorUp, since).accepted == 1


@pytest.mark.covers("failure-10")
@pytest.mark.parametrize("model", [{}, {"polls_with_ack": False}, {"keyed": "none"}])
def test_a_device_that_starts_again_in_the_middle_of_a_sale_is_set_up_anew(bench: Bench, model: dict[str, object]) -> None:
    sim = bench.notes(**model)
    bench.drive()
    opened(bench.desk, sim)
    bench.desk.await_one(NoteIn, pays(bench.desk, sim, 1000))
    eventually(lambda: not sim.do({"do": "state"})["repeated"])
    since = len(bench.desk.told)
    sim.do({"do": "reset"})
    up = bench.desk.await_one(AcceptorUp, since)
    assert (up.accepted, up.reset) == (1, True)
    eventually(lambda: sim.do({"do": "state"})["accepting"])
    assert bench.desk.await_one(NoteIn, pays(bench.desk, sim, 500)).accepted == 2


def test_nothing_is_let_in_before_the_device_has_started_up_and_one_that_never_does_is_offline(bench: Bench) -> None:
    sim = bench.notes(starts_s=0.5)
    sim.do({"do": "power", "to": "off"})
    sim.do({"do": "power", "to": "on"})
    bench.drive(pace=quick(rest_s=0.1))
    bench.desk.wants(notes=ALL)
    assert bench.desk.await_one(AcceptorDown).code == "offline"
    assert not bench.desk.heard(AcceptorUp)
    assert not sim.memory["master"]
    bench.desk.await_one(AcceptorUp)
    eventually(lambda: sim.do({"do": "state"})["accepting"])


@pytest.mark.covers("failure-5")
@pytest.mark.parametrize("tells", ["event", "unknown", "nothing"])
@pytest.mark.parametrize("goes", ["return", "stack"])
def test_a_note_in_escrow_when_the_device_lost_power_is_what_the_device_says(bench: Bench, goes: str, tells: str) -> None:
    sim = bench.notes(at_power_loss=goes, power_up_tells=tells)
    bench.drive()
    opened(bench.desk, sim)
    held(bench.desk, sim, 1000)
    since = len(bench.desk.told)
    sim.do({"do": "power", "to": "off"})
    sim.do({"do": "power", "to": "on"})
    up = bench.desk.await_one(AcceptorUp, since)
    assert (up.accepted, up.reset) == (goes == "stack", True)
    told = [(seen.denomination, seen.accepted) for seen in bench.desk.heard(NoteIn)]
    assert told == ([(1000 if tells == "event" else 0, 1)] if goes == "stack" and tells != "nothing" else [])
    eventually(lambda: not sim.do({"do": "state"})["repeated"])


@pytest.mark.covers("failure-11")
@pytest.mark.parametrize("fault", [{"duplicate": 1.0}, {"split": True}, {"delay_ms": 30}, {"lose_reply": 0x56}, {"lose_reply": 0x57}])
def test_a_credit_that_is_said_twice_or_in_pieces_is_one_credit(bench: Bench, fault: dict[str, object]) -> None:
    sim = bench.notes()
    bench.drive()
    opened(bench.desk, sim)
    note = held(bench.desk, sim, 1000)
    sim.do({"do": "fault", **fault})
    bench.desk.wants(notes=ALL, escrow="stack", counter=note.counter)
    eventually(lambda: sim.memory["accepted"] == 1 and not sim.memory["repeated"])
    bench.desk.await_one(NoteIn, pays(bench.desk, sim, 500))
    eventually(lambda: not sim.memory["repeated"])
    assert [(seen.denomination, seen.accepted) for seen in bench.desk.heard(NoteIn)] == [(1000, 1), (500, 2)]


@pytest.mark.covers("failure-12")
@pytest.mark.parametrize("lost", ["lose_reply", "lose_request"])
@pytest.mark.parametrize("command", [0x56, 0x18, 0x08, 0x57, 0x0A])
def test_a_packet_that_is_lost_is_sent_again_as_it_was(bench: Bench, lost: str, command: int) -> None:
    sim = bench.notes(keyed="none")
    bench.drive()
    opened(bench.desk, sim)
    for turn, word in enumerate(("stack", "return", "stack")):
        note = held(bench.desk, sim, 1000)
        sim.do({"do": "fault", lost: command})
        bench.desk.wants(notes=ALL if turn else (), escrow=word, counter=note.counter)
        eventually(lambda: not sim.memory["held"])
        bench.desk.wants(notes=ALL)
        eventually(lambda: not sim.memory["repeated"])
    eventually(lambda: len(bench.desk.heard(NoteIn)) == 2 and len(bench.desk.heard(NoteBack)) == 1)
    assert box(sim) == {"1000": 2}


@pytest.mark.covers("failure-20")
def test_a_cable_that_was_pulled_is_opened_again_and_a_note_that_was_held_goes_back(bench: Bench) -> None:
    sim = bench.notes()
    driver = bench.drive()
    opened(bench.desk, sim)
    held(bench.desk, sim, 1000)
    since = len(bench.desk.told)
    sim.do({"do": "unplug"})
    assert bench.desk.await_one(AcceptorDown, since).code == "offline"
    assert driver.health().state == "no_device"
    sim.do({"do": "plug"})
    up = bench.desk.await_one(AcceptorUp, since)
    assert (up.accepted, up.reset) == (0, True)  # nothing was counted: the desk knows that the note went back
    assert box(sim) == {}
    assert not bench.desk.heard(NoteIn)


@pytest.mark.covers("failure-21")
def test_a_device_that_is_silent_is_offline_and_is_tried_again(bench: Bench) -> None:
    sim = bench.notes()
    driver = bench.drive(pace=quick(reply_s=0.03, tries=3))
    opened(bench.desk, sim)
    since = len(bench.desk.told)
    sim.do({"do": "fault", "drop": 1.0})
    assert bench.desk.await_one(AcceptorDown, since).code == "offline"
    assert driver.health().state == "offline"
    sim.do({"do": "fault", "drop": 0.0})
    bench.desk.await_one(AcceptorUp, since)


@pytest.mark.covers("failure-14")
def test_another_device_than_the_enrolled_one_takes_no_money_and_keeps_its_own_credits(bench: Bench) -> None:
    sim = bench.notes(serial=99)
    with sim.line.lock:
        sim.put_in_box(2000)
        sim.memory["repeated"].append([0xEE, 4])
    bench.drive(enrolled="4060504")
    down = bench.desk.await_one(AcceptorDown)
    assert (down.code, down.serial) == ("swapped", "99")
    bench.desk.wants(notes=ALL)
    with pytest.raises(AssertionError):
        bench.desk.await_one(AcceptorUp, timeout_s=0.3)
    assert not sim.do({"do": "state"})["master"]
    assert sim.do({"do": "state"})["repeated"] == [[0xEE, 4]]
    assert not bench.desk.heard(NoteIn)


@pytest.mark.covers("abuse-27")
def test_a_device_that_pays_out_coins_is_no_validator(bench: Bench) -> None:
    bench.notes(unit=3)
    bench.drive()
    down = bench.desk.await_one(AcceptorDown)
    assert (down.code, down.serial) == ("swapped", "")


def test_a_credit_of_before_the_machine_knew_the_device_is_nobodys_here(bench: Bench) -> None:
    sim = bench.notes()
    with sim.line.lock:
        sim.put_in_box(2000)
        sim.memory["repeated"].append([0xEE, 4])
    bench.drive()
    assert bench.desk.await_one(AcceptorUp).accepted == 1
    eventually(lambda: not sim.do({"do": "state"})["repeated"])
    assert not bench.desk.heard(NoteIn)


@pytest.mark.covers("field-95")
def test_a_counter_that_went_back_is_told_as_it_is_and_brings_no_credit(bench: Bench) -> None:
    sim = bench.notes()
    bench.desk.knows("notes", AcceptorMemory("4060504", 9, 0xFFFFFFFF))
    bench.drive()
    assert bench.desk.await_one(AcceptorUp).accepted == 0
    bench.desk.wants(notes=ALL)
    bench.desk.await_one(NoteIn, pays(bench.desk, sim, 1000))
    assert [seen.accepted for seen in bench.desk.heard(NoteIn)] == [1]


@pytest.mark.covers("failure-32")
def test_nothing_is_taken_while_the_desk_does_not_listen(bench: Bench) -> None:
    sim = bench.notes()
    bench.drive()
    opened(bench.desk, sim)
    bench.desk.block()
    sim.do({"do": "insert_note", "value_minor": 1234})  # a rejection is told, and nobody hears it
    eventually(lambda: not sim.do({"do": "state"})["accepting"])
    bench.desk.unblock()
    eventually(lambda: sim.do({"do": "state"})["accepting"])


@pytest.mark.covers("failure-6")
@pytest.mark.parametrize("model", [{}, {"polls_with_ack": False}, {"accept_counter": False}])
@pytest.mark.parametrize("journaled", [True, False])
def test_a_kiosk_that_died_after_the_word_finds_the_credit_once(bench: Bench, model: dict[str, object], *, journaled: bool) -> None:
    """The first driver never hears of the credit, or its journal has it and the device was not told so."""
    sim = bench.notes(**model)
    first = bench.drive()
    opened(bench.desk, sim)
    note = held(bench.desk, sim, 1000)
    first.stop()
    eventually(lambda: not sim.memory["held"])
    with sim.line.lock:  # it was stacked before the kiosk died
        sim.put_in_box(1000)
        sim.memory["repeated"].append([0xEE, 3])
    counts = model.get("accept_counter", True)
    second = ListeningDesk()
    second.knows("notes", AcceptorMemory("4060504", note.counter + journaled, int(journaled) if counts else None))
    second.wants(escrow="return", counter=None if journaled else note.counter)
    bench.drive(second)
    up = second.await_one(AcceptorUp)
    assert up.accepted == (1 if counts else None)
    assert [seen.denomination for seen in second.heard(NoteIn)] == ([] if journaled else [1000])
    eventually(lambda: not sim.do({"do": "state"})["repeated"])


def test_a_note_that_is_in_escrow_when_the_kiosk_comes_back_goes_back_before_a_poll_takes_it(bench: Bench) -> None:
    sim = bench.notes()
    sim.memory |= {"held": 3, "announced": True, "master": 1, "mask": 63}
    bench.desk.knows("notes", AcceptorMemory("4060504", 9, 0))
    bench.desk.wants(escrow="return", counter=9)
    bench.drive()
    up = bench.desk.await_one(AcceptorUp)
    assert (up.accepted, up.reset) == (0, True)
    assert box(sim) == {}


class MortalDesk(ListeningDesk):
    """A desk that can die."""

    dead = False

    def wait(self, rev: int, timeout_s: float) -> Published:
        published = super().wait(rev, timeout_s)
        if self.dead:
            raise DeskDied
        return published


@pytest.mark.covers("failure-31")
def test_when_the_desk_dies_a_held_note_goes_back_and_the_slot_is_shut(bench: Bench) -> None:
    sim, desk = bench.notes(), MortalDesk()
    driver = bench.drive(desk)
    opened(desk, sim)
    held(desk, sim, 1000)
    desk.dead = True
    eventually(lambda: not driver.alive)
    eventually(lambda: not sim.memory["held"])
    assert box(sim) == {}
    assert not desk.heard(NoteIn)


class StumblingDesk(ListeningDesk):
    """A desk on whose account the driver dies of an error, once."""

    stumbles = False

    def wait(self, rev: int, timeout_s: float) -> Published:
        if self.stumbles:
            self.stumbles = False
            raise ZeroDivisionError
        return super().wait(rev, timeout_s)


def test_a_driver_that_died_of_an_error_begins_anew_and_is_heard(bench: Bench, capfd: pytest.CaptureFixture[str]) -> None:
    sim, desk = bench.notes(), StumblingDesk()
    bench.drive(desk)
    opened(desk, sim)
    held(desk, sim, 500)
    since = len(desk.told)
    desk.stumbles = True
    up = desk.await_one(AcceptorUp, since)
    assert (up.accepted, up.reset) == (0, True)  # the held note went back
    desk.await_one(NoteIn, pays(desk, sim, 1000))
    assert box(sim) == {"1000": 1}
    assert "ZeroDivisionError" in capfd.readouterr().err
