"""Failures 15 to 21: the paper, and the cables of whoever has one."""

from collections.abc import Callable

import pytest

from kiosk.devices.printer.escpos import PROFILES
from kiosk.devices.sim.printer import PrinterSimulator
from kiosk.vend import outage
from tests.cash.desk import eventually
from tests.failures import told
from tests.failures.machine import Machine
from tests.failures.told import A_NOTE, BEGUN, COINS_STOPPED, ONTO_THE_CARD

Built = Callable[..., Machine]
CODES_ONLY = "A part of the machine stopped. Receipts come as codes on the screen only."
SOLD = [*BEGUN, *A_NOTE, *ONTO_THE_CARD]
LANDED = {"box": 100_00, "card": 95_00, "fee": 5_00}
ON_CARD = "95.00 is on the card. It is not in the meter yet."


def bought(machine: Machine) -> None:
    """100.00 is on the card, and the receipt has not been asked for."""
    machine.insert()
    machine.pays(100_00)
    machine.press("finish")
    machine.phase("done")


def with_paper(built: Built, *, line_s: float = 0.0) -> tuple[Machine, PrinterSimulator]:
    machine = built()
    paper = machine.prints(line_s=line_s)
    machine.open()
    machine.until(lambda view: view.params["printer"])
    return machine, paper


@pytest.mark.covers("failure-15")
def test_failure_15_paper_is_near_its_end(built: Built) -> None:
    machine, paper = with_paper(built)
    paper.do({"do": "paper", "to": "near"})
    bought(machine)
    machine.press("receipt", "paper")
    told.of(
        machine,
        money=LANDED,
        screen=("done", ON_CARD, "Your receipt is printed."),
        journal=[*SOLD, "PrintStarted", "ReceiptPrinted printed"],
        explain=["Your 95.00 is on the card", "Your paper was printed."],
    )
    (row,) = (row for row in outage.rows(machine.desk._state) if row.device == "printer")
    assert (row.codes, row.lost) == (("low",), ()), "staff are told, and nothing is lost"


@pytest.mark.covers("failure-16")
def test_failure_16_there_is_no_paper_before_the_sale(built: Built) -> None:
    machine = built()
    machine.prints().do({"do": "paper", "to": "out"})
    machine.open()
    machine.insert()
    told.of(
        machine,
        money={},
        screen=("account", "This was left in your meter.", "Receipt: none."),
        journal=["DeviceFault printer out", "CardPresented"],
        explain=["The card was here. No money was taken."],
    )
    machine.pays(100_00)
    machine.press("finish")
    machine.phase("done")
    machine.press("receipt", "qr")
    told.of(
        machine,
        money=LANDED,
        screen=("qr", "Photograph this.", "It is your receipt for 95.00."),
        journal=["DeviceFault printer out", *SOLD, "ReceiptOffered"],
        explain=["Your 95.00 is on the card", "You got your paper as a QR code."],
    )


@pytest.mark.covers("failure-17")
@pytest.mark.parametrize("how", ["out", "cover"])
def test_failure_17_paper_ends_or_the_cover_opens_in_the_middle_of_a_job(built: Built, how: str) -> None:
    machine, paper = with_paper(built, line_s=0.02 if how == "cover" else 0.0)
    bought(machine)
    if how == "out":
        paper.do({"do": "paper", "to": "out", "after_lines": 10})
    machine.press("receipt", "paper")
    if how == "cover":
        eventually(lambda: paper.do({"do": "state"})["waiting_bytes"])
        paper.do({"do": "cover", "to": "open"})
    printed = ["PrintStarted", "ReceiptPrinted unknown", f"DeviceFault printer {how}"]
    told.of(
        machine,
        money=LANDED,
        screen=("done", ON_CARD, "Is the receipt whole?", "2: QR receipt."),
        journal=[*SOLD, *printed],
        explain=["Your 95.00 is on the card", "Nobody can say whether your paper was printed.", CODES_ONLY, "Ask for a copy of your paper"],
        technician=[f"Printer: {how}.", "if not, prints it again as COPY"],
    )
    machine.press("finish")
    machine.pull()
    paper.do({"do": "paper", "to": "ok"})
    paper.do({"do": "cover", "to": "closed"})
    machine.until(lambda view: view.phase == "attract" and view.params["printer"])
    assert paper.do({"do": "state"})["waiting_bytes"] == 0, "the rest is not printed behind it"


@pytest.mark.covers("failure-18")
def test_failure_18_the_cutter_is_stuck(built: Built) -> None:
    machine, paper = with_paper(built)
    bought(machine)
    paper.do({"do": "fault", "cutter": True})
    machine.press("receipt", "paper")
    told.of(
        machine,
        money=LANDED,
        screen=("done", ON_CARD, "Is the receipt whole?", "2: QR receipt."),
        journal=[*SOLD, "PrintStarted", "ReceiptPrinted unknown", "DeviceFault printer error"],
        explain=["Your 95.00 is on the card", "Nobody can say whether your paper was printed.", CODES_ONLY],
        technician=["Printer: error."],
    )


@pytest.mark.covers("failure-19")
def test_failure_19_the_printer_takes_bytes_and_never_answers(built: Built) -> None:
    machine = built()
    machine.prints(PROFILES["80mm-write-only"]).do({"do": "fault", "mute": True})
    machine.open()
    bought(machine)
    machine.press("receipt", "paper")
    told.of(
        machine,
        money=LANDED,
        screen=("done", ON_CARD, "Sent to the printer.", "Purchase: 8-4.", "Paid: 100.00."),
        journal=[*SOLD, "PrintStarted", "ReceiptPrinted assumed"],
        explain=["Your 95.00 is on the card", "Your paper was sent to the printer."],
        technician=["Paper sent; this printer cannot confirm it."],
    )


@pytest.mark.covers("failure-20")
def test_failure_20_the_adapter_vanishes_and_comes_back(machine: Machine) -> None:
    machine.insert()
    machine.pays(50_00)
    machine.coins.do({"do": "unplug"})
    told.of(
        machine,
        money={"box": 50_00, "sale": 50_00},
        screen=("insert", "50.00 is in. Put in more, or press ENTER.", "Coins have stopped. Notes can still go in."),
        journal=[*BEGUN, *A_NOTE, "DeviceFault coins offline"],
        explain=["Your 50.00 is in the machine.", COINS_STOPPED],
    )
    machine.coin(1_00, falling=True)
    machine.coins.do({"do": "plug"})
    told.of(
        machine,
        money={"box": 51_00, "sale": 51_00},
        screen=("insert", "51.00 is in. Put in more, or press ENTER.", "No change. All of it goes on your card."),
        journal=[*BEGUN, *A_NOTE, "DeviceFault coins offline", "CoinAccepted", "DeviceRecovered coins"],
        explain=["Your 51.00 is in the machine.", "It works again: coins."],
    )


@pytest.mark.covers("failure-21")
def test_failure_21_the_adapter_lives_but_the_device_behind_it_is_silent(built: Built) -> None:
    machine, opened = built(), []
    machine.wires["coins"] = lambda port: opened.append(port) or port  # type: ignore[func-returns-value]
    machine.open()
    machine.insert()
    machine.pays(50_00)
    machine.coins.do({"do": "power", "to": "off"})
    told.of(
        machine,
        money={"box": 50_00, "sale": 50_00},
        screen=("insert", "50.00 is in. Put in more, or press ENTER.", "Coins have stopped. Notes can still go in."),
        journal=[*BEGUN, *A_NOTE, "DeviceFault coins offline"],
        explain=["Your 50.00 is in the machine.", COINS_STOPPED],
    )
    machine.coins.do({"do": "power", "to": "on"})
    machine.coin(1_00)
    told.of(
        machine,
        money={"box": 51_00, "sale": 51_00},
        screen=("insert", "51.00 is in. Put in more, or press ENTER."),
        journal=[*BEGUN, *A_NOTE, "DeviceFault coins offline", "DeviceRecovered coins", "CoinAccepted"],
        explain=["Your 51.00 is in the machine.", "It works again: coins."],
    )
    assert len(opened) == 1, "its line stays open"
