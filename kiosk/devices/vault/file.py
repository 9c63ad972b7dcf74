"""The file vault: a utility's masters in one file, under a passphrase. The embedded default where there is no security module.

JSON, at most 1 MiB, 0600 (docs/vault.md):

    {"v":1, "utility":1, "kdf":{"name":"scrypt","salt":hex16,"n":131072,"r":8,"p":1},
     "sets":[{"public":{...KeySet}, "masters":{"admin":hex40, ...}}], "seal":hex32}

scrypt (RFC 7914) makes 64 bytes: the first half wraps each master (AES key wrap, RFC 3394), the second is the HMAC-SHA256 key of the seal,
which is over everything else, so that no date or order can be changed without the passphrase.
"""

import contextlib
import hmac
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from msgspec import Meta

from kiosk import safefile
from kiosk.devices.vault.keyset import (
    KEY_BYTES,
    SETS_MAX,
    KeySet,
    VaultDamaged,
    VaultMissing,
    VaultRefusal,
    check_value_of,
    find,
    working_data,
)
from kiosk.devices.vault.suite import Keyring, NoSuchKey, PlainMaster, Role, cmac

FILE_MAX = 1 << 20  # sixteen sets of 256 generations are a third of it
PASSPHRASE_MIN, PASSPHRASE_MAX = 12, 1024
SALT_BYTES = 16
COST = 1 << 17  # 128 MiB and about half a second

Hex = Annotated[str, Meta(pattern=r"^([0-9a-f]{2}){16,64}\Z")]


class _Kdf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    salt: Hex
    n: Annotated[int, Meta(ge=1 << 14, le=1 << 18)]  # so that no file makes this process take more than 256 MiB
    r: Literal[8] = 8
    p: Literal[1] = 1
    name: Literal["scrypt"] = "scrypt"


class _Set(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    public: KeySet
    masters: dict[str, Hex]  # role -> wrapped


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    utility: Annotated[int, Meta(ge=1, le=0xFFFFFFFF)]
    kdf: _Kdf
    sets: Annotated[tuple[_Set, ...], Meta(min_length=1, max_length=SETS_MAX)]
    seal: Hex
    v: Literal[1] = 1


class FileVault:
    """An open file vault: the masters are in this process until it ends. Implements `kiosk.devices.vault.hq.MasterVault`."""

    def __init__(self, path: Path, passphrase: str) -> None:
        """Raises VaultRefusal, with one sentence, for a wrong passphrase and for a file that cannot be trusted."""
        stored = _read(path)
        self._path = path
        self._kdf, self.utility = stored.kdf, stored.utility
        self._wrapping, self._sealing = _keys_of(passphrase, stored.kdf)
        self._masters = {each.public.version: _unwrapped(each.masters, self._wrapping, path) for each in stored.sets}
        if not hmac.compare_digest(_seal(self._sealing, stored), bytes.fromhex(stored.seal)):
            raise VaultDamaged(f"The vault {path} was changed since it was written; restore it from its backup.")
        self.sets = tuple(each.public for each in stored.sets)

    def __repr__(self) -> str:
        return f"FileVault({str(self._path)!r}, keys hidden)"

    @classmethod
    def create(
        cls, path: Path, passphrase: str, utility: int, first: KeySet, *, masters: Mapping[Role, bytes] | None = None, cost: int = COST
    ) -> "FileVault":
        """Make a vault with its first set, of new random masters. `masters`: brought from elsewhere, 16, 24 or 32 bytes each."""
        if not PASSPHRASE_MIN <= len(passphrase) <= PASSPHRASE_MAX:
            raise VaultRefusal(f"A passphrase has {PASSPHRASE_MIN} to {PASSPHRASE_MAX} characters.")
        kdf = _Kdf(secrets.token_hex(SALT_BYTES), cost)
        wrapping, sealing = _keys_of(passphrase, kdf)
        _write(path, utility, kdf, [_new_set(first, masters or _random(), wrapping)], sealing, anew=True)
        return cls(path, passphrase)

    def keep(self, sets: tuple[KeySet, ...]) -> None:
        """Write down another state of the sets; one that is new gets new random masters. Sets are never left out."""
        masters = {each.version: self._masters.get(each.version) or _random() for each in sets}
        stored = [_new_set(each, masters[each.version], self._wrapping) for each in sets]
        _write(self._path, self.utility, self._kdf, stored, self._sealing)
        self.sets, self._masters = tuple(each.public for each in stored), masters

    def keyring(self, version: int, region: int) -> Keyring:
        """What makes the card keys of a region."""
        find(self.sets, version)

        def master_of(role: Role, generation: int) -> PlainMaster:
            return PlainMaster(self._working(version, region, role, generation))

        return Keyring(self.utility, master_of)

    def wrap_working_master(self, version: int, region: int, role: Role, generation: int, kek: bytes) -> bytes:
        """24 bytes: a region's master for a kiosk's trading store, wrapped under the 32 bytes `kek` (AES key wrap, RFC 3394)."""
        return aes_key_wrap(kek, self._working(version, region, role, generation))

    def _working(self, version: int, region: int, role: Role, generation: int) -> bytes:
        if role is Role.KIOSK:
            find(self.sets, version).generation(generation)
        if role not in self._masters[version]:
            raise NoSuchKey(f"key set {version} is from before there were transfer codes; make another set")
        return cmac(self._masters[version][role], working_data(self.utility, region, version, role, generation))


def _keys_of(passphrase: str, kdf: _Kdf) -> tuple[bytes, bytes]:
    made = Scrypt(salt=bytes.fromhex(kdf.salt), length=64, n=kdf.n, r=kdf.r, p=kdf.p).derive(passphrase.encode()[: 4 * PASSPHRASE_MAX])
    return made[:32], made[32:]


def _random() -> dict[Role, bytes]:
    return {role: secrets.token_bytes(KEY_BYTES) for role in Role}


def _new_set(public: KeySet, masters: Mapping[Role, bytes], wrapping: bytes) -> _Set:
    values = {role.name.lower(): check_value_of(key) for role, key in masters.items()}
    wrapped = {role.name.lower(): aes_key_wrap(wrapping, key).hex() for role, key in masters.items()}
    return _Set(msgspec.structs.replace(public, check_values=values), wrapped)


def _unwrapped(wrapped: Mapping[str, str], wrapping: bytes, path: Path) -> dict[Role, bytes]:
    roles = [role for role in Role if role.name.lower() in wrapped]
    if len(roles) != len(wrapped) or not set(Role) - set(roles) <= {Role.CODE}:
        raise VaultDamaged(f"The vault {path} is damaged: a set has not its masters; restore it from its backup.")
    opened = None
    with contextlib.suppress(InvalidUnwrap, ValueError):  # said outside of the handler: no cause may travel with it
        opened = {role: aes_key_unwrap(wrapping, bytes.fromhex(wrapped[role.name.lower()])) for role in roles}
    if opened is None:
        raise VaultRefusal(f"This passphrase does not open the vault {path}.")
    return opened


def _seal(sealing: bytes, stored: _File) -> bytes:
    body = msgspec.json.encode(msgspec.structs.replace(stored, seal=""))
    return hmac.digest(sealing, body, "sha256")


def _write(path: Path, utility: int, kdf: _Kdf, sets: list[_Set], sealing: bytes, *, anew: bool = False) -> None:
    unsealed = _File(utility, kdf, tuple(sets), "")
    whole = msgspec.structs.replace(unsealed, seal=_seal(sealing, unsealed).hex())
    try:
        safefile.write(path, msgspec.json.format(msgspec.json.encode(whole), indent=1) + b"\n", anew=anew)
    except FileExistsError:
        raise VaultRefusal(f"{path} exists already. A vault is never overwritten: no card of it could be served again.") from None
    except OSError as error:
        raise VaultRefusal(f"The vault {path} cannot be written: {error.strerror}.") from None


def _read(path: Path) -> _File:
    try:
        return msgspec.json.decode(safefile.read(path, FILE_MAX), type=_File)
    except FileNotFoundError:
        raise VaultMissing(f"There is no vault at {path}. Make one with: kiosk vault init {path} --utility NUMBER") from None
    except safefile.UnsafeFile as why:
        raise VaultRefusal(f"The vault {path} {why}.") from None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise VaultDamaged(f"The vault {path} is damaged, or of another version; restore it from its backup.") from None
