"""A simulated bank card terminal that speaks ZVT behind a pty or a TCP socket, and keeps its own book.

Its control socket (one JSON object a line) knows:
    pos {"to": approve | decline | abort | silent | plain | hold | busy | full | diagnosis | jammed, "result": code of a decline}
        silent: approves and says nothing; plain: knows no goods; hold: the customer does nothing until it goes on with another word
    fault {"cut": {"at": n, "after": bool, "what": "line" | "power", "back_s": s}}   at the n-th message from now, sent or received, 0 first
    fault {duplicate, other_amount, other_currency, unknown_bitmap, split: true | false, delay_ms, deaf_to_acks: n, mute_acks: n}
    unasked {"amount_minor": n}    an approval that nobody asked for         day    what staff do at its own keys: the end of the day
    power {"to": "off" | "on"}    unplug    plug    state    quit
An approval that is neither completed nor reversed when its power fails is reversed when that is back, as real ones do; with `keep` it is
completed. Source: PA00P015 13.08 and PA00P016_04, by their tables.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kiosk.devices.sim.control import ControlRefused, ControlServer
from kiosk.devices.sim.printer_line import Line
from kiosk.devices.sim.zvt_book import Book
from kiosk.devices.sim.zvt_fields import Malformed
from kiosk.devices.sim.zvt_line import TerminalLine
from kiosk.devices.sim.zvt_talks import MODES, Ask, Talk, Talks

YES, BUSY = bytes.fromhex("800000"), bytes.fromhex("849C00")


@dataclass
class Cut:
    """The line or the plug is pulled at a message; `left`: so many come before it."""

    left: int
    after: bool
    what: str
    back_s: float


class TerminalSimulator:
    """The device. `goods_unit_s`: a second of the goods time-out; `repeat_s`: between two 04 0F; `card_s`: the customer's hands."""

    def __init__(
        self,
        line: Line,
        book: str | Path | None = None,
        control: str | Path | None = None,
        *,
        blocks: bool,
        keep: bool = False,
        number: int = 29_000_274,
        answer_s: float = 5.0,
        ack_s: float = 5.0,
        repeat_s: float = 2.0,
        goods_unit_s: float = 1.0,
        card_s: float = 0.0,
    ) -> None:
        self._ending = threading.Event()
        self.line = TerminalLine(line, blocks=blocks, ack_s=ack_s, ending=self._ending)
        self.book = Book(book)
        self.talks = Talks(self.book, number, keep=keep, answer_s=answer_s, repeat_s=repeat_s, goods_unit_s=goods_unit_s, card_s=card_s)
        self._control = ControlServer(control, self.do) if control else None
        self.finished = threading.Event()
        self._lock = threading.RLock()
        self._thread = threading.Thread(target=self._run, name="terminal simulator", daemon=True)
        self.cut: Cut | None = None
        self.heard: list[bytes] = []  # the commands that it was given
        self.messages = 0
        self._powered, self._back_at = True, 0.0
        self._off()

    def start(self) -> None:
        """Plugs in. OSError when port or control socket cannot be made."""
        if self._control:
            self._control.start()
        try:
            self.line.line.plug()
        except OSError:
            if self._control:
                self._control.stop()
            raise
        self._settle_open()
        self._thread.start()

    def stop(self) -> None:
        """Unplugs; the book stays in its file."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(10.0)
        if self._control:
            self._control.stop()
        self.line.line.unplug()

    # ---------------------------------------------------------------- orders of whoever plays the world

    def do(self, verb: dict[str, Any]) -> dict[str, Any]:
        """Does one order and returns the state. Raises ControlRefused."""
        orders: dict[str, Callable[[dict[str, Any]], object]] = {
            "pos": self._turn_mode,
            "fault": self._turn_fault,
            "unasked": self._unasked,
            "day": lambda _: self.book.end_day(),
            "power": self._turn_power,
            "plug": lambda _: self.line.line.plug(),
            "unplug": lambda _: self.line.line.unplug(),
            "quit": lambda _: self.finished.set(),
            "state": lambda _: None,
        }
        order = orders.get(verb["do"])
        if order is None:
            raise ControlRefused(f"There is no {verb['do']} here; there are {', '.join(orders)}.")
        with self._lock:
            order(verb)
            return {
                "mode": self.talks.mode,
                "power": "on" if self._powered else "off",
                "plugged": self.line.line.plugged,
                "busy": self._talk is not None,
                "awaits_card": self.talks.awaits_card,
                "registered": self.talks.registered,
                "approvals": sum(not entry.of for entry in self.book.entries),
                "reversed": sum(entry.state == "reversed" for entry in self.book.entries),
                "open": len(self.book.open()),
                "charged_minor": self.book.charged_minor,
                "day_ends": self.book.day_ends,
                "messages": self.messages,
            }

    def _turn_mode(self, verb: dict[str, Any]) -> None:
        if verb.get("to") not in MODES or not isinstance(verb.get("result", 5), int):
            raise ControlRefused(f'A terminal goes "to": {", ".join(MODES)}.')
        self.talks.mode, self.talks.result = str(verb["to"]), verb.get("result", self.talks.result)

    def _turn_power(self, verb: dict[str, Any]) -> None:
        if verb.get("to") not in {"off", "on"}:
            raise ControlRefused('Power is switched with "to": "off" or "on".')
        self._power(on=verb["to"] == "on")

    def _turn_fault(self, verb: dict[str, Any]) -> None:
        for name, value in verb.items():
            if name == "cut" and isinstance(value, dict):
                what = str(value.get("what", "line"))
                self.cut = Cut(int(value.get("at", 0)), bool(value.get("after")), what, float(value.get("back_s", 0.1)))
            elif name in {"split", "deaf_to_acks", "mute_acks"} and isinstance(value, int):
                setattr(self.line, name, value)
            elif hasattr(self.talks.faults, name) and isinstance(value, int):
                setattr(self.talks.faults, name, value)
            elif name != "do":
                raise ControlRefused(f"There is no fault {name} = {value}.")

    def _unasked(self, verb: dict[str, Any]) -> None:
        if self._talk is not None or not self._powered:
            raise ControlRefused("The terminal is in a dialogue, or off.")
        self._begin(self.talks.goods(int(verb.get("amount_minor", 1)), 2.0, 3))

    # ---------------------------------------------------------------- power and plug

    def _off(self) -> None:
        self._talk: Talk | None = None
        self._asked: Ask | None = None  # what waits for an answer
        self._due = 0.0
        self.talks.registered = self.talks.cancelled = self.talks.awaits_card = False

    def _power(self, *, on: bool) -> None:
        if on and not self._powered:
            self._settle_open()
        self._powered = on
        self._off()
        self.line.hang_up()

    def _settle_open(self) -> None:
        for entry in self.book.open():
            self.talks.settle(entry, "power")

    def _passes(self, action: Callable[[], object]) -> None:
        """A message: here is where a cut is made, before it or after it."""
        self.messages += 1
        cut = self.cut
        if cut is None or cut.left:
            if cut:
                cut.left -= 1
            action()
            return
        self.cut = None
        if cut.after:
            action()
        self._back_at = time.monotonic() + cut.back_s
        if cut.what == "power":
            self._power(on=False)
        self.line.line.unplug()
        self.line.forget()

    def _come_back(self) -> None:
        if self._back_at and time.monotonic() >= self._back_at:
            self._back_at = 0.0
            self.line.line.plug()
            if not self._powered:
                self._power(on=True)

    # ---------------------------------------------------------------- the wire

    def _run(self) -> None:
        while not self._ending.is_set():
            with self._lock:
                self._come_back()
                received = self.line.receive(0.002) if self._powered else None
                if received:
                    self._passes(lambda apdu=received: self._hear(apdu))  # type: ignore[misc]
                else:  # what is there already was in time
                    self._go_on()
            self._ending.wait(0.001)

    def _hear(self, apdu: bytes) -> None:
        command = int.from_bytes(apdu[:2], "big")
        if apdu[0] in (0x80, 0x84):
            if self._asked:
                self._asked = None
                self._step(apdu)
            return
        self.heard.append(apdu)
        if command == 0x06B0:
            self.talks.cancelled = True
            self._say(YES)
        elif self._talk is not None:
            self._say(BUSY)
        else:
            self._command(command, apdu[5:] if apdu[2] == 0xFF else apdu[3:])

    def _say(self, apdu: bytes) -> None:
        time.sleep(self.talks.faults.delay_ms / 1000)
        self._passes(lambda: self.line.send(apdu))

    def _begin(self, talk: Talk) -> None:
        self._talk, self.talks.cancelled, self._asked = talk, False, None
        self._step(None)

    def _step(self, answer: bytes | None) -> None:
        talk = self._talk
        if talk is None:
            return
        try:
            wanted = talk.send(answer)
        except StopIteration:
            if self._talk is talk:
                self._talk = None
            return
        self._asked = wanted if isinstance(wanted, Ask) else None
        if isinstance(wanted, Ask):
            self._say(wanted.message)
            if self.talks.faults.duplicate and wanted.message.startswith(b"\x04\x0f") and self._talk is talk:
                self._say(wanted.message)
        self._due = time.monotonic() + wanted.wait_s

    def _go_on(self) -> None:
        if self._talk is not None and self._powered and time.monotonic() >= self._due:
            self._asked = None
            self._step(None)

    def _command(self, command: int, data: bytes) -> None:
        talk = self.talks.of(command)
        if talk is None:
            self._say(bytes.fromhex("848300"))
        elif command not in (0x0600, 0x0501) and not self.talks.registered:
            self._say(bytes.fromhex("846B00"))
        elif command == 0x0601 and self.talks.mode == "busy":
            self._say(BUSY)
        else:
            try:
                begun = talk(data)
            except Malformed:
                self._say(bytes.fromhex("849A00"))
                return
            self._say(YES)
            if self._powered:
                self._begin(begun)
