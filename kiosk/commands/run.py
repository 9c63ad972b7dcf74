"""`kiosk init` and `kiosk run`: make a machine's stores, and be the machine."""

from pathlib import Path
from typing import Annotated

import typer

from kiosk.commands import EXIT_USAGE, ended, say
from kiosk.commands.running import CannotRun, be

FIRST_CONFIG = """# What this machine is. `kiosk doctor` checks it; an unknown key is an error.
[kiosk]
id = "{id}"
utility = 1
region = 1
currency = "CNY"
zone = "+0800"
languages = ["en", "zh", "fr", "sw"]
demo = true          # public test keys: for simulated cards only

[store]
path = "{folder}/store.db"
station = "{folder}/station.json"

[card]
reader = ""          # a part of the reader's name; empty takes the first

[tariff]             # what is in force until the head office sends a tariff
# debts = {{ "000098765432" = 500 }}    # what customers still owe, in minor units, by customer number
# debts_at = "{id}"                     # the one kiosk that recovers them: at two kiosks a debt would be taken twice
"""


def init(
    folder: Annotated[Path, typer.Argument(help="where the machine keeps its stores")],
    kiosk: Annotated[str, typer.Option("--id", help="the kiosk's id, never used again for another store")] = "K01",
) -> None:
    """Make a kiosk's folder: kiosk.toml, the station store and an empty journal. Example: kiosk init /var/lib/kiosk --id K07.

    A lost journal is never made anew under the same id: that store's life is over, and head office closes it.
    """
    from kiosk import safefile
    from kiosk.config import DEVICES
    from kiosk.devices.vault.station import StationError, create_station
    from kiosk.vend.journal import Journal
    from kiosk.vend.store import StoreError

    try:
        safefile.folder(folder)
        folder.chmod(0o700)
        station = create_station(folder / "station.json")
        Journal.open(folder / "store.db", station.database_key()).close()
        config = folder / "kiosk.toml"
        if not config.exists():
            safefile.write(config, (FIRST_CONFIG + DEVICES).format(id=kiosk, folder=folder.absolute()).encode())
    except (StationError, StoreError) as error:
        raise ended(str(error), EXIT_USAGE) from None
    except OSError as error:
        raise ended(f"Cannot make {folder}: {error.strerror}.", EXIT_USAGE) from None
    say(f"{kiosk}: station key {station.public_key.hex()}, box key {station.box_key.hex()}, configuration {folder / 'kiosk.toml'}")


def run(
    config: Annotated[str, typer.Option("--config", metavar="<path>", help="kiosk.toml")] = "",
    core: Annotated[str, typer.Option("--core", metavar="<path>", help="be the core only, and offer this socket to a screen")] = "",
    screen: Annotated[str, typer.Option("--screen", metavar="<path>", help="be the screen only, of the core behind this socket")] = "",
    palette: Annotated[str, typer.Option("--palette", help="auto, true, ansi or contrast")] = "auto",
    sound: Annotated[str, typer.Option("--sound", help="auto (as configured), off or bell")] = "auto",
) -> None:
    """Be the kiosk: the core, the screen, or both in one. Example: kiosk run --config /var/lib/kiosk/kiosk.toml."""
    try:
        code = be(config=config, core=core, screen=screen, palette=palette, sound=sound)
    except CannotRun as why:
        raise ended(str(why), why.code) from None
    raise typer.Exit(code)
