"""Waiting for a card. The acceptor is shut; the ledger says what works now."""

from kiosk import words
from kiosk.screens.scene import Scene, Voice
from kiosk.vend.view import View


def seen(view: View) -> Scene:
    """A card that slides into the slot, the languages, and the balance."""
    say = Voice(view)
    notes, coins = say.pieces("notes"), say.pieces("coins")
    second = "notes_coins" if notes and coins else "notes" if notes else "coins" if coins else "no_money"
    return Scene(
        field="you",
        place="you",
        first=say("attract.first_balance" if say.word("asked") == "balance" else "attract.first"),
        second=say(f"attract.{second}"),
        picture="card_in",
        ledger=(
            (say("ledger.working"), ""),
            (say("ledger.notes"), say.range(notes) if notes else say("ledger.none")),
            (say("ledger.coins"), say.range(coins) if coins else say("ledger.none")),
            (say("ledger.receipt"), say("ledger.printed") if say.flag("printer") else say("ledger.none")),
        ),
        keys=(
            *(
                key
                for cap, language in enumerate(words.languages(), 1)
                for key in say.key(str(cap), "language", language, words.text(language, "language.name"))
            ),
            *say.key("5", "balance", "", say("attract.balance"), say("attract.balance_short")),
            say.help_key(),
        ),
        status=say("status.phone", phone=say.word("phone")) if say.word("phone") else "",
    )
