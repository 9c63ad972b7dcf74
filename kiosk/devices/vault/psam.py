"""Suite `psam`: a security module card in a slot of its own holds the utility's masters and its cipher, and computes everything itself.

For utilities whose algorithm is not public (State Grid's SM1), or whose keys may be on no kiosk. The commands are modelled on those of
PBOC purchase modules (80 1A INIT FOR DESCRYPT, 80 FA DES CRYPT); docs/vault.md has the table, and a real module's own goes here:

    SELECT         00 A4 04 00 Lc "KIOSK.PSAM"
    VERIFY         00 20 00 00 Lc PIN             63Cx wrong, x tries left; 6983 blocked
    INIT           80 1A role generation 08 div   makes the card key of serial or meter number, for the next 80 FA only
    CRYPT more     80 FA 00 00 Lc part            a message longer than one command
    CRYPT mac      80 FA 01 n  Lc part            the last part; n bytes of the MAC
    CRYPT check    80 FA 02 00 Lc part || MAC4    the last part; 9000 when the MAC is the card's, 6988 when not

The module makes no MAC under AUTH, it only checks one: whoever has the kiosk cannot make readings up.
"""

from collections.abc import Callable

from kiosk.devices.vault.suite import Role, role_byte
from kiosk.vend.ports import VaultError

APPLICATION = b"KIOSK.PSAM"
SELECT, VERIFY = bytes.fromhex("00A40400"), bytes.fromhex("00200000")
INIT, CRYPT = bytes.fromhex("801A"), bytes.fromhex("80FA")
PART_MAX = 200
SW_WRONG_MAC = 0x6988
SW_BLOCKED = 0x6983
PIN_MAX = 16


Ask = Callable[[bytes, bytes, int], bytes]
"""(class, instruction, P1, P2; data; bytes expected) to the module's slot -> its answer's data. Raises PsamSaid for every status but 9000;
whatever else it raises ends the vault."""


class PsamSaid(VaultError):
    """The module answered another status word than 9000."""

    def __init__(self, sw: int) -> None:
        self.sw = sw
        super().__init__(f"the security module card answered {sw:04X}")


class Psam:
    """Implements `CardCrypto`. Opened with the module's PIN; one thread."""

    name = "psam"

    def __init__(self, ask: Ask, pin: str) -> None:
        """Raises VaultError in one sentence; a wrong PIN is tried once and never again."""
        if not (pin.isascii() and pin.isdecimal() and len(pin) <= PIN_MAX):
            raise VaultError(f"a security module's PIN is up to {PIN_MAX} digits")
        self._ask = ask
        ask(SELECT, APPLICATION, 0)
        try:
            ask(VERIFY, pin.encode(), 0)
        except PsamSaid as said:
            if said.sw & 0xFFF0 == 0x63C0:
                raise VaultError(f"the security module card says that the PIN is wrong; {said.sw & 0x0F} tries are left") from None
            if said.sw == SW_BLOCKED:
                raise VaultError("the security module card is blocked after too many wrong PINs") from None
            raise

    def mac(self, role: Role, diversifier: bytes, message: bytes, length: int, generation: int = 0) -> bytes:
        """See `CardCrypto`."""
        last = self._begin(role, diversifier, message, generation)
        made = self._ask(bytes((*CRYPT, 0x01, length)), last, length)
        if len(made) != length:
            raise VaultError(f"the security module card made {len(made)} bytes instead of {length}")
        return made

    def check(self, role: Role, diversifier: bytes, message: bytes, mac: bytes) -> bool:
        """See `CardCrypto`: the comparison is the module's."""
        last = self._begin(role, diversifier, message, 0)
        try:
            self._ask(bytes((*CRYPT, 0x02, 0)), last + mac, 0)
        except PsamSaid as said:
            if said.sw != SW_WRONG_MAC:
                raise
            return False
        return True

    def _begin(self, role: Role, diversifier: bytes, message: bytes, generation: int) -> bytes:
        """Have the key made and send all but the last part, which is given back."""
        self._ask(bytes((*INIT, role, role_byte(role, generation) >> 4)), diversifier, 0)
        while len(message) > PART_MAX:
            self._ask(bytes((*CRYPT, 0x00, 0)), message[:PART_MAX], 0)
            message = message[PART_MAX:]
        return message
