"""What is this card, and does a layout of ours fit it? Only reads: no authentication, no PIN, nothing that a try counter counts."""

import glob
from collections.abc import Sequence

import msgspec

from kiosk.devices.card.apdu import (
    CLA_PLAIN,
    INS_READ_BINARY,
    INS_SELECT,
    ApduError,
    CardError,
    CardForeign,
    CardUnissued,
    Command,
    Connection,
    exchange,
)
from kiosk.devices.card.pcsc import PcscReader, established, fits, reader_names, scard
from kiosk.devices.card.reader import Reader, State
from kiosk.devices.card.session import ELECTRICITY, SHORT_FILE, CardSession, serial_command
from kiosk.vend.card.reading import Profile, Reading
from kiosk.vend.ports import Vault

PIV = bytes.fromhex("A000000308")  # NIST SP 800-73-4, 2.2: a boot card
ATR_SERIAL = slice(5, 13)  # where fielded electricity cards repeat their serial
SETTLE_S = 1.0


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """One reader and what stands in it. `card`: none | electricity | unissued | boot | other | mute | unknown | torn | busy."""

    reader: str
    card: str
    atr: str = ""
    protocol: str = ""
    serial: str = ""
    serial_in_atr: bool = False
    profile: str = ""  # the layout that fits
    proved: bool = False  # the vault at hand knows the card's key
    meter: str = ""
    customer: str = ""
    count: int | None = None
    amount_minor: int | None = None
    returned: str = ""
    balance_minor: int | None = None
    balance_at: str | None = None


def probe(pattern: str, profiles: Sequence[Profile], vault: Vault | None) -> list[Finding]:
    """Every reader whose name fits, in order. Raises ReaderError where there is no service or no access."""
    context = established()
    try:
        names = sorted(name for name in reader_names(context) if fits(name, pattern))
    finally:
        scard().SCardReleaseContext(context)
    return [look(PcscReader(glob.escape(name), exclusive=False), name, profiles, vault) for name in names]


def look(reader: Reader, name: str, profiles: Sequence[Profile], vault: Vault | None) -> Finding:
    """One reader."""
    slot = reader.watch(None, SETTLE_S)
    reader.close()
    if slot.state is State.MUTE:
        return Finding(name, "mute")
    if slot.state is not State.PRESENT:
        return Finding(name, "none")
    found = Finding(name, "other", atr=slot.atr.hex())
    try:
        connection = reader.open(slot)
    except CardError as error:
        return msgspec.structs.replace(found, card=error.why)
    found = msgspec.structs.replace(found, protocol=f"T={connection.protocol}")
    try:
        return recognised(connection, found, profiles, vault)
    except CardError as error:
        return msgspec.structs.replace(found, card=error.why)
    finally:
        connection.close()


def recognised(connection: Connection, found: Finding, profiles: Sequence[Profile], vault: Vault | None) -> Finding:
    """An electricity card that a layout fits, one that none fits, a boot card, or another card."""
    for profile in profiles:
        try:
            reading = read(connection, profile, vault)
        except CardUnissued:
            return msgspec.structs.replace(found, card="unissued", profile=profile.name)
        except (ApduError, CardForeign):
            connection.reset()
            continue
        if reading.meter:
            return electricity(found, reading)
    if answers(connection, Command(CLA_PLAIN, INS_SELECT, 0x04, 0x00, PIV, expected=256)):
        return msgspec.structs.replace(found, card="boot")
    return found


def read(connection: Connection, profile: Profile, vault: Vault | None) -> Reading:
    """With the card's proof where it can give one, otherwise plain: such a card needs its security module before it is believed."""
    try:
        return CardSession(connection, profile, vault).read()
    except (ApduError, CardForeign):
        connection.reset()
    serial = exchange(connection, serial_command())
    exchange(connection, Command(CLA_PLAIN, INS_SELECT, 0, 0, ELECTRICITY))
    files = {
        spec.file: exchange(connection, Command(CLA_PLAIN, INS_READ_BINARY, SHORT_FILE | spec.file, 0, expected=min(spec.length, 256)))
        for spec in profile.reads
    }
    try:
        return profile.parse(serial.hex(), files, authentic=False, tag_of=None)
    except ValueError as error:
        raise CardForeign(str(error)) from None


def electricity(found: Finding, reading: Reading) -> Finding:
    """What a reading says."""
    return msgspec.structs.replace(
        found,
        card="electricity",
        serial=reading.serial,
        serial_in_atr=bytes.fromhex(found.atr)[ATR_SERIAL].hex() == reading.serial,
        profile=reading.profile,
        proved=reading.authentic,
        meter=reading.meter,
        customer=reading.customer,
        count=reading.count,
        amount_minor=reading.amount_minor,
        returned=reading.returned.value,
        balance_minor=reading.balance_minor,
        balance_at=reading.balance_at,
    )


def answers(connection: Connection, command: Command) -> bool:
    """Does the card know this application?"""
    try:
        exchange(connection, command)
    except ApduError:
        return False
    return True
