"""A real pcscd of our own for the length of a test."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.devices.sim.pcscd import CONFIG, DRIVER, PORTS, READERS, Pcscd
from kiosk.devices.sim.vpcd import VpcdSlot

USER_READER = READERS[0]
PLACES = (
    (PORTS[0], READERS[0]),
    (PORTS[1], READERS[1]),
    (0x8D02, "Another Virtual Reader 00 00"),
    (0x8D03, "Another Virtual Reader 00 01"),
)
ANOTHER = CONFIG.replace("Kiosk", "Another").replace("0x8D00", "0x8D02")


def slot_at(place: int) -> tuple[VpcdSlot, str]:
    """Where a card goes in, and the reader's name; the last two are there where `another` reader was asked for."""
    port, reader = PLACES[place]
    return VpcdSlot(port), reader


@contextlib.contextmanager
def running_pcscd(*, another: bool = False) -> Iterator[Pcscd]:
    """For a test that is marked `pcsc`. Parallel runs wait for each other. With `another` reader it has four slots and not two."""
    if os.geteuid() != 0:
        pytest.skip("only root may make /run/pcscd")
    with tempfile.TemporaryDirectory(prefix="kiosk-pcscd-") as place:
        daemon = Pcscd(Path(place))
        daemon.take()
        if another:  # of a driver of its own, which is one by its path: vpcd keeps its slots in static memory
            driver = shutil.copy(DRIVER, place)
            daemon.readers.mkdir()
            (daemon.readers / "kiosk").write_text(f"{CONFIG}\n{ANOTHER.replace(str(DRIVER), driver)}")
        daemon.start()
        try:
            yield daemon
        finally:
            daemon.give()
