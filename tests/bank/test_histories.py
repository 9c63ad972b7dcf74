"""Any history before a bank terminal: cut after every job, silent at every answer. The sale's invariants hold after every step."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule, run_state_machine_as_test

from kiosk.vend.view import Offer
from tests.bank.counter import Counter
from tests.sale.everywhere import LANGUAGES
from tests.sale.shop import Card
from tests.sale.shops import Shops
from tests.sale.test_machine import QUIET

WAYS = {
    "pay": ("", "", "", "declined", "aborted", "busy", "lost", "unknown", "nothing"),
    "abort": ("", "approved", "unknown", "nothing"),
    "goods": ("", "", "lost", "lost_reversed", "nothing"),
    "refuse": ("", "lost", "final", "nothing"),
    "recover": ("", "", "unknown", "nothing"),
    "reverse": ("", "refused", "lost", "nothing"),
}


class AtTheTerminal(Shops):
    """One kiosk, its terminal, one card and its meter."""

    @initialize(fresh=st.booleans())
    def begin(self, fresh: bool) -> None:
        self.shops = [Counter(languages=LANGUAGES)]
        self.card = Card(count=0) if fresh else Card()
        if fresh:  # as it was issued: nothing to clear, so that it is armed for each payment
            body = self.card.files[1][1:42] + b"\x01"
            self.card.files[1] = b"\x68" + body + bytes((sum(body) & 255, 0x16))
            self.card.files[2], self.card.files[5] = bytes(8), bytes(49)
        self.at: Counter | None = None
        self.heard = 0
        self.tear: tuple[int, int] | None = None

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
TestAtTheTerminal.settings = settings(max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=QUIET)


@pytest.mark.deep("hundreds of long random histories")
def test_hundreds_of_histories_at_the_terminal() -> None:
    run_state_machine_as_test(
        AtTheTerminal, settings=settings(max_examples=300, stateful_step_count=50, deadline=None, suppress_health_check=QUIET)
    )
