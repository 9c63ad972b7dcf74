"""`kiosk hq`: the head office's keys, and what it sends to its kiosks.

Exit codes: 0 done, 1 refused, 2 wrong call, 3 a part is missing.
"""

import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from kiosk.commands import EXIT_REFUSED, asking, ended, say
from kiosk.commands.hq_clock import Clock, Sure
from kiosk.commands.hq_publish import publish_app
from kiosk.commands.hq_signer import decision, root, two
from kiosk.commands.hq_store import Database
from kiosk.commands.vault import Module, Token
from kiosk.commands.vault import opened as opened_vault

if TYPE_CHECKING:
    from kiosk.hq.office import Office

hq_app = typer.Typer(no_args_is_help=True, help="The head office: keys, stores, lists and floats.")
store_app = typer.Typer(no_args_is_help=True, help="Trading stores.")
store_app.callback()(lambda: None)
hq_app.add_typer(store_app, name="store")
hq_app.add_typer(publish_app, name="publish")

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
    """Make the office's keys: two roots, which want two people; DECISION; ACK; its store, and its registry of cards. Prints what every
    kiosk pins."""
    from kiosk.commands.hq_store import make_store
    from kiosk.hq.cards.registry import REGISTRY, Registry, RegistryError
    from kiosk.hq.office import Office, OfficeError

    people = two(first_secret, second_secret, new=True)
    try:
        third = asking.secret(secret_file, "Passphrase of DECISION", new=True)
        made = Office.create(office, utility, people, third, now_ms=_now_ms())
    except OfficeError as error:
        raise ended(str(error), EXIT_REFUSED) from None
    make_store(made, store)
    try:
        Registry(office / REGISTRY, _now_ms).close()
    except RegistryError as error:
        raise ended(str(error), EXIT_REFUSED) from None
    say("[keys]\nroot = [" + ", ".join(f'"{key}"' for key in made.record.roots) + "]")


@hq_app.command("enrol", epilog="Example: kiosk hq enrol K07 --sign HEX --box HEX --office /srv/office")
def enrol(
    kiosk: Kiosk,
    office: Folder,
    *,
    sign: Annotated[str, typer.Option(help="Its Ed25519 key, as `kiosk init` printed it.")],
    box: Annotated[str, typer.Option(help="Its X25519 key, as `kiosk init` printed it.")],
    region: Annotated[int, typer.Option(min=1, max=0xFFFFFFFF)] = 1,
    place: Annotated[str, typer.Option(help="Where it stands: u1/r3/s2/k07; u1/r3/k07 if left out.")] = "",
) -> None:
    """Make a kiosk known: from now on something can be sent to it."""
    from kiosk.hq.office import Enrolled, OfficeError

    opened = _office(office)
    try:
        opened.enrol(kiosk, msgspec.convert({"sign": sign, "box": box, "region": region, "place": place}, Enrolled))
    except msgspec.ValidationError:
        raise ended("A key is 64 lower hex digits, a place like u1/r3/k07.", EXIT_REFUSED) from None
    except OfficeError as error:
        raise ended(str(error), EXIT_REFUSED) from None
    say(f"{kiosk} is known, in region {region}.")


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
    database: Database = "",
    clock_is_right: Sure = False,
) -> None:
    """Wrap the trading keys of a kiosk's region for it and the boot card in that reader, and put them into the mail bag."""
    from kiosk.devices.vault.suite import NoSuchKey
    from kiosk.hq.cards.registry import Registry, RegistryError
    from kiosk.hq.downlink.stores import trading_store
    from kiosk.hq.office import OfficeError
    from kiosk.keys import boot_certificate
    from kiosk.vend.ports import VaultError

    opened, now_ms = _office(office), _now_ms()
    try:
        Clock(database, clock_is_right).checked(opened, now_ms)
        signer = decision(opened, database, secret_file)
        masters = opened_vault(vault, token, module, vault_secret)
        with closing(Registry(registry or office / "registry.db", _now_ms)) as book:
            delivered = trading_store(
                opened, masters, book.witness, signer, kiosk=kiosk, certificate=boot_certificate(card), now_ms=now_ms, days=days
            )
        path = opened.publish("store", kiosk, msgspec.json.encode(delivered), signer, days=days, now_ms=now_ms, bag=out)
    except (OfficeError, RegistryError, VaultError, NoSuchKey) as error:
        raise ended(str(error), EXIT_REFUSED) from None
    say(str(path))


@hq_app.command("pin", epilog="Example: kiosk hq pin --secret-file pin.txt")
def pin(secret_file: Annotated[Path | None, typer.Option(help="The PIN in the first line; asked for if left out.")] = None) -> None:
    """What stands for an operator's PIN in a roster: an argon2id string, another one each time."""
    from kiosk.devices.vault.pins import hashed
    from kiosk.vend.staff import PIN_DIGITS

    typed = asking.secret(secret_file, "PIN", new=True)
    if not (len(typed) == PIN_DIGITS and typed.isdecimal() and typed.isascii()):
        raise ended(f"A PIN has {PIN_DIGITS} digits.", EXIT_REFUSED)
    say(hashed(typed))


@hq_app.command("rotate-batch-key", epilog="Example: kiosk hq rotate-batch-key --office /srv/office")
def rotate_batch_key(
    office: Folder, first_secret: First = None, second_secret: Second = None, *, database: Database = "", clock_is_right: Sure = False
) -> None:
    """Make a new key that kiosks box their batches to, and sign it into the list of keys. Earlier ones are kept: mail is on its way."""
    from kiosk.hq.office import OfficeError

    opened = _office(office)
    try:
        Clock(database, clock_is_right).checked(opened, _now_ms())
        path = opened.rotate_batch_key(root(opened, database, first_secret, second_secret), now_ms=_now_ms())
    except OfficeError as error:
        raise ended(str(error), EXIT_REFUSED) from None
    say(str(path))


# ---------------------------------------------------------------- shared


def _office(folder: Path) -> "Office":
    from kiosk.hq.office import Office, OfficeError

    try:
        return Office(folder)
    except OfficeError as error:
        raise ended(str(error), EXIT_REFUSED) from None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
