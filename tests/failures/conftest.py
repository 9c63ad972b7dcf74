"""Machines that are put away at the end."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.failures.machine import Machine


@pytest.fixture
def built(tmp_path: Path) -> Iterator[Callable[..., Machine]]:
    """A machine that is not started yet, of these rules and this note acceptor."""
    with ExitStack() as stack:
        yield lambda **special: Machine(tmp_path, stack, **special)


@pytest.fixture
def machine(built: Callable[..., Machine]) -> Machine:
    """One that is ready for a customer."""
    made: Machine = built().open()
    return made
