"""A simulated note validator that speaks SSP and eSSP, in clear and encrypted, for our driver and for any other host.

It has the protocol's trap: once "channel n is in escrow" was answered, the next poll takes the note, and any other command keeps it.
Source: ITL SSP Protocol Manual GA138.
"""

import time
from pathlib import Path
from typing import Any

from kiosk.devices.sim.cash import CashSimulator, Orders, value_minor
from kiosk.devices.sim.cctalk_bus import Answer
from kiosk.devices.sim.control import ControlRefused
from kiosk.devices.sim.essp_line import KEY_NOT_SET, OK, SYNC, UNKNOWN, EsspLine

VALUES = {1: 1, 2: 5, 3: 10, 4: 20, 5: 50, 6: 100}  # channel -> yuan
CURRENCY, MULTIPLIER = b"CNY", 100
FIXED_KEY = 0x0123456701234567

WRONG_COUNT, OUT_OF_RANGE, CANNOT, FAIL = b"\xf3", b"\xf4", b"\xf5", b"\xf8"
RESET, READ, CREDIT, REJECTING, REJECTED, STACKED, SAFE_JAM, UNSAFE_JAM, DISABLED, FULL, FRAUD = (
    0xF1, 0xEF, 0xEE, 0xED, 0xEC, 0xEB, 0xEA, 0xE9, 0xE8, 0xE7, 0xE6,
)  # fmt: skip
BOX_IN, BOX_OUT, CLEARED_IN, CLEARED_OUT, STACKING, INITIALISING, INHIBITED = 0xE4, 0xE3, 0xE2, 0xE1, 0xCC, 0xB6, 0xB5
BY_HOST, NO_WORD, CHANNEL_SHUT, INVALID = 0x08, 0x13, 0x06, 0x03  # LAST REJECT
JAM, BOX = 1, 2  # what is wrong with it


class EsspSimulator(CashSimulator):
    """See CashSimulator. `hold_s`: how long a note is kept without a packet; `route_s`: how long it moves.

    `at_power_loss`: what becomes of a held note, "return" | "stack"; `power_up_tells`: what the device says of it when it has power again,
    "event" (with the channel) | "unknown" (channel 0) | "nothing". `keyed`: see EsspLine; with "none" POLL WITH ACK is known in clear.
    `polls_with_ack`, `accept_counter`: whether it knows that, and GET COUNTERS; `count_lag_s`: its counter follows the credit so late;
    `starts_s`: how long it initialises; `forgets`: a credit that was not acknowledged is not repeated after a power cut; `newest`: the
    newest protocol that it knows; `unit`: its unit type.
    """

    line: EsspLine

    def __init__(
        self,
        link: str | Path,
        control: str | Path | None = None,
        state: str | Path | None = None,
        *,
        serial: int = 4060504,
        hold_s: float = 10.0,
        route_s: float = 0.0,
        at_power_loss: str = "return",
        power_up_tells: str = "event",
        keyed: str = "optional",
        fixed: int = FIXED_KEY,
        polls_with_ack: bool = True,
        accept_counter: bool = True,
        count_lag_s: float = 0.0,
        starts_s: float = 0.0,
        forgets: bool = False,
        newest: int = 8,
        unit: int = 0,
        **options: Any,
    ) -> None:
        self._hold_s, self._route_s = hold_s, route_s
        self._at_power_loss, self._power_up_tells = at_power_loss, power_up_tells
        self._keyed, self._fixed, self._acks = keyed, fixed, polls_with_ack
        self._count_lag_s, self._forgets, self._newest, self._unit = count_lag_s, forgets, newest, unit
        self._starts_s, self._started_at = starts_s, 0.0
        self._return_at = self._routed_at = self._counted_at = 0.0
        super().__init__(link, control, state, serial=serial, accept_counter=accept_counter, **options)
        self._keep()

    def wire(self, link: str | Path, mode: str, *, paced: bool) -> EsspLine:  # noqa: ARG002 - there is one mode
        """See CashSimulator."""
        return EsspLine(link, self.address, self._answer, self._tick, paced=paced, keyed=self._keyed, fixed=self._fixed)

    def factory(self) -> dict[str, Any]:
        """`held`: channel of the note in escrow or None; `announced`: a poll has said so; `moving`: where it goes, "stack" | "return" | "".

        `queue`: what the next poll says once; `repeated`: what POLL WITH ACK says until it is acknowledged.
        """
        own: dict[str, Any] = {"master": 0, "held": None, "announced": False, "moving": "", "queue": [], "repeated": [], "jam": 0}
        return {**super().factory(), **own, "stacker": "in", "collected": [], "protocol": 4, "reject_code": 0, "forgotten": 0}

    def shown(self) -> dict[str, Any]:
        """With the held note's value. No note comes in while a credit is not acknowledged."""
        held, shown = self.memory["held"], super().shown()
        shown["accepting"] = shown["accepting"] and not self.memory["repeated"]
        return {**shown, "held_minor": VALUES[held] * MULTIPLIER if held else None, "sealed": bool(self.line.layer.key)}

    def orders(self) -> Orders:
        """insert_note {value_minor}, jam {unsafe}, clear {note: return | stack | gone}, stacker {to}, fraud {channel}, say {codes: hex}."""
        return {
            "insert_note": self._insert_note, "jam": self._jam, "clear": self._clear, "stacker": self._stacker, "fraud": self._fraud,
            "say": self._say, "reset": self._reset,
        }  # fmt: skip

    # ---------------------------------------------------------------- the world's hand

    def _insert_note(self, verb: dict[str, Any]) -> None:
        value = value_minor(verb)
        self.needs_power()
        memory = self.memory
        channel = next((channel for channel, yuan in VALUES.items() if yuan * MULTIPLIER == value), None)
        if memory["held"] or memory["moving"]:
            raise ControlRefused("There is a note in the way.")
        if memory["fault"] or memory["repeated"]:
            raise ControlRefused("The slot does not take it.")
        memory["inserted"] += 1
        if channel is None:
            self._reject(INVALID)
        elif self.open_to(channel):
            self._reject(CHANNEL_SHUT)
        else:
            memory |= {"held": channel, "announced": False}
            self._keep()

    def _reject(self, code: int) -> None:
        self.memory["rejected"] += 1
        self.memory["reject_code"] = code
        self.memory["queue"].append([REJECTED])

    def _jam(self, verb: dict[str, Any]) -> None:
        self.needs_power()
        self.memory |= {"fault": JAM, "moving": "", "jam": UNSAFE_JAM if verb.get("unsafe") else SAFE_JAM}

    def _clear(self, verb: dict[str, Any]) -> None:
        """The technician opened it; `note` says where a note in the path ended: with the customer, in the box, or nobody saw."""
        self.memory |= {"fault": 0, "jam": 0}
        if self.memory["held"]:
            match verb.get("note", "return"):
                case "return":
                    self._return(BY_HOST)
                case "stack":
                    self._stack()
                case _:
                    self.book.write("gone", VALUES[self.memory["held"]] * MULTIPLIER)
                    self.memory |= {"held": None, "moving": ""}

    def _stacker(self, verb: dict[str, Any]) -> None:
        match verb.get("to"):
            case "full":
                self.memory |= {"stacker": "full", "fault": BOX}
                self.memory["queue"].append([FULL])
            case "out":
                if self.memory["held"]:
                    self._return(BY_HOST)
                self.memory["collected"].append(self.memory["box"])
                self.memory |= {"stacker": "out", "fault": BOX, "box": {}}
                self.memory["queue"].append([BOX_OUT])
            case "in":
                self.memory |= {"stacker": "in", "fault": 0}
                self.memory["queue"].append([BOX_IN])
            case _:
                raise ControlRefused('The stacker goes "to": "full", "out" or "in".')

    def _fraud(self, verb: dict[str, Any]) -> None:
        self.needs_power()
        channel = verb.get("channel", 0)
        if not isinstance(channel, int) or channel not in {0, *VALUES}:
            raise ControlRefused(f'Say "channel", 0 to {len(VALUES)}.')
        self.memory["frauds"] += 1
        self.memory["repeated"].append([FRAUD, channel])

    def _say(self, verb: dict[str, Any]) -> None:
        """Any bytes, once, as events of the next poll."""
        try:
            self.memory["queue"].append([*bytes.fromhex(str(verb.get("codes", "")))])
        except ValueError:
            raise ControlRefused('Say "codes" in hexadecimal digits.') from None

    def _reset(self, _verb: dict[str, Any]) -> None:
        self.needs_power()
        self.power_up()

    # ---------------------------------------------------------------- commands

    def _common(self, header: int, data: bytes) -> Answer:
        """One command, in clear or out of its seal."""
        self._keep()
        memory = self.memory
        told = {SYNC: OK, 0x03: OK, 0x04: OK, 0x54: OK, 0x4D: OK, 0x20: OK + b"SIM0100000000001", 0x21: OK + b"CNY01000"}
        told |= {0x0C: OK + self._serial.to_bytes(4), 0x17: OK + bytes([memory["reject_code"]]), 0x4F: OK + bytes(3)}
        if header in told:
            return told[header]
        match header:
            case 0x01:
                self.power_up()
                return OK
            case 0x06:
                return self._set_protocol(data)
            case 0x05:
                return OK + self._setup()
            case 0x0D:
                return OK + self._setup()[:11] + bytes([memory["protocol"]])
            case 0x0E:
                return OK + bytes([len(VALUES), *VALUES.values()])
            case 0x02 if 1 <= len(data) <= 3:
                memory["mask"] = int.from_bytes(data, "little")
                return OK
            case 0x02:
                return WRONG_COUNT
            case 0x58 if self._accept_counter:
                return OK + self._counters()
            case 0x59:
                memory["forgotten"] = memory["accepted"]
                return OK
        return self._money(header)

    def _set_protocol(self, data: bytes) -> Answer:
        if len(data) != 1:
            return WRONG_COUNT
        if data[0] > self._newest:
            return FAIL
        self.memory["protocol"] = data[0]
        return OK

    def _setup(self) -> bytes:
        yuan, n, protocol = VALUES.values(), len(VALUES), self.memory["protocol"]
        plain = bytes([self._unit]) + b"0100" + CURRENCY + bytes([0, 0, 1, n, *yuan, *[2] * n]) + MULTIPLIER.to_bytes(3) + bytes([protocol])
        return plain if protocol < 6 else plain + CURRENCY * n + b"".join(value.to_bytes(4, "little") for value in yuan)

    def _counters(self) -> bytes:
        memory = self.memory
        stacked = memory["accepted"] - memory["forgotten"] - (time.monotonic() < self._counted_at)
        return bytes([5]) + b"".join(int(count).to_bytes(4, "little") for count in (stacked, 0, 0, 0, memory["rejected"]))

    def _money(self, header: int) -> Answer:
        memory = self.memory
        waiting = memory["held"] and not memory["moving"]
        needs_key = self._keyed != "none" and not self.line.sealed
        match header:
            case 0x07:
                return self._poll(acknowledged=False)
            case 0x56 | 0x57 if not self._acks:
                return UNKNOWN
            case 0x56 | 0x57 if needs_key:
                return KEY_NOT_SET
            case 0x56:
                return self._poll(acknowledged=True)
            case 0x57:
                if not memory["repeated"]:
                    return CANNOT
                memory["repeated"] = []
                return OK
            case 0x08 if waiting and not memory["fault"]:
                memory |= {"moving": "return", "reject_code": BY_HOST}
                self._routed_at = time.monotonic() + self._route_s
                return OK
            case 0x18 if waiting:
                return OK
            case 0x08 | 0x18:
                return CANNOT
            case 0x09 | 0x0A if memory["held"]:
                return CANNOT
            case 0x09 | 0x0A:
                memory["master"] = int(header == 0x0A)
                return OK
        return UNKNOWN

    def _poll(self, *, acknowledged: bool) -> bytes:
        """What happened, oldest first, then how it stands. It takes a note that the poll before has announced."""
        memory = self.memory
        if memory["held"] and memory["announced"] and not memory["moving"] and not memory["fault"]:
            memory["moving"] = "stack"
            self._routed_at = time.monotonic() + self._route_s
        stacked = [event for event in memory["queue"] if event == [STACKED]]
        said = [*(event for event in memory["queue"] if event != [STACKED]), *memory["repeated"], *stacked]  # the credit first
        memory["queue"] = []
        if not acknowledged:
            memory["repeated"] = []
        if memory["moving"]:
            said.append([STACKING if memory["moving"] == "stack" else REJECTING])
        elif memory["held"] and not memory["fault"]:
            memory["announced"] = True
            said.append([READ, memory["held"]])
        if acknowledged and time.monotonic() < self._started_at:
            said.append([INITIALISING])
        if memory["jam"]:
            said.append([memory["jam"]])
        if not memory["master"]:
            said.append([DISABLED])
        elif not memory["mask"]:
            said.append([INHIBITED])
        return OK + bytes(byte for event in said for byte in event)

    # ---------------------------------------------------------------- the device's own doing

    def work(self) -> None:
        """Moves the note that was given a word; gives back one that nobody keeps."""
        now = time.monotonic()
        if self.memory["fault"] or not self.memory["held"]:
            return
        if self.memory["moving"] and now >= self._routed_at:
            if self.memory["moving"] == "stack":
                self._stack()
            else:
                self._return(self.memory["reject_code"])
        elif not self.memory["moving"] and now >= self._return_at:
            self._return(NO_WORD)

    def power_up(self) -> None:
        """A note in escrow goes where this model sends it, and perhaps the device says so."""
        held, memory = self.memory["held"], self.memory
        super().power_up()
        self.line.power_lost()
        self._started_at = time.monotonic() + self._starts_s
        memory |= {"master": 0, "announced": False, "moving": "", "protocol": 4, "queue": [[RESET]]}
        if self._forgets:
            memory["repeated"] = []
        named = held if self._power_up_tells == "event" else 0
        if held and self._at_power_loss == "stack":
            self.put_in_box(VALUES[held] * MULTIPLIER)
            memory["repeated"] += [] if self._power_up_tells == "nothing" else [[CLEARED_IN, named]]
        elif held:
            self.book.write("returned", VALUES[held] * MULTIPLIER)
            memory["queue"] += [] if self._power_up_tells == "nothing" else [[CLEARED_OUT, named]]
        memory["held"] = None  # last: see `_stack`
        if memory["stacker"] != "in":
            memory["queue"].append([FULL if memory["stacker"] == "full" else BOX_OUT])

    def _keep(self) -> None:
        """A packet was heard: a held note is kept so much longer."""
        self._return_at = time.monotonic() + self._hold_s

    def _stack(self) -> None:
        """Past recovery. `held` is cleared last: whoever reads the memory meanwhile never finds the note nowhere."""
        held = self.memory["held"]
        self.put_in_box(VALUES[held] * MULTIPLIER)
        self._counted_at = time.monotonic() + self._count_lag_s
        self.memory["repeated"].append([CREDIT, held])
        self.memory["queue"].append([STACKED])
        self.memory |= {"held": None, "moving": ""}
        self.save()

    def _return(self, code: int) -> None:
        self.book.write("returned", VALUES[self.memory["held"]] * MULTIPLIER)
        self._reject(code)
        self.memory |= {"held": None, "moving": ""}
        self.save()
