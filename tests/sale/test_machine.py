"""Any history of customers, tears and power cuts: the invariants of the sale hold after every step, and with faults off everything ends."""

from typing import TypeGuard

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from kiosk.vend import cash, risk, sale
from kiosk.vend.bank import PosFinal, PosReversed
from kiosk.vend.card.reading import Update
from kiosk.vend.facts import (
    CardVerified,
    ClaimIssued,
    ClaimSettled,
    CoinAccepted,
    EscrowUnknown,
    Fact,
    NoteEscrowed,
    NoteReturned,
    NoteStacked,
    OrphanCredit,
    PrintStarted,
    ReceiptOffered,
    SaleClosed,
    TenderClosed,
    WriteStarted,
)
from kiosk.vend.passing import Ignored
from kiosk.vend.seen import Choice, DiskSeen
from kiosk.vend.trust import FloatGranted
from kiosk.vend.view import Offer
from tests.bank.counter import Counter
from tests.risk.kit import grant, hotlist, limits
from tests.sale.everywhere import LANGUAGES
from tests.sale.shop import Card
from tests.sale.test_language import switched

CHOICES = tuple(
    (do, arg)
    for do in ("balance", "finish", "cancel", "stop", "add_more", "more_time", "no_card", "slip_taken", "tender", "receipt")
    for arg in {"tender": ("cash",), "receipt": ("paper", "again", "qr", "none")}.get(do, ("",))
)


class Pulled(Exception):
    """The card left in the middle of a write."""


def unheard(shop: Counter, fact: Fact) -> TypeGuard[NoteStacked]:
    """A note that the acceptor stacked though it had said that it holds another one, or none."""
    if not isinstance(fact, NoteStacked):
        return False
    held = [x for x in shop.facts()[: shop.facts().index(fact)] if isinstance(x, NoteEscrowed) and x.sale == fact.sale]
    return not held or held[-1].denomination != fact.denomination


def held_at_a_grant(shop: Counter) -> int:
    """Notes that were in escrow when a float came: they had been let in by what was there before."""
    held = found = 0
    for fact in shop.facts():
        match fact:
            case NoteEscrowed():
                held = fact.denomination
            case NoteStacked() | NoteReturned() | EscrowUnknown():
                held = 0
            case FloatGranted():
                found += held
    return found


class Machine(RuleBasedStateMachine):
    """Two kiosks, one card, its meter; everything that people and the world can do."""

    @initialize()
    def begin(self) -> None:
        self.shops = [Counter(languages=LANGUAGES), Counter(languages=LANGUAGES)]
        for number, shop in enumerate(self.shops):
            shop.fresh = number * 1_000_000
        self.card = Card()
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

    @precondition(lambda self: self.at is not None)
    @rule(value=st.sampled_from([10_00, 20_00, 50_00, 100_00]), stack=st.booleans())
    def feed(self, value: int, stack: bool) -> None:
        self._work(lambda shop: shop.feed(value, stack=stack))

    @rule(which=st.integers(0, 1))
    def coin(self, which: int) -> None:
        self._work(lambda shop: shop.coin(), self.shops[which])

    @rule(which=st.integers(0, 1), grown=st.booleans())
    def acceptor_comes_back(self, which: int, grown: bool) -> None:
        """The acceptor restarts and tells its counters; a held note is stacked or returned."""
        shop = self.shops[which]
        sale = shop.state.sale
        if sale and sale.escrow and grown:
            shop.accepted["notes"] = (shop.accepted["notes"] or 0) + 1
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
            shop.accepted["notes"] = (shop.accepted["notes"] or 0) + 1
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

    # ------------------------------------------------------------ how a write is torn

    def _work(self, act: object, shop: Counter | None = None) -> None:
        shop = shop or self.at
        assert shop
        assert callable(act)
        writes = 0
        card = self.card

        def write(update: Update, upto: int | None = None) -> None:
            nonlocal writes
            if self.tear and self.tear[0] == writes:
                byte, self.tear = self.tear[1], None
                Card.write(card, update, min(byte, len(update.data)))
                raise Pulled
            writes += 1
            Card.write(card, update, upto)

        card.write = write  # type: ignore[method-assign]
        try:
            act(shop)
        except Pulled:
            shop.pull()
            self.at = None
        finally:
            del card.write

    # ------------------------------------------------------------ what always holds

    @invariant()
    def every_cent_is_somewhere(self) -> None:
        for shop in getattr(self, "shops", []):
            cash_in = sum(x.denomination for x in shop.facts() if isinstance(x, NoteStacked | CoinAccepted))
            tendered = cash_in + sum(x.amount_minor for x in shop.facts() if isinstance(x, PosFinal))
            orphans = sum(x.amount_minor or 0 for x in shop.facts() if isinstance(x, OrphanCredit))
            credited = deducted = claimed = 0
            for fact in shop.facts():
                if isinstance(fact, SaleClosed):
                    credited += fact.credit_minor
                    deducted += sum(x.amount_minor for x in fact.lines if x.summed and x.code != "to_card")
                    claimed += fact.claim_minor
                if isinstance(fact, ClaimSettled):
                    credited += fact.credit_minor
                    settled = sum(x.amount_minor for x in fact.lines if x.summed)
                    deducted += settled - fact.credit_minor
                    claimed -= settled
            held = shop.state.sale.tender_minor if shop.state.sale else 0
            assert tendered == credited + deducted + claimed + held
            box = sum(int(d) * n for device in shop.state.boxes.values() for d, n in device.items())
            assert box == cash_in + orphans  # what a bank has lies in no box

    @invariant()
    def the_terminals_book_and_the_journal_say_the_same(self) -> None:
        for shop in getattr(self, "shops", []):
            book = {entry.payment: entry for entry in shop.terminal.book}
            finals = [x.payment for x in shop.facts() if isinstance(x, PosFinal)]
            assert len(finals) == len(set(finals))
            assert all(book[payment].state == "final" for payment in finals), "money that was credited went back"
            known = shop.state.bank.open
            charged = {payment for payment, entry in book.items() if entry.state == "final"}
            assert charged <= {*finals, known.id if known else ""}
            back = {x.payment for x in shop.facts() if isinstance(x, PosReversed)}
            assert not back & charged
            for entry in shop.terminal.book:
                assert entry.state != "waiting" or (known and known.id == entry.payment), "an approval that nobody waits for"

    @invariant()
    def a_sale_has_one_kind_of_tender_and_asks_for_one_payment_at_a_time(self) -> None:
        for shop in getattr(self, "shops", []):
            for closed in (x for x in shop.facts() if isinstance(x, SaleClosed)):
                assert len({"bank" if t.device == "bank" else "cash" for t in closed.tenders}) <= 1
                assert sum(t.pieces for t in closed.tenders if t.device == "bank") <= 1
            if shop.state.bank.open:
                stance, at = sale.stance(shop.rules, shop.state), shop.state.sale
                assert not (at and at.id == shop.state.bank.open.sale and (stance.notes or stance.coins))
            begun = [x for x in shop.facts() if isinstance(x, WriteStarted)]
            paid = {x.sale for x in shop.facts() if isinstance(x, PosFinal | NoteStacked | CoinAccepted)}
            assert {x.sale for x in begun} <= paid

    @invariant()
    def what_a_rule_stops_takes_no_note_and_the_float_is_never_passed_but_by_coins_in_fall(self) -> None:
        for shop in getattr(self, "shops", []):
            stopped = risk.stopped(shop.rules, shop.state, shop.now())
            in_mid_sale = stopped == "float" and shop.state.sale is not None  # what is left is asked for anew when it ends
            assert shop.state.here.stop == stopped or in_mid_sale
            if stopped:
                stance = sale.stance(shop.rules, shop.state)
                reserved = max(cash.left(shop.state)[0], 0) if in_mid_sale else 0  # an open sale goes on within what was reserved for it
                assert max((*stance.notes, *stance.coins), default=0) <= reserved
                assert Offer("tender", "cash") not in shop.view.offers
            fell = sum(x.denomination for x in shop.facts() if isinstance(x, CoinAccepted) or unheard(shop, x))
            assert sum(min(one.left_minor, 0) for one in shop.state.float_held.grants) >= -fell - held_at_a_grant(shop)

    @invariant()
    def nothing_is_credited_twice(self) -> None:
        if not hasattr(self, "shops"):
            return
        started = [x for shop in self.shops for x in shop.facts() if isinstance(x, WriteStarted)]
        assert sum(self.card.credited) <= sum({x.sale: x.amount_minor for x in started}.values())
        by_slot = {x.n for x in started}
        assert len(self.card.credited) <= len(by_slot)

    @invariant()
    def a_sale_closes_once_and_says_why(self) -> None:
        for shop in getattr(self, "shops", []):
            ends = [x.sale for x in shop.facts() if isinstance(x, SaleClosed)]
            assert len(ends) == len(set(ends))
            claims = [x.number for x in shop.facts() if isinstance(x, ClaimIssued)]
            assert claims == sorted(set(claims))
            assert all(x.why in ("customer", "time", "power", "card_gone", "bank") for x in shop.facts() if isinstance(x, TenderClosed))

    @invariant()
    def another_language_changes_nothing_but_the_language(self) -> None:
        for shop in getattr(self, "shops", []):
            for language in LANGUAGES[1:3]:
                switched(shop, language)

    @invariant()
    def a_choice_that_is_not_offered_or_was_made_on_another_screen_changes_nothing(self) -> None:
        for shop in getattr(self, "shops", []):
            here, offers = shop.state.here, {(offer.choice, offer.arg) for offer in shop.view.offers}
            for do, arg in CHOICES:
                stale = sale.step(shop.rules, shop.state, Choice(here.turn - 1, do, arg), shop.now())
                facts = sale.step(shop.rules, shop.state, Choice(here.turn, do, arg), shop.now())
                assert [type(fact) for fact in stale] == [Ignored]
                assert [type(fact) for fact in facts] == [Ignored] or (do, arg) in offers, (shop.view.phase, do, arg)

    @invariant()
    def paper_numbers_are_gapless_and_a_sales_own(self) -> None:
        for shop in getattr(self, "shops", []):
            numbered = [x for x in shop.facts() if isinstance(x, PrintStarted | ReceiptOffered | ClaimIssued)]
            assert {x.number for x in numbered} == set(range(1, shop.state.number + 1))
            assert len({(x.sale, x.number) for x in numbered}) == shop.state.number

    def teardown(self) -> None:
        """Faults off: every open sale ends, and what was verified or claimed is in the meter or waits for it."""
        if not hasattr(self, "shops"):
            return
        self.tear = None
        if self.at:
            self.pull()
        for shop in self.shops:
            shop.card = None
            shop.acceptors_up(reset=True)
            shop.terminal.silent, shop.terminal.script = False, {}
            shop.up()
            shop.wait(400)
            shop.up()
            shop.wait(60)
            assert shop.state.bank.open is None, shop.state.bank.open
            assert shop.terminal.taken_minor() == sum(x.amount_minor for x in shop.facts() if isinstance(x, PosFinal))
            assert shop.state.sale is None, shop.state.sale
            if shop.state.here.shown:
                shop.press("slip_taken")
        for _ in range(3):
            for shop in self.shops:
                shop.insert(self.card)
                shop.pull()
            self.card.into_meter()
        records = {x.sale: x for shop in self.shops for x in shop.facts() if isinstance(x, WriteStarted)}
        verified = {x.tag for shop in self.shops for x in shop.facts() if isinstance(x, CardVerified)}
        assert verified <= set(self.card.tags)
        assert len(self.card.tags) == len(set(self.card.tags))
        for shop in self.shops:
            for claim in shop.state.claims.values():
                record = records.get(claim.id)
                if not claim.tender_minor:
                    continue  # a slip over a note that only the box can speak of
                mine = record is not None and record.tag in self.card.tags
                assert mine or claim.n <= self.card.count, "a needless claim: its slot is still free"


QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much]
TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=200, stateful_step_count=40, deadline=None, suppress_health_check=QUIET)


@pytest.mark.slow
def test_thousands_of_histories() -> None:
    run_state_machine_as_test(
        Machine, settings=settings(max_examples=2_000, stateful_step_count=60, deadline=None, suppress_health_check=QUIET)
    )
