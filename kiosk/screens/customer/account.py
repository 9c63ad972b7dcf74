"""What the card says of its meter, before any money. A note put in here is the choice of cash."""

from kiosk import words
from kiosk.screens.scene import Scene, Voice
from kiosk.vend.view import View


def seen(view: View) -> Scene:
    """The balance that was left in the meter, as of when; 1 to pay, CLEAR to leave."""
    say = Voice(view)
    known = bool(say.word("as_of"))
    begun, only = say.flag("begun_elsewhere"), say.flag("balance_only")
    when = words.moment(view.language, say.word("as_of")) if known else ""
    what = "only" if only else "put"
    second = say(f"account.second_{what}", when=when) if known else say(f"account.second_{what}_unknown")
    first = "first_unknown" if not known else "first_owed" if view.figure_minor < 0 else "first"
    return Scene(
        field="you",
        place="meter" if known else "you",
        first=say("account.first_elsewhere" if begun else f"account.{first}"),
        second=say("account.second_elsewhere") if begun else second,
        figure=say.figure if known else "",
        currency=say.currency,
        picture="" if known else "card_held",
        ledger=_ledger(view, say),
        keys=(
            *say.key("1", "tender", "cash", say("account.buy_here" if begun else "account.cash")),
            *say.key("clear", "cancel", "", *((say("account.take"), say("account.take_short")) if only else (say("account.cancel"),))),
            say.help_key(),
        ),
    )


def _ledger(view: View, say: Voice) -> tuple[tuple[str, str], ...]:
    """Meter, card, last purchase, how many, old debt: those that are known."""
    count = say.minor("count")
    lines = (
        ("meter", say.tail("meter_tail")),
        ("card", say.tail("card_tail")),
        ("last_buy", say.money(say.minor("last_buy_minor")) if say.minor("last_buy_minor") else ""),
        ("count", str(count) if count else ""),
        ("old_debt", say.money(say.minor("debt_minor")) if say.minor("debt_minor") else ""),
    )
    return tuple((say(f"ledger.{key}"), value) for key, value in lines if value) + (say.tally() if view.lines else ())
