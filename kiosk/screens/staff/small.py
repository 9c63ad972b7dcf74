"""A window in which no maintenance screen has room: how to get a larger one, and the way out."""

from kiosk import words
from kiosk.screens.canvas import Frame, Piece, Target, compose, plane
from kiosk.screens.flow import flow
from kiosk.screens.hands import key_pieces
from kiosk.screens.scene import Key
from kiosk.screens.size import Size
from kiosk.screens.staff.keys import SAY
from kiosk.screens.staff.plan import COLUMNS, ROWS
from kiosk.screens.staff.speech import Speech
from kiosk.vend.staff import Leave, said


def small(say: Speech, time: str, size: Size) -> Frame:
    """A whole screen of the customer's sizes."""
    pieces = plane(0, 0, size.columns, 1, "header")
    pieces.append(Piece(0, size.columns - 1 - len(time), time, ("header_words", "header", True)))
    y = 2
    for sentence in (say("small.first", columns=COLUMNS, rows=ROWS), say("small.second")):
        for text in flow(sentence, size.inner):
            pieces.append(Piece(y, size.margin, text, ("ink", "paper", y == 2)))
            y += 1
    (x, width), (top, height) = size.bottom_columns()[0], size.two.bottom
    leave = Key("clear", (say("key.leave"),), SAY, said(Leave()), words.text(say.language, "key.clear"))
    pieces += key_pieces(leave, size, (x, top, width, height))
    rows, lost = compose(size.columns, size.rows, "paper", pieces)
    return Frame(rows, (Target(x, top, width, height, leave.cap, leave.do, leave.arg),), lost)
