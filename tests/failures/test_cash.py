"""Failures 7 to 14: what falls when, what is told twice, and who is not who he was."""

from collections.abc import Callable

import msgspec
import pytest

from kiosk.devices.sim.coins import CoinSimulator
from kiosk.vend.seen import NoteIn
from tests.cash.desk import eventually
from tests.failures import told
from tests.failures.machine import Machine
from tests.failures.told import A_NOTE, BEGUN, COINS_STOPPED, NOTES_STOPPED, ONTO_THE_CARD

Built = Callable[..., Machine]


@pytest.mark.covers("failure-7")
def test_failure_07_a_coin_falls_after_the_acceptor_was_shut(machine: Machine) -> None:
    machine.insert()
    machine.pays(50_00)
    machine.pull()
    machine.phase("unsure")
    eventually(lambda: not machine.coins.do({"do": "state"})["accepting"])
    machine.coin(1_00, falling=True)
    told.of(
        machine,
        money={"box": 51_00, "sale": 51_00},
        screen=("unsure", "Your 51.00 is safe. Put the SAME card back."),
        journal=[*BEGUN, *A_NOTE, "CoinAccepted"],
        explain=["Your 51.00 is in the machine.", "Your 1.00 was counted."],
    )
    machine.insert()
    machine.phase("insert")
    machine.press("finish")
    machine.phase("done")
    machine.coin(1_00, falling=True)
    told.of(
        machine,
        money={"box": 52_00, "card": 46_00, "fee": 5_00, "orphan": 1_00},
        screen=("done", "46.00 is on the card. It is not in the meter yet."),
        journal=[*BEGUN, *A_NOTE, "CoinAccepted", "CardPresented", *ONTO_THE_CARD, "OrphanCredit"],
        explain=["Your 46.00 is on the card", "1.00 was found in the machine beside this purchase. If it is yours, tell the office."],
        technician=["1.00 fell into the box and no sale explains it."],
    )


@pytest.mark.covers("failure-8")
def test_failure_08_a_coin_is_given_back_because_the_acceptor_is_shut(machine: Machine) -> None:
    machine.coins.do({"do": "insert_coin", "value_minor": 1_00})
    eventually(lambda: machine.coins.memory["rejected"] == 1)
    machine.insert()
    told.of(
        machine,
        money={},
        screen=("account", "This was left in your meter."),
        journal=["CardPresented"],
        explain=["The card was here. No money was taken."],
    )


@pytest.mark.covers("failure-9")
def test_failure_09_more_events_happened_than_the_acceptor_remembers(machine: Machine) -> None:
    machine.insert()
    machine.pays(50_00)
    machine.coins.do({"do": "unplug"})
    machine.stops("coins")
    for _ in range(7):
        machine.coin(1_00, falling=True)
    machine.coins.do({"do": "plug"})
    told.of(
        machine,
        money={"box": 57_00, "sale": 55_00, "pieces": 2},
        screen=("insert", "55.00 is in. Put in more, or press ENTER.", "More fell in and is not counted.", "Uncounted: 2."),
        journal=[
            *BEGUN,
            *A_NOTE,
            "DeviceFault coins offline",
            "DeviceFault coins events-lost-2",
            *["CoinAccepted"] * 5,
            "OrphanCredit",
            "DeviceRecovered coins",
        ],
        explain=[
            "Your 55.00 is in the machine.",
            COINS_STOPPED,
            "More fell in than the machine heard of.",
            "Some money was found in the machine beside this purchase.",
        ],
        technician=["coins: events-lost-2.", "2 pieces fell into the box that no sale explains", "A count of the box tells"],
    )


@pytest.mark.covers("failure-10")
def test_failure_10_the_acceptor_restarts_in_the_middle_of_a_sale(machine: Machine) -> None:
    machine.insert()
    machine.coin(1_00)
    machine.until(lambda view: view.figure_minor == 1_00)
    machine.coins.do({"do": "power", "to": "off"})
    machine.coins.do({"do": "power", "to": "on"})
    eventually(lambda: machine.coins.memory["mask"])
    machine.coin(1_00)
    told.of(
        machine,
        money={"box": 2_00, "sale": 2_00},
        screen=("insert", "2.00 is in. Put in more, or press ENTER."),
        journal=[*BEGUN, "CoinAccepted", "AcceptorRead coins 0", "CoinAccepted"],
        explain=["Your 2.00 is in the machine."],
        technician=["coins: 2.00, pieces 2. The acceptor's own count went from 0 to 2: as many."],
    )


@pytest.mark.covers("failure-11")
def test_failure_11_the_same_credit_is_reported_twice(built: Built) -> None:
    machine = built()
    machine.notes.do({"do": "fault", "duplicate": 1.0})
    machine.open()
    machine.insert()
    machine.pays(50_00)
    shown = machine.notes.do({"do": "state"})
    machine.desk.tell(NoteIn("notes", str(shown["serial"]), 50_00, shown["counter"], shown["accepted"]))
    machine.pull()
    machine.phase("unsure")
    machine.restart()  # and the acceptor remembers it still
    told.of(
        machine,
        money={"box": 50_00, "sale": 50_00},
        screen=("unsure", "Your 50.00 is safe. Put the SAME card back."),
        journal=[*BEGUN, *A_NOTE, "TenderClosed"],
        explain=["Your 50.00 is in the machine.", "Your 50.00 was counted."],
        technician=["notes: 50.00, pieces 1. The acceptor's own count went from 0 to 1: as many."],
    )


@pytest.mark.covers("failure-12")
@pytest.mark.parametrize("lost", ["lose_reply", "lose_request"])
def test_failure_12_the_answer_to_stack_this_note_is_lost(built: Built, lost: str) -> None:
    machine = built(route_s=0.05)
    machine.pace = msgspec.structs.replace(machine.pace, hold_s=60.0)  # 154 is said for the word alone
    machine.open()
    machine.insert()
    machine.notes.do({"do": "fault", lost: 154})
    machine.pays(50_00)
    told.of(
        machine,
        money={"box": 50_00, "sale": 50_00},
        screen=("insert", "50.00 is in. Put in more, or press ENTER."),
        journal=[*BEGUN, *A_NOTE],
        explain=["Your 50.00 is in the machine.", "Your 50.00 was counted."],
        technician=["notes: 50.00, pieces 1. The acceptor's own count went from 0 to 1: as many."],
    )
    assert machine.notes.line.faults.lose_reply == machine.notes.line.faults.lose_request == 0, "it was lost"


@pytest.mark.covers("failure-13")
def test_failure_13_a_string_on_a_note_is_reported(built: Built) -> None:
    machine = built()
    machine.pace = msgspec.structs.replace(machine.pace, fraud_s=60.0)
    machine.open()
    machine.insert()
    machine.pays(50_00)
    machine.notes.do({"do": "event", "a": 0, "b": 18})
    told.of(
        machine,
        money={"box": 50_00, "sale": 50_00},
        screen=("insert", "50.00 is in. Put in more, or press ENTER.", "Notes have stopped. Coins can still go in."),
        journal=[*BEGUN, *A_NOTE, "DeviceFault notes fraud-18"],
        explain=["Your 50.00 is in the machine.", NOTES_STOPPED],
        technician=["notes: fraud-18. No notes can go in."],
    )
    eventually(lambda: not machine.notes.memory["master"])


@pytest.mark.covers("failure-14")
def test_failure_14_the_acceptor_is_another_one_than_yesterday(built: Built) -> None:
    machine = built().open()
    machine.insert()
    machine.pays(50_00)
    machine.coins.stop()
    (machine.place / "coins.json").unlink()
    machine.coins = other = CoinSimulator(machine.place / "coins", serial=77)
    for _ in range(3):
        machine.coin(1_00, falling=True)  # before it came here
    elsewhere = other.memory["box"]
    other.memory["box"] = {}
    other.start()
    try:
        told.of(
            machine,
            money={"box": 50_00, "sale": 50_00},
            screen=("insert", "50.00 is in. Put in more, or press ENTER.", "Coins have stopped. Notes can still go in."),
            journal=[*BEGUN, *A_NOTE, "DeviceFault coins offline", "DeviceFault coins swapped"],
            explain=["Your 50.00 is in the machine.", COINS_STOPPED],
            technician=["coins: swapped. No coins can go in."],
        )
        assert elsewhere == {"100": 3}
        assert not other.do({"do": "state"})["accepting"]
    finally:
        machine.stop()
        other.stop()
        machine.drivers.clear()
