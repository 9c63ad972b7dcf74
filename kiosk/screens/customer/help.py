"""Help on any screen: how it works, in four lines, with the money line still standing. The screen's own; the desk never hears of it."""

from kiosk.screens.scene import BACK, Scene, Voice
from kiosk.vend.view import View

MOST_LANGUAGES = 6
_SAME = {"still": "insert", "interrupted": "unsure", "take_card": "done", "writing": "insert", "reading": "attract"}


def over(view: View, scene: Scene) -> Scene:
    """The help of the view's phase. Field, line and tab stay: the question where the money is has an answer here too."""
    say = Voice(view)
    proof = "claim" if view.held else "done"
    phase = proof if view.phase == "qr" else _SAME.get(view.phase, view.phase)
    return Scene(
        field=scene.field,
        place=scene.place,
        doubt=scene.doubt,
        figure=scene.figure,
        first=say("help.first"),
        second=say("help.second"),
        lines=tuple(say(f"help.{phase}.{line}") for line in range(1, 5)),
        keys=(
            *(say.language_keys(MOST_LANGUAGES) if len(say.languages) > 1 else ()),
            say.press("clear", BACK, "", say("key.back")),
        ),
        status=say("status.phone", phone=say.word("phone")) if say.word("phone") else "",
    )
