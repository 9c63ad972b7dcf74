"""The device's side of an SSP line, for the simulated validator: packets, their repetition, and the encrypted layer.

Written from the protocol's tables, apart from the kiosk's driver: bytes are looked at one by one, and the CRC is the long division.
Source: ITL SSP Protocol Manual GA138.
"""

import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from kiosk.devices.port import Port
from kiosk.devices.sim.cctalk_bus import Answer, SlaveLine

SYNC, GENERATOR, MODULUS, KEY_EXCHANGE = 0x11, 0x4A, 0x4B, 0x4C
OK, UNKNOWN, OUT_OF_RANGE, KEY_NOT_SET = b"\xf0", b"\xf2", b"\xf4", b"\xfa"
START, SEALED = 0x7F, 0x7E


class EsspLine(SlaveLine):
    """See SlaveLine: `answer(command, data)` is the whole data of the answer, its first byte the status.

    `keyed`: "none" (no encryption), "optional", "required" (KEY NOT SET until there is a key). `fixed`: the key's half in the device.
    """

    def __init__(
        self,
        link: str | Path,
        address: int,
        answer: Callable[[int, bytes], Answer],
        tick: Callable[[], None],
        *,
        paced: bool,
        keyed: str,
        fixed: int,
    ) -> None:
        super().__init__(link, address, "checksum", answer, tick, paced=paced)
        self.layer = Layer(fixed)
        self._keyed = keyed
        self._half = False  # a start byte came, and the next one says what it was
        self._head = 0  # of the packet that is answered
        self._last: tuple[int, int, Answer] | None = None  # its head, command and answer
        self.sealed = False  # the command that is answered came so

    def power_lost(self) -> None:
        """Neither key nor packets are remembered."""
        self.layer.forget()
        self._last = None

    # ---------------------------------------------------------------- packets

    def _hear(self, port: Port, heard: list[int], byte: int) -> None:
        if self._half:
            self._half = False
            if byte != START:
                heard[:] = [START, byte]
            elif heard:
                heard.append(START)
        elif byte == START:
            self._half = True
            return
        elif heard:
            heard.append(byte)
        if len(heard) >= 3 and len(heard) == 5 + heard[2]:
            packet = heard.copy()
            heard.clear()
            self._packet(port, packet)

    def _packet(self, port: Port, packet: list[int]) -> None:
        head, data = packet[1], bytes(packet[3:-2])
        if not data or head & 0x7F != self._address or divide(bytes(packet[1:-2])) != packet[-2] + 256 * packet[-1]:
            return
        if self._last and self._last[0] == head and data[0] != SYNC:
            self._head = head
            self._reply(port, *self._last[1:])  # the host has not heard it: nothing is done twice
            return
        command, answer = self._obey(data)
        if answer is None:
            return
        self._last, self._head = None if command == SYNC else (head, command, answer), head  # after SYNC either bit is a new packet's
        self._reply(port, command, answer)

    def _obey(self, data: bytes) -> tuple[int, Answer]:
        self.sealed = sealed = data[0] == SEALED
        if sealed:
            if not self.layer.key:
                return SEALED, KEY_NOT_SET
            opened = self.layer.opened(data)
            if opened is None:
                return SEALED, None
            data = opened
        command = data[0]
        if command == self.faults.lose_request:
            self.faults.lose_request = 0
            return command, None
        with self.lock:
            answer = self._command(command, data[1:], sealed=sealed)
            if isinstance(answer, bytes) and sealed:
                answer = self.layer.sealed(answer) if self.layer.key else None  # the power went in between
        return command, answer

    def _command(self, command: int, data: bytes, *, sealed: bool) -> Answer:
        alive = self._answer(SYNC, b"")  # what has no power answers nothing
        if command == SYNC or alive is None:
            return alive
        if command in (GENERATOR, MODULUS, KEY_EXCHANGE):
            return UNKNOWN if self._keyed == "none" else self.layer.exchange(command, data)
        if not sealed and self._keyed == "required":
            return KEY_NOT_SET
        if command in (0x60, 0x61):
            return UNKNOWN if self._keyed == "none" else self.layer.set_fixed(data if command == 0x60 else None)
        return self._answer(command, data)

    def _frame(self, header: int, data: bytes) -> bytes:  # noqa: ARG002 - an answer names no command
        body = [self._head, len(data), *data]
        remainder = divide(bytes(body))
        raw = bytearray([START])
        for byte in [*body, remainder % 256, remainder // 256]:
            raw += bytes([byte, byte] if byte == START else [byte])
        return bytes(raw)


class Layer:
    """The device's half of the encryption. A count that is not its own, or a CRC that is not true, is answered by nothing."""

    def __init__(self, fixed: int) -> None:
        self._fixed = self._shipped = fixed
        self.forget()

    def forget(self) -> None:
        """Power is lost, or the host begins anew."""
        self.key = b""
        self._generator = self._modulus = self._count = 0

    def exchange(self, command: int, data: bytes) -> bytes:
        """SET GENERATOR, SET MODULUS, REQUEST KEY EXCHANGE."""
        if len(data) != 8:
            return b"\xf3"
        number = sum(byte << 8 * place for place, byte in enumerate(data))
        if command == KEY_EXCHANGE:
            if not (self._generator and self._modulus and number):
                return b"\xf5"
            secret = 1 + secrets.randbelow(self._modulus - 1)
            shared = pow(number, secret, self._modulus)
            self.key = self._fixed.to_bytes(8, "little") + shared.to_bytes(8, "little")
            self._count = 0
            return OK + pow(self._generator, secret, self._modulus).to_bytes(8, "little")
        if not prime(number):
            return OUT_OF_RANGE
        if command == GENERATOR:
            self._generator = number
        else:
            self._modulus = number
        return OK

    def set_fixed(self, data: bytes | None) -> bytes:
        """SET FIXED ENCRYPTION KEY, or back to the one it left the factory with; from the next exchange on."""
        if data is not None and len(data) != 8:
            return b"\xf3"
        self._fixed = self._shipped if data is None else int.from_bytes(data, "little")
        return OK

    def opened(self, data: bytes) -> bytes | None:
        """What the host says, None where it is not understood."""
        if len(data) < 17 or len(data) % 16 != 1:
            return None
        machine = Cipher(algorithms.AES(self.key), modes.ECB()).decryptor()  # noqa: S305 - the protocol's own mode
        plain = machine.update(data[1:]) + machine.finalize()
        count = plain[1] | plain[2] << 8 | plain[3] << 16 | plain[4] << 24
        if divide(plain[:-2]) != plain[-2] + 256 * plain[-1] or count != self._count or not 0 < plain[0] <= len(plain) - 7:
            return None
        return plain[5 : 5 + plain[0]]

    def sealed(self, answer: bytes) -> bytes:
        """The answer, under the next count."""
        self._count = (self._count + 1) % 2**32
        filled = bytes([len(answer)]) + self._count.to_bytes(4, "little") + answer
        while (len(filled) + 2) % 16:
            filled += secrets.token_bytes(1)
        remainder = divide(filled)
        machine = Cipher(algorithms.AES(self.key), modes.ECB()).encryptor()  # noqa: S305 - the protocol's own mode
        return bytes([SEALED]) + machine.update(filled + bytes([remainder % 256, remainder // 256])) + machine.finalize()


def divide(message: bytes) -> int:
    """The CRC as it is defined: the message, its first two bytes turned over, times x^16, by x^16 + x^15 + x^2 + 1."""
    number = (int.from_bytes(message, "big") ^ 0xFFFF << 8 * (len(message) - 2)) << 16
    for place in range(number.bit_length() - 1, 15, -1):
        if number >> place & 1:
            number ^= 0x18005 << (place - 16)
    return number


def prime(number: int) -> bool:
    """By Fermat's test, as small devices do it."""
    return number in (2, 3, 5, 7) or (number > 10 and all(pow(base, number - 1, number) == 1 for base in (2, 3, 5, 7)))
