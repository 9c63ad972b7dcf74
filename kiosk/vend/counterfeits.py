"""A run of pieces that no acceptor takes for money: somebody is trying. Cash is shut for a while, and technicians are told.

Counted over all acceptors. A piece that is accepted ends the run: an honest customer's worn note goes back two or three times, and the next
one is taken. Forgotten by a restart, which opens the cash again and begins to count.
"""

from kiosk.vend import facts as f
from kiosk.vend.facts import Fact
from kiosk.vend.passing import Passing
from kiosk.vend.rules import Now, Rules
from kiosk.vend.state import State, Wary

RUN = 10  # pieces, one behind the other
WITHIN_MS = SHUT_MS = 600_000


class Suspected(Passing, frozen=True):
    """Where the run stands."""

    wary: Wary


def rejected(rules: Rules, state: State, code: str, now: Now) -> tuple[Fact, ...]:
    """One more went back. `code`: why, as the driver has it; only what was not recognised counts."""
    was, taken = state.here.wary, _taken(state)
    if was.until_ms or code != "invalid":
        return ()
    goes_on = was.pieces and was.taken == taken and now.mono_ms - was.since_ms < WITHIN_MS
    wary = Wary(was.pieces + 1, was.since_ms, taken) if goes_on else Wary(1, now.mono_ms, taken)
    if wary.pieces < RUN:
        return (Suspected(wary),)
    faults = (f.DeviceFault(device, "fraud") for device in rules.acceptors if device not in state.faults)
    return (*faults, Suspected(Wary(until_ms=now.mono_ms + SHUT_MS)))


def over(state: State, now: Now) -> tuple[Fact, ...]:
    """The while is over."""
    until_ms = state.here.wary.until_ms
    if not until_ms or now.mono_ms < until_ms:
        return ()
    return (*(f.DeviceRecovered(device) for device, code in state.faults.items() if code == "fraud"), Suspected(Wary()))


def _taken(state: State) -> int:
    """What has been accepted so far: it moves with every piece, and with every box."""
    return sum(pieces for box in state.boxes.values() for pieces in box.values())
