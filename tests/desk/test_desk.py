"""The desk by hand, on a clock that the test moves: nothing is shown that is not on disk, and what is due comes by itself."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kiosk.vend import facts as f
from kiosk.vend import seen as s
from kiosk.vend.desk import CHECKPOINT_ROWS, recover
from kiosk.vend.facts import Row
from kiosk.vend.journal import Journal
from kiosk.vend.rows import head_message
from kiosk.vend.rules import Now
from tests.desk.till import TILL, HandClock, Till, fold, note, sat

KEY = bytes(range(32))


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal.open(tmp_path / "store.db", KEY, at_ms=1) as opened:
        yield opened


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def on_disk(journal: Journal) -> list[str]:
    """What another process finds now."""
    with Journal.open(journal.path, KEY, create=False, read_only=True) as other:
        return [each.fact.kind for each in other.tail(1)]


def test_a_note_is_on_disk_before_anyone_sees_it(journal: Journal, clock: HandClock) -> None:
    desk = sat(journal, clock)
    seen: list[tuple[int, list[str]]] = []
    desk.subscribe(lambda published: seen.append((published.view.figure_minor, on_disk(journal))))
    desk.tell(note(1))
    desk.drain()
    assert seen == [(1_000, ["StoreCreated", "NoteStacked"])]


def test_what_can_wait_is_shown_at_once_and_written_within_a_tenth_of_a_second(journal: Journal, clock: HandClock) -> None:
    desk = sat(journal, clock)
    desk.tell(s.PrinterState("low"))
    desk.drain()
    assert desk.published().rev == 2
    assert on_disk(journal) == ["StoreCreated"]
    clock.move(50)
    desk.tell(s.PrinterState("out"))
    desk.drain()
    clock.move(50)
    desk.drain()
    assert on_disk(journal) == ["StoreCreated", "DeviceFault", "DeviceFault"]


def test_what_can_wait_rides_with_the_next_barrier(journal: Journal, clock: HandClock) -> None:
    desk = sat(journal, clock)
    desk.tell(s.PrinterState("low"))
    desk.tell(note(1))
    desk.drain()
    assert on_disk(journal) == ["StoreCreated", "DeviceFault", "NoteStacked"]


def test_a_flood_of_told_things_does_not_keep_a_commit_waiting(journal: Journal, clock: HandClock) -> None:
    desk = sat(journal, clock)
    desk.tell(s.PrinterState("low"))
    desk.run_once()
    clock.move(100)
    for _ in range(5):
        desk.tell(s.CardIn("t", "3b"))
    desk.run_once()
    assert on_disk(journal) == ["StoreCreated", "DeviceFault"]


def test_a_passing_fact_folds_with_the_place_after_which_it_was_seen(journal: Journal, clock: HandClock) -> None:
    desk = sat(journal, clock)
    desk.tell(note(1))
    desk.tell(s.NoteHeld("notes", "N1", 1_000, 2))
    desk.drain()
    assert desk._state.folded == ("NoteStacked", "NoteDeclined", "DeviceRecovered")
    assert desk._state.rows == (2, 2, 3)


def test_what_changes_nothing_publishes_nothing(journal: Journal, clock: HandClock) -> None:
    desk = sat(journal, clock)
    desk.tell(s.CardIn("t", "3b"))
    desk.drain()
    assert desk.published().rev == 1
    assert on_disk(journal) == ["StoreCreated"]


def test_a_deadline_comes_by_itself_and_only_when_it_is_due(journal: Journal, clock: HandClock) -> None:
    desk = sat(journal, clock)
    desk.tell(s.Choice(1, "alarm", "60000"))
    desk.drain()
    clock.move(59_999)
    desk.drain()
    assert list(desk._state.folded) == ["Asked"]
    clock.move(1)
    desk.drain()
    assert list(desk._state.folded) == ["Asked", "Waited"]


def test_a_deadline_that_moves_nothing_does_not_spin(journal: Journal, clock: HandClock) -> None:
    ticks: list[s.Seen] = []

    def deaf(_till: Till, seen: s.Seen, _now: Now) -> tuple[f.Fact, ...]:
        ticks.append(seen)
        return ()

    desk = sat(journal, clock, replace(TILL, deadline=lambda _till: 5, step=deaf))
    desk.drain()
    assert ticks == [s.Tick()]


@pytest.mark.parametrize("step_ms", [6_000, -3_600_000])
def test_a_stepped_clock_is_a_fact_before_anything_is_decided_by_it(journal: Journal, clock: HandClock, step_ms: int) -> None:
    desk = sat(journal, clock)
    clock.at_ms += step_ms
    desk.tell(note(1))
    desk.drain()
    facts = [each.fact for each in journal.rows(2)]
    assert facts[0] == f.ClockStepped(step_ms)
    assert isinstance(facts[1], f.NoteStacked)
    assert len(facts) == 2


def test_slow_drift_is_no_step(journal: Journal, clock: HandClock) -> None:
    desk = sat(journal, clock)
    for _ in range(10):
        clock.at_ms += 4_000
        desk.drain()
    assert journal.head()[0] == 1


def test_a_verified_card_has_the_head_signed_with_the_next_rows_and_no_fsync_of_its_own(journal: Journal, clock: HandClock) -> None:
    desk = sat(journal, clock)
    desk.tell(s.CardOut("t"))
    desk.drain()
    seq, head = journal.head()
    assert not journal.pending()
    desk.tell(note(1))
    desk.drain()
    signed = next(journal.rows(seq + 1, seq + 1)).fact
    assert signed == f.HeadSigned(seq, head.hex(), (b"head" + head_message(journal.store_id, seq, head)).hex())
    assert [each.fact.kind for each in journal.rows(seq)] == ["CardVerified", "HeadSigned", "NoteStacked"]


def test_every_fifteen_minutes_the_head_is_signed_if_rows_were_added(journal: Journal, clock: HandClock) -> None:
    desk = sat(journal, clock)
    desk.tell(note(1))
    desk.drain()
    for _ in range(4):
        clock.move(15 * 60 * 1000)
        desk.drain()
        clock.move(100)
        desk.drain()
    assert on_disk(journal) == ["StoreCreated", "NoteStacked", "HeadSigned"]
    assert desk.published().rev == 2


def test_a_checkpoint_waits_for_a_quiet_moment_and_replay_starts_from_it(journal: Journal, clock: HandClock) -> None:
    quiet = False
    desk = sat(journal, clock, replace(TILL, quiet=lambda _till: quiet))
    for counter in range(CHECKPOINT_ROWS):
        desk.tell(s.PrinterState("low") if counter % 100 else note(counter))
        desk.drain()
    assert journal.checkpointed() == 0
    quiet = True
    desk.drain()
    assert journal.checkpointed() == journal.head()[0]
    desk.tell(note(1))
    desk.drain()
    folded: list[int] = []

    def counted(till: Till, fact: f.Fact, row: Row) -> Till:
        folded.append(row.seq)
        return fold(till, fact, row)

    assert recover(journal, replace(TILL, fold=counted)) == desk._state
    assert folded == [journal.checkpointed(), journal.head()[0]]


def test_a_state_of_other_software_is_not_trusted_and_all_rows_are_folded_again(journal: Journal, clock: HandClock) -> None:
    desk = sat(journal, clock)
    desk.tell(note(1))
    desk.drain()
    journal.checkpoint(b"another version's state", 1, 1, 1)
    assert recover(journal, TILL).money_minor == 1_000


def test_replay_is_what_was(journal: Journal, clock: HandClock) -> None:
    desk = sat(journal, clock)
    for counter in range(30):
        desk.tell(note(counter))
        desk.tell(s.PrinterState("low"))
    desk.drain()
    assert recover(journal, TILL).money_minor == desk._state.money_minor == 30_000
