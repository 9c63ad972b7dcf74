"""A blank card becomes a customer's: its keys, its files, read back under its own proof. Pulled or killed anywhere, the same call ends it.

The order makes every half card known for what it is. ADMIN comes first and ends the maker's key; then the other keys, each sealed under
ADMIN for that one command; then they are proved; then the files, file 1 last: until it stands, kiosk and meter take the card for one that
was never issued. A card on which it stands is finished, and nothing is written on it any more: its customer may have used it since.

    GET DATA   00 CA 00 E0           which keys are in: reference(1) generation(2) each; FFFF is a maker's
    WRITE KEY  04 D4 00 ref 16       generation(2) sealed(16) MAC(4), over a challenge of 8
                                     sealed = key xor CMAC(ADMIN, "K" || challenge || header || generation)
    PUT DATA   04 DA 00 42 0C        utility(4) region(4) MAC(4): who issued it
    UPDATE, READ with MAC, INTERNAL and EXTERNAL AUTHENTICATE as in `devices.card.session`
"""

import hmac
import os
from collections.abc import Mapping

import msgspec
from cryptography.hazmat.primitives.ciphers.algorithms import AES, SM4
from cryptography.hazmat.primitives.cmac import CMAC

from kiosk.devices.card.apdu import (
    CLA_MAC,
    CLA_PLAIN,
    INS_EXTERNAL_AUTHENTICATE,
    INS_GET_CHALLENGE,
    INS_GET_DATA,
    INS_READ_BINARY,
    INS_SELECT,
    INS_UPDATE_BINARY,
    ApduError,
    Command,
    Connection,
    exchange,
)
from kiosk.devices.card.session import ELECTRICITY, MAC_READ_MAX, SERIAL_BYTES, SHORT_FILE, TAG_ISSUER, TRIES_KEPT, serial_command
from kiosk.devices.vault.hq import CardKeys, MasterVault, export_card_keys_for_personalisation
from kiosk.devices.vault.keyset import find, issuing
from kiosk.devices.vault.suite import Role, role_byte
from kiosk.hq.cards import layout
from kiosk.hq.cards.registry import Binding, Registry
from kiosk.vend.card.gdw1365 import USER_CARD, File1, digits, whole

INS_INTERNAL_AUTHENTICATE, INS_WRITE_KEY, INS_PUT_DATA = 0x88, 0xD4, 0xDA
TAG_KEYS = 0xE0
MAKERS = 0xFFFF
MAKERS_TEST_KEY = bytes(range(0x40, 0x50))  # what makers deliver their samples with; anybody knows it
CIPHERS = {"aes128": AES, "sm4": SM4}


class IssueError(Exception):
    """The card is not opened; the text is one sentence for whoever stands at the reader."""


class Opened(msgspec.Struct, frozen=True):
    """How it ended. `before`: the card was finished already, and nothing was written on it."""

    binding: Binding
    before: bool


def open_card(
    connection: Connection,
    vault: MasterVault,
    registry: Registry,
    order: layout.Opening,
    *,
    region: int,
    now_ms: int,
    transport: bytes = MAKERS_TEST_KEY,
) -> Opened:
    """Bind and personalise the card in the reader. Raises IssueError, Bound, NoSuchKey, and CardError where the card was pulled.

    The keys of this one card are in this process while it runs; what leaves the vault is in the registry before it does.
    """
    connection.reset()  # whoever had the card before may have left it in an application
    serial = exchange(connection, serial_command())
    if len(serial) != SERIAL_BYTES:
        raise IssueError("This is no electricity card: it has no serial number of 8 bytes.")
    exchange(connection, Command(CLA_PLAIN, INS_SELECT, 0, 0, ELECTRICITY))
    makers, held = is_blank(connection), registry.of_card(serial.hex())
    if not makers and held is None:
        raise IssueError("This card is not blank, and it was not begun here: it belongs to the desk that opened it.")
    public = find(vault.sets, held.version) if held else issuing(vault.sets, now_ms)
    generation = held.generation if held else public.current(now_ms).number
    region = held.region if held else region
    binding = registry.begin(Binding(vault.utility, region, order.customer, order.meter, serial.hex(), public.version, generation))
    keys = export_card_keys_for_personalisation(
        vault,
        registry.witness,
        region=binding.region,
        serial=serial,
        meter=binding.meter,
        generation=binding.generation,
        now_ms=now_ms,
        version=binding.version,
    )
    card = _Card(connection, keys, public.suite)
    before = not makers and card.finished(order)
    if not before:
        card.personalise(binding, layout.files(order), transport if makers else None)
    registry.issued(binding.card)
    return Opened(msgspec.structs.replace(binding, state="issued"), before)


def is_blank(connection: Connection) -> bool:
    """Is the maker's key still in ADMIN's place? In the application. IssueError for a card that says nothing of its keys."""
    try:
        told = exchange(connection, Command(CLA_PLAIN, INS_GET_DATA, 0, TAG_KEYS))
    except ApduError as error:
        raise IssueError(f"This card does not say which keys it has, so it cannot be opened here: {error}.") from None
    keys = {told[i]: int.from_bytes(told[i + 1 : i + 3]) for i in range(0, len(told) - 2, 3)}
    return keys.get(Role.ADMIN) == MAKERS


class _Card:
    """The card on the desk, and its keys."""

    def __init__(self, connection: Connection, keys: CardKeys, suite: str) -> None:
        self._connection, self._keys, self._cipher = connection, keys, CIPHERS[suite]
        self._by = b""  # the key that was proved last

    def finished(self, order: layout.Opening) -> bool:
        """Does file 1 stand, as this card's own key says? Raises IssueError for a card that was used and then torn."""
        try:
            first = self._read(layout.PARAMETERS, 45)
            count = self._read(layout.WALLET, 8)[4:]
        except ApduError:
            return False  # no AUTH key yet, or no file 1
        names = digits(first[File1.METER]), digits(first[File1.CUSTOMER])
        if whole(first, USER_CARD):
            if names != (order.meter, order.customer):
                raise IssueError("This card names another customer or meter than the registry.")
            return True
        if count not in {bytes(4), b"\xff" * 4}:
            raise IssueError("This card has been used since: a kiosk or its meter puts it right, and nothing is written on it here.")
        return False

    def personalise(self, binding: Binding, files: Mapping[int, bytes], transport: bytes | None) -> None:
        """Keys, issuer, files, proof. `transport` where the maker's key is still in."""
        if transport is not None:
            self._prove(Role.ADMIN, transport)
            self._write_key(Role.ADMIN, 0, self._keys.admin)
        self._prove(Role.ADMIN, self._keys.admin)
        self._write_key(Role.AUTH, 0, self._keys.auth)
        for number, key in sorted(self._keys.kiosk.items()):
            self._write_key(role_byte(Role.KIOSK, number), number, key)
        self._write_key(Role.METER, 0, self._keys.meterkey)
        self._sealed(INS_PUT_DATA, 0, TAG_ISSUER, binding.utility.to_bytes(4) + binding.region.to_bytes(4))
        for number, key in sorted(self._keys.kiosk.items()):
            self._prove(role_byte(Role.KIOSK, number), key)
        self._internal(Role.METER, self._keys.meterkey)
        self._prove(Role.ADMIN, self._keys.admin)
        for file, raw in files.items():
            for offset in range(0, len(raw), MAC_READ_MAX):
                self._sealed(INS_UPDATE_BINARY, SHORT_FILE | file, offset, raw[offset : offset + MAC_READ_MAX])
        self._read_back(files)

    def _read_back(self, files: Mapping[int, bytes]) -> None:
        """After a reset, so that nothing is believed from before."""
        self._connection.reset()
        exchange(self._connection, Command(CLA_PLAIN, INS_SELECT, 0, 0, ELECTRICITY))
        wrong = [file for file, raw in files.items() if self._read(file, len(raw)) != raw]
        if wrong:
            raise IssueError(f"This card does not store what is written on it (file {wrong[0]}): take another blank.")

    # ------------------------------------------------------------ commands

    def _read(self, file: int, length: int) -> bytes:
        """A file, with proof. ApduError 6A88 as long as there is no AUTH key, 6B00 as long as there is no file 1."""
        raw = b""
        while len(raw) < length:
            piece, challenge = min(length - len(raw), MAC_READ_MAX), os.urandom(8)
            command = Command(CLA_MAC, INS_READ_BINARY, SHORT_FILE | file, len(raw), challenge + bytes((piece,)), expected=piece + 4)
            answer = exchange(self._connection, command)
            data, mac = answer[:-4], answer[-4:]
            if not hmac.compare_digest(self._mac(self._keys.auth, b"R" + challenge + command.header + data)[:4], mac) or len(data) != piece:
                raise IssueError("The card's proof is wrong: it is not the card that was opened here.")
            raw += data
        return raw

    def _internal(self, ref: int, key: bytes) -> None:
        challenge = os.urandom(8)
        answer = exchange(self._connection, Command(CLA_PLAIN, INS_INTERNAL_AUTHENTICATE, 0, ref, challenge, expected=8))
        if not hmac.compare_digest(self._mac(key, b"I" + challenge)[:8], answer):
            raise IssueError("The card did not store a key that was written on it: take another blank.")

    def _prove(self, ref: int, key: bytes) -> None:
        """EXTERNAL AUTHENTICATE. The card says first how many tries it has left."""
        left = self._tries(ref)
        if left <= TRIES_KEPT:
            raise IssueError(f"This card has {left} tries left for its key {ref:02X}: put it aside.")
        cryptogram = self._mac(key, b"E" + self._challenge(8))[:8]
        try:
            exchange(self._connection, Command(CLA_PLAIN, INS_EXTERNAL_AUTHENTICATE, 0, ref, cryptogram))
        except ApduError as error:
            if not error.wrong_key:
                raise
            raise IssueError(f"The card does not take the key {ref:02X}: this is not its transport key, or not its vault.") from None
        self._by = key

    def _tries(self, ref: int) -> int:
        try:
            exchange(self._connection, Command(CLA_PLAIN, INS_EXTERNAL_AUTHENTICATE, 0, ref))
        except ApduError as error:
            if error.tries is None:
                raise
            return error.tries
        return 0

    def _write_key(self, ref: int, generation: int, key: bytes) -> None:
        """Under the key that was proved, each time under another pad."""
        header, number = bytes((CLA_MAC, INS_WRITE_KEY, 0, ref, 22)), generation.to_bytes(2)
        challenge = self._challenge(8)
        pad = self._mac(self._by, b"K" + challenge + header + number)
        body = number + bytes(a ^ b for a, b in zip(key, pad, strict=True))
        mac = self._mac(self._by, b"M" + challenge + header + body)[:4]
        exchange(self._connection, Command(CLA_MAC, INS_WRITE_KEY, 0, ref, body + mac))

    def _sealed(self, ins: int, p1: int, p2: int, data: bytes) -> None:
        """A command with MAC, over a challenge of 4."""
        challenge, header = self._challenge(4), bytes((CLA_MAC, ins, p1, p2, len(data) + 4))
        mac = self._mac(self._by, b"M" + challenge + header + data)[:4]
        exchange(self._connection, Command(CLA_MAC, ins, p1, p2, data + mac))

    def _challenge(self, length: int) -> bytes:
        return exchange(self._connection, Command(CLA_PLAIN, INS_GET_CHALLENGE, 0, 0, expected=length))

    def _mac(self, key: bytes, message: bytes) -> bytes:
        state = CMAC(self._cipher(key))
        state.update(message)
        return state.finalize()
