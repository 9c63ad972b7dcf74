"""`kiosk doctor`: looks at everything that this machine needs, and says of each what it costs and what to do. It changes nothing."""

import os
import re
import resource
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from kiosk.commands import EXIT_DAMAGED, EXIT_MISSING, EXIT_USAGE, say
from kiosk.commands.findings import EXIT_ROLLED_BACK, NEW_ID, NO_MONEY, OFFICE, Line, exit_code, of_device, of_rule, worst_first

if TYPE_CHECKING:
    from kiosk.config import Config, DevicePart
    from kiosk.devices.vault.station import FileStation
    from kiosk.vend.journal import Journal
    from kiosk.vend.rules import Now, Rules
    from kiosk.vend.state import State

WATCH_S = 2.0


def doctor(
    *,
    config: Annotated[Path | None, typer.Option("--config", help="kiosk.toml")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line on standard output.")] = False,
) -> None:
    """Look at configuration, devices, store, keys, clock, disk, offline rules and yesterday's sums; the kiosk may be running.

    Example: kiosk doctor --config /var/lib/kiosk/kiosk.toml

    OK costs nothing, LOW costs something, STOP takes no money. Exit codes, of the first STOP: 0 there is none; 1 a rule or a sum;
    2 the configuration; 3 a device, store or service is missing; 4 the store is damaged; 7 the disk was put back.
    """
    found = worst_first(examined(config))
    for line in found:
        say(msgspec.json.encode(line) if json else str(line))
    raise typer.Exit(exit_code(found))


def examined(path: Path | None) -> list[Line]:
    """Everything that can be looked at; what lies behind something that is not there is left out."""
    from kiosk.config import ConfigError, config_path, load

    where = path or config_path()
    try:
        config = load(where)
    except ConfigError as error:
        return [Line("STOP", "config", str(error), NO_MONEY, "kiosk init DIR makes a first one." if not where.exists() else "", EXIT_USAGE)]
    return [
        Line("OK", "config", f"{where} is {config.kiosk.id}'s."),
        *_debts(config),
        *_machine(config),
        _memory(),
        *_mark(config),
        *_access(config),
    ]


# ---------------------------------------------------------------- the store, and what it knows


def _machine(config: "Config") -> list[Line]:
    from kiosk.devices.vault.station import StationError, open_station
    from kiosk.vend.journal import Journal
    from kiosk.vend.store import StoreDamaged, StoreError

    again = "Nothing is made anew under the same id: tell the office."
    try:
        station = open_station(config.store.station, _owner(config.store.path))
    except StationError as error:
        return [Line("STOP", "station", str(error), NO_MONEY, again, EXIT_MISSING), *_devices(config, {}, {}, running=False)]
    running = _running(config.store.path)
    try:
        with Journal.open(config.store.path, station.database_key(), create=False, read_only=True) as journal:
            return _lived(config, station, journal, running=running)
    except StoreDamaged as error:
        lines = [Line("STOP", "store", str(error), NO_MONEY, "Keep this file as it is and tell the office.", EXIT_DAMAGED)]
    except StoreError as error:
        lines = [Line("STOP", "store", str(error), NO_MONEY, again, EXIT_MISSING)]
    return [*lines, *_devices(config, {}, {}, running=running)]


def _owner(store: Path) -> int | None:
    """Whose station store it must be: the user's who asks; where that is root, the user's whose folder it is. None for the former."""
    return store.parent.stat().st_uid if os.geteuid() == 0 and store.parent.is_dir() else None


def _running(store: Path) -> bool:
    """Does a kiosk hold this store? No lock is made where there is none: it would be root's, if root asks, and no kiosk could take it."""
    from kiosk.vend.store import StoreRefused, take_lock

    if not store.exists() or not store.with_name(f"{store.name}.lock").exists():
        return False
    try:
        os.close(take_lock(store))
    except StoreRefused:
        return True
    except OSError:
        return False
    return False


def _lived(config: "Config", station: "FileStation", journal: "Journal", *, running: bool) -> list[Line]:
    """The store opens and its settings are as asked: replay, which holds each row since the last checkpoint against the chain."""
    from kiosk.core import machine_of, rules_of
    from kiosk.vend import outage
    from kiosk.vend.desk import recover
    from kiosk.vend.rules import Now

    rules = rules_of(config)
    state = recover(journal, machine_of(rules))
    now = Now(time.time_ns() // 1_000_000, time.monotonic_ns() // 1_000_000, journal.next_boot() - 1, "")
    rows = (
        f"{journal.head()[0]} rows, the last ones as they were written; {'a kiosk is running on it' if running else 'no kiosk is running'}."
    )
    return [
        Line("OK", "store", rows),
        *_witnesses(config, station, journal, state),
        *_rules(config, rules, state, now),
        *_sums(rules, journal, now),
        *_keys(config, state),
        *_devices(config, outage.lasting(state), state.till.enrolled, running=running),
    ]


def _witnesses(config: "Config", station: "FileStation", journal: "Journal", state: "State") -> list[Line]:
    """Held against the journal as the next start will do it."""
    from kiosk.keeping import heights
    from kiosk.vend import witness

    found = witness.found(witness.rows(journal.head()[0], state.trust, heights(config, station, journal)))
    if found is None or state.witness.restored:  # that one is a rule's line
        return []
    says = f"{found.witness} stands at {found.there}, and this journal at {found.here}: the disk was put back."
    return [Line("STOP", "witness", says, NO_MONEY, NEW_ID, EXIT_ROLLED_BACK)]


def _rules(config: "Config", rules: "Rules", state: "State", now: "Now") -> list[Line]:
    from kiosk.devices.disk import room
    from kiosk.vend import passing, risk
    from kiosk.vend.money import plain

    seen = room(config.store.path)
    here = msgspec.structs.replace(state.here, disk=passing.DiskSeen(seen.free, seen.total))
    found = risk.standing(rules, msgspec.structs.replace(state, here=here), now)
    lines = [of_rule(one, plain(one.value, rules.currency.exponent)) for one in found if one.name != "card_sales"]
    if not risk.office(rules, state):
        lines.append(Line("OK", "office", "There is no head office yet: nothing that only it can say is asked for."))
    if state.service.closed:
        lines.append(Line("STOP", "service", f"Staff closed this machine: {state.service.closed}.", NO_MONEY, "Staff open it again."))
    return lines


def _sums(rules: "Rules", journal: "Journal", now: "Now") -> list[Line]:
    """Rule 25, for yesterday and today."""
    from kiosk.vend.reconcile import reconciled

    lines = []
    for date in (rules.business_date(now.at_ms - 86_400_000), rules.business_date(now.at_ms)):
        odd = [pair for pair in reconciled(journal.rows(), date) if pair.difference]
        says = "; ".join(f"{pair.name} differ: {pair.one} and {pair.other}" for pair in odd) or "all sums agree"
        do = "kiosk explain each sale of that day; tell the office." if odd else ""
        lines.append(Line("LOW" if odd else "OK", "rule 25", f"{date}: {says}.", "Nothing." if odd else "", do))
    return lines


def _keys(config: "Config", state: "State") -> list[Line]:
    if config.demo_keys():
        return [Line("OK", "keys", "Public test keys: for simulated cards only.")]
    trust = state.trust
    if trust.store is None:
        why = "There is no trading store." if not trust.tamper else f"The trading store was deleted: {trust.tamper} opened."
        return [Line("STOP", "keys", why, NO_MONEY, OFFICE)]
    until = time.strftime("%Y-%m-%d", time.gmtime(trust.store.until_ms / 1000))
    return [
        Line("OK", "keys", f"Trading store {trust.store.id}, version {trust.store.version[0]}.{trust.store.version[1]}, until {until}.")
    ]


# ---------------------------------------------------------------- devices


def _devices(config: "Config", faults: dict[str, str], enrolled: dict[str, str], *, running: bool) -> list[Line]:
    """A running kiosk keeps its ports for itself: then its journal says what it knows. Otherwise each is opened and asked who it is."""
    from kiosk.devices.fitting import PartError
    from kiosk.devices.registry import checked
    from kiosk.vend import outage

    roles = [part.role for part in config.device]
    for part in config.device:
        try:
            checked(part)
        except PartError as error:
            return [Line("STOP", part.role, str(error), NO_MONEY, "", EXIT_USAGE)]
    if running:
        told = {role: f"The running kiosk says: {faults[role]}." if role in faults else "" for role in (*roles, "reader")}
    else:
        told = {part.role: _asked(part, enrolled.get(part.role) or part.serial) for part in config.device} | {
            "reader": _reader(config.card.reader)
        }
    down = {role: faults.get(role, "") if running else "" for role, why in told.items() if why}
    alone = not outage.paid_at(roles, down)
    lines = [of_device(role, code, told[role], alone=alone) for role, code in down.items()]
    good = [role for role, why in told.items() if not why]
    says = f"{', '.join(good)}: {'in use by the running kiosk, which says no ill of them' if running else 'answered'}."
    nobody = "Nothing takes money: kiosk.toml names no notes, no coins and no terminal."
    none = [] if outage.paid_at(roles) else [Line("STOP", "devices", nobody, NO_MONEY, "", EXIT_USAGE)]
    return [*lines, *_names(config), *none, *([Line("OK", "devices", says)] if good else [])]


def _asked(part: "DevicePart", serial: str) -> str:
    """Why this device does not answer, or ""."""
    from kiosk.devices.contract import DeviceError, DeviceTimeout
    from kiosk.devices.port import PortLost, open_port
    from kiosk.devices.registry import maker_of

    maker = maker_of(part)
    if not maker.by_port:
        return ""
    baud = int(part.options.get("baud", 0)) or int(getattr(maker.options(), "baud", 9600))
    try:
        with closing(open_port(part.port, baud)) as port:
            return maker.ask(part.model_copy(update={"serial": serial}), port) if maker.ask else ""
    except PortLost as error:
        return f"The port {part.port} is not there." if _missing(part.port) else f"The port cannot be used: {error.strerror or error}."
    except DeviceTimeout:
        return f"Nobody answers at {part.port}."
    except DeviceError as error:
        return f"It says: {error}"


def _names(config: "Config") -> list[Line]:
    """A name that the kernel gives in the order of plugging in is another device's tomorrow."""
    return [
        Line(
            "LOW",
            part.role,
            f"{part.port} is whatever was plugged in in that place of the order.",
            "Nothing yet.",
            _lasting_name(part.port),
        )
        for part in config.device
        if re.search(r"/tty(USB|ACM)[0-9]+$", part.port)
    ]


def _lasting_name(port: str) -> str:
    folder = Path("/dev/serial/by-path")
    names = [str(name) for name in (folder.iterdir() if folder.is_dir() else ()) if name.resolve() == Path(port).resolve()]
    return f"Name it {names[0]}." if names else "Name it as /dev/serial/by-path does."


def _missing(address: str) -> bool:
    return not address.startswith("tcp:") and not Path(address).exists()


def _reader(name: str) -> str:
    from kiosk.devices.card.pcsc import PcscReader
    from kiosk.devices.card.reader import State as Slot

    reader = PcscReader(name)
    slot = reader.watch(None, WATCH_S)
    if slot.state is Slot.DOWN:
        slot = reader.watch(slot, WATCH_S)
    reader.close()
    reasons = {"service": "The card service pcscd does not run.", "access": "The system refuses access to the reader."}
    return reasons.get(slot.why, f"There is no reader {name}.".replace(" .", ".")) if slot.state is Slot.DOWN else ""


# ---------------------------------------------------------------- the machine itself


def _access(config: "Config") -> list[Line]:
    """The folder is the kiosk's user's alone; the spool is its group's, too, for the courier."""
    from kiosk.commands.openness import openness
    from kiosk.sending import spool_folder

    return openness(config.store.path.parent, spool_folder(config)) if config.store.path.parent.is_dir() else []


def _memory() -> Line:
    """The vault's process locks its memory where it may (`devices.vault.hardened`)."""
    from kiosk.devices.vault.hardened import swap_is_on

    limit = resource.getrlimit(resource.RLIMIT_MEMLOCK)[1]
    if os.geteuid() == 0 or limit == resource.RLIM_INFINITY or not swap_is_on():
        return Line("OK", "memory", "No key reaches a swap.")
    return Line(
        "LOW", "memory", "Swap is on, and memory may not be locked.", "Keys may reach the disk.", "LimitMEMLOCK=infinity, or no swap."
    )


def _debts(config: "Config") -> list[Line]:
    """Old debts are recovered at one kiosk only: no kiosk hears what another one took."""
    tariff, own = config.tariff, config.kiosk.id
    if not tariff.debts:
        return []
    if not tariff.debts_at:
        do = "Name the one kiosk that recovers them, the same in every kiosk's file: debts_at, under [tariff]."
        return [Line("LOW", "debts", "No kiosk is named that recovers the old debts.", "No old debt is recovered here.", do)]
    if tariff.debts_at != own:
        return [Line("OK", "debts", f"Old debts are recovered at {tariff.debts_at}, and not here.")]
    return [Line("OK", "debts", f"{len(tariff.debts)} old debts are recovered here, and at no other kiosk.")]


def _mark(config: "Config") -> list[Line]:
    """The height that stands on another disk."""
    from kiosk.devices.disk import read_mark

    path = config.store.mark
    if path is None:
        return [Line("OK", "mark", "None: only acceptors and installed items tell a disk that was put back.")]
    if read_mark(path) is None:
        return [Line("LOW", "mark", f"There is none at {path}.", "A disk that is put back may not be noticed.", "Look at that disk.")]
    return [Line("OK", "mark", f"{path} is there.")]
