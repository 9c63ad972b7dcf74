"""Is anyone there? With money in, nothing is ever dropped: without an answer it goes on the card."""

from kiosk.screens.scene import Scene, Voice
from kiosk.vend.view import View


def seen(view: View) -> Scene:
    """One question, one key; after the tenth time it is no question any more."""
    say = Voice(view)
    tender = say.minor("tender") or view.figure_minor
    paid = tender > 0
    which = ("" if paid else "_empty") + ("" if say.offered("more_time") else "_last")
    return Scene(
        field="machine" if paid else "you",
        place="machine" if paid else "you",
        first=say(f"still.first{which}", amount=say.money(tender)),
        second=say(f"still.second{which}"),
        figure=say.money(tender) if paid else "",
        currency=say.currency,
        picture="" if paid else "card_held",
        ledger=say.tally(),
        keys=(say.help_key(), *say.key("enter", "more_time", "", say("still.yes"), say("still.yes_short"))),
    )
