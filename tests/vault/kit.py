"""Vaults of both kinds with masters that a test knows, and what they are opened with."""

import hashlib
import os
import subprocess
from pathlib import Path

from kiosk.devices.vault import wire
from kiosk.devices.vault.client import VaultClient
from kiosk.devices.vault.file import FileVault
from kiosk.devices.vault.keyset import DAY_MS, KeySet, first_set
from kiosk.devices.vault.purse import Limits
from kiosk.devices.vault.suite import Role

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN, PASSPHRASE = "871203", "five masters in one file"
NOW_MS = 1_790_000_000_000
CHEAP = 1 << 14  # scrypt's cost where a test is not about it
SERIAL, METER = bytes.fromhex("1122334455667788"), "000012345678"
KNOWN = {role: hashlib.sha256(b"a master that a test knows" + bytes((role,))).digest() for role in Role}


def a_set(suite: str = "aes128") -> KeySet:
    return first_set("sm4" if suite == "sm4" else "aes128", NOW_MS, days=3650, generation_days=365)


def a_file_vault(path: Path, utility: int = 1, masters: dict[Role, bytes] | None = None, suite: str = "aes128") -> FileVault:
    return FileVault.create(path, PASSPHRASE, utility, a_set(suite), masters=masters, cost=CHEAP)


class Tokens:
    """A SoftHSM2 of this test run: tokens are made before the library is loaded, and handed out one by one."""

    def __init__(self, folder: Path, count: int = 40) -> None:
        self._labels = [f"token{number}" for number in range(count)]
        (folder / "tokens").mkdir()
        config = folder / "softhsm2.conf"
        config.write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n")
        os.environ["SOFTHSM2_CONF"] = str(config)
        for label in self._labels:
            order = ["softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "87654321", "--pin", PIN]
            subprocess.run(order, check=True, capture_output=True)

    def take(self) -> str:
        """The label of an empty token."""
        return self._labels.pop()


LATER_MS = NOW_MS + 10 * DAY_MS
LIMITS = Limits("gdw1365", 1000_00, None)


def started(order: wire.Orders) -> VaultClient:
    client = VaultClient(order)
    client.start()
    return client
