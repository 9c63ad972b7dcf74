"""By bank card: what happens is said on the terminal's own small screen, and here where the money is."""

from kiosk.screens.scene import Scene, Voice
from kiosk.vend.view import View

STATES = ("follow", "approved", "declined", "silent")
_FIELDS = {"follow": "you", "approved": "machine", "declined": "none", "silent": "held"}


def seen(view: View) -> Scene:
    """The amount stays the customer's until the bank says yes; while nobody knows, the tab stands between You and Machine."""
    say = Voice(view)
    state = say.word("state") if say.word("state") in STATES else "follow"
    paid = say.figure
    return Scene(
        field=_FIELDS[state],
        place={"approved": "machine", "silent": "asking"}.get(state, "you"),
        doubt=state == "silent",
        first=say(f"bank.first_{state}", amount=paid),
        second=say(f"bank.second_{state}"),
        figure=paid,
        currency=say.currency,
        picture="reader" if state == "follow" else "",
        ledger=say.tally() if state != "follow" else (),
        told=(say("bank.asking"), say("bank.safe")) if state == "silent" else (),
        keys=(
            *say.key("1", "tender", "cash", say("amount.cash")),
            *say.key("clear", "cancel", "", say("account.cancel")),
            say.help_key(),
            *say.key("enter", "tender", "bank", say("bank.again"), say("bank.again_short")),
        ),
        timed=state != "silent",
    )
