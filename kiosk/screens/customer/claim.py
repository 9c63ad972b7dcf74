"""The money waits in the machine for its card, and a slip says so."""

from kiosk.screens.scene import Scene, Voice
from kiosk.vend.view import View

_BELOW = {"keeping": "claim.texted", "queued": "claim.texted", "failed": "claim.no_text"}


def seen(view: View) -> Scene:
    """The slip's number and check, the telephone, and what to do with the card."""
    say = Voice(view)
    tail = say.tail("card_tail")
    disputed = say.minor("disputed_minor")
    slip, check = say.word("slip"), say.word("check")
    paper = say.flag("printed") or say.flag("printing")
    doubt = disputed and not view.figure_minor
    lines = (("slip", slip.removesuffix(f"-{check}")), ("check", check), ("card", tail), ("call", say.word("phone")))
    return Scene(
        field="held",
        place="asking" if doubt else "machine",
        doubt=bool(doubt),
        first=say("claim.first_doubt" if doubt else f"claim.{_proof(say)}", amount=say.money(disputed) if doubt else say.figure),
        second=_second(say, tail, disputed),
        figure=say.money(disputed) if doubt else say.figure,
        currency=say.currency,
        ledger=tuple((say(f"ledger.{key}"), value) for key, value in lines if value),
        told=(say("unsure.waits"),),
        keys=(
            *say.key("1", "receipt", "again", say("claim.again"), say("claim.again_short")),
            *say.key("2", "receipt", "qr", say("claim.qr"), say("claim.qr_short")),
            *say.key("3", "sms", "", say("claim.sms"), say("claim.sms_short")),
            *say.key("enter", "slip_taken", "", *((say("claim.taken"),) if paper else ()), say("claim.taken_short")),
            say.help_key(),
        ),
        status=say(_BELOW[told]) if (told := say.word("text")) in _BELOW else say("done.no_code") if say.word("qr") == "failed" else "",
    )


def _second(say: Voice, tail: str, disputed: int) -> str:
    """What becomes of it: of a note in doubt, where nothing else was paid, and beside what was."""
    if disputed:
        return say("claim.disputed", amount=say.money(disputed)) if say.view.figure_minor else say("claim.second_doubt")
    return say("claim.second", tail=tail)


def _proof(say: Voice) -> str:
    """What the customer holds, or how to get it: the slip, a photograph of its code, or its number by hand."""
    if say.flag("printing"):
        return "first_printing"
    if say.flag("printed"):
        return "first"
    if say.word("qr") in {"shown", "seen"}:
        return "first_photo"
    return "first_qr" if say.offered("receipt", "qr") else "first_no_paper"
