"""A vault of public test masters: for the demo and the tests, refused on a kiosk whose configuration does not say `demo = true`.

Anyone can compute these keys. They open simulated cards only.
"""

import hashlib

from kiosk.devices.vault.suite import Aes128, Keyring, PlainMaster, Role
from kiosk.devices.vault.trading import TradingVault


class DemoVault(TradingVault):
    """Implements `kiosk.vend.ports.Vault` over public keys of one utility and region, the same for every generation."""

    demo = True

    def __init__(self, utility: int = 1, region: int = 1) -> None:
        super().__init__([Aes128(Keyring(utility, lambda role, _generation: PlainMaster(demo_master(role, utility, region))))])


def demo_master(role: Role, utility: int, region: int) -> bytes:
    """16 bytes that anyone can compute."""
    return hashlib.sha256(b"kiosk demo master %s u%d r%d" % (role.name.lower().encode(), utility, region)).digest()[:16]
