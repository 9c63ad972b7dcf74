"""Help on any screen: how it works, in four lines, with the money line still standing. The screen's own; the desk never hears of it."""

from kiosk import words
from kiosk.screens.scene import BACK, Key, Scene, Voice
from kiosk.vend.view import View

_SAME = {"still": "insert", "interrupted": "unsure", "take_card": "done", "writing": "insert", "reading": "attract"}


def over(view: View, scene: Scene) -> Scene:
    """The help of the view's phase. Field, line and tab stay: the question where the money is has an answer here too."""
    say = Voice(view)
    phase = _SAME.get(view.phase, view.phase)
    choices = words.languages() if len(words.languages()) > 1 else ()
    return Scene(
        field=scene.field,
        place=scene.place,
        doubt=scene.doubt,
        figure=scene.figure,
        first=say("help.first"),
        second=say("help.second"),
        lines=tuple(say(f"help.{phase}.{line}") for line in range(1, 5)),
        keys=(
            *(Key(str(cap), (words.text(name, "language.name"),), "language", name) for cap, name in enumerate(choices[:6], 1)),
            Key("clear", (say("key.back"),), BACK),
        ),
        status=say("status.phone", phone=say.word("phone")) if say.word("phone") else "",
    )
