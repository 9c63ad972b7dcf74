"""`kiosk boot`: the trading keys of a running kiosk: open them with the boot card, end them, say how they stand.

Exit codes: 0 done, 1 refused (the sentence says why), 2 wrong call or configuration, 3 no kiosk runs here.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kiosk.commands import EXIT_MISSING, EXIT_REFUSED, EXIT_USAGE, asking, ended, say

if TYPE_CHECKING:
    from kiosk.control import Words

boot_app = typer.Typer(no_args_is_help=True, help="The trading keys, which a boot card opens.")

Config = Annotated[Path | None, typer.Option("--config", help="kiosk.toml")]
PinFile = Annotated[
    Path | None, typer.Option("--secret-file", help="The PIN in the first line of this file; else typed, or standard input.")
]


@boot_app.command("unlock", epilog="Example: kiosk boot unlock")
def unlock(
    config: Config = None,
    secret_file: PinFile = None,
    *,
    last_try: Annotated[bool, typer.Option("--last-try", help="Show the PIN though the card has only one try left.")] = False,
) -> None:
    """Open the trading store with the boot card in its reader. Take the card out again afterwards."""
    from kiosk.control import Unlock

    asked(config, Unlock(last_try), bytearray(asking.pin(secret_file), "utf-8"))


@boot_app.command("lock", epilog="Example: kiosk boot lock")
def lock(config: Config = None) -> None:
    """End the trading keys: from now on no money is taken and nothing is written to a card."""
    from kiosk.control import Lock

    asked(config, Lock())


@boot_app.command("status", epilog="Example: kiosk boot status")
def status(config: Config = None) -> None:
    """How keys, store, lists and floats stand."""
    from kiosk.control import Status

    asked(config, Status())


@boot_app.command("tamper", epilog="Example: kiosk boot tamper door")
def tamper(where: Annotated[str, typer.Argument(help="Which input: door, loop.")], config: Config = None) -> None:
    """Tell the core that a door or tamper loop opened without leave: it deletes the trading store. For the input's own program."""
    from kiosk.control import Tamper

    asked(config, Tamper(where))


def asked(config: Path | None, word: "Words", pin: bytearray | None = None) -> None:
    """What the running kiosk answers, printed. Ends with an exit code where it refuses, or where none runs."""
    from kiosk.config import ConfigError, config_path, load
    from kiosk.control import ask

    try:
        said = ask(load(config or config_path()).keys_folder() / "control", word, pin)
    except ConfigError as error:
        raise ended(str(error), EXIT_USAGE) from None
    except OSError:
        raise ended("No kiosk that keeps trading keys runs here.", EXIT_MISSING) from None
    for sentence in said.say:
        say(sentence, err=not said.ok)
    if not said.ok:
        raise typer.Exit(EXIT_REFUSED)
