"""Money that is paid elsewhere: the product's own book of orders, a partner's till, a second site, and customers with codes in their hands.

Whoever paid asks under a reference, now and then again, also after the office was put back. An office that has lost an order is asked for
it like any other: what it answers is its own.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from kiosk.devices.vault.demo import DemoMasters
from kiosk.hq.cards.registry import Binding
from kiosk.hq.orders import matching
from kiosk.hq.orders.book import Made, Order, OrderRefused, Orders, Wanted, find
from kiosk.hq.orders.proofs import prove, reissue
from kiosk.hq.orders.record import SHORT
from kiosk.hq.partners import accounts
from kiosk.hq.partners.till import Payment, Till
from kiosk.hq.settlement.papers import tags
from kiosk.vend import damm
from kiosk.vend import facts as f
from kiosk.vend.codes import CodeFloat
from kiosk.vend.passing import CodeAnswered
from kiosk.vend.seen import OrdersRead, Trusted
from kiosk.vend.trust import OrdersInstalled
from tests.hq.bound import Bound
from tests.simulation.disk import PowerCut
from tests.simulation.kiosk import Kiosk

if TYPE_CHECKING:
    from tests.simulation.world import Home, World

PARTNER = accounts.Partner("bank", "CNY", 500_00, 10**10, 10**11)
MASTERS = DemoMasters()
AMOUNTS = (20_00, 50_00, 100_00)
FLOAT_MINOR, DAY_MS, LISTED = 2_000_00, 24 * 3_600_000, 20

AGAIN = ("power", "busy", "off_site", SHORT)
"""Refusals after which whoever paid asks again."""


@dataclass
class Ticket:
    """A code in its customer's hand. `said`: what the last machine at rest answered; `proof`: ten digits that a screen showed."""

    order: Order
    code: str
    proof: str = ""
    said: str = "untried"


class Asked(NamedTuple):
    """What somebody pays for. It is asked again, word for word, until an answer was heard."""

    wanted: Wanted
    partner: bool = False


class Counter:
    """Where orders are made. It implements `partners.till.Cards`."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.tickets: dict[str, Ticket] = {}  # by the order's name
        self.unheard: list[Asked] = []
        self.heard: dict[str, Asked] = {}  # by the order's name: whoever paid may ask again at any time
        self.typed: dict[str, str] = {}  # kiosk -> the order whose code was typed there last
        self.payments = self.lists = self.names = self.reissued = self.twice = 0
        store = world.office.store
        self.orders = Orders(store, MASTERS, self._keep, self._name, cards=Bound(found=lambda: [self.binding(it) for it in world.homes]))
        self.till = Till(store, self.orders, self)
        self.tag_of = tags(MASTERS)
        accounts.add(store, PARTNER, world.office.now_ms())

    # ------------------------------------------------------------ what an order needs

    def _name(self) -> str:
        self.names += 1
        return f"{self.names:010d}"

    def _keep(self, order: Order) -> None:
        """Another site. The power may fail before its file is there, or after."""
        world = self.world
        cut = world.office.cut_here()
        if cut == "before":
            raise PowerCut
        world.site.keep(order)
        world.wrong(world.money.made(order))
        if cut:
            raise PowerCut

    def of_card(self, card: str) -> Binding | None:
        """As the registry holds it."""
        return next((found for home in self.world.homes if (found := self.binding(home)).card == card), None)

    def standing(self, utility: int, *, customer: str = "", meter: str = "") -> Binding | None:
        """By the customer's number or the meter's."""
        found = (self.binding(home) for home in self.world.homes if meter == home.number or customer == home.customer)
        return next((each for each in found if each.utility == utility), None)

    @staticmethod
    def binding(home: "Home") -> Binding:
        """The newest card of a home."""
        return Binding(MASTERS.utility, 1, home.customer, home.number, home.cards[-1].serial.hex(), 1, 1, "issued")

    # ------------------------------------------------------------ orders

    def pay(self, home: "Home") -> str:
        """Somebody pays at the counter or at a bank's machine, and says which purchase was the last."""
        chance, count = self.world.chance, home.meter.state.count
        self.payments += 1
        partner = chance.random() < 0.5
        bought = int.from_bytes(home.cards[-1].files[2][4:])
        last = bought if bought == count + 1 and chance.random() < 0.7 else max(count - (chance.random() < 0.1), 0)
        source = PARTNER.source if partner else "counter"
        wanted = Wanted(self.binding(home), chance.choice(AMOUNTS), "CNY", last, source, f"P{self.payments}")
        return self.ask(Asked(wanted, partner))

    def ask(self, asked: Asked) -> str:
        """The order and its code, once they are heard."""
        heard = self._guarded(lambda: self._made(asked))
        if isinstance(heard, str):
            if heard in AGAIN:
                self.unheard.append(asked)
            return heard
        if self.world.faults and self.world.chance.random() < 0.1:
            self.unheard.append(asked)
            return "the answer is lost"
        self.heard.setdefault(heard.order.name, asked)
        self._told(heard)
        others = [name for name, before in self.heard.items() if before == asked and name != heard.order.name]
        if others:
            self.world.wrong(f"what was paid as {asked.wanted.reference} has orders {others[0]} and {heard.order.name}")
        return f"{heard.order.name} for purchase {heard.order.n} of {heard.order.meter[-4:]}"

    def _told(self, heard: Ticket) -> None:
        """A code is in its customer's hand."""
        known = self.tickets.setdefault(heard.order.name, heard)
        if known.code != heard.code:
            self.world.wrong(f"order {heard.order.name} has two codes")

    def given(self, made: Made) -> None:
        """The settlement desk has given out a code."""
        self._told(Ticket(made.order, made.code))

    def _made(self, asked: Asked) -> Ticket:
        wanted, now_ms = asked.wanted, self.world.office.now_ms()
        if asked.partner:
            said = (damm.purchase_number(wanted.purchase), wanted.reference)
            named = Payment(card=wanted.binding.card, amount_minor=wanted.amount_minor, currency="CNY", purchase=said[0], reference=said[1])
            sold = self.till.order(PARTNER, wanted.reference, named, now_ms)
            return Ticket(self.world.money.orders[sold.order], sold.code)
        made = self.orders.make(wanted, now_ms)
        return Ticket(made.order, made.code)

    def _guarded(self, act: Callable[[], Ticket]) -> Ticket | str:
        try:
            return act()
        except OrderRefused as refused:
            return refused.why
        except PowerCut:
            self.world.office.started()
            return "power"

    def again(self) -> str:
        """Whoever heard nothing asks again."""
        return self.ask(self.unheard.pop(0)) if self.unheard else ""

    def twice_asked(self) -> str:
        """Somebody who was answered long ago asks again, under the same reference: no second order comes of it."""
        if not self.heard:
            return ""
        name = self.world.forgets.choice(list(self.heard))
        asked = self.heard[name]
        said = self._guarded(lambda: self._made(asked))
        if isinstance(said, str):
            return f"{asked.wanted.reference}: {said}"
        self.twice += 1
        if (said.order.name, said.code) != (name, self.tickets[name].code):
            self.world.wrong(f"what was paid as {asked.wanted.reference} was order {name}, and is order {said.order.name} when asked again")
        return f"{asked.wanted.reference}: {said.order.name} again"

    def read_out(self) -> str:
        """A customer reads the count proof of a passed code to the office, which may order the money again at once."""
        ticket = next((ticket for ticket in self.tickets.values() if ticket.proof), None)
        if ticket is None:
            return ""
        said = self._guarded(lambda: self._proved(ticket))
        later = said in AGAIN or (said == "order" and self.world.short)
        ticket.proof = ticket.proof if later else ""
        if isinstance(said, str):
            return f"{ticket.order.name}: {said}"
        anew = said.order.name not in self.world.money.orders  # a proof that is read out twice is answered with the same order
        if anew and self.world.money.credited(self.world.money.of_order(ticket.order)):
            self.world.wrong(f"order {ticket.order.name} was credited, and the office orders it again")
        self._told(said)
        self.reissued += 1
        return f"{ticket.order.name}: another record took its slot; again as {said.order.name}"

    def _proved(self, ticket: Ticket) -> Ticket:
        office = self.world.office
        home = next(home for home in self.world.homes if home.number == ticket.order.meter)
        proved = prove(self.orders, office.store, ticket.order.name, ticket.proof, by="014", now_ms=office.now_ms())
        if proved.said == "wrong":
            self.world.wrong(f"the count proof of {ticket.order.name} is called wrong")
        made = reissue(self.orders, proved, self.binding(home), office.now_ms())
        return Ticket(made.order, made.code)

    def match(self) -> str:
        """Accepted codes are held against the orders. One that none has is of an order that the store has lost, and not yet got back."""
        office = self.world.office
        try:
            found = matching.match(office.store, office.now_ms())
        except PowerCut:
            office.started()
            return "power"
        for lost in found.without:
            made = [
                order
                for order in self.world.money.orders.values()
                if (order.card, order.amount_minor, order.generation) == (lost.card, lost.amount_minor, lost.generation)
            ]
            if not self.world.short or all(find(office.store, order.name) for order in made):
                self.world.wrong(f"{lost.kiosk} row {lost.seq}: {lost.sentence}")
        return f"{found.rows} rows, {found.again} again" if found.rows else ""

    def list_for(self, kiosk: Kiosk) -> str:
        """The list of orders comes to a kiosk, with a float for codes that are on none."""
        if not kiosk.on:
            return ""
        office, self.lists = self.world.office, self.lists + 1
        digest = hashlib.sha256(f"{office.epoch} {self.lists}".encode()).hexdigest()
        orders = self.orders.listed(1, office.now_ms(), LISTED)
        kiosk.listed = OrdersRead(orders, CodeFloat(FLOAT_MINOR, office.now_ms() + 40 * DAY_MS), digest)

        def installed() -> None:
            kiosk.tell(Trusted(OrdersInstalled(office.epoch, self.lists, digest)))
            kiosk.tell_list()

        kiosk.guarded(installed)
        self.world.touched(kiosk)
        return f"{kiosk.id}: {len(orders)}"

    # ------------------------------------------------------------ customers

    def held(self, home: "Home") -> list[Ticket]:
        """The codes of a home, the next slot's first."""
        return sorted((t for t in self.tickets.values() if t.order.meter == home.number), key=lambda t: (t.order.n, t.order.name))

    def chosen(self, home: "Home") -> Ticket | None:
        """Mostly the next one; now and then one that was used, or that is too early."""
        held = self.held(home)
        waiting = [ticket for ticket in held if ticket.order.n > home.meter.state.count]
        if waiting and self.world.chance.random() < 0.8:
            return waiting[0]
        return self.world.chance.choice(held) if held else None

    def noted(self, kiosk: Kiosk, said: CodeAnswered) -> None:
        """The ten digits on the screen, for the telephone: of the code that was typed there. Two orders may have one slot and amount."""
        name = self.typed.get(kiosk.id, "")
        ticket = self.tickets.get(name)
        if ticket and (ticket.order.n, ticket.order.amount_minor) == (said.n, said.amount_minor):
            ticket.proof = said.proof

    # ------------------------------------------------------------ what the rows say

    def paid_minor(self, fact: f.TransferCodeAccepted) -> int:
        """What somebody paid for the order behind a code."""
        orders = self.world.money.codes.get((fact.card, fact.meter, fact.n, fact.amount_minor, fact.generation))
        return orders[0].amount_minor if orders else 0

    def accepted(self, kiosk: Kiosk, fact: f.TransferCodeAccepted) -> str:
        """A code is money at a kiosk; why it cannot be, or ""."""
        return "" if self.world.money.accepted(kiosk.id, fact) else f"{kiosk.id}: a code that nobody paid for: {fact}"

    def begun(self, kiosk: Kiosk, fact: f.WriteStarted) -> str:
        """One order is one record in one slot, at every kiosk."""
        order = self.world.money.coded.get((kiosk.id, fact.sale))
        if order is None:
            return ""
        same = (fact.n, fact.tag, fact.amount_minor) == (order.n, self.tag_of(order), order.amount_minor)
        return "" if same else f"{kiosk.id}: the record of order {order.name} is another's: {fact}"
