"""`kiosk backup` and `kiosk restore`: the journal on a second medium, proved; and a store that is put back, which takes no more money."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from kiosk.commands import EXIT_DAMAGED, EXIT_MISSING, EXIT_REFUSED, EXIT_USAGE, ended, say

if TYPE_CHECKING:
    from kiosk.config import Config
    from kiosk.devices.vault.station import FileStation

Configured = Annotated[Path | None, typer.Option("--config", help="kiosk.toml")]


def backup(
    medium: Annotated[Path | None, typer.Argument(help="A folder on another medium; that of [store] backup if left out.")] = None,
    config: Configured = None,
    *,
    keep: Annotated[int, typer.Option(min=1, max=10_000, help="How many of them stay there.")] = 7,
    json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False,
) -> None:
    """Copy the journal beside a running kiosk, and prove the copy by restoring it. For every night.

    Exit codes: 0 it is proved; 1 refused; 2 wrong call or configuration; 3 the store is not there; 4 the store is damaged.
    Example: kiosk backup /media/backup
    """
    from kiosk.backup import back_up
    from kiosk.sync.backup import BackupRefused
    from kiosk.vend.store import StoreDamaged, StoreError

    loaded, station = _both(config)
    place = medium or loaded.store.backup
    if place is None:
        raise ended("Name a folder on another medium, here or as backup in [store].", EXIT_USAGE)
    try:
        made, sums, gone = back_up(loaded, station, place, now_ms=_now_ms(), keep=keep)
    except BackupRefused as error:
        raise ended(str(error), EXIT_REFUSED) from None
    except StoreError as error:
        raise ended(str(error), EXIT_DAMAGED if isinstance(error, StoreDamaged) else EXIT_MISSING) from None
    except OSError as error:
        raise ended(f"The disk of the store does not take the proof: {error.strerror}.", EXIT_REFUSED) from None
    if json:
        say(msgspec.json.encode({"backup": str(made.folder), "gone": gone, **msgspec.to_builtins(sums)}))
    else:
        say(f"{made.folder}: {sums.rows} rows, {sums.totals.sales} sales, restored and the same. Head {sums.head}")


def restore(
    folder: Annotated[Path, typer.Argument(help="The backup.")],
    config: Configured = None,
    *,
    over: Annotated[str, typer.Option("--over", help="The word of the store that is there; it is put aside, and never deleted.")] = "",
) -> None:
    """Put a backup in the place of a lost store. It is read, shown and settled; it takes no money, and a new store gets a new id.

    Exit codes: 0 done; 1 refused, and nothing is changed; 2 wrong call or configuration; 3 a kiosk runs. Example: kiosk restore
    /media/backup/K07-9f3c01d2-0000001207
    """
    from kiosk import backup as room
    from kiosk.sync.backup import BackupRefused
    from kiosk.vend.store import StoreError

    loaded, station = _both(config)
    try:
        sums, aside, saved = room.restore(loaded, station, folder, over=over, now_ms=_now_ms())
    except BackupRefused as error:
        raise ended(str(error), EXIT_REFUSED) from None
    except StoreError as error:
        raise ended(str(error), EXIT_MISSING) from None
    except OSError as error:
        raise ended(f"The disk does not take it: {error.strerror}.", EXIT_REFUSED) from None
    say(f"{sums.rows} rows, {sums.totals.sales} sales are back, each as it was written. This store takes no more money.")
    if aside:
        say(f"The store that was here is {aside}.")
    if saved:
        say(f"{saved} batches were waiting: take {loaded.store.path}.mail to the head office, a mail bag.")


def _both(config: Path | None) -> "tuple[Config, FileStation]":
    from kiosk.config import ConfigError, config_path, load
    from kiosk.devices.vault.station import StationError, open_station

    try:
        loaded = load(config or config_path())
        return loaded, open_station(loaded.store.station)
    except (ConfigError, StationError) as error:
        raise ended(str(error), EXIT_USAGE) from None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
