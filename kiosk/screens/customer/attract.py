"""Waiting for a card. The acceptor is shut; the ledger says what works now."""

from kiosk.screens.scene import Scene, Voice
from kiosk.vend.view import View

MOST_LANGUAGES = 4
ASKED = {"balance": "attract.first_balance", "code": "attract.first_code"}


def seen(view: View) -> Scene:
    """A card that slides into the slot, the languages, the balance, a code."""
    say = Voice(view)
    return Scene(
        field="you",
        place="you",
        first=say(ASKED.get(say.word("asked"), "attract.first")),
        second=_ways(say),
        picture="card_in",
        ledger=(*say.outage(), *_works(say)),
        keys=(
            *say.language_keys(MOST_LANGUAGES),
            *say.key("5", "balance", "", say("attract.balance"), say("attract.balance_short")),
            *say.key("6", "tender", "code", say("attract.transfer_code"), say("attract.transfer_code_short")),
            say.help_key(),
        ),
        status=say("status.phone", phone=say.word("phone")) if say.word("phone") else "",
    )


def _ways(say: Voice) -> str:
    """How one can pay here and now; no change, said before the first note."""
    cash = [kind for kind in ("notes", "coins") if say.pieces(kind)]
    others = [*(("bank",) if say.flag("bank") else ()), *(("code",) if say.offered("tender", "code") else ())]
    if not cash and not others:
        return say("attract.no_money")
    said = say("attract.between").join(say(f"attract.{way}") for way in (*cash, *others))
    if not cash:
        return say("attract.no_cash", others=said)
    said = said[0].upper() + said[1:]
    if cash == ["notes", "coins"] and not others:
        return say("attract.cash")
    return say("attract.way", way=said) if len(cash) + len(others) == 1 else say("attract.ways", ways=said)


def _works(say: Voice) -> tuple[tuple[str, str], ...]:
    """What cannot be told from the second sentence first: a small screen shows the first three."""
    notes, coins = say.pieces("notes"), say.pieces("coins")
    return (
        (say("ledger.working"), ""),
        (say("ledger.notes"), say.range(notes) if notes else say("ledger.none")),
        (say("ledger.coins"), say.range(coins) if coins else say("ledger.none")),
        (say("ledger.receipt"), say("ledger.printed") if say.flag("printer") else say("ledger.none")),
        *(((say("ledger.bank"), say("ledger.accepted")),) if say.flag("bank") else ()),
    )
