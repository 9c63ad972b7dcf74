"""Passphrases and PINs: from a file that only its owner can read, or typed; never an argument, which every process could see."""

import sys
from pathlib import Path

import typer

from kiosk.commands import EXIT_USAGE, ended

SECRET_MAX = 1024


def secret(file: Path | None, what: str, *, new: bool = False) -> str:
    """The first line of the file, or what is typed at a terminal."""
    if file is None:
        if not sys.stdin.isatty():
            raise ended(f"{what}: there is no terminal to ask at; put it into a file and name it with --secret-file.", EXIT_USAGE)
        typed: str = typer.prompt(what, hide_input=True, confirmation_prompt=new, err=True)
        return typed
    return in_file(file)


def pin(file: Path | None) -> str:
    """The same, and where there is neither a file nor a terminal the first line of standard input."""
    if file is None and not sys.stdin.isatty():
        return sys.stdin.readline(SECRET_MAX).rstrip("\n")
    return secret(file, "PIN of the boot card")


def in_file(file: Path) -> str:
    """Its first line."""
    from kiosk import safefile

    try:
        return safefile.read(file, SECRET_MAX).decode().split("\n", 1)[0]
    except FileNotFoundError:
        why = "is not there"
    except safefile.UnsafeFile as error:
        why = str(error)
    except UnicodeDecodeError:
        why = "is not text"
    raise ended(f"The file {file} {why}.", EXIT_USAGE)
