"""The power was cut with money inside: said first, before the machine has looked."""

from kiosk.screens.scene import Scene, Voice
from kiosk.vend.view import View


def seen(view: View) -> Scene:
    """Safe; the machine is looking."""
    say = Voice(view)
    alone, note = say.minor("checking") and not view.figure_minor, say.piece(say.minor("checking"))
    return Scene(
        field="held",
        place="between" if view.place == "between" else "machine",
        doubt=view.place == "between",
        first=say("interrupted.first_note", note=note) if alone else say("interrupted.first", amount=say.figure),
        second=say("interrupted.second_note") if alone else say("interrupted.second"),
        figure=say.figure,
        currency=say.currency,
        ledger=say.tally(),
        told=(say("interrupted.written"), say("interrupted.waits")),
        keys=(say.help_key(),),
        timed=False,
    )
