"""The vault's process: `python -I -m kiosk.keys`, its socket as standard input.

What a vault can be opened from is composed here, and only here.
"""

import socket
import sys
import time
from pathlib import Path

from kiosk.devices.card.apdu import ApduError, CardError, Command, Connection, exchange
from kiosk.devices.card.pcsc import PcscReader
from kiosk.devices.card.reader import State
from kiosk.devices.vault import wire
from kiosk.devices.vault.demo import DemoVault
from kiosk.devices.vault.file import FileVault
from kiosk.devices.vault.hq import trading
from kiosk.devices.vault.psam import Psam, PsamSaid
from kiosk.devices.vault.server import serve
from kiosk.devices.vault.trading import TradingVault
from kiosk.vend.ports import Vault, VaultError

SLOT_S = 3.0  # how long a security module card may take to be seen


def opened(order: wire.Orders) -> Vault:
    """The vault that an order asks for. Raises VaultError in one sentence."""
    match order:
        case wire.OpenDemo():
            return DemoVault(order.utility, order.region)
        case wire.OpenPsam():
            return _psam(order)
        case wire.OpenFile():
            return trading(FileVault(Path(order.path), order.passphrase), order.region, _now_ms())
    return _token(order)


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
    reader = PcscReader(name)
    slot, until_s = reader.watch(None, 0), time.monotonic() + SLOT_S
    while slot.state is not State.PRESENT and time.monotonic() < until_s:
        slot = reader.watch(slot, 1.0)
    if slot.state is not State.PRESENT:
        raise VaultError(f"there is no security module card in the reader {name}: {slot.why or slot.state}")
    return reader.open(slot)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    with socket.socket(fileno=0) as line:
        sys.exit(serve(line, opened))
