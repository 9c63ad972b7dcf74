"""Failures 27 to 32 and 35: what is around the money."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from kiosk.devices.display.dialect import DIALECTS
from kiosk.devices.display.driver import DisplayDriver
from kiosk.devices.glass import GlassWatch
from kiosk.devices.port import Port, PortLost, open_serial
from kiosk.devices.sim.modem import ModemSimulator
from kiosk.devices.sim.printer_line import PtyLine
from kiosk.devices.sms.driver import SmsDriver
from kiosk.link import LinkClient, LinkServer
from kiosk.vend.desk import Desk
from kiosk.vend.seen import Choice, DiskSeen, SmsKept
from kiosk.vend.sms import Letter, Texts
from kiosk.vend.state import State
from tests.cash.desk import eventually
from tests.display.desk import IMPATIENT
from tests.failures import told
from tests.failures.machine import Machine
from tests.failures.told import A_NOTE, BEGUN, ONTO_THE_CARD
from tests.sale.shop import rules
from tests.sms.desk import WAITS

Built = Callable[..., Machine]
SOLD = [*BEGUN, *A_NOTE, *ONTO_THE_CARD]
LANDED = {"box": 100_00, "card": 95_00, "fee": 5_00}
ON_CARD = "95.00 is on the card. It is not in the meter yet."
HOUR_MS = 3_600_000
GIB = 1 << 30


def texting(built: Built, *, pin: str = "", sim_pin: str = "") -> tuple[Machine, ModemSimulator]:
    """A machine with a modem, and a side table of one letter."""
    machine = built(rules=rules(texts=Texts(country="254")))
    path = machine.place / "modem"

    def make(desk: Desk[State]) -> SmsDriver:
        return SmsDriver(desk, lambda: open_serial(str(path)), lambda _ref: Letter("+254712345678", "Receipt"), pin=pin, waits=WAITS)

    modem: ModemSimulator = machine.adds(make, ModemSimulator(PtyLine(path), None, machine.place / "modem.json", pin=sim_pin))
    return machine, modem


def buys(machine: Machine) -> None:
    """100.00 is on the card, and the receipt has not been asked for."""
    machine.insert()
    machine.pays(100_00)
    machine.press("finish")
    machine.phase("done")


@pytest.mark.covers("failure-27")
@pytest.mark.parametrize("trouble", ["no_network", "sim_pin"])
def test_failure_27_the_modem_has_no_network_or_its_sim_is_locked(built: Built, trouble: str) -> None:
    machine, modem = texting(built, **({"pin": "4321", "sim_pin": "1234"} if trouble == "sim_pin" else {}))
    if trouble == "no_network":
        modem.do({"do": "network", "to": "none"})
    machine.open()
    eventually(lambda: machine.state().faults.get("modem") == trouble, 15.0)
    buys(machine)
    tried = ["SimPinTried"] if trouble == "sim_pin" else []
    told.of(
        machine,
        money=LANDED,
        screen=("done", ON_CARD),
        journal=[*tried, f"DeviceFault modem {trouble}", *SOLD],
        explain=["Your 95.00 is on the card"],
    )
    assert "sms" not in {offer.choice for offer in machine.view.offers}
    assert modem.tries == (2 if trouble == "sim_pin" else 3), "the PIN is given once"


@pytest.mark.covers("failure-28")
def test_failure_28_a_message_was_sent_and_its_confirmation_lost(built: Built) -> None:
    machine, modem = texting(built)
    machine.open()
    modem.do({"do": "fault", "lose_cmgs": 1})
    buys(machine)
    machine.until(lambda view: "sms" in {offer.choice for offer in view.offers}, 15.0)
    machine.press("sms")
    machine.press("phone", "712345678")
    machine.press("sms", "send")
    letter = machine.desk.published().letter_job
    assert letter
    machine.desk.tell(SmsKept(letter.ref, kept=True))
    lost = [*SOLD, "ReceiptOffered", "SmsQueued", "SmsStarted", "SmsUnknown", "DeviceFault modem offline", "DeviceRecovered modem"]
    told.of(
        machine,
        money=LANDED,
        screen=("done", ON_CARD, "Receipt by text."),
        journal=lost,
        explain=["Your 95.00 is on the card", "You wanted your receipt as a text message."],
        technician=["Nobody can say whether the text message was sent."],
    )
    assert len(modem.air.parts) == 1
    machine.press("finish")
    machine.pull()
    machine.wait(61)
    told.of(
        machine,
        money=LANDED,
        screen=("attract", "Put your electricity card in the slot."),
        journal=[*lost, "SmsStarted", "SmsSent", "SmsReported"],
        explain=["Your 95.00 is on the card"],
        technician=["Text message sent."],
    )
    assert len(modem.air.parts) == 2, "one more try, and no third"


@pytest.mark.covers("failure-29")
def test_failure_29_the_customer_display_is_gone(built: Built) -> None:
    machine = built()

    def gone() -> Port:
        raise PortLost("nobody is there")

    machine.adds(lambda desk: DisplayDriver("display", desk, gone, DIALECTS["cd5220"], waits=IMPATIENT))
    machine.open()
    buys(machine)
    told.of(
        machine,
        money=LANDED,
        screen=("done", ON_CARD),
        journal=["DeviceFault display no_device", *SOLD],
        explain=["Your 95.00 is on the card"],
    )


@pytest.mark.covers("failure-30")
def test_failure_30_the_clock_is_wrong_at_start(machine: Machine) -> None:
    buys(machine)
    machine.stop()
    machine.pull()
    machine.clock.wall_ms -= 9 * HOUR_MS
    machine.start()
    told.of(
        machine,
        money=LANDED,
        screen=("out", "No money can go in now.", "The machine has lost the time. Use another one."),
        journal=[*SOLD],
        explain=["Your 95.00 is on the card"],
    )
    machine.stop()
    machine.clock.wall_ms += 9 * HOUR_MS
    machine.open()


@pytest.mark.covers("failure-31", "abuse-29")
def test_failure_31_the_disk_is_nearly_full(machine: Machine) -> None:
    machine.insert()
    machine.pays(50_00)
    machine.desk.tell(DiskSeen(100 << 20, GIB))
    eventually(lambda: not machine.notes.do({"do": "state"})["accepting"])
    told.of(
        machine,
        money={"box": 50_00, "sale": 50_00},
        screen=("insert", "50.00 is in. No more can go in. Press ENTER.", "Notes and coins have stopped."),
        journal=[*BEGUN, *A_NOTE],
        explain=["Your 50.00 is in the machine."],
    )
    machine.press("finish")
    told.of(
        machine,
        money={"box": 50_00, "card": 45_00, "fee": 5_00},
        screen=("done", "45.00 is on the card. It is not in the meter yet."),
        journal=[*BEGUN, *A_NOTE, *ONTO_THE_CARD],
        explain=["Your 45.00 is on the card"],
    )


@pytest.mark.covers("failure-31", "abuse-29")
def test_failure_31_the_disk_is_read_only(machine: Machine) -> None:
    machine.insert()
    machine.pays(50_00)
    machine.journal._connection.exec_driver_sql("PRAGMA query_only = 1")
    machine.feed(100_00)
    eventually(lambda: machine.deaths)
    eventually(lambda: not machine.notes.do({"do": "state"})["held"])
    known = [*BEGUN, *A_NOTE]
    told.of(
        machine,
        money={"box": 50_00, "sale": 50_00},
        screen=("out", "No money can go in now.", "The machine is starting again. Your money is safe."),
        journal=known,
        explain=["Your 50.00 is in the machine. The purchase is not finished yet."],
    )
    assert not machine.notes.do({"do": "state"})["accepting"]
    machine.pull()
    machine.restart(off_s=5)
    told.of(
        machine,
        money={"box": 50_00, "sale": 50_00},
        screen=("unsure", "Your 50.00 is safe. Put the SAME card back.", "The power went off."),
        journal=[*known, "TenderClosed"],
        explain=["Your 50.00 is in the machine."],
    )


class Apart:
    """What a core lets its screen watch and say."""

    def __init__(self, machine: Machine, watch: GlassWatch) -> None:
        self._machine, self._watch = machine, watch
        self.subscribe = machine.subscribe

    def tell(self, choice: Choice) -> None:
        self._watch.alive() if choice.do == "alive" else self._machine.tell(choice)


class Loop(threading.Thread):
    """A screen's own loop; it goes round, or hangs."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self.client, self.hangs, self.over, self.rounds = LinkClient(path), threading.Event(), threading.Event(), 0

    def run(self) -> None:
        while not self.over.wait(0.05):
            if not self.hangs.is_set():
                self.client.tell(Choice(0, "alive"))
                self.rounds += 1


@pytest.mark.covers("failure-32")
def test_failure_32_the_screen_hangs(built: Built) -> None:
    machine = built()
    watches: list[GlassWatch] = []

    def watch(desk: Desk[State]) -> GlassWatch:
        watches.append(GlassWatch(desk.tell, 0.8))
        return watches[0]

    machine.adds(watch)
    machine.open()
    server = LinkServer(machine.place / "screen", Apart(machine, watches[0]))
    loop = Loop(machine.place / "screen")
    loop.start()
    try:
        machine.insert()
        machine.pays(50_00)
        eventually(lambda: loop.rounds > 10)
        loop.hangs.set()
        eventually(lambda: not machine.notes.do({"do": "state"})["accepting"])
        eventually(lambda: not machine.coins.do({"do": "state"})["accepting"])
        for _ in range(5_000):
            server._show(replace(machine.view, rev=machine.view.rev + 1))  # more than its socket holds
        machine.wait(82)
        told.of(
            machine,
            money={"box": 50_00, "card": 45_00, "fee": 5_00},
            screen=("done", "45.00 is on the card. It is not in the meter yet."),
            journal=[*BEGUN, *A_NOTE, "DeviceFault screen hung", *ONTO_THE_CARD],
            explain=["Your 45.00 is on the card", "The time was over: the machine went on with what you had paid."],
        )
        loop.hangs.clear()
        eventually(lambda: "DeviceRecovered" in [row.fact.kind for row in machine.rows()])
    finally:
        loop.over.set()
        loop.client.close()
        server.close()


@pytest.mark.covers("failure-35")
def test_failure_35_two_programs_open_one_port(machine: Machine) -> None:
    machine.insert()
    machine.pays(50_00)
    with pytest.raises(PortLost) as refused:
        open_serial(str(machine.place / "notes"))
    assert str(refused.value.strerror) == f"{machine.place / 'notes'} is in use by another program"
    machine.pays(50_00)
    told.of(
        machine,
        money={"box": 100_00, "sale": 100_00},
        screen=("insert", "100.00 is in. Put in more, or press ENTER."),
        journal=[*BEGUN, *A_NOTE * 2],
        explain=["Your 100.00 is in the machine."],
    )
