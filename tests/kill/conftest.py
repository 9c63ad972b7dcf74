"""A kiosk's folder with a short name: a unix socket's path has 107 bytes at most, and pytest's own folders carry the test's whole name."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="kill-") as place:
        yield Path(place)
