"""Whatever is torn, wherever: the place that explain names is where the money is, or it says that it cannot know, and names that place too.

Truth is asked of the virtual card and the virtual meter after every event, for every sale of both kiosks, each from its own journal alone.
Those that are drawn are others in each run; a failure prints the history, which is enough to tell it again.
"""

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from multiprocessing import get_context

import pytest

from kiosk.vend.explain import whereabouts as w
from kiosk.vend.explain.values import Place
from tests.explain.truth import CARD, METER, OWED, Watch, credited, truth
from tests.seeds import Seeds
from tests.tears.histories import HOME, STARTS, A, Event, History, double, fuzzed, singles, torn_homes
from tests.tears.run import KINDS, SHARD


def sample(seeds: Seeds) -> Iterator[History]:
    """Some of each kind: single tears, torn meters, two tears, long lives. Those that are told in every run say all that may be said."""
    yield from islice(singles(), 0, None, 23)
    yield from islice(torn_homes(), 0, None, 53)
    yield from (tell(seed) for tell in (double, fuzzed) for seed in (*range(300), *seeds.some("explained tears", 100)))


def test_explain_names_the_place_where_the_money_is(seeds: Seeds) -> None:
    answers: Counter[tuple[Place, str]] = Counter()
    for history in sample(seeds):
        watch = Watch(history).run()
        assert not watch.wrong, history
        answers += watch.answers
    assert set(answers) == {  # all that may be said of what can be true, and nothing else
        (Place.MACHINE, OWED), (Place.CLAIM, OWED), (Place.CARD, CARD), (Place.CARD, METER), (Place.METER, METER),
        (Place.BETWEEN, OWED), (Place.BETWEEN, CARD), (Place.BETWEEN, METER),
    }  # fmt: skip


@pytest.mark.parametrize("start", STARTS)
def test_a_sale_that_nothing_disturbed_is_never_in_doubt(start: str) -> None:
    watch = Watch(History(start, (Event("A", pays=True), HOME, A))).run()
    assert not watch.wrong
    assert {place for place, _ in watch.answers} == {Place.CARD, Place.METER}


def test_the_card_back_in_the_slot_ends_every_doubt_of_a_single_tear() -> None:
    for history in islice(singles(((),)), 0, None, 3):
        watch = Watch(history).run()
        for till, sale in watch.sales():
            holding = credited(watch.story(till, sale))
            assert holding is None or holding.place == Place.METER, history


def test_what_stays_in_doubt_could_be_either() -> None:
    """Two purchases on one card after a torn one: this kiosk's own rows are the same whether its purchase was the one the meter took."""
    ends: Counter[tuple[tuple[str, ...], str]] = Counter()
    for seed in range(250):
        watch = Watch(double(seed)).run()
        for till, sale in () if watch.twins() else watch.sales():
            told = watch.story(till, sale)
            holding = credited(told)
            if holding and holding.place == Place.BETWEEN:
                assert told.next[-1].key in {"ask_rows", "reprint"}
                ends[holding.may_be, truth(watch.town, till, sale)] += 1
    assert set(ends) == {((Place.CLAIM, Place.METER), OWED), ((Place.CLAIM, Place.METER), METER)}


def same(known: w.Known) -> w.Known:
    return known


FORGOTTEN: dict[str, tuple[str, Callable[..., w.Known]]] = {
    "a card that was away may have been in its meter or elsewhere": ("away", same),
    "the machine writes after it has read": ("written", lambda known, _word, **_: known),
    "a slot that was passed may have been passed by this very purchase": ("by_reading", lambda *_: w.UNWRITTEN),
    "a later purchase does not say whose the slot was": ("beside", lambda *_: w.GONE),
}


RARE = "a later purchase does not say whose the slot was"
NEEDS_MANY = pytest.mark.deep("a planted bug that needs thousands of histories")


@pytest.mark.parametrize("rule", [pytest.param(rule, marks=NEEDS_MANY if rule == RARE else ()) for rule in FORGOTTEN])
def test_a_forgotten_doubt_is_found(rule: str, monkeypatch: pytest.MonkeyPatch, seeds: Seeds) -> None:
    name, broken = FORGOTTEN[rule]
    monkeypatch.setattr(w, name, broken)
    fresh = 2_000 if rule == RARE else 500
    wrong = seeds.first(f"explain, {rule}", fresh, range(6_000), lambda seed: str(Watch(double(seed)).run().wrong or ""))
    assert wrong, f"nobody notices that {rule}"


# ------------------------------------------------------------ all of it


def watched(work: tuple[str, int]) -> tuple[int, str]:
    """One shard: (how many, what was wrong first)."""
    kind, first = work
    for number, history in enumerate(told := KINDS[kind](first, SHARD)):
        if wrong := Watch(history).run().wrong:
            return number, f"{kind} {first + number}: {wrong}\n{history}"
    return len(told), ""


def watch_all(kind: str, first: int, count: int) -> int:
    total = 0
    with get_context("fork").Pool(os.cpu_count()) as pool:
        for lived, wrong in pool.imap_unordered(watched, [(kind, at) for at in range(first, first + count, SHARD)]):
            assert not wrong, wrong
            total += lived
    return total


@pytest.mark.deep("the whole tear matrix")
@pytest.mark.parametrize(("kind", "first", "count", "least"), [
    ("singles", 0, 10_000, 8_000), ("homes", 0, 10_000, 8_000), ("double", None, 3_000, 3_000), ("fuzzed", None, 3_000, 3_000),
])  # fmt: skip
def test_all_of_the_tear_matrix(kind: str, first: int | None, count: int, least: int, seeds: Seeds) -> None:
    assert watch_all(kind, seeds.base(f"explained {kind}") if first is None else first, count) >= least


@pytest.mark.deep("the whole tear matrix")
def test_every_word_of_the_story_is_true_of_what_it_could_see(seeds: Seeds) -> None:
    """Random histories, asked after every single event of a longer life than the matrix has."""
    for seed in seeds.some("explained lives", 300):
        rng = random.Random(seed)
        lives = [fuzzed(rng.randrange(10**6)) for _ in range(3)]
        events = tuple(event for life in lives for event in life.events)
        watch = Watch(History(lives[0].start, events, seed)).run()
        assert not watch.wrong, watch.history
