"""`kiosk sim card` and `kiosk sim meter`: make, look at and run the virtual card and its meter by hand.

Demo keys only: the masters are public. Exit codes: 0 done, 1 the meter refused, 2 a file or argument is wrong, 3 no virtual reader.
"""

import datetime as dt
import json
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kiosk.commands import say, until

if TYPE_CHECKING:
    from kiosk.devices.sim.card import CardModel
    from kiosk.devices.sim.image import CardImage
    from kiosk.devices.sim.meter import MeterModel
    from kiosk.devices.sim.meter_state import MeterState

card_app = typer.Typer(no_args_is_help=True, help="The virtual card.")
meter_app = typer.Typer(no_args_is_help=True, help="The virtual meter.")

ALL_FLAGS = 0x8F  # an open card brings alarms, CT/PT and all four sets

CardFile = Annotated[Path, typer.Argument(help="The card's JSON file.")]
MeterFile = Annotated[Path, typer.Argument(help="The meter's JSON file.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
Number = Annotated[str, typer.Option("--meter", help="Meter number, up to 12 digits.")]
Utility = Annotated[int, typer.Option(help="Utility id: part of every key.")]
Region = Annotated[int, typer.Option(help="Region of the demo masters.")]
Atomic = Annotated[bool, typer.Option("--atomic", help="An update is all or nothing, instead of tearing at any byte.")]


@card_app.command("new", epilog="Example: kiosk sim card new card.json --meter 12345678 --customer 98765432")
def card_new(
    file: CardFile,
    *,
    meter: Number,
    customer: Annotated[str, typer.Option(help="Customer number, up to 12 digits.")],
    serial: Annotated[str, typer.Option(help="16 hex digits; random if left out.")] = "",
    kind: Annotated[str, typer.Option(help="open, purchase or replacement.")] = "open",
    count: Annotated[int, typer.Option(min=0, max=0xFFFFFFFF, help="Purchase count in the wallet.")] = 0,
    amount: Annotated[str, typer.Option(help="Amount in the wallet, as 100.00.")] = "0",
    balance: Annotated[str, typer.Option(help="The meter's balance in the return file, as 8.32 or -3.15; none leaves it empty.")] = "",
    alarm1: Annotated[str, typer.Option(help="Lamp at this balance.")] = "20.00",
    alarm2: Annotated[str, typer.Option(help="Supply trips once at this balance.")] = "5.00",
    utility: Utility = 1,
    region: Region = 1,
    generation: Annotated[int, typer.Option(min=0, help="First of the card's three kiosk-key generations.")] = 1,
    atomic: Atomic = False,
) -> None:
    """Personalise a card with the public demo masters. By default an open card: count 0, nothing on it, return file empty."""
    from kiosk.devices.sim import card_files, crypto, image

    number, holder = _digits(meter, "meter"), _digits(customer, "customer")
    if kind not in _kinds():
        raise _wrong(f"A card is open, purchase or replacement; not {kind}.")
    name = serial or secrets.token_hex(8)
    if not re.fullmatch("[0-9a-fA-F]{16}", name):
        raise _wrong("A serial has 16 hex digits.")
    one = card_files.Parameters(
        number,
        holder,
        kind=_kinds()[kind],
        flags=ALL_FLAGS if kind == "open" else 0,
        alarm1_minor=_minor(alarm1),
        alarm2_minor=_minor(alarm2),
    )
    returned = None
    if balance:
        minor = _minor(balance, "-?")
        returned = card_files.Returned(number, holder, count, max(0, minor), max(0, -minor), time=_now().strftime("%y%m%d%H%M"))
    try:
        card = image.personalise(
            crypto.Masters.demo(utility, region),
            bytes.fromhex(name),
            one,
            amount_minor=_minor(amount),
            count=count,
            returned=returned,
            first_generation=generation,
            torn="apdu" if atomic else "byte",
        )
    except (card_files.BadFile, OverflowError):
        raise _wrong("An amount is too large for its field on the card.") from None
    _save(file, card)
    say(f"{file}: {kind} card {name} for meter {number}")


@card_app.command("blank", epilog="Example: kiosk sim card blank card.json")
def card_blank(
    file: CardFile,
    serial: Annotated[str, typer.Option(help="16 hex digits; random if left out.")] = "",
    transport: Annotated[str, typer.Option(help="The maker's key, 32 hex digits; if left out, 40 to 4f, which anybody knows.")] = "",
    atomic: Atomic = False,
) -> None:
    """Make a card as its maker delivers it: no files, no keys but the maker's transport key. `kiosk hq card open` opens it."""
    from kiosk.devices.sim import image

    name = serial or secrets.token_hex(8)
    if not re.fullmatch("[0-9a-fA-F]{16}", name) or not re.fullmatch("([0-9a-fA-F]{32})?", transport):
        raise _wrong("A serial has 16 hex digits, a transport key 32.")
    key = bytes.fromhex(transport) or image.MAKERS_KEY
    _save(file, image.blank(bytes.fromhex(name), key, torn="apdu" if atomic else "byte"))
    say(f"{file}: blank card {name}")


@card_app.command("clone", epilog="Example: kiosk sim card clone card.json copy.json --back 1")
def card_clone(
    file: CardFile,
    copy: Annotated[Path, typer.Argument(help="Where the copy goes.")],
    back: Annotated[int, typer.Option(min=0, help="Keep the keys; put the counts back by so many purchases.")] = 0,
) -> None:
    """What a forger makes of a card: all its files and no key, or the genuine card put back to an older state."""
    from kiosk.devices.sim import image

    card = _card(file).image()
    _save(copy, image.rolled_back(card, back) if back else image.clone(card))
    say(f"{copy}: {'an older state' if back else 'a copy without keys'} of card {card.serial}")


@card_app.command("show", epilog="Example: kiosk sim card show card.json --json")
def card_show(file: CardFile, as_json: AsJson = False) -> None:
    """Say what is on a card; never its keys."""
    card = _card(file)
    _print(_on_card(card), as_json)


@card_app.command("run", epilog="Example: kiosk sim card run card.json --control /tmp/card.sock --meter meter.json")
def card_run(
    file: CardFile,
    port: Annotated[int | None, typer.Option(help="vpcd's port of the user slot, if not its usual one; the SAM slot is the next.")] = None,
    control: Annotated[Path | None, typer.Option(help="Serve the control verbs on this unix socket.")] = None,
    meter: Annotated[Path | None, typer.Option(help="A meter that the card can be carried to.")] = None,
    out: Annotated[bool, typer.Option("--out", help="Start with the card in the hand, not in the reader.")] = False,
) -> None:
    """Plug a card into pcscd through vpcd, until it is told to quit or interrupted."""
    from kiosk.devices.sim.control import ControlRefused, ControlServer
    from kiosk.devices.sim.vpcd import FIRST_PORT, Hand, VpcdSlot

    port = FIRST_PORT if port is None else port
    hand = Hand(_card(file), {"reader": VpcdSlot(port), "sam": VpcdSlot(port + 1)}, _meter(meter) if meter else None)
    server = ControlServer(control, hand.handle) if control else None
    try:
        if server:
            server.start()
        if not out:
            hand.insert("reader")
        say(f"card {hand.card.image().serial} {'in the hand' if out else f'in the reader on port {port}'}", err=True)
        until(hand.ended)
    except KeyboardInterrupt:
        say("card taken out", err=True)
    except (OSError, ControlRefused) as e:
        say(f"{e}", err=True)
        raise typer.Exit(3) from None
    finally:
        hand.pull()
        if server:
            server.stop()


@meter_app.command("new", epilog="Example: kiosk sim meter new meter.json --meter 12345678 --overdraft 10.00")
def meter_new(
    file: MeterFile,
    *,
    meter: Number,
    utility: Utility = 1,
    region: Region = 1,
    clock: Annotated[str, typer.Option(help="Simulated time, as '2026-07-01 12:30'; now if left out.")] = "",
    overdraft: Annotated[str, typer.Option(help="How far below zero after one more insertion.")] = "0",
    hoarding: Annotated[str, typer.Option(help="Most that the meter holds.")] = "999999.99",
    close_allowed: Annotated[str, typer.Option(help="The balance must exceed this to close after a full overdraft.")] = "0",
    load_limit_kw: Annotated[float, typer.Option(min=0, help="Trip above this load; 0 = no limit.")] = 0.0,
) -> None:
    """Mount a meter, keyed for its number with the public demo masters: not opened, supply off."""
    from kiosk.devices.sim import crypto, meter_state

    try:
        at = dt.datetime.fromisoformat(clock) if clock else _now()
    except ValueError:
        raise _wrong("The clock is written as 2026-07-01 12:30.") from None
    state = meter_state.new(crypto.Masters.demo(utility, region), _digits(meter, "meter"), at.replace(tzinfo=None, microsecond=0))
    state.overdraft_minor, state.hoarding_minor = _minor(overdraft), _minor(hoarding)
    state.close_allowed_minor, state.load_limit_w = _minor(close_allowed), round(load_limit_kw * 1000)
    _save(file, state)
    say(f"{file}: meter {state.number}, not opened")


@meter_app.command("show", epilog="Example: kiosk sim meter show meter.json --json")
def meter_show(file: MeterFile, as_json: AsJson = False) -> None:
    """Say what the meter shows."""
    _print(_meter(file).display(), as_json)


@meter_app.command("insert", epilog="Example: kiosk sim meter insert meter.json card.json")
def meter_insert(
    file: MeterFile,
    card: Annotated[Path | None, typer.Argument(help="The card's JSON file.")] = None,
    reader: Annotated[str, typer.Option(help="Instead of a file: a PC/SC reader whose name contains this.")] = "",
    stay_s: Annotated[float, typer.Option(min=0, help="How long the card stays in.")] = 15.0,
    as_json: AsJson = False,
) -> None:
    """Put a card into the meter and take it out again. Exit code 1 when the meter shows an error."""
    from kiosk.devices.sim.contact import PcscContact
    from kiosk.devices.sim.faults import CardPulled

    meter = _meter(file)
    if (card is None) == (not reader):
        raise _wrong("Name a card file, or a reader with --reader.")
    if card:
        done = meter.insert(_card(card), stay_s)
    else:
        try:
            contact = PcscContact(reader)
        except (CardPulled, ImportError) as e:
            say(f"{e}", err=True)
            raise typer.Exit(3) from None
        done = meter.insert(contact, stay_s)
        contact.close()
    shown = {"row": done.row, "error": done.error, "credited_minor": done.credited_minor, "return_file_written": done.answered}
    _print(shown | meter.display(), as_json)
    if done.error:
        raise typer.Exit(1)


@meter_app.command("advance", epilog="Example: kiosk sim meter advance meter.json 24 --load-kw 0.4")
def meter_advance(
    file: MeterFile,
    hours: Annotated[float, typer.Argument(min=0, help="Hours of simulated time.")],
    load_kw: Annotated[float, typer.Option(min=0, help="What the house draws.")] = 0.4,
    as_json: AsJson = False,
) -> None:
    """Let simulated time pass under a load."""
    meter = _meter(file)
    try:
        meter.advance(hours, load_kw)
    except ValueError as e:
        raise _wrong(f"{e}") from None
    _print(meter.display(), as_json)


# ---------------------------------------------------------------- words and files


def _kinds() -> dict[str, int]:
    from kiosk.devices.sim import card_files

    return {"open": card_files.OPEN, "purchase": card_files.PURCHASE, "replacement": card_files.REPLACEMENT}


def _on_card(card: "CardModel") -> dict[str, Any]:
    from kiosk.devices.sim import card_files

    money = card.files[card_files.WALLET]
    shown: dict[str, Any] = {"serial": card.image().serial, "utility": card.image().utility}
    try:
        one = card_files.Parameters.decode(card.files[card_files.PARAMETERS])
        kind = next((name for name, value in _kinds().items() if value == one.kind), f"type {one.kind:02d}")
        shown |= {"meter": one.meter, "customer": one.customer, "kind": kind, "flags": f"{one.flags:02x}", "tag": one.reserved.hex()}
    except card_files.BadFile as e:
        shown |= {"file_1": str(e)}
    shown |= {"amount_minor": int.from_bytes(money[:4], "big"), "count": int.from_bytes(money[4:], "big")}
    try:
        back = card_files.Returned.decode(card.files[card_files.RETURNED])
        shown |= {"returned": "written", "balance_minor": back.remaining_minor - back.overdraft_minor, "taken": back.count}
    except card_files.BadFile:
        shown |= {"returned": "empty" if card_files.is_empty(card.files[card_files.RETURNED]) else "torn"}
    return shown | {"min_generation": card.min_generation, "tries": card.tries}


def _print(shown: dict[str, Any], as_json: bool) -> None:
    if as_json:
        say(json.dumps(shown))
        return
    for key, value in shown.items():
        text = f"{value / 100:.2f}" if key.endswith("_minor") else value
        say(f"{key.removesuffix('_minor').replace('_', ' '):20} {text}")


def _card(file: Path) -> "CardModel":
    from kiosk.devices.sim.card import CardModel
    from kiosk.devices.sim.image import ImageError

    try:
        return CardModel.open(file)
    except ImageError as e:
        raise _wrong(str(e)) from None


def _meter(file: Path) -> "MeterModel":
    from kiosk.devices.sim.image import ImageError
    from kiosk.devices.sim.meter import MeterModel

    try:
        return MeterModel.open(file)
    except ImageError as e:
        raise _wrong(str(e)) from None


def _save(file: Path, what: "CardImage | MeterState") -> None:
    from kiosk.devices.sim import image

    try:
        image.save(file, what)
    except OSError as e:
        raise _wrong(f"{file}: {e.strerror}") from None


def _digits(text: str, what: str) -> str:
    if not re.fullmatch("[0-9]{1,12}", text):
        raise _wrong(f"A {what} number has up to 12 digits.")
    return text.zfill(12)


def _minor(text: str, sign: str = "") -> int:
    """ "100.00" -> 10000: money never goes through a float."""
    match = re.fullmatch(rf"({sign})([0-9]{{1,9}})(?:\.([0-9]{{1,2}}))?", text)
    if not match:
        raise _wrong(f"An amount is written as 100.00, not {text}.")
    minus, whole, part = match.groups()
    return int(minus + whole + (part or "").ljust(2, "0"))


def _now() -> dt.datetime:
    return dt.datetime.now().astimezone()


def _wrong(sentence: str) -> typer.Exit:
    """Say it on stderr; exit code 2."""
    say(sentence, err=True)
    return typer.Exit(2)
