"""A card is being read: nothing needs to be pressed."""

from kiosk.screens.scene import Scene, Voice
from kiosk.vend.view import View


def seen(view: View) -> Scene:
    """The card in the slot."""
    say = Voice(view)
    return Scene(
        field="you",
        place="you",
        first=say("reading.first"),
        second=say("reading.second"),
        picture="card_held",
        keys=(*say.key("clear", "cancel", "", say("account.cancel")), say.help_key()),
        timed=False,
    )
