"""Failures 1 to 14: notes, coins and what takes them."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from kiosk.devices.sim.coins import CoinSimulator
from kiosk.vend.seen import NoteIn
from tests.cash.desk import eventually
from tests.failures import told
from tests.failures.machine import Machine

Built = Callable[..., Machine]
BEGUN = ["CardPresented", "SaleOpened"]
A_NOTE = ["NoteEscrowed", "NoteStacked"]
ONTO_THE_CARD = ["TenderClosed", "ReturnFileArchived", "WriteStarted", "CardVerified", "SaleClosed"]
NOTES_STOPPED = "A part of the machine stopped. No notes can go in."
COINS_STOPPED = "A part of the machine stopped. No coins can go in."


def stopped(machine: Machine, what: str) -> None:
    """The screen knows of it."""
    machine.until(lambda view: view.params.get("stopped") == what)


def jammed(built: Built, *paid: int, unsafe: bool = False) -> Machine:
    """What was paid is in; then a note of 100 is stuck on its way into the box."""
    machine = built(route_s=0.3)
    machine.pace = msgspec.structs.replace(machine.pace, route_s=1.0)
    machine.open()
    machine.insert()
    machine.pays(*paid)
    machine.feed(100_00)
    eventually(lambda: machine.notes.memory["moving"] == "stack")
    machine.notes.do({"do": "jam", "unsafe": unsafe})
    stopped(machine, "notes")
    return machine


@pytest.mark.covers("failure-1")
def test_failure_01_a_note_is_jammed_where_the_customer_cannot_reach_it(built: Built) -> None:
    machine = jammed(built, 50_00)
    known = [*BEGUN, *A_NOTE, "NoteEscrowed", "DeviceFault notes jammed"]
    told.of(
        machine,
        money={"box": 50_00, "escrow": 100_00, "sale": 50_00},
        screen=("insert", "Your 100 is stuck. 50.00 is in and safe.", "It counts if it falls in."),
        journal=known,
        explain=["Your 50.00 is in the machine.", "One note of 100.00 was in the mouth of the machine.", NOTES_STOPPED],
        technician=["notes: jammed."],
    )
    machine.wait(61)
    machine.press("finish")
    told.of(
        machine,
        money={"box": 50_00, "escrow": 100_00, "card": 45_00, "fee": 5_00, "doubt": 100_00},
        screen=("done", "45.00 is on the card. It is not in the meter yet.", "In doubt: 100.00."),
        journal=[*known, "EscrowUnknown", *ONTO_THE_CARD],
        explain=["Your 45.00 is on the card", "One note of 100.00 is not counted yet", "technician: The technician counts the box."],
        technician=["if it holds 100.00 more than the rows say, the note is in it"],
    )


@pytest.mark.covers("failure-2")
@pytest.mark.parametrize("pulled", [True, False], ids=["pulled-out", "stacked-later"])
def test_failure_02_a_note_is_jammed_where_the_customer_can_still_pull_it(built: Built, *, pulled: bool) -> None:
    machine = jammed(built, unsafe=True)
    known = [*BEGUN, "NoteEscrowed", "DeviceFault notes jammed"]
    told.of(
        machine,
        money={"escrow": 100_00},
        screen=("insert", "Your 100 is stuck. It is not counted yet.", "If it comes out, take it."),
        journal=known,
        explain=["One note of 100.00 was in the mouth of the machine. If it did not come back to you, it is in the machine."],
    )
    machine.notes.do({"do": "clear", "note": "gone" if pulled else "stack"})
    if pulled:
        told.of(
            machine,
            money={},
            screen=("insert", "That note came back. You have paid nothing."),
            journal=[*known, "NoteReturned", "DeviceRecovered notes"],
            explain=["Your note of 100.00 came back to you. It was not counted.", "It works again: notes."],
        )
    else:
        told.of(
            machine,
            money={"box": 100_00, "sale": 100_00},
            screen=("insert", "100.00 is in. Put in more, or press ENTER."),
            journal=[*known, "NoteStacked", "DeviceRecovered notes"],
            explain=["Your 100.00 is in the machine.", "Your 100.00 was counted.", "It works again: notes."],
        )


@pytest.mark.covers("failure-3")
def test_failure_03_the_note_box_is_full(machine: Machine) -> None:
    machine.insert()
    machine.pays(50_00)
    machine.notes.do({"do": "stacker", "to": "full"})
    stopped(machine, "notes")
    machine.coin(1_00)
    told.of(
        machine,
        money={"box": 51_00, "sale": 51_00},
        screen=("insert", "51.00 is in. Put in more, or press ENTER.", "Notes have stopped. Coins can still go in."),
        journal=[*BEGUN, *A_NOTE, "DeviceFault notes full", "CoinAccepted"],
        explain=["Your 51.00 is in the machine.", NOTES_STOPPED, "Your 1.00 was counted."],
        technician=["notes: full. No notes can go in."],
    )
    assert not machine.notes.do({"do": "state"})["accepting"]


@pytest.mark.covers("failure-4")
def test_failure_04_the_note_box_is_taken_out_and_put_back(machine: Machine) -> None:
    machine.insert()
    machine.pays(50_00)
    machine.notes.do({"do": "stacker", "to": "out"})
    out = [*BEGUN, *A_NOTE, "DeviceFault notes removed", "CashBoxMissing"]
    told.of(
        machine,
        money={"box": 50_00, "sale": 50_00},
        screen=("insert", "50.00 is in. Put in more, or press ENTER.", "Notes have stopped. Coins can still go in."),
        journal=out,
        explain=["Your 50.00 is in the machine.", NOTES_STOPPED],
        technician=["notes: removed."],
    )
    assert not machine.notes.do({"do": "state"})["accepting"]
    machine.notes.do({"do": "stacker", "to": "in"})
    machine.pays(20_00)
    told.of(
        machine,
        money={"box": 70_00, "sale": 70_00},
        screen=("insert", "70.00 is in. Put in more, or press ENTER.", "No change. All of it goes on your card."),
        journal=[*out, "DeviceRecovered notes", "CashBoxBack", *A_NOTE],
        explain=["Your 70.00 is in the machine.", "It works again: notes."],
    )


EVIDENCE: dict[str, tuple[dict[str, Any], str]] = {  # what the acceptor does with the note, what it can say of it, and what is then known
    "it-went-back": ({"at_power_loss": "return"}, "NoteReturned"),
    "it-fell-in": ({"at_power_loss": "stack"}, "NoteStacked"),
    "only-the-counter-tells": ({"at_power_loss": "stack", "power_up_tells": "nothing"}, "NoteStacked"),
    "no-evidence": ({"at_power_loss": "stack", "power_up_tells": "nothing", "accept_counter": False}, "EscrowUnknown"),
}


@pytest.mark.covers("failure-5")
@pytest.mark.parametrize("case", EVIDENCE)
def test_failure_05_the_power_fails_while_a_note_is_in_escrow(built: Built, case: str) -> None:
    model, fact = EVIDENCE[case]
    machine = built(**{"route_s": 60.0, **model}).start()  # it does not get into the box before the power goes
    machine.insert()
    machine.feed(100_00)
    eventually(lambda: machine.notes.memory["moving"])
    machine.stop()
    machine.pull()
    machine.notes.do({"do": "power", "to": "off"})
    machine.start()
    told.of(
        machine,
        money={"escrow": 100_00},
        screen=("interrupted", "The power went off. We look where your 100 is."),
        journal=[*BEGUN, "NoteEscrowed", "DeviceFault notes offline"],
        explain=["One note of 100.00 was in the mouth of the machine.", "The machine was without power and started again."],
    )
    machine.notes.do({"do": "power", "to": "on"})
    known = [*BEGUN, "NoteEscrowed", "DeviceFault notes offline", "AcceptorRead notes 0"]
    match fact:
        case "NoteReturned":
            told.of(
                machine,
                money={},
                screen=("attract", "Put your electricity card in the slot."),
                journal=[*known, "NoteReturned", "DeviceRecovered notes", "SaleClosed"],
                explain=["Your note of 100.00 came back to you. It was not counted."],
            )
        case "NoteStacked":
            told.of(
                machine,
                money={"box": 100_00, "sale": 100_00},
                screen=("unsure", "Your 100.00 is safe. Put the SAME card back.", "The power went off."),
                journal=[*known, "NoteStacked", "DeviceRecovered notes", "TenderClosed"],
                explain=["Your 100.00 is in the machine.", "Then the machine found that your 100.00 was in: it was counted."],
            )
        case _:
            told.of(
                machine,
                money={"box": 100_00, "doubt": 100_00},
                screen=("claim", "Your 100.00 is in doubt. Keep the slip's number.", "The office counts the box: what is in it is yours."),
                journal=[*known, "EscrowUnknown", "DeviceRecovered notes", "ClaimIssued", "SaleClosed"],
                explain=["One note of 100.00 is not counted yet", "A note in doubt is yours as soon as it is found in the box."],
                technician=["The acceptor cannot say. It is no credit.", "Counts the note box"],
            )


@pytest.mark.covers("failure-6")
def test_failure_06_only_the_kiosk_loses_power_and_the_acceptor_lives_on(machine: Machine) -> None:
    machine.insert()
    machine.pays(50_00)
    machine.stop()
    machine.pull()
    machine.coin(1_00, falling=True)
    machine.start()
    known = [*BEGUN, *A_NOTE, "CoinAccepted", "TenderClosed"]
    told.of(
        machine,
        money={"box": 51_00, "sale": 51_00},
        screen=("unsure", "Your 51.00 is safe. Put the SAME card back.", "The power went off."),
        journal=known,
        explain=["Your 51.00 is in the machine.", "The machine was without power and started again.", "Your 1.00 was counted."],
    )
    machine.insert()
    told.of(
        machine,
        money={"box": 51_00, "card": 46_00, "fee": 5_00},
        screen=("done", "46.00 is on the card. It is not in the meter yet."),
        journal=[*known, "CardPresented", *ONTO_THE_CARD[1:]],
        explain=["Your 46.00 is on the card", "After the power cut the machine went on with what you had paid."],
    )


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
    stopped(machine, "coins")
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
