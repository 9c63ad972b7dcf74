"""What happens to one card: a list of events, what must be true at its end, and every place where a card can be torn out."""

import random
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from kiosk.devices.sim.card_files import is_empty
from kiosk.devices.sim.faults import Cut, Rest
from kiosk.vend import facts as f
from tests.tears.till import NEW, SECOND, USED, Town

STARTS = (NEW, SECOND, USED)
RESTS: tuple[Rest, ...] = ("old", "zero", "ff", "random")
PAID_MINOR = 100_00  # the same everywhere, the worst case


class Event(NamedTuple):
    """do: A | B (a kiosk) | home (the meter) | restart A | restart B (power cut) | slip A | slip B (the customer takes the slip)."""

    do: str
    pays: bool = False
    cut: Cut | None = None


class History(NamedTuple):
    """A card's life. Its `repr` is enough to tell it again."""

    start: str
    events: tuple[Event, ...]
    seed: int = 0


A, B, HOME = Event("A"), Event("B"), Event("home")


def live(history: History) -> Town:
    """Let it happen, then let everybody come to rest, without faults."""
    town = Town(history.start, history.seed)
    for event in history.events:
        happen(town, event)
    for event in (A, HOME, B, HOME, A, HOME, B, HOME):
        happen(town, event)
    return town


def happen(town: Town, event: Event) -> None:
    """One event."""
    what, _, who = event.do.rpartition(" ")
    if event.do == "home":
        town.home(harmless(town, event.cut))
        return
    till = "AB".index(who)
    if what == "restart":
        town.tills[till].restart()
    elif what == "slip":
        town.tills[till].give_up()
    else:
        town.visit(till, event.cut, PAID_MINOR if event.pays else 0)


def harmless(town: Town, cut: Cut | None) -> Cut | None:
    """A return file torn in the meter's write never reads as empty: where erased bytes would make it so, they are FF instead.

    Otherwise a wallet torn to exactly the right count is believed by the meter, and no kiosk can help that.
    """
    if cut is None or cut.rest != "zero" or cut.byte != 0 or is_empty(town.card.files[5]):
        return cut
    return Cut(update=cut.update, byte=0, rest="ff")


# ---------------------------------------------------------------- what must be true


def wrong(town: Town) -> str:
    """Empty when every paid value is in the meter exactly once, or is a claim whose slot another record has taken."""
    if any(left != 10 for left in town.card.tries.values()):
        return f"the card's keys were worn: {town.card.tries}"
    for till in town.tills:
        if till.state.sale:
            return f"a sale never ends: {till.state.sale}"
    begun = {(record.n, record.tag, record.amount_minor): sale for sale, record in town.begun.items()}
    if len(begun) < len(town.begun):
        return wrong_twins(town)
    credited = [begun.get((credit.n, credit.tag, credit.amount_minor), "nobody") for credit in town.credits]
    if "nobody" in credited or len(set(credited)) < len(credited):
        return f"credited twice, or nobody's: {town.credits} of {town.begun}"
    for till in town.tills:
        settled = {fact.sale for fact in till.facts() if isinstance(fact, f.ClaimSettled)}
        for fact in till.facts():
            if isinstance(fact, f.SaleClosed):
                why = wrong_end(town, till.name + fact.sale, fact, credited, settled=fact.sale in settled)
                if why:
                    return f"{why}: {till.name} {fact}"
    return town.table_wrong()


def wrong_twins(town: Town) -> str:
    """Two kiosks drew the same salt for the same slot and amount, one in 65,536 of the slots that were begun twice.

    Then each takes the other's record for its own, and nobody can tell them apart by the card. It is for HQ, which sees both rows:
    neither may move by itself, and the meter still credits the slot once.
    """
    for name, record in town.begun.items():
        twins = [other for other in town.begun.values() if (other.n, other.tag) == (record.n, record.tag)]
        if len(twins) > 1 and town.may_move(name, record.n):
            return f"HQ would tell twins apart: {record}"
    slots = [credit.n for credit in town.credits]
    return "" if len(set(slots)) == len(slots) else f"credited twice: {town.credits}"


def wrong_end(town: Town, name: str, closed: f.SaleClosed, credited: list[str], *, settled: bool) -> str:
    """Is this sale's end not what became of its money?

    A sale that landed unseen is a claim only when a later purchase covers it on the card; and HQ never pays it again.
    """
    if closed.outcome == "cancelled":
        return "cancelled with money in it" if closed.tender_minor else ""
    if closed.outcome == "landed" or settled:
        return "" if name in credited else "called verified and never credited"
    if name in credited and town.may_move(name, closed.n):
        return "HQ would pay a second time"
    if name in credited:
        return "" if any(record.n > closed.n for record in town.begun.values()) else "credited, and a needless claim"
    return "" if any(credit.n == closed.n for credit in town.credits) else "a needless claim: nobody took its slot"


# ---------------------------------------------------------------- where a card can be torn out


def cuts_of(sent: list[bytes]) -> list[Cut]:
    """Before and after each command, and within each update after each byte, the rest old, erased or noise."""
    cuts = [Cut(apdu=i, after=after) for i in range(len(sent)) for after in (False, True)]
    lengths = [apdu[4] - 4 for apdu in sent if apdu[:2] == b"\x04\xd6"]
    for update, length in enumerate(lengths):
        cuts += [Cut(update=update, byte=k, rest=rest, seed=k) for k in range(length) for rest in RESTS if (k, rest) != (0, "old")]
    return cuts


@cache
def cuts_of_sale(start: str) -> list[Cut]:
    """All tears of a whole sale at A, the reading before it and the verification after it among them."""
    town = Town(start)
    town.visit(0, pay_minor=PAID_MINOR)
    return cuts_of(town.sent)


@cache
def cuts_of_home() -> list[Cut]:
    """All tears of the meter's own write, and before and after each of its commands."""
    writes = [Cut(update=0, byte=k, rest=rest, seed=k) for k in range(49) for rest in RESTS]
    return writes + [Cut(apdu=i, after=after) for i in range(16) for after in (False, True)]


B_BUYS = Event("B", pays=True)
BETWEEN: tuple[tuple[Event, ...], ...] = (
    (),
    (HOME,),
    (B,),
    (HOME, B),
    (B, HOME),
    (B_BUYS,),
    (HOME, B_BUYS),
    (B_BUYS, HOME),
    (Event("restart A"),),
    (Event("restart A"), HOME, B),
    (Event("slip A"),),
    (Event("slip A"), B, HOME),
    (Event("slip A"), B_BUYS),
)


def singles(between: tuple[tuple[Event, ...], ...] = BETWEEN) -> Iterator[History]:
    """Every single tear of every kind of sale, with each of these in between."""
    for start in STARTS:
        for i, cut in enumerate(cuts_of_sale(start)):
            for events in between:
                yield History(start, (Event("A", pays=True, cut=cut), *events), seed=i)


def torn_homes() -> Iterator[History]:
    """Every tear of the meter's write: after a whole sale, and after one torn at the last byte of its wallet or within its commit."""
    for start in STARTS:
        last = max(cut.update or 0 for cut in cuts_of_sale(start))
        for first in (None, Cut(update=last - 1, byte=7), Cut(update=last, byte=3)):
            for i, cut in enumerate(cuts_of_home()):
                for events in ((A,), (B,), (HOME,), (B_BUYS,)):
                    yield History(start, (Event("A", pays=True, cut=first), Event("home", cut=cut), *events), seed=i)


def double(seed: int) -> History:
    """The double tear of that number: a sale torn at A, something between, and the next visit torn too."""
    rng = random.Random(seed)
    start = rng.choice(STARTS)
    cuts = cuts_of_sale(start)
    again = Event(rng.choice("AB"), pays=rng.random() < 0.5, cut=rng.choice(cuts))
    return History(start, (Event("A", pays=True, cut=rng.choice(cuts)), *rng.choice(BETWEEN), again, *rng.choice(BETWEEN)), seed)


def fuzzed(seed: int) -> History:
    """A long life with a tear at every second event, the meter's writes among them."""
    rng = random.Random(seed)
    start = rng.choice(STARTS)
    events = []
    for _ in range(rng.randint(3, 9)):
        do = rng.choice(("A", "A", "B", "B", "home", "home", "restart A", "restart B", "slip A", "slip B"))
        cuts = cuts_of_home() if do == "home" else cuts_of_sale(start)
        cut = rng.choice(cuts) if rng.random() < 0.5 and do in {"A", "B", "home"} else None
        events.append(Event(do, pays=do in {"A", "B"} and rng.random() < 0.6, cut=cut))
    return History(start, tuple(events), seed)
