"""A transfer code: twenty digits of money that was paid elsewhere, typed in groups of four."""

from kiosk.screens.scene import PAD, Scene, Voice
from kiosk.vend import damm
from kiosk.vend.view import View

DIGITS, GROUP = 20, 4
AMOUNT = slice(2, 9)  # minor units within the code (docs/codes.md)
ANSWERS = ("card", "used", "old", "behind", "passed", "early", "room", "shut")


def seen(view: View) -> Scene:
    """Digits to type, or what became of the code; the money of a refused one is still where it was paid."""
    say = Voice(view)
    state = say.word("state")
    if state == "checking":
        return _checking(say)
    return _answer(view, say, state) if state in ANSWERS else _typing(say)


def _checking(say: Voice) -> Scene:
    """For the moment that the vault needs; nothing can be pressed."""
    return Scene(
        field="you",
        place="you",
        first=say("code.first_checking"),
        second=say("code.second_checking"),
        figure=say.figure,
        currency=say.currency,
        keys=(say.help_key(),),
    )


def _typing(say: Voice) -> Scene:
    """The present group large, the others beside it; when all are there and the check digit holds, the amount that they name."""
    typed = say.typed
    whole = len(typed) == DIGITS
    wrong = whole and damm.digit(typed) != "0"
    amount = say.money(int(typed[AMOUNT])) if whole and not wrong else ""
    group = len(typed) // GROUP
    first = say("code.first_whole", amount=amount) if whole else say("code.first_group", group=group + 1) if typed else say("code.first")
    return Scene(
        field="you",
        place="you",
        first=say("code.first_wrong") if wrong else first,
        second=say("code.second_whole" if amount else "code.second"),
        figure=amount,
        currency=say.currency if amount else "",
        group="" if whole else typed[group * GROUP :].ljust(GROUP, "_"),
        ledger=_groups(say, typed),
        told=(say("code.compare"),) if whole else (),
        keys=(
            *say.pad_keys(PAD if not whole and say.offered("code", "typed") else ""),
            *((say.press("enter", "code", typed, say("key.next")),) if amount and say.offered("code", "typed") else ()),
        ),
        pad=True,
    )


def _groups(say: Voice, typed: str) -> tuple[tuple[str, str], ...]:
    """What is typed, three groups a line, and how many digits that is."""
    groups = [typed[at : at + GROUP] for at in range(0, len(typed), GROUP)]
    lines = [" ".join(groups[at : at + 3]) for at in range(0, len(groups), 3)]
    return (*((line, "") for line in lines), (say("ledger.digits"), say("ledger.of", part=len(typed), whole=DIGITS)))


def _answer(view: View, say: Voice, state: str) -> Scene:
    """Why this code does nothing here, and what does."""
    tries, known = say.minor("tries"), view.figure_minor != 0
    return Scene(
        field="none",
        place=view.place if known else "you",
        first=say(f"code.first_{state}", **_said(say)),
        second=say("code.second_card_last" if state == "card" and tries == 1 else f"code.second_{state}", tries=tries),
        figure=say.figure if known else "",
        currency=say.currency,
        picture="" if known else "card_held",
        ledger=((say("ledger.proof"), spaced(say.word("proof"))),) if say.word("proof") else (),
        keys=(
            *say.key("1", "code", "again", say("code.again"), say("code.again_short")),
            *say.key("2", "tender", "cash", say("amount.cash")),
            *say.key("clear", "cancel", "", say("account.cancel")),
            say.help_key(),
        ),
    )


def _said(say: Voice) -> dict[str, str]:
    """What a first sentence may name: how much the meter takes, the code's purchase and the card's next one."""
    return {"room": say.money(say.minor("room_minor")), "purchase": say.word("purchase"), "following": say.word("following")}


def spaced(proof: str) -> str:
    """Ten digits as they are read over the telephone: `01234 56789`."""
    return f"{proof[:5]} {proof[5:]}"
