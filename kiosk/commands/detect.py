"""`kiosk detect`: who answers at the ports that no `[[device]]` names, and the lines of kiosk.toml for them."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from kiosk.commands import EXIT_MISSING, EXIT_USAGE, ended, say
from kiosk.vend import outage
from kiosk.words import text

BY_NAME = (Path("/dev/serial/by-path"), Path("/dev/serial/by-id"))


class Line(msgspec.Struct, frozen=True):
    """One port. `role` is "" where nobody answered; `says`: one sentence."""

    port: str
    says: str
    role: str = ""
    protocol: str = ""
    serial: str = ""

    def part(self) -> str:
        """For kiosk.toml."""
        serial = f'serial = "{self.serial}"\n' if self.serial else ""
        return f'[[device]]\nrole = "{self.role}"\nprotocol = "{self.protocol}"\nport = "{self.port}"\n{serial}'


def detect(
    ports: Annotated[
        list[str] | None, typer.Argument(help="serial lines, ptys, tcp:HOST:PORT; every line in /dev/serial if left out")
    ] = None,
    *,
    config: Annotated[Path | None, typer.Option("--config", help="kiosk.toml, whose ports are left alone")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line on standard output.")] = False,
) -> None:
    """Ask at every port that belongs to no device who is there: notes, coins, a modem, a printer, a bank terminal.

    Example: kiosk detect --config /var/lib/kiosk/kiosk.toml, or kiosk detect /dev/ttyS4

    Ports of kiosk.toml are never asked, and none is asked by itself: a printer may print what is meant for others. Three seconds a port.
    Exit codes: 0 somebody answered; 2 kiosk.toml is wrong, or a port is a device's already; 3 nobody answered.
    """
    taken = _taken(config)
    for port in ports or ():
        if _real(port) in taken:
            raise ended(f"{port} belongs to the {taken[_real(port)]} of kiosk.toml: `kiosk doctor` asks that one.", EXIT_USAGE)
    lines = [_asked(port) for port in (ports or _unassigned(taken))]
    for line in lines:
        if json:
            say(msgspec.json.encode(line))
            continue
        say(f"{line.port}: {line.says}")
        if line.role:
            say(f"\n{line.part()}")
    if not lines and not json:
        say("No port is free: /dev/serial is empty, or all of it is in kiosk.toml. A port can be named.", err=True)
    raise typer.Exit(0 if any(line.role for line in lines) else EXIT_MISSING)


def _taken(path: Path | None) -> dict[str, str]:
    """Ports of kiosk.toml, by what they really are, with their roles; none where there is no such file and none was named."""
    from kiosk.config import ConfigError, config_path, load

    where = path or config_path()
    if path is None and not where.exists():
        return {}
    try:
        return {_real(part.port): part.role for part in load(where).device}
    except ConfigError as error:
        raise ended(str(error), EXIT_USAGE) from None


def _real(port: str) -> str:
    return port if port.startswith("tcp:") else str(Path(port).resolve())


def _unassigned(taken: dict[str, str]) -> list[str]:
    """By their lasting names; a line that has several is asked once."""
    found: dict[str, str] = {}
    for folder in BY_NAME:
        for name in sorted(folder.iterdir()) if folder.is_dir() else ():
            found.setdefault(_real(str(name)), str(name))
    return [name for real, name in found.items() if real not in taken]


def _asked(port: str) -> Line:
    from kiosk.devices.detect import detect as ask
    from kiosk.devices.port import PortLost

    try:
        met = ask(port)
    except PortLost as error:
        return Line(port, f"It cannot be asked: {error.strerror or error}.")
    if met is None:
        return Line(port, "Nobody answers. A display never does: it is named by hand.")
    serial = _serial(port, met.role) if met.protocol == "cctalk" else ""
    named = f", serial {serial}" if serial else ""
    costs = text("en", outage.of(met.role).costs)
    return Line(port, f"{met.role} by {met.protocol}{named}. Without it: {costs}", met.role, met.protocol, serial)


def _serial(port: str, role: str) -> str:
    """What a ccTalk device says of itself, so that staff can enrol it by the file; "" where it does not."""
    from contextlib import closing

    from kiosk.devices.cctalk.bus import Bus, Pace, Refused, Silent
    from kiosk.devices.cctalk.coins import CoinAcceptor
    from kiosk.devices.cctalk.notes import NoteAcceptor
    from kiosk.devices.cctalk.questions import identify
    from kiosk.devices.cctalk.wire import Mode
    from kiosk.devices.port import PortLost, open_port

    address = (NoteAcceptor if role == "notes" else CoinAcceptor).address
    try:
        with closing(open_port(port)) as line:
            return identify(Bus(line, address, Mode.CHECKSUM, None, Pace())).serial
    except (PortLost, Silent, Refused):
        return ""
