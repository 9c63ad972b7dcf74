"""`kiosk hq card`: open a card for a customer and their meter, and say whose card it is.

Exit codes: 0 done, 1 refused (bound already, not blank, another key), 2 wrong call, 3 no reader, module or vault, 4 the card was pulled:
the same command again finishes it.
"""

import re
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from kiosk.commands import EXIT_DAMAGED, EXIT_MISSING, EXIT_REFUSED, EXIT_USAGE, asking, ended, say
from kiosk.commands.vault import Module, SecretFile, Token, opened

if TYPE_CHECKING:
    from kiosk.devices.card.apdu import Connection
    from kiosk.hq.cards.issue import Opened
    from kiosk.hq.cards.layout import Opening
    from kiosk.hq.cards.registry import Registry

card_app = typer.Typer(no_args_is_help=True, help="Customers' cards: opened at the office, each for one customer and one meter.")

PKCS11 = "pkcs11"
EXIT_PULLED = EXIT_DAMAGED
SAID_MAX = 200  # characters of who and why
LOOK_S, HAND_S = 1.0, 3.0  # how long for the reader to answer, and for a hand that puts the card in

At = Annotated[Path, typer.Option("--registry", envvar="KIOSK_REGISTRY", help="The office's registry; made where there is none.")]


@card_app.command(
    "open", epilog="Example: kiosk hq card open --reader ACR39U --customer 000098765432 --meter 000012345678 --vault vault.json"
)
def open_(
    *,
    reader: Annotated[str, typer.Option(help="The reader with the blank in it, by a part of its name.")],
    customer: Annotated[str, typer.Option(help="Customer number, up to 12 digits.")],
    meter: Annotated[str, typer.Option(help="Meter number, up to 12 digits.")],
    vault: Annotated[str, typer.Option(help="The utility's vault file; pkcs11 for a security module, with --token and --module.")],
    token: Token = "",
    module: Module = None,
    secret_file: SecretFile = None,
    transport_file: Annotated[
        Path | None, typer.Option(help="The maker's transport key, 32 hex digits, in this file; left out, the one of samples: 40 to 4f.")
    ] = None,
    registry: At = Path("registry.db"),
    region: Annotated[int, typer.Option(min=1, max=0xFFFFFFFF, help="Whose kiosks serve it.")] = 1,
    alarm1: Annotated[str, typer.Option(help="The meter's lamp goes on at this balance.")] = "20.00",
    alarm2: Annotated[str, typer.Option(help="It trips once at this one.")] = "5.00",
    price: Annotated[str, typer.Option(help="Of a kWh, four places.")] = "0.5000",
) -> None:
    """Make the blank in the reader this customer's card, for this meter and no other. Pulled or killed, the same command finishes it."""
    from kiosk.devices.card.apdu import ApduError, CardError
    from kiosk.devices.vault.suite import NoSuchKey
    from kiosk.hq.cards.issue import IssueError, open_card
    from kiosk.hq.cards.registry import RegistryError

    order = _order(customer, meter, alarm1, alarm2, price)
    transport = _transport(transport_file)
    masters = opened(None if vault == PKCS11 else Path(vault), token, module, secret_file)
    book = _registry(registry)
    try:
        with closing(_card_in(reader)) as card:
            done = open_card(card, masters, book, order, region=region, now_ms=_now_ms(), transport=transport)
    except (IssueError, RegistryError) as error:
        raise ended(str(error), EXIT_REFUSED) from None
    except NoSuchKey as error:
        raise ended(f"The vault cannot open cards now: {error}.", EXIT_REFUSED) from None
    except ApduError as error:
        raise ended(f"This card cannot be opened: {error}.", EXIT_REFUSED) from None
    except CardError as error:
        raise ended(f"The card was not finished: {error}. Put it in again and give the same command.", EXIT_PULLED) from None
    finally:
        book.close()
    say(_said(done))


@card_app.command("scrap", epilog='Example: kiosk hq card scrap 1122334455667788 --who "B. Tan" --why "chip broken"')
def scrap(
    serial: Annotated[str, typer.Argument(help="16 hex digits.")],
    *,
    who: Annotated[str, typer.Option(help="Who throws it away.")],
    why: Annotated[str, typer.Option(help="Why it cannot be finished.")],
    registry: At = Path("registry.db"),
) -> None:
    """Give up a card that broke half written: its customer and meter may have another one, its serial is spent, and it is written down."""
    from kiosk.hq.cards.registry import RegistryError, told

    if not (0 < len(who) <= SAID_MAX and 0 < len(why) <= SAID_MAX):
        raise ended(f"Who and why are said in 1 to {SAID_MAX} characters.", EXIT_USAGE)
    book = _registry(registry)
    try:
        binding = book.scrap(serial.lower(), who, why)
    except RegistryError as error:
        raise ended(str(error), EXIT_REFUSED) from None
    finally:
        book.close()
    say(f"{told(binding)}. Destroy it: keys of its own were written on it.")


@card_app.command("show", epilog="Example: kiosk hq card show 1122334455667788")
def show(
    serial: Annotated[str, typer.Argument(help="16 hex digits.")],
    registry: At = Path("registry.db"),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Say to which customer and meter a card belongs, and when its keys left the vault."""
    from kiosk.hq.cards.registry import RegistryError, told

    book = _registry(registry)
    try:
        binding, left, gone = book.of_card(serial.lower()), book.left(serial.lower()), book.scrapped(serial.lower())
    except RegistryError as error:
        raise ended(str(error), EXIT_REFUSED) from None
    finally:
        book.close()
    if binding is None:
        raise ended(f"No card {serial} was opened here.", EXIT_REFUSED)
    if as_json:
        left_then = [{"at_ms": at_ms, "what": what} for at_ms, what in left]
        say(msgspec.json.encode({"binding": binding, "left": left_then, "scrapped": gone}))
        return
    say(told(binding))
    begun = f"begun {_moment(binding.begun_ms)}, utility {binding.utility}, region {binding.region}"
    say(f"{begun}, key set {binding.version}, subject {binding.subject}")
    if gone:
        say(f"{_moment(gone.at_ms)}  scrapped by {gone.who}: {gone.why}")
    for at_ms, what in left:
        say(f"{_moment(at_ms)}  its keys left the vault, generations {', '.join(str(number) for number in what.generations)}")


# ---------------------------------------------------------------- what was asked


def _order(customer: str, meter: str, alarm1: str, alarm2: str, price: str) -> "Opening":
    from kiosk.hq.cards.layout import AMOUNT_MAX_MINOR, PRICE_MAX, Opening

    if not (re.fullmatch("[0-9]{1,12}", customer) and re.fullmatch("[0-9]{1,12}", meter)):
        raise ended("Customer and meter are numbers of up to 12 digits.", EXIT_USAGE)
    order = Opening(customer.zfill(12), meter.zfill(12), _fixed(alarm1, 2), _fixed(alarm2, 2), _fixed(price, 4))
    if max(order.alarm1_minor, order.alarm2_minor) > AMOUNT_MAX_MINOR or order.price > PRICE_MAX:
        raise ended("An amount is too large for its field on the card.", EXIT_USAGE)
    return order


def _fixed(text: str, places: int) -> int:
    """ "20.00" -> 2000: money never goes through a float."""
    whole, _, part = text.partition(".")
    if not re.fullmatch("[0-9]{1,9}", whole) or not re.fullmatch(f"([0-9]{{{places}}})?", part):
        raise ended(f"{text} is no amount; write it with {places} places.", EXIT_USAGE)
    return int(whole + part.ljust(places, "0"))


def _transport(file: Path | None) -> bytes:
    from kiosk.hq.cards.issue import MAKERS_TEST_KEY

    if file is None:
        return MAKERS_TEST_KEY
    text = asking.in_file(file)
    if not re.fullmatch("[0-9a-fA-F]{32}", text):
        raise ended(f"The file {file} holds no transport key: that is 32 hex digits.", EXIT_USAGE)
    return bytes.fromhex(text)


def _registry(path: Path) -> "Registry":
    from kiosk.hq.cards.registry import Registry, RegistryError

    try:
        return Registry(path, _now_ms)
    except RegistryError as error:
        raise ended(str(error), EXIT_MISSING) from None


def _card_in(name: str) -> "Connection":
    from kiosk.devices.card.apdu import CardError
    from kiosk.devices.card.pcsc import PcscReader
    from kiosk.devices.card.reader import State

    reader = PcscReader(name)
    slot = reader.watch(None, LOOK_S)
    if slot.state is State.EMPTY:
        slot = reader.watch(slot, HAND_S)
    if slot.state is State.DOWN:
        raise ended(f"No card reader is called {name!r}, or its service does not answer.", EXIT_MISSING)
    if slot.state is State.EMPTY:
        raise ended("There is no card in the reader.", EXIT_REFUSED)
    try:
        return reader.open(slot)
    except CardError as error:
        raise ended(f"The card in the reader cannot be used: {error}.", EXIT_REFUSED) from None


def _said(done: "Opened") -> str:
    from kiosk.hq.cards.registry import told

    return f"{told(done.binding)}" + (": it was finished before, and nothing was written." if done.before else ": opened.")


def _moment(at_ms: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at_ms // 1000))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
