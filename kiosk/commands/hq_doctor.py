"""`kiosk hq doctor`: what other users of this machine can reach of the office."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from kiosk.commands import EXIT_REFUSED, say
from kiosk.commands.hq import Folder
from kiosk.commands.hq_store import AsJson, opened_office


def doctor(
    office: Folder,
    *,
    also: Annotated[list[Path] | None, typer.Option("--also", help="Another folder of the office: its backups, its other site.")] = None,
    json: AsJson = False,
) -> None:
    """Name every path of the office that is open to other users of this machine, and what to do. It changes nothing.

    Exit codes: 0 there is none; 1 there is one, or no office.
    """
    from kiosk.commands.openness import openness

    lines = [line for top in (opened_office(office).folder, *(also or [])) for line in openness(top)]
    for line in lines:
        say(msgspec.json.encode(line) if json else str(line))
    raise typer.Exit(EXIT_REFUSED if any(line.level != "OK" for line in lines) else 0)


def join(hq_app: typer.Typer) -> None:
    """This command, in the group `kiosk hq`."""
    hq_app.command("doctor", epilog="Example: kiosk hq doctor --office /srv/office --also /backup")(doctor)
