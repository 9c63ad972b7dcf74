"""The receipt as a code to be photographed, and what it says in plain: the proof of a customer without paper."""

from kiosk import words
from kiosk.screens.scene import Key, Scene, Voice
from kiosk.vend.view import View


def seen(view: View) -> Scene:
    """A receipt's money is on the card; a slip's is safe in the machine, and held."""
    say = Voice(view)
    slip = say.word("kind") == "slip"
    kind = "slip" if slip else "receipt"
    at = say.word("at")
    ledger = (
        (say(f"ledger.{kind}"), say.word("number")),
        *say.tally(),
        (say("ledger.date"), words.moment(say.language, at) if at else ""),
        (say("ledger.card"), say.tail("card_tail")),
    )
    return Scene(
        field="held" if slip else "card",
        place=view.place,
        first=say(f"qr.first_{kind}"),
        second=say(f"qr.second_{kind}", amount=say.figure),
        figure=say.figure,
        currency=say.currency,
        code=say.word("code"),
        ledger=tuple(line for line in ledger if line[1]),
        keys=(
            *say.key("clear", "cancel", "", say("key.back")),
            say.help_key(),
            *_taken(say, slip=slip),
        ),
    )


def _taken(say: Voice, *, slip: bool) -> tuple[Key, ...]:
    """Then a receipt's holder takes the card; a slip's is told once more where the money is."""
    labels = (say("qr.taken"), say("qr.taken_short")) if slip else (say("done.finish"), say("done.finish_short"))
    return say.key("enter", "finish", "", *labels)
