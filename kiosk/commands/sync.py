"""`kiosk sync`: the post from and to the head office, by hand.

Exit codes: 0 done, 1 refused, or nothing of what was there, 2 wrong call or configuration, 3 a part is missing, 75 try again.
"""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from kiosk.commands import EXIT_DAMAGED, EXIT_MISSING, EXIT_REFUSED, EXIT_USAGE, ended, say

if TYPE_CHECKING:
    from kiosk.config import Config
    from kiosk.sync.spool import Spool
    from kiosk.sync.standing import Standing

EXIT_AGAIN = 75
SEAL_S = 15.0  # for a core that runs to seal its newest rows
ROUND_S = 120.0  # for a courier that runs to make its round

AnyConfig = Annotated[Path | None, typer.Option("--config", help="kiosk.toml")]
sync_app = typer.Typer(no_args_is_help=True, help="Post from and to the head office.")


@sync_app.command("import", epilog="Example: kiosk sync import /media/stick")
def take_in(
    bag: Annotated[Path, typer.Argument(help="The stick or directory with downlink/all and downlink/KIOSK.")],
    config: AnyConfig = None,
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
        acks = _acknowledgements(loaded, bag)
        try:
            said: Iterable[str] = ask(loaded.keys_folder() / "control", Import(str(bag.absolute()))).say
        except OSError:
            said = _by_ourselves(loaded, bag)
        lines = [*acks, *said]
    except (ConfigError, StationError) as error:
        raise ended(str(error), EXIT_USAGE) from None
    except StoreError as error:
        raise ended(str(error), EXIT_DAMAGED if isinstance(error, StoreDamaged) else EXIT_MISSING) from None
    for line in lines or ["There is nothing for this kiosk."]:
        say(line)
    if lines and not any(line.partition(": ")[2].startswith(("installed.", "here.")) for line in lines):
        raise typer.Exit(EXIT_REFUSED)


def _by_ourselves(config: "Config", bag: Path) -> list[str]:
    """No core runs: its journal and its desk are ours for the moment. Raises StationError, StoreError.

    What is installed would hide that the disk was put back: so the witnesses are asked first, as at every start.
    """
    from kiosk.core import machine_of, rules_of, vault_limits
    from kiosk.devices.vault.station import open_station
    from kiosk.keeping import Keeping, heights
    from kiosk.vend import witness
    from kiosk.vend.desk import Desk, SystemClock, recover
    from kiosk.vend.journal import Journal

    station = open_station(config.store.station)
    journal = Journal.open(config.store.path, station.database_key(), create=False)
    machine = machine_of(rules_of(config))
    state = recover(journal, machine)
    desk = Desk(machine, state, journal, station, SystemClock(journal.next_boot()))
    put_back = witness.found(witness.rows(state.seq, state.trust, heights(config, station, journal)))
    if put_back and not state.witness.restored:
        desk.record((put_back,))
        say(f"This disk was put back: {put_back.witness} knows more than the journal. No money is taken here any more.", err=True)
    keeping = Keeping(config, desk, station, vault_limits(config))
    desk.start()
    keeping.start()
    said = list(keeping.take_in(bag))
    desk.stop()
    journal.close()
    return said


def _acknowledgements(config: "Config", bag: Path) -> list[str]:
    """Into the spool, where the core looks for them, at once or when it starts."""
    from kiosk.sync.stick import bring

    done = bring(_spool(config), bag, acks_only=True)
    return [line for line in done.says if line.startswith("ack-")]


# ---------------------------------------------------------------- up


@sync_app.command("export", epilog="Example: kiosk sync export /media/stick")
def export(
    bag: Annotated[Path, typer.Argument(help="The stick or directory that goes to the head office.")], config: AnyConfig = None
) -> None:
    """Copy every batch that waits onto a stick; it may be pulled when this ends. The batches go on waiting for their acknowledgement."""
    from kiosk.sync.stick import export as copied

    loaded = _loaded(config)
    spool = _spool(loaded)
    if not _sealed(loaded, spool):
        say("No kiosk runs: only what it has sealed already can be copied.", err=True)
    done = copied(spool, bag)
    for line in done.says:
        say(line)
    if not done.ok:
        raise typer.Exit(EXIT_REFUSED)


@sync_app.command("now", epilog="Example: kiosk sync now")
def now(config: AnyConfig = None) -> None:
    """Carry what waits, and fetch what is there, by every way that is configured; then how they stand, as `kiosk sync status`."""
    from kiosk.sync.courier import Courier
    from kiosk.sync.folder import FolderError
    from kiosk.sync.spool import SpoolBusy

    loaded = _loaded(config)
    if not (loaded.sync.url or loaded.sync.sftp):
        raise ended("No way to the head office is configured: [sync] url or sftp.", EXIT_USAGE)
    spool = _spool(loaded)
    _sealed(loaded, spool)
    try:
        with spool.carrying():
            import asyncio

            from kiosk.sending import courier_plan

            standing: Standing | None = asyncio.run(Courier(courier_plan(loaded)).once())
    except SpoolBusy:
        standing = _round_of_another(spool)
    except FolderError as error:
        raise ended(str(error), EXIT_MISSING) from None
    _show(loaded, spool, standing)
    if standing is None or any(way.why for way in standing.ways.values()):
        raise typer.Exit(EXIT_AGAIN)


def _round_of_another(spool: "Spool") -> "Standing | None":
    """The courier that runs is asked; None where it did not answer in time."""
    from kiosk.sync.standing import told

    began_ms = time.time_ns() // 1_000_000
    spool.ask("now")
    over_s = time.monotonic() + ROUND_S
    while time.monotonic() < over_s:
        standing = told(spool)
        if standing and standing.ways and all(way.tried_ms >= began_ms for way in standing.ways.values()):
            return standing
        time.sleep(0.2)
    return None


def _sealed(config: "Config", spool: "Spool") -> bool:
    """The core seals its newest rows, if one runs; False where none took notice."""
    if not (config.keys_folder() / "control").exists():
        return False
    from kiosk.sync.counter import waits

    spool.ask_to_seal()
    return waits(lambda: not spool.wants_seal(), SEAL_S)


# ---------------------------------------------------------------- the queue


@sync_app.command("status", epilog="Example: kiosk sync status --json")
def status(config: AnyConfig = None, *, json: Annotated[bool, typer.Option("--json", help="JSON on standard output.")] = False) -> None:
    """The queue: how many batches and how much money the head office has not acknowledged, since when and why; and how each way stands."""
    from kiosk.sync.standing import told

    loaded = _loaded(config)
    spool = _spool(loaded)
    _show(loaded, spool, told(spool), json=json)


def _show(config: "Config", spool: "Spool", standing: "Standing | None", *, json: bool = False) -> None:
    from kiosk.sync.standing import queue

    lines, (minor, rows) = queue(spool.waiting(), standing), _unsent(config)
    if json:
        said = {
            "batches": lines, "unsent_minor": minor, "unsent_rows": rows, "ways": standing.ways if standing else {},
            "stick": standing.stick if standing else None, "trouble": spool.trouble(),
        }  # fmt: skip
        say(msgspec.json.encode(said))
        return
    amount = "an unknown amount" if minor is None else f"{minor / 100:.2f}"
    since = f", the oldest since {_day(lines[0].since_ms)}" if lines else ""
    say(f"{len(lines)} batches wait{since}. Not acknowledged: {amount}, {'?' if rows is None else rows} rows.")
    for line in lines[:50]:
        say(f"{line.seq:08d}  {line.state:<8} {line.size:>8} bytes  since {_day(line.since_ms)}{'  ' + line.why if line.why else ''}")
    for name, way in (standing.ways if standing else {}).items():
        worked = f"worked at {_day(way.worked_ms)}" if way.worked_ms else "never worked"
        say(f"{name}: {worked}{'; ' + way.why if way.why else ''}")
    if trouble := spool.trouble():
        say(f"the core: {trouble}")


def _unsent(config: "Config") -> tuple[int | None, int | None]:
    """(minor units, rows), by the journal; (None, None) where it cannot be read now."""
    from kiosk.core import machine_of, rules_of
    from kiosk.devices.vault.station import StationError, open_station
    from kiosk.vend.desk import recover
    from kiosk.vend.journal import Journal
    from kiosk.vend.store import StoreError

    try:
        station = open_station(config.store.station)
        with Journal.open(config.store.path, station.database_key(), create=False, read_only=True) as journal:
            sent = recover(journal, machine_of(rules_of(config))).sent
    except (StationError, StoreError):
        return None, None
    return sent.unsent_minor, sent.unsent_rows


def _day(moment_ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.gmtime(moment_ms / 1000)) + "Z"


# ---------------------------------------------------------------- the courier


@sync_app.command("run", epilog="Example: kiosk sync run")
def run(config: AnyConfig = None) -> None:
    """Be the courier, for a service manager that starts it apart from the core ([sync] service = true). Sees the spool and the network."""
    import asyncio

    from kiosk.sending import courier_plan
    from kiosk.sync.courier import Courier
    from kiosk.sync.folder import FolderError
    from kiosk.sync.spool import SpoolBusy

    loaded = _loaded(config)
    try:
        courier = Courier(courier_plan(loaded))
        with courier.spool.carrying():
            asyncio.run(courier.run())
    except (SpoolBusy, FolderError) as error:
        raise ended(str(error), EXIT_AGAIN) from None
    except KeyboardInterrupt:
        return


def _loaded(config: Path | None) -> "Config":
    from kiosk.config import ConfigError, config_path, load

    try:
        return load(config or config_path())
    except ConfigError as error:
        raise ended(str(error), EXIT_USAGE) from None


def _spool(config: "Config") -> "Spool":
    from kiosk.sending import spool_folder
    from kiosk.sync.folder import FolderError
    from kiosk.sync.spool import Spool

    try:
        return Spool(spool_folder(config), config.kiosk.id).made()
    except FolderError as error:
        raise ended(str(error), EXIT_MISSING) from None
