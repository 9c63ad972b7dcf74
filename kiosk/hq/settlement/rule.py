"""What may be done with money that is paid and not credited, and by how many people. Pure: a case in, a way out.

In its own slot it may be tried again at any time, for whoever lands there first shuts out the others; so the office orders it there at
once where the sale's own rows have arrived. It goes up to the next slot only with proof that a different, known record took its own.
Whatever is less than that is for two people, who answer for it. Seeing less can only make the office wait: nothing here follows from a row
that is missing, nor from an order that the office made.
"""

from enum import StrEnum

import msgspec

from kiosk.hq.orders.book import Order
from kiosk.hq.settlement.known import Told

ALONE, TOGETHER = 1, 2


class Doubt(StrEnum):
    """Why a case is for two people."""

    REVOKED = "revoked"  # its kiosk is revoked, and only a slip says it, or a row that is not believed
    FROZEN = "frozen"  # its kiosk has two histories
    RESTORED = "restored"  # its kiosk's store was put back: rows of before are missing
    FLOAT = "float"  # slips alone are more than what the kiosk may have sold unreported
    SUMS = "sums"  # the sale's end is not here, or does not say what the claim says
    DISPUTED = "disputed"  # a note of which nobody knows where it is: the box tells
    OPEN = "open"  # the sale never ended in the rows that came
    CODE = "code"  # a code paid for it that no order has
    ORPHAN = "orphan"  # money that belongs to no sale
    CHANGED = "changed"  # the row that says it is not here as its kiosk signed it


DOUBTS = {
    Doubt.REVOKED: "its kiosk is revoked, and nothing that is believed says it",
    Doubt.FROZEN: "its kiosk has two histories",
    Doubt.RESTORED: "its kiosk's store was put back, so that rows of before are missing: look for this money in what came earlier",
    Doubt.FLOAT: "slips alone are more than what this kiosk may have sold unreported",
    Doubt.SUMS: "the end of its sale is not here, or differs from its claim",
    Doubt.DISPUTED: "nobody knows where a note is: the count of the box decides",
    Doubt.OPEN: "its sale did not end in the rows that are here",
    Doubt.CODE: "it was paid by a code that no order of this office has",
    Doubt.ORPHAN: "no sale explains it: somebody has to show that it is theirs",
    Doubt.CHANGED: "its row is not here as its kiosk signed it: put back a backup, or restore the row from its original",
}


class Case(msgspec.Struct, frozen=True):
    """One value. `kind`: claim | slip | stranded | order | open | orphan. `n`: the slot that it belongs in, 0 for none.

    `card`: the meter's newest. `proofs`: what shows of each slot before n that another known record took it. `removed`: the meter was
    taken away before it took n. `landed` and `gone`: the value is credited; slot n was passed. `over`: why nothing is owed although nothing
    landed ("" where it is). `settled`: its own kiosk says that it landed. `waiting`: kiosks of which rows may come.
    """

    value: str
    kind: str
    kiosk: str
    meter: str
    card: str
    n: int
    amount_minor: int
    currency: str
    at_ms: int
    doubts: tuple[Doubt, ...] = ()
    orders: tuple[Order, ...] = ()
    landed: Told | None = None
    proofs: tuple[Told, ...] = ()
    removed: Told | None = None
    gone: Told | None = None
    passed: bool = False  # a count proof says so
    twin: str = ""  # an order for other money whose code this one's would be: same card, slot, amount and generation
    settled: bool = False
    over: str = ""
    after: int = 0  # the highest count that is known of the meter, or ordered for it
    waiting: tuple[str, ...] = ()
    number: int = 0
    exponent: int = 2

    @property
    def proof(self) -> Told | None:
        """What shows that the slot before n is another's; None where the value never left its first slot."""
        return self.proofs[-1] if self.proofs else None

    @property
    def slot_is_gone(self) -> bool:
        """An order for slot n would be refused by every machine, and nothing says who took it."""
        return bool(self.gone or self.passed)


class Way(msgspec.Struct, frozen=True):
    """What comes next. `to`: same | other | none; `n`: the order's slot; `people`: how many decide, 0 where nothing is to be decided.

    `why`: landed | settled | over | collect | twin | rows | proof | unproved | removed | card | owner.
    `who` must act: nobody | customer | office | two.
    """

    to: str
    why: str
    who: str
    people: int = 0
    n: int = 0


def way(case: Case, now_ms: int) -> Way:
    """The one rule."""
    if case.settled or case.landed:
        return Way("none", "settled" if case.settled else "landed", "nobody")
    if case.over:
        return Way("none", "over", "nobody")
    if case.kind == "orphan":
        return Way("none", "owner", "two", TOGETHER)
    if not case.card:
        return Way("none", "card", "office")
    if case.removed:
        return Way("none", "removed", "office")
    people = TOGETHER if case.doubts else ALONE
    if not case.slot_is_gone:
        if standing(case, now_ms):
            return Way("same", "collect", "customer", ALONE, case.n)
        if case.twin:  # one code cannot stand for two values: nobody could tell whose it was
            return Way("none", "twin", "customer")
        return Way(*(("other", "proof") if case.proofs else ("same", "rows")), _who(people), people, case.n)
    return Way("other", "unproved", "two", TOGETHER, behind(case))


def standing(case: Case, now_ms: int) -> Order | None:
    """The order for this money in its present slot that a machine still takes. It is given again, not made anew."""
    for order in case.orders:
        if order.n == case.n and order.card == case.card and order.state in ("open", "collected") and order.until_ms > now_ms:
            return order
    return None


def behind(case: Case) -> int:
    """The slot after everything that is known of the meter: for two people, who move a value that nothing proves to be shut out."""
    return max(case.n, case.after) + 1


def _who(people: int) -> str:
    return "two" if people == TOGETHER else "office"
