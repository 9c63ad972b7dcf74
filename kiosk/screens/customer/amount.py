"""How much: one of the usual amounts, or digits for another. The ledger says at once what of it goes on the card."""

from kiosk.screens.scene import PAD, Scene, Voice
from kiosk.vend.view import View

_DIGITS = 5  # of an amount, where the desk names no most


def seen(view: View) -> Scene:
    """The chosen amount, its split, and the way on; `typing`: the digits of another one."""
    say = Voice(view)
    return _typed(view, say) if say.flag("typing") else _usual(say)


def _usual(say: Voice) -> Scene:
    paid = say.figure
    return Scene(
        field="you",
        place="you",
        first=say("amount.first"),
        second=say("amount.second_bank" if say.word("by") == "bank" else "amount.second_cash"),
        figure=paid,
        currency=say.currency,
        ledger=say.tally(),
        keys=(
            *(
                key
                for cap, amount in enumerate(say.pieces("presets")[:4], 1)
                for key in say.key(str(cap), "amount", str(amount), say.piece(amount))
            ),
            *say.key("5", "amount", "other", say("amount.other"), say("amount.other_short")),
            *say.key("6", "tender", "cash", say("amount.cash")),
            *say.key("clear", "cancel", "", say("key.back")),
            say.help_key(),
            *say.key("enter", "finish", "", say("amount.pay", amount=paid), say("amount.pay_short")),
        ),
    )


def _typed(view: View, say: Voice) -> Scene:
    """Whole units, within the least and the most that may be paid; the zero waits for a first digit."""
    least, most = say.minor("least_minor"), say.minor("most_minor")
    unit = 10**view.exponent
    amount = int(say.typed or "0") * unit
    over, open_now = bool(most) and amount > most, say.offered("amount", "typed")
    full = over or len(say.typed) >= _DIGITS
    return Scene(
        field="you",
        place="you",
        first=say("amount.over", amount=say.money(most)) if over else say("amount.first"),
        second=say("amount.second_typed"),
        figure=say.money(amount),
        currency=say.currency,
        ledger=tuple((say(f"ledger.{key}"), say.money(limit)) for key, limit in (("least", least), ("most", most)) if limit),
        keys=(
            *say.pad_keys("" if full or not open_now else PAD if say.typed else PAD.replace("0", "")),
            *((say.press("enter", "amount", str(amount), say("key.next")),) if open_now and amount >= max(least, 1) and not over else ()),
        ),
        told=(say("amount.erase"),) if full else (),
        pad=True,
    )
