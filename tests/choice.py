"""Two kinds of test: `./run test` runs the quick ones, `./run prove` those marked `deep`. Both say at their end what was not run and why.
The house's own rules (tests/house) are run by `./run check`, and by `./run test` where they are asked for.

A test that is named alone (`file.py::test`) is run whatever its depth. `--until` ends a long run: no test begins after that second.
"""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

DEPTHS = ("quick", "deep", "all")
CHANCELESS, RULES = "nothing in it is drawn by chance", "rules of the house"
HOUSE = Path(__file__).with_name("house")
LEFT, LATE = "left out", "late"  # what a worker of pytest-xdist tells: reasons and how many tests each, tests that were not begun
CHOICE = pytest.StashKey["Choice"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    ours = parser.getgroup("kiosk")
    ours.addoption("--depth", choices=DEPTHS, default="all", help="quick: what `./run test` runs; deep: what `./run prove` runs")
    ours.addoption("--chance", action="store_true", help="only tests that draw from the run's seed")
    ours.addoption("--unchecked", action="store_true", help="without the rules of the house, which `./run check` runs")
    ours.addoption("--until", type=float, metavar="EPOCH", help="begin no test after this second")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[CHOICE] = Choice(config)
    config.pluginmanager.register(config.stash[CHOICE], "choice")


def why_deep(item: pytest.Item) -> str:
    """The reason that a test's mark gives, "" for a quick one."""
    mark = item.get_closest_marker("deep")
    if mark is None:
        return ""
    if len(mark.args) != 1 or not isinstance(mark.args[0], str) or not mark.args[0]:
        raise pytest.UsageError(f'{item.nodeid}: a deep test says why, @pytest.mark.deep("all 85,000 double tears")')
    return str(mark.args[0])


def by_chance(item: pytest.Item) -> bool:
    """Whether a second run with another seed tests anything else."""
    if "seeds" in getattr(item, "fixturenames", ()):
        return True
    function = getattr(item, "obj", None)
    return bool(getattr(function, "is_hypothesis_test", False)) or type(item).__name__ == "TestCaseFunction"


class Choice:
    """What of the collected tests is run in this process."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.left: Counter[str] = Counter()
        self.late = 0
        here = config.invocation_params.dir
        self.named = [((here / path).resolve(), name) for path, _, name in (word.partition("::") for word in config.args) if name]

    def wants(self, item: pytest.Item) -> bool:
        """Whether it is run; otherwise it is counted under the reason."""
        depth, why = self.config.option.depth, why_deep(item)
        if self.config.option.chance and not by_chance(item):
            self.left[CHANCELESS] += 1
            return False
        if self.config.option.unchecked and item.path.is_relative_to(HOUSE):
            self.left[RULES] += 1
            return False
        if depth == "all" or self._named(item) or (depth == "deep") == bool(why):
            return True
        self.left[why] += 1
        return False

    def _named(self, item: pytest.Item) -> bool:
        own = item.nodeid.partition("::")[2]
        return any(item.path == path and f"{own}::".startswith((f"{name}::", f"{name}[")) for path, name in self.named)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Tests of the other depth are left out."""
        kept: list[pytest.Item] = []
        out: list[pytest.Item] = []
        for item in items:
            (kept if self.wants(item) else out).append(item)
        if out:
            self.config.hook.pytest_deselected(items=out)
            items[:] = kept

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self) -> bool | None:
        """Nothing begins when the time is over."""
        if self.config.option.until is None or time.time() < self.config.option.until:
            return None
        self.late += 1
        return True

    def pytest_sessionfinish(self) -> None:
        output: dict[str, Any] | None = getattr(self.config, "workeroutput", None)
        if output is not None:
            output[LEFT], output[LATE] = dict(self.left), self.late

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Every worker collects all tests, and runs some."""
        output = getattr(node, "workeroutput", {})
        self.left = Counter(output.get(LEFT, self.left))
        self.late += output.get(LATE, 0)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        for line in self.not_run(terminalreporter.stats):
            terminalreporter.write_line(line)

    def not_run(self, stats: dict[str, list[Any]]) -> Iterator[str]:
        """What was not run and why, a line each."""
        depth, left = self.config.option.depth, Counter(self.left)
        apart, rules = left.pop(CHANCELESS, 0), left.pop(RULES, 0)
        quick = left.pop("", 0)
        if deep := left.total():
            yield f"not run here: {deep} deep tests (./run prove)"
            yield from (f"{count:7}  {why}" for why, count in left.most_common())
        if quick:
            yield f"not run here: {quick} tests that are quick (./run test)"
        if rules:
            yield f"not run here: {rules} tests of the house's own rules (./run check)"
        if apart:
            yield f"not run here: {apart} tests in which nothing is drawn by chance"
        if self.late:
            yield f"not run here: {self.late} tests, the time was over"
        absent = Counter(reason(report) for report in (*stats.get("skipped", []), *stats.get("xfailed", [])))
        yield from (f"not run here: {count}, {why}" for why, count in absent.most_common())
        if depth != "all" and not (left or quick or rules or absent):
            yield "nothing was left out"


def reason(report: Any) -> str:
    """Why a test was skipped, or a part of the machine that it needs is missing."""
    if hasattr(report, "wasxfail"):
        return str(report.wasxfail).removeprefix("reason: ")
    longrepr = report.longrepr
    return str(longrepr[2] if isinstance(longrepr, tuple) else longrepr).removeprefix("Skipped: ")
