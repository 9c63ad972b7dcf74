"""The numbered rows of docs/, and the tests that carry their numbers."""

import ast
import re
from collections.abc import Iterator
from functools import cache

from tests.house.tree import HOUSE, modules

TABLES = ("docs/failures.md", "docs/threat-model.md", "docs/finite-fields.md")
ROW = re.compile(r"^\| ([a-z]+-\d+) \|.*\| ([^|]*) \|$", re.MULTILINE)


def rows() -> list[tuple[str, str]]:
    """Number and last column of every numbered row, in order."""
    return [(row[1], row[2]) for table in TABLES for row in ROW.finditer((HOUSE / table).read_text())]


@cache
def covering() -> dict[str, list[str]]:
    """Number -> the places of `pytest.mark.covers` that carry it."""
    found: dict[str, list[str]] = {}
    for name, tree in modules("tests/"):
        for number, line in marks(tree):
            found.setdefault(number, []).append(f"{name}:{line}")
    return found


def marks(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Every number of every `pytest.mark.covers`; "?" where it is not written out."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="covers", value=ast.Attribute(attr="mark"))):
                for argument in node.args:
                    match argument:
                        case ast.Constant(value=str() as number):
                            yield number, node.lineno
                        case _:
                            yield "?", node.lineno
