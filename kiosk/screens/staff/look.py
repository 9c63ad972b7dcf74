"""The screen under test: every plane that it has to show, and ten digits for a finger and for the pad. What was pressed is gone."""

from itertools import pairwise

from kiosk.screens.canvas import Piece, Target, plane
from kiosk.screens.scene import PAD
from kiosk.screens.staff.entry import pad_of
from kiosk.screens.staff.plan import Plan

PLANES = ("you.plane", "machine.plane", "card.plane", "held.plane", "none.plane", "till", "bad", "badge", "enter", "side", "header")


def grid(typed: str, plan: Plan, top: int) -> tuple[list[Piece], list[Target]]:
    """Planes from row `top` to the digits, and the digits that were not pressed yet."""
    edges = [plan.size.columns * step // len(PLANES) for step in range(len(PLANES) + 1)]
    height = plan.options[1] - 1 - top
    pieces: list[Piece] = []
    for (left, right), token in zip(pairwise(edges), PLANES, strict=True):
        pieces += plane(top, left, right - left, height, token)
    pad, targets = pad_of(plan, "".join(digit for digit in PAD if digit not in typed))
    return pieces + pad, targets
