"""`kiosk card probe`: what is the card in this reader, and which layout fits it?"""

from typing import TYPE_CHECKING, Annotated, NoReturn

import msgspec
import typer

from kiosk.commands import say
from kiosk.vend.money import plain

if TYPE_CHECKING:
    from kiosk.devices.card.probe import Finding

card_app = typer.Typer(help="The card reader and the card in it.", no_args_is_help=True)

OK, REFUSED, MISSING = 0, 1, 3
EXPONENT = 2  # a user card counts hundredths, whatever the kiosk's currency

NAMES = {
    "none": "no card",
    "electricity": "an electricity card",
    "unissued": "an electricity card that was never issued",
    "boot": "a PIV card, which can be a boot card",
    "other": "a card of another kind: no layout fits it",
    "mute": "a card that does not answer. Is it the right way up?",
    "unknown": "a card whose answer to reset makes no sense",
    "torn": "a card that broke off in the middle. Put it in again",
    "gone": "a card that was pulled while it was read. Put it in again",
    "busy": "a card that another program holds. Stop the kiosk, or scdaemon, and ask again",
}
WHY = {
    "service": "The smart-card service does not answer. Start it: systemctl start pcscd",
    "access": "This user may not use card readers. Install the kiosk's polkit rule, or run this as the kiosk's user.",
    "reader": "pyscard is not installed. Install kiosk[pcsc].",
}


@card_app.callback()
def card() -> None:
    """The card reader and the card in it."""


@card_app.command()
def probe(
    reader: Annotated[str, typer.Option(help="A part of the reader's name, or a shell pattern.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="A JSON list, one object a reader.")] = False,
) -> None:
    """Say what each card is and which layout fits it. Nothing is written, no key and no PIN is tried.

    Example: kiosk card probe --reader "ACR39U"

    Exit codes: 0 a layout fits each card that is in; 1 there is no card, or one that no layout fits; 3 no reader or no service.
    """
    from kiosk.devices.card.apdu import ReaderError
    from kiosk.devices.card.probe import probe as look
    from kiosk.devices.profiles import ProfileError, every
    from kiosk.devices.vault.demo import DemoVault

    try:
        found = look(reader, every(), DemoVault())
    except ProfileError as error:
        _end(f"A card profile cannot be used: {error}", MISSING)
    except ReaderError as error:
        _end(WHY.get(error.why, f"The card reader cannot be used: {error}."), MISSING)
    if not found:
        _end(f"No card reader is called {reader!r}." if reader else "No card reader is connected.", MISSING)
    say(msgspec.json.encode(found) if as_json else "\n".join(told(finding) for finding in found))
    cards = [finding for finding in found if finding.card != "none"]
    raise typer.Exit(OK if cards and all(finding.profile or finding.card == "boot" for finding in cards) else REFUSED)


def told(found: "Finding") -> str:
    """A few lines for a person."""
    lines = [f"{found.reader}: {NAMES.get(found.card, found.card)}"]
    if found.atr:
        lines.append(f"  answer to reset {found.atr} {found.protocol}")
    if found.profile:
        lines.append(f"  layout {found.profile}")
    if found.serial and found.amount_minor is not None:
        lines += [
            f"  serial {found.serial}" + ("" if found.serial_in_atr else ", which the answer to reset does not repeat"),
            "  a simulated card: the public test keys fit" if found.proved else "  read, not checked: its keys are not here",
            f"  meter {found.meter}, customer {found.customer}",
            f"  wallet {plain(found.amount_minor, EXPONENT)}, purchase {found.count}; return file {found.returned}",
        ]
    if found.balance_minor is not None:
        lines.append(f"  left in the meter {plain(found.balance_minor, EXPONENT)}, {found.balance_at}")
    return "\n".join(lines)


def _end(sentence: str, code: int) -> NoReturn:
    say(sentence, err=True)
    raise typer.Exit(code)
