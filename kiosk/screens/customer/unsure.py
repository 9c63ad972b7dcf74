"""The card came out too early, or did not keep what was written: the money is held, and the same card is wanted back."""

from kiosk.screens.scene import Scene, Voice
from kiosk.vend.view import View

REASONS = ("gone", "power", "torn", "does_not_store", "meter_first")


def seen(view: View) -> Scene:
    """Safe; which card; what happens without it."""
    say = Voice(view)
    other, why = say.tail("other_tail"), "power" if say.flag("power") else say.word("why")
    safe = say("unsure.first", amount=say.figure)
    reason = say(f"unsure.second_{why}") if why in REASONS else say("unsure.second")
    return Scene(
        field="held",
        place="between",
        doubt=True,
        first=say("unsure.first_other", other=other, tail=say.tail("card_tail")) if other else safe,
        second=safe if other else reason,
        figure=say.figure,
        currency=say.currency,
        ledger=_ledger(say),
        told=(say("unsure.slip", amount=say.figure), say("unsure.waits")),
        keys=(*say.key("clear", "no_card", "", say("unsure.no_card"), say("unsure.no_card_short")), say.help_key()),
        status=say("status.waiting_card", tail=say.tail("card_tail"), time="{time}"),
    )


def _ledger(say: Voice) -> tuple[tuple[str, str], ...]:
    lines = (
        ("card", say.tail("card_tail")),
        ("meter", say.tail("meter_tail")),
        ("purchase_no", say.word("purchase_no")),
    )
    return tuple((say(f"ledger.{key}"), value) for key, value in lines if value)
