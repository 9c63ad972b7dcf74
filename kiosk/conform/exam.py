"""One examination: which trials a role has, each on a bench of its own, and the certificate of what was seen."""

import datetime as dt
import tempfile
import time
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path

import msgspec

from kiosk import __version__
from kiosk.conform import cash, common, jobs, person, pictures
from kiosk.conform.bench import Bench, Hangs, Setting
from kiosk.conform.device import Device, Real, Simulated, Unplayed
from kiosk.conform.person import Ask
from kiosk.conform.promises import EVERY, Certificate, Observations, of, verdict_of
from kiosk.devices import registry
from kiosk.devices.sim.fleet import SIMULATORS
from kiosk.vend.money import CURRENCIES

Trial = Callable[[Bench], None]

COMMON: tuple[tuple[Trial, tuple[str, ...]], ...] = (
    (common.begins, ("begins",)),
    (common.serves, ("serves", "alone", "speaks")),
    (common.ends, ("ends",)),
    (common.returns, ("returns", "steady")),
    (common.endures, ("endures",)),
)
"""Each trial, and the promises that it looks at."""
_CASH = ((cash.stops_at_work, ("ends",)), (cash.once, ("once",)), (cash.shut, ("shut",)), (cash.remembers, ("remembers",)))
_WORK = (jobs.stops_at_work, ("ends",))
_SHOWN = ((pictures.newest, ("newest",)), (pictures.unfelt, ("unfelt",)))
_DONE = ("evidence", "maybe_done")
OWN: dict[str, tuple[tuple[Trial, tuple[str, ...]], ...]] = {
    "notes": (*_CASH, (cash.word, ("word",))),
    "coins": _CASH,
    "printer": (_WORK, (jobs.papers, _DONE), (jobs.printer_remembers, ("remembers",))),
    "terminal": (_WORK, (jobs.payments, _DONE), (jobs.wired_payments, _DONE), (jobs.terminal_remembers, ("remembers",))),
    "modem": (_WORK, (jobs.texts, (*_DONE, "same")), (jobs.modem_remembers, ("remembers",))),
    "display": _SHOWN,
    "board": _SHOWN,
}
"""The same, of each role's own."""


class Subject(msgspec.Struct, frozen=True):
    """What is examined: `fitting.Part`, and at `port` a device, or "" for a simulated one. `hand`: whoever plays that device;
    `asks`: asks somebody who stands before it; `against`: the protocol of the simulated one, its own if left out."""

    role: str
    protocol: str
    port: str = ""
    serial: str = ""
    options: Mapping[str, str | int | bool] = {}
    hand: Path | None = None
    against: str = ""
    currency: str = "CNY"
    asks: Ask | None = None

    @property
    def name(self) -> str:
        """ROLE/PROTOCOL."""
        return f"{self.role}/{self.protocol}"

    @property
    def simulated(self) -> str:
        """ROLE/PROTOCOL of the simulator."""
        return f"{self.role}/{self.against or self.protocol}"


class NoSuchSubject(Exception):
    """There is nothing to examine; one sentence."""


def trials_of(subject: Subject) -> tuple[tuple[Trial, tuple[str, ...]], ...]:
    """In their order."""
    common = COMMON if subject.role != "voice" else COMMON[:3]
    return common + (person.trials_of(subject.role, subject.asks) if subject.asks else OWN.get(subject.role, ()))


def _nobody(_line: str) -> None:
    """Nobody wants to know when a trial begins."""


def examine(
    subject: Subject, *, only: tuple[str, ...] = (), seed: int = 1, told: Callable[[str], None] = lambda _line: None
) -> Certificate:
    """Every trial, or those that look at the promises of `only`. `told`: a line when a trial begins.

    Raises NoSuchSubject, PartError, CannotMake; PortLost and OSError when the device's port cannot be had.
    """
    promises = tuple(promise for promise in of(subject.role) if not only or promise.name in only)
    if not promises:
        known = ", ".join(dict.fromkeys(promise.name for promise in of(subject.role)))
        raise NoSuchSubject(
            f"A driver for {subject.role} promises {known}." if known else f"There is no role {subject.role}; there are {', '.join(EVERY)}."
        )
    if subject.currency not in CURRENCIES:
        raise NoSuchSubject(f"There is no currency {subject.currency}; there are {', '.join(CURRENCIES)}.")
    maker = registry.maker_of(subject)
    registry.checked(subject)
    if maker.by_port and not subject.port and subject.simulated not in SIMULATORS:
        raise NoSuchSubject(f"Nobody simulates {subject.simulated}: --port names a device, or a simulator of your own.")
    wanted = {promise.name for promise in promises}
    absent = {"program": "/nowhere/at/all"} if "program" in maker.options.__struct_fields__ else {}
    seen, begun = Observations(), time.monotonic()
    says = "no port"
    for trial, looks_at in trials_of(subject):
        if not wanted & set(looks_at):
            continue
        told(f"{', '.join(looks_at)} ...")
        with tempfile.TemporaryDirectory(prefix="kiosk-conform-") as place:
            folder = Path(place)
            part = subject.role, subject.protocol, folder, seed, subject.serial, subject.options
            setting = Setting(*part, by_port=maker.by_port, absent=absent, letters=jobs.LETTERS, currency=subject.currency)
            device = _device(subject, folder) if maker.by_port else None
            says = device.says if device else says
            _try(trial, Bench(setting, device, seen), looks_at[0])
    findings = seen.findings(promises)
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    kit, spent = f"kiosk {__version__}", time.monotonic() - begun
    return Certificate(subject.name, _brought_by(subject.name), says, kit, now, seed, round(spent, 1), verdict_of(findings), findings)


def _try(trial: Trial, bench: Bench, promise: str) -> None:
    with bench.set_up():
        try:
            trial(bench)
        except Hangs as hangs:
            bench.see(promise, kept=False, what=str(hangs))
        except Unplayed as unplayed:
            if bench.device is None or bench.device.played:
                bench.see(promise, kept=False, what=f"the trial could not go on: {unplayed}")
    bench.see("speaks", kept=not bench.desk.wrong, what="; ".join(dict.fromkeys(bench.desk.wrong)) or "in one trial")


def _device(subject: Subject, folder: Path) -> Device:
    if not subject.port:
        return Simulated(subject.simulated, folder, subject.options)
    options = registry.maker_of(subject).options
    baud = int(subject.options.get("baud", 0)) or int(getattr(options(), "baud", 9600)) or 9600
    return Real(subject.name, subject.port, subject.hand, baud)


def _brought_by(name: str) -> str:
    """The package, with its version."""
    if name in registry.BUILT_IN:
        return f"kiosk {__version__}"
    (point,) = entry_points(group=registry.GROUP, name=name)
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value
