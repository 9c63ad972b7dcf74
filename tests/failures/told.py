"""Where the money is, what the screen says, what the journal holds, what `kiosk explain` tells: a failure's test gives all four.

The money is read twice, and both must be the same: from the devices' own books and from what the rows on disk add up to.
"""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from kiosk.devices.sim.card_files import is_empty
from kiosk.envelope import holds
from kiosk.screens.customer import scene_of
from kiosk.screens.speech import spoken
from kiosk.vend import facts as f
from kiosk.vend.explain.lookup import NoCase, find
from kiosk.vend.explain.says import Audience, told, visited
from kiosk.vend.explain.telling import story
from kiosk.vend.explain.visits import visits
from kiosk.vend.journal import Journal
from kiosk.vend.rows import Recorded
from kiosk.vend.view import View
from tests.cash.desk import eventually
from tests.failures.machine import STATION, Machine

BANK_STOPPED = "A part of the machine stopped. Nobody can pay by bank card."
BEGUN = ["CardPresented", "SaleOpened"]
A_NOTE = ["NoteEscrowed", "NoteStacked"]
ONTO_THE_CARD = ["TenderClosed", "ReturnFileArchived", "WriteStarted", "CardVerified", "SaleClosed"]
NOTES_STOPPED = "A part of the machine stopped. No notes can go in."
COINS_STOPPED = "A part of the machine stopped. No coins can go in."

QUIET = ("StoreCreated", "Started", "AcceptorRead", "TerminalRead", "HeadSigned", "Checkpointed")
"""Kinds that are there whatever happens; an acceptor whose counter begins anew is none of them."""


def of(machine: Machine, *, money: dict[str, int], screen: tuple[str, ...], journal: list[str], explain: list[str], **more: Any) -> None:
    """All four, as soon as they hold; else what there was instead.

    money: place -> minor units; box, escrow, card, bank, approved (by the terminal, and not completed) as the devices have it; sale,
    claim, fee, orphan, asked (by bank card, without an end) as the rows add up; pieces of which nobody knows the value. A place without
    money is left out. screen: the phase, its first sentence, others that are on it.
    journal: kinds in order, of a device's fault with device and code. explain: sentences that a customer is told.
    `technician`: sentences that a technician is told.
    """
    assert screen[1:]
    assert explain
    wanted: dict[Audience, list[str]] = {"customer": explain, "technician": more.get("technician", [])}

    def differs() -> dict[str, Any]:
        return {**_money(machine, money), **_screen(machine.view, screen), **_journal(machine, journal), **_explained(machine, wanted)}

    try:
        eventually(lambda: not differs(), more.get("timeout_s", 6.0))
    except AssertionError:
        pytest.fail("\n".join(f"{name}: {what}" for name, what in differs().items()))


def _money(machine: Machine, wanted: dict[str, int]) -> dict[str, Any]:
    places = where(machine)
    doubt = _disagrees(places)
    return ({"money": places} if places != wanted else {}) | ({"books": doubt} if doubt else {})


def _screen(view: View, wanted: tuple[str, ...]) -> dict[str, Any]:
    phase, first, *others = wanted
    if view.phase == "staff":
        return {"screen": view.phase}
    said = (*spoken(view), scene_of(view).status)
    right = view.phase == phase and scene_of(view).first == first and all(any(each in line for line in said) for each in others)
    return {} if right else {"screen": (view.phase, *said)}


def _journal(machine: Machine, wanted: list[str]) -> dict[str, Any]:
    found = list(_kinds(machine.rows()))
    return {} if found == wanted else {"journal": found}


def _explained(machine: Machine, wanted: dict[Audience, list[str]]) -> dict[str, Any]:
    texts = {audience: explained(machine, audience) for audience in wanted}
    return {f"explain {audience}": text for audience, text in texts.items() if not all(each in text for each in wanted[audience])}


def _kinds(rows: list[Recorded]) -> Iterator[str]:
    counters: dict[str, int] = {}
    for row in rows:
        device, counter = getattr(row.fact, "device", ""), getattr(row.fact, "counter", None)
        anew = isinstance(row.fact, f.AcceptorRead) and not row.fact.counter and counters.get(device)
        if row.fact.kind not in QUIET or anew:
            yield _named(row.fact)
        if counter is not None:
            counters[device] = counter


def _named(fact: f.Fact) -> str:
    match fact:
        case f.AcceptorRead():
            return f"AcceptorRead {fact.device} 0"
        case f.DeviceFault():
            return f"DeviceFault {fact.device} {fact.code}"
        case f.DeviceRecovered():
            return f"DeviceRecovered {fact.device}"
        case f.ReceiptPrinted():
            return f"ReceiptPrinted {fact.outcome}"
    return fact.kind


def where(machine: Machine) -> dict[str, int]:
    """Place -> minor units."""
    state = machine.state()
    shown = machine.notes.do({"do": "state"})
    collected = sum(int(minor) * pieces for box in shown.get("collected", ()) for minor, pieces in box.items())
    amount, count = machine.on_card()
    ended = [row.fact for row in machine.rows() if isinstance(row.fact, f.SaleClosed)]
    orphans = [row.fact for row in machine.rows() if isinstance(row.fact, f.OrphanCredit)]
    landed = [fact for fact in ended if fact.outcome == "landed"]
    books: Counter[str] = Counter(
        box=shown["box_minor"] + machine.coins.do({"do": "state"})["box_minor"] + collected,
        escrow=shown["held_minor"] or 0,
        card=amount if count > machine.wallet[1] and is_empty(machine.card.files[5]) else 0,
        bank=machine.booked("completed"),
        approved=machine.booked("open"),
        asked=state.bank.open.amount_minor if state.bank.open else 0,
        sale=state.sale.tender_minor if state.sale else 0,
        claim=sum(claim.tender_minor for claim in state.claims.values()),
        fee=sum(line.amount_minor for fact in landed for line in fact.lines if line.summed and line.code != "to_card"),
        doubt=sum(each.denomination for each in state.disputed),
        orphan=sum(fact.amount_minor or 0 for fact in orphans),
        pieces=sum(fact.pieces for fact in orphans if fact.amount_minor is None),
    )
    return {place: minor for place, minor in books.items() if minor}


def _disagrees(places: dict[str, int]) -> str:
    """What came in by the devices' books is what the rows have it for; pieces without a value are let be."""
    came = places.get("box", 0) + places.get("bank", 0)
    kept = sum(places.get(place, 0) for place in ("sale", "claim", "card", "fee", "orphan"))
    if places.keys() & {"pieces", "doubt", "asked"}:
        return "" if came >= kept else f"{came} came in, and {kept} is told of"
    return "" if came == kept else f"{came} came in, and {kept} is told of"


def explained(machine: Machine, audience: Audience) -> str:
    """What `kiosk explain` prints of this card: its sales, newest first, then its other visits."""
    rules = machine.rules
    with Journal.open(machine.place / "store.db", STATION.database_key(), create=False, read_only=True) as journal:
        try:
            found = find(journal, machine.card.serial.hex(), rules.kiosk, partial(holds, STATION.public_key))
        except NoCase as why:
            return str(why)
    stories = [each for sale in found.sales if (each := story(found.rows, sale, rules.kiosk))]
    sections = [section for each in stories for section in told(each, audience, "en", rules.local)]
    others = visits(found.rows, found.card) if found.card else ()
    if others:
        sections.append(visited(others, found.card, audience, "en", local=rules.local, exponent=rules.currency.exponent))
    return "\n".join(line for section in sections for line in (section.title, *section.lines))
