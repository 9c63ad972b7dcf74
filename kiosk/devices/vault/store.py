"""The trading store: the masters of one region, which only one boot card opens, at one kiosk, and never twice in the same way.

Two files in the kiosk's folder of keys, both its alone (docs/keys.md):

    trading.json   {"v":1, "statement": text, "signature": hex, "point": hex, "wrapped": {"1/auth/0": hex, ...}}
    STORE.share    32 random bytes, that whoever steals the card and trading.json has not; STORE is the store's id

    Z    = ECDH(the card's key 9D, point), point fresh at every unlock
    KEK  = HKDF-SHA256(Z || share, salt = kiosk || 00 || store,
                       info = "kiosk-trading" || 00 || utility(4) || epoch(4) || version(4) || SHA-256(the card's certificate))
    wrapped = AES key wrap (RFC 3394) of each master under the KEK

The statement is the head office's, signed under "store": for whom, which card, from when until when, and a check value of every master,
made with it where it lies; a security module gives no master away to be hashed. After each unlock there is another point, and everything
is wrapped anew, so that a Z which somebody recorded opens nothing later.
"""

import contextlib
import hmac
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Protocol

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec import Meta

from kiosk import envelope, safefile
from kiosk.devices.vault.keyset import Generation, Moment, Uint16
from kiosk.devices.vault.sm4 import Sm4
from kiosk.devices.vault.suite import DIVERSIFIER_BYTES, Aes128, CardCrypto, Keyring, NoSuchKey, PlainMaster, Role
from kiosk.devices.vault.trading import TradingVault
from kiosk.envelope import KIOSK_ID
from kiosk.vend.ports import VaultLocked

LABEL = "store"
FILE_MAX = 64 * 1024
STATEMENT_MAX = 16 * 1024
SHARE_BYTES, KEK_BYTES = 32, 32
SETS_MAX, GENERATIONS_MAX = 16, 8
WARM = "warm.json"

Number = Annotated[int, Meta(ge=1, le=0xFFFFFFFF)]
Hash64 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Check = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
Wrapped = Annotated[str, Meta(pattern=r"^[0-9a-f]{48}\Z")]
Point = Annotated[str, Meta(pattern=r"^04[0-9a-f]{128}\Z")]
Name = Annotated[str, Meta(max_length=24)]


class StoreSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One key set in the store: cards of it are served from `not_before_ms` until `until_ms`. `checks`: "auth/0" -> check value."""

    version: Uint16
    suite: Literal["aes128", "sm4"]
    not_before_ms: Moment
    until_ms: Moment
    generations: Annotated[tuple[Generation, ...], Meta(min_length=1, max_length=GENERATIONS_MAX)]
    checks: dict[Name, Check]
    codes: Annotated[tuple[Uint16, ...], Meta(max_length=GENERATIONS_MAX)] = ()  # generations of transfer codes


class Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the head office signs of a store. `certificate`: SHA-256 of the boot card's, hex."""

    kiosk: Annotated[str, Meta(pattern=rf"^{KIOSK_ID}\Z")]
    store: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]
    utility: Number
    region: Number
    epoch: Number
    version: Number
    certificate: Hash64
    not_before_ms: Moment
    until_ms: Moment
    sets: Annotated[tuple[StoreSet, ...], Meta(min_length=1, max_length=SETS_MAX)]
    v: Literal[1] = 1


class StoreFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """trading.json. `statement` is the exact text that was signed."""

    statement: Annotated[str, Meta(max_length=STATEMENT_MAX)]
    signature: Annotated[str, Meta(pattern=r"^[0-9a-f]{128}\Z")]
    point: Point
    wrapped: dict[Name, Wrapped]
    v: Literal[1] = 1

    def __repr__(self) -> str:
        return "StoreFile(hidden)"


class Delivered(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A store on its way to the kiosk, boxed to it: the file and the share."""

    file: StoreFile
    share: Hash64

    def __repr__(self) -> str:
        return "Delivered(hidden)"


class Expected(msgspec.Struct, frozen=True):
    """What this kiosk knows before it believes a store. `least`: the (epoch, version) that its journal knows; `revoked`: certificates."""

    kiosk: str
    utility: int
    region: int
    signers: tuple[bytes, ...]  # Ed25519, DECISION
    least: tuple[int, int]
    now_ms: int
    revoked: frozenset[str] = frozenset()


class BootRefused(VaultLocked):
    """The trading store stays shut. `why`: one of the words of `vend.trust.BootCardRefused`; `left`: tries, by the card's own count."""

    def __init__(self, why: str, left: int | None = None, certificate: str = "") -> None:
        self.why, self.left, self.certificate = why, left, certificate
        super().__init__(SENTENCES[why].format(left="" if left is None else f", {left} left"))


SENTENCES = {
    "no_store": "There is no trading store here: the head office makes one for this kiosk and a boot card.",
    "no_reader": "The reader for the boot card does not work.",
    "no_card": "There is no boot card in its reader.",
    "not_piv": "This is no boot card.",
    "pin": "The PIN is wrong{left}.",
    "last_try": "The card has one try left, and it is not spent by itself: ask the head office, or say that the last try may be used.",
    "blocked": "The card has blocked its PIN: the head office gives out another card.",
    "wrong_card": "This is not the boot card of this kiosk's store.",
    "wrong_kiosk": "This trading store was made for another kiosk.",
    "not_yet": "This trading store is not valid yet.",
    "expired": "This trading store has expired: the head office sends another one.",
    "revoked": "This boot card is revoked.",
    "older": "This trading store is older than one that was here before.",
    "disk": "The disk does not take the trading store wrapped anew; without that it stays shut.",
    "unheard": "The machine did not write down that its keys are open, so they are shut again.",
    "damaged": "The trading store is damaged or was not signed by the head office: it sends another one.",
}


class BootCard(Protocol):
    """The card in the boot reader, its PIN not shown yet."""

    def certificate(self) -> bytes:
        """DER."""

    def agree(self, point: bytes) -> bytes:
        """Show the PIN and agree 32 bytes with this point. Raises BootRefused."""


class Masters(NamedTuple):
    """By "version/role/generation"."""

    by_name: Mapping[str, bytes]

    def __repr__(self) -> str:
        return "Masters(hidden)"


# ---------------------------------------------------------------- believing it


def stored(raw: bytes) -> StoreFile:
    """Raises BootRefused."""
    try:
        return msgspec.json.decode(raw, type=StoreFile)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    raise BootRefused("damaged")


def examined(file: StoreFile, expected: Expected) -> Statement:
    """The statement, when the head office made it for this kiosk and it holds now. No key is needed for that. Raises BootRefused."""
    text = file.statement.encode()
    if not any(envelope.holds(key, LABEL, text, bytes.fromhex(file.signature)) for key in expected.signers):
        raise BootRefused("damaged")
    try:
        said = msgspec.json.decode(text, type=Statement)
    except (msgspec.MsgspecError, RecursionError):
        said = None
    if said is None or not all(_whole(each) for each in said.sets):
        raise BootRefused("damaged")
    if said.kiosk != expected.kiosk or (said.utility, said.region) != (expected.utility, expected.region):
        raise BootRefused("wrong_kiosk")
    if (said.epoch, said.version) < expected.least:
        raise BootRefused("older")
    if expected.now_ms < said.not_before_ms:
        raise BootRefused("not_yet")
    if expected.now_ms >= said.until_ms:
        raise BootRefused("expired")
    if said.certificate in expected.revoked:
        raise BootRefused("revoked", certificate=said.certificate)
    return said


def _whole(each: StoreSet) -> bool:
    """It says a check value of AUTH, of TAG and of each of its generations, and of nothing else."""
    generations = (*(f"kiosk/{generation.number}" for generation in each.generations), *(f"code/{number}" for number in each.codes))
    return set(each.checks) == {"auth/0", "tag/0", *generations}


# ---------------------------------------------------------------- opening it


def unlocked(folder: Path, expected: Expected, card: BootCard) -> tuple[Statement, Masters]:
    """Open the store with its card, and wrap it anew under another point before anything is done with it. Raises BootRefused."""
    file = read_store(folder)
    said = examined(file, expected)
    der = card.certificate()
    if not hmac.compare_digest(digest(der), said.certificate):
        raise BootRefused("wrong_card", certificate=digest(der))
    share = _read(share_path(folder, said.store), SHARE_BYTES)
    if len(share) != SHARE_BYTES:
        raise BootRefused("damaged")
    point = point_of(bytes.fromhex(file.point))
    masters = _unwrapped(file, said, kek(card.agree(point), share, said))
    write_store(folder, wrapped_anew(file, said, masters, share, public_key(der)))
    return said, masters


def kek(secret: bytes, share: bytes, said: Statement) -> bytes:
    """32 bytes: what the masters are wrapped under."""
    info = b"kiosk-trading\0" + said.utility.to_bytes(4) + said.epoch.to_bytes(4) + said.version.to_bytes(4)
    salt = said.kiosk.encode() + b"\0" + said.store.encode()
    return HKDF(SHA256(), KEK_BYTES, salt, info + bytes.fromhex(said.certificate)).derive(secret + share)


def _unwrapped(file: StoreFile, said: Statement, key: bytes) -> Masters:
    """Each master, checked against what the head office signed. Raises BootRefused."""
    found: dict[str, bytes] = {}
    wanted = {f"{each.version}/{name}": check for each in said.sets for name, check in each.checks.items()}
    with contextlib.suppress(InvalidUnwrap, ValueError):
        found = {name: aes_key_unwrap(key, bytes.fromhex(file.wrapped[name])) for name in wanted if name in file.wrapped}
    if not found:  # the card agreed something else than the head office did: said outside of the handler, no cause may travel with it
        raise BootRefused("wrong_card", certificate=said.certificate)
    if set(found) != set(wanted) or set(file.wrapped) != set(wanted):
        raise BootRefused("damaged")
    checked(said, Masters(found))
    return Masters(found)


def checked(said: Statement, masters: Masters) -> None:
    """Are these the masters that the head office meant? In constant time. Raises BootRefused."""
    right = [
        hmac.compare_digest(check_value(keyring(said.utility, each.version, masters), said.store, name), bytes.fromhex(check))
        for each in said.sets
        for name, check in each.checks.items()
    ]
    if not all(right):
        raise BootRefused("damaged")


def check_value(keys: Keyring, store: str, name: str) -> bytes:
    """16 bytes: a MAC that no card is ever asked for, by a key of this master, over the store's own id. `name`: "kiosk/3"."""
    role, _, generation = name.partition("/")
    return keys.mac(Role[role.upper()], int(generation), bytes(DIVERSIFIER_BYTES), b"store\0" + store.encode())


def wrapped_anew(file: StoreFile, said: Statement, masters: Masters, share: bytes, card_key: ec.EllipticCurvePublicKey) -> StoreFile:
    """The same masters under another point: what the card agreed before opens this no more."""
    fresh = ec.generate_private_key(ec.SECP256R1())
    key = kek(fresh.exchange(ec.ECDH(), card_key), share, said)
    wrapped = {name: aes_key_wrap(key, master).hex() for name, master in masters.by_name.items()}
    return msgspec.structs.replace(file, point=encoded(fresh.public_key()).hex(), wrapped=wrapped)


def keyring(utility: int, version: int, masters: Masters) -> Keyring:
    """What makes the card keys of one set."""

    def master_of(role: Role, generation: int) -> PlainMaster:
        master = masters.by_name.get(f"{version}/{role.name.lower()}/{generation}")
        if master is None:
            raise NoSuchKey(f"the trading store has no {role.name} key of generation {generation}")
        return PlainMaster(master)

    return Keyring(utility, master_of)


def vault_of(said: Statement, masters: Masters, now_ms: int) -> TradingVault:
    """The answers of these keys, newest set first. Raises BootRefused when no set is served now."""
    suites: list[CardCrypto] = []
    codes: list[Keyring] = []
    for each in sorted(said.sets, key=lambda one: one.version, reverse=True):
        if each.not_before_ms <= now_ms < each.until_ms:
            keys = keyring(said.utility, each.version, masters)
            suites.append(Sm4(keys) if each.suite == "sm4" else Aes128(keys))
            codes.append(keys)
    if not suites:
        raise BootRefused("expired")
    return TradingVault(suites, codes)


# ---------------------------------------------------------------- points and certificates


def digest(der: bytes) -> str:
    """SHA-256 of a certificate, hex."""
    made = Hash(SHA256())
    made.update(der)
    return made.finalize().hex()


def public_key(der: bytes) -> ec.EllipticCurvePublicKey:
    """The P-256 key of a certificate. Raises BootRefused."""
    try:
        key = x509.load_der_x509_certificate(der).public_key()
    except Exception:  # noqa: BLE001 - whatever the parser says, this is no boot card's
        key = None
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise BootRefused("not_piv")
    return key


def point_of(raw: bytes) -> bytes:
    """The same 65 bytes, when they are a point of the curve. Raises BootRefused."""
    try:
        return encoded(ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw))
    except ValueError:
        pass
    raise BootRefused("damaged")


def encoded(key: ec.EllipticCurvePublicKey) -> bytes:
    """65 bytes, uncompressed."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


# ---------------------------------------------------------------- the two files


def read_store(folder: Path) -> StoreFile:
    """Raises BootRefused."""
    return stored(_read(folder / "trading.json", FILE_MAX))


def write_store(folder: Path, file: StoreFile) -> None:
    """Durably, in place of the one before. Raises BootRefused when the disk does not take it: the old one still opens."""
    try:
        safefile.write(folder / "trading.json", msgspec.json.format(msgspec.json.encode(file), indent=1) + b"\n")
    except OSError:
        raise BootRefused("disk") from None


def install(folder: Path, delivered: Delivered, store: str) -> None:
    """The share first, under its store's own name: a power cut leaves the old store or the new one, whole. OSError, BootRefused."""
    safefile.folder(folder)
    safefile.write(share_path(folder, store), bytes.fromhex(delivered.share))
    write_store(folder, delivered.file)
    for path in (*folder.glob("*.share"), folder / WARM):
        if path != share_path(folder, store):
            wipe(path)


def erase(folder: Path) -> None:
    """After a tamper: nothing of the trading keys stays."""
    for path in (*folder.glob("*.share"), folder / "trading.json", folder / WARM):
        wipe(path)


def wipe(path: Path) -> None:
    """Overwritten first, for what that is worth on flash, then deleted. Harmless when it is not there."""
    with contextlib.suppress(FileNotFoundError):
        if not path.is_symlink():
            with path.open("r+b") as file:
                file.write(secrets.token_bytes(path.stat().st_size))
                file.flush()
                os.fsync(file.fileno())
        path.unlink()


def share_path(folder: Path, store: str) -> Path:
    """Where the share of that store lies."""
    return folder / f"{store}.share"


def _read(path: Path, size_max: int) -> bytes:
    try:
        return safefile.read(path, size_max)
    except FileNotFoundError:
        raise BootRefused("no_store") from None
    except safefile.UnsafeFile:
        raise BootRefused("damaged") from None
