"""The golden journal: at least one row of every kind, as the version that first wrote it did. Rows are only ever added.

`python -m tests.journal.golden >> tests/journal/golden_v1.jsonl` adds the kinds that are not in it yet.
"""

import sys
import types
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import msgspec

from kiosk.vend import rows
from kiosk.vend.facts import Fact

GOLDEN = Path(__file__).parent / "golden_v1.jsonl"


def example(kind: Any) -> Any:
    """Some value of a type, the same each time."""
    origin, inside = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return example(next(each for each in inside if each is not type(None)))
    if origin is tuple:
        return (example(inside[0]),)
    if origin is dict:
        return {example(inside[0]): example(inside[1])}
    if issubclass(kind, msgspec.Struct):
        return kind(**{field.name: example(field.type) for field in msgspec.structs.fields(kind)})
    return {int: 4096, str: "é0a", bool: True, bytes: b"\0\xff"}[kind]


def missing() -> list[type[Fact]]:
    """The kinds of the kiosk that the golden journal does not show."""
    shown = {msgspec.json.decode(line)[5] for line in GOLDEN.read_bytes().splitlines()} if GOLDEN.exists() else set()
    return sorted((each for name, each in rows.kinds().items() if name not in shown and each.__module__.startswith("kiosk.")), key=str)


if __name__ == "__main__":
    for new in missing():
        sys.stdout.buffer.write(rows.line((4096, 1_700_000_000_000, 3, 60_000), rows.columns(example(new))) + b"\n")
