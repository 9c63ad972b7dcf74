"""A whole core with staff: its journal on a disk, its screen behind the socket, PINs checked by real argon2id."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kiosk.config import checked
from kiosk.core import Core, StartAgain
from kiosk.devices.card.inprocess import InProcessReader
from kiosk.devices.vault.demo_roster import COLLECTOR, SUPERVISOR, TECHNICIAN
from kiosk.devices.vault.pins import hashed
from kiosk.devices.vault.station import create_station
from kiosk.link import LENGTH, PIN, LinkClient, LinkServer, receive, send_secret
from kiosk.vend import facts as f
from kiosk.vend import staff as st
from kiosk.vend.journal import Journal
from kiosk.vend.operators.tree import COST
from kiosk.vend.seen import Choice
from kiosk.vend.staff import StaffView, said
from kiosk.vend.view import View
from tests.operators.kit import Pin

SOON_S = 20.0


def chosen(rev: int, order: st.Order | Pin) -> Choice:
    """As a screen says it."""
    if isinstance(order, Pin):
        return Choice(rev, "pin", pin=bytearray(order.digits, "ascii"))
    return Choice(rev, "operator", said(order))


class Machine:
    """One kiosk's folder, its core, and a screen at the other end of the socket."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.died = folder, list[BaseException]()
        self.key = create_station(folder / "station.json").database_key()
        Journal.open(folder / "store.db", self.key).close()
        self.start()

    def start(self) -> None:
        config = checked(
            {
                "kiosk": {"id": "K07", "demo": True},
                "store": {"path": self.folder / "store.db", "station": self.folder / "station.json"},
            }
        )
        self.core = Core(config, reader=InProcessReader(), on_death=self.died.append)
        self.server = LinkServer(self.folder / "screen.sock", self.core)
        self.core.start()
        self.client = LinkClient(self.folder / "screen.sock")
        self.until(lambda: self.client.view and self.client.view.phase in ("attract", "out"))

    def stop(self) -> None:
        self.client.close()
        self.server.close()
        if not self.died:
            self.core.stop()

    def until(self, what: Callable[[], object]) -> None:
        end = time.monotonic() + SOON_S
        while not what():
            assert time.monotonic() < end, self.client.view
            time.sleep(0.01)

    @property
    def view(self) -> View:
        assert self.client.view
        return self.client.view

    @property
    def staff(self) -> StaffView | None:
        return self.client.view.staff if self.client.view else None

    def screen(self) -> str:
        return self.staff.screen if self.staff else ""

    def notice(self) -> str:
        return self.staff.notice.key if self.staff and self.staff.notice else ""

    def shown(self) -> tuple[tuple[st.Cell, ...], ...]:
        return self.staff.table.rows if self.staff and self.staff.table else ()

    def say(self, order: st.Order | Pin) -> None:
        """And wait until the core has shown what it led to."""
        before = self.view
        self.client.tell(chosen(before.rev, order))
        self.until(lambda: self.client.view and self.client.view.rev != before.rev)
        self.until(lambda: not (self.staff and self.staff.busy))

    def enter(self, number: str, pin: str) -> None:
        if self.staff is None:
            self.say(st.Enter())
        self.say(st.Typed(number))
        self.say(Pin(pin))

    def facts(self) -> list[f.Fact]:
        with Journal.open(self.folder / "store.db", self.key, create=False, read_only=True) as journal:
            return [recorded.fact for recorded in journal.rows()]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    one = Machine(tmp_path)
    yield one
    one.stop()


def test_an_operator_comes_in_over_the_socket_and_reads_the_journal(machine: Machine) -> None:
    machine.enter(*TECHNICIAN)
    assert machine.screen() == "home"
    machine.say(st.Go("journal", "staff"))
    machine.until(machine.shown)
    assert st.Plain("OperatorEntered") in {row[2] for row in machine.shown()}


@pytest.mark.covers("abuse-46")
def test_no_pin_is_in_the_journal_a_repr_or_a_file(machine: Machine, caplog: pytest.LogCaptureFixture) -> None:
    machine.enter(TECHNICIAN[0], SUPERVISOR[1])
    assert machine.notice() == "refused"
    machine.enter(*TECHNICIAN)
    facts = machine.facts()
    assert "OperatorEntered" in {fact.kind for fact in facts}
    shown = [repr(facts), repr(machine.core.desk.published()), caplog.text, repr(chosen(1, Pin(TECHNICIAN[1])))]
    machine.stop()
    machine.died.append(StartAgain())
    files = [path.read_bytes() for path in machine.folder.rglob("*") if path.is_file()]
    for pin in (TECHNICIAN[1], SUPERVISOR[1]):
        assert not [text for text in shown if pin in text]
        assert not [data for data in files if pin.encode() in data]


@pytest.mark.covers("abuse-49")
def test_whoever_speaks_to_the_socket_itself_may_do_what_the_session_may_and_no_more(machine: Machine) -> None:
    machine.client.close()
    raw = socket.socket(socket.AF_UNIX)
    raw.connect(str(machine.folder / "screen.sock"))
    rev = json.loads(receive(raw))["rev"]
    for order in (st.Do("service.close", "cash"), st.Do("restart"), st.Yes(), st.Go("cash")):
        _say(raw, rev, said(order))
    entering: tuple[tuple[st.Order | Pin, str], ...] = (
        (st.Enter(), "number"),
        (st.Typed(COLLECTOR[0]), "pin"),
        (Pin(COLLECTOR[1]), "home"),
    )
    for step, phase in entering:
        if isinstance(step, Pin):
            send_secret(raw, bytearray(step.digits, "ascii"), PIN.pack(b"P", rev))
        else:
            _say(raw, rev, said(step))
        rev = _until_screen(raw, phase)
    _say(raw, rev, said(st.Do("service.close", "cash")))
    while '"not_allowed"' not in (text := receive(raw).decode()):
        assert text
    _say(raw, json.loads(text)["rev"], said(st.Yes()))
    time.sleep(0.3)
    raw.close()
    kinds = [fact.kind for fact in machine.facts()]
    assert "ServiceClosed" not in kinds
    assert kinds.count("OperatorRefused") == 1
    assert not machine.died


def _say(raw: socket.socket, rev: int, arg: str) -> None:
    body = json.dumps({"t": "choice", "rev": rev, "do": "operator", "arg": arg}).encode()
    raw.sendall(LENGTH.pack(len(body)) + body)


def _until_screen(raw: socket.socket, screen: str) -> int:
    while text := receive(raw):
        told = json.loads(text)
        if (told["view"].get("staff") or {}).get("screen") == screen:
            return int(told["rev"])
    raise AssertionError(screen)


HOSTILE = [
    '{"op":"do","args":{"operation":"keys.load","on":""}}',
    '{"op":"do","args":{"operation":"cash.box.swap","on":"notes","bag":"1"}}',
    '{"op":"OperatorEntered","args":{"operator":"014"}}',
    '{"op":"pin","args":{"digits":"271828"}}',
    '{"op":"digits","args":{"digits":"' + "1" * 500 + '"}}',
    '{"op":"go","args":{"to":"../../etc"}}',
    '{"op":"yes"}',
    "[" * 5000,
    said(st.Yes()) + " " * st.LONGEST,
    "",
]


@pytest.mark.covers("abuse-49", "field-34")
@pytest.mark.parametrize("arg", HOSTILE)
def test_what_is_no_order_closes_the_connection_and_is_not_repeated(machine: Machine, arg: str) -> None:
    machine.client.close()
    raw = socket.socket(socket.AF_UNIX)
    raw.settimeout(SOON_S)
    raw.connect(str(machine.folder / "screen.sock"))
    rev = json.loads(receive(raw))["rev"]
    _say(raw, rev, arg)
    while receive(raw):
        pass
    raw.close()
    with pytest.raises(st.BadOrder) as refused:
        st.order_of(arg)
    assert not arg or arg not in str(refused.value)
    assert not machine.died


@pytest.mark.covers("abuse-46")
def test_while_a_pin_is_checked_the_desk_does_its_work(machine: Machine) -> None:
    """Two hundred facts are through before one argon2id is: money never waits for a PIN."""
    machine.say(st.Enter())
    machine.say(st.Typed(TECHNICIAN[0]))
    machine.core.tell(chosen(machine.view.rev, Pin("000000")))
    machine.until(lambda: machine.core.desk.published().pin_job)
    for n in range(200):
        machine.core.tell(Choice(n, "balance"))
    rev = machine.core.desk.published().rev
    machine.until(lambda: machine.core.desk.published().rev >= rev + 190 or machine.core.desk.published().pin_job is None)
    assert machine.core.desk.published().pin_job is not None


def test_a_restart_ends_the_core_in_good_order_and_the_next_one_knows_who_asked(machine: Machine) -> None:
    machine.enter(*TECHNICIAN)
    machine.client.tell(Choice(machine.view.rev, "operator", said(st.Do("restart"))))
    machine.until(lambda: machine.staff and machine.staff.question)
    machine.client.tell(Choice(machine.view.rev, "operator", said(st.Yes())))
    machine.until(lambda: machine.died)
    assert isinstance(machine.died[0], StartAgain)
    assert any(getattr(fact, "operation", "") == "restart" for fact in machine.facts())
    machine.stop()
    machine.died.clear()
    machine.start()
    machine.until(lambda: "OperatorLeft" in {fact.kind for fact in machine.facts()})


def test_a_demo_never_sets_the_clock_of_the_machine_that_it_runs_on(machine: Machine) -> None:
    machine.enter(*TECHNICIAN)
    machine.say(st.Do("clock.set"))
    machine.say(st.Typed("203011241030"))
    machine.say(st.Yes())
    machine.say(st.Typed(SUPERVISOR[0]))
    machine.say(Pin(SUPERVISOR[1]))
    machine.until(machine.notice)
    assert machine.notice() == "clock_not_set"


def test_a_pin_is_hashed_with_a_salt_of_its_own_at_the_rosters_one_cost() -> None:
    one, other = hashed("271828"), hashed("271828")
    assert one != other
    assert f"${COST}$" in one
