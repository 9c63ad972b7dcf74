"""Out of service: why, and what still works."""

from kiosk import words
from kiosk.screens.scene import Scene, Voice
from kiosk.vend.view import View


def _first(why: str, say: Voice) -> str:
    """A balance or a code that was asked for still works; otherwise where the money is, if some may be in here, or that none can go in."""
    if say.word("asked") in {"balance", "code"}:
        return f"out.first_{say.word('asked')}"
    return f"out.first_{why}" if words.known(f"out.first_{why}") else "out.first"


def seen(view: View) -> Scene:
    """No money can go in now."""
    say = Voice(view)
    why = say.word("why")
    balance = say.key("1", "balance", "", say("attract.balance"), say("attract.balance_short"))
    code = say.key("2", "tender", "code", say("attract.transfer_code"), say("attract.transfer_code_short"))
    still_works = tuple(say(key) for key in view.told if words.known(key))
    return Scene(
        field="none",
        place="you",
        first=say(_first(why, say)),
        second=say(f"out.second_{why}") if words.known(f"out.second_{why}") else say("out.second"),
        figure=say.figure if view.figure_minor else "",
        currency=say.currency,
        lines=still_works,
        keys=(*balance, *code, say.help_key()),
        status=say("status.phone", phone=say.word("phone")) if say.word("phone") else "",
    )
