"""Every driver of ours and a device that is pulled out and put back: the same name, another node, asked anew who it is, and well again."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from kiosk.devices import registry
from kiosk.devices.fitting import Outfit
from kiosk.devices.registry import driver_of
from kiosk.devices.sim.fleet import SIMULATORS, Seat, Simulator
from kiosk.vend.seen import AcceptorDown, AcceptorUp, DeviceDown, DeviceUp, PosUp, PrinterState, Seen
from tests.cash.desk import ListeningDesk, eventually
from tests.devices.test_contract import Part

PATIENCE_S = 40.0  # a driver that has failed a few times looks every five seconds
WITHOUT_A_PORT = {"voice/espeak"}  # a sound device, which tests/voice takes away and gives back


@pytest.fixture
def plugs() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def plugged(stack: ExitStack, seat: Seat) -> Simulator:
    """The device in its socket, with what it remembers."""
    device = SIMULATORS[seat.name](seat)
    device.start()
    stack.callback(device.stop)
    return device


def taken(stack: ExitStack, node: Path) -> None:
    """Somebody else has that node now."""

    def again() -> bool:
        master, slave = os.openpty()
        stack.callback(os.close, master)
        stack.callback(os.close, slave)
        return os.ttyname(slave) == str(node)

    eventually(again)


def works(seen: Seen) -> bool:
    return isinstance(seen, AcceptorUp | DeviceUp | PosUp) or seen in (PrinterState("ok"), PrinterState("low"))


def fails(seen: Seen) -> bool:
    return isinstance(seen, AcceptorDown | DeviceDown) or seen == PrinterState("offline")


def test_each_driver_that_has_a_port_has_a_device_to_be_tried_with() -> None:
    assert set(SIMULATORS) == set(registry.BUILT_IN) - WITHOUT_A_PORT


@pytest.mark.covers("failure-20")
@pytest.mark.parametrize("name", sorted(SIMULATORS))
def test_a_device_that_is_pulled_and_put_back_is_found_behind_its_name_and_asked_who_it_is(
    name: str, tmp_path: Path, plugs: ExitStack
) -> None:
    role, _, protocol = name.partition("/")
    seat = Seat(role, protocol, str(tmp_path / "by-path"), tmp_path)
    device, desk = plugged(plugs, seat), ListeningDesk()
    driver = driver_of(Part(role, protocol, seat.port), Outfit(desk))
    driver.start()
    plugs.callback(driver.stop)
    eventually(lambda: driver.health().works and any(map(works, desk.told)), PATIENCE_S)
    before, node, told = driver.identity(), Path(seat.port).readlink(), len(desk.told)
    assert before
    assert (before.kind, before.protocol, before.port) == (role, protocol, seat.port)

    device.stop()
    eventually(lambda: any(map(fails, desk.told[told:])), PATIENCE_S)
    assert not driver.health().works
    assert driver.alive

    taken(plugs, node)
    told = len(desk.told)
    plugged(plugs, seat)
    assert Path(seat.port).readlink() != node
    eventually(lambda: driver.health().works and any(map(works, desk.told[told:])), PATIENCE_S)
    assert driver.identity() == before, "the very same, as it says itself"
