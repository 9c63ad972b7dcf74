"""Pictures of one movement, for screens without an amount: a card goes into the slot, rests in it or comes out; a card is held to a reader.

The machine stands at the right, an arrow at the left says which way. Dots of plain colour only, so that nothing leaves hairlines.
"""

from collections.abc import Sequence

from kiosk.screens.canvas import Piece, mosaic

STEPS = 5  # beats that the movement takes; it rests in its last frame, and that is what is shown without motion, at beat 0
LOW = 6  # dots of a picture in three rows
_ARROW = ("   #   ", "   ##  ", "###### ", "#######", "###### ", "   ##  ", "   #   ")
_SLIM = (" #  ", "### ", "####", "### ", " #  ")
_WAVES = ("      #", "   #   #", "#   #  #", " #  #  #", " #  #  #", "#   #  #", "   #   #", "      #")
_RIPPLES = ("   #", "#   #", " #  #", " #  #", "#   #", "   #")


class _Sheet:
    """Dots of one field, painted over from back to front."""

    def __init__(self, width: int, tall: int, ground: str) -> None:
        self.width, self.tall = width, tall
        self.dots = [[ground] * width for _ in range(tall)]

    def box(self, x: int, y: int, width: int, tall: int, token: str) -> None:
        """A rectangle; what lies outside is not painted."""
        for row in self.dots[max(y, 0) : max(y + tall, 0)]:
            for column in range(max(x, 0), min(x + width, self.width)):
                row[column] = token

    def shape(self, x: int, y: int, drawing: Sequence[str], token: str) -> None:
        """A drawing of `#`."""
        for row, line in enumerate(drawing):
            for column, char in enumerate(line):
                if char == "#":
                    self.box(x + column, y + row, 1, 1, token)


def movement(name: str, region: tuple[int, int, int, int], beat: int, field: str) -> list[Piece]:
    """`card_in`, `card_held`, `card_out` or `reader` in a region (y, x, width, rows)."""
    y, x, width, rows = region
    sheet = _Sheet(width, rows * 2, f"{field}.plane")
    step = min((beat - 1) % (STEPS + 2), STEPS)
    if name == "reader":
        _reader(sheet, step, field)
    else:
        _slot(sheet, name, step, field)
    return mosaic(sheet.dots, y, x)


def _slot(sheet: _Sheet, name: str, step: int, field: str) -> None:
    """A card and the machine's slot. It goes in chip first, half of it, and comes out as far as it went in."""
    lip = sheet.width - sheet.width // 4
    arrow = _arrow(sheet)
    start = len(arrow[0]) + 2 if arrow else sheet.width // 4
    width, tall = _card_size(sheet, (lip - start) * 5 // 6)
    end = lip - width // 2
    step = {"card_in": step, "card_out": STEPS - step, "card_held": STEPS}[name]
    top = (sheet.tall - tall) // 2
    _card(sheet, start + (end - start) * step // STEPS, top, (width, tall), field)
    sheet.box(lip, 0, sheet.width - lip, sheet.tall, f"{field}.rest")
    sheet.box(lip, top - 1, 2, tall + 2, f"{field}.words")
    if arrow and name != "card_held":
        pointing = arrow if name == "card_in" else [line[::-1] for line in arrow]
        sheet.shape(0, (sheet.tall - len(arrow)) // 2, pointing, f"{field}.words")


def _arrow(sheet: _Sheet) -> Sequence[str]:
    """None in three rows, where it would be a plus: card and slot alone."""
    if sheet.tall <= LOW:
        return ()
    return _ARROW if sheet.width >= 30 and sheet.tall >= 10 else _SLIM


def _reader(sheet: _Sheet, step: int, field: str) -> None:
    """A bank card is held to a payment terminal, and the terminal hears it."""
    waves = _WAVES if sheet.width >= 30 and sheet.tall >= 10 else _RIPPLES
    body = min(sheet.tall, sheet.width // 3)
    left, apart = sheet.width - body, len(waves[2]) + 2
    width, tall = _card_size(sheet, min(left - apart, sheet.width // 3))
    _card(sheet, (left - apart - width) * step // STEPS, (sheet.tall - tall) // 2, (width, tall), field)
    sheet.box(left, 0, body, sheet.tall, f"{field}.rest")
    sheet.box(left + 2, 2, body - 4, max(sheet.tall // 2 - 3, 1), f"{field}.words")
    for row in range(sheet.tall // 2 + 1, sheet.tall - 1, 2):
        for column in range(left + 2, left + body - 2, 3):
            sheet.box(column, row, 2, 1, f"{field}.plane")
    if step == STEPS:
        sheet.shape(left - apart + 1, (sheet.tall - len(waves)) // 2, waves, f"{field}.words")


def _card_size(sheet: _Sheet, most_columns: int) -> tuple[int, int]:
    """Width and height of a card in its true shape (85.6 by 54 mm), an even number of dots tall."""
    if sheet.tall <= LOW:
        return min(11, most_columns), 5
    tall = max(min(sheet.tall - (4 if sheet.tall > 10 else 2), most_columns * 5 // 8) // 2 * 2, 4)
    return min(max(tall * 8 // 5, 7), most_columns), tall


def _card(sheet: _Sheet, x: int, y: int, size: tuple[int, int], field: str) -> None:
    """A card with round corners, its chip ahead and its number below, where that is large enough."""
    width, tall = size
    card, ground = f"{field}.line", f"{field}.plane"
    corner = 1 if tall > 6 else 0  # on a small card they make it a fish
    sheet.box(x + corner, y, width - 2 * corner, tall, card)
    sheet.box(x, y + corner, width, tall - 2 * corner, card)
    chip = max(tall * 2 // 5, 2)
    sheet.box(x + width - chip - 2, y + max(tall // 5, 1), chip, max(chip - 1, 2), ground)
    if tall >= 10:  # smaller, and chip and number are a face
        for column in range(x + 2, x + width - 3, 3):
            sheet.box(column, y + tall - 3, 2, 1, ground)
