"""Failures 26, 33 and 34: the electricity card and whoever holds it."""

import pytest

from kiosk.devices.sim.faults import NONE, Cut, Faults
from tests.cash.desk import eventually
from tests.failures import told
from tests.failures.machine import Machine
from tests.failures.told import A_NOTE, BEGUN, ONTO_THE_CARD

WRITING = ["TenderClosed", "ReturnFileArchived", "WriteStarted"]


@pytest.mark.covers("failure-26")
@pytest.mark.parametrize("update", [0, 1, 2])
def test_failure_26_the_card_is_pulled_while_it_is_written(machine: Machine, update: int) -> None:
    machine.insert()
    machine.pays(100_00)
    machine.card.arm(Faults(cut=Cut(update=update, byte=3)))
    machine.press("finish")
    told.of(
        machine,
        money={"box": 100_00, "sale": 100_00},
        screen=("unsure", "Your 100.00 is safe. Put the SAME card back.", "It was not finished. We read it, then we finish."),
        journal=[*BEGUN, *A_NOTE, *WRITING, "CardUnsure"],
        explain=["Your 100.00 is safe: it is on your card or in your meter already, or still in the machine.", "The card was out while"],
        technician=["Card out, or not answering, while it was written."],
    )
    machine.card.arm(NONE)
    machine.insert()
    told.of(
        machine,
        money={"box": 100_00, "card": 95_00, "fee": 5_00},
        screen=("done", "95.00 is on the card. It is not in the meter yet."),
        journal=[*BEGUN, *A_NOTE, *WRITING, "CardUnsure", "CardPresented", "CardVerified", "SaleClosed"],
        explain=["Your 95.00 is on the card", "The machine read the card again: your money is on it."],
    )


@pytest.mark.covers("failure-26")
def test_failure_26_without_the_card_it_is_a_claim(machine: Machine) -> None:
    machine.insert()
    machine.pays(100_00)
    machine.card.arm(Faults(cut=Cut(update=1)))
    machine.press("finish")
    machine.phase("unsure")
    machine.wait(181)
    told.of(
        machine,
        money={"box": 100_00, "claim": 100_00},
        screen=("claim", "Your 100.00 is safe here. Press 2 for your slip.", "It waits for card ..7788. Put that card in here."),
        journal=[*BEGUN, *A_NOTE, *WRITING, "CardUnsure", "ClaimIssued", "SaleClosed"],
        explain=["Your 100.00 is safe", "You got a slip: the money is kept for your card.", "Put the same card in this machine"],
    )


@pytest.mark.covers("failure-33")
def test_failure_33_the_customer_walks_away_with_money_in_the_machine(machine: Machine) -> None:
    machine.insert()
    machine.pays(20_00)
    machine.wait(61)
    told.of(
        machine,
        money={"box": 20_00, "sale": 20_00},
        screen=("still", "20.00 is in. More time?", "If you do nothing, it all goes on your card."),
        journal=[*BEGUN, *A_NOTE],
        explain=["Your 20.00 is in the machine."],
    )
    machine.wait(21)
    told.of(
        machine,
        money={"box": 20_00, "card": 15_00, "fee": 5_00},
        screen=("done", "15.00 is on the card. It is not in the meter yet."),
        journal=[*BEGUN, *A_NOTE, *ONTO_THE_CARD],
        explain=["Your 15.00 is on the card", "The time was over: the machine went on with what you had paid."],
    )


@pytest.mark.covers("failure-33")
def test_failure_33_the_customer_walks_away_and_takes_the_card(machine: Machine) -> None:
    machine.insert()
    machine.pays(20_00)
    machine.pull()
    machine.phase("unsure")
    machine.wait(181)
    told.of(
        machine,
        money={"box": 20_00, "claim": 20_00},
        screen=("claim", "Your 20.00 is safe here. Press 2 for your slip.", "It waits for card ..7788. Put that card in here."),
        journal=[*BEGUN, *A_NOTE, "TenderClosed", "ClaimIssued", "SaleClosed"],
        explain=["Your 20.00 is safe in the machine. It is kept for card ..7788, and nobody else gets it.", "The card did not come back."],
    )


@pytest.mark.covers("failure-34")
def test_failure_34_more_was_paid_than_asked_for_and_there_is_no_change(machine: Machine) -> None:
    machine.insert()
    machine.pays(100_00, 100_00, 100_00, 100_00, 50_00)
    eventually(lambda: machine.notes.open_to(6) == "inhibited")
    machine.notes.do({"do": "insert_note", "value_minor": 100_00})
    told.of(
        machine,
        money={"box": 450_00, "sale": 450_00},
        screen=("insert", "That note came back. 450.00 is still in.", "It is more than you can still add: 50.00."),
        journal=[*BEGUN, *A_NOTE * 5],
        explain=["Your 450.00 is in the machine."],
    )
    machine.press("finish")
    told.of(
        machine,
        money={"box": 450_00, "card": 445_00, "fee": 5_00},
        screen=("done", "445.00 is on the card. It is not in the meter yet.", "Paid: 450.00."),
        journal=[*BEGUN, *A_NOTE * 5, *ONTO_THE_CARD],
        explain=["Your 445.00 is on the card", "5.00 of what you paid was the fee and your old debt."],
    )
