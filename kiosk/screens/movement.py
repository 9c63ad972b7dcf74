"""Pictures of one movement, for screens without an amount: a card goes into the slot, rests in it, or comes out.

The machine stands at the right; the card slides under its lip. Planes only, so that nothing leaves hairlines.
"""

from kiosk.screens.canvas import Piece, plane

STEPS = 5  # beats until the movement is done; the last frame is the one without motion


def movement(name: str, region: tuple[int, int, int, int], beat: int, field: str) -> list[Piece]:
    """`card_in`, `card_held` or `card_out` in a region (y, x, width, rows)."""
    y, x, width, rows = region
    body, card_width, card_rows = width // 4, width // 3, max(rows - 2, 1)
    lip = x + width - body
    start, end = x, lip - card_width // 2
    step = {"card_in": min(beat % (STEPS + 2), STEPS), "card_out": STEPS - min(beat % (STEPS + 2), STEPS), "card_held": STEPS}[name]
    left = start + (end - start) * step // STEPS
    ground, card, machine = f"{field}.plane", f"{field}.line", f"{field}.rest"
    card_y = y + (rows - card_rows) // 2
    pieces = plane(card_y, left, min(card_width, lip - left), card_rows, card)
    if card_rows >= 3:
        chip = left + card_width - 7
        pieces += plane(card_y + 1, chip, max(0, min(4, lip - chip)), card_rows - 2 if card_rows < 5 else 2, ground)
    if card_rows >= 5:
        pieces += plane(card_y + card_rows - 2, left + 2, max(0, min(5, lip - left - 2)), 1, ground)
    return pieces + plane(y, lip, body, rows, machine) + plane(card_y, lip, 1, card_rows, f"{field}.words")
