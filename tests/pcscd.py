"""A real pcscd of our own for the length of a test."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.devices.sim.pcscd import READERS, Pcscd

USER_READER = READERS[0]


@contextlib.contextmanager
def running_pcscd() -> Iterator[Pcscd]:
    """For a test that is marked `pcsc`. Parallel runs wait for each other."""
    if os.geteuid() != 0:
        pytest.skip("only root may make /run/pcscd")
    with tempfile.TemporaryDirectory(prefix="kiosk-pcscd-") as place:
        daemon = Pcscd(Path(place))
        daemon.take()
        daemon.start()
        try:
            yield daemon
        finally:
            daemon.give()
