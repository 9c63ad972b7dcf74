"""Failures 22 to 25: the bank card."""

from collections.abc import Callable

import pytest

from kiosk.devices.sim.faults import Cut, Faults
from kiosk.devices.sim.zvt import TerminalSimulator
from tests.cash.desk import eventually
from tests.failures import told
from tests.failures.machine import Machine
from tests.failures.told import BANK_STOPPED, ONTO_THE_CARD

Built = Callable[..., Machine]
ASKED = ["CardPresented", "SaleOpened", "PosRequested"]
PAID = [*ASKED, "PosApproved", "CardPresented", "ReturnFileArchived", "PosFinal", "TenderClosed", "WriteStarted"]
LANDED = {"bank": 100_00, "card": 95_00, "fee": 5_00}
ON_CARD = "95.00 is on the card. It is not in the meter yet."
PAYMENT = 0x0601


def at_the_terminal(built: Built, mode: str, *, keep: bool = False) -> tuple[Machine, TerminalSimulator]:
    """A customer who has chosen to pay 100.00 by bank card, at a terminal that does so."""
    machine = built()
    terminal = machine.takes_bank_cards(keep=keep)
    machine.open()
    machine.until(lambda view: view.params["bank"])
    terminal.do({"do": "pos", "to": mode})
    machine.insert()
    machine.press("tender", "bank")
    machine.press("finish")
    return machine, terminal


@pytest.mark.covers("failure-22")
@pytest.mark.parametrize("kept", [True, False], ids=["the-terminal-completes-it", "the-terminal-takes-it-back"])
def test_failure_22_the_bank_approved_and_the_answer_was_lost(built: Built, *, kept: bool) -> None:
    machine, terminal = at_the_terminal(built, "silent", keep=kept)
    eventually(lambda: machine.booked("open"))
    terminal.do({"do": "power", "to": "off"})
    unknown = [*ASKED, "PosUnknown", "DeviceFault terminal offline"]
    told.of(
        machine,
        money={"approved": 100_00, "asked": 100_00},
        screen=("bank", "Please wait. We ask the bank about 100.00.", "Leave this card in. If you go, it goes back to you."),
        journal=unknown,
        explain=["Your bank has not said yet whether it paid 100.00.", "The machine could not hear whether your bank had paid."],
        technician=["The terminal's own book decides; it is asked again and again."],
    )
    terminal.do({"do": "pos", "to": "approve"})
    terminal.do({"do": "power", "to": "on"})
    eventually(lambda: not machine.booked("open"))
    machine.until(lambda view: view.params.get("state") != "silent")
    recovered = [*unknown, "DeviceRecovered terminal"]
    if kept:
        told.of(
            machine,
            money=LANDED,
            screen=("done", ON_CARD),
            journal=[*recovered, "PosFinal", *ONTO_THE_CARD],
            explain=["Your 95.00 is on the card", "The bank terminal said afterwards that your 100.00 was paid."],
        )
    else:
        told.of(
            machine,
            money={},
            screen=("bank", "No money was taken. The payment did not happen."),
            journal=[*recovered, "PosDeclined"],
            explain=["You paid nothing, and nothing was taken.", "Nothing was taken from your bank card."],
        )
        assert machine.booked("reversed") == 100_00
    assert sum(int.from_bytes(apdu[:2], "big") == PAYMENT for apdu in terminal.heard) == 1, "no second payment"


@pytest.mark.covers("failure-23")
def test_failure_23_the_bank_approved_and_the_card_cannot_be_written_before_the_mark(built: Built) -> None:
    machine, terminal = at_the_terminal(built, "hold")
    machine.card.arm(Faults(cut=Cut(apdu=2)))  # it is out of its slot when it is read once more
    terminal.do({"do": "pos", "to": "approve"})
    told.of(
        machine,
        money={},
        screen=("attract", "Put your electricity card in the slot."),
        journal=[*ASKED, "PosApproved", "PosReversed", "SaleClosed"],
        explain=["100.00 went back to your bank card."],
        technician=["100.00 was taken back, receipt 0001. Nothing had been marked."],
    )
    assert machine.booked("reversed") == 100_00


@pytest.mark.covers("failure-23")
def test_failure_23_the_bank_approved_and_the_card_cannot_be_written_after_the_mark(built: Built) -> None:
    machine, terminal = at_the_terminal(built, "hold")
    machine.card.arm(Faults(cut=Cut(update=1)))
    terminal.do({"do": "pos", "to": "approve"})
    told.of(
        machine,
        money={"bank": 100_00, "sale": 100_00},
        screen=("unsure", "Your 100.00 is safe. Put the SAME card back.", "It was not finished."),
        journal=[*PAID, "CardUnsure"],
        explain=["Your 100.00 is paid and safe", "The card was out while the machine was writing."],
    )
    machine.wait(181)
    told.of(
        machine,
        money={"bank": 100_00, "claim": 100_00},
        screen=("claim", "Your 100.00 is safe here. Press 2 for your slip.", "It waits for card ..7788."),
        journal=[*PAID, "CardUnsure", "ClaimIssued", "SaleClosed"],
        explain=["Your 100.00 is paid and safe", "You got a slip: the money is kept for your card."],
    )
    assert machine.booked("reversed") == 0


@pytest.mark.covers("failure-24")
def test_failure_24_the_acknowledgement_of_goods_given_is_lost(built: Built) -> None:
    machine, terminal = at_the_terminal(built, "hold")
    terminal.do({"do": "fault", "mute_acks": 2})
    terminal.do({"do": "pos", "to": "approve"})
    told.of(
        machine,
        money=LANDED,
        screen=("done", ON_CARD),
        journal=[*PAID, "CardVerified", "SaleClosed"],
        explain=["Your 95.00 is on the card", "Your 100.00 was paid by bank card."],
        technician=["The terminal completed 100.00: credit. Receipt 0001, approval 123456."],
    )


@pytest.mark.covers("failure-25")
@pytest.mark.parametrize("trouble", ["full", "diagnosis"])
def test_failure_25_the_terminals_memory_is_full_or_it_asks_for_a_diagnosis(built: Built, trouble: str) -> None:
    machine, terminal = at_the_terminal(built, trouble)
    told.of(
        machine,
        money={},
        screen=("bank", "No money was taken. Bank cards do not work now.", "Pay cash, or press CLEAR to take your card."),
        journal=[*ASKED, "PosDeclined", f"DeviceFault terminal {trouble}"],
        explain=["You paid nothing, and nothing was taken.", BANK_STOPPED],
        technician=[f"No payment by bank card: {trouble}. Nothing was taken."],
    )
    machine.press("tender", "cash")
    machine.pays(50_00)
    assert terminal.do({"do": "state"})["approvals"] == 0
