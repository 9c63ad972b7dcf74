"""A wire that misbehaves by this run's chance."""

from collections.abc import Callable
from typing import Any

from kiosk.devices.port import FaultyPort, Port
from tests.seeds import SPAN, Seeds


def faulty(seeds: Seeds, name: str, faults: dict[str, Any]) -> Callable[[Port], Port]:
    """What a bench puts between driver and device: each opening of the line has its own luck, drawn under `name`."""
    luck = seeds.random(f"wire {name}")
    return lambda port: FaultyPort(port, seed=luck.randrange(SPAN), **faults)
