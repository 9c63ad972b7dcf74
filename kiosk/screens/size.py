"""How big the screen is, and on which row each thing stands. Rows and columns count from 0.

S is 55 by 17, M 78 by 29, L 100 by 30. LARGE is the large text of 50 by 18: the font is larger, so there are fewer cells, and sentences
flow over two rows. A larger window gets the largest size that fits, in the middle of a bezel.

No key is narrower than 14 columns, 16 at S, but at LARGE the digits (8) and 0 (10): a column is wider there.
"""

from typing import NamedTuple

MOST_COLUMNS = 112  # wider, and the eye loses the way from figure to ledger


class Plan(NamedTuple):
    """The rows of one layout. A key row is (top, height); `figure` is (top, height), foot-aligned.

    A first sentence of two rows moves the second down.
    """

    first: int
    second: int
    figure: tuple[int, int]
    poster: tuple[int, int] | None
    stations: int
    line: int
    options: tuple[tuple[int, int], ...]
    bottom: tuple[int, int]
    status: int

    @property
    def foot(self) -> int:
        """The row below the figure."""
        return sum(self.figure)


class Size(NamedTuple):
    """Margins and widths in columns. `clear` and `zero` are keys, ENTER has the rest; `between` parts figure and ledger.

    `half`: keys begin and end with half a row. `flows`: sentences do not fit on a row.
    """

    name: str
    columns: int
    rows: int
    margin: int
    gap: int
    badge: int
    clear: int
    zero: int
    bar: int
    between: int
    half: bool
    flows: bool
    two: Plan
    three: Plan
    poster: Plan

    @property
    def inner(self) -> int:
        """Columns between the margins."""
        return self.columns - 2 * self.margin

    @property
    def right(self) -> int:
        """The column where the right margin begins."""
        return self.columns - self.margin

    def option_columns(self) -> tuple[tuple[int, int], ...]:
        """(x, width) of the three option columns; what does not divide goes to the right."""
        room = self.inner - 2 * self.gap
        edges = [room * step // 3 for step in range(4)]
        return tuple((self.margin + edges[step] + step * self.gap, edges[step + 1] - edges[step]) for step in range(3))

    def bottom_columns(self) -> tuple[tuple[int, int], ...]:
        """(x, width) of CLEAR, 0 and ENTER."""
        enter = self.inner - self.clear - self.zero - 2 * self.gap
        middle = self.margin + self.clear + self.gap
        return ((self.margin, self.clear), (middle, self.zero), (middle + self.zero + self.gap, enter))


S = Size(
    "S", 55, 17, margin=1, gap=2, badge=3, clear=15, zero=14, bar=8, between=2, half=True, flows=False,
    two=Plan(1, 2, (4, 5), None, 9, 10, ((11, 3),), (14, 3), 0),
    three=Plan(1, 2, (3, 3), None, 6, 7, ((8, 3), (11, 3)), (14, 3), 0),
    poster=Plan(1, 2, (4, 0), (4, 9), 14, 15, (), (14, 3), 0),
)  # fmt: skip
M = Size(
    "M", 78, 29, margin=3, gap=2, badge=5, clear=17, zero=17, bar=12, between=3, half=False, flows=False,
    two=Plan(2, 3, (5, 7), None, 14, 15, ((17, 5),), (23, 5), 28),
    three=Plan(2, 3, (5, 7), None, 14, 15, ((17, 3), (21, 3)), (25, 3), 28),
    poster=Plan(2, 3, (5, 7), (13, 11), 25, 26, (), (23, 5), 28),
)  # fmt: skip
L = Size(
    "L", 100, 30, margin=4, gap=3, badge=5, clear=22, zero=22, bar=16, between=4, half=False, flows=False,
    two=Plan(2, 3, (5, 7), None, 15, 16, ((18, 5),), (24, 5), 29),
    three=Plan(2, 3, (5, 7), None, 15, 16, ((18, 3), (22, 3)), (26, 3), 29),
    poster=Plan(2, 3, (5, 7), (14, 11), 26, 27, (), (24, 5), 29),
)  # fmt: skip
LARGE = Size(
    "large", 50, 18, margin=1, gap=2, badge=3, clear=15, zero=10, bar=8, between=2, half=True, flows=True,
    two=Plan(1, 2, (5, 5), None, 10, 11, ((12, 3),), (15, 3), 0),
    three=Plan(1, 2, (4, 3), None, 7, 8, ((9, 3), (12, 3)), (15, 3), 0),
    poster=Plan(1, 2, (5, 0), (5, 9), 15, 16, (), (15, 3), 0),
)  # fmt: skip
SIZES = (L, M, S, LARGE)


def fitting(columns: int, rows: int) -> Size | None:
    """The largest size that a window holds, L stretched to its width; None below S and LARGE."""
    size = next((size for size in SIZES if columns >= size.columns and rows >= size.rows), None)
    return size._replace(columns=min(columns, MOST_COLUMNS)) if size is L else size
