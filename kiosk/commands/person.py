"""`kiosk person`: somebody at the machine wants to be reached about a sale, or to be forgotten.

What is said comes from a file or is typed, never an argument, which every process could see. Exit codes: 0 done, 1 refused, 2 wrong call or
configuration, 3 no kiosk runs here.
"""

import sys
from pathlib import Path
from typing import Annotated

import typer

from kiosk.commands import EXIT_USAGE, ended
from kiosk.commands.boot import Config, asked

person_app = typer.Typer(no_args_is_help=True, help="Who may be reached about a sale, and who is to be forgotten.")

FILE_MAX = 4096
SaidIn = Annotated[Path | None, typer.Option("--file", help="TOML with name, phone, address; typed if left out.")]


@person_app.command("keep", epilog="Example: kiosk person keep 5f0c2a9be1d34477 --days 30")
def keep(
    sale: Annotated[str, typer.Argument(help="The sale, 16 hex digits: kiosk explain finds it.")],
    file: SaidIn = None,
    config: Config = None,
    *,
    days: Annotated[int, typer.Option(min=1, max=366, help="For how long.")] = 90,
) -> None:
    """Keep name, phone or address of whoever paid, apart from the journal; prints the reference that stands in the journal instead."""
    import msgspec

    from kiosk.control import Person

    try:
        word = msgspec.convert({"do": "person", "sale": sale, "details": said(file), "days": days}, Person)
    except msgspec.ValidationError:
        raise ended(
            "A sale is 16 hex digits, and a person has a name, a phone or an address of at most 400 characters.", EXIT_USAGE
        ) from None
    asked(config, word)


@person_app.command("forget", epilog="Example: kiosk person forget 9a64be1c20d7f358")
def forget(subject: Annotated[str, typer.Argument(help="The reference, 16 hex digits.")], config: Config = None) -> None:
    """Erase whoever stands behind a reference. The journal and its sums stay as they are."""
    import msgspec

    from kiosk.control import Forget

    try:
        word = msgspec.convert({"do": "forget", "subject": subject}, Forget)
    except msgspec.ValidationError:
        raise ended("A reference is 16 hex digits.", EXIT_USAGE) from None
    asked(config, word)


def said(file: Path | None) -> dict[str, str]:
    """What is known of somebody: of a file, or asked for at the terminal."""
    if file is None:
        if not sys.stdin.isatty():
            raise ended("There is no terminal to ask at; put it into a file and name it with --file.", EXIT_USAGE)
        told = {kind: typer.prompt(kind, default="", show_default=False, err=True).strip() for kind in ("name", "phone", "address")}
        return {kind: text for kind, text in told.items() if text}
    import tomllib

    try:
        with file.open("rb") as opened:
            found = tomllib.loads(opened.read(FILE_MAX).decode())
    except OSError as error:
        raise ended(f"{file} cannot be read: {error.strerror}.", EXIT_USAGE) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        found = None  # said outside of the handler: the cause quotes what was read
    if found is None or not all(isinstance(text, str) for text in found.values()):
        raise ended(f'{file} says a person like this: name = "Kofi Owusu"', EXIT_USAGE)
    return found
