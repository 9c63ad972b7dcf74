"""Text counted and broken in cells of font A: 48 on 80 mm paper, 32 on 58 mm. A Chinese character takes two. Pure."""

import unicodedata

_CLOSES = frozenset(("Pe", "Pf", "Po"))  # closing marks, stops and commas: never first in a line
_OPENS = frozenset(("Ps", "Pi"))  # opening ones: never last


def is_wide(character: str) -> bool:
    """It takes two cells."""
    return unicodedata.east_asian_width(character) in "WF"


def cells(text: str) -> int:
    """How many cells a text takes: wide and full-width characters two, combining marks none."""
    return sum(0 if unicodedata.combining(character) else 1 + is_wide(character) for character in text)


def wrapped(text: str, width: int) -> list[str]:
    """The sentence's own lines, each broken where it does not fit; what was set in stays so."""
    lines = [line.rstrip(" ") for line in text.split("\n")]
    return [part for line in lines for part in ([line] if cells(line) <= width else _broken(line, width))]


def _broken(line: str, width: int) -> list[str]:
    """At spaces and beside wide characters; within a word only where the word alone is longer than the paper is wide."""
    words = line.lstrip(" ")
    indent = line[: min(len(line) - len(words), width // 2)]
    lines = [indent]
    for unit in _units(words):
        if cells(lines[-1] + unit.rstrip(" ")) > width and lines[-1] != indent:
            lines.append(indent)
        while cells(lines[-1] + unit.rstrip(" ")) > width:
            kept = _head(unit, width - cells(lines[-1]))
            lines[-1] += kept
            unit = unit[len(kept) :]  # noqa: PLW2901 - what is left of it
            lines.append(indent)
        lines[-1] += unit
    return [part.rstrip(" ") for part in lines]


def _units(line: str) -> list[str]:
    """What stays together: a word with the spaces behind it, a wide character with the marks that belong to it."""
    units: list[str] = []
    for character in line:
        if units and not _may_break(units[-1][-1], character):
            units[-1] += character
        else:
            units.append(character)
    return units


def _may_break(before: str, after: str) -> bool:
    if after == " " or unicodedata.combining(after):
        return False
    if unicodedata.category(after) in _CLOSES or unicodedata.category(before) in _OPENS:
        return False
    return before == " " or is_wide(before) or is_wide(after)


def _head(word: str, width: int) -> str:
    """As many of its characters as fit, at least one."""
    count = 1
    while count < len(word) and cells(word[: count + 1]) <= width:
        count += 1
    return word[:count]
