"""The customer's language: chosen at any moment, costs nothing, ends with the session, and is the language of every paper."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from kiosk.vend import sale, seen, showing
from kiosk.vend.facts import ClaimIssued, PrintStarted, Row
from kiosk.vend.fold import fold
from kiosk.vend.passing import Asked
from kiosk.vend.proof import print_job, sign_job
from kiosk.vend.rules import Rules
from kiosk.vend.state import State
from tests.sale.everywhere import EVERYWHERE, LANGUAGES, claim, landed, paid, shop, with_card
from tests.sale.shop import Shop

WORK: tuple[Callable[[Rules, State], object], ...] = (sale.stance, sale.next_job, print_job, sign_job)


def switched(here: Shop, language: str) -> State:
    """The state after a choice of language, which is all that the choice is allowed to do; `here` itself does not hear of it."""
    before = here.state
    facts = sale.step(here.rules, before, seen.Choice(before.here.turn, "language", language), here.now())
    assert facts == (Asked("language", language),)
    after = fold(before, facts[0], Row(before.seq, 0, here.boot, here.ms, "00" * 32))
    assert after == replace(before, here=replace(before.here, language=language, touched_ms=here.ms))
    assert [work(here.rules, after) for work in WORK] == [work(here.rules, before) for work in WORK]
    return after


@pytest.mark.parametrize("where", EVERYWHERE)
def test_in_every_phase_every_language_may_be_chosen_and_nothing_else_changes(where: str) -> None:
    phase, come = EVERYWHERE[where]
    here = come()
    assert here.view.phase == phase
    assert here.view.languages == LANGUAGES
    for language in LANGUAGES:
        after = showing.view(here.rules, switched(here, language), here.now())
        assert replace(after, ends_in_ms=None) == replace(here.view, language=language, ends_in_ms=None)
        assert after.ends_in_ms == after.span_ms or after.span_ms is None or "checking" in where, "who switches has time to read it"


@pytest.mark.parametrize("where", EVERYWHERE)
def test_a_language_that_is_not_offered_is_ignored(where: str) -> None:
    here = EVERYWHERE[where][1]()
    before = here.state
    here.tell(seen.Choice(before.here.turn, "language", "tlh"))
    assert here.state == replace(before, here=replace(before.here, ignored=before.here.ignored + 1))


def test_the_session_keeps_its_language_to_the_end_and_a_while_beyond() -> None:
    here = shop()
    here.press("language", "zh")
    here.wait(29)
    assert here.view.language == "zh", "the card is looked for in the bag"
    here.wait(2)
    assert (here.view.language, here.view.ends_in_ms) == ("en", None)
    here.press("language", "zh")
    full = with_card()
    full.press("language", "zh")
    full.feed(100_00)
    full.press("finish")
    full.press("finish")
    full.wait(300)
    assert (full.view.phase, full.view.language) == ("take_card", "zh"), "the card is still in"
    full.pull()
    full.wait(29)
    assert (full.view.phase, full.view.language) == ("attract", "zh")
    full.wait(2)
    assert full.view.language == "en"


def test_it_does_not_end_before_the_receipt_has_come_out() -> None:
    here = landed()
    here.press("language", "sw")
    here.tell(seen.Choice(here.state.here.turn, "finish"))
    here.pull()
    for _ in range(100):
        here.ms += 500
        here.tell(seen.Tick())
    assert (here.view.phase, here.view.language) == ("attract", "sw")
    job = print_job(here.rules, here.state)
    assert job
    assert job.paper.language == "sw"
    here.work()
    here.wait(1)
    assert here.view.language == "en"


def test_balance_only_is_forgotten_with_the_language() -> None:
    here = shop()
    here.press("balance")
    here.wait(31)
    assert here.view.params["asked"] == ""


def papers(here: Shop) -> list[tuple[str, int, str]]:
    return [(fact.paper, fact.copy, fact.language) for fact in here.facts() if isinstance(fact, PrintStarted)]


def test_a_paper_speaks_what_its_customer_spoke_when_it_was_begun() -> None:
    here = landed()
    here.press("language", "zh")
    here.outcome = "unknown"
    here.tell(seen.Choice(here.state.here.turn, "receipt", "paper"))
    job = print_job(here.rules, here.state)
    assert job
    assert job.paper.language == "zh"
    here.tell(seen.Choice(here.state.here.turn, "language", "fr"))
    assert print_job(here.rules, here.state) == job, "a paper in the printer does not change"
    here.work()
    here.press("receipt", "paper")
    assert papers(here) == [("recharge", 0, "zh"), ("recharge", 1, "fr")]


def test_whoever_chose_no_language_gets_the_machines() -> None:
    here = landed()
    here.press("receipt", "paper")
    assert papers(here) == [("recharge", 0, "en")]


def test_a_slip_that_comes_by_itself_speaks_it_too_and_so_does_all_that_follows_days_later() -> None:
    here = with_card()
    card = here.card
    here.press("language", "fr")
    here.feed(100_00)
    here.pull()
    here.wait(181)
    assert [type(fact) for fact in here.facts("ClaimIssued")] == [ClaimIssued]
    here.press("slip_taken")
    here.wait(3600)
    here.start()
    assert here.view.language == "en"
    assert card
    here.insert(card)
    assert (here.view.phase, here.view.language) == ("done", "fr")
    here.press("receipt", "paper")
    assert papers(here) == [("claim", 0, "fr"), ("recharge", 1, "fr")]


def test_after_a_power_cut_the_customer_is_spoken_to_in_the_language_of_the_sale() -> None:
    here = with_card()
    here.press("language", "sw")
    here.feed(100_00)
    here.start(acceptors=False)
    assert (here.view.phase, here.view.language) == ("interrupted", "sw")
    here.acceptors_up()
    here.work()
    assert (here.view.phase, here.view.language) == ("done", "sw")
    here.start()
    assert (here.view.phase, here.view.language) == ("done", "sw"), "the sale is over, its customer has not been told"


def test_papers_from_before_there_were_languages_speak_the_machines() -> None:
    here = claim()
    (issued,) = here.facts("ClaimIssued")
    assert isinstance(issued, ClaimIssued)
    here._add((PrintStarted(issued.sale, issued.number, "claim", copy=1),))
    job = print_job(here.rules, here.state)
    assert job
    assert (job.paper.kind, job.paper.language) == ("claim", "en")


def test_a_stop_that_is_asked_about_stays_asked_about_in_another_language() -> None:
    here = paid()
    here.press("stop")
    here.press("language", "zh")
    assert (here.view.params["ask_stop"], here.view.language) == (True, "zh")
    here.press("finish")
    assert here.view.phase == "done"
