"""A report as a sheet: typed cells in blocks, before anybody knows whether it becomes text or a spreadsheet. Pure."""

from collections.abc import Iterable

import msgspec

from kiosk import safetext
from kiosk.vend.money import plain


class Money(msgspec.Struct, frozen=True):
    """An amount with the digits of its own currency; of nothing known, None."""

    minor: int | None
    exponent: int


Cell = str | int | Money


class Column(msgspec.Struct, frozen=True):
    """`name` is its heading; `right`: numbers stand flush right."""

    name: str
    right: bool = True


class Table(msgspec.Struct, frozen=True):
    """Rows of cells, one a column; `totals` stand below a line."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    totals: tuple[tuple[Cell, ...], ...] = ()


class Entry(msgspec.Struct, frozen=True):
    """One line of an account: what it is and how much. `sum`: a line is drawn above it; `part`: it is a part of the one before."""

    says: str
    amount: Cell
    sum: bool = False
    part: bool = False


class Account(msgspec.Struct, frozen=True):
    """Lines that add up, each to be read from left to right."""

    title: str
    entries: tuple[Entry, ...]


class Warned(msgspec.Struct, frozen=True):
    """What a reader has to know before the figures: a sentence, and what it is about."""

    says: str
    about: tuple[tuple[str, str], ...] = ()


Block = Table | Account | Warned


class Sheet(msgspec.Struct, frozen=True):
    """A whole report. `title` left and `of` right in the first line, `sort` and `state` in the second."""

    title: str
    of: str
    sort: str
    state: str
    blocks: tuple[Block, ...]


def shown(cell: Cell, *, grouped: bool = True) -> str:
    """`1 234 567.00`; thousands by spaces where `grouped`. Of an amount that nobody knows, a dash."""
    match cell:
        case str():
            return safetext.plain(cell)
        case int():
            return _grouped(str(cell)) if grouped else str(cell)
        case Money(minor=None):
            return "-"
        case Money():
            text = plain(cell.minor or 0, cell.exponent)
            return _grouped(text) if grouped else text


def _grouped(digits: str) -> str:
    """Spaces between thousands: no country reads them as anything else."""
    whole, point, rest = digits.partition(".")
    sign, whole = ("-", whole[1:]) if whole.startswith("-") else ("", whole)
    return f"{sign}{int(whole):,}".replace(",", " ") + point + rest if len(whole) > 3 else sign + whole + point + rest


def columns(left: Iterable[str], right: Iterable[str]) -> tuple[Column, ...]:
    """Words first, then numbers."""
    return (*(Column(name, right=False) for name in left), *(Column(name) for name in right))
