"""Is anyone there? With money in, nothing is ever dropped: without an answer it goes on the card."""

from kiosk.screens.scene import Scene, Voice
from kiosk.vend.view import View


def seen(view: View) -> Scene:
    """One question, one key."""
    say = Voice(view)
    tender = say.minor("tender") or view.figure_minor
    paid = tender > 0
    return Scene(
        field="machine" if paid else "you",
        place="machine" if paid else "you",
        first=say("still.first", amount=say.money(tender)) if paid else say("still.first_empty"),
        second=say("still.second" if paid else "still.second_empty"),
        figure=say.money(tender) if paid else "",
        currency=say.currency,
        picture="" if paid else "card_held",
        ledger=say.tally(),
        keys=(*say.key("enter", "more_time", "", say("still.yes"), say("still.yes_short")), say.help_key()),
    )
