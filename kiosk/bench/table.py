"""Rows of the bench: one figure each, with its aim, what it was measured against, and how far the figures spread.

A ratio's two sides are measured in turn in one run, so that a busy machine hurts both; medians are quoted. What could not be measured
says `value` null and why: no figure is ever made up.
"""

import os
import platform
import time
from collections.abc import Callable
from statistics import median, quantiles

import msgspec

Bench = Callable[[], "Figure"]


class Figure(msgspec.Struct, frozen=True):
    """One row. `aim` is met when `value` is at most (better lower) or at least (better higher) that."""

    name: str
    value: float | None
    unit: str
    aim: float
    better: str  # lower | higher
    baseline: str = ""  # what it was measured against
    baseline_value: float | None = None
    spread: str = ""
    note: str = ""
    machine: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None when nothing was measured."""
        if self.value is None:
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


def run(benches: dict[str, Bench], only: str = "") -> list[Figure]:
    """Run all, or the one named. Raises KeyError for a name that is none of them."""
    chosen = {only: benches[only]} if only else benches
    machine = this_machine()
    return [msgspec.structs.replace(bench(), machine=machine) for bench in chosen.values()]


def this_machine() -> str:
    """Enough to know two runs apart."""
    return f"{os.cpu_count()} CPU {platform.machine()}, {platform.system()} {platform.release()}, Python {platform.python_version()}"


def as_table(figures: list[Figure]) -> str:
    """For people: aligned columns, a mark where the aim is missed."""
    lines = [f"{'':28}{'value':>12} {'aim':>10}"]
    for each in figures:
        value = "-" if each.value is None else f"{each.value:.4g} {each.unit}".strip()
        sign = "<=" if each.better == "lower" else ">="
        mark = {True: "", False: "  MISSED", None: "  NOT MEASURED"}[each.met]
        lines.append(f"{each.name:28}{value:>12} {f'{sign} {each.aim:g}':>10}{mark}")
        lines += [f"{'':28}{text}" for text in (each.spread, each.note) if text]
    return "\n".join(lines)
