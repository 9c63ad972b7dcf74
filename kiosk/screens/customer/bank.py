"""By bank card: what happens is said on the terminal's own small screen, and here where the money is."""

from kiosk.screens.scene import Scene, Voice
from kiosk.vend.view import View

FIELDS = {
    "follow": "you", "off": "you", "approved": "machine", "back": "held", "silent": "held", "declined": "none", "aborted": "none",
    "busy": "none", "reversed": "none", "none": "none",
}  # fmt: skip
PLACES = {"approved": "machine", "back": "asking", "silent": "asking"}
PROMPTS = ("pin", "wait", "remove")  # beside the card itself


def seen(view: View) -> Scene:
    """The amount stays the customer's until the bank says yes; while nobody knows, the tab stands between You and Machine."""
    say = Voice(view)
    state = say.word("state") if say.word("state") in FIELDS else "follow"
    paid, silent, second = say.figure, state == "silent", _second(say, state)
    leave = ("account.take", "account.take_short") if second in ("stay", "cash", "again", "only") else ("account.cancel",)
    return Scene(
        field=FIELDS[state],
        place=PLACES.get(state, "you"),
        doubt=PLACES.get(state) == "asking",
        first=say(f"bank.first_{state}", amount=paid),
        second=say(f"bank.second_{second}"),
        figure=paid,
        currency=say.currency,
        picture="reader" if state == "follow" else "",
        ledger=(*_whom(say), *say.tally()) if silent else say.tally() if state != "follow" else (),
        told=(say("bank.asking"), say("bank.safe")) if silent else (),
        keys=(
            *say.key("1", "tender", "cash", say("amount.cash")),
            *say.key("clear", "cancel", "", *map(say, leave)),
            say.help_key(),
            *say.key("enter", "tender", "bank", say("bank.again"), say("bank.again_short")),
        ),
        timed=state not in ("silent", "off", "back"),
    )


def _second(say: Voice, state: str) -> str:
    """What to do now: on the small screen, or with the keys that there are."""
    if state == "follow":
        return say.word("prompt") if say.word("prompt") in PROMPTS else state
    if state == "silent":
        return "stay" if say.offered("cancel") else state
    if FIELDS[state] != "none":
        return state
    cash, again = say.offered("tender", "cash"), say.offered("tender", "bank")
    return "declined" if cash and again else "cash" if cash else "again" if again else "only"


def _whom(say: Voice) -> tuple[tuple[str, str], ...]:
    """Whom to ask later, and by which name."""
    lines = (("call", say.word("phone")), ("reference", say.word("reference")))
    return tuple((say(f"ledger.{key}"), value) for key, value in lines if value)
