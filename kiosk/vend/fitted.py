"""The devices that the sale can do without, and which of two acceptors is this machine's: what `step` makes of what they tell."""

from kiosk.vend import facts as f
from kiosk.vend import seen as s
from kiosk.vend.facts import Fact
from kiosk.vend.state import State


def up(state: State, seen: s.DeviceUp) -> tuple[Fact, ...]:
    """Well again is a row once; well as before is none."""
    return (f.DeviceRecovered(seen.device),) if seen.device in state.faults else ()


def down(state: State, seen: s.DeviceDown) -> tuple[Fact, ...]:
    """A fault is a row once, not once a try."""
    return () if state.faults.get(seen.device) == seen.code else (f.DeviceFault(seen.device, seen.code),)
