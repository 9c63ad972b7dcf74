"""The settlement desk: the product's cases and decisions, and two people who work there.

They do what the rule lets one person do. Where it wants two, they order money in its own slot, and move it to another one only after a look
at the meter itself: it has passed each slot that this money was ever in, and never took it.
"""

from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.hq.orders.book import Made, OrderRefused
from kiosk.hq.orders.record import SHORT
from kiosk.hq.people.approvals import ApprovalError
from kiosk.hq.people.staff import StaffError
from kiosk.hq.settlement.cases import Cases
from kiosk.hq.settlement.deciding import Desk, NotSettled
from kiosk.hq.settlement.rule import TOGETHER, Case, Way, standing, way
from kiosk.hq.store import StoreError
from tests.hq.people.kit import Crew
from tests.simulation import forgetting
from tests.simulation.disk import PowerCut
from tests.simulation.money import Value, paid

if TYPE_CHECKING:
    from tests.simulation.world import World

ANNA, BEN = "anna", "ben"
A_DAY, AT_REST = 1, 3
"""Decisions at one sitting."""

CALM = ("landed", "settled", "over", "twin", "removed", "card", "changed", "busy")
"""Why a case is not decided after all: what was decided just before it changed it."""


class Due(NamedTuple):
    """A case that somebody may decide."""

    case: Case
    way: Way


class Settling:
    """It reads and writes nothing but the office's store."""

    def __init__(self, world: "World") -> None:
        self.world, store, counter = world, world.office.store, world.counter
        self.crew = Crew(store)
        for name in (ANNA, BEN):
            self.crew.add(name, key=Ed25519PrivateKey.from_private_bytes(sha256(name.encode()).digest()))
        self.cases = Cases(store, world.serials, counter.tag_of, world.replaced_meters, issued=world.issued)
        self.desk = Desk(store, self.cases, self.crew.approvals, counter.orders, counter.of_card)
        self.decided = self.proposed = self.refused = 0

    def due(self) -> list[Due]:
        """What is paid and not credited, and for which there is a way that nobody has gone."""
        now_ms = self.world.office.now_ms()
        found = []
        for case in self.cases.all(now_ms, whole=False):
            if not case.amount_minor:
                continue  # a note of which nobody knows where it is: the box is counted, and nothing can be ordered for it
            chosen, given = way(case, now_ms), standing(case, now_ms)
            if chosen.to != "none" and not (chosen.why == "collect" and given and given.name in self.world.counter.tickets):
                found.append(Due(case, chosen))
        return found

    def work(self) -> str:
        """Some of it is decided. The power may fail in it."""
        world, office = self.world, self.world.office
        if office.damaged and world.faults:
            try:
                dues = self.due()
            except (StoreError, KeyError):
                return ""
        else:
            dues = self.due()
        told = list[str]()
        slots: set[tuple[str, int]] = set()
        for each in dues:
            if len(told) == (A_DAY if world.faults else AT_REST):
                break
            if (each.case.meter, each.way.n) in slots:
                continue  # one of them lands there: the others are looked at again
            if world.faults and each.way.to == "same" and world.forgets.random() < 0.7:
                continue  # its customer has not come yet
            if world.faults and world.forgets.random() < 0.1:
                office.cut, office.cut_after = world.forgets.choice(("before", "inside", "after")), world.forgets.randrange(4)
            try:
                said = self._decide(each)
            except PowerCut:
                office.started()
                told.append(f"{each.case.value}: the power fails{forgetting.put_back_at_once(world)}")
                break
            if said:
                slots.add((each.case.meter, each.way.n))
                told.append(f"{each.case.value}: {said}")
        return ", ".join(told)

    def _decide(self, due: Due) -> str:
        world, case = self.world, due.case
        if due.way.people == TOGETHER and due.way.to == "other" and not world.money.shut_out(case.meter, self.value(case)):
            return ""
        try:
            return self._decided(case)
        except NotSettled as refused:
            if refused.why == "untrue" and world.office.damaged:
                return "its rows are not as they were signed"
            if refused.why not in CALM:
                world.wrong(f"{case.value} is not settled: {refused}")
            return str(refused)
        except OrderRefused as refused:
            if not (refused.why == SHORT and world.short):
                world.wrong(f"{case.value} is not settled: {refused}")
            return str(refused)
        except ApprovalError as refused:
            return str(refused)
        except StaffError as refused:
            world.wrong(f"{case.value}: {refused}")
            return str(refused)

    def _decided(self, case: Case) -> str:
        now_ms = self.world.office.now_ms()
        done = self.desk.decide(case.value, self.crew(ANNA), now_ms)
        if done.proposed:
            self.proposed += 1
            if self.world.faults and self.world.forgets.random() < 0.3:
                return "proposed"  # the second person comes another day
            done = self.desk.release(done.proposed.no, self.crew(BEN), now_ms)
        assert done.made
        self.decided += 1
        return self._heard(done.made)

    def _heard(self, made: Made) -> str:
        self.world.counter.given(made)
        return f"{made.order.name} for purchase {made.order.n} of {made.order.meter[-4:]}"

    def value(self, case: Case) -> Value:
        """Whose money a case is about: also of an order whose code never left the office."""
        own = next((order for order in case.orders if order.name == case.value and order.name not in self.world.money.orders), None)
        return paid(own.source, own.reference) if own else self.world.money.of(case.value)
