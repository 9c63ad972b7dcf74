"""Plugs the virtual card into pcscd, through vpcd (vsmartcard), and the hand that carries it between reader, SAM slot and meter.

vpcd's protocol, both directions: u16 big-endian length, payload. One-byte payloads are 00 power off, 01 power on, 02 reset, 04 send
the ATR; everything longer is a command. Connecting is inserting, closing the socket is pulling; vpcd looks every 400 ms. It sends
length and payload apart and without TCP_NODELAY, so each receive must be acknowledged at once or every command costs 44 ms.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from kiosk.devices.sim import faults
from kiosk.devices.sim.card import CardModel
from kiosk.devices.sim.control import ControlRefused
from kiosk.devices.sim.meter import MeterModel

FIRST_PORT = 0x8D00  # the user slot; the next one is the SAM slot
CONNECT_S = 5.0
STOP_S = 2.0
LOST = b"\x00"  # vpcd waits for ever on an empty answer; one byte is no answer either, and reaches the reader's client as such
POWER_OFF, POWER_ON, RESET, SEND_ATR = b"\x00", b"\x01", b"\x02", b"\x04"


class Plugged(Protocol):
    """What can be put into a slot: the user's card, a security module."""

    present: bool

    @property
    def atr(self) -> bytes:
        """Answer to reset."""

    def insert(self) -> bytes:
        """Into the contacts."""

    def pull(self) -> None:
        """Out of them."""

    def reset(self) -> bytes:
        """Warm or cold. CardPulled when it is out."""

    def process(self, apdu: bytes) -> bytes:
        """One command, one answer. CardPulled when it leaves."""


class VpcdSlot:
    """One slot of the virtual reader. `insert` and `pull` may be called from any thread; the card answers in a thread of its own."""

    def __init__(self, port: int = FIRST_PORT, host: str = "127.0.0.1") -> None:
        self.port = port
        self.lock = threading.RLock()  # held while the card works: take it to look at the card or to arm a fault
        self._host = host
        self._card: Plugged | None = None
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None

    @property
    def card(self) -> CardModel | None:
        """The user's card that is in, or None (also after a fault pulled it)."""
        return self._card if isinstance(self._card, CardModel) and self._card.present else None

    def insert(self, card: Plugged) -> None:
        """Push the card in. OSError when no vpcd listens within five seconds."""
        self.pull()
        card.insert()
        link = _connect(self._host, self.port)
        self._card, self._socket = card, link
        self._thread = threading.Thread(target=self._serve, args=(card, link), name=f"vpcd {self.port}", daemon=True)
        self._thread.start()

    def pull(self) -> None:
        """Take the card out; returns when its thread has ended. Harmless on an empty slot."""
        link, thread, card = self._socket, self._thread, self._card
        self._socket = self._thread = self._card = None
        if link:
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
        if thread and thread is not threading.current_thread():
            thread.join(STOP_S)
        if card:
            with self.lock:
                card.pull()

    def wait_pulled(self, timeout_s: float) -> bool:
        """True as soon as the card is out (a fault pulled it, or vpcd went away)."""
        thread = self._thread
        if thread:
            thread.join(timeout_s)
        return thread is None or not thread.is_alive()

    def _serve(self, card: Plugged, link: socket.socket) -> None:
        with link, contextlib.suppress(OSError):  # a CardPulled is one: the socket closes, and that is the pull
            while True:
                order = _receive(link, int.from_bytes(_receive(link, 2), "big"))
                with self.lock:
                    answer = _answer(card, order)
                if answer is not None:
                    link.sendall(len(answer).to_bytes(2, "big") + answer)
        with self.lock:
            card.pull()


def _answer(card: Plugged, order: bytes) -> bytes | None:
    """None where vpcd expects no answer."""
    if order == SEND_ATR:
        return card.atr
    if order in {POWER_OFF, POWER_ON, RESET}:
        card.reset()
        return None
    return card.process(order) or LOST


def _connect(host: str, port: int) -> socket.socket:
    until = time.monotonic() + CONNECT_S
    while True:
        try:
            link = socket.create_connection((host, port), timeout=1.0)
            break
        except OSError as e:
            if time.monotonic() > until:
                raise ConnectionError(f"no virtual reader listens on port {port}: {e.strerror or e}") from None
            time.sleep(0.05)
    link.settimeout(None)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return link


def _receive(link: socket.socket, length: int) -> bytes:
    """Exactly so many bytes, each part acknowledged at once."""
    out = b""
    while len(out) < length:
        part = link.recv(length - len(out))
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        if not part:
            raise ConnectionError("vpcd closed the slot")
        out += part
    return out


class Hand:
    """A hand with one card: it puts it into the reader, the SAM slot or the meter, pulls it, spoils it. Serves the control verbs."""

    def __init__(self, card: CardModel, slots: dict[str, VpcdSlot], meter: MeterModel | None = None) -> None:
        self.card = card
        self._slots = slots
        self._meter = meter
        self._last: dict[str, Any] = {}
        self.ended = threading.Event()
        self._verbs: dict[str, Callable[[dict[str, Any]], None]] = {
            "insert_card": lambda verb: self.insert(verb.get("slot", "reader"), verb.get("stay_s", 15.0)),
            "pull_card": lambda _: self.pull(),
            "fault": self._fault,
            "advance": self._advance,
            "state": lambda _: None,
            "quit": lambda _: self.ended.set(),
        }

    def handle(self, verb: dict[str, Any]) -> dict[str, Any]:
        """One control verb; the state after it. ControlRefused in one sentence."""
        act = self._verbs.get(verb["do"])
        if act is None:
            raise ControlRefused(f"A card knows {', '.join(self._verbs)}; not {verb['do']}.")
        act(verb)
        return self.state()

    def pull(self) -> None:
        """Out of wherever it is."""
        for slot in self._slots.values():
            slot.pull()

    def insert(self, place: object, stay_s: object = 15.0) -> None:
        """Into the reader, the SAM slot or the meter. ControlRefused in one sentence."""
        places = [*self._slots, *["meter"] * bool(self._meter)]
        if place not in places or not isinstance(place, str) or not isinstance(stay_s, int | float):
            raise ControlRefused(f"There is no slot {place}; a card goes to {', '.join(places)}.")
        self.pull()
        if place == "meter" and self._meter:
            self._last = msgspec.to_builtins(self._meter.insert(self.card, stay_s))
            self.card.pull()
            return
        try:
            self._slots[place].insert(self.card)
        except OSError as e:
            raise ControlRefused(str(e)) from None

    def state(self) -> dict[str, Any]:
        """Where the card is, its files, the meter's display."""
        where = next((name for name, slot in self._slots.items() if slot.card), "hand")
        files = {f"{n:02d}": raw.hex() for n, raw in self.card.files.items()}
        state: dict[str, Any] = {"slot": where, "files": files, "faults": msgspec.to_builtins(self.card.faults)}
        if self._meter:
            state["meter"] = self._meter.display() | self._last
        return state

    def _fault(self, verb: dict[str, Any]) -> None:
        try:
            what = faults.from_json({k: v for k, v in verb.items() if k != "do"})
        except ValueError as e:
            raise ControlRefused(str(e)) from None
        with contextlib.ExitStack() as held:
            for slot in self._slots.values():
                held.enter_context(slot.lock)
            self.card.arm(what)

    def _advance(self, verb: dict[str, Any]) -> None:
        if self._meter is None:
            raise ControlRefused("There is no meter here.")
        try:
            self._meter.advance(float(verb.get("hours", 24)), float(verb.get("load_kw", 0)))
        except (TypeError, ValueError):
            raise ControlRefused("advance takes hours and load_kw: at most ten years and a megawatt.") from None
