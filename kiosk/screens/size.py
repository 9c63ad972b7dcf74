"""How big the screen is, and on which row each thing stands. Rows and columns count from 0.

S is 55 by 17, M 78 by 29, L 100 by 30. A larger window gets the largest size that fits, in the middle of a bezel.
"""

from typing import NamedTuple

MOST_COLUMNS = 112  # wider, and the eye loses the way from figure to ledger


class Plan(NamedTuple):
    """The rows of one layout. A key row is (top, height); `figure` is (top, height), foot-aligned."""

    first: int
    second: int | None
    figure: tuple[int, int]
    poster: tuple[int, int] | None
    stations: int
    line: int
    options: tuple[tuple[int, int], ...]
    bottom: tuple[int, int]
    status: int


class Size(NamedTuple):
    """Margins and widths in columns. `half`: keys begin and end with half a row."""

    name: str
    columns: int
    rows: int
    margin: int
    gap: int
    badge: int
    half: bool
    two: Plan
    three: Plan
    poster: Plan

    @property
    def inner(self) -> int:
        """Columns between the margins."""
        return self.columns - 2 * self.margin

    def option_columns(self) -> tuple[tuple[int, int], ...]:
        """(x, width) of the three option columns; what does not divide goes to the right."""
        room = self.inner - 2 * self.gap
        edges = [room * step // 3 for step in range(4)]
        return tuple((self.margin + edges[step] + step * self.gap, edges[step + 1] - edges[step]) for step in range(3))

    def bottom_columns(self) -> tuple[tuple[int, int], ...]:
        """(x, width) of CLEAR, 0 and ENTER."""
        clear, zero = _BOTTOM[self.name]
        enter = self.inner - clear - zero - 2 * self.gap
        middle = self.margin + clear + self.gap
        return ((self.margin, clear), (middle, zero), (middle + zero + self.gap, enter))


_BOTTOM = {"S": (15, 14), "M": (17, 17), "L": (22, 22)}

S = Size(
    "S", 55, 17, 1, 2, 3, half=True,
    two=Plan(1, 2, (4, 5), None, 9, 10, ((11, 3),), (14, 3), 0),
    three=Plan(1, None, (3, 3), None, 6, 7, ((8, 3), (11, 3)), (14, 3), 0),
    poster=Plan(1, 2, (4, 0), (4, 9), 14, 15, (), (14, 3), 0),
)  # fmt: skip
M = Size(
    "M", 78, 29, 3, 2, 5, half=False,
    two=Plan(2, 3, (5, 7), None, 14, 15, ((17, 5),), (23, 5), 28),
    three=Plan(2, 3, (5, 7), None, 14, 15, ((17, 3), (21, 3)), (25, 3), 28),
    poster=Plan(2, 3, (5, 7), (13, 11), 25, 26, (), (23, 5), 28),
)  # fmt: skip
L = Size(
    "L", 100, 30, 4, 3, 5, half=False,
    two=Plan(2, 3, (5, 7), None, 15, 16, ((18, 5),), (24, 5), 29),
    three=Plan(2, 3, (5, 7), None, 15, 16, ((18, 3), (22, 3)), (26, 3), 29),
    poster=Plan(2, 3, (5, 7), (14, 11), 26, 27, (), (24, 5), 29),
)  # fmt: skip


def fitting(columns: int, rows: int) -> Size | None:
    """The largest size that a window holds, stretched to its width; None below S."""
    for size in (L, M, S):
        if columns >= size.columns and rows >= size.rows:
            return size._replace(columns=min(columns, MOST_COLUMNS)) if size is L else size
    return None
