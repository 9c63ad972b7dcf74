"""Any history before a bank terminal: cut after every job, silent at every answer. The sale's invariants hold after every step."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from kiosk.vend.view import Offer
from tests.bank.counter import Counter
from tests.sale.shop import Card
from tests.sale.test_machine import QUIET, Machine

WAYS = {
    "pay": ("", "", "", "declined", "aborted", "busy", "lost", "unknown", "nothing"),
    "abort": ("", "approved", "unknown", "nothing"),
    "goods": ("", "", "lost", "lost_reversed", "nothing"),
    "refuse": ("", "lost", "final", "nothing"),
    "recover": ("", "", "unknown", "nothing"),
    "reverse": ("", "refused", "lost", "nothing"),
}


class AtTheTerminal(RuleBasedStateMachine):
    """One kiosk, its terminal, one card and its meter."""

    teardown = Machine.teardown
    every_cent_is_somewhere = Machine.every_cent_is_somewhere
    the_terminals_book_and_the_journal_say_the_same = Machine.the_terminals_book_and_the_journal_say_the_same
    a_sale_has_one_kind_of_tender = Machine.a_sale_has_one_kind_of_tender_and_asks_for_one_payment_at_a_time
    nothing_is_credited_twice = Machine.nothing_is_credited_twice
    a_sale_closes_once = Machine.a_sale_closes_once_and_says_why
    what_is_not_offered_changes_nothing = Machine.a_choice_that_is_not_offered_or_was_made_on_another_screen_changes_nothing
    paper_numbers = Machine.paper_numbers_are_gapless_and_a_sales_own

    @initialize(fresh=st.booleans())
    def begin(self, fresh: bool) -> None:
        self.shops = [Counter()]
        self.card = Card(count=0) if fresh else Card()
        if fresh:  # as it was issued: nothing to clear, so that it is armed for each payment
            body = self.card.files[1][1:42] + b"\x01"
            self.card.files[1] = b"\x68" + body + bytes((sum(body) & 255, 0x16))
            self.card.files[2], self.card.files[5] = bytes(8), bytes(49)
        self.at: Counter | None = None
        self.heard = 0
        self.tear: tuple[int, int] | None = None

    def _work(self, act: object, shop: Counter | None = None) -> None:
        Machine._work(self, act, shop)  # type: ignore[arg-type]

    @property
    def shop(self) -> Counter:
        return self.shops[0]

    @rule(data=st.data(), budget=st.none() | st.integers(0, 9))
    def pay(self, data: st.DataObject, budget: int | None) -> None:
        """A customer who wants to; the machine stops in the middle after so many jobs, and goes on with whatever comes next."""
        shop = self.shop
        shop.terminal.script = {do: [data.draw(st.sampled_from(ways), do) for _ in range(3)] for do, ways in WAYS.items()}
        if self.at is None:
            self.at = shop
            self._work(lambda s: s.insert(self.card))
        shop.budget = budget
        for do, arg in (("tender", "bank"), ("finish", "")):
            if self.at is not None and Offer(do, arg) in shop.view.offers and shop.view.phase in ("account", "amount", "bank"):
                self._work(lambda s, do=do, arg=arg: s.press(do, arg))
        shop.budget = None

    @precondition(lambda self: self.at is not None)
    @rule()
    def pull(self) -> None:
        self.shop.pull()
        self.at = None
        self._work(lambda s: s.work(), self.shop)

    @precondition(lambda self: self.at is None)
    @rule()
    def insert(self) -> None:
        self.at = self.shop
        self._work(lambda s: s.insert(self.card))

    @precondition(lambda self: self.at is None)
    @rule()
    def meter(self) -> None:
        self.card.into_meter()

    @rule(update=st.integers(0, 5), byte=st.integers(0, 12))
    def will_tear(self, update: int, byte: int) -> None:
        self.tear = (update, byte)

    @rule(seconds=st.sampled_from([1, 6, 31, 125, 185, 250]))
    def wait(self, seconds: int) -> None:
        self._work(lambda s: s.wait(seconds), self.shop)

    @rule(budget=st.none() | st.integers(0, 4))
    def power_cut(self, budget: int | None) -> None:
        self.shop.card, self.shop.budget = self.card if self.at else None, budget
        self._work(lambda s: s.start(), self.shop)
        self.shop.budget = None

    @rule()
    def terminal_down(self) -> None:
        self.shop.terminal.silent = True

    @rule()
    def terminal_up(self) -> None:
        self.shop.terminal.silent = False
        self._work(lambda s: s.up(), self.shop)

    @rule(do=st.sampled_from(["cancel", "cash", "finish", "slip_taken", "more_time"]))
    def press(self, do: str) -> None:
        self._work(lambda s: s.press("tender", "cash") if do == "cash" else s.press(do), self.shop)

    @precondition(lambda self: self.at is not None)
    @rule(value=st.sampled_from([10_00, 50_00]))
    def feed(self, value: int) -> None:
        self._work(lambda s: s.feed(value))

    @rule()
    def coin(self) -> None:
        self._work(lambda s: s.coin(), self.shop)

    @invariant()
    def nothing_is_written_before_the_money_is_final(self) -> None:
        kinds = self.shop.kinds() if hasattr(self, "shops") else []
        assert kinds.count("WriteStarted") <= kinds.count("TenderClosed")


TestAtTheTerminal = AtTheTerminal.TestCase
TestAtTheTerminal.settings = settings(max_examples=150, stateful_step_count=30, deadline=None, suppress_health_check=QUIET)


@pytest.mark.slow
def test_thousands_of_histories_at_the_terminal() -> None:
    run_state_machine_as_test(
        AtTheTerminal, settings=settings(max_examples=2_000, stateful_step_count=50, deadline=None, suppress_health_check=QUIET)
    )
