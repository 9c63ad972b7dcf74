"""`kiosk reset`: end a store's life, when the head office has everything of it on two sites, and never before."""

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kiosk.commands import EXIT_DAMAGED, EXIT_MISSING, EXIT_REFUSED, EXIT_USAGE, ended, say

if TYPE_CHECKING:
    from kiosk.config import Config
    from kiosk.vend.state import State


def reset(
    config: Annotated[Path | None, typer.Option("--config", help="kiosk.toml")] = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this only what stands in the way is said.")] = False,
) -> None:
    """Delete the journal, the keys and the spool of a kiosk that is to be set up anew, under a new id. kiosk.toml stays.

    Refused while a row is not acknowledged, a batch is not in the head office's backup, or a customer's money is open. Exit codes: 0 done;
    1 refused; 2 wrong call or configuration; 3 a kiosk runs; 4 the store is damaged: keep it as it is. Example: kiosk reset --yes
    """
    from kiosk.config import ConfigError, config_path, load
    from kiosk.devices.vault.station import StationError
    from kiosk.vend.store import StoreDamaged, StoreError, take_lock

    try:
        loaded = load(config or config_path())
        if not loaded.store.path.is_file():
            raise ended(f"There is no journal at {loaded.store.path}.", EXIT_MISSING)
        lock = take_lock(loaded.store.path)
        try:
            why = in_the_way(_state(loaded))
            if why:
                raise ended(why, EXIT_REFUSED)
            if yes:
                _delete(loaded)
        finally:
            os.close(lock)
    except (ConfigError, StationError) as error:
        raise ended(str(error), EXIT_USAGE) from None
    except OSError as error:
        raise ended(f"The store cannot be deleted: {error.strerror}.", EXIT_MISSING) from None
    except StoreError as error:
        raise ended(str(error), EXIT_DAMAGED if isinstance(error, StoreDamaged) else EXIT_MISSING) from None
    say("It is deleted; kiosk init makes a new one, under a new id." if yes else "Nothing stands in the way: kiosk reset --yes.")


def in_the_way(state: "State") -> str:
    """Why this store may not be deleted, in one sentence; "" where it may."""
    sent = state.sent
    if state.sale is not None:
        return "A sale is open: its customer's money is in this machine."
    if state.claims:
        return f"{len(state.claims)} claims are open: this journal proves them. The head office settles them first."
    if sent.unsent_rows and sent.news > 1:  # the first row only says that the store was made
        carry = "kiosk sync now, or kiosk sync export DIR and its answer back"
        return f"{sent.unsent_rows} rows are not acknowledged by the head office: {carry}."
    if sent.acked.durable < sent.batch:
        return f"The batches from {sent.acked.durable + 1} to {sent.batch} are not in the head office's backup on another site yet."
    return ""


def _state(config: "Config") -> "State":
    from kiosk.core import machine_of, rules_of
    from kiosk.devices.vault.station import open_station
    from kiosk.vend.desk import recover
    from kiosk.vend.journal import Journal

    station = open_station(config.store.station)
    with Journal.open(config.store.path, station.database_key(), create=False, read_only=True) as journal:
        return recover(journal, machine_of(rules_of(config)))


def _delete(config: "Config") -> None:
    """The keys first: what is left when the plug is pulled now is a machine that cannot sell."""
    from kiosk.sending import spool_folder

    store = config.store
    for folder in (config.keys_folder(), spool_folder(config), store.path.parent / "batches"):
        shutil.rmtree(folder, ignore_errors=True)
    for path in (*sorted(store.path.parent.glob(f"{store.path.name}*")), store.station, *((store.mark,) if store.mark else ())):
        path.unlink(missing_ok=True)
