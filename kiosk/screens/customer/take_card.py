"""Take the card: the last thing said, in letters seen from the door."""

from kiosk.screens.scene import Scene, Voice
from kiosk.vend.view import View


def seen(view: View) -> Scene:
    """The card coming out, or the amount that is on it."""
    say = Voice(view)
    known = view.figure_minor > 0
    return Scene(
        field="card" if view.place == "card" and known else "you",
        place=view.place,
        first=say("take_card.first"),
        second=say("done.second") if view.place == "card" and known else say("take_card.second"),
        figure=say.figure if known else "",
        currency=say.currency,
        picture="" if known else "card_out",
        poster=say("take_card.poster"),
    )
