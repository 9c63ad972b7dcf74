"""What the pages promise is there: every link leads somewhere, every command that they show exists with its options."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from kiosk.cli import app
from tests.house.tree import HOUSE, modules, pages

LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
SHOWN = re.compile(r"^(?: {4}|\t|\$ )\$? ?(.*)$|`([^`\n]+)`|^((?:kiosk|\./run) .*)$", re.MULTILINE)
WORDS = ("demo", "test", "prove", "check", "bench")


def shown(text: str) -> Iterator[list[str]]:
    """The words of each command of ours in a page: in backticks, indented, or on a line of a fenced block."""
    for found in SHOWN.finditer(text):
        line = re.split(r"\s{2,}|\s#\s|\s[|>&]", next(group for group in found.groups() if group is not None).strip())[0]
        words = line.removeprefix("python -m ").removeprefix("uv run ").split()
        if words[:1] == ["kiosk"] or words[:1] == ["./run"]:
            yield words


def descend(command: Any, words: list[str]) -> tuple[Any, list[str]]:
    """The command that the first of these words name, and the words behind them."""
    while hasattr(command, "list_commands") and words and not words[0].startswith("-"):
        inner = command.get_command(typer.Context(command), words[0])
        if inner is None:
            raise LookupError(words[0])
        command, words = inner, words[1:]
    return command, words


def unknown(words: list[str], root: Any) -> str | None:
    """What in this command line does not exist, or None. `coins|notes` stands for either."""
    if words[0] == "./run":
        asked = words[1].split("|") if len(words) > 1 else []
        strange = [word for word in asked if word not in WORDS]
        if strange or asked not in (["demo"], ["bench"]):
            return strange[0] if strange else None
        words = ["kiosk", *words[1:]]
    for first in words[1].split("|") if len(words) > 1 else [""]:
        try:
            command, rest = descend(root, [first, *words[2:]] if first else [])
        except LookupError as missing:
            return str(missing)
        known = {"--help", *(option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts))}
        if command.context_settings.get("ignore_unknown_options"):  # they are handed on
            continue
        strange = [option for word in rest if word.startswith("--") and (option := re.split(r"[=\]\[]", word)[0]) not in known]
        if strange:
            return strange[0]
    return None


def every(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every command below this one, with its words."""
    if hasattr(command, "list_commands"):
        context = typer.Context(command)
        for word in command.list_commands(context):
            inner = command.get_command(context, word)
            if inner is not None:
                yield from every(inner, f"{name} {word}")
    else:
        yield name, command


ROOT = typer.main.get_command(app)


def lines_of(name: str) -> Iterator[tuple[int, str]]:
    yield from enumerate((HOUSE / name).read_text("utf-8").splitlines(), 1)


def test_every_link_of_a_page_leads_to_a_file() -> None:
    broken = [
        f"{name}: {target}"
        for name, text in pages()
        for target in LINK.findall(text)
        if not (HOUSE / name).parent.joinpath(target).exists() and not target.startswith("http")
    ]
    assert broken == []


def test_no_file_cites_a_design_page_which_is_not_in_the_repository() -> None:
    cited = re.compile(r"\bdesign(/[a-z]|: |\s+of the \w+, \")")
    found = [f"{name}:{number}" for name, _ in modules("kiosk") for number, line in lines_of(name) if cited.search(line)]
    assert found == []
    assert cited.search("as design/sale.md has it")


def test_every_command_in_a_page_exists_with_its_options() -> None:
    assert [f"{name}: {' '.join(words)}" for name, text in pages() for words in shown(text) if unknown(words, ROOT)] == []


def test_every_command_explains_itself_by_an_example() -> None:
    silent = [name for name, command in every(ROOT, "kiosk") if "kiosk " not in f"{command.help} {command.epilog}"]
    assert silent == []


@pytest.mark.parametrize("line", ["kiosk fly", "kiosk demo --fast", "./run away", "kiosk sim cow"])
def test_a_command_that_is_not_there_is_found(line: str) -> None:
    (words,) = shown(f"`{line}`")
    assert unknown(words, ROOT)
