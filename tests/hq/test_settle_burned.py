"""A kiosk that is gone: its money since the last row is accounted for by papers, cards, counters and boxes, or said to be unexplained."""

from collections.abc import Iterator

import pytest

from kiosk.hq.settlement.burned import Burned, Found, NoSuchMachine, burned
from kiosk.hq.settlement.papers import bring
from kiosk.hq.settlement.told import gone
from kiosk.vend.till import CashBoxInstalled, CashBoxRemoved
from tests.hq.settle_kit import Machine, Town, bought, claimed, looked
from tests.sale.shop import Card


@pytest.fixture
def town() -> Iterator[Town]:
    made = Town()
    yield made
    made.store.close()


def left(town: Town, machine: Machine, **found: Found) -> Burned:
    return burned(town.store, town.cases, machine.name, found, town.now_ms)


def in_box(machine: Machine, device: str = "notes") -> Found:
    """What whoever opens the box finds: all that ever fell in, arrived or not."""
    pieces = [fact.denomination for fact in machine.facts("NoteStacked", "CoinAccepted") if fact.device == device]  # type: ignore[attr-defined]
    return Found(sum(pieces), len(pieces), machine.accepted[device])


@pytest.mark.covers("rule-25")
def test_with_every_row_here_the_box_is_explained_to_the_cent(town: Town) -> None:
    k07 = town.kiosk("K07")
    bought(k07, Card())
    town.hears(k07)
    report = left(town, k07, notes=in_box(k07), coins=in_box(k07, "coins"))
    assert (report.after_minor, report.named_minor, report.unexplained_minor) == (0, 0, 0)
    assert [box.after_pieces for box in report.boxes] == [(0, 0), (0, 0)]


def test_a_claim_a_receipt_and_a_card_that_another_machine_saw_account_for_the_money_after_the_last_row(town: Town) -> None:
    k07, k08 = town.kiosk("K07"), town.kiosk("K08")
    cards = [Card(serial=f"{n}a22334455667788", meter=f"00001234000{n}") for n in range(4)]
    bought(k07, cards[0])
    bought(k08, Card(serial="f022334455667788", meter="000012340009"))
    town.hears(k07, k08)
    bought(k07, cards[1], 20_00)
    receipt = k07.receipt(number=41)  # its customer has it
    bought(k07, cards[0], 100_00)  # its customer has nothing, and goes to K08 later
    looked(k08, cards[0])
    claimed(k07, cards[3], 10_00)
    town.hears(k08)
    town.state(k07, "closed")  # it burned
    for text in (receipt, k07.slip()):
        bring(town.store, text, "anna", town.now_ms)
    report = left(town, k07, notes=in_box(k07), coins=in_box(k07, "coins"))
    assert [(each.by, each.amount_minor) for each in report.named] == [("slip", 10_00), ("receipt", 15_00)]
    assert [(each.by, each.amount_minor) for each in report.perhaps] == [("card", 95_00)]
    assert report.after_minor == 130_00
    assert report.unexplained_minor == 10_00  # the fees of two sales
    notes = report.boxes[0]
    assert notes.after_pieces == (3, 3)
    (case,) = report.cases
    assert (case.kind, case.amount_minor) == ("slip", 10_00)
    said = "\n".join(gone(report))
    assert "Explained by nothing: 10.00 CNY." in said
    assert "on a card, seen by K08" in said


def test_a_slip_and_the_receipt_of_the_same_record_are_one_sale(town: Town) -> None:
    k07, card = town.kiosk("K07"), Card()
    town.hears(k07)
    claimed(k07, card)
    slip = k07.slip()
    k07.insert(card)
    k07.wait(2)
    for text in (slip, k07.receipt(number=99, tag=str(k07.facts("WriteStarted")[-1].tag))):  # type: ignore[attr-defined]
        bring(town.store, text, "anna", town.now_ms)
    assert [each.by for each in left(town, k07).named] == ["slip"]


def test_what_nobody_counted_is_not_known_rather_than_nothing(town: Town) -> None:
    k07 = town.kiosk("K07")
    bought(k07, Card())
    town.hears(k07)
    report = left(town, k07)
    assert (report.after_minor, report.unexplained_minor) == (None, None)
    assert "not known" in "\n".join(gone(report))
    with pytest.raises(NoSuchMachine):
        burned(town.store, town.cases, "K99", {}, town.now_ms)


def test_a_box_that_was_taken_out_begins_anew(town: Town) -> None:
    k07 = town.kiosk("K07")
    bought(k07, Card())
    k07._add((CashBoxRemoved("notes", 1, "A", "77", ("anna",), (), 50_00), CashBoxInstalled("notes", 2, "B", ("anna",))))
    town.hears(k07)
    report = left(town, k07, notes=Found(0, 0, k07.accepted["notes"]))
    assert (report.boxes[0].journal_minor, report.boxes[0].after_minor) == (0, 0)
