"""Kiosks of several utilities in one process: the real step, session and vaults against virtual cards."""

import random

from msgspec.structs import replace

from kiosk.devices.card.session import CardSession
from kiosk.devices.sim.card import CardModel
from kiosk.devices.sim.card_files import PURCHASE, Parameters, Returned
from kiosk.devices.sim.crypto import Masters
from kiosk.devices.sim.image import CardImage, personalise
from kiosk.devices.vault.demo import DemoVault
from kiosk.vend import facts as f
from kiosk.vend import sale, seen
from kiosk.vend.card.gdw1365 import PROFILE
from kiosk.vend.ports import Vault
from kiosk.vend.trust import HotlistInstalled
from tests.tears.till import Contact, Till

METER, CUSTOMER, SERIAL = "000012345678", "000098765432", "1122334455667788"


class Kiosk(Till):
    """A machine of one utility and region, with its keys."""

    def __init__(self, vault: Vault | None = None, *, utility: int = 1, region: int = 1, generation: int = 1) -> None:
        self.keys, self.generation = vault or DemoVault(utility, region), generation
        super().__init__("K", random.Random(7))
        self.rules = replace(self.rules, utility=utility, region=region)

    def put_in(self, card: CardModel) -> Contact:
        card.insert()
        self.contact = contact = Contact(card)
        self.session = CardSession(contact, PROFILE, self.keys, generation=self.generation)
        self.tokens += 1
        self.tell(seen.CardIn(f"t{self.tokens}", card.atr.hex()))
        self.work()
        return contact

    def visit(self, card: CardModel, pay_minor: int = 0) -> Contact:
        """In, money if it is taken, and out again."""
        contact = self.put_in(card)
        if pay_minor:
            self.pay(pay_minor)
        self.take_out()
        return contact

    def hotlist(self, *serials: str, read: bool = True) -> None:
        """The head office's list comes in; and is read, unless the file is not there."""
        version = (self.state.trust.hotlist.version if self.state.trust.hotlist else 0) + 1
        digest = f"{version:064x}"
        self.tell(seen.Trusted(HotlistInstalled(1, version, self.now().at_ms, len(serials), digest)))
        if read:
            self.tell(seen.HotlistRead(frozenset(bytes.fromhex(serial) for serial in serials), digest))

    @property
    def refused(self) -> str:
        """Why the card in the slot is refused, as the screen says it; nothing can be paid meanwhile."""
        if self.view.phase != "refused":
            return ""
        stance = sale.stance(self.rules, self.state)
        assert (stance.notes, stance.coins) == ((), ())
        return str(self.view.params["why"])

    @property
    def reported(self) -> tuple[str, str, str | None]:
        """(card, word, why) of the last presentation in the journal."""
        fact = next(fact for fact in reversed(self.facts()) if isinstance(fact, f.CardPresented))
        return fact.card, fact.word, fact.why


def used(
    serial: str = SERIAL,
    *,
    taken: int = 2,
    meter: str = METER,
    customer: str = CUSTOMER,
    masters: Masters | None = None,
    **changes: object,
) -> CardImage:
    """A purchase card that its meter took `taken` purchases from."""
    returned = Returned(meter, customer, taken, remaining_minor=12_40, time="2611030815")
    made = personalise(
        masters or Masters.demo(),
        bytes.fromhex(serial),
        Parameters(meter, customer, kind=PURCHASE),
        amount_minor=50_00,
        count=taken,
        returned=returned,
    )
    return replace(made, **changes)
