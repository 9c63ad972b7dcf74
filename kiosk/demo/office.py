"""The demo's head office: it opens cards as a real one does, over public test keys, and puts them into the customers' hands."""

import time
from pathlib import Path

from kiosk.devices.card.inprocess import InProcessReader
from kiosk.devices.sim.card import CardModel
from kiosk.devices.sim.image import CardImage, blank
from kiosk.devices.vault.demo import DemoMasters
from kiosk.hq.issue import open_card
from kiosk.hq.layout import Opening
from kiosk.hq.registry import Registry


def open_cards(folder: Path, customers: dict[str, tuple[str, str, str]]) -> dict[str, CardImage]:
    """name -> (serial, meter, customer) -> the card, as it is handed out. The registry is the folder's."""
    vault, registry, reader = DemoMasters(), Registry(folder / "registry.db", _now_ms), InProcessReader()
    cards = {}
    for name, (serial, meter, customer) in customers.items():
        card = CardModel(blank(bytes.fromhex(serial)))
        reader.insert(card)
        open_card(reader.open(reader.watch(None, 0)), vault, registry, Opening(customer, meter), region=1, now_ms=_now_ms())
        reader.pull()
        cards[name] = card.image()
    registry.close()
    return cards


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
