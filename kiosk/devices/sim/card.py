"""The virtual card: an ISO 7816-4 CPU card over T=0 that enforces every right of its layout, and nothing of what kiosk or meter hope for.

    SELECT             00 A4 00 00 02 fid     ends authentication; 3F00 (MF) or DF01 (the electricity application)
    READ BINARY        00 B0 99 01 08         the serial, in MF;  00 B0 8x off len  files 1-6, in DF01
    READ with MAC      04 B0 8x off 09 r8 len      data || CMAC(AUTH, "R" || r8 || 04B08xoff09 || data)[:4]
    GET CHALLENGE      00 84 00 00 08|04      good for the next command only
    INTERNAL           00 88 00 01|04 08 r8   CMAC(AUTH or METERKEY, "I" || r8)[:8]
    EXTERNAL           00 82 00 ref 08        CMAC(K, "E" || challenge8)[:8]; ref is the role byte of the key; no data: 63Cx, x tries left
    UPDATE with MAC    04 D6 8x off Lc data MAC4   CMAC(K, "M" || challenge4 || 04D68xoffLc || data)[:4]
    GET RESPONSE       00 C0 00 00 len        after 61xx
    GET DATA           00 CA 00 E0|42         keys: ref(1) generation(2) each, FFFF a maker's; issuer: utility(4) region(4)
    PUT DATA with MAC  04 DA 00 42 0C data MAC4    the issuer; as UPDATE, under ADMIN
    WRITE KEY          04 D4 00 ref 16 generation2 sealed16 MAC4    as UPDATE under ADMIN, over a challenge of 8;
                                              sealed = key xor CMAC(K, "K" || challenge8 || 04D400ref16 || generation2)

Under a maker's key nothing but ADMIN can be written, and that ends it. A key is stored whole or not at all; whoever was proved by the one
that it replaces is nobody.
Status words: 6700 length, 6982 no right, 6983 key blocked, 6984 no challenge of this length, 6985 nothing to fetch, 6988 wrong MAC,
63Cx wrong cryptogram (x tries left), 6A82 no such file, 6A84 no room for a key, 6A86 P1 P2, 6A88 no such key or data, 6B00 outside of the
file, or the card is not issued, 6Cxx wrong Le, 6D00 instruction, 6E00 class.
"""

import hmac
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from kiosk.devices.sim import crypto, faults
from kiosk.devices.sim.card_files import COMMAND, CURRENT, PARAMETERS, RETURNED, STANDBY, WALLET
from kiosk.devices.sim.card_keys import MAKERS, Full, Held
from kiosk.devices.sim.card_memory import Memories, Memory
from kiosk.devices.sim.faults import CardPulled, Cut, Faults
from kiosk.devices.sim.image import TRIES, CardImage, clone, load, rolled_back

MF, DF01 = b"\x3f\x00", b"\xdf\x01"
SERIAL_FILE = 0x19
LONGEST_MAC_READ = 251  # so that data and MAC fit in one answer

# Who may update which file: the role that EXTERNAL AUTHENTICATE has proved.
RIGHTS = {
    PARAMETERS: {crypto.ADMIN, crypto.KIOSK},
    WALLET: {crypto.ADMIN, crypto.KIOSK},
    CURRENT: {crypto.ADMIN, crypto.KIOSK},
    STANDBY: {crypto.ADMIN, crypto.KIOSK},
    RETURNED: {crypto.ADMIN, crypto.KIOSK, crypto.METER},
    COMMAND: {crypto.ADMIN},
}

OK = b"\x90\x00"
WRONG_LENGTH, NO_RIGHT, BLOCKED, NO_CHALLENGE = b"\x67\x00", b"\x69\x82", b"\x69\x83", b"\x69\x84"
NOTHING_TO_FETCH, WRONG_MAC = b"\x69\x85", b"\x69\x88"
NO_FILE, NO_ROOM, WRONG_P1P2, NO_KEY, OUTSIDE = b"\x6a\x82", b"\x6a\x84", b"\x6a\x86", b"\x6a\x88", b"\x6b\x00"
NO_INSTRUCTION, NO_CLASS = b"\x6d\x00", b"\x6e\x00"

KEYS_DATA, ISSUER_DATA = 0xE0, 0x42  # GlobalPlatform's key information; ISO/IEC 7816-6, issuer identification

Snapshot = tuple[Memories, bool, Held | None, bytes, bytes, bool]


class CardModel(Memory):
    """One card. `process` and `reset` are its contacts; `insert` and `pull` are the hand that holds it.

    With a path, every change of its memory is on disk before the answer leaves. Not thread-safe: one owner, or a lock (`vpcd`).
    """

    def __init__(self, card: CardImage, path: Path | None = None, rng: Callable[[int], bytes] = os.urandom) -> None:
        super().__init__(card, path)
        self.present = True
        self._rng = rng
        self._apdus = 0
        self._in_df = False
        self._proved: Held | None = None  # the key that EXTERNAL has proved
        self._challenge = self._pending = b""

    @staticmethod
    def open(path: Path) -> "CardModel":
        """The card in a file; ImageError in one sentence."""
        return CardModel(load(path), path)

    # ------------------------------------------------------------ the hand

    def insert(self) -> bytes:
        """Into the contacts; cold reset. Returns the ATR."""
        self.present = True
        return self.reset()

    def pull(self) -> None:
        """Out of the contacts: whatever was proved is forgotten."""
        self.present = False
        self._forget()

    def arm(self, what: Faults) -> None:
        """Set the faults; their commands are counted from now. `faults.NONE` heals the card."""
        if what.clone or what.stale_count:
            card = self.image()
            card = clone(card) if what.clone else card
            self.load(rolled_back(card, what.stale_count))
            self.save()
        self.faults = what
        self._apdus = self.updates = 0

    def snapshot(self) -> Snapshot:
        """Memory and session, at no cost: everything in it is replaced, never changed. Armed faults are not part of it."""
        return self.remembered(), self._in_df, self._proved, self._challenge, self._pending, self.present

    def restore(self, then: Snapshot) -> None:
        """Back to a snapshot."""
        memory, self._in_df, self._proved, self._challenge, self._pending, self.present = then
        self.remember(memory)

    def copy(self) -> "CardModel":
        """A second card in this state, on no disk."""
        other = CardModel(self.made_as, rng=self._rng)
        other.restore(self.snapshot())
        return other

    # ------------------------------------------------------------ the contacts

    def reset(self) -> bytes:
        """Warm or cold reset: MF is selected, nothing is proved. Returns the ATR; CardPulled when the card is out."""
        if not self.present:
            raise CardPulled("the card is not in the reader")
        self._forget()
        return self.atr

    def process(self, apdu: bytes) -> bytes:
        """One command, one answer (data || SW1 SW2). CardPulled when the card leaves; empty when a fault loses the answer."""
        if not self.present:
            raise CardPulled("the card is not in the reader")
        if self.faults is faults.NONE:
            return self._answer(apdu)
        now, self._apdus = self._apdus, self._apdus + 1
        cut = self.faults.cut if self.faults.cut and self.faults.cut.apdu == now else None
        if cut and cut.byte is None and not cut.after:
            self._cut()
        answer = self._answer(apdu, cut)
        if cut:
            self._cut()
        if self.faults.lost_apdu == now:
            return b""
        return answer

    def _answer(self, apdu: bytes, cut: Cut | None = None) -> bytes:
        challenge, self._challenge = self._challenge, b""
        pending, self._pending = self._pending, b""
        if len(apdu) < 4:
            return WRONG_LENGTH
        plain = self._PLAIN.get(apdu[:2])
        if plain:
            return plain(self, apdu)
        match apdu[0], apdu[1]:
            case 0x00, 0xC0:
                return self._get_response(apdu, pending)
            case 0x00, 0x82:
                return self._external(apdu, challenge)
            case 0x04, 0xD6:
                return self._update(apdu, challenge, cut)
            case 0x04, 0xD4 | 0xDA:
                return self._personalise(apdu, challenge, cut)
            case 0x00, 0xD4 | 0xD6 | 0xDA:
                return NO_RIGHT  # nothing is ever written without a MAC
            case 0x00 | 0x04, _:
                return NO_INSTRUCTION
        return NO_CLASS

    # ------------------------------------------------------------ commands

    def _select(self, apdu: bytes) -> bytes:
        self._proved = None
        data = _data(apdu)
        if data is None or len(data) != 2:
            return WRONG_LENGTH
        if apdu[2:4] != b"\0\0":
            return WRONG_P1P2
        if data not in {MF, DF01}:
            return NO_FILE
        self._in_df = data == DF01
        return OK

    def _read(self, apdu: bytes) -> bytes:
        if apdu[2] & 0xE0 != 0x80:
            return WRONG_P1P2
        number, offset = apdu[2] & 0x1F, apdu[3]
        raw = self._file(number)
        if raw is None:
            return NO_FILE
        if offset >= len(raw) or self._unissued(number, raw):
            return OUTSIDE
        if len(apdu) > 5:
            return WRONG_LENGTH
        length = (apdu[4] if len(apdu) == 5 else 0) or 256
        if offset + length > len(raw):
            return bytes([0x6C, (len(raw) - offset) & 0xFF])
        return faults.altered(raw[offset : offset + length], number, offset, self.faults.alter_plain) + OK

    def _read_with_mac(self, apdu: bytes) -> bytes:
        if apdu[2] & 0xE0 != 0x80:
            return WRONG_P1P2
        raw = self._file(apdu[2] & 0x1F)
        if raw is None or apdu[2] & 0x1F == SERIAL_FILE:
            return NO_FILE
        data = _data(apdu)
        if data is None or len(data) != 9 or not 0 < data[8] <= LONGEST_MAC_READ:
            return WRONG_LENGTH
        offset, length = apdu[3], data[8]
        if offset + length > len(raw) or self._unissued(apdu[2] & 0x1F, raw):
            return OUTSIDE
        plain = raw[offset : offset + length]
        auth = self.keys.get(crypto.AUTH)
        if auth is None:
            return NO_KEY
        return self._hold(plain + self._spoiled(auth.key.cmac(b"R" + data[:8] + apdu[:5] + plain)[:4]))

    def _get_challenge(self, apdu: bytes) -> bytes:
        if apdu[2:4] != b"\0\0":
            return WRONG_P1P2
        if len(apdu) != 5 or apdu[4] not in {4, 8}:
            return WRONG_LENGTH
        self._challenge = self._rng(apdu[4])
        return self._challenge + OK

    def _internal(self, apdu: bytes) -> bytes:
        ref = {1: crypto.AUTH, 4: crypto.METER}.get(apdu[3], 0) if self._in_df and apdu[2] == 0 else 0
        held = self.keys.get(ref)
        if held is None:
            return NO_KEY
        data = _data(apdu)
        if data is None or len(data) != 8:
            return WRONG_LENGTH
        return self._hold(self._spoiled(held.key.cmac(b"I" + data)[:8]))

    def _external(self, apdu: bytes, challenge: bytes) -> bytes:
        held = self._referenced(apdu[3]) if self._in_df and apdu[2] == 0 else None
        if held is None:
            self._proved = None
            return NO_KEY
        data, left = b"" if len(apdu) == 4 else _data(apdu), self.tries[held.name]
        if data == b"":
            return bytes([0x63, 0xC0 | left]) if left else BLOCKED
        self._proved = None
        if data is None or len(data) != 8:
            return WRONG_LENGTH
        if left == 0:
            return BLOCKED
        if len(challenge) != 8:
            return NO_CHALLENGE
        if not hmac.compare_digest(held.key.cmac(b"E" + challenge)[:8], data):
            self.count_down(held.name)
            return bytes([0x63, 0xC0 | self.tries[held.name]])
        if left != TRIES:
            self.tries = self.tries | {held.name: TRIES}
            self.save()
        self._proved = held
        return OK

    def _update(self, apdu: bytes, challenge: bytes, cut: Cut | None) -> bytes:
        if apdu[2] & 0xE0 != 0x80:
            return WRONG_P1P2
        number, offset = apdu[2] & 0x1F, apdu[3]
        raw = self._file(number)
        if raw is None:
            return NO_FILE
        body = _data(apdu)
        if body is None or len(body) < 5:
            return WRONG_LENGTH
        if self._proved is None or self._proved.role not in RIGHTS.get(number, ()) or self._proved.generation == MAKERS:
            return NO_RIGHT
        if self.tries[self._proved.name] and offset + len(body) - 4 > len(raw):
            return OUTSIDE
        refused = self._refused(self._proved, apdu, body, challenge, 4)
        if refused:
            return refused
        cut = self.store(number, offset, body[:-4], cut, self._proved)
        if cut:
            self._cut()
        return OK

    def _refused(self, by: Held, apdu: bytes, body: bytes, challenge: bytes, length: int) -> bytes:
        """Why a command with this MAC is not obeyed, or nothing."""
        if self.tries[by.name] == 0:
            return BLOCKED
        if len(challenge) != length:
            return NO_CHALLENGE
        if not hmac.compare_digest(by.key.cmac(b"M" + challenge + apdu[:5] + body[:-4])[:4], body[-4:]):
            self.count_down(by.name)
            return WRONG_MAC
        return b""

    def _get_data(self, apdu: bytes) -> bytes:
        known = {KEYS_DATA: self.keys.told(), ISSUER_DATA: self.issuer if any(self.issuer) else b""}
        data = known.get(apdu[3], b"") if apdu[2] == 0 else b""
        if not data:
            return NO_KEY
        if len(apdu) != 5:
            return WRONG_LENGTH
        return data + OK if apdu[4] == len(data) else bytes([0x6C, len(data)])

    def _personalise(self, apdu: bytes, challenge: bytes, cut: Cut | None) -> bytes:
        """WRITE KEY and PUT DATA: the office's alone."""
        body, key = _data(apdu), apdu[1] == 0xD4
        if body is None or len(body) != (22 if key else 12):
            return WRONG_LENGTH
        by = self._proved if self._in_df and apdu[2] == 0 else None
        if by is None or by.role != crypto.ADMIN or (by.generation == MAKERS and (not key or apdu[3] != crypto.ADMIN)):
            return NO_RIGHT
        refused = self._refused(by, apdu, body, challenge, 8 if key else 4)
        if refused:
            return refused
        if key:
            return self._write_key(apdu, challenge, body, by, cut)
        if apdu[3] != ISSUER_DATA:
            return NO_KEY
        self.put_issuer(body[:8], cut)
        return OK

    def _write_key(self, apdu: bytes, challenge: bytes, body: bytes, by: Held, cut: Cut | None) -> bytes:
        pad = by.key.cmac(b"K" + challenge + apdu[:5] + body[:2])
        value = bytes(a ^ b for a, b in zip(body[2:18], pad, strict=True))
        try:
            self.put_key(apdu[3], int.from_bytes(body[:2], "big"), value, cut)
        except KeyError:
            return NO_KEY
        except Full:
            return NO_ROOM
        if apdu[3] == crypto.ADMIN:
            self._proved = None
        return OK

    def _get_response(self, apdu: bytes, pending: bytes) -> bytes:
        if not pending:
            return NOTHING_TO_FETCH
        length = (apdu[4] if len(apdu) == 5 else 0) or 256
        if length > len(pending):
            self._pending = pending
            return bytes([0x6C, len(pending)])
        if length < len(pending):
            return pending[:length] + self._hold(pending[length:])
        return pending + OK

    # ------------------------------------------------------------ inside

    def _forget(self) -> None:
        self._in_df = False
        self._proved = None
        self._challenge = self._pending = b""

    def _cut(self) -> None:
        left = msgspec.structs.replace(self.faults, cut=None)
        self.faults = faults.NONE if left == faults.NONE else left
        self.pull()
        raise CardPulled("the card was pulled")

    def _file(self, number: int) -> bytes | None:
        if self._in_df:
            return self.files.get(number)
        return b"\x01" + self.serial if number == SERIAL_FILE else None

    def _unissued(self, number: int, raw: bytes) -> bool:
        return number == PARAMETERS and self._in_df and raw == b"\xff" * len(raw)

    def _referenced(self, ref: int) -> Held | None:
        """The key that EXTERNAL means; a generation below the minimum is gone for good."""
        held = self.keys.get(ref)
        if held is None or held.role == crypto.AUTH or (held.role == crypto.KIOSK and held.generation < self.min_generation):
            return None
        return held

    def _hold(self, answer: bytes) -> bytes:
        """T=0: an answer to a command with data waits for GET RESPONSE."""
        self._pending = answer
        return bytes([0x61, len(answer)])

    def _spoiled(self, proof: bytes) -> bytes:
        return bytes([proof[0] ^ 1]) + proof[1:] if self.faults.wrong_mac else proof

    _PLAIN: ClassVar[dict[bytes, Callable[[Any, bytes], bytes]]] = {  # what needs nothing of the command before it
        b"\x00\xb0": _read,
        b"\x04\xb0": _read_with_mac,
        b"\x00\x84": _get_challenge,
        b"\x00\xa4": _select,
        b"\x00\x88": _internal,
        b"\x00\xca": _get_data,
    }


def _data(apdu: bytes) -> bytes | None:
    """The command data; a trailing Le is allowed, as T=0 drivers differ. None when Lc lies."""
    if len(apdu) < 5 or len(apdu) not in {5 + apdu[4], 6 + apdu[4]}:
        return None
    return apdu[5 : 5 + apdu[4]]
