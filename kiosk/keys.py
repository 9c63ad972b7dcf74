"""The vault's process: `python -I -m kiosk.keys`, its socket as standard input.

What a vault can be opened from is composed here, and only here.
"""

import contextlib
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

import msgspec

from kiosk.devices.card import piv
from kiosk.devices.card.apdu import ApduError, CardError, CardForeign, CardGone, Command, Connection, ReaderError, exchange
from kiosk.devices.card.pcsc import PcscReader
from kiosk.devices.card.reader import Slot, State
from kiosk.devices.vault import store, warm, wire
from kiosk.devices.vault.demo import DemoVault
from kiosk.devices.vault.file import FileVault
from kiosk.devices.vault.hardened import harden
from kiosk.devices.vault.hq import trading
from kiosk.devices.vault.psam import Psam, PsamSaid
from kiosk.devices.vault.server import EXIT_DIED, say_where, serve
from kiosk.devices.vault.store import BootRefused, Expected
from kiosk.devices.vault.trading import TradingVault
from kiosk.vend.ports import Vault, VaultError

SLOT_S = 3.0  # how long a security module card may take to be seen


def opened(order: wire.Orders, pin: bytearray) -> Vault:
    """See `server.Opener`."""
    match order:
        case wire.OpenDemo():
            return DemoVault(order.utility, order.region)
        case wire.OpenPsam():
            return _psam(order)
        case wire.OpenStore() | wire.OpenWarm():
            return _store(order, pin)
        case wire.OpenFile():
            return trading(FileVault(Path(order.path), order.passphrase), order.region, _now_ms())
    return _token(order)


def _store(order: wire.OpenStore | wire.OpenWarm, pin: bytearray) -> Vault:
    folder = Path(order.folder)
    expected = Expected(order.kiosk, order.utility, order.region, order.signers, order.least, _now_ms())
    if isinstance(order, wire.OpenWarm):
        said, masters = warm.opened(folder, expected, order.warm_key)
        return store.vault_of(said, masters, expected.now_ms)

    def with_card() -> tuple[store.Statement, store.Masters]:
        with BootSlot(_present(order.reader), pin.decode("utf-8", "replace"), last_try=order.last_try) as card:
            return store.unlocked(folder, expected, card)

    said, masters = _in_a_child(with_card)
    if order.warm_key:
        warm.keep(folder, store.read_store(folder), masters, order.warm_key)
    return store.vault_of(said, masters, expected.now_ms)


class _Opened(msgspec.Struct):
    """What the child says to the vault, and to nobody else."""

    said: store.Statement | None = None
    masters: dict[str, bytes] = {}
    refused: tuple[str, int | None, str] | None = None


def _in_a_child(work: Callable[[], tuple[store.Statement, store.Masters]]) -> tuple[store.Statement, store.Masters]:
    """A fork of this process, in which nothing else runs yet, shows the PIN to the card and ends: what it had in its memory ends with it.

    Raises BootRefused as the work does.
    """
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        os._exit(_tells(theirs, work))
    os.close(theirs)
    with os.fdopen(ours, "rb") as line:
        told = line.read()
    os.waitpid(child, 0)
    answer = msgspec.msgpack.decode(told, type=_Opened) if told else _Opened()
    if answer.refused:
        raise BootRefused(*answer.refused)
    if answer.said is None:
        raise BootRefused("damaged")
    return answer.said, store.Masters(answer.masters)


def _tells(line: int, work: Callable[[], tuple[store.Statement, store.Masters]]) -> int:
    """The child's life; its exit code."""
    try:
        harden(b"kiosk-boot-card")
        try:
            said, masters = work()
            told = _Opened(said, dict(masters.by_name))
        except BootRefused as refused:
            told = _Opened(refused=(refused.why, refused.left, refused.certificate))
        os.write(line, msgspec.msgpack.encode(told))
    except Exception as error:  # noqa: BLE001 - it ends, and says where, never what
        say_where(error)
        return EXIT_DIED
    return 0


class BootSlot:
    """The card in the boot reader: implements `store.BootCard`. Whatever happens to it is a BootRefused; at the end it forgets the PIN."""

    def __init__(self, connection: Connection, pin: str, *, last_try: bool = False) -> None:
        self._connection, self._pin, self._last_try = connection, pin, last_try

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(CardError):
            self._connection.reset()
        self._connection.close()

    def certificate(self) -> bytes:
        """See `BootCard`."""

        def read() -> bytes:
            piv.select(self._connection)
            return piv.certificate(self._connection)

        return _boot(read)

    def agree(self, point: bytes) -> bytes:
        """See `BootCard`."""

        def shown() -> bytes:
            piv.verify(self._connection, self._pin, last_try=self._last_try)
            return piv.agree(self._connection, point)

        return _boot(shown)


def boot_certificate(reader: str) -> bytes:
    """DER: the key-management certificate of the PIV card in that reader. Raises BootRefused."""
    with BootSlot(_present(reader), "") as card:
        return card.certificate()


def _boot(work: Callable[[], bytes]) -> bytes:
    try:
        return work()
    except piv.PinRefused as refused:
        why, left = refused.why, refused.left
    except CardForeign:
        why, left = "not_piv", None
    except ReaderError:
        why, left = "no_reader", None
    except CardError:  # pulled, torn, mute
        why, left = "no_card", None
    raise BootRefused(why, left)


def _token(order: wire.OpenToken) -> Vault:
    try:
        from kiosk.devices.vault.hsm import TokenVault  # noqa: PLC0415 - an optional part
    except ImportError:
        raise VaultError("PKCS#11 needs python-pkcs11: pip install 'kiosk[pkcs11]'") from None
    return trading(TokenVault(Path(order.module), order.token, order.pin), order.region, _now_ms())


def _psam(order: wire.OpenPsam) -> Vault:
    try:
        connection = _module(order.reader)

        def ask(header: bytes, data: bytes, expected: int) -> bytes:
            cla, ins, p1, p2 = header
            try:
                return exchange(connection, Command(cla, ins, p1, p2, data, expected))
            except ApduError as error:
                raise PsamSaid(error.sw) from None

        return TradingVault([Psam(ask, order.pin)])
    except CardError as error:
        raise VaultError(f"the security module card cannot be used: {error}") from None


def _module(name: str) -> Connection:
    """The card in the reader of that name, waited for. Raises CardError, VaultError."""
    reader, slot = _awaited(name)
    if slot.state is not State.PRESENT:
        raise VaultError(f"there is no security module card in the reader {name}: {slot.why or slot.state}")
    return reader.open(slot)


def _present(name: str) -> Connection:
    """The boot card in the reader of that name. Raises BootRefused."""
    try:
        reader, slot = _awaited(name)
        if slot.state is State.PRESENT:
            return reader.open(slot)
        why = {State.DOWN: "no_reader", State.MUTE: "not_piv"}.get(slot.state, "no_card")
    except CardGone:
        why = "no_card"
    except CardError as error:
        why = "no_reader" if isinstance(error, ReaderError) else "not_piv"
    raise BootRefused(why)


def _awaited(name: str) -> tuple[PcscReader, Slot]:
    reader = PcscReader(name)
    slot, until_s = reader.watch(None, 0), time.monotonic() + SLOT_S
    while slot.state is not State.PRESENT and time.monotonic() < until_s:
        slot = reader.watch(slot, 1.0)
    return reader, slot


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    with socket.socket(fileno=0) as line:
        sys.exit(serve(line, opened))
