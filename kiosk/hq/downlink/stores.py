"""Trading stores and floats: what a kiosk gets so that it may trade, each for that kiosk alone.

A trading store is wrapped for (kiosk, boot card). The vault wraps the region's masters itself; nobody here ever sees one.
"""

import secrets

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from kiosk.devices.vault import store
from kiosk.devices.vault.hq import MasterVault, Witness, wrap_trading_masters
from kiosk.devices.vault.keyset import Generation, KeySet, accepted
from kiosk.devices.vault.store import Delivered, Statement, StoreFile, StoreSet
from kiosk.devices.vault.suite import NoSuchKey
from kiosk.hq.office import DAY_MS, Office, OfficeError, Signer
from kiosk.hq.report.signed import SignedFloat, note_signed
from kiosk.sync.bodies import FloatBody, FloatText
from kiosk.vend import code


def trading_store(
    office: Office, vault: MasterVault, witness: Witness, signer: Signer, *, kiosk: str, certificate: bytes, now_ms: int, days: int = 90
) -> Delivered:
    """A store for this kiosk and the boot card of this certificate (DER). Raises OfficeError, store.BootRefused, VaultError."""
    enrolled = office.kiosk(kiosk)
    if vault.utility != office.record.utility:
        raise OfficeError("This vault is another utility's.")
    sets = accepted(vault.sets, now_ms)
    if not sets:
        raise OfficeError("No key set of this vault is valid now.")
    name = secrets.token_hex(8)
    statement = Statement(
        kiosk=kiosk,
        store=name,
        utility=vault.utility,
        region=enrolled.region,
        epoch=office.record.epoch,
        version=office.next_number("store", kiosk),
        certificate=store.digest(certificate),
        not_before_ms=now_ms,
        until_ms=now_ms + days * DAY_MS,
        sets=tuple(_set(vault, each, enrolled.region, name, now_ms) for each in sets),
    )
    share, fresh = secrets.token_bytes(store.SHARE_BYTES), ec.generate_private_key(ec.SECP256R1())
    kek = store.kek(fresh.exchange(ec.ECDH(), store.public_key(certificate)), share, statement)
    wrapped = {}
    for each in statement.sets:
        numbers = tuple(generation.number for generation in each.generations)
        for master in wrap_trading_masters(
            vault, witness, region=enrolled.region, version=each.version, generations=numbers, kiosk=kiosk, kek=kek, codes=each.codes
        ):
            wrapped[f"{each.version}/{master.role.name.lower()}/{master.generation}"] = master.wrapped.hex()
    text = msgspec.json.encode(statement)
    file = StoreFile(text.decode(), signer(store.LABEL, text).hex(), store.encoded(fresh.public_key()).hex(), wrapped)
    return Delivered(file, share.hex())


def _set(vault: MasterVault, public: KeySet, region: int, name: str, now_ms: int) -> StoreSet:
    """One key set as a kiosk has it: the generation that is written now and the next, and what their masters are checked by."""
    generations = current_and_next(public, now_ms)
    codes = code_generations(now_ms) if "code" in public.check_values else ()
    masters = ["auth/0", "tag/0", *(f"kiosk/{each.number}" for each in generations), *(f"code/{number}" for number in codes)]
    keys = vault.keyring(public.version, region)
    checks = {each: store.check_value(keys, name, each).hex() for each in masters}
    return StoreSet(public.version, public.suite, public.not_before_ms, public.until_ms, generations, checks, codes)


def code_generations(now_ms: int) -> tuple[int, ...]:
    """Of transfer codes: the previous, the present and the next. With an older store a kiosk takes no newer code, and says so."""
    present = code.generation_at(now_ms)
    return tuple(range(present - code.HELD_BEFORE, present + code.HELD_AFTER + 1))


def current_and_next(public: KeySet, now_ms: int) -> tuple[Generation, ...]:
    """Raises NoSuchKey when no generation is valid now."""
    current = public.current(now_ms)
    try:
        return current, public.generation(current.number + 1)
    except NoSuchKey:
        return (current,)


def float_grant(office: Office, signer: Signer, *, kiosk: str, amount_minor: int, until_ms: int) -> bytes:
    """The body of the next float of this kiosk: the text that its vault checks by itself, signed. It is written down first."""
    number = office.next_number("float", kiosk)
    note_signed(office.folder, SignedFloat(kiosk, number, amount_minor, until_ms))
    text = msgspec.json.encode(FloatText(kiosk, number, amount_minor, until_ms))
    return msgspec.json.encode(FloatBody(text.decode(), signer("down", text).hex()))
