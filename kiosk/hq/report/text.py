"""A sheet as text for a terminal or a printer: 80 columns, nothing cut off, the same bytes for the same figures. Pure."""

import textwrap
from collections.abc import Iterator

from kiosk.hq.report.sheet import Account, Cell, Entry, Sheet, Table, Warned, shown

WIDTH = 80
GAP = 2
FORM_FEED = "\f"

Row = tuple[str, ...]


def text_of(sheet: Sheet, *, page: int = 0) -> str:
    """The whole report, a line feed at the end of each line; with `page` lines to each page, form feeds between, each with a heading."""
    body = [line.rstrip() for line in _body(sheet)]
    if not page:
        return "\n".join((*_head(sheet), *body)) + "\n"
    return FORM_FEED.join("\n".join(lines) + "\n" for lines in _pages(sheet, body, page))


def _pages(sheet: Sheet, body: list[str], page: int) -> Iterator[list[str]]:
    head = _head(sheet)
    held = max(page - len(head) - 1, 1)
    parts = [body[at : at + held] for at in range(0, len(body), held)]
    for number, part in enumerate(parts, 1):
        yield [*head, *part, f"page {number} of {len(parts)}".rjust(WIDTH)]


def _head(sheet: Sheet) -> list[str]:
    return [*_ends(sheet.title, sheet.of, WIDTH), *(line.rstrip() for line in _ends(sheet.sort, sheet.state, WIDTH)), "=" * WIDTH]


def _body(sheet: Sheet) -> Iterator[str]:
    for place, block in enumerate(sheet.blocks):
        if place:
            yield ""
        match block:
            case Warned():
                yield from _warned(block)
            case Table():
                yield from _table(block)
            case Account():
                yield from _account(block)


def _ends(left: str, right: str, width: int) -> list[str]:
    """One at each end of the line; below each other where the line is too short."""
    if right and len(left) + len(right) + 1 > width:
        return [*textwrap.wrap(left, width), right.rjust(width)]
    return [left + right.rjust(width - len(left))]


def _warned(block: Warned) -> Iterator[str]:
    yield from textwrap.wrap(block.says, WIDTH)
    widest = max((len(name) for name, _ in block.about), default=0)
    for name, why in block.about:
        yield from textwrap.wrap(f"  {name.ljust(widest)}  {why}", WIDTH, subsequent_indent=" " * (widest + 4))


# ---------------------------------------------------------------- tables


def _table(block: Table) -> Iterator[str]:
    if block.title:
        yield from textwrap.wrap(block.title, WIDTH)
    heads = tuple(column.name for column in block.columns)
    for grouped in (True, False):
        rows = [_cells(row, grouped=grouped) for row in block.rows]
        totals = [_cells(row, grouped=grouped) for row in block.totals]
        widths = [max(map(len, cells)) for cells in zip(heads, *rows, *totals, strict=True)]
        gap = _gap(widths)
        if gap:
            yield from _aligned(block, [heads, *rows], totals, widths, gap)
            return
    yield from _stacked(block)


def _cells(row: tuple[Cell, ...], *, grouped: bool) -> Row:
    return tuple(shown(cell, grouped=grouped) for cell in row)


def _gap(widths: list[int]) -> int:
    """Between two columns; 0 where they do not fit on the line."""
    between, free = len(widths) - 1, WIDTH - sum(widths)
    return next((gap for gap in (GAP, 1) if free >= gap * between), 0)


def _aligned(block: Table, rows: list[Row], totals: list[Row], widths: list[int], gap: int) -> Iterator[str]:
    """The numbers as far right as the line goes, so that several tables of a report end below each other."""
    words = sum(1 for column in block.columns if not column.right)
    slack = " " * (WIDTH - sum(widths) - gap * (len(widths) - 1)) if words < len(widths) else ""
    form = (" " * gap).join(f"{{:{'>' if column.right else '<'}{width}}}" for column, width in zip(block.columns, widths, strict=True))
    cut = sum(widths[:words]) + gap * words

    def set_out(row: Row) -> str:
        line = form.format(*row)
        return line[:cut] + slack + line[cut:]

    yield set_out(rows[0])
    yield "-" * WIDTH
    yield from map(set_out, rows[1:])
    if totals:
        yield "-" * WIDTH
        yield from map(set_out, totals)


def _stacked(block: Table) -> Iterator[str]:
    """Amounts too long for one line: each row is its words, and below them its numbers, named."""
    yield "-" * WIDTH
    for rows in (block.rows, block.totals):
        for row in rows:
            named = list(zip(block.columns, row, strict=True))
            yield from textwrap.wrap(" ".join(shown(cell) for column, cell in named if not column.right), WIDTH)
            for column, cell in named:
                if column.right:
                    yield from _ends(f"  {column.name}", shown(cell), WIDTH)
        if rows:
            yield "-" * WIDTH


# ---------------------------------------------------------------- accounts


def _account(block: Account) -> Iterator[str]:
    if block.title:
        yield from textwrap.wrap(block.title, WIDTH)
    yield "-" * WIDTH
    widest = max((len(shown(entry.amount)) for entry in block.entries if not entry.part), default=0)
    for entry in block.entries:
        if entry.sum:
            yield ("-" * widest).rjust(WIDTH)
        yield from _entry(entry, widest)


def _entry(entry: Entry, widest: int) -> Iterator[str]:
    """A part stands in a column of its own, left of the amounts that add up."""
    if entry.part:
        yield from _ends(f"  {entry.says}", shown(entry.amount), max(WIDTH - widest - GAP, 40))
    else:
        yield from _ends(entry.says, shown(entry.amount), WIDTH)
