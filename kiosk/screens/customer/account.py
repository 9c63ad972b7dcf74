"""What the card says of its meter, before any money. A note put in here is the choice of cash."""

from kiosk import words
from kiosk.screens.canvas import width_of
from kiosk.screens.scene import OPTIONS, Key, Scene, Voice
from kiosk.vend.view import View

MOST_CELLS = 52  # a longer greeting is not said


def seen(view: View) -> Scene:
    """The balance that was left in the meter, as of when; how to pay, or what waits to be collected; CLEAR to leave."""
    say = Voice(view)
    known = bool(say.word("as_of"))
    keys = _keys(say)
    return Scene(
        field="you",
        place="meter" if known else "you",
        first=_first(view, say, known=known),
        second=_second(view, say, " ".join(key.cap for key in keys if key.cap in OPTIONS)),
        figure=say.figure if known else "",
        currency=say.currency,
        picture="" if known else "card_held",
        ledger=_ledger(say),
        keys=keys,
    )


def _first(view: View, say: Voice, *, known: bool) -> str:
    if say.flag("begun_elsewhere"):
        return say("account.first_elsewhere")
    if say.offered("order"):
        return say("account.first_order", amount=say.money(say.minor("order_minor")))
    if not known:
        return say("account.first_unknown")
    if view.figure_minor < 0:
        return say("account.first_owed")
    named = say("account.first_named", name=say.word("name"))
    return named if say.word("name") and width_of(named) <= MOST_CELLS else say("account.first")


def _second(view: View, say: Voice, caps: str) -> str:
    """As of when, and what can be done now."""
    if say.flag("begun_elsewhere"):
        return say("account.second_elsewhere")
    what = "put" if say.offered("tender", "cash") else "press" if caps else "only"
    when = say.word("as_of")
    if not when:
        return say(f"account.second_{what}_unknown", keys=caps)
    return say(f"account.second_{what}", when=words.moment(view.language, when), keys=caps)


def _keys(say: Voice) -> tuple[Key, ...]:
    """A waiting order is the first offer; cash is then what is put in."""
    collect = say("account.collect", amount=say.money(say.minor("order_minor")))
    cash = say("account.buy_here" if say.flag("begun_elsewhere") else "account.cash")
    leave = (say("account.take"), say("account.take_short")) if say.flag("balance_only") else (say("account.cancel"),)
    return (
        *(
            say.key("1", "order", say.first_arg("order"), collect, say("account.collect_short"))
            if say.offered("order")
            else say.key("1", "tender", "cash", cash)
        ),
        *say.key("2", "tender", "bank", say("account.bank")),
        *say.key("3", "tender", "code", say("account.code"), say("account.code_short")),
        *say.key("clear", "cancel", "", *leave),
        say.help_key(),
    )


def _ledger(say: Voice) -> tuple[tuple[str, str], ...]:
    """Meter, card, last purchase, how many, old debt, no receipt: those that are known."""
    count = say.minor("count")
    lines = (
        ("meter", say.tail("meter_tail")),
        ("card", say.tail("card_tail")),
        ("last_buy", say.money(say.minor("last_buy_minor")) if say.minor("last_buy_minor") else ""),
        ("count", str(count) if count else ""),
        ("old_debt", say.money(say.minor("debt_minor")) if say.minor("debt_minor") else ""),
        ("receipt", say("ledger.none") if say.denied("printer") else ""),
    )
    return tuple((say(f"ledger.{key}"), value) for key, value in lines if value) + say.tally()
