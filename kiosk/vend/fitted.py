"""The devices that the sale can do without, and which acceptor is this machine's: what `step` makes of what they tell."""

from kiosk.vend import facts as f
from kiosk.vend import seen as s
from kiosk.vend.facts import Fact
from kiosk.vend.rules import Rules
from kiosk.vend.state import State


def up(state: State, seen: s.DeviceUp) -> tuple[Fact, ...]:
    """Well again is a row once; well as before is none."""
    return (f.DeviceRecovered(seen.device),) if seen.device in state.faults else ()


def down(state: State, seen: s.DeviceDown) -> tuple[Fact, ...]:
    """A fault is a row once, not once a try."""
    return () if state.faults.get(seen.device) == seen.code else (f.DeviceFault(seen.device, seen.code),)


def serial_of(rules: Rules, state: State, device: str) -> str:
    """The only acceptor that may take money: the one that staff enrolled last, before that kiosk.toml's, before that the first that came.
    "" while any may."""
    memory = state.acceptors.get(device)
    return state.till.enrolled.get(device) or rules.acceptors.get(device) or (memory.serial if memory else "")


def stranger(state: State, device: str) -> str:
    """The serial of an acceptor that takes nothing until staff enrol it: another than this machine's own, or one that counts less than
    it told. "" where none does."""
    seen, memory = state.here.acceptors.get(device), state.acceptors.get(device)
    if seen and not seen.code and memory and device in state.till.doubted:
        return memory.serial
    return seen.serial if seen and seen.code == "swapped" else ""
