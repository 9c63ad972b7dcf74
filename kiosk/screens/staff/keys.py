"""The keys of a maintenance screen, each in its place of the pad. What the desk offers comes with its order; help is the screen's own."""

from kiosk import words
from kiosk.screens.canvas import Piece, Target
from kiosk.screens.hands import key_pieces
from kiosk.screens.scene import BACK, ERASE, HELP
from kiosk.screens.scene import Key as Cap
from kiosk.screens.staff.plan import Plan
from kiosk.screens.staff.speech import Speech
from kiosk.vend.staff import Field, Here, Key, Typed, said
from kiosk.vend.view import View

SAY, SEND = "operator", "send"  # an order for the desk as it is; what is typed, to be made one
HERE = said(Here())


def typed(digits: str) -> str:
    """What ENTER on a field says; a secret one's says nothing, its digits are handed over."""
    return said(Typed(digits))


def offered(key: Key, say: Speech) -> Cap:
    """A key of the desk's."""
    return Cap(key.cap, (say.word("key", key.label),), SAY, key.told, _name(key.cap, say))


def of_field(field: Field, typed: int, keys: tuple[Key, ...], say: Speech) -> list[Cap]:
    """CLEAR takes a digit back, and is the desk's when there is none; ENTER is there when enough are typed."""
    erase = Cap("clear", (words.text(say.language, "key.erase"),), ERASE, "", _name("clear", say))
    found = [erase if typed and key.cap == "clear" else offered(key, say) for key in keys]
    if typed >= field.least:
        found.append(Cap("enter", (say("key.send"),), SEND, "", _name("enter", say)))
    return found


def help_key(view: View) -> Cap:
    """0: languages, and how this works."""
    return Cap("0", words.help_words(view.language, view.languages), HELP)


def of_help(view: View, say: Speech) -> list[Cap]:
    """The languages by their own names, and the way back."""
    named = [Cap(str(cap), (words.text(code, "language.name"),), "language", code) for cap, code in enumerate(view.languages[:9], 1)]
    return [*named, Cap("clear", (words.text(say.language, "key.back"),), BACK, "", _name("clear", say))]


def painted(keys: list[Cap], plan: Plan) -> tuple[list[Piece], list[Target]]:
    """Pieces and targets."""
    pieces: list[Piece] = []
    targets = []
    for key in keys:
        x, y, width, height = place = plan.place(key.cap)
        pieces += key_pieces(key, plan.size, place)
        targets.append(Target(x, y, width, height, key.cap, key.do, key.arg))
    return pieces, targets


def _name(cap: str, say: Speech) -> str:
    return words.text(say.language, f"key.{cap}") if cap in {"clear", "enter"} else ""
