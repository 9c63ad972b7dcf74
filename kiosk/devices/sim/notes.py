"""A simulated ccTalk note acceptor with escrow, address 40: notes of one country, a stacker, and what a power cut does to a held note."""

import time
from pathlib import Path
from typing import Any

from kiosk.devices.sim.cash import ACK, CashSimulator, Orders, value_minor
from kiosk.devices.sim.cctalk_bus import NAK, Answer
from kiosk.devices.sim.control import ControlRefused

# bill type -> (id, value in minor units)
NOTES = {
    1: ("CN0001A", 100),
    2: ("CN0005A", 500),
    3: ("CN0010A", 1000),
    4: ("CN0020A", 2000),
    5: ("CN0050A", 5000),
    6: ("CN0100A", 10000),
}
COUNTRY, SCALING, DECIMALS = b"CN", 100, 2

RETURNED, INVALID, INHIBITED, JAM_UNSAFE, STACKER_OK, STACKER_REMOVED, STACKER_INSERTED, STACKER_FULL, JAM_SAFE = (
    1,
    2,
    4,
    6,
    10,
    11,
    12,
    14,
    16,
)
UNKNOWN_STACKED = 21
FAULT_JAMMED, FAULT_NO_STACKER, FAULT_FULL = 39, 44, 45  # header 232
ESCROW_EMPTY, FAILED_TO_ROUTE = 254, 255  # header 154
STACKER_BIT, ESCROW_BIT = 1, 2  # header 153


class NoteSimulator(CashSimulator):
    """See CashSimulator. `hold_s`: how long it keeps a note that nobody decides on; `route_s`: how long a note moves.

    `at_power_loss`: what becomes of a held note, "return" | "stack"; `power_up_tells`: what the device says of it when it has power again,
    "event" (returned, or the bill's own credit) | "unknown" (event 21) | "nothing".
    """

    address = 40
    category = "Bill Validator"
    product = "Notes"
    events_header = 159
    frauds = frozenset({9, 17, 18})
    notes = NOTES

    def __init__(
        self,
        link: str | Path,
        control: str | Path | None = None,
        state: str | Path | None = None,
        *,
        hold_s: float = 10.0,
        route_s: float = 0.0,
        at_power_loss: str = "return",
        power_up_tells: str = "event",
        **options: Any,
    ) -> None:
        self._hold_s, self._route_s = hold_s, route_s
        self._at_power_loss, self._power_up_tells = at_power_loss, power_up_tells
        self._return_at = self._routed_at = 0.0
        super().__init__(link, control, state, **options)
        self._hold()

    def factory(self) -> dict[str, Any]:
        """`held`: type of the note in escrow or None; `moving`: where it goes, "stack" | "return" | ""."""
        return {**super().factory(), "held": None, "moving": "", "operating": 0, "stacker": "in", "collected": []}

    def shown(self) -> dict[str, Any]:
        """With the held note's value."""
        held = self.memory["held"]
        return {**super().shown(), "held_minor": self.notes[held][1] if held else None}

    def orders(self) -> Orders:
        """insert_note {value_minor}, jam {unsafe}, clear {note: return | stack | gone}, stacker {to: full | out | in}."""
        return {"insert_note": self._insert_note, "jam": self._jam, "clear": self._clear, "stacker": self._stacker}

    # ---------------------------------------------------------------- the world's hand

    def _insert_note(self, verb: dict[str, Any]) -> None:
        value = value_minor(verb)
        self.needs_power()
        kind = next((kind for kind, (_, minor) in self.notes.items() if minor == value), None)
        if self.memory["held"] or self.memory["moving"]:
            raise ControlRefused("There is a note in the way.")
        if self.memory["fault"]:
            raise ControlRefused("The slot does not take it.")
        self.memory["inserted"] += 1
        if kind is None:
            self._reject(INVALID)
        elif self.open_to(kind):
            self._reject(INHIBITED)
        elif self.memory["operating"] & ESCROW_BIT:
            self.memory["held"] = kind
            self.remember(kind, 1)
            self._hold()
        else:
            self.memory["held"] = kind
            self._stack()

    def _reject(self, event: int) -> None:
        self.memory["rejected"] += 1
        self.remember(0, event)

    def _jam(self, verb: dict[str, Any]) -> None:
        self.needs_power()
        self.memory |= {"fault": FAULT_JAMMED, "moving": ""}
        self.remember(0, JAM_UNSAFE if verb.get("unsafe") else JAM_SAFE)

    def _clear(self, verb: dict[str, Any]) -> None:
        """The technician opened it; `note` says where a held note ended: with the customer, in the box, or nobody saw."""
        self.memory["fault"] = 0
        if self.memory["held"]:
            match verb.get("note", "return"):
                case "return":
                    self._return()
                case "stack":
                    self._stack()
                case _:
                    self.book.write("gone", self.notes[self.memory["held"]][1])
                    self.memory["held"] = None

    def _stacker(self, verb: dict[str, Any]) -> None:
        match verb.get("to"):
            case "full":
                self.memory |= {"stacker": "full", "fault": FAULT_FULL}
                self.remember(0, STACKER_FULL)
            case "out":
                if self.memory["held"]:
                    self._return()
                self.memory["collected"].append(self.memory["box"])
                self.memory |= {"stacker": "out", "fault": FAULT_NO_STACKER, "box": {}}
                self.remember(0, STACKER_REMOVED)
            case "in":
                self.memory |= {"stacker": "in", "fault": 0}
                self.remember(0, STACKER_INSERTED)
            case _:
                raise ControlRefused('The stacker goes "to": "full", "out" or "in".')

    # ---------------------------------------------------------------- the device's own doing

    def answer_more(self, header: int, data: bytes) -> Answer:
        """Bill ids, scaling, operating mode, escrow."""
        if header == 157 and len(data) == 1:
            return self.notes.get(data[0], (".......", 0))[0].encode()
        if header == 156:
            return bytes([SCALING % 256, SCALING // 256, DECIMALS]) if data == COUNTRY else bytes(3)
        if header == 153 and len(data) == 1:
            self.memory["operating"] = data[0]
            return ACK
        if header == 152:
            return int(self.memory["operating"]).to_bytes(1, "little")
        if header == 154 and len(data) == 1:
            return self._route(data[0])
        return NAK

    def _route(self, where: int) -> Answer:
        if not self.memory["held"] or self.memory["moving"]:
            return bytes([ESCROW_EMPTY])
        if self.memory["fault"]:
            return bytes([FAILED_TO_ROUTE])
        if where == 255:
            self._hold()
        elif where in {0, 1}:
            self.memory["moving"] = "stack" if where else "return"
            self._routed_at = time.monotonic() + self._route_s
        else:
            return NAK
        return ACK

    def work(self) -> None:
        """Moves the note that was given a word; gives back one that nobody wants."""
        now = time.monotonic()
        if self.memory["fault"] or not self.memory["held"]:
            return
        if self.memory["moving"] and now >= self._routed_at:
            (self._stack if self.memory["moving"] == "stack" else self._return)()
        elif not self.memory["moving"] and now >= self._return_at:
            self._return()

    def power_up(self) -> None:
        """A note in escrow goes where this model sends it, and perhaps the device says so."""
        held = self.memory["held"]
        super().power_up()
        self.memory |= {"moving": "", "operating": 0}
        if not held:
            return
        if self._at_power_loss == "stack":
            self.put_in_box(self.notes[held][1])
        else:
            self.book.write("returned", self.notes[held][1])
        self.memory["held"] = None  # see `_stack`
        told = {"return": (0, RETURNED), "stack": (held, 0)}[self._at_power_loss]
        if self._power_up_tells == "event":
            self.remember(*told)
        elif self._power_up_tells == "unknown" and self._at_power_loss == "stack":
            self.remember(0, UNKNOWN_STACKED)

    def _hold(self) -> None:
        self._return_at = time.monotonic() + self._hold_s

    def _stack(self) -> None:
        """Past recovery. `held` is cleared last: whoever reads the memory meanwhile never finds the note nowhere."""
        held = self.memory["held"]
        self.put_in_box(self.notes[held][1])
        self.remember(held, 0)
        self.memory |= {"held": None, "moving": ""}
        self.save()

    def _return(self) -> None:
        self.book.write("returned", self.notes[self.memory["held"]][1])
        self.remember(0, RETURNED)
        self.memory |= {"held": None, "moving": ""}
        self.save()
