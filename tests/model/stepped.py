"""The model's kiosks driven by the whole sale: what `step` makes of a reading, which job it asks for next, which facts it writes.

For each situation a kiosk is folded from the facts that it would have on disk, is shown the card, and does what it does. Three lives of one
record are asked each time: the sale is open and in doubt; it was given up and is a claim; it was torn before anything was bound.
"""

from kiosk.vend import facts as f
from kiosk.vend import seen
from kiosk.vend.ports import CardJob
from kiosk.vend.tariff import Tariff
from tests.model.machines import AMOUNT, METER, record_of, tag_hex
from tests.model.rule import Checked, offer_word
from tests.model.world import DOUBT, Card, Kiosk
from tests.sale.shop import Shop

QUOTE = f.Quote("CNY", 2, "flat/1", "0.5800", 0, 0, AMOUNT, "sale", AMOUNT, None, None)
SALE = "00000000000000aa"


def shop_with(*facts: f.Fact) -> Shop:
    """A kiosk with these facts on disk, its devices up."""
    shop = Shop(tariff=Tariff(fixed_fee_minor=0))
    shop._add(facts)
    return shop


class Stepped(Checked):
    """Decisions of `step` and `next_job`, compared with the rule like the judge's."""

    def decide_own(self, card: Card, kiosk: Kiosk) -> tuple[str, int, str]:
        """The word that the kiosk's doings amount to."""
        judged = super().decide_own(card, kiosk)
        started = f.WriteStarted(SALE, *self.named(kiosk), AMOUNT, record_of(kiosk).tag)
        bound = (*self.paid(kiosk), started, f.CardUnsure(SALE, "torn"))
        done = self.done_with(card, shop_with(*bound), kiosk)
        assert done == judged, (card, kiosk, done, judged)
        claim = f.ClaimIssued(SALE, 1, *self.named(kiosk), AMOUNT, record_of(kiosk).tag, "gone")
        claimed = self.done_with(card, shop_with(*bound, claim, self.closed(kiosk)), kiosk)
        assert claimed[0] == (judged[0] if judged[0] != "spent" else "none"), (card, kiosk, claimed, judged)
        if card.tag != kiosk.tag:
            unbound = self.done_with(card, shop_with(*self.paid(kiosk)), kiosk)
            waits = judged[0] == "spent" and offer_word(card)[0] == "refused"
            assert unbound[0] == ("none" if waits else judged[0]), (card, kiosk, unbound, judged)
        return done

    @staticmethod
    def named(kiosk: Kiosk) -> tuple[str, str, int]:
        """Card, meter, slot."""
        return record_of(kiosk).card, METER, kiosk.n

    def paid(self, kiosk: Kiosk) -> tuple[f.Fact, ...]:
        """A sale up to the archive."""
        return (
            f.SaleOpened(SALE, *self.named(kiosk), QUOTE),
            f.NoteStacked(SALE, "notes", "SN-notes", AMOUNT, 0, 0),
            f.TenderClosed(SALE, AMOUNT, "customer"),
            f.ReturnFileArchived(SALE, record_of(kiosk).card, {}),
        )

    def closed(self, kiosk: Kiosk) -> f.SaleClosed:
        """The sale as a claim."""
        tenders = (f.Tender("notes", AMOUNT, 1),)
        head = (SALE, "claimed", *self.named(kiosk), tenders, AMOUNT, None, (), "CNY", 2, 0, 0, AMOUNT, record_of(kiosk).tag)
        return f.SaleClosed(*head, "flat/1", 1, None, "2026-11-03", "+0800", 1, 0)

    def done_with(self, card: Card, shop: Shop, kiosk: Kiosk) -> tuple[str, int, str]:
        """Put the card in and say in the judge's words what the kiosk does."""
        facts, job = self.shown(card, shop)
        kinds = {type(fact) for fact in facts}
        if f.CardVerified in kinds:
            assert kinds & {f.SaleClosed, f.ClaimSettled}
            return "landed", kiosk.n, ""
        if f.ClaimIssued in kinds:
            return "spent", kiosk.n, ""
        if job and job.do == "finish":
            return "foreign", card.bought, "commit"
        if job and job.do == "arm":
            return "never", job.n, "arm"
        if job and job.do == "write":
            assert job.record is not None
            word = "never" if job.start == self.steps[0] else "resume"
            return word, job.record.n, job.start
        verdict = shop.state.here.verdict
        return ("unreadable" if verdict and verdict.word == "unreadable" else "none"), 0, ""

    def shown(self, card: Card, shop: Shop) -> tuple[tuple[f.Fact, ...], CardJob | None]:
        """A presentation up to the first reading: (its facts, the job that follows)."""
        shop.tell(seen.CardIn("t", "3b00"))
        look = shop.job()
        assert look is not None
        assert look.do == "read"
        facts = shop.tell(seen.CardRead("t", look.id, self.reading(card)))
        return facts, shop.job()

    def decide_offer(self, card: Card) -> tuple[str, int]:
        """What an idle kiosk does with the card; where it sells, the sale up to its record."""
        judged = super().decide_offer(card)
        shop = shop_with()
        _, job = self.shown(card, shop)
        if job:
            assert job.do == "finish"
            return "foreign", card.bought
        verdict = shop.state.here.verdict
        assert verdict is not None
        shop.press("tender", "cash", work=False)
        if shop.state.sale is None:
            assert verdict.word != "ready"
            return judged if verdict.word == judged[0] else (str(verdict.word), 0)
        return "ready", self.sold(shop)

    @staticmethod
    def sold(shop: Shop) -> int:
        """Pay, arm, and see the record bound before anything is marked: its slot."""
        shop.counters["notes"] += 2
        shop.tell(seen.NoteHeld("notes", "SN-notes", AMOUNT, 1))
        shop.tell(seen.NoteIn("notes", "SN-notes", AMOUNT, 2, 1))
        shop.press("finish", work=False)
        arm = shop.job()
        assert arm is not None
        assert (arm.do, arm.amount_minor) == ("arm", AMOUNT)
        tag = tag_hex((1, arm.n))
        facts = shop.tell(seen.CardWorked("t", arm.id, done=True, tag=tag))
        (record,) = [fact for fact in facts if isinstance(fact, f.WriteStarted)]
        write = shop.job()
        assert write is not None
        assert (write.do, write.start, record.tag, record.n) == ("write", "type", tag, arm.n)
        return record.n

    def decide_written(self, card: Card, kiosk: Kiosk) -> Card:
        """After the last step a fresh reading must call it landed."""
        after = super().decide_written(card, kiosk)
        if kiosk.step == self.steps[-1]:
            assert self.own(after, kiosk._replace(step=DOUBT))[0] == "landed", (card, kiosk)
        return after
