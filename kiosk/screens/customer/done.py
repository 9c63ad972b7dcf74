"""The money is on the card, and one thing is left to do at home."""

from kiosk import words
from kiosk.screens.scene import OPTIONS, Key, Scene, Voice
from kiosk.vend.view import View

_OUTCOMES = {"assumed": "sent", "unknown": "torn", "qr": "photographed", "no_qr": "no_code"}
_BELOW = {
    "assumed": "done.sent_status", "unknown": "done.torn_status", "failed": "done.failed_status", "no_qr": "done.no_code",
    "texted": "done.texted_status", "no_text": "done.no_text_status",
}  # fmt: skip
_STATUS = {"asking": "done.asking", "no_paper": "done.without"}


def seen(view: View) -> Scene:
    """What was paid, what was taken off it, the purchase's number; a receipt; take the card."""
    say = Voice(view)
    receipt, keys = say.word("receipt"), _keys(say)
    return Scene(
        field="card",
        place="card",
        first=say("done.first_foreign" if say.flag("foreign") else "done.first", amount=say.figure),
        second=say("done.second"),
        figure=say.figure,
        currency=say.currency,
        ledger=say.tally(),
        told=_told(say, receipt),
        keys=keys,
        status=say(_status(receipt, keys), time="{time}"),
    )


def _status(receipt: str, keys: tuple[Key, ...]) -> str:
    """What the keys' row cannot tell while it offers another receipt is told below it."""
    if receipt in _BELOW and any(key.cap in OPTIONS for key in keys):
        return _BELOW[receipt]
    return _STATUS.get(receipt, "done.taking")


def _told(say: Voice, receipt: str) -> tuple[str, ...]:
    """How the receipt fares."""
    key = f"done.{_OUTCOMES.get(receipt, receipt)}"
    return (say(key), say(f"{key}_next")) if words.known(f"{key}_next") else ()


def _keys(say: Voice) -> tuple[Key, ...]:
    return (
        *say.key("1", "receipt", "paper", say("done.paper"), say("done.paper_short")),
        *say.key("2", "receipt", "qr", say("done.qr"), say("done.qr_short")),
        *say.key("3", "sms", "", say("done.sms"), say("done.sms_short")),
        *say.key("clear" if say.offered("sms") else "3", "receipt", "none", say("done.none"), say("done.none_short")),
        *say.key("enter", "finish", "", say("done.finish"), say("done.finish_short")),
        say.help_key(),
    )
