"""A simulated security module card: it plugs into the second slot, wants its PIN, makes and checks MACs, and gives no key to anybody.

    00 A4 04 00 "KIOSK.PSAM"    SELECT; nothing else works before
    00 20 00 00 PIN             VERIFY: 63Cx, x tries left; 6983 when they are used up; right until the next reset or SELECT
    80 1A role generation div8  the key of `role` for this serial or meter number, for the next chain of 80 FA only
    80 FA 00 00 part            more of a message
    80 FA 01 n  part            its end: the first n bytes (1 to 8) of its MAC, behind 61xx
    80 FA 02 00 part mac4       its end: 9000 when the MAC is right, 6988 when it is not
    00 C0 00 00 len             GET RESPONSE

Under KIOSK and TAG it makes MACs and under AUTH it only checks them; it has no ADMIN and no METER master. 6700 length, 6982 no PIN, 6985
not in this order or not with this key, 6A82 no such application, 6A86 P1 P2, 6A88 no such key, 6D00 instruction, 6E00 class.
"""

import hmac

from kiosk.devices.sim import crypto
from kiosk.devices.sim.inserted import Inserted

APPLICATION = b"KIOSK.PSAM"
ATR = bytes.fromhex("3b690002") + b"KIOSKPSAM"
PIN_TRIES = 3
MESSAGE_MAX = 1024
MAKES, CHECKS = {crypto.KIOSK, crypto.TAG}, {crypto.AUTH}
OK, WRONG_LENGTH, NO_RIGHT, BLOCKED = b"\x90\x00", b"\x67\x00", b"\x69\x82", b"\x69\x83"
NOT_NOW, WRONG_MAC, NO_APPLICATION, WRONG_P1P2 = b"\x69\x85", b"\x69\x88", b"\x6a\x82", b"\x6a\x86"
NO_KEY, NO_INSTRUCTION, NO_CLASS = b"\x6a\x88", b"\x6d\x00", b"\x6e\x00"


class PsamModel(Inserted):
    """One module with one utility's masters. `process` and `reset` are its contacts, `insert` and `pull` the hand. One owner, or a lock."""

    atr = ATR
    name = "module"

    def __init__(self, masters: crypto.Masters, pin: str) -> None:
        self._masters = {crypto.AUTH: masters.auth, crypto.KIOSK: masters.kiosk, crypto.TAG: masters.tag}
        self._utility = masters.utility
        self._pin = pin.encode()
        self.tries = PIN_TRIES
        self.made = 0  # MACs made and checked in its life
        self._key: crypto.Key | None = None
        super().__init__()

    def __repr__(self) -> str:
        return "PsamModel(hidden)"

    def process(self, apdu: bytes) -> bytes:
        """One command, one answer. CardPulled when the module is out."""
        self._touched()
        pending, self._pending = self._pending, b""
        if len(apdu) < 4:
            return WRONG_LENGTH
        data = apdu[5:] if len(apdu) > 5 and len(apdu) == 5 + apdu[4] else b""
        match apdu[0], apdu[1]:
            case 0x00, 0xA4:
                return self._select(apdu, data)
            case 0x00, 0xC0:
                return pending + OK if pending and apdu[4:] == bytes((len(pending),)) else NOT_NOW
            case 0x00, 0x20 if self._selected:
                return self._verify(data)
            case 0x80, 0x1A if self._selected:
                return self._init(apdu, data)
            case 0x80, 0xFA if self._selected:
                return self._crypt(apdu, data)
        return NO_INSTRUCTION if apdu[0] in {0x00, 0x80} else NO_CLASS

    # ------------------------------------------------------------ commands

    def _select(self, apdu: bytes, data: bytes) -> bytes:
        self._forget()
        if apdu[2:4] != b"\x04\x00":
            return WRONG_P1P2
        self._selected = data == APPLICATION
        return OK if self._selected else NO_APPLICATION

    def _verify(self, pin: bytes) -> bytes:
        self._right = False
        if not pin:
            return WRONG_LENGTH
        if self.tries == 0:
            return BLOCKED
        self.tries -= 1  # before the comparison, so that a power cut in it costs a try
        if not hmac.compare_digest(pin, self._pin):
            return bytes((0x63, 0xC0 | self.tries))
        self.tries = PIN_TRIES
        self._right = True
        return OK

    def _init(self, apdu: bytes, diversifier: bytes) -> bytes:
        self._key, self._message = None, b""
        if not self._right:
            return NO_RIGHT
        role, generation = apdu[2], apdu[3]
        if role not in self._masters or generation > 15:
            return NO_KEY
        if len(diversifier) != 8:
            return WRONG_LENGTH
        name = crypto.kiosk_role(generation) if role == crypto.KIOSK else role
        self._role, self._key = role, crypto.Key(crypto.derive(self._masters[role], diversifier, self._utility, name))
        return OK

    def _crypt(self, apdu: bytes, data: bytes) -> bytes:
        if not self._right:
            return NO_RIGHT
        key, p1, p2 = self._key, apdu[2], apdu[3]
        if key is None or self._role not in {1: MAKES, 2: CHECKS}.get(p1, MAKES | CHECKS):
            self._key = None
            return NOT_NOW
        if p1 == 0:
            self._message += data
            return OK if data and len(self._message) <= MESSAGE_MAX else WRONG_LENGTH
        whole, self._key, self._message = self._message + data, None, b""
        if p1 == 1 and 1 <= p2 <= 8:
            self.made += 1
            self._pending = key.cmac(whole)[:p2]
            return bytes((0x61, p2))
        if p1 == 2 and len(data) >= 4:
            self.made += 1
            return OK if hmac.compare_digest(key.cmac(whole[:-4])[:4], whole[-4:]) else WRONG_MAC
        return WRONG_P1P2

    def _forget(self) -> None:
        self._selected = self._right = False
        self._key = None
        self._role = 0
        self._message = self._pending = b""
