"""eSSP's encrypted layer: a key by Diffie-Hellman in 64-bit fields, AES-128-ECB, a count that both ends keep.

    data of the packet   7E | AES( length | count, 4 bytes | data | packing | CRC low | CRC high )

The AES key is 8 bytes that are fixed in the device and 8 that were negotiated. The host sends its count, the answer carries the next one,
and the host's next packet the same. Numbers are little-endian. The numbers are so small that whoever listens can find the key: this layer
shows that a cable was tampered with, and hides nothing. Source: ITL SSP Protocol Manual GA138, "Encryption layer".
"""

import secrets
from collections.abc import Callable

import msgspec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from kiosk.devices.essp.wire import crc

STEX = 0x7E
DEFAULT_FIXED = 0x0123456701234567
_BLOCK = 16
_OVERHEAD = 7  # length, count, CRC
_PRIME_BITS = 31  # of generator and modulus, as the vendor's own host has them: a device multiplies them in 64 bits
_WITNESSES = (2, 3, 5, 7)  # of Miller and Rabin: exact below 3,215,031,751


class Undeciphered(Exception):
    """Not of this key, not of this count, or damaged."""


class Exchange(msgspec.Struct, frozen=True):
    """The host's half of a key exchange: two primes, and a secret power. See `new`."""

    generator: int
    modulus: int
    secret: int

    @property
    def public(self) -> int:
        """What the host tells: the generator to the secret power."""
        return pow(self.generator, self.secret, self.modulus)

    def key(self, answer: int, fixed: int = DEFAULT_FIXED) -> bytes:
        """The AES key, 16 bytes, from the device's number. Undeciphered where that is none: everyone would know the key."""
        if not 1 < answer < self.modulus - 1:
            raise Undeciphered("the device's number in the key exchange is none")
        return fixed.to_bytes(8, "little") + pow(answer, self.secret, self.modulus).to_bytes(8, "little")


def new_exchange() -> Exchange:
    """A fresh one. The generator is the larger prime: some devices want that, and none minds."""
    one, other = _prime(), _prime()
    while one == other:
        other = _prime()
    generator, modulus = max(one, other), min(one, other)
    return Exchange(generator, modulus, 2 + secrets.randbelow(modulus - 3))


class Sealed:
    """One encrypted session, from a key exchange to the next. `packing`: so many random bytes."""

    def __init__(self, key: bytes, packing: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._cipher = Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305 - the protocol's own mode
        self._packing = packing
        self.count = 0

    def seal(self, data: bytes) -> bytes:
        """The data of the packet that carries `data`, at most 232 bytes, under the count as it stands. ValueError for more."""
        if len(data) > MAX_DATA:
            raise ValueError(f"an eSSP packet holds {MAX_DATA} bytes, not {len(data)}")
        plain = bytes([len(data)]) + self.count.to_bytes(4, "little") + data
        plain += self._packing(-(len(data) + _OVERHEAD) % _BLOCK)
        encryptor = self._cipher.encryptor()
        return bytes([STEX]) + encryptor.update(plain + crc(plain)) + encryptor.finalize()

    def open(self, data: bytes) -> bytes:
        """What the answer says. It moves the count. Raises Undeciphered."""
        if len(data) <= 1 or data[0] != STEX or (len(data) - 1) % _BLOCK:
            raise Undeciphered("this is no encrypted packet")
        decryptor = self._cipher.decryptor()
        plain = decryptor.update(data[1:]) + decryptor.finalize()
        body, length = plain[:-2], plain[0]
        if crc(body) != plain[-2:] or length + _OVERHEAD > len(plain):
            raise Undeciphered("an encrypted packet is damaged, or of another key")
        count = (self.count + 1) & 0xFFFFFFFF
        if int.from_bytes(body[1:5], "little") != count:
            raise Undeciphered("an encrypted packet has another count")
        self.count = count
        return body[5 : 5 + length]


MAX_DATA = 255 // _BLOCK * _BLOCK - _OVERHEAD - 1  # 7E and fifteen blocks


def _prime() -> int:
    while True:
        number = secrets.randbits(_PRIME_BITS) | 1 << (_PRIME_BITS - 1) | 1
        if is_prime(number):
            return number


def is_prime(number: int) -> bool:
    """Exact for all below 3,215,031,751."""
    if number < 2 or any(number % witness == 0 for witness in _WITNESSES):
        return number in _WITNESSES
    odd, halvings = number - 1, 0
    while odd % 2 == 0:
        odd, halvings = odd // 2, halvings + 1
    for witness in _WITNESSES:
        power = pow(witness, odd, number)
        if power in (1, number - 1):
            continue
        for _ in range(halvings - 1):
            power = power * power % number
            if power == number - 1:
                break
        else:
            return False
    return True
