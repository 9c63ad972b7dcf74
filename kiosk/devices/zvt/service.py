"""One command to a terminal, from the first byte to its 06 0F or 06 1E, where nobody has to decide anything meanwhile."""

import threading
import time
from collections.abc import Callable

import msgspec

from kiosk.devices.contract import DeviceTimeout
from kiosk.devices.port import after
from kiosk.devices.zvt import messages as m
from kiosk.devices.zvt.link import MESSAGES_MAX, Link, Pace
from kiosk.devices.zvt.table import stray
from kiosk.devices.zvt.wire import Apdu, WireError

_SLICE_S = 0.5  # a wait looks up so often, to see whether it is still wanted


class Stopping(Exception):
    """The driver is told to end in the middle of a dialogue. Whatever was under way is found out at the next start."""


class Ended(msgspec.Struct, frozen=True):
    """How a command ended. `refused`: 84 xx at once, nothing was done. `aborted`: by 06 1E, else by 06 0F.

    `result`: of that end. `status`: the last status information; `unreadable`: there was one that could not be read.
    """

    refused: int | None = None
    aborted: bool = False
    result: int | None = None
    status: m.StatusInfo | None = None
    unreadable: bool = False
    lines: tuple[str, ...] = ()
    end: Apdu | None = None

    @property
    def code(self) -> int | None:
        """What the terminal has against it; None when it has nothing."""
        said = self.refused or self.result or (self.status.result if self.status else None)
        return said or None

    @property
    def done(self) -> bool:
        """It was carried out."""
        return self.refused is None and not self.aborted and not self.unreadable and self.code is None


class Service:
    """Commands over one link."""

    def __init__(self, link: Link, pace: Pace, stopping: threading.Event, ours: Callable[[m.StatusInfo], bool]) -> None:
        self._link, self._pace, self._stopping, self._ours = link, pace, stopping, ours

    def run(self, command: Apdu, *, once: bool = False, end_s: float | None = None, strange: frozenset[int] = frozenset()) -> Ended:
        """Sends it and hears it out. `end_s`: instead of T4. Raises DeviceTimeout, PortLost, Stopping: then it may have been done.

        `strange`: what has no place in it. A terminal that says so all the same, or refuses what nobody asked it, is in another dialogue
        than we are: what it approves there is not confirmed, and the end is unreadable. So is a refusal that may be another question's.
        """
        self._link.send(command, once=once)
        deadline = after(self._pace.answer_s)
        while not m.is_yes(message := self._next(deadline)):
            if (refused := m.refusal_of(message)) is not None:
                return Ended(refused=refused, unreadable=self._link.owed != 0)
            self._answer(stray(message, self._ours))
        return self._heard_out(end_s or self._pace.end_s, strange)

    def _heard_out(self, end_s: float, strange: frozenset[int]) -> Ended:
        ended, astray, heard = Ended(), False, 0
        while not ended.end:
            message, heard = self._next(after(end_s)), heard + 1
            if heard > MESSAGES_MAX:
                raise DeviceTimeout("the terminal comes to no end", maybe_done=True)
            surplus = m.refusal_of(message) is not None and self._link.owed < 0
            astray = astray or message.command in strange or surplus
            self._answer(stray(message, self._ours if astray else lambda _info: True))
            ended = _more(ended, message)
        return msgspec.structs.replace(ended, unreadable=True) if astray else ended

    def _answer(self, answer: Apdu | None) -> None:
        if answer:
            self._link.send(answer)

    def _next(self, deadline: float) -> Apdu:
        while True:
            if self._stopping.is_set():
                raise Stopping
            message = self._link.receive(min(deadline, after(_SLICE_S)))
            if message:
                return message
            if time.monotonic() >= deadline:
                raise DeviceTimeout("the terminal gives no answer", maybe_done=True)


def _more(ended: Ended, message: Apdu) -> Ended:
    replace = msgspec.structs.replace
    if message.command == m.STATUS:
        try:
            return replace(ended, status=m.status_info(message.data))
        except WireError:
            return replace(ended, unreadable=True)
    if message.command in {m.PRINT_LINE, m.PRINT_BLOCK}:
        return replace(ended, lines=(ended.lines + m.printed(message))[: m.LINES_LIMIT])
    if message.command in {m.COMPLETION, m.ABORTED}:
        return replace(ended, aborted=message.command == m.ABORTED, result=m.result_of(message), end=message)
    return ended
