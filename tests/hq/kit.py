"""The office's counter: blanks, a reader in this process, a registry, and a contact that can be cut at any command."""

from collections.abc import Callable
from pathlib import Path

from kiosk.devices.card.apdu import Connection
from kiosk.devices.card.inprocess import InProcessReader
from kiosk.devices.sim import image
from kiosk.devices.sim.card import CardModel
from kiosk.devices.vault.demo import DemoMasters
from kiosk.devices.vault.hq import MasterVault
from kiosk.hq.cards.issue import Opened, open_card
from kiosk.hq.cards.layout import Opening
from kiosk.hq.cards.registry import Registry

SERIAL, METER, CUSTOMER = "1122334455667788", "000012345678", "000098765432"
ORDER = Opening(CUSTOMER, METER)
NOW_MS = 1_790_000_000_000


class Killed(BaseException):
    """The office's process ends at this instant."""


class Contact:
    """The reader's end of a card; `before` may end everything."""

    def __init__(self, inner: Connection, before: Callable[[int], None]) -> None:
        self._inner, self._before, self.sent = inner, before, list[bytes]()

    protocol = 0

    def transmit(self, apdu: bytes) -> bytes:
        self._before(len(self.sent))
        self.sent.append(apdu)
        return self._inner.transmit(apdu)

    def reset(self) -> None:
        self._inner.reset()

    def check(self) -> None:
        self._inner.check()

    def close(self) -> None:
        self._inner.close()


class Counter:
    """One office, one registry."""

    def __init__(self, folder: Path, vault: MasterVault | None = None, *, region: int = 1, now_ms: int = NOW_MS) -> None:
        self.vault, self.region, self.now_ms = vault or DemoMasters(), region, now_ms
        self.registry = Registry(folder / "registry.db", lambda: self.now_ms)
        self.sent: list[bytes] = []

    def open(
        self,
        card: CardModel,
        order: Opening = ORDER,
        *,
        before: Callable[[int], None] = lambda _: None,
        transport: bytes = image.MAKERS_KEY,
    ) -> Opened:
        """The card goes in, is opened, and comes out again."""
        reader = InProcessReader()
        reader.insert(card)
        contact = Contact(reader.open(reader.watch(None, 0)), before)
        self.sent = contact.sent
        try:
            return open_card(contact, self.vault, self.registry, order, region=self.region, now_ms=self.now_ms, transport=transport)
        finally:
            reader.pull()


def blank(serial: str = SERIAL, transport: bytes = image.MAKERS_KEY) -> CardModel:
    return CardModel(image.blank(bytes.fromhex(serial), transport))
