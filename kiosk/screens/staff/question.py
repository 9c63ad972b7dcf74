"""A question: what ENTER will do, with which values, and the fact that is then written. CLEAR does nothing."""

from kiosk.screens.canvas import Piece, width_of
from kiosk.screens.flow import flow
from kiosk.screens.staff.speech import Speech
from kiosk.vend.staff import Question

WIDTH = 48  # as on the paper: labels left, values flush right


def question(asked: Question, say: Speech, region: tuple[int, int, int]) -> list[Piece]:
    """Pieces in (x, y, width)."""
    x, y, room = region
    pieces = []
    for y, text in enumerate(flow(say.word("question", asked.what), room), y):  # noqa: B020 - the row goes on
        pieces.append(Piece(y, x, text, ("ink", "paper", True)))
    if not asked.lines and not asked.journaled:
        return pieces
    y += 2
    for line in asked.lines:
        label, value = say(f"line.{line.label}"), say.cell(line.value)
        pieces.append(Piece(y, x, label, ("muted", "paper", False)))
        pieces.append(Piece(y, x + WIDTH - width_of(value), value, ("ink", "paper", True)))
        y += 1
    if asked.journaled:
        pieces.append(Piece(y + 1, x, say("question.journaled", fact=asked.journaled), ("muted", "paper", False)))
    return pieces
