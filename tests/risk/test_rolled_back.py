"""A sale whose journal is put back to each of its rows: which witness notices it, and what whoever did it has from it.

The real step and fold. What the acceptors tell after the restart is made by the drivers' own pure rules (`events.news`, `Tally`) from what
the device remembers. The customer's card and meter, the acceptors and the boxes go on; only the journal goes back.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from kiosk.devices.cctalk import events
from kiosk.devices.essp.events import Polled
from kiosk.devices.essp.tally import Tally
from kiosk.vend import facts as f
from kiosk.vend import sale, seen, slot
from kiosk.vend.slot import Entry
from kiosk.vend.till import CashBoxInstalled, CashBoxRemoved
from kiosk.vend.witness import SLACK, Restored
from tests.risk.test_stages import bought
from tests.sale.shop import Card, Shop

VALUES = {"notes": (10_00, 20_00, 50_00, 100_00), "coins": (1_00,)}
WAYS = ("cctalk", "cctalk without a counter of its life", "essp")


class Street(Shop):
    """A shop whose acceptors remember. `way`: how they speak; `cut`: they lost their power when the kiosk did."""

    def __init__(self, way: str = "cctalk", *, cut: bool = False) -> None:
        self.way, self.cut = way, cut
        self.memory: dict[str, list[seen.Seen]] = {"notes": [], "coins": []}
        super().__init__()

    def start(self, *, acceptors: bool = True) -> None:
        if self.way == WAYS[1]:
            self.accepted = {"notes": None, "coins": None}
        super().start(acceptors=acceptors)

    def tell(self, what: seen.Seen) -> tuple[f.Fact, ...]:
        if isinstance(what, seen.NoteHeld | seen.NoteIn | seen.NoteBack | seen.CoinIn):
            self.memory[what.device].append(what)
        return super().tell(what)

    def put_back(self, to: int, mark: int | None = None) -> None:
        """The journal as it was after row `to`; then everything starts. `mark`: the row that another disk says."""
        self.rows = self.rows[:to]
        self.heights = (("mark", mark),) if mark is not None else ()
        if self.cut:
            self.memory = {"notes": [], "coins": []}
            self.counters = {"notes": 0, "coins": 0} if self.way != "essp" else self.counters
        self.start(acceptors=False)
        for device in ("notes", "coins"):
            for what in list(self._says(device)):
                super().tell(what)
        self.work()
        self.wait(30)

    def _says(self, device: str) -> Iterator[seen.Seen]:
        known, stance = self.state.acceptors.get(device), sale.stance(self.rules, self.state)
        if self.way == "essp" and device == "notes":
            tally, channels = Tally(device), dict(enumerate(VALUES[device], 1))
            tally.meet(f"SN-{device}", channels, known, stance.escrow_counter, 0.0)
            yield from tally.polled(Polled(), repeats=True)
            yield from tally.settle(self.accepted[device], 0.0, 3.0)
            return
        told = self.memory[device]
        pairs = tuple(self._pair(what) for what in reversed(told[-events.DEPTH :]))
        buffer = events.Buffer(self.counters[device], (*pairs, *[(0, 0)] * (events.DEPTH - len(pairs))))
        new = events.news(known.counter if known else None, buffer, None, stance.escrow_counter if device == "notes" else None)
        if new.reset:
            yield seen.AcceptorReset(device, f"SN-{device}")
        if new.lost:
            yield seen.EventsLost(device, new.lost)
        yield from told[len(told) - len(new.events) :] if new.events else ()
        yield seen.AcceptorUp(device, f"SN-{device}", self.counters[device], self.accepted[device], VALUES[device], new.reset)

    @staticmethod
    def _pair(what: seen.Seen) -> tuple[int, int]:
        match what:
            case seen.NoteHeld() | seen.NoteIn():
                return (VALUES["notes"].index(what.denomination) + 1, int(isinstance(what, seen.NoteHeld)))
            case seen.CoinIn():
                return (1, 1)
        return (0, 1)  # back out of escrow


@dataclass
class Cut:
    """One sale, put back to just after row `row`, whose fact is `kind`."""

    street: Street
    card: Card
    row: int
    kind: str
    last: int  # of the whole sale
    lost: int  # pieces whose rows are gone
    held: bool  # the journal ends with a note in escrow

    @property
    def noticed(self) -> str:
        """By which witness; "" by none."""
        return next((fact.witness for fact in self.street.facts() if isinstance(fact, Restored)), "")


def two_notes(street: Street) -> None:
    street.feed(50_00)
    street.feed(100_00)


def three_coins(street: Street) -> None:
    for _ in range(3):
        street.coin()


def cuts(pays: Callable[[Street], None], way: str, *, cut: bool, mark: Callable[[Street], int | None] = lambda _: None) -> Iterator[Cut]:
    """The sale anew for each of its rows: a customer buys before, then this one pays, and their card is in its meter; then the journal
    goes back. `mark`: what another disk says after the sale."""
    to = 0
    while True:
        street, card = Street(way), Card(serial="22" * 8, meter="000012345679")
        assert bought(street, Card(), 20_00)
        first = len(street.rows)
        street.insert(card)
        pays(street)
        street.press("finish")
        street.press("receipt", "paper")
        street.pull()
        card.into_meter()
        last = len(street.rows)
        row = first + to
        if row > last:
            return
        facts = [fact for fact, _ in street.rows]
        gone = sum(isinstance(fact, f.NoteStacked | f.CoinAccepted) for fact in facts[row:])
        kept = facts[first:row]
        escrow = [fact for fact in kept if isinstance(fact, f.NoteEscrowed | f.NoteStacked)]
        held = bool(escrow) and isinstance(escrow[-1], f.NoteEscrowed)
        street.cut = cut
        street.put_back(row, mark(street))
        yield Cut(street, card, row, facts[row - 1].kind, last, gone, held)
        to += 1


def credited_once(one: Cut) -> None:
    """The card lies in the slot and goes home as often as one likes: the meter has credited what was paid, once. A claim over money that is
    in the meter stays in its slot, which is taken, because no row of another record in it is known."""
    before = list(one.card.credited)
    assert len(before) == 1
    for _ in range(3):
        one.street.insert(one.card)
        one.street.wait(5)
        one.street.pull()
        one.card.into_meter()
    assert one.card.credited == before
    reading = slot.shown(one.card.read())
    assert reading
    begun = [fact for fact in one.street.facts() if isinstance(fact, f.WriteStarted)]
    entries = [Entry(fact.sale, fact.meter, fact.n, fact.amount_minor, fact.tag) for fact in begun]
    for claim in one.street.state.claims.values():
        assert claim.n <= one.card.count
        assert not slot.may_move(claim.id, slot.Slot(claim.meter, claim.n), entries, [reading], one.card.serial)


def boxed(street: Street, device: str) -> int:
    """Pieces in the box by the journal, orphans among them."""
    return sum(street.state.boxes.get(device, {}).values())


def last_money(street: Street) -> int:
    """The last row that had the mark set: a piece that came in, or the end of a sale with money."""
    facts = enumerate(street.facts(), 1)
    return max(row for row, fact in facts if isinstance(fact, f.NoteStacked | f.CoinAccepted | f.SaleClosed))


@pytest.mark.covers("rule-2", "abuse-29")
@pytest.mark.parametrize("cut", [False, True], ids=["acceptors lived on", "acceptors lost their power"])
@pytest.mark.parametrize("way", WAYS)
def test_a_note_that_the_journal_never_let_in_is_a_journal_that_was_put_back(way: str, cut: bool) -> None:
    """No note is stacked before its escrow is on disk. So one that was stacked without is another history's, be it one or more."""
    blind = way == WAYS[1] and cut  # it knows nothing of its life, and nothing of its last events
    rows = 0
    for one in cuts(two_notes, way, cut=cut):
        explained = int(one.held)
        assert one.noticed == ("notes" if one.lost > explained and not blind else ""), (one.row, one.kind, one.lost)
        orphans = [fact for fact in one.street.facts() if isinstance(fact, f.OrphanCredit)]
        assert not orphans, (one.row, one.kind)
        credited_once(one)
        rows += one.lost > 0
    assert rows >= 6
    assert not SLACK.get("notes")


@pytest.mark.covers("rule-2", "abuse-55")
@pytest.mark.parametrize("cut", [False, True], ids=["acceptors lived on", "acceptors lost their power"])
def test_three_coins_are_what_a_power_cut_explains_and_the_rows_say_of_each_that_it_is_in_the_box(cut: bool) -> None:
    """Not noticed without a mark. Where the sale was open they are credit of it and end as a claim; otherwise they are orphans, and the
    sale of 3.00 is in no row."""
    rows = 0
    for one in cuts(three_coins, "cctalk", cut=cut):
        assert one.noticed == ""
        orphans = sum(fact.pieces for fact in one.street.facts() if isinstance(fact, f.OrphanCredit))
        credit = sum(fact.denomination for fact in one.street.facts() if isinstance(fact, f.CoinAccepted))
        assert credit + 100 * orphans == 3_00, (one.row, one.kind)
        assert boxed(one.street, "coins") == 3
        credited_once(one)
        rows += one.lost > 0
    assert rows >= 3


@pytest.mark.covers("rule-2", "abuse-55")
@pytest.mark.parametrize("pays", [two_notes, three_coins])
@pytest.mark.parametrize("way", WAYS)
def test_a_mark_that_was_set_when_money_moved_tells_every_journal_of_before(way: str, pays: Callable[[Street], None]) -> None:
    """Even where the acceptor knows nothing of its life. From the end of the sale on no money is missing, and nothing is noticed."""
    marked = unmarked = 0
    for one in cuts(pays, way, cut=True, mark=last_money):
        closes = [row for row, (fact, _) in enumerate(one.street.rows[: one.row], 1) if isinstance(fact, f.SaleClosed)]
        before = len(closes) < 2
        assert one.noticed == ("mark" if before else ""), (one.row, one.kind)
        marked, unmarked = marked + before, unmarked + (not before)
        if not before:
            assert not one.lost
        credited_once(one)
    assert marked >= 8
    assert unmarked >= 2


@pytest.mark.covers("rule-2", "abuse-56")
def test_an_acceptor_that_counts_no_life_and_had_no_power_tells_nothing_and_the_box_holds_more_than_the_rows() -> None:
    """Without a mark nothing tells it: so the note's sale is in no row, its float is whole, and the box has the note that no row knows."""
    hidden = 0
    for one in cuts(two_notes, WAYS[1], cut=True):
        assert one.noticed == ""
        unknown = one.street.state.disputed
        assert boxed(one.street, "notes") == 3 - one.lost, (one.row, one.kind)
        assert bool(unknown) == one.held
        credited_once(one)
        hidden += one.lost == 2
    assert hidden


@pytest.mark.covers("rule-2", "abuse-55")
def test_a_mark_of_before_the_sale_leaves_it_to_the_acceptors() -> None:
    """It could not be set: its disk was pulled. Or both disks were put back."""
    for one in cuts(two_notes, "cctalk", cut=True, mark=lambda _: 5):
        assert one.noticed == ("notes" if one.lost > int(one.held) else "")
    for one in cuts(three_coins, "cctalk", cut=True, mark=lambda _: 5):
        assert one.noticed == ""


# ---------------------------------------------------------------- the same in other ways


def changed(street: Street, device: str, bag: str) -> None:
    """Two people change the box."""
    session = street.state.till.box(device).session
    street._add((CashBoxRemoved(device, session, "b1", bag, ("101", "102"), (), 0),))
    street._add((CashBoxInstalled(device, session + 1, "b2", ("101", "102")),))


@pytest.mark.covers("rule-2", "abuse-55")
@pytest.mark.parametrize("way", ["cctalk", "essp"])
def test_a_journal_of_before_a_change_of_boxes_is_told_by_the_acceptor_too(way: str) -> None:
    """A counter of a life knows of no box."""
    for sold_before in (True, False):
        street, card = Street(way, cut=True), Card(serial="22" * 8, meter="000012345679")
        assert bought(street, Card(), 20_00)
        image = len(street.rows)
        if not sold_before:
            changed(street, "notes", "000000000011")
        assert bought(street, card, 50_00)
        if sold_before:
            changed(street, "notes", "000000000011")
        street.put_back(image)
        assert [fact.witness for fact in street.facts() if isinstance(fact, Restored)] == ["notes"]
        assert sale.stance(street.rules, street.state).notes == ()


def paid_in_coins(street: Street, card: Card, coins: int) -> None:
    street.insert(card)
    for _ in range(coins):
        street.coin()
    street.press("finish")
    street.press("receipt", "none")
    street.pull()
    card.into_meter()


@pytest.mark.covers("rule-2", "abuse-55")
def test_twice_back_to_one_image_is_told_and_twice_back_to_newer_ones_leaves_each_coin_an_orphan() -> None:
    """A power cut explains eight coins of one image once; eight more only of one that has the first as orphans."""
    street, card = Street(), Card(serial="22" * 8, meter="000012345679")
    assert bought(street, Card(), 20_00)
    image = len(street.rows)
    for turn in (1, 2):
        paid_in_coins(street, card, 8)
        street.put_back(image)
        assert bool(street.facts("Restored")) == (turn == 2)

    street, card = Street(), Card(serial="22" * 8, meter="000012345679")
    assert bought(street, Card(), 20_00)
    for turn in (1, 2, 3):
        image = len(street.rows)
        paid_in_coins(street, card, 8)
        assert len(card.credited) == turn
        street.put_back(image)
        assert not street.facts("Restored")
        orphans = [fact for fact in street.facts() if isinstance(fact, f.OrphanCredit)]
        assert sum(fact.pieces for fact in orphans) == boxed(street, "coins") == 8 * turn


@pytest.mark.covers("rule-2", "abuse-55")
def test_a_note_that_nobody_saw_the_end_of_explains_one_more_and_no_second() -> None:
    street, card = Street(), Card(serial="22" * 8, meter="000012345679")
    street.insert(Card())
    street.feed(100_00, stack=False)
    street.wait(61)
    street.press("cancel")
    street.pull()
    street.press("slip_taken")
    assert [note.denomination for note in street.state.disputed] == [100_00]
    image = len(street.rows)
    assert bought(street, card, 50_00)
    street.put_back(image)
    assert not street.facts("Restored")
    (orphan,) = [fact for fact in street.facts() if isinstance(fact, f.OrphanCredit)]
    assert orphan.pieces == 1
    image = len(street.rows)
    assert bought(street, Card(serial="33" * 8, meter="000012345670"), 50_00)
    assert bought(street, Card(serial="44" * 8, meter="000012345671"), 50_00)
    street.put_back(image)
    assert street.facts("Restored")


@pytest.mark.covers("rule-2", "abuse-57")
@pytest.mark.parametrize("way", ["cctalk", "essp"])
def test_a_copy_that_ends_with_a_note_in_escrow_takes_the_next_note_for_it_unless_a_mark_tells(way: str) -> None:
    """The greatest note went back, the smallest was stacked, and the validator that lost its power says only that it counted one."""
    for mark in (False, True):
        street, payer, other = (
            Street(way, cut=True),
            Card(serial="22" * 8, meter="000012345679"),
            Card(serial="33" * 8, meter="000012345670"),
        )
        assert bought(street, Card(), 20_00)
        street.insert(payer)
        street.feed(100_00, stack=False)
        image = len(street.rows)
        street.card = None
        street.put_back(image)  # a power cut: the validator gave it back
        assert street.facts("NoteReturned")
        assert street.state.sale is None
        assert bought(street, other, 10_00)
        street.put_back(image, last_money(street) if mark else None)
        street.insert(payer)
        street.wait(5)
        street.pull()
        payer.into_meter()
        assert bool(street.facts("Restored")) is mark
        assert payer.credited == ([] if mark else [95_00])
        in_rows = sum(int(value) * pieces for value, pieces in street.state.boxes["notes"].items())
        assert in_rows == 20_00 + (0 if mark else 100_00), "the count of the box says 90.00 less"
