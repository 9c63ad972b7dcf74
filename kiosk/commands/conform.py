"""`kiosk conform`: what a driver promises, tried over a wire that misbehaves, and a certificate of what it keeps."""

from pathlib import Path
from typing import Annotated

import typer

from kiosk.commands import EXIT_MISSING, EXIT_REFUSED, EXIT_USAGE, ended, say

EXIT_UNTRIED = 8


def conform(
    role: Annotated[str, typer.Argument(help="notes, coins, printer, terminal, display, board, modem or voice")],
    *,
    protocol: Annotated[str, typer.Option(help="with the role, the driver's name; left out where the role has one driver")] = "",
    port: Annotated[str, typer.Option(help="the device's port or tcp:HOST:PORT; a simulated device if left out")] = "",
    against: Annotated[str, typer.Option(help="the simulated device speaks this protocol, where the driver's name says another")] = "",
    hand: Annotated[Path | None, typer.Option(help="control socket of whoever plays the device at --port, as `kiosk sim` has it")] = None,
    by_hand: Annotated[bool, typer.Option("--by-hand", help="you stand before the device at --port, and are asked what it does")] = False,
    serial: Annotated[str, typer.Option(help="the enrolled serial, as kiosk.toml has it")] = "",
    option: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, an option of the driver; more than once")] = None,
    currency: Annotated[str, typer.Option(help="of the machine; the simulated acceptors take CNY")] = "CNY",
    only: Annotated[list[str] | None, typer.Option(help="a promise's name; more than once")] = None,
    seed: Annotated[int, typer.Option(help="of the wire's luck: the same for the same number")] = 1,
    json: Annotated[bool, typer.Option("--json", help="the certificate as one JSON object on standard output")] = False,
) -> None:
    """Try a driver, anyone's, through loss, delay, duplication, echo, pulled cables and kill -9, and print what it keeps of its promises.

    Example: kiosk conform notes --protocol cctalk, or kiosk conform board --protocol semaphore --port /dev/ttyUSB0

    The driver runs in a process of its own; between it and its device the kit holds the cable. It takes minutes. Without --port our own
    simulator stands at the far end; with it whatever is there, and what only a hand can do (a note, a card) is untried without --hand, and
    for notes, coins and printers --by-hand.
    Exit codes: 0 every promise is kept; 1 one is broken; 2 there is no such driver or option; 3 the port cannot be had; 8 nothing is
    broken, and something is untried.
    """
    import msgspec

    from kiosk.conform.exam import NoSuchSubject, Subject, examine
    from kiosk.conform.process import CannotMake
    from kiosk.conform.promises import lines
    from kiosk.devices.fitting import PartError
    from kiosk.devices.port import PortLost

    options = dict(_option(one) for one in option or ())
    if by_hand and not port:
        raise ended("Before which device do you stand? --port names it.", EXIT_USAGE)
    asks = _asked if by_hand else None
    subject = Subject(role, protocol or _only_protocol(role), port, serial, options, hand, against, currency, asks)
    try:
        certificate = examine(subject, only=tuple(only or ()), seed=seed, told=lambda line: say(line, err=True))
    except (NoSuchSubject, PartError, CannotMake) as error:
        raise ended(str(error), EXIT_USAGE) from None
    except PortLost as error:
        raise ended(f"The port cannot be used: {error.strerror or error}.", EXIT_MISSING) from None
    except OSError as error:
        raise ended(f"The bench cannot be set up: {error.strerror or error}.", EXIT_MISSING) from None
    say(msgspec.json.encode(certificate) if json else "\n".join(lines(certificate)))
    raise typer.Exit({"kept": 0, "broken": EXIT_REFUSED, "untried": EXIT_UNTRIED}[certificate.verdict])


def _asked(question: str) -> str:
    """Of the person before the device."""
    answer: str = typer.prompt(question, default="", show_default=False, err=True)
    return answer


def _only_protocol(role: str) -> str:
    from kiosk.devices.registry import names

    known = [name.partition("/")[2] for name in names() if name.startswith(f"{role}/")]
    if len(known) != 1:
        raise ended(f"Say which driver: --protocol {', '.join(known)}." if known else f"There is no driver for {role}.", EXIT_USAGE)
    return known[0]


def _option(text: str) -> tuple[str, str | int | bool]:
    """As TOML would have it: a number, true or false, or text."""
    name, is_there, value = text.partition("=")
    if not is_there:
        raise ended(f"{text} is no option: NAME=VALUE is.", EXIT_USAGE)
    if value in ("true", "false"):
        return name, value == "true"
    return name, int(value) if value.isascii() and value.isdecimal() and (value == "0" or value[0] != "0") else value
