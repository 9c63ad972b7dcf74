"""What the card says of its meter, before any money. A note put in here is the choice of cash."""

from kiosk import words
from kiosk.screens.canvas import width_of
from kiosk.screens.scene import OPTIONS, Key, Scene, Voice
from kiosk.vend.view import View

MOST_CELLS = 52  # a longer greeting is not said


def seen(view: View) -> Scene:
    """What waits to be collected, or else the balance; how to pay; CLEAR to leave."""
    say = Voice(view)
    return _order(view, say) if say.offered("order") else _balance(view, say)


def _balance(view: View, say: Voice) -> Scene:
    """What was left in the meter when it last wrote the card."""
    known = bool(say.word("as_of"))
    cash = say("account.buy_here" if say.flag("begun_elsewhere") else "account.cash")
    keys = (*say.key("1", "tender", "cash", cash), *_other_ways(say), *_leave(say))
    return Scene(
        field="you",
        place="meter" if known else "you",
        first=_first(view, say),
        second=say("account.second_elsewhere") if say.flag("begun_elsewhere") else _next(view, say, keys, say.word("as_of")),
        figure=say.figure if known else "",
        currency=say.currency,
        picture="" if known else "card_held",
        ledger=(*_ledger(say), *say.outage()),
        keys=keys,
        status=say.word("outage_words"),
    )


def _order(view: View, say: Voice) -> Scene:
    """Money that was paid elsewhere for this card; the balance is in the ledger, and cash is what is put in."""
    amount = say.money(say.minor("order_minor"))
    collect = say.key("1", "order", say.first_arg("order"), say("account.collect", amount=amount), say("account.collect_short"))
    keys = (*collect, *_other_ways(say), *_leave(say))
    return Scene(
        field="you",
        place="you",
        first=say("account.first_order", amount=amount),
        second=_next(view, say, keys),
        figure=amount,
        currency=say.currency,
        ledger=(*_ledger(say), *(((say("ledger.in_meter"), say.figure),) if say.word("as_of") else ())),
        keys=keys,
    )


def _first(view: View, say: Voice) -> str:
    if say.flag("begun_elsewhere"):
        return say("account.first_elsewhere")
    if not say.word("as_of"):
        return say("account.first_unknown")
    if view.figure_minor < 0:
        return say("account.first_owed")
    named = say("account.first_named", name=say.word("name"))
    return named if say.word("name") and width_of(named) <= MOST_CELLS else say("account.first")


def _next(view: View, say: Voice, keys: tuple[Key, ...], as_of: str = "") -> str:
    """As of when the figure was, and what can be done now."""
    if say.flag("unproven"):
        return say("account.second_unproven")
    caps = " ".join(key.cap for key in keys if key.cap in OPTIONS)
    what = "put" if say.offered("tender", "cash") else "press" if caps else "only"
    if not as_of:
        return say(f"account.second_{what}_unknown", keys=caps)
    return say(f"account.second_{what}", when=words.moment(view.language, as_of), keys=caps)


def _other_ways(say: Voice) -> tuple[Key, ...]:
    code = say.key("3", "tender", "code", say("account.code"), say("account.code_short"))
    return (*say.key("2", "tender", "bank", say("account.bank")), *code)


def _leave(say: Voice) -> tuple[Key, ...]:
    take = (say("account.take"), say("account.take_short")) if say.flag("balance_only") else (say("account.cancel"),)
    return (*say.key("clear", "cancel", "", *take), say.help_key())


def _ledger(say: Voice) -> tuple[tuple[str, str], ...]:
    """Meter, card, last purchase, how many, old debt, no receipt: those that are known."""
    count = 0 if say.outage() else say.minor("count")  # of all lines the one that gives way
    lines = (
        ("meter", say.tail("meter_tail")),
        ("card", say.tail("card_tail")),
        ("last_buy", say.money(say.minor("last_buy_minor")) if say.minor("last_buy_minor") else ""),
        ("count", str(count) if count else ""),
        ("old_debt", say.money(say.minor("debt_minor")) if say.minor("debt_minor") else ""),
        ("receipt", say("ledger.none") if say.denied("printer") else ""),
    )
    return tuple((say(f"ledger.{key}"), value) for key, value in lines if value) + say.tally()
