"""Any history of customers, tears and power cuts: the invariants of the sale hold after every step, and with faults off everything ends."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule, run_state_machine_as_test

from kiosk.vend.seen import DiskSeen
from kiosk.vend.tariff import Tariff
from kiosk.vend.view import Offer
from tests.bank.counter import Counter
from tests.oracle.shops import ShopTable, on, taken_by
from tests.risk.kit import grant, hotlist, limits
from tests.sale.everywhere import LANGUAGES
from tests.sale.shop import CUSTOMER, METER, Card
from tests.sale.shops import Shops

CHOICES = tuple(
    (do, arg)
    for do in ("balance", "finish", "cancel", "stop", "add_more", "more_time", "no_card", "slip_taken", "tender", "receipt")
    for arg in {"tender": ("cash",), "receipt": ("paper", "again", "qr", "none")}.get(do, ("",))
)


class Machine(Shops):
    """Two kiosks, one card, its meter; everything that people and the world can do."""

    @initialize(owed_minor=st.sampled_from([0, 30_00]))
    def begin(self, owed_minor: int) -> None:
        """The card's customer may owe something, which the first kiosk recovers."""
        self.shops = [Counter(languages=LANGUAGES, tariff=Tariff(debts={CUSTOMER: owed_minor})), Counter(languages=LANGUAGES)]
        for number, shop in enumerate(self.shops):
            shop.fresh = number * 1_000_000
        self.card = card = Card()
        self.table = ShopTable(self.shops, lambda: taken_by(card), lambda: on(card), {0: {METER: owed_minor}})
        self.at: Counter | None = None
        self.heard = 0
        self.tear: tuple[int, int] | None = None

    # ------------------------------------------------------------ the card

    @precondition(lambda self: self.at is None)
    @rule(which=st.integers(0, 1))
    def insert(self, which: int) -> None:
        self.at = self.shops[which]
        self._work(lambda shop: shop.insert(self.card))

    @precondition(lambda self: self.at is not None)
    @rule()
    def pull(self) -> None:
        assert self.at
        self.at.pull()
        self.at = None

    @precondition(lambda self: self.at is None)
    @rule()
    def meter(self) -> None:
        self.card.into_meter()

    @rule(update=st.integers(0, 5), byte=st.integers(0, 12))
    def will_tear(self, update: int, byte: int) -> None:
        """The next write is torn at this update, after so many bytes."""
        self.tear = (update, byte)

    # ------------------------------------------------------------ money and words

    @precondition(lambda self: self.at is not None and not self.at.escrow)
    @rule(value=st.sampled_from([10_00, 20_00, 50_00, 100_00]), stack=st.booleans())
    def feed(self, value: int, stack: bool) -> None:
        """An acceptor that holds a note takes in no other."""
        self._work(lambda shop: shop.feed(value, stack=stack))

    @rule(which=st.integers(0, 1), value=st.sampled_from([1_00, 50]))
    def coin(self, which: int, value: int) -> None:
        self._work(lambda shop: shop.coin(value), self.shops[which])

    @rule(which=st.integers(0, 1), grown=st.booleans())
    def acceptor_comes_back(self, which: int, grown: bool) -> None:
        """The acceptor restarts and tells its counters; a held note is stacked or returned."""
        shop = self.shops[which]
        sale = shop.state.sale
        if sale and sale.escrow and grown:
            shop.falls("notes", shop.escrow)
        self._work(lambda s: s.acceptors_up(reset=True), shop)

    @precondition(lambda self: self.at is not None)
    @rule(do=st.sampled_from(["finish", "cancel", "stop", "add_more", "no_card", "slip_taken", "more_time", "tender"]))
    def press(self, do: str) -> None:
        self._work(lambda shop: shop.press(do, "cash" if do == "tender" else ""))

    # ------------------------------------------------------------ by bank card

    @precondition(lambda self: self.at is not None)
    @rule(amount=st.sampled_from([20_00, 100_00, 200_00]))
    def pay_by_bank_card(self, amount: int) -> None:
        """As far as the screens let anyone."""
        for do, arg in (("tender", "bank"), ("amount", str(amount)), ("finish", "")):
            if Offer(do, arg) in self.at.view.offers and self.at.view.phase in ("account", "amount", "bank"):  # type: ignore[union-attr]
                self._work(lambda shop, do=do, arg=arg: shop.press(do, arg))
                if self.at is None:
                    return

    @rule(
        which=st.integers(0, 1),
        pay=st.sampled_from(["", "declined", "aborted", "busy", "lost", "unknown", "nothing"]),
        goods=st.sampled_from(["", "lost", "lost_reversed", "nothing"]),
        refuse=st.sampled_from(["", "lost", "final", "nothing"]),
        recover=st.sampled_from(["", "unknown", "nothing"]),
        reverse=st.sampled_from(["", "refused", "lost", "nothing"]),
    )
    def terminal_will(self, which: int, *, pay: str, goods: str, refuse: str, recover: str, reverse: str) -> None:
        """How the terminal's next jobs end; it says it, or says nothing."""
        script = {"pay": pay, "goods": goods, "refuse": refuse, "recover": recover, "reverse": reverse}
        self.shops[which].terminal.script = {do: [how] for do, how in script.items()}

    @rule(
        which=st.integers(0, 1),
        how=st.sampled_from(["paper", "again", "qr", "none"]),
        outcome=st.sampled_from(["printed", "unknown"]),
        signs=st.booleans(),
    )
    def prove(self, which: int, how: str, outcome: str, signs: bool) -> None:
        """A receipt or slip is wanted, and printer and signer do well or not."""
        shop = self.shops[which]
        shop.outcome, shop.signs = outcome, signs
        self._work(lambda s: s.press("receipt", how), shop)
        self._work(lambda s: s.press("finish"), shop)

    @rule(which=st.integers(0, 1), language=st.sampled_from(LANGUAGES))
    def speak(self, which: int, language: str) -> None:
        self.shops[which].press("language", language)

    @rule(which=st.integers(0, 1), seconds=st.sampled_from([1, 21, 62, 190]))
    def wait(self, which: int, seconds: int) -> None:
        self._work(lambda shop: shop.wait(seconds), self.shops[which])

    @rule(which=st.integers(0, 1), grown=st.booleans())
    def power_cut(self, which: int, grown: bool) -> None:
        shop = self.shops[which]
        if shop.state.sale and shop.state.sale.escrow and grown:
            shop.falls("notes", shop.escrow)
        shop.card = self.card if shop is self.at else None
        self._work(lambda s: s.start(), shop)

    # ------------------------------------------------------------ what the offline rules rest on

    @rule(which=st.integers(0, 1), minutes=st.sampled_from([-120, -3, 3, 120]))
    def move_the_clock(self, which: int, minutes: int) -> None:
        self._work(lambda shop: shop.set_clock(minutes * 60_000), self.shops[which])

    @rule(which=st.integers(0, 1), word=st.sampled_from(["float 30", "float 500", "stop", "go", "hotlist", "disk full", "disk free"]))
    def office_or_disk(self, which: int, word: str) -> None:
        """What changes what may be sold, in the middle of anything."""
        shop = self.shops[which]
        self.heard += 1
        told = {
            "float 30": grant(shop, self.heard, 30_00),
            "float 500": grant(shop, self.heard, 500_00),
            "stop": limits(self.heard, stop=1),
            "go": limits(self.heard, stop=0),
            "hotlist": hotlist(shop, self.heard),
            "disk full": DiskSeen(0, 1 << 40),
            "disk free": DiskSeen(1 << 39, 1 << 40),
        }
        self._work(lambda s: s.tell(told[word]), shop)

    @rule(which=st.integers(0, 1), hours=st.sampled_from([30, 80, 200]))
    def nobody_comes(self, which: int, hours: int) -> None:
        """Lists, grants and the head office's last word grow old, whoever stands before the machine."""
        self._work(lambda shop: shop.later(hours), self.shops[which])


QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much]
TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=80, stateful_step_count=40, deadline=None, suppress_health_check=QUIET)


@pytest.mark.deep("hundreds of long random histories")
def test_hundreds_of_histories() -> None:
    run_state_machine_as_test(
        Machine, settings=settings(max_examples=400, stateful_step_count=60, deadline=None, suppress_health_check=QUIET)
    )
