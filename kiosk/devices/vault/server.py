"""The vault's process: it takes one order, opens, and then answers words until its socket closes. To lock is to end it.

Python cannot wipe memory; the end of a process does. Whatever goes wrong ends it too: without a traceback, which could quote a key, but
with the place where it happened.
"""

import contextlib
import socket
import sys
import time
import traceback
from collections.abc import Callable
from typing import TypeVar

import msgspec

from kiosk import envelope
from kiosk.devices.vault import wire
from kiosk.devices.vault.hardened import harden
from kiosk.devices.vault.purse import OverLimit, Purse, Tries
from kiosk.devices.vault.store import BootRefused
from kiosk.devices.vault.suite import NoSuchKey
from kiosk.secret import wipe
from kiosk.vend.ports import Vault, VaultError

EXIT_CLOSED, EXIT_REFUSED, EXIT_STRANGE, EXIT_DIED = 0, 1, 7, 70
FLOAT_LABEL = "down"

Opener = Callable[[wire.Orders, bytearray], Vault]
"""The vault that an order asks for, with the boot card's PIN where there is one. Raises VaultError in one sentence."""
Decoded = TypeVar("Decoded")


class StrangeWord(Exception):
    """Something outside of the closed set."""


class Keeper:
    """An open vault, its purse, and the float grants that it has seen."""

    def __init__(self, vault: Vault, order: wire.Orders, memory: str) -> None:
        self._vault, self._floats, self._memory = vault, order.floats, memory
        self._purse, self._tries = Purse(order.limits), Tries(time.monotonic)
        self._grants: set[int] = set()

    def answer(self, word: wire.Words) -> wire.Answers:
        """To one word. An amount is counted before its MAC is made, and stays counted whatever becomes of the MAC."""
        vault = self._vault
        match word:
            case wire.CardMac():
                self._purse.spend(word.serial, word.message)
                return wire.Made(vault.card_mac(word.serial, word.generation, word.message))
            case wire.Cryptogram():
                return wire.Made(vault.card_cryptogram(word.serial, word.generation, word.challenge))
            case wire.CheckReading():
                return wire.Holds(word.message[:1] == b"R" and vault.check_reading(word.serial, word.message, word.mac))
            case wire.Tag():
                return wire.Made(vault.tag(word.meter, word.n, word.amount_minor, word.salt))
            case wire.Code():
                return wire.Made(self._code(word))
            case wire.CountProof():
                if not self._code(word):
                    raise OverLimit("a count proof is made for a code that is right")
                return wire.Made(vault.count_proof(word.terms, word.mac, another=word.another).to_bytes(8))
            case wire.Grant():
                self._grant(word)
        return self.status()

    def _code(self, word: wire.Code | wire.CountProof) -> bytes:
        """A wrong one is counted; the amount of a right one may be put in its slot beside what was granted: the office has it already."""
        self._tries.allowed()
        salt = self._vault.check_code(word.terms, word.mac)
        if salt:
            self._purse.coded(bytes.fromhex(word.terms.serial), word.terms.n, word.terms.amount_minor)
        else:
            self._tries.wrong()
        return salt

    def status(self) -> wire.Status:
        """How it stands."""
        return wire.Status(self._vault.demo, self._memory, self._purse.spent_minor, self._purse.granted_minor)

    def _grant(self, word: wire.Grant) -> None:
        floats = self._floats
        if floats is None or not envelope.holds(floats.key, FLOAT_LABEL, word.item, word.signature):
            raise OverLimit("a float that the head office did not sign")
        try:
            item = msgspec.json.decode(word.item, type=wire.Float)
        except msgspec.MsgspecError:
            raise OverLimit("a float of another form") from None
        if item.kiosk != floats.kiosk:
            raise OverLimit("a float for another kiosk")
        if item.until_ms <= time.time() * 1000:
            raise OverLimit("a float that has ended")
        if item.grant in self._grants:
            raise OverLimit("a float that was given already")
        self._grants.add(item.grant)
        self._purse.grant(item.amount_minor)


def serve(line: socket.socket, opener: Opener) -> int:
    """The whole life; the exit code. `line` is a SOCK_SEQPACKET."""
    orders, words = msgspec.msgpack.Decoder(wire.Orders), msgspec.msgpack.Decoder(wire.Words)
    try:
        memory = harden(b"kiosk-vault")
        packet = _received(line)
        if not packet:
            return EXIT_CLOSED
        order = _decoded(orders, packet)
        pin = _pin(line) if isinstance(order, wire.OpenStore) else bytearray()
        try:
            keeper = Keeper(opener(order, pin), order, memory)
        except BootRefused as refused:
            _send(line, wire.Refused(str(refused), refused.why, refused.left, refused.certificate))
            return EXIT_REFUSED
        except (VaultError, NoSuchKey) as error:
            _send(line, wire.Refused(str(error)))
            return EXIT_REFUSED
        finally:
            wipe(pin)
        _send(line, keeper.status())
        while packet := _received(line):
            word = _decoded(words, packet)
            try:
                answer = keeper.answer(word)
            except (VaultError, NoSuchKey) as error:
                answer = wire.Refused(str(error))
            _send(line, answer)
    except OSError:
        return EXIT_CLOSED
    except StrangeWord:
        return EXIT_STRANGE
    except Exception as error:  # noqa: BLE001 - it ends, and says where, never what
        say_where(error)
        return EXIT_DIED
    return EXIT_CLOSED


def say_where(error: Exception) -> None:
    """On standard error: what kind of thing went wrong and where, never with what."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    print(f"vault: {type(error).__name__} at {frame.filename}:{frame.lineno}", file=sys.stderr, flush=True)  # noqa: T201


def _received(line: socket.socket) -> bytes:
    """One packet; b"" at the end."""
    packet, _, flags, _ = line.recvmsg(wire.PACKET_MAX)
    if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
        raise StrangeWord
    return packet


def _pin(line: socket.socket) -> bytearray:
    """The packet behind an order, and no other copy of it."""
    pin = bytearray(wire.PIN_MAX)
    size = line.recv_into(pin)
    del pin[size:]
    return pin


def _decoded(decoder: "msgspec.msgpack.Decoder[Decoded]", packet: bytes) -> Decoded:
    with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
        return decoder.decode(packet)
    raise StrangeWord  # outside of the handler: the cause may quote what was said


def _send(line: socket.socket, answer: wire.Answers) -> None:
    line.send(msgspec.msgpack.encode(answer))
