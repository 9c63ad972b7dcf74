"""No money was taken, and why. The tab shows the old money, where there is some."""

from kiosk import words
from kiosk.screens.scene import Scene, Voice
from kiosk.vend.view import View


def seen(view: View) -> Scene:
    """The reason in two sentences, each ending in something that can be done."""
    say = Voice(view)
    why = say.word("why")
    why = why if words.known(f"refused.{why}_first") else "other"
    untaken, old = why == "untaken", view.figure_minor != 0
    ledger = say.tally()
    if untaken:
        bought = words.moment(view.language, say.word("bought")) if say.word("bought") else ""
        ledger = ((say("ledger.on_card"), ""), *(((say("ledger.bought"), bought),) if bought else ()), *ledger)
    return Scene(
        field="none",
        place=view.place if old else "you",
        first=say(f"refused.{why}_first"),
        second=say(f"refused.{why}_second"),
        figure=say.figure if old else "",
        currency=say.currency,
        picture="" if old else "card_out",
        ledger=ledger,
        told=(
            *((say("refused.untaken_why"), say("refused.untaken_lost")) if untaken else ()),
            *((say("refused.claim"),) if say.flag("claim") else ()),
        ),
        keys=(*say.key("clear", "cancel", "", say("account.take"), say("account.take_short")), say.help_key()),
    )
