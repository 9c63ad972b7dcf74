"""Failures 1 to 6: notes, and the power of who takes them."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.cash.desk import eventually
from tests.failures import told
from tests.failures.machine import Machine
from tests.failures.told import A_NOTE, BEGUN, NOTES_STOPPED, ONTO_THE_CARD

Built = Callable[..., Machine]


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
    machine.stops("notes")
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
    machine.stops("notes")
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
