"""A simulated ccTalk coin acceptor, address 2: coins of one country by position, a box, and the ways in which coins misbehave."""

from typing import Any

from kiosk.devices.sim.cash import CashSimulator, Orders, value_minor
from kiosk.devices.sim.cctalk_bus import NAK, Answer
from kiosk.devices.sim.control import ControlRefused

COINS = {1: ("CN010A", 10), 2: ("CN050A", 50), 3: ("CN100A", 100)}  # position: (id, value in minor units)

SENSOR_BLOCKED = 14  # an event, and here its self-check code
MASTER_INHIBITED = 2
INHIBITED_TYPE = 127  # 128..159: inhibited coin of position 1..32
SORTER_PATH = 1


class CoinSimulator(CashSimulator):
    """See CashSimulator. A coin falls through in an instant: `insert_coin` ends in an event."""

    address = 2
    category = "Coin Acceptor"
    product = "Coins"
    events_header = 229
    frauds = frozenset({17, 20})
    coins = COINS

    def orders(self) -> Orders:
        """insert_coin {value_minor, falling}, jam, clear."""
        return {"insert_coin": self._insert_coin, "jam": self._jam, "clear": self._clear}

    def answer_more(self, header: int, data: bytes) -> Answer:
        """Coin ids."""
        if header == 184 and len(data) == 1:
            return self.coins.get(data[0], ("......", 0))[0].encode()
        return NAK

    def _insert_coin(self, verb: dict[str, Any]) -> None:
        """`falling`: it had passed the gate when the acceptor was shut."""
        value = value_minor(verb)
        self.needs_power()
        place = next((place for place, (_, minor) in self.coins.items() if minor == value), None)
        if place is None:
            raise ControlRefused(f"There is no coin of {value}; there are {', '.join(str(minor) for _, minor in self.coins.values())}.")
        if self.memory["fault"]:
            raise ControlRefused("The slot is blocked.")
        self.memory["inserted"] += 1
        shut = "" if verb.get("falling") else self.open_to(place)
        if shut:
            self.memory["rejected"] += 1
            self.remember(0, MASTER_INHIBITED if shut == "master" else INHIBITED_TYPE + place)
        else:
            self.put_in_box(value)
            self.remember(place, SORTER_PATH)

    def _jam(self, _verb: dict[str, Any]) -> None:
        self.needs_power()
        self.memory["fault"] = SENSOR_BLOCKED
        self.remember(0, SENSOR_BLOCKED)

    def _clear(self, _verb: dict[str, Any]) -> None:
        self.memory["fault"] = 0
