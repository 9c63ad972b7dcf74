"""Rows of the bench: one figure each, with its aim, what it was measured against, and how far the figures spread.

A ratio's two sides are measured in turn in one run, so that a busy machine hurts both; medians are quoted. What could not be measured
says `value` null and why: no figure is ever made up.
"""

import os
import platform
import time
from collections.abc import Callable, Mapping
from statistics import median, quantiles

import msgspec

WIDTH = 36  # of the names


class NotMeasured(Exception):
    """A row cannot be measured here; the text says why."""


class Measured(msgspec.Struct, frozen=True):
    """What measuring a row gave. `baseline` names what it was measured against."""

    value: float
    spread: str = ""
    note: str = ""
    baseline: str = ""
    baseline_value: float | None = None


class Row(msgspec.Struct, frozen=True):
    """How a row is measured, and what is aimed at: at most that (better lower) or at least (better higher); None where there is no aim."""

    measure: Callable[[], Measured]
    unit: str
    aim: float | None
    better: str = "lower"


class Figure(msgspec.Struct, frozen=True):
    """One row as it is published. `value` is None when it was not measured; `note` says why."""

    name: str
    value: float | None
    unit: str
    aim: float | None
    better: str  # lower | higher
    baseline: str = ""
    baseline_value: float | None = None
    spread: str = ""
    note: str = ""
    machine: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None when nothing was measured or there is no aim."""
        if self.value is None or self.aim is None:
            return None
        return self.value <= self.aim if self.better == "lower" else self.value >= self.aim


def in_turn(one: Callable[[], None], other: Callable[[], None], rounds: int, warm: int = 3) -> tuple[list[float], list[float]]:
    """Seconds of each of `rounds` calls of `one` and of `other`, called by turns."""
    for _ in range(warm):
        one()
        other()
    first: list[float] = []
    second: list[float] = []
    for _ in range(rounds):
        began = time.perf_counter()
        one()
        between = time.perf_counter()
        other()
        first.append(between - began)
        second.append(time.perf_counter() - between)
    return first, second


def spread(seconds: list[float]) -> str:
    """Median, 95th and 99th percentile in milliseconds, and how many they are of."""
    cuts = quantiles(seconds, n=100)
    return f"p50 {median(seconds) * 1e3:.3f} p95 {cuts[94] * 1e3:.3f} p99 {cuts[98] * 1e3:.3f} ms, n {len(seconds)}"


def p95_ms(seconds: list[float]) -> float:
    """The 95th percentile, in milliseconds."""
    return sorted(seconds)[len(seconds) * 95 // 100] * 1e3


def run(
    rows: Mapping[str, Row],
    only: str = "",
    begun: Callable[[str], None] = lambda _: None,
    broke: Callable[[str, Exception], None] = lambda _, __: None,
) -> list[Figure]:
    """Measure all, or the one named. `begun` hears each name, `broke` each row that is broken.

    Raises KeyError for a name that is none of them.
    """
    figures = []
    for name in (only,) if only else rows:
        begun(name)
        row, machine = rows[name], this_machine()
        try:
            got = row.measure()
        except (NotMeasured, TimeoutError) as why:
            figures.append(Figure(name, None, row.unit, row.aim, row.better, note=str(why), machine=machine))
        except Exception as fault:  # noqa: BLE001  a row that is broken does not take the figures of the others with it
            broke(name, fault)
            figures.append(Figure(name, None, row.unit, row.aim, row.better, note=f"broken: {fault!r}", machine=machine))
        else:
            figures.append(
                Figure(name, got.value, row.unit, row.aim, row.better, got.baseline, got.baseline_value, got.spread, got.note, machine)
            )
    return figures


def this_machine() -> str:
    """Enough to know two runs apart."""
    return f"{os.cpu_count()} CPU {platform.machine()}, {platform.system()} {platform.release()}, Python {platform.python_version()}"


def as_table(figures: list[Figure]) -> str:
    """For people: aligned columns, a mark where the aim is missed."""
    lines = [f"{'':{WIDTH}}{'value':>12} {'aim':>10}"]
    for each in figures:
        value = "-" if each.value is None else f"{each.value:.4g} {each.unit}".strip()
        sign = "<=" if each.better == "lower" else ">="
        aim = "" if each.aim is None else f"{sign} {each.aim:g}"
        mark = "  NOT MEASURED" if each.value is None else "  MISSED" if each.met is False else ""
        lines.append(f"{each.name:{WIDTH}}{value:>12} {aim:>10}{mark}".rstrip())
        compared = f"against {each.baseline}: {each.baseline_value:.4g}" if each.baseline_value is not None else ""
        lines += [f"{'':{WIDTH}}{text}" for text in (each.spread, compared, each.note) if text]
    return "\n".join(lines)
