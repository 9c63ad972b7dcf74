"""The card is being written: no keys, no time-out, one command in letters that nobody overlooks."""

from kiosk.screens.scene import Scene, Voice
from kiosk.vend.view import View


def seen(view: View) -> Scene:
    """The amount between Machine and Card, and LEAVE THE CARD IN."""
    say = Voice(view)
    return Scene(
        field="machine",
        place="moving",
        first=say("writing.first_foreign" if say.flag("foreign") else "writing.first", amount=say.figure),
        second=say("writing.second"),
        figure=say.figure,
        currency=say.currency,
        poster=say("writing.poster"),
        timed=False,
    )
