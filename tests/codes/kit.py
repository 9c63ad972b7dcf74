"""A shop that takes transfer codes: the shop of tests/sale, a vault of test keys that checks them, and an office that makes them.

The office here is written apart from the product's: CMAC from its definition in the design, digits by hand.
"""

import msgspec
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from kiosk.devices.vault.codes import answered
from kiosk.devices.vault.demo import DemoVault, demo_master
from kiosk.devices.vault.suite import Role
from kiosk.devices.vault.trading import TradingVault
from kiosk.vend import collect, damm, seen
from kiosk.vend.codes import CodeFloat, Order
from kiosk.vend.ports import CodeJob
from kiosk.vend.trust import OrdersInstalled
from tests.sale.shop import Card, Shop, tag_of

KGEN = demo_master(Role.CODE, 1, 1)
DAYS_30_MS = 30 * 86_400_000


def cmac(key: bytes, message: bytes) -> bytes:
    state = CMAC(AES(key))
    state.update(message)
    return state.finalize()


def code_cmac(serial: str, meter: str, n: int, amount_minor: int, generation: int, kgen: bytes = KGEN) -> bytes:  # noqa: PLR0917 - what is MACed
    """As the design says it."""
    kcard = cmac(kgen, b"\x01" + bytes.fromhex(serial) + bytes.fromhex("00000001") + b"C" + b"KIOSKPWR")
    message = b"KVCODE1\x00" + bytes.fromhex("00000001") + generation.to_bytes(4, "big") + bytes.fromhex(serial + meter)
    return cmac(kcard, message + n.to_bytes(4, "big") + amount_minor.to_bytes(4, "big") + bytes.fromhex("0156"))


def digits(mac: bytes, n: int, amount_minor: int, generation: int) -> str:
    body = f"{generation % 10}{n % 10}{amount_minor:07d}{int.from_bytes(mac[:8], 'big') % 10**10:010d}"
    return body + damm.digit(body)


def proof(serial: str, meter: str, n: int, mac10: str, *, another: bool, kgen: bytes = KGEN) -> str:
    """The count proof, as the design says it."""
    kcard = cmac(kgen, b"\x01" + bytes.fromhex(serial) + bytes.fromhex("00000001") + b"C" + b"KIOSKPWR")
    made = cmac(kcard, b"KVPROOF1" + bytes.fromhex(meter) + n.to_bytes(4, "big") + bytes.fromhex(mac10) + (b"\x01" if another else b"\x00"))
    return f"{int.from_bytes(made[:8], 'big') % 10**10:010d}"


class CodeShop(Shop):
    """A shop whose vault answers code jobs."""

    def __init__(self, **changes: object) -> None:
        self.vault: TradingVault = DemoVault()
        self.checked = 0
        super().__init__(**changes)  # type: ignore[arg-type]

    def work(self) -> None:
        super().work()
        while job := collect.job(self.state):
            self.checked += 1
            self.tell(answered_by(self.vault, job))
            super().work()

    @property
    def generation(self) -> int:
        return self.wall_ms() // DAYS_30_MS

    def code(self, card: Card, n: int, amount_minor: int = 100_00, back: int = 0) -> str:
        """That an office would give out now, `back` generations ago."""
        generation = self.generation - back
        return digits(code_cmac(card.serial, card.meter, n, amount_minor, generation), n, amount_minor, generation)

    def order(self, card: Card, n: int, amount_minor: int = 100_00, name: str = "A1", back: int = 0) -> Order:
        text = self.code(card, n, amount_minor, back)
        return Order(name, card.serial, card.meter, n, amount_minor, self.generation - back, int(text[9:19]))

    def listed(self, *orders: Order, version: int = 1, code_float: CodeFloat | None = None) -> None:
        """A list comes from the office."""
        self.tell(seen.Trusted(OrdersInstalled(1, version, f"{version:064x}")))
        self.tell(seen.OrdersRead(orders, code_float or CodeFloat(), f"{version:064x}"))

    def type(self, text: str) -> None:
        """At the account screen: Transfer code, twenty digits, ENTER."""
        if self.view.params.get("state") == "shut":
            self.press("cancel")
        if self.view.phase in {"account", "attract", "out"}:
            self.press("tender", "code")
        elif self.view.params.get("state"):
            self.press("code", "again")
        self.press("code", text)

    def said(self) -> object:
        return self.view.params.get("state")


def answered_by(vault: TradingVault, job: CodeJob) -> seen.CodeChecked:
    """What the vault says of it."""
    return answered(job, vault)


def other(text: str, place: int = 12) -> str:
    """Another code whose check digit holds."""
    body = text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 : 19]
    return body + damm.digit(body)


def rows_text(shop: Shop) -> str:
    """Everything that was written down, as text."""
    return msgspec.json.encode([fact for fact, _ in shop.rows]).decode()


def tag_on(card: Card) -> str:
    """Salt and CMAC, as they stand on the card."""
    return card.files[1][6:10].hex()


def tag_made(card: Card, n: int, amount_minor: int, salt: bytes) -> str:
    return (salt + tag_of(card.meter, n, amount_minor, salt)).hex()
