"""The machine's end of the vault's process. It implements `kiosk.vend.ports.Vault`; a vault that is dead, silent or strange is locked.

Nothing here ever has a key. The process gets no environment but the few names that a security module needs, no terminal, and its private
socket as standard input.
"""

import contextlib
import os
import socket
import subprocess
import sys
import threading
from typing import NoReturn, TypeVar

import msgspec

from kiosk.devices.vault import wire
from kiosk.devices.vault.store import SENTENCES, BootRefused
from kiosk.secret import wipe
from kiosk.vend.code import Terms
from kiosk.vend.ports import VaultError, VaultLocked

PROGRAM = (sys.executable, "-I", "-m", "kiosk.keys")
PASSED_ON = ("SOFTHSM2_CONF", "PCSCLITE_CSOCK_NAME")
OPEN_S = 30.0  # scrypt, a slow module, a card that wants its PIN
ANSWER_S = 10.0  # a security module card takes under a second; the reader's own patience is longer than this
END_S = 5.0

Answer = TypeVar("Answer", bound=wire.Answers)


class VaultClient:
    """One life of a vault. Thread-safe; locked until `start`, and locked for good after the process has ended."""

    def __init__(self, order: wire.Orders, pin: bytearray | None = None, *, program: tuple[str, ...] = PROGRAM) -> None:
        """`pin`: the boot card's, for a store; it is wiped when the process has it."""
        self.demo = isinstance(order, wire.OpenDemo)
        self._order: wire.Orders | None = order
        self._pin = pin
        self._program = program
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._opening = False

    def __repr__(self) -> str:
        return f"VaultClient(demo={self.demo}, {'locked' if self.locked else 'open'})"

    # ------------------------------------------------------------ its life

    @property
    def locked(self) -> bool:
        """Not started, ended, or given up."""
        return self._line is None or self._process is None or self._process.poll() is not None

    @property
    def pid(self) -> int:
        """Of the process; 0 when there is none."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Start the process and give it its order; it opens while this returns. Once only."""
        order, self._order = self._order, None
        if order is None:
            raise ValueError("a vault is started once")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                self._program,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL if os.isatty(2) else None,  # a terminal may be the customer's glass
                env=environment,
                cwd="/",
                start_new_session=True,
            )
        self._line, self._opening = ours, True
        ours.settimeout(OPEN_S)
        with contextlib.suppress(OSError):  # it is dead already: the first question finds out
            ours.send(msgspec.msgpack.encode(order))
            if self._pin is not None:
                ours.send(self._pin)
        wipe(self._pin or bytearray())

    def opened(self) -> wire.Status:
        """Wait until it is open. Raises VaultLocked with the sentence of its refusal."""
        return self._said(wire.Ask(), wire.Status)

    def lock(self) -> None:
        """End the process, and with it every key. Harmless when it has ended."""
        process = self._process
        if process:
            process.kill()
            process.wait(END_S)
        with self._lock:
            self._hang_up()

    def stop(self) -> None:
        """With the core."""
        self.lock()

    # ------------------------------------------------------------ ports.Vault

    def card_cryptogram(self, serial: bytes, generation: int, challenge: bytes) -> bytes:
        """8 bytes for EXTERNAL AUTHENTICATE."""
        return self._said(wire.Cryptogram(serial, generation, challenge), wire.Made).mac

    def card_mac(self, serial: bytes, generation: int, message: bytes) -> bytes:
        """4 bytes for UPDATE BINARY. Raises VaultError for a write that no sale makes and an amount that is not allowed."""
        return self._said(wire.CardMac(serial, generation, message), wire.Made).mac

    def check_reading(self, serial: bytes, message: bytes, mac: bytes) -> bool:
        """Did the card's own key make this MAC?"""
        return self._said(wire.CheckReading(serial, message, mac), wire.Holds).yes

    def tag(self, meter: str, n: int, amount_minor: int, salt: bytes) -> bytes:
        """2 bytes: whose purchase stands on a card."""
        return self._said(wire.Tag(meter, n, amount_minor, salt), wire.Made).mac

    def check_code(self, terms: Terms, mac: int) -> bytes:
        """2 bytes: the salt of the record; b"" for wrong digits. Raises VaultError after too many of them."""
        return self._said(wire.Code(terms, mac), wire.Made).mac

    def count_proof(self, terms: Terms, mac: int, *, another: bool) -> int:
        """Ten digits for the office's telephone."""
        return int.from_bytes(self._said(wire.CountProof(terms, mac, another), wire.Made).mac)

    def grant(self, item: bytes, signature: bytes) -> wire.Status:
        """A float of the head office. Raises VaultError when it is not believed."""
        return self._said(wire.Grant(item, signature), wire.Status)

    # ------------------------------------------------------------ the line

    def _said(self, word: wire.Words, kind: type[Answer]) -> Answer:
        with self._lock:
            if self._line is None:
                raise VaultLocked("the vault is locked")
            if self._opening:
                self._open(self._line)
            answer = self._exchanged(self._line, word)
            if not isinstance(answer, kind | wire.Refused):
                self._end()
        if isinstance(answer, wire.Refused):
            raise VaultError(answer.why)
        return answer

    def _open(self, line: socket.socket) -> None:
        answer = self._heard(line)
        if isinstance(answer, wire.Refused):
            self._hang_up()
            raise BootRefused(answer.word, answer.left, answer.certificate) if answer.word in SENTENCES else VaultLocked(answer.why)
        if not isinstance(answer, wire.Status):
            self._end()
        self._opening = False
        line.settimeout(ANSWER_S)

    def _exchanged(self, line: socket.socket, word: wire.Words) -> wire.Answers:
        try:
            line.send(msgspec.msgpack.encode(word))
        except OSError:
            self._end()
        return self._heard(line)

    def _heard(self, line: socket.socket) -> wire.Answers:
        try:
            return ANSWERS.decode(line.recv(wire.PACKET_MAX))  # nothing, at the end, decodes to nothing
        except (OSError, msgspec.MsgspecError):
            self._end()

    def _end(self) -> NoReturn:
        """It is dead, silent or strange: no further word, and no process that might still have keys."""
        self._hang_up()
        if self._process:
            self._process.kill()
        raise VaultLocked("the vault has ended")

    def _hang_up(self) -> None:
        line, self._line = self._line, None
        if line:
            line.close()


ANSWERS: msgspec.msgpack.Decoder[wire.Answers] = msgspec.msgpack.Decoder(wire.Answers)
