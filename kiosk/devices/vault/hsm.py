"""The PKCS#11 vault: a utility's masters in a security module, made there, SENSITIVE and not EXTRACTABLE; they never leave it.

One token a utility. In it (docs/vault.md):

    secret keys "kiosk uU vV ROLE"     AES-256, SIGN and DERIVE
    a data object "kiosk uU sets"      {"v":1,"utility":U,"edition":n,"sets":[KeySet...]}; the highest edition holds

CKM_AES_CMAC makes a diversified key that leaves. Where a key is only needed for MACs it is made inside: PKCS#11 has no derivation by CMAC,
but CKM_AES_ECB_ENCRYPT_DATA makes a key of one encrypted block, and the last block of a CMAC is one:

    CMAC(K, A || B) = AES(K, AES(K, A) xor B' xor K1|K2),   AES(K, A) = CMAC(K, A xor K1) for a whole block A

K1 and K2 come from AES(K, 0), which is therefore read once. They are masks, not keys: all that is derived here has two blocks and begins
with 01, and over messages of which none begins another a CBC-MAC is as good without secret masks.

SoftHSM 2.6 answers CKR_GENERAL_ERROR to a second thread, so one thread of the process owns the library.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Waited
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
import pkcs11
from msgspec import Meta
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass

from kiosk.devices.vault.keyset import (
    KEY_BYTES,
    SETS_MAX,
    KeySet,
    VaultDamaged,
    VaultMissing,
    VaultRefusal,
    check_value,
    find,
    working_data,
)
from kiosk.devices.vault.suite import Keyring, NoSuchKey, Role

BLOCK = 16
ANSWER_S = 60.0  # longest wait for the module; a million card keys are asked for in pieces
RECORD_MAX = 1 << 20
INSIDE = {Attribute.TOKEN: False, Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False}
FOR_CMAC = MechanismFlag.SIGN | MechanismFlag.DERIVE

Result = TypeVar("Result")
_owner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="pkcs11")


class _Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    utility: Annotated[int, Meta(ge=1, le=0xFFFFFFFF)]
    edition: Annotated[int, Meta(ge=1, lt=1 << 53)]
    sets: Annotated[tuple[KeySet, ...], Meta(min_length=1, max_length=SETS_MAX)]
    v: Literal[1] = 1


def owned(work: Callable[[], Result]) -> Result:
    """Do this on the one thread that may touch the library. Raises VaultRefusal in one sentence for what the module answers."""
    doing = _owner.submit(work)
    kind: type[VaultRefusal] = VaultRefusal
    try:
        return doing.result(ANSWER_S)
    except Waited:
        kind, why = VaultMissing, f"did not answer within {ANSWER_S:.0f} s"
    except pkcs11.PKCS11Error as error:
        kind = VaultMissing if isinstance(error, NOT_THERE) else VaultRefusal
        why = SENTENCES.get(type(error), f"refused: {type(error).__name__}")
    raise kind(f"The security module {why}.")


NOT_THERE = (pkcs11.NoSuchToken, pkcs11.TokenNotPresent, pkcs11.TokenNotRecognised, pkcs11.DeviceRemoved)
SENTENCES = {
    pkcs11.PinIncorrect: "says that the PIN is wrong; it counts the tries",
    pkcs11.PinLenRange: "says that the PIN is wrong; it counts the tries",
    pkcs11.PinLocked: "has locked itself after too many wrong PINs; its security officer can open it",
    pkcs11.NoSuchToken: "has no token of this name",
    pkcs11.MultipleTokensReturned: "has more than one token of this name",
    pkcs11.TokenNotPresent: "has no token in it",
    pkcs11.TokenNotRecognised: "has a token in it that was never initialised",
    pkcs11.UserAlreadyLoggedIn: "is open in this process already",
    pkcs11.UserPinNotInitialized: "has no user PIN yet; its security officer sets it",
    pkcs11.MechanismInvalid: "does not know CKM_AES_CMAC and CKM_AES_ECB_ENCRYPT_DATA, both of which a vault needs",
    pkcs11.DeviceRemoved: "was taken out",
    pkcs11.SessionHandleInvalid: "has closed the session",
}


class TokenMaster:
    """A `Master` inside the module. `key` is its object there."""

    def __init__(self, key: Any) -> None:
        self._key = key
        self._masks: tuple[bytes, bytes] | None = None

    def cmacs(self, messages: Sequence[bytes]) -> list[bytes]:
        """See `Master`. All of them in one visit to the owning thread."""
        return owned(partial(self._cmacs, messages))

    def cmac_under(self, data: bytes, message: bytes) -> bytes:
        """See `Master`. The key between is destroyed before this returns."""
        return owned(lambda: self._cmac_under(data, message))

    def made_inside(self, data: bytes, capabilities: MechanismFlag, template: dict[Attribute, Any]) -> Any:
        """The object of the key CMAC(this, data), 17 to 32 bytes. On the owning thread only."""
        if not BLOCK < len(data) <= 2 * BLOCK:
            raise ValueError("a key is made from 17 to 32 bytes")
        whole, other = self._masks or self._read_masks()
        first, last = data[:BLOCK], data[BLOCK:]
        chained = self._key.sign(_xor(first, whole), mechanism=Mechanism.AES_CMAC)
        masked = _xor(last, whole) if len(last) == BLOCK else _xor(last + b"\x80" + bytes(BLOCK - 1 - len(last)), other)
        return self._encrypted(_xor(chained, masked), capabilities, template)

    def _cmacs(self, messages: Sequence[bytes]) -> list[bytes]:
        sign, cmac = self._key.sign, Mechanism.AES_CMAC
        return [sign(message, mechanism=cmac) for message in messages]

    def _cmac_under(self, data: bytes, message: bytes) -> bytes:
        made = self.made_inside(data, MechanismFlag.SIGN, INSIDE)
        try:
            mac: bytes = made.sign(message, mechanism=Mechanism.AES_CMAC)
        finally:
            made.destroy()
        return mac

    def _read_masks(self) -> tuple[bytes, bytes]:
        """K1 and K2 of NIST SP 800-38B, section 6.1."""
        readable = {Attribute.TOKEN: False, Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True}
        zeros = self._encrypted(bytes(BLOCK), MechanismFlag(0), readable)
        try:
            whole = _doubled(zeros[Attribute.VALUE])
        finally:
            zeros.destroy()
        self._masks = whole, _doubled(whole)
        return self._masks

    def _encrypted(self, block: bytes, capabilities: MechanismFlag, template: dict[Attribute, Any]) -> Any:
        mechanism = Mechanism.AES_ECB_ENCRYPT_DATA
        return self._key.derive_key(
            KeyType.AES, 8 * BLOCK, capabilities=capabilities, mechanism=mechanism, mechanism_param=block, template=template
        )


class TokenVault:
    """An open PKCS#11 vault. Implements `kiosk.devices.vault.hq.MasterVault`."""

    def __init__(self, module: Path, token: str, pin: str) -> None:
        """`token` is its label. Raises VaultRefusal in one sentence."""
        self._session = owned(partial(_session, module, token, pin))
        self._working: dict[tuple[int, int, Role, int], TokenMaster] = {}
        self._closed = False
        try:
            record = owned(lambda: _newest(self._session))
            if record is None:
                raise VaultRefusal(
                    f"There is no vault in the token {token}. Make one with: kiosk vault init --token {token} --utility NUMBER"
                )
            self.utility, self.sets, self._edition = record.utility, record.sets, record.edition
            self._masters = owned(lambda: {each.version: _masters(self._session, self.utility, each) for each in self.sets})
        except BaseException:
            self.close()
            raise

    @classmethod
    def create(cls, module: Path, token: str, pin: str, utility: int, first: KeySet) -> "TokenVault":
        """Make a vault in an initialised, empty token: six new masters, made inside. Raises VaultRefusal."""
        session = owned(partial(_session, module, token, pin))
        try:
            if owned(lambda: _newest(session)):
                raise VaultRefusal(
                    f"The token {token} holds a vault already. It is never overwritten: its cards could not be served again."
                )
            filled = owned(lambda: _generated(session, utility, first))
            owned(lambda: _record(session, _Record(utility, 1, (filled,))))
        finally:
            owned(session.close)
        return cls(module, token, pin)

    def close(self) -> None:
        """Log out: what was made for this session is destroyed. Once is enough."""
        if not self._closed:
            self._closed = True
            owned(self._session.close)

    def keep(self, sets: tuple[KeySet, ...]) -> None:
        """Write down another state of the sets; the masters of a new one are made inside. Sets are never left out."""
        known = {each.version for each in self.sets}
        filled = tuple(each if each.version in known else owned(partial(_generated, self._session, self.utility, each)) for each in sets)
        owned(lambda: _record(self._session, _Record(self.utility, self._edition + 1, filled)))
        self._masters = owned(lambda: {each.version: _masters(self._session, self.utility, each) for each in filled})
        self.sets, self._edition = filled, self._edition + 1

    def keyring(self, version: int, region: int) -> Keyring:
        """What makes the card keys of a region, inside where they only make MACs."""
        find(self.sets, version)
        return Keyring(self.utility, partial(self._working_master, version, region))

    def wrap_working_master(self, version: int, region: int, role: Role, generation: int, kek: bytes) -> bytes:
        """24 bytes: a region's master for a kiosk's trading store, wrapped inside under the 32 bytes `kek` (AES key wrap, RFC 3394)."""
        master, data = self._source(version, region, role, generation)
        return owned(lambda: _wrapped(self._session, master, data, kek))

    def _source(self, version: int, region: int, role: Role, generation: int) -> tuple[TokenMaster, bytes]:
        if role is Role.KIOSK:
            find(self.sets, version).generation(generation)
        if role not in self._masters[version]:
            raise NoSuchKey(f"key set {version} is from before there were transfer codes; make another set")
        return self._masters[version][role], working_data(self.utility, region, version, role, generation)

    def _working_master(self, version: int, region: int, role: Role, generation: int) -> TokenMaster:
        name = version, region, role, generation
        if name not in self._working:
            master, data = self._source(*name)
            self._working[name] = TokenMaster(owned(lambda: master.made_inside(data, FOR_CMAC, INSIDE)))
        return self._working[name]


# ---------------------------------------------------------------- on the owning thread


def _session(module: Path, token: str, pin: str) -> Any:
    try:
        library = pkcs11.lib(str(module))
    except pkcs11.PKCS11Error as error:
        if type(error) is not pkcs11.PKCS11Error:  # the module's own answer; the bare type is the loader's
            raise
        library = None
    if library is None:
        raise VaultMissing(f"{module} is no PKCS#11 module.")
    return library.get_token(token_label=token).open(rw=True, user_pin=pin)


def _newest(session: Any) -> _Record | None:
    """The record of the highest edition."""
    found = []
    for each in session.get_objects({Attribute.CLASS: ObjectClass.DATA, Attribute.APPLICATION: "kiosk"}):
        raw = each[Attribute.VALUE]
        if len(raw) > RECORD_MAX:
            raise VaultDamaged("The token's record of its key sets is too long to be one.")
        try:
            found.append(msgspec.json.decode(raw, type=_Record))
        except msgspec.MsgspecError:
            raise VaultDamaged("The token's record of its key sets is damaged; restore the token from its backup.") from None
    return max(found, key=lambda record: record.edition, default=None)


def _record(session: Any, record: _Record) -> None:
    """The new edition first, then the older ones go: a power cut between leaves both."""
    older = list(session.get_objects({Attribute.CLASS: ObjectClass.DATA, Attribute.APPLICATION: "kiosk"}))
    session.create_object(
        {
            Attribute.CLASS: ObjectClass.DATA,
            Attribute.TOKEN: True,
            Attribute.PRIVATE: True,
            Attribute.APPLICATION: "kiosk",
            Attribute.LABEL: f"kiosk u{record.utility} sets",
            Attribute.VALUE: msgspec.json.encode(record),
        }
    )
    for each in older:
        each.destroy()


def _label(utility: int, version: int, role: Role) -> str:
    return f"kiosk u{utility} v{version} {role.name.lower()}"


def _objects(session: Any, label: str) -> list[Any]:
    return list(session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.LABEL: label, Attribute.TOKEN: True}))


def _generated(session: Any, utility: int, public: KeySet) -> KeySet:
    """The set with its six new masters; what a power cut left of an earlier attempt goes first."""
    values = {}
    template = {Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False, Attribute.PRIVATE: True}
    for role in Role:
        label = _label(utility, public.version, role)
        for left in _objects(session, label):
            left.destroy()
        key = session.generate_key(KeyType.AES, 8 * KEY_BYTES, label=label, store=True, capabilities=FOR_CMAC, template=template)
        values[role.name.lower()] = check_value(key.sign(bytes(BLOCK), mechanism=Mechanism.AES_CMAC))
    return msgspec.structs.replace(public, check_values=values)


def _masters(session: Any, utility: int, public: KeySet) -> dict[Role, TokenMaster]:
    """The masters of a set, each the only one of its name, unreadable, and the one that the record means."""
    masters = {}
    for role in Role:
        if role is Role.CODE and "code" not in public.check_values:
            continue  # a set from before there were transfer codes
        label = _label(utility, public.version, role)
        keys = _objects(session, label)
        if len(keys) != 1:
            raise VaultDamaged(f'The token holds {len(keys)} keys called "{label}" instead of one.')
        (key,) = keys
        if not key[Attribute.SENSITIVE] or key[Attribute.EXTRACTABLE]:
            raise VaultDamaged(f'The key "{label}" can be read out of the token: it was not made by this software.')
        if check_value(key.sign(bytes(BLOCK), mechanism=Mechanism.AES_CMAC)) != public.check_values.get(role.name.lower()):
            raise VaultDamaged(f'The key "{label}" is another one than the record says: its check value differs.')
        masters[role] = TokenMaster(key)
    return masters


def _wrapped(session: Any, master: TokenMaster, data: bytes, kek: bytes) -> bytes:
    carrier = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.KEY_TYPE: KeyType.AES, Attribute.VALUE: kek, Attribute.WRAP: True}
    wrapping = session.create_object(carrier | INSIDE)
    made = master.made_inside(data, MechanismFlag(0), INSIDE | {Attribute.EXTRACTABLE: True})
    try:
        wrapped: bytes = wrapping.wrap_key(made, mechanism=Mechanism.AES_KEY_WRAP)
    finally:
        made.destroy()
        wrapping.destroy()
    return wrapped


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one) ^ int.from_bytes(other)).to_bytes(BLOCK)


def _doubled(block: bytes) -> bytes:
    """Times x in GF(2^128) (NIST SP 800-38B, section 5.3)."""
    value = int.from_bytes(block) << 1
    return (value & ((1 << 128) - 1) ^ (0x87 if value >> 128 else 0)).to_bytes(BLOCK)
