"""A bank terminal on the counter, over both kinds of line."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.zvt.kit import Counter, counter


@pytest.fixture(params=["tcp", "pty"])
def bank(request: pytest.FixtureRequest) -> Iterator[Counter]:
    with tempfile.TemporaryDirectory(prefix="zvt-") as place, counter(Path(place), request.param) as here:
        yield here
