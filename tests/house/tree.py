"""The project's own files, as the checks of this folder read them."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

HOUSE = Path(__file__).parents[2]


@cache
def tracked() -> tuple[Path, ...]:
    """Every file of the project, new ones too, without what .gitignore leaves out."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=HOUSE, check=True, capture_output=True, text=True
    )
    return tuple(path for name in listed.stdout.split("\0") if name and (path := HOUSE / name).is_file())


def modules(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    """Path from the root and syntax tree of each Python file in these folders."""
    for path in tracked():
        name = path.relative_to(HOUSE).as_posix()
        if path.suffix == ".py" and name.startswith(folders):
            yield name, parsed(path)


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(), path.name)


def pages() -> Iterator[tuple[str, str]]:
    """Path from the root and text of each Markdown page."""
    for path in tracked():
        if path.suffix == ".md":
            yield path.relative_to(HOUSE).as_posix(), path.read_text()
