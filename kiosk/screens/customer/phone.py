"""A telephone number for one text: typed in threes, looked at, then sent."""

from kiosk.screens.scene import PAD, Scene, Voice
from kiosk.vend.view import View

GROUP, DIGITS_LEAST, DIGITS_MOST = 3, 7, 17  # of a pad: 00 and at most fifteen


def seen(view: View) -> Scene:
    """The number as it is typed, or whole, to be said yes to. The money stays where it is."""
    say = Voice(view)
    return _confirm(view, say) if say.word("state") == "confirm" else _typing(view, say)


def _typing(view: View, say: Voice) -> Scene:
    """The present group large, all of them beside it."""
    typed = say.typed
    begun = len(typed) - (len(typed) - 1) % GROUP - 1 if typed else 0
    last = typed[begun:].ljust(GROUP, "_")
    asked = say.offered("phone", "typed")
    groups = " ".join(typed[at : at + GROUP] for at in range(0, len(typed), GROUP))
    return Scene(
        field=_field(view),
        place=view.place,
        first=say("phone.first_wrong" if say.word("state") == "wrong" and not typed else "phone.first"),
        second=say("phone.second"),
        figure="",
        group=last,
        ledger=((groups, ""), (say("ledger.digits"), str(len(typed)))) if typed else (),
        keys=(
            *say.pad_keys(PAD if asked and len(typed) < DIGITS_MOST else ""),
            *((say.press("enter", "phone", typed, say("key.next")),) if asked and len(typed) >= DIGITS_LEAST else ()),
        ),
        pad=True,
    )


def _confirm(view: View, say: Voice) -> Scene:
    return Scene(
        field=_field(view),
        place=view.place,
        first=say("phone.first_confirm", to=say.word("to")),
        second=say("phone.second_confirm"),
        figure=say.figure,
        currency=say.currency,
        keys=(
            *say.key("1", "sms", "again", say("phone.again"), say("phone.again_short")),
            *say.key("clear", "cancel", "", say("key.back")),
            *say.key("enter", "sms", "send", say("phone.send"), say("phone.send_short")),
            say.help_key(),
        ),
    )


def _field(view: View) -> str:
    return "held" if view.held else "card"
