"""The command lines that the pages show: what stands on an indented line, or on a line of a fenced block, and calls a program of ours."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import typer

from tests.house.tree import pages

LINE = re.compile(r"^(?: {4}|\$ )?((?:kiosk|\./run) \S.*)$", re.MULTILINE)
REMARK = re.compile(r"\s{2,}|\s#\s|\s[>&]")  # what stands behind a command on its line


def command_lines() -> Iterator[tuple[str, str]]:
    """Page and line, without the remark behind it. Running text is no line: it is wrapped, and ends with a full stop or goes on."""
    for name, text in pages():
        inside, before = False, ""
        for line in text.splitlines():
            if line.startswith("```"):
                inside = not inside
            elif (found := LINE.match(line)) and (inside or (line.startswith((" ", "$")) and (not before.strip() or LINE.match(before)))):
                yield name, REMARK.split(found[1])[0]
            before = line


def parsed(root: Any, line: str) -> dict[str, Any]:
    """The parameters of a line, as the product's own parser reads them. LookupError or click's UsageError where it refuses."""
    program, *words = shlex.split(line)
    if program == "./run" and words[:1] not in (["demo"], ["bench"]):
        return {}
    command = root
    while hasattr(command, "list_commands") and words:
        inner = command.get_command(typer.Context(command), words[0])
        if inner is None:
            raise LookupError(words[0])
        command, words = inner, words[1:]
    parameters: dict[str, Any] = command.make_context(line, words).params
    return parameters
