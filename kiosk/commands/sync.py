"""`kiosk sync`: take in what the head office sent.

Exit codes: 0 done, 1 nothing could be installed though something was there, 2 wrong call or configuration, 3 a part is missing.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kiosk.commands import EXIT_DAMAGED, EXIT_MISSING, EXIT_REFUSED, EXIT_USAGE, ended

if TYPE_CHECKING:
    from kiosk.config import Config

sync_app = typer.Typer(no_args_is_help=True, help="Post from and to the head office.")
sync_app.callback()(lambda: None)  # one command alone would take the group's name


@sync_app.command("import", epilog="Example: kiosk sync import /media/stick")
def take_in(
    bag: Annotated[Path, typer.Argument(help="The stick or directory with downlink/all and downlink/KIOSK.")],
    config: Annotated[Path | None, typer.Option("--config", help="kiosk.toml")] = None,
) -> None:
    """Install store, roster, float, hotlist, limits and keys, each if it is signed, for this kiosk, and newer; one line a file."""
    from kiosk.config import ConfigError, config_path, load
    from kiosk.control import Import, ask
    from kiosk.devices.vault.station import StationError
    from kiosk.vend.store import StoreDamaged, StoreError

    if not (bag / "downlink").is_dir():
        raise ended(f"{bag} has no directory downlink.", EXIT_USAGE)
    try:
        loaded = load(config or config_path())
        try:
            said: Iterable[str] = ask(loaded.keys_folder() / "control", Import(str(bag.absolute()))).say
        except OSError:
            said = _by_ourselves(loaded, bag)
        lines = list(said)
    except (ConfigError, StationError) as error:
        raise ended(str(error), EXIT_USAGE) from None
    except StoreError as error:
        raise ended(str(error), EXIT_DAMAGED if isinstance(error, StoreDamaged) else EXIT_MISSING) from None
    for line in lines or ["There is nothing for this kiosk."]:
        typer.echo(line)
    if lines and not any(": installed." in line for line in lines):
        raise typer.Exit(EXIT_REFUSED)


def _by_ourselves(config: "Config", bag: Path) -> list[str]:
    """No core runs: its journal and its desk are ours for the moment. Raises StationError, StoreError."""
    from kiosk.core import machine_of, rules_of, vault_limits
    from kiosk.devices.vault.station import open_station
    from kiosk.keeping import Keeping
    from kiosk.vend.desk import Desk, SystemClock, recover
    from kiosk.vend.journal import Journal

    station = open_station(config.store.station)
    journal = Journal.open(config.store.path, station.database_key(), create=False)
    machine = machine_of(rules_of(config))
    desk = Desk(machine, recover(journal, machine), journal, station, SystemClock(journal.next_boot()))
    keeping = Keeping(config, desk, station, vault_limits())
    desk.start()
    keeping.start()
    said = list(keeping.take_in(bag))
    desk.stop()
    journal.close()
    return said
