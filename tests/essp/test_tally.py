"""Whatever breaks, and whenever: every stacked note is told once, by its credit or by the counter, and none twice."""

import random

import pytest

from kiosk.devices.essp.events import TABLE, Event, Polled, Say
from kiosk.devices.essp.tally import Tally, new_credits
from kiosk.vend.cash import is_news
from kiosk.vend.ports import AcceptorMemory
from kiosk.vend.seen import AcceptorUp, NoteBack, NoteHeld, NoteIn, Seen
from kiosk.vend.state import State
from tests.seeds import Seeds

VALUES = {1: 100, 2: 500}
SERIAL = "7"
SETTLE_S = 3.0


class Validator:
    """What the device is: its box, the note in it, what it repeats."""

    def __init__(self, *, repeats: bool, counts: bool) -> None:
        self.repeats, self.counts = repeats, counts
        self.stacked, self.held, self.moving = 0, 0, ""
        self.late = 0  # stacked and not yet counted
        self.repeated: list[Event] = []
        self.queue: list[Event] = []

    def poll(self) -> Polled:
        said = [*self.queue, *self.repeated]
        self.queue = []
        if not self.repeats:
            self.repeated = []
        if self.moving:
            said.append(Event(0xCC, TABLE[0xCC]))
        elif self.held:
            said.append(Event(0xEF, TABLE[0xEF], self.held))
        return Polled(tuple(said))

    def count(self) -> int | None:
        return self.stacked - self.late if self.counts else None

    def settles(self, *, credit: int = 0xEE) -> None:
        """The note that moves arrives; without a word nothing moves."""
        if self.moving == "stack":
            self.stacked += 1
            self.repeated.append(Event(credit, TABLE[credit], self.held))
        elif self.moving == "return":
            self.queue.append(Event(0xEC, TABLE[0xEC]))
        if self.moving:
            self.held, self.moving = 0, ""


class Journal:
    """What is on disk, by the desk's own rules in short: credits, orphans, the open escrow."""

    def __init__(self) -> None:
        self.memory: AcceptorMemory | None = None
        self.escrow: int | None = None
        self.credits = self.orphans = 0

    def write(self, seen: Seen) -> None:
        state = State(acceptors={"notes": self.memory} if self.memory else {})
        match seen:
            case NoteHeld() if self.memory:
                self.escrow = seen.counter
                self.memory = AcceptorMemory(SERIAL, seen.counter, self.memory.accepted)
            case NoteIn():
                assert is_news(state, "notes", SERIAL, seen.counter), "an ordinal that the desk takes for an old one"
                self.escrow, self.credits = None, self.credits + 1
                grown = None if self.memory is None or self.memory.accepted is None else self.memory.accepted + 1
                self.memory = AcceptorMemory(SERIAL, seen.counter, grown)
            case NoteBack() if self.escrow is not None and self.memory:
                assert is_news(state, "notes", SERIAL, seen.counter), "an ordinal that the desk takes for an old one"
                self.escrow = None
                self.memory = AcceptorMemory(SERIAL, seen.counter, self.memory.accepted)
            case AcceptorUp():
                self._up(seen)

    def _up(self, seen: AcceptorUp) -> None:
        if self.memory and self.memory.accepted is not None and seen.accepted is not None:
            grown = seen.accepted - self.memory.accepted
            assert grown >= 0, "more was told than the device counted"
            if self.escrow is not None and (grown or seen.reset):
                self.credits, grown, self.escrow = self.credits + (grown > 0), grown - (grown > 0), None
            self.orphans += grown
        elif seen.reset:
            self.escrow = None
        self.memory = AcceptorMemory(SERIAL, seen.counter, seen.accepted)


class History:
    """One random history: a device, a journal, a driver that dies now and then, and what it told but was not written."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.device = Validator(repeats=self.chance.random() < 0.6, counts=self.chance.random() < 0.8)
        self.journal = Journal()
        self.told: list[Seen] = []
        self.tally = Tally("notes")
        self.now, self.late_since, self.deaths = 0.0, 0.0, 0
        self.start()

    def start(self) -> None:
        """A start-up: what is in escrow goes back before anything is polled."""
        self.tally.meet(SERIAL, VALUES, self.journal.memory, self.journal.escrow, self.now)
        if self.device.held and not self.device.moving:
            self.device.moving = "return"

    def look(self) -> None:
        """One round of the driver."""
        if self.tally.note and self.tally.note.stage == "held":
            return
        polled = self.device.poll()
        self.told += self.tally.polled(polled, repeats=self.device.repeats)
        if polled.held:
            told = self.tally.held(polled.held, self.now)
            self.told += told
            if not told:
                self.device.moving = "return"
        if self.device.repeats and polled.to_acknowledge and self.tally.may_acknowledge(self.journal.memory):
            self.device.repeated = []
            self.tally.acknowledged()
        note = self.tally.note
        if note and note.stage != "lost" and polled.at_rest:
            self.tally.moves("lost", self.now)
        if polled.at_rest and not self.tally.settled and (self.tally.note is None or self.tally.note.stage == "lost"):
            self.told += self.tally.settle(self.device.count(), self.now, SETTLE_S)

    def write(self, rows: int) -> None:
        for seen in self.told[:rows]:
            self.journal.write(seen)
        del self.told[:rows]

    def step(self) -> None:
        self.now += 0.2
        if self.chance.random() < 0.1 or self.now - self.late_since > SETTLE_S / 2:
            self.device.late = 0
        if not self.device.late:
            self.late_since = self.now
        match self.chance.randrange(9):
            case 0 if self.tally.begun and not self.device.held and not self.device.repeated and not self.device.queue:
                self.device.held = self.chance.choice((1, 2))
            case 1:
                self.word()
            case 2 | 3:
                self.look()
            case 4:
                self.device.late = int(self.device.moving == "stack" and self.chance.random() < 0.4)
                self.device.settles()
            case 5 | 6:
                self.write(self.chance.randrange(1, 3))
            case 7 if self.chance.random() < 0.4:  # the kiosk dies: what was not written is gone
                self.deaths += 1
                self.told.clear()
                self.tally = Tally("notes")
                self.start()
            case 8 if self.chance.random() < 0.4:
                self.breaks()

    def word(self) -> None:
        """The stance has one only for a note whose escrow is on disk."""
        note = self.tally.note
        if note and note.stage == "held" and self.journal.escrow == note.counter and not self.told:
            stack = self.chance.random() < 0.7
            self.tally.moves("stacking" if stack else "returning", self.now)
            self.device.moving = "stack" if stack else "return"

    def breaks(self) -> None:
        """The cable, or the device's power, with a note that it then decides on; the driver lives on."""
        if self.chance.random() < 0.5 and self.device.held:
            note = self.tally.note
            ours = note is not None and note.stage == "held" and note.counter == self.journal.escrow
            self.device.moving = self.chance.choice(("stack", "return")) if ours else "return"
            self.device.settles(credit=0xE2)
        self.start()

    def rest(self) -> None:
        """Faults are over: it all comes to rest."""
        self.device.late = 0
        for _ in range(12):
            self.now += SETTLE_S / 2
            self.write(len(self.told))
            self.word()
            self.device.settles()
            self.look()


def test_in_every_history_each_stacked_note_is_told_once(seeds: Seeds) -> None:
    kinds = {"credits": 0, "deaths": 0, "counts": 0}
    for seed in seeds.some("tally", 16_000):
        history = History(seed)
        history.look()
        history.write(len(history.told))
        for _ in range(60):
            history.step()
            known = history.journal.credits + history.journal.orphans
            assert known <= history.device.stacked, f"seed {seed}: a note was credited twice"
        history.rest()
        assert history.device.repeated == [], f"seed {seed}: a credit was never acknowledged"
        assert history.journal.escrow is None, f"seed {seed}: an escrow stays open"
        known = history.journal.credits + history.journal.orphans
        remembers = history.device.counts or history.device.repeats or history.deaths == 0
        assert known == history.device.stacked or not remembers, f"seed {seed}: a note is credited nowhere"
        kinds["credits"] += history.journal.credits
        assert history.journal.orphans == 0, f"seed {seed}: a note is credited to no sale"
        kinds["deaths"] += history.deaths
        kinds["counts"] += history.device.counts
    assert min(kinds["credits"], kinds["deaths"], kinds["counts"]) > 1000, kinds


@pytest.mark.parametrize(
    ("seen", "grown", "owed", "new"),
    [
        (1, 1, True, 1),  # the kiosk died before the row
        (1, 0, False, 0),  # it died after the row and before the acknowledgement
        (1, 0, True, 1),  # the counter is late
        (1, 1, False, 1),  # nobody gave a word, and it is in the box
        (1, None, True, 1),
        (1, None, False, 0),
        (1, -3, False, 0),  # the counter went back
        (2, 5, True, 2),  # the rest is told as growth
        (0, 1, True, 0),
    ],
)
def test_credits_after_a_break_are_judged_by_counter_and_escrow(seen: int, grown: int | None, new: int, *, owed: bool) -> None:
    assert new_credits(seen, grown, owed=owed) == new


def test_a_second_note_is_not_told_before_the_first_is_done_with() -> None:
    tally = Tally("notes")
    tally.meet(SERIAL, VALUES, AcceptorMemory(SERIAL, 9, 0), None, 0.0)
    assert tally.held(1, 0.0) == []
    (up,) = tally.settle(0, 0.0, SETTLE_S)
    assert up == AcceptorUp("notes", SERIAL, 9, 0, (100, 500))
    assert tally.held(1, 0.0) == [NoteHeld("notes", SERIAL, 100, 10)]
    assert tally.held(2, 0.0) == []
    tally.moves("stacking", 0.0)
    credit = Polled((Event(0xEE, TABLE[0xEE], 1),))
    assert credit.credits[0].say is Say.CREDIT
    assert tally.polled(credit, repeats=True) == [NoteIn("notes", SERIAL, 100, 11, 1)]
    assert tally.polled(credit, repeats=True) == []
    assert tally.held(2, 0.0) == []
    assert not tally.may_acknowledge(AcceptorMemory(SERIAL, 10, 0))
    assert not tally.may_acknowledge(AcceptorMemory("8", 11, 1))
    assert tally.may_acknowledge(AcceptorMemory(SERIAL, 11, 1))


def test_a_count_below_what_was_told_is_waited_for_and_then_said() -> None:
    tally = Tally("notes")
    tally.meet(SERIAL, VALUES, AcceptorMemory(SERIAL, 9, 5), None, 0.0)
    assert tally.settle(4, 0.0, SETTLE_S) == []
    assert tally.settle(4, 2.9, SETTLE_S) == []
    assert not tally.begun
    assert tally.settle(4, 3.0, SETTLE_S) == [AcceptorUp("notes", SERIAL, 9, 4, (100, 500))]
    assert tally.begun


def lost_note(count: int) -> Tally:
    """A new process, of a device that repeats nothing: the journal has a note as held, and the device counts what it had before."""
    tally = Tally("notes")
    tally.meet(SERIAL, VALUES, AcceptorMemory(SERIAL, 1, count), 1, 10.0)
    assert tally.polled(Polled(()), repeats=False) == []
    return tally


def test_a_lost_note_that_is_counted_late_is_told_as_grown_and_its_escrow_ends_then() -> None:
    tally = lost_note(4)
    assert tally.settle(4, 10.1, SETTLE_S) == []
    assert tally.settle(4, 12.9, SETTLE_S) == []
    assert tally.settle(5, 12.95, SETTLE_S) == [AcceptorUp("notes", SERIAL, 1, 5, (100, 500), reset=True)]


def test_a_lost_note_that_is_never_counted_is_let_go() -> None:
    tally = lost_note(4)
    assert tally.settle(4, 12.9, SETTLE_S) == []
    assert tally.settle(4, 13.0, SETTLE_S) == [AcceptorUp("notes", SERIAL, 1, 4, (100, 500), reset=True)]


def test_a_note_that_went_back_after_one_was_lost_may_be_another_and_a_late_count_still_credits_the_lost_one() -> None:
    """The device names no note. It stacked the lost one, and refused the next before it counted."""
    for counted, told in (
        (4, AcceptorUp("notes", SERIAL, 1, 4, (100, 500), reset=True)),
        (5, AcceptorUp("notes", SERIAL, 1, 5, (100, 500), reset=True)),
    ):
        tally = lost_note(4)
        tally.polled(Polled((Event(0xEC, TABLE[0xEC]),)), repeats=False)
        assert tally.settle(4, 10.1, SETTLE_S) == []
        assert tally.settle(counted, 13.0, SETTLE_S) == [told]
