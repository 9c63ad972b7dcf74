"""A vault of public test masters: for the demo and the tests, refused on a kiosk whose configuration does not say `demo = true`.

Anyone can compute these keys. They open simulated cards only.
"""

import hashlib

from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from kiosk.devices.vault.keyset import Generation, KeySet, check_value_of
from kiosk.devices.vault.suite import Aes128, Keyring, PlainMaster, Role
from kiosk.devices.vault.trading import TradingVault


class DemoVault(TradingVault):
    """Implements `kiosk.vend.ports.Vault` over public keys of one utility and region, the same for every generation."""

    demo = True

    def __init__(self, utility: int = 1, region: int = 1) -> None:
        keys = Keyring(utility, lambda role, _generation: PlainMaster(demo_master(role, utility, region)))
        super().__init__([Aes128(keys)], [keys])


FOREVER_MS = (1 << 53) - 1


class DemoMasters:
    """Implements `kiosk.devices.vault.hq.MasterVault`: the office of the demo's town. Its one key set never ends, nor does generation 1."""

    def __init__(self, utility: int = 1) -> None:
        self.utility = utility
        generations = Generation(1, 0, FOREVER_MS), Generation(2, FOREVER_MS, FOREVER_MS), Generation(3, FOREVER_MS, FOREVER_MS)
        checks = {role.name.lower(): check_value_of(demo_master(role, utility, 1)) for role in Role}
        self.sets: tuple[KeySet, ...] = (KeySet(1, "aes128", 0, FOREVER_MS, FOREVER_MS, generations, checks),)

    def keyring(self, version: int, region: int) -> Keyring:  # noqa: ARG002 - there is one
        """See `MasterVault`."""
        return Keyring(self.utility, lambda role, _generation: PlainMaster(demo_master(role, self.utility, region)))

    def wrap_working_master(self, version: int, region: int, role: Role, generation: int, kek: bytes) -> bytes:  # noqa: ARG002 - there is one
        """See `MasterVault`."""
        return aes_key_wrap(kek, demo_master(role, self.utility, region))


def demo_master(role: Role, utility: int, region: int) -> bytes:
    """16 bytes that anyone can compute."""
    return hashlib.sha256(b"kiosk demo master %s u%d r%d" % (role.name.lower().encode(), utility, region)).digest()[:16]
