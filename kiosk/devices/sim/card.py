"""The virtual card: an ISO 7816-4 CPU card over T=0 that enforces every right of its layout, and nothing of what kiosk or meter hope for.

    SELECT             00 A4 00 00 02 fid     ends authentication; 3F00 (MF) or DF01 (the electricity application)
    READ BINARY        00 B0 99 01 08         the serial, in MF;  00 B0 8x off len  files 1-6, in DF01
    READ with MAC      04 B0 8x off 09 r8 len      data || CMAC(AUTH, "R" || r8 || 04B08xoff09 || data)[:4]
    GET CHALLENGE      00 84 00 00 08|04      good for the next command only
    INTERNAL           00 88 00 01|04 08 r8   CMAC(AUTH or METERKEY, "I" || r8)[:8]
    EXTERNAL           00 82 00 ref 08        CMAC(K, "E" || challenge8)[:8]; ref is the role byte of the key
    UPDATE with MAC    04 D6 8x off Lc data MAC4   CMAC(K, "M" || challenge4 || 04D68xoffLc || data)[:4]
    GET RESPONSE       00 C0 00 00 len        after 61xx

Status words: 6700 length, 6982 no right, 6983 key blocked, 6984 no challenge of this length, 6985 nothing to fetch, 6988 wrong MAC,
63Cx wrong cryptogram (x tries left), 6A82 no such file, 6A86 P1 P2, 6A88 no such key, 6B00 outside of the file, or the card is not
issued, 6Cxx wrong Le, 6D00 instruction, 6E00 class.
"""

import hmac
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from kiosk.devices.sim import crypto, faults
from kiosk.devices.sim.card_files import COMMAND, CURRENT, PARAMETERS, RETURNED, STANDBY, WALLET
from kiosk.devices.sim.faults import CardPulled, Cut, Faults
from kiosk.devices.sim.image import TRIES, CardImage, check, clone, load, rolled_back, save

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
NO_FILE, WRONG_P1P2, NO_KEY, OUTSIDE = b"\x6a\x82", b"\x6a\x86", b"\x6a\x88", b"\x6b\x00"
NO_INSTRUCTION, NO_CLASS = b"\x6d\x00", b"\x6e\x00"

Snapshot = tuple[dict[int, bytes], dict[str, int], int, bool, tuple[int, str] | None, bytes, bytes, bool]


class CardModel:
    """One card. `process` and `reset` are its contacts; `insert` and `pull` are the hand that holds it.

    With a path, every change of its memory is on disk before the answer leaves. Not thread-safe: one owner, or a lock (`vpcd`).
    """

    def __init__(self, card: CardImage, path: Path | None = None, rng: Callable[[int], bytes] = os.urandom) -> None:
        check(card, str(path or "card"))
        self.path = path
        self.present = True
        self.faults: Faults = faults.NONE
        self._rng = rng
        self._apdus = self._updates = 0
        self._in_df = False
        self._proved: tuple[int, str] | None = None  # the key that EXTERNAL has proved: reference and name
        self._challenge = self._pending = b""
        self._load(card)

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
            self._load(rolled_back(card, what.stale_count))
            self._save()
        self.faults = what
        self._apdus = self._updates = 0

    def image(self) -> CardImage:
        """The card as its file holds it."""
        return msgspec.structs.replace(
            self._image,
            files={f"{n:02d}": raw.hex() for n, raw in self.files.items()},
            tries=dict(self.tries),
            min_generation=self.min_generation,
        )

    def snapshot(self) -> Snapshot:
        """Memory and session, at no cost: everything in it is replaced, never changed. Armed faults are not part of it."""
        return self.files, self.tries, self.min_generation, self._in_df, self._proved, self._challenge, self._pending, self.present

    def restore(self, then: Snapshot) -> None:
        """Back to a snapshot."""
        self.files, self.tries, self.min_generation, self._in_df, self._proved, self._challenge, self._pending, self.present = then

    def copy(self) -> "CardModel":
        """A second card in this state, on no disk."""
        other = CardModel(self._image, rng=self._rng)
        other.restore(self.snapshot())
        return other

    # ------------------------------------------------------------ the contacts

    @property
    def atr(self) -> bytes:
        """Answer to reset."""
        return self._atr

    def reset(self) -> bytes:
        """Warm or cold reset: MF is selected, nothing is proved. Returns the ATR; CardPulled when the card is out."""
        if not self.present:
            raise CardPulled("the card is not in the reader")
        self._forget()
        return self._atr

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
        match apdu[0], apdu[1]:
            case 0x00, 0xB0:
                return self._read(apdu)
            case 0x04, 0xB0:
                return self._read_with_mac(apdu)
            case 0x00, 0xC0:
                return self._get_response(apdu, pending)
            case 0x00, 0x84:
                return self._get_challenge(apdu)
            case 0x04, 0xD6:
                return self._update(apdu, challenge, cut)
            case 0x00, 0xD6:
                return NO_RIGHT  # nothing is ever written without a MAC
            case 0x00, 0xA4:
                return self._select(apdu)
            case 0x00, 0x88:
                return self._internal(apdu)
            case 0x00, 0x82:
                return self._external(apdu, challenge)
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
        return self._hold(plain + self._spoiled(self._auth.cmac(b"R" + data[:8] + apdu[:5] + plain)[:4]))

    def _get_challenge(self, apdu: bytes) -> bytes:
        if apdu[2:4] != b"\0\0":
            return WRONG_P1P2
        if len(apdu) != 5 or apdu[4] not in {4, 8}:
            return WRONG_LENGTH
        self._challenge = self._rng(apdu[4])
        return self._challenge + OK

    def _internal(self, apdu: bytes) -> bytes:
        key = {1: self._auth, 4: self._keys[crypto.METER]}.get(apdu[3]) if self._in_df and apdu[2] == 0 else None
        if key is None:
            return NO_KEY
        data = _data(apdu)
        if data is None or len(data) != 8:
            return WRONG_LENGTH
        return self._hold(self._spoiled(key.cmac(b"I" + data)[:8]))

    def _external(self, apdu: bytes, challenge: bytes) -> bytes:
        self._proved = None
        named = self._referenced(apdu[3]) if self._in_df and apdu[2] == 0 else None
        if named is None:
            return NO_KEY
        ref, name = named
        data = _data(apdu)
        if data is None or len(data) != 8:
            return WRONG_LENGTH
        if self.tries[name] == 0:
            return BLOCKED
        if len(challenge) != 8:
            return NO_CHALLENGE
        if not hmac.compare_digest(self._keys[ref].cmac(b"E" + challenge)[:8], data):
            self._count_down(name)
            return bytes([0x63, 0xC0 | self.tries[name]])
        if self.tries[name] != TRIES:
            self.tries = self.tries | {name: TRIES}
            self._save()
        self._proved = named
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
        if self._proved is None or self._proved[0] & 0x0F not in RIGHTS.get(number, ()):
            return NO_RIGHT
        ref, name = self._proved
        if self.tries[name] == 0:
            return BLOCKED
        if offset + len(body) - 4 > len(raw):
            return OUTSIDE
        if len(challenge) != 4:
            return NO_CHALLENGE
        data, mac = body[:-4], body[-4:]
        if not hmac.compare_digest(self._keys[ref].cmac(b"M" + challenge + apdu[:5] + data)[:4], mac):
            self._count_down(name)
            return WRONG_MAC
        self._store(number, offset, data, cut)
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

    # ------------------------------------------------------------ memory

    def _store(self, number: int, offset: int, data: bytes, cut: Cut | None) -> None:
        """One update. The card raises its minimum generation first, so that no tear can leave a newer key's work under an older minimum."""
        this, self._updates = self._updates, self._updates + 1
        if self.faults.cut and self.faults.cut.update == this:
            cut = self.faults.cut
        generation = self._proved_generation()
        self.min_generation = max(self.min_generation, generation)
        raw = self.files[number]
        old = raw[offset : offset + len(data)]
        new = data
        if cut:
            if self._image.torn == "apdu":
                new = data if cut.after or (cut.byte or 0) >= len(data) else old
            elif not cut.after:
                new = old if cut.byte is None else faults.torn(old, data, cut)
        if self.faults.not_stored:
            new = old
        self.files = self.files | {number: raw[:offset] + new + raw[offset + len(data) :]}
        self._save()
        if cut:
            self._cut()

    def _count_down(self, name: str) -> None:
        self.tries = self.tries | {name: self.tries[name] - 1}
        self._save()

    def _save(self) -> None:
        if self.path:
            save(self.path, self.image())

    def _load(self, card: CardImage) -> None:
        self._image = card
        self._atr = bytes.fromhex(card.atr)
        self._serial = bytes.fromhex(card.serial)
        self.files = {int(n): bytes.fromhex(raw) for n, raw in card.files.items()}
        self.tries = dict(card.tries)
        self.min_generation = card.min_generation
        key = partial(_key, card.suite)
        self._auth = key(card.keys.auth)
        self._keys = {crypto.ADMIN: key(card.keys.admin), crypto.METER: key(card.keys.meterkey)}
        self._names = {crypto.ADMIN: "admin", crypto.METER: "meterkey"}
        self._generations = {crypto.kiosk_role(int(g)): int(g) for g in card.keys.kiosk}
        for g, text in card.keys.kiosk.items():
            self._keys[crypto.kiosk_role(int(g))] = key(text)
            self._names[crypto.kiosk_role(int(g))] = f"kiosk.{g}"
        for name in self._names.values():
            self.tries.setdefault(name, TRIES)

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
        return b"\x01" + self._serial if number == SERIAL_FILE else None

    def _unissued(self, number: int, raw: bytes) -> bool:
        return number == PARAMETERS and self._in_df and raw == b"\xff" * len(raw)

    def _referenced(self, ref: int) -> tuple[int, str] | None:
        """The key that EXTERNAL means; a generation below the minimum is gone for good."""
        if ref not in self._names or self._generations.get(ref, self.min_generation) < self.min_generation:
            return None
        return ref, self._names[ref]

    def _proved_generation(self) -> int:
        return self._generations.get(self._proved[0], 0) if self._proved else 0

    def _hold(self, answer: bytes) -> bytes:
        """T=0: an answer to a command with data waits for GET RESPONSE."""
        self._pending = answer
        return bytes([0x61, len(answer)])

    def _spoiled(self, proof: bytes) -> bytes:
        return bytes([proof[0] ^ 1]) + proof[1:] if self.faults.wrong_mac else proof


def _data(apdu: bytes) -> bytes | None:
    """The command data; a trailing Le is allowed, as T=0 drivers differ. None when Lc lies."""
    if len(apdu) < 5 or len(apdu) not in {5 + apdu[4], 6 + apdu[4]}:
        return None
    return apdu[5 : 5 + apdu[4]]


def _key(suite: str, text: str) -> crypto.Key:
    return crypto.Key(bytes.fromhex(text), suite)
