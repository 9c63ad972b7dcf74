"""What holds for every kiosk and its card after every step of any history, and at its end with faults off."""

from typing import TypeGuard

from hypothesis.stateful import RuleBasedStateMachine, invariant

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
from kiosk.vend.seen import Choice
from kiosk.vend.trust import FloatGranted
from kiosk.vend.view import Offer
from tests.bank.counter import Counter
from tests.oracle.shops import ShopTable
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


class Shops(RuleBasedStateMachine):
    """Kiosks and one card, which is in one of them or in none; whoever inherits says what happens to them."""

    shops: list[Counter]
    card: Card
    table: ShopTable  # what acceptors, bank, card, meter, printer and station have written down, and what the kiosks say
    at: Counter | None
    tear: tuple[int, int] | None  # of the coming write: which update, after how many bytes

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
        assert not hasattr(self, "table") or not (wrong := self.table.wrong()), wrong

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
            self.at.pull()
            self.at = None
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
        if hasattr(self, "table"):
            assert not (wrong := self.table.at_rest()), wrong
