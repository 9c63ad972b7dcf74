"""The same card behind a real pcscd: the reader's client never learns that its peer is simulated."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.devices.sim import faults
from kiosk.devices.sim.contact import PcscContact, exchange
from kiosk.devices.sim.control import ControlRefused, ControlServer, ask
from kiosk.devices.sim.faults import CardPulled
from kiosk.devices.sim.pcscd import Pcscd
from kiosk.devices.sim.vpcd import Hand, VpcdSlot
from tests.pcscd import running_pcscd
from tests.sim_card.kit import OTHER_SERIAL, SERIAL, card, meter

READ_WALLET, READ_SERIAL, SELECT = (bytes.fromhex(x) for x in ("00b0820008", "00b0990108", "00a4000002df01"))


@pytest.fixture(scope="module")
def daemon() -> Iterator[Pcscd]:
    with running_pcscd() as running:
        yield running


@pytest.fixture
def slot(daemon: Pcscd) -> Iterator[VpcdSlot]:
    one = VpcdSlot(daemon.user_port)
    yield one
    one.pull()
    gone_from(daemon.user_reader)


def gone_from(reader: str) -> None:
    """Wait until pcscd has noticed that the slot is empty: the next card is then another presentation."""
    until = time.monotonic() + 5
    while time.monotonic() < until:
        try:
            PcscContact(reader, wait_s=0).close()
        except CardPulled:
            return
        time.sleep(0.05)
    raise AssertionError("pcscd never saw the card go")


@pytest.mark.pcsc
def test_a_card_in_the_reader_is_credited_by_the_meter_that_reads_it_there(daemon: Pcscd, slot: VpcdSlot) -> None:
    model, m = card(), meter()
    slot.insert(model)
    contact = PcscContact(daemon.user_reader)
    assert contact.reset()[5:13] == SERIAL
    done = m.insert(contact)
    contact.close()
    assert (done.row, done.credited_minor, done.answered) == ("credit", 100_00, True)
    assert int.from_bytes(model.files[5][27:31], "big") == 1


@pytest.mark.pcsc
def test_two_slots_hold_two_cards(daemon: Pcscd, slot: VpcdSlot) -> None:
    sam = VpcdSlot(daemon.sam_port)
    slot.insert(card())
    sam.insert(card(serial=OTHER_SERIAL))
    contacts = [PcscContact(daemon.user_reader), PcscContact(daemon.sam_reader)]
    assert [exchange(c, READ_SERIAL) for c in contacts] == [(SERIAL, 0x9000), (OTHER_SERIAL, 0x9000)]
    for contact in contacts:
        contact.close()
    sam.pull()
    gone_from(daemon.sam_reader)


@pytest.mark.pcsc
def test_a_cut_in_the_meters_write_is_a_torn_answer_at_the_reader(daemon: Pcscd, slot: VpcdSlot) -> None:
    model, m = card(), meter()
    slot.insert(model)
    with slot.lock:
        model.arm(faults.from_json({"cut": {"update": 0, "byte": 20, "rest": "ff"}}))
    contact = PcscContact(daemon.user_reader)
    done = m.insert(contact)
    assert (done.error, done.credited_minor) == ("ERR-35", 100_00)
    assert slot.wait_pulled(5)
    assert slot.card is None
    assert model.files[5][20:] == b"\xff" * 29
    gone_from(daemon.user_reader)
    slot.insert(model)
    again = PcscContact(daemon.user_reader)
    assert m.insert(again).row == "nothing new"
    again.close()


@pytest.mark.pcsc
def test_a_lost_answer_is_shorter_than_a_status_word_and_the_card_stays(daemon: Pcscd, slot: VpcdSlot) -> None:
    model = card()
    slot.insert(model)
    contact = PcscContact(daemon.user_reader)
    contact.process(SELECT)
    with slot.lock:
        model.arm(faults.from_json({"lose_answer": True}))
    assert len(contact.process(READ_WALLET)) < 2
    assert exchange(contact, READ_WALLET) == (model.files[2], 0x9000)
    contact.close()


@pytest.mark.pcsc
def test_a_card_stays_usable_when_pcscd_is_killed_and_comes_again(daemon: Pcscd, slot: VpcdSlot) -> None:
    model = card()
    slot.insert(model)
    PcscContact(daemon.user_reader).close()
    daemon.stop(kill=True)
    assert slot.wait_pulled(5)
    daemon.start()
    slot.insert(model)
    contact = PcscContact(daemon.user_reader)
    assert exchange(contact, READ_SERIAL) == (SERIAL, 0x9000)
    contact.close()


@pytest.mark.pcsc
def test_the_hand_carries_the_card_from_reader_to_meter_over_the_control_socket(daemon: Pcscd, slot: VpcdSlot, tmp_path: Path) -> None:
    hand = Hand(card(), {"reader": slot}, meter())
    server = ControlServer(tmp_path / "card.sock", hand.handle)
    server.start()

    def say(do: str, **more: object) -> dict[str, object]:
        answer = ask(tmp_path / "card.sock", {"do": do} | more, timeout_s=10)
        assert answer["ok"], answer
        state: dict[str, object] = answer["state"]
        return state

    assert say("insert_card", slot="reader")["slot"] == "reader"
    contact = PcscContact(daemon.user_reader)
    contact.close()
    assert say("pull_card")["slot"] == "hand"
    shown = say("insert_card", slot="meter")["meter"]
    assert isinstance(shown, dict)
    assert (shown["row"], shown["supply"], shown["balance_minor"]) == ("credit", True, 100_00)
    shown = say("advance", hours=24, load_kw=1)["meter"]
    assert isinstance(shown, dict)
    assert shown["balance_minor"] == 88_00
    state = say("fault", cut={"update": 2, "byte": 3})
    assert state["faults"] != {}
    say("quit")
    assert hand.ended.is_set()
    server.stop()


def test_orders_that_make_no_sense_are_refused_in_a_sentence() -> None:
    hand = Hand(card(), {"reader": VpcdSlot(9)})
    for verb in (
        {"do": "fly"},
        {"do": "insert_card", "slot": "meter"},
        {"do": "insert_card", "slot": ["reader"]},
        {"do": "insert_card", "slot": "reader", "stay_s": "long"},
        {"do": "fault", "cut": {}},
        {"do": "fault", "drop": 1},
        {"do": "advance", "hours": 1},
    ):
        with pytest.raises(ControlRefused, match=r"\w+ \w+"):
            hand.handle(verb)
    with_meter = Hand(card(), {}, meter())
    for hours in ("x", 1e300, float("nan"), -5):
        with pytest.raises(ControlRefused, match="hours"):
            with_meter.handle({"do": "advance", "hours": hours})
    assert with_meter.handle({"do": "state"})["slot"] == "hand"


def test_a_slot_without_a_reader_behind_it_stays_empty_and_ends_cleanly() -> None:
    before = threading.active_count()
    one = VpcdSlot(9)
    one.pull()
    assert one.card is None
    assert one.wait_pulled(0)
    assert threading.active_count() == before
