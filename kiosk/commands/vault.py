"""`kiosk vault`: make a utility's vault, say what is in it, let the next keys begin. Keys are never shown.

Exit codes: 0 done, 1 refused (wrong passphrase or PIN, a vault is there already, no more room), 2 wrong call, 3 no file, module or token,
4 the vault is damaged.
"""

import datetime as dt
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from kiosk.commands import EXIT_DAMAGED, EXIT_MISSING, EXIT_REFUSED, EXIT_USAGE, asking, ended, say

if TYPE_CHECKING:
    from kiosk.devices.vault.file import FileVault
    from kiosk.devices.vault.hsm import TokenVault
    from kiosk.devices.vault.keyset import KeySet

vault_app = typer.Typer(no_args_is_help=True, help="The utility's keys: a file or a security module.")

DAYS_MAX = 36_500

File = Annotated[Path | None, typer.Argument(help="The vault's file; none for a security module.")]
Token = Annotated[str, typer.Option("--token", help="Instead of a file: the label of a PKCS#11 token.")]
Module = Annotated[Path | None, typer.Option("--module", envvar="KIOSK_PKCS11_MODULE", help="The PKCS#11 library of that token.")]
SecretFile = Annotated[
    Path | None, typer.Option("--secret-file", help="Passphrase or PIN in the first line of this file; asked for if left out.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
Days = Annotated[int, typer.Option(min=1, max=DAYS_MAX, help="A set issues cards for so many days and serves them for twice as many.")]
GenerationDays = Annotated[int, typer.Option(min=1, max=DAYS_MAX, help="How soon a generation of the kiosk key follows the last.")]


@vault_app.command("init", epilog="Example: kiosk vault init vault.json --utility 1")
def init(
    file: File = None,
    *,
    utility: Annotated[int, typer.Option(min=1, max=0xFFFFFFFF, help="The utility's number: part of every key.")],
    suite: Annotated[str, typer.Option(help="The cards' cipher: aes128 or sm4.")] = "aes128",
    days: Days = 3650,
    generation_days: GenerationDays = 365,
    token: Token = "",
    module: Module = None,
    secret_file: SecretFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a vault with its first key set: six new masters, three generations of the kiosk key. None is ever overwritten."""
    from kiosk.devices.vault.keyset import first_set
    from kiosk.vend.ports import VaultError

    ciphers: dict[str, Literal["aes128", "sm4"]] = {"aes128": "aes128", "sm4": "sm4"}
    if suite not in ciphers:
        raise ended(f"{suite} is no cipher of cards; known are {', '.join(ciphers)}.", EXIT_USAGE)
    place = _place(file, token, module)
    first = first_set(ciphers[suite], _now_ms(), days, generation_days)
    try:
        if isinstance(place, Path):
            from kiosk.devices.vault.file import FileVault

            vault: FileVault | TokenVault = FileVault.create(place, asking.secret(secret_file, "Passphrase", new=True), utility, first)
        else:
            vault = _token_vault().create(*place, asking.secret(secret_file, "PIN"), utility, first)
    except VaultError as error:
        raise _refused(error) from None
    _show(vault, as_json)


@vault_app.command("show", epilog="Example: kiosk vault show vault.json --json")
def show(file: File = None, *, token: Token = "", module: Module = None, secret_file: SecretFile = None, as_json: AsJson = False) -> None:
    """Say which key sets there are, from when until when, and their check values, which two people can compare aloud."""
    _show(opened(file, token, module, secret_file), as_json)


@vault_app.command("rotate", epilog="Example: kiosk vault rotate vault.json --new-set")
def rotate(
    file: File = None,
    *,
    new_set: Annotated[bool, typer.Option("--new-set", help="New masters for all new cards, instead of one more generation.")] = False,
    days: Days = 3650,
    generation_days: GenerationDays = 365,
    token: Token = "",
    module: Module = None,
    secret_file: SecretFile = None,
    as_json: AsJson = False,
) -> None:
    """Add the next generation of the kiosk key; or a new key set, from now on the only one that issues cards."""
    from kiosk.devices.vault.keyset import next_generation, next_set
    from kiosk.vend.ports import VaultError

    vault = opened(file, token, module, secret_file)
    try:
        vault.keep(next_set(vault.sets, _now_ms(), days) if new_set else next_generation(vault.sets, generation_days))
    except VaultError as error:
        raise _refused(error) from None
    _show(vault, as_json)


# ---------------------------------------------------------------- where it is and what opens it


def _place(file: Path | None, token: str, module: Path | None) -> Path | tuple[Path, str]:
    if (file is None) == (not token):
        raise ended("Name the vault's file, or a token with --token.", EXIT_USAGE)
    if file is not None:
        return file
    if module is None:
        raise ended("Name the token's PKCS#11 library with --module, or in KIOSK_PKCS11_MODULE.", EXIT_USAGE)
    return module, token


def opened(file: Path | None, token: str, module: Path | None, secret_file: Path | None) -> "FileVault | TokenVault":
    """The vault that a command names; the end of the command where it does not open."""
    from kiosk.vend.ports import VaultError

    place = _place(file, token, module)
    try:
        if isinstance(place, Path):
            from kiosk.devices.vault.file import FileVault

            return FileVault(place, asking.secret(secret_file, "Passphrase"))
        return _token_vault()(*place, asking.secret(secret_file, "PIN"))
    except VaultError as error:
        raise _refused(error) from None


def _token_vault() -> "type[TokenVault]":
    try:
        from kiosk.devices.vault.hsm import TokenVault
    except ImportError:
        raise ended("PKCS#11 needs python-pkcs11: pip install 'kiosk[pkcs11]'", EXIT_MISSING) from None
    return TokenVault


def _refused(error: Exception) -> typer.Exit:
    from kiosk.devices.vault.keyset import VaultDamaged, VaultMissing

    code = EXIT_DAMAGED if isinstance(error, VaultDamaged) else EXIT_MISSING if isinstance(error, VaultMissing) else EXIT_REFUSED
    return ended(str(error), code)


# ---------------------------------------------------------------- what is told


def _show(vault: "FileVault | TokenVault", as_json: bool) -> None:
    if as_json:
        say(msgspec.json.encode({"utility": vault.utility, "sets": vault.sets}))
        return
    now_ms = _now_ms()
    say(f"utility {vault.utility}")
    for public in vault.sets:
        _show_set(public, now_ms)


def _show_set(public: "KeySet", now_ms: int) -> None:
    say(f"\nkey set {public.version}, cipher {public.suite}")
    say(f"  issues cards     {_day(public.not_before_ms)} to {_day(public.issued_until_ms)}{_now(public, now_ms)}")
    say(f"  accepts them     {_day(public.not_before_ms)} to {_day(public.until_ms)}")
    for each in public.generations:
        mark = "  now" if each.not_before_ms <= now_ms < each.until_ms else ""
        say(f"  kiosk key {each.number:<6} {_day(each.not_before_ms)} to {_day(each.until_ms)}{mark}")
    say("  check values     " + ", ".join(f"{name} {value}" for name, value in public.check_values.items()))


def _now(public: "KeySet", now_ms: int) -> str:
    return "  now" if public.not_before_ms <= now_ms < public.issued_until_ms else "  no more"


def _day(moment_ms: int) -> str:
    return dt.datetime.fromtimestamp(moment_ms / 1000, dt.UTC).strftime("%Y-%m-%d")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
