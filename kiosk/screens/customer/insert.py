"""Money comes in. Figure, tab, split, tile and ENTER change together, with each stacked note and not before."""

from kiosk import words
from kiosk.screens.scene import Key, Scene, Tile, Voice
from kiosk.vend.view import View


def seen(view: View) -> Scene:
    """What is in, what of it goes on the card, the last notes, and how to end."""
    say = Voice(view)
    first, second = _sentences(view, say)
    more = 0 if say.word("stopped") == "cash" else say.minor("more_minor")
    checking = say.minor("checking")
    next_note = view.figure_minor and more and not checking and not say.flag("ask_stop") and say.word("stopped") != "notes"
    return Scene(
        field="machine" if view.figure_minor else "you",
        place="machine" if view.figure_minor else "you",
        first=first,
        second=second,
        figure=say.figure,
        currency=say.currency,
        ledger=say.tally(),
        tray=(
            *((Tile(say.piece(checking), say("insert.tile_checking")),) if checking else ()),
            *(Tile(say.piece(amount)) for amount in say.pieces("tiles")),
        ),
        tray_note=say("insert.next_note") if next_note else "",
        told=_told(view, say),
        keys=(*_keys(say), say.help_key()),
        status=say("insert.more", amount=say.money(more)) if more else "",
    )


def _told(view: View, say: Voice) -> tuple[str, ...]:
    """Before the first note: how to put it in, and that there is no paper for a receipt."""
    if view.figure_minor or say.minor("checking") or say.word("stopped") == "cash":
        return ()
    return (say("insert.one_by_one"), say("insert.counts"), *((say("insert.no_paper"),) if say.denied("printer") else ()))


def _sentences(view: View, say: Voice) -> tuple[str, str]:
    """Where the money is, then the next fact."""
    amount, empty, stopped = say.figure, "" if view.figure_minor else "_empty", say.word("stopped")
    second = say("insert.second_beside") if say.flag("beside") else say("insert.second")
    if say.minor("checking"):
        note = say.piece(say.minor("checking"))
        if stopped in {"notes", "cash"}:
            return say(f"insert.first_stuck{empty}", amount=amount, note=note), say("insert.second_stuck")
        return say(f"insert.first_checking{empty}", amount=amount, note=note), second
    if say.flag("refused"):
        key = f"insert.second_{say.word('why_refused')}"
        reason = say(key if words.known(key) else "insert.second_device", amount=say.money(say.minor("more_minor")))
        return say(f"insert.first_refused{empty}", amount=amount), reason
    if say.flag("ask_stop"):
        return say("insert.first_stop", amount=amount), say("insert.second_stop")
    if stopped:
        return say(f"insert.first{'_stopped' if stopped == 'cash' else ''}{empty}", amount=amount), say(f"insert.second_no_{stopped}")
    if view.figure_minor and not say.minor("more_minor"):
        return say("insert.first_full", amount=amount), second
    return say(f"insert.first{empty}", amount=amount), second


def _keys(say: Voice) -> tuple[Key, ...]:
    """ENTER puts it on the card; CLEAR asks to stop, goes back from that question, or leaves while nothing is paid."""
    on_card = say.money(say.minor("to_card_minor"))
    finish = say.key(
        "enter",
        "finish",
        "",
        say("insert.finish", amount=on_card),
        say("insert.finish_short", amount=on_card),
        say("insert.finish_shortest"),
    )
    if say.flag("ask_stop"):
        return (*say.key("clear", "add_more", "", say("insert.add_more"), say("insert.add_more_short")), *finish)
    if say.offered("cancel"):
        return (*say.key("clear", "cancel", "", say("insert.cancel")), *finish)
    return (*say.key("clear", "stop", "", say("insert.stop")), *finish)
