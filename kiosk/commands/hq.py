"""`kiosk hq`: the head office's keys, and what it sends to its kiosks.

Exit codes: 0 done, 1 refused, 2 wrong call, 3 a part is missing.
"""

import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from kiosk.commands import EXIT_REFUSED, asking, ended
from kiosk.commands.vault import Module, Token
from kiosk.commands.vault import opened as opened_vault

if TYPE_CHECKING:
    from kiosk.hq.office import Office, Signer
    from kiosk.sync.item import KeyList, Kind

hq_app = typer.Typer(no_args_is_help=True, help="The head office: keys, stores, lists and floats.")
store_app = typer.Typer(no_args_is_help=True, help="Trading stores.")
store_app.callback()(lambda: None)
hq_app.add_typer(store_app, name="store")

Folder = Annotated[Path, typer.Option("--office", envvar="KIOSK_OFFICE", help="The head office's folder.")]
Secret = Annotated[
    Path | None, typer.Option("--secret-file", help="Passphrase of the DECISION key in the first line; asked for if left out.")
]
First = Annotated[Path | None, typer.Option("--first-secret", help="The root's first passphrase, of one person.")]
Second = Annotated[Path | None, typer.Option("--second-secret", help="The root's second passphrase, of another one.")]
Days = Annotated[int, typer.Option(min=1, max=3650, help="For how long it is valid.")]
Kiosk = Annotated[str, typer.Argument(help="The kiosk's id.")]


@hq_app.command("init", epilog="Example: kiosk hq init --office /srv/office --utility 1")
def init(
    office: Folder,
    *,
    utility: Annotated[int, typer.Option(min=1, max=0xFFFFFFFF, help="The utility's number.")],
    first_secret: First = None,
    second_secret: Second = None,
    secret_file: Secret = None,
    store: Annotated[str, typer.Option("--store", envvar="KIOSK_HQ_STORE", help="Where its store is made; hq.db in it if left out.")] = "",
) -> None:
    """Make the office's keys: two roots, which want two people; DECISION; ACK; and its store. Prints what every kiosk pins."""
    from kiosk.commands.hq_store import make_store
    from kiosk.hq.office import Office, OfficeError

    root = _two(first_secret, second_secret, new=True)
    try:
        decision = asking.secret(secret_file, "Passphrase of DECISION", new=True)
        made = Office.create(office, utility, root, decision, now_ms=_now_ms())
    except OfficeError as error:
        raise ended(str(error), EXIT_REFUSED) from None
    make_store(made, store)
    typer.echo("[keys]\nroot = [" + ", ".join(f'"{key}"' for key in made.record.roots) + "]")


@hq_app.command("enrol", epilog="Example: kiosk hq enrol K07 --sign HEX --box HEX --office /srv/office")
def enrol(
    kiosk: Kiosk,
    office: Folder,
    *,
    sign: Annotated[str, typer.Option(help="Its Ed25519 key, as `kiosk init` printed it.")],
    box: Annotated[str, typer.Option(help="Its X25519 key, as `kiosk init` printed it.")],
    region: Annotated[int, typer.Option(min=1, max=0xFFFFFFFF)] = 1,
) -> None:
    """Make a kiosk known: from now on something can be sent to it."""
    from kiosk.hq.office import Enrolled, OfficeError

    opened = _office(office)
    try:
        opened.enrol(kiosk, msgspec.convert({"sign": sign, "box": box, "region": region}, Enrolled))
    except msgspec.ValidationError:
        raise ended("A key is 64 lower hex digits.", EXIT_REFUSED) from None
    except OfficeError as error:
        raise ended(str(error), EXIT_REFUSED) from None
    typer.echo(f"{kiosk} is known, in region {region}.")


@store_app.command("make", epilog='Example: kiosk hq store make K07 --card "Boot" --vault vault.json --office /srv/office')
def make(
    kiosk: Kiosk,
    office: Folder,
    *,
    card: Annotated[str, typer.Option("--card", help="The reader with the boot card in it, by a part of its name.")],
    vault: Annotated[Path | None, typer.Option("--vault", help="The utility's vault file; none for a security module.")] = None,
    token: Token = "",
    module: Module = None,
    vault_secret: Annotated[
        Path | None, typer.Option("--vault-secret", help="The vault's passphrase or the token's PIN; asked for if left out.")
    ] = None,
    registry: Annotated[
        Path | None, typer.Option(envvar="KIOSK_REGISTRY", help="Where it is written down that they left; the office's own if left out.")
    ] = None,
    secret_file: Secret = None,
    days: Days = 90,
    out: Annotated[Path | None, typer.Option("--out", help="Put it into this mail bag instead of the office's own.")] = None,
) -> None:
    """Wrap the trading keys of a kiosk's region for it and the boot card in that reader, and put them into the mail bag."""
    from kiosk.devices.vault.suite import NoSuchKey
    from kiosk.hq.office import OfficeError
    from kiosk.hq.registry import Registry, RegistryError
    from kiosk.hq.stores import trading_store
    from kiosk.keys import boot_certificate
    from kiosk.vend.ports import VaultError

    opened, now_ms = _office(office), _now_ms()
    try:
        signer = opened.signer("decision", [asking.secret(secret_file, "Passphrase of DECISION")])
        masters = opened_vault(vault, token, module, vault_secret)
        with closing(Registry(registry or office / "registry.db", _now_ms)) as book:
            delivered = trading_store(
                opened, masters, book.witness, signer, kiosk=kiosk, certificate=boot_certificate(card), now_ms=now_ms, days=days
            )
        path = opened.publish("store", kiosk, msgspec.json.encode(delivered), signer, days=days, now_ms=now_ms, bag=out)
    except (OfficeError, RegistryError, VaultError, NoSuchKey) as error:
        raise ended(str(error), EXIT_REFUSED) from None
    typer.echo(str(path))


@hq_app.command("publish-float", epilog="Example: kiosk hq publish-float K07 50000.00 --office /srv/office")
def publish_float(
    kiosk: Kiosk,
    amount: Annotated[str, typer.Argument(help="Major units, two places: 50000.00.")],
    office: Folder,
    secret_file: Secret = None,
    days: Days = 30,
) -> None:
    """Let a kiosk sell for so much more."""
    from kiosk.hq.office import DAY_MS, OfficeError
    from kiosk.hq.stores import float_grant

    whole, dot, cents = amount.partition(".")
    if not (whole.isdecimal() and whole.isascii() and (not dot or (len(cents) == 2 and cents.isdecimal()))):
        raise ended(f"{amount} is no amount; write 50000.00.", EXIT_REFUSED)
    opened, signer = _signing(office, secret_file)
    try:
        amount_minor = int(whole + (cents or "00"))
        body = float_grant(opened, signer, kiosk=kiosk, amount_minor=amount_minor, until_ms=_now_ms() + days * DAY_MS)
    except OfficeError as error:
        raise ended(str(error), EXIT_REFUSED) from None
    _publish(opened, signer, "float", kiosk, body=body, days=days)


@hq_app.command("publish-roster", epilog="Example: kiosk hq publish-roster K07 roster.json --office /srv/office")
def publish_roster(
    kiosk: Kiosk,
    file: Annotated[Path, typer.Argument(help="The roster, as JSON.")],
    office: Folder,
    secret_file: Secret = None,
    days: Days = 365,
) -> None:
    """Say who may do what at a kiosk. A roster that no kiosk would take is not signed."""
    from kiosk.vend.operators.tree import RosterRefused, roster_of

    body = _contents(file)
    try:
        roster_of(body)
    except RosterRefused as error:
        raise ended(str(error), EXIT_REFUSED) from None
    opened, signer = _signing(office, secret_file)
    _publish(opened, signer, "roster", kiosk, body=body, days=days)


@hq_app.command("pin", epilog="Example: kiosk hq pin --secret-file pin.txt")
def pin(secret_file: Annotated[Path | None, typer.Option(help="The PIN in the first line; asked for if left out.")] = None) -> None:
    """What stands for an operator's PIN in a roster: an argon2id string, another one each time."""
    from kiosk.devices.vault.pins import hashed
    from kiosk.vend.staff import PIN_DIGITS

    typed = asking.secret(secret_file, "PIN", new=True)
    if not (len(typed) == PIN_DIGITS and typed.isdecimal() and typed.isascii()):
        raise ended(f"A PIN has {PIN_DIGITS} digits.", EXIT_REFUSED)
    typer.echo(hashed(typed))


@hq_app.command("publish-hotlist", epilog="Example: kiosk hq publish-hotlist blocked.txt --office /srv/office")
def publish_hotlist(
    file: Annotated[Path, typer.Argument(help="One serial of 16 hex digits a line.")],
    office: Folder,
    secret_file: Secret = None,
    days: Days = 30,
) -> None:
    """Name the cards that no kiosk serves any more."""
    try:
        serials = sorted({bytes.fromhex(line.strip()) for line in _contents(file).decode("ascii").splitlines() if line.strip()})
    except ValueError:
        serials = [b""]
    if any(len(serial) != 8 for serial in serials):
        raise ended("A hotlist has one serial of 16 hex digits a line.", EXIT_REFUSED)
    opened, signer = _signing(office, secret_file)
    _publish(opened, signer, "hotlist", "*", body=b"".join(serials), days=days)


@hq_app.command("publish-limits", epilog="Example: kiosk hq publish-limits limits.json --office /srv/office")
def publish_limits(
    file: Annotated[Path, typer.Argument(help='{"values":{"sale_max_minor":50000},"restart":"finish","restart_ms":3600000}')],
    office: Folder,
    secret_file: Secret = None,
    days: Days = 365,
) -> None:
    """Say what a kiosk may do by itself, and whether its keys outlive a restart: none, finish or trade."""
    from kiosk.sync.bodies import LimitsBody

    try:
        body = msgspec.json.encode(msgspec.json.decode(_contents(file), type=LimitsBody))
    except msgspec.MsgspecError as error:
        raise ended(f"{file} is no list of limits: {error}.", EXIT_REFUSED) from None
    opened, signer = _signing(office, secret_file)
    _publish(opened, signer, "limits", "*", body=body, days=days)


@hq_app.command("publish-keys", epilog="Example: kiosk hq publish-keys --revoke-kiosk K07 --office /srv/office")
def publish_keys(
    office: Folder,
    *,
    revoke_kiosk: Annotated[list[str] | None, typer.Option(help="A kiosk whose keys end.")] = None,
    revoke_card: Annotated[list[str] | None, typer.Option(help="SHA-256 of a boot card's certificate, 64 hex digits.")] = None,
    dead: Annotated[list[int] | None, typer.Option(help="A KIOSK generation that serves no more.")] = None,
    first_secret: First = None,
    second_secret: Second = None,
) -> None:
    """Sign the list of keys anew, with what is revoked from now on. The root signs: two people."""
    from kiosk.hq.office import OfficeError

    opened = _office(office)
    try:
        signer = opened.signer("root-1", _two(first_secret, second_secret))
        path = opened.publish_keys(signer, keys=_grown(opened, revoke_kiosk, revoke_card, dead), now_ms=_now_ms())
    except OfficeError as error:
        raise ended(str(error), EXIT_REFUSED) from None
    typer.echo(str(path))


@hq_app.command("rotate-batch-key", epilog="Example: kiosk hq rotate-batch-key --office /srv/office")
def rotate_batch_key(office: Folder, first_secret: First = None, second_secret: Second = None) -> None:
    """Make a new key that kiosks box their batches to, and sign it into the list of keys. Earlier ones are kept: mail is on its way."""
    from kiosk.hq.office import OfficeError

    opened = _office(office)
    try:
        path = opened.rotate_batch_key(opened.signer("root-1", _two(first_secret, second_secret)), now_ms=_now_ms())
    except OfficeError as error:
        raise ended(str(error), EXIT_REFUSED) from None
    typer.echo(str(path))


# ---------------------------------------------------------------- shared


def _office(folder: Path) -> "Office":
    from kiosk.hq.office import Office, OfficeError

    try:
        return Office(folder)
    except OfficeError as error:
        raise ended(str(error), EXIT_REFUSED) from None


def _signing(folder: Path, secret_file: Path | None) -> tuple["Office", "Signer"]:
    from kiosk.hq.office import OfficeError

    opened = _office(folder)
    try:
        return opened, opened.signer("decision", [asking.secret(secret_file, "Passphrase of DECISION")])
    except OfficeError as error:
        raise ended(str(error), EXIT_REFUSED) from None


def _publish(office: "Office", signer: "Signer", kind: "Kind", to: str, *, body: bytes, days: int) -> None:
    from kiosk.hq.office import OfficeError

    try:
        typer.echo(str(office.publish(kind, to, body, signer, days=days, now_ms=_now_ms())))
    except OfficeError as error:
        raise ended(str(error), EXIT_REFUSED) from None


def _grown(office: "Office", kiosks: list[str] | None, cards: list[str] | None, dead: list[int] | None) -> "KeyList":
    """What is revoked stays so."""
    from kiosk.hq.office import OfficeError
    from kiosk.sync.item import KeyList

    old = office.record.keys
    if old is None:
        raise OfficeError("This office has no list of keys yet.")
    grown = {
        "decision": old.decision,
        "ack": old.ack,
        "revoked_kiosks": sorted({*old.revoked_kiosks, *(kiosks or ())}),
        "revoked_cards": sorted({*old.revoked_cards, *(cards or ())}),
        "dead": sorted({*old.dead, *(dead or ())}),
        "batch": old.batch,
    }
    try:
        return msgspec.convert(grown, KeyList)
    except msgspec.ValidationError:
        raise OfficeError("A card is named by 64 hex digits, a generation by a number.") from None


def _two(first: Path | None, second: Path | None, *, new: bool = False) -> tuple[str, str]:
    return asking.secret(first, "The root, first person", new=new), asking.secret(second, "The root, second person", new=new)


def _contents(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ended(f"{file} cannot be read: {error.strerror}.", EXIT_REFUSED) from None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
