"""`kiosk sim all`: a whole simulated machine for a kiosk.toml, so that `kiosk run` beside it is the production program."""

import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kiosk.commands import EXIT_MISSING, EXIT_USAGE, ended, say, until

if TYPE_CHECKING:
    from kiosk.config import Config
    from kiosk.devices.sim.fleet import Fleet
    from kiosk.devices.sim.pcscd import Pcscd
    from kiosk.devices.sim.vpcd import Hand

METER, CUSTOMER = "000000000001", "000090000001"


def simulate_all(
    config: Annotated[
        Path | None, typer.Option("--config", help="kiosk.toml: every [[device]] of it is played at the port it names")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="what devices remember, papers, card and meter; sim beside the file if left out")
    ] = None,
    control: Annotated[Path | None, typer.Option(help="the control socket; FOLDER/control if left out")] = None,
    *,
    card: Annotated[Path | None, typer.Option(help="the customer's card; a new one for meter 1 if left out")] = None,
    no_card: Annotated[bool, typer.Option("--no-card", help="no card and no reader")] = False,
) -> None:
    """Play every device of a machine until Ctrl-C or the order quit; start `kiosk run` with the same file in another window.

    Example: kiosk sim all --config k07/kiosk.toml, then
    kiosk sim tell k07/sim/control card insert_card, then
    kiosk sim tell k07/sim/control notes insert_note value_minor=10000

    The card goes through pcscd and vpcd: a pcscd that serves them is used, otherwise one is started, as root. Demo keys only.
    Exit codes: 2 the file is wrong; 3 a port, a socket or the reader cannot be had.
    """
    from kiosk.config import ConfigError, config_path, load
    from kiosk.devices.sim.fleet import Fleet, Seat

    where = config or config_path()
    try:
        loaded = load(where)
    except ConfigError as error:
        raise ended(str(error), EXIT_USAGE) from None
    place = folder or where.absolute().parent / "sim"
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ended(f"The folder {place} cannot be made: {error.strerror}.", EXIT_MISSING) from None
    seats = tuple(Seat(part.role, part.protocol, part.port, place, part.serial, part.options) for part in loaded.device)
    daemon = None if no_card else _reader(place)
    try:
        fleet = Fleet(seats, control or place / "control", None if no_card else _hand(loaded, place, card))
        _play(fleet, place, control)
    finally:
        if daemon:
            daemon.give()


def _play(fleet: "Fleet", place: Path, control: Path | None) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: fleet.finished.set())
    try:
        fleet.start()
    except OSError as error:
        what = f": {error.filename}" if error.filename else ""
        raise ended(f"The simulated machine cannot start: {error.strerror or error}{what}.", EXIT_MISSING) from None
    try:
        for name in fleet.without:
            say(f"Nobody simulates {name}: the kiosk finds what is really there.", err=True)
        say(f"The simulated machine is there; its control socket is {control or place / 'control'}.", err=True)
        until(fleet.finished)
    finally:
        fleet.stop()


def _reader(place: Path) -> "Pcscd | None":
    """A pcscd with a virtual reader: one that runs already is left to whoever started it."""
    from kiosk.devices.sim.pcscd import Pcscd, possible, serving

    if serving():
        return None
    daemon = Pcscd(place)
    if not possible():
        raise ended("There is no virtual reader: it takes root, pcscd, vpcd and pyscard; or say --no-card.", EXIT_MISSING)
    if not daemon.take(wait=False):
        raise ended("Somebody else's pcscd is starting or runs without a virtual reader; end it, or say --no-card.", EXIT_MISSING)
    try:
        daemon.start()
    except RuntimeError as error:
        daemon.give()
        raise ended(str(error), EXIT_MISSING) from None
    return daemon


def _hand(config: "Config", place: Path, card: Path | None) -> "Hand":
    """A customer with a card and the meter at home, both made when there are none."""
    import datetime as dt

    from kiosk.devices.sim import card_files, crypto, image, meter_state
    from kiosk.devices.sim.card import CardModel
    from kiosk.devices.sim.meter import MeterModel
    from kiosk.devices.sim.vpcd import FIRST_PORT, Hand, VpcdSlot

    masters = crypto.Masters.demo(config.kiosk.utility, config.kiosk.region)
    file, meter = card or place / "card.json", place / "meter.json"
    try:
        if card is None and not file.exists():
            one = card_files.Parameters(METER, CUSTOMER, flags=0x8F)
            image.save(file, image.personalise(masters, bytes.fromhex("4b10000000000001"), one))
        if card is None and not meter.exists():
            image.save(meter, meter_state.new(masters, METER, dt.datetime.now().astimezone().replace(tzinfo=None, microsecond=0)))
        home = MeterModel.open(meter) if meter.exists() else None
        return Hand(CardModel.open(file), {"reader": VpcdSlot(FIRST_PORT), "sam": VpcdSlot(FIRST_PORT + 1)}, home)
    except (image.ImageError, OSError) as error:
        raise ended(f"The card or the meter cannot be used: {error}.", EXIT_USAGE) from None
