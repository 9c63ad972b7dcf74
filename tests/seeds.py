"""Chance in tests. Each run draws a fresh seed, prints it first and last, and takes it again: `./run test --seed N`.

    def test_any_history(seeds: Seeds) -> None:
        for seed in seeds.some("tears", 250):
            ...

What is drawn follows from the run's seed and a name, in every process of pytest-xdist alike. Hypothesis draws from the same seed.
tests/seeds.toml keeps each seed that ever failed, and `some` always gives those first. A number that only makes a vector is no seed:
it stays in its test.
"""

import hashlib
import random
import secrets
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import settings

# time is measured by ./run bench, never by a test; chance is the run's own also where CI=true
settings.register_profile("house", deadline=None, derandomize=False)
settings.load_profile("house")

PLACE = Path(__file__).with_name("seeds.toml")
SPAN = 1 << 32
SAID, WORKERS = "of the seeds", "the run's seed"


class Kept(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A seed that failed once: which tests it belongs to, and what it found."""

    of: str
    seed: int
    why: str


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """tests/seeds.toml."""

    kept: list[Kept] = []


@cache
def kept(path: Path = PLACE) -> tuple[Kept, ...]:
    """Every seed that is kept, in the order of the file."""
    return tuple(msgspec.toml.decode(path.read_bytes(), type=File).kept)


class Seeds:
    """What one test draws. `run`: the run's seed."""

    def __init__(self, run: int, say: Callable[[str], object] | None = None, keeps: Iterable[Kept] | None = None) -> None:
        self.run, self._say = run, say or str
        self._keeps = tuple(kept() if keeps is None else keeps)

    def base(self, name: str) -> int:
        """The first of this run's fresh seeds of a name."""
        return int.from_bytes(hashlib.sha256(f"{self.run} {name}".encode()).digest()[:8]) % SPAN

    def random(self, name: str) -> random.Random:
        """A generator of this run."""
        return random.Random(self.base(name))

    def kept(self, name: str) -> list[int]:
        """Those that failed before."""
        return [entry.seed for entry in self._keeps if entry.of == name]

    def some(self, name: str, count: int) -> Iterator[int]:
        """Those that failed before, then `count` fresh ones."""
        yield from self.kept(name)
        yield from range(self.base(name), self.base(name) + count)

    def first(self, name: str, fresh: int, known: Iterable[int], wrong: Callable[[int], str]) -> str:
        """What is wrong in the first of `fresh` worlds in which anything is; failing that in one of the `known`, and then the run says so.

        For planted bugs: one that chance did not meet in this run is not a failure, one that nothing finds is ("").
        """
        drawn = range(self.base(name), self.base(name) + fresh)
        if found := next((said for seed in drawn if (said := wrong(seed))), ""):
            return found
        for seed in known:
            if found := wrong(seed):
                self._say(f"{name}: not met in {fresh} fresh worlds, only with the known seed {seed}")
                return found
        return ""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("kiosk").addoption("--seed", type=int, metavar="N", help="what chance decides, as in the run that printed this seed")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Before Hypothesis looks at its own option. A worker of pytest-xdist has the seed of the whole run."""
    if config.option.seed is None:
        config.option.seed = getattr(config, "workerinput", {}).get(WORKERS, secrets.randbelow(SPAN))
    if getattr(config.option, "hypothesis_seed", None) is None:
        config.option.hypothesis_seed = str(config.option.seed)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput[WORKERS] = node.config.option.seed


@pytest.fixture
def seeds(request: pytest.FixtureRequest) -> Seeds:
    """What this test draws by chance."""
    return Seeds(request.config.option.seed, lambda said: request.node.user_properties.append((SAID, said)))


def pytest_sessionstart(session: pytest.Session) -> None:
    if (terminal := session.config.pluginmanager.get_plugin("terminalreporter")) is not None:
        terminal.write_line(told(session.config.option.seed))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    reports = [report for several in terminalreporter.stats.values() for report in several if getattr(report, "when", "") == "call"]
    for report in reports:
        for name, said in report.user_properties:
            if name == SAID:
                terminalreporter.write_line(said)
    terminalreporter.write_line(told(config.option.seed))


def told(seed: int) -> str:
    return f"seed {seed} (again: --seed {seed})"
