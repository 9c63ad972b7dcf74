"""On which row everything stands: rows and columns count from 0. From 78 by 24 on; what is larger gets air, then longer tables.

Four rows of keys, as on the pad, are always in the same places: 1 2 3 / 4 5 6 / 7 8 9 / CLEAR 0 ENTER. A key is 24 columns by 3 rows at
least, and a digit 13. With 24 rows there is none to spare: a notice takes the place of the table's header.
"""

from typing import NamedTuple

from kiosk.screens.size import M, Size

COLUMNS, ROWS = 78, 24
MOST_COLUMNS, MOST_ROWS = 112, 36
OPTIONS, KEY_ROWS, BADGE = "123456789", 3, 3
STRIP, BODY = 1, 3  # the money's two rows, and what stands below them
_AIR_FROM = 5  # rows more than ROWS: keys with a row between them


class Plan(NamedTuple):
    """`body` is (top, height) of the table; `notice` is the row for one; `options` and `bottom` are the tops of the rows of keys."""

    size: Size
    notice: int
    body: tuple[int, int]
    options: tuple[int, int, int]
    bottom: int

    @property
    def columns(self) -> tuple[tuple[int, int], ...]:
        """(x, width) of the three columns of keys."""
        return self.size.option_columns()

    def place(self, cap: str) -> tuple[int, int, int, int]:
        """x, y, width, height of a key of the pad."""
        if cap in OPTIONS:
            row, column = divmod(OPTIONS.index(cap), 3)
            top = self.options[row]
        else:
            column, top = ("clear", "0", "enter").index(cap), self.bottom
        x, width = self.columns[column]
        return x, top, width, KEY_ROWS

    def digits(self) -> tuple[tuple[int, int, int, int], ...]:
        """x, y, width, height of the ten digits: two rows of five, where 4 to 9 stand."""
        room = self.size.inner - 4 * self.size.gap
        edges = [room * step // 5 for step in range(6)]
        across = [(self.size.margin + edges[step] + step * self.size.gap, edges[step + 1] - edges[step]) for step in range(5)]
        return tuple((x, top, width, KEY_ROWS) for top in self.options[1:] for x, width in across)

    def room(self, caps: set[str]) -> int:
        """The body's rows when only these keys are there: it may go down to the first of them."""
        used = [top for row, top in enumerate(self.options) if caps & set(OPTIONS[3 * row : 3 * row + 3])]
        first = min(used, default=self.bottom)
        return self.body[1] if first == self.options[0] else first - 1 - self.body[0]


def plan_of(columns: int, rows: int) -> Plan | None:
    """The plan of a window; None for one that is too small."""
    if columns < COLUMNS or rows < ROWS:
        return None
    width, height = min(columns, MOST_COLUMNS), min(rows, MOST_ROWS)
    more = height - ROWS
    gap = 1 if more >= _AIR_FROM else 0
    left = more - 3 * gap
    bottom = height - KEY_ROWS
    first, second, third = (bottom - step * (KEY_ROWS + gap) for step in (3, 2, 1))
    top = BODY + (1 if left >= 2 else 0)
    notice = first - 1 if left else top
    body = (top, (notice if left else first) - top)
    size = M._replace(columns=width, rows=height, margin=1 if width < 96 else 3, badge=BADGE, half=not gap)
    return Plan(size, notice, body, (first, second, third), bottom)
