"""A day in the street, played by real parts: every step is a story whose end is checked."""

from datetime import datetime
from typing import TYPE_CHECKING

from kiosk.demo.account import Step
from kiosk.demo.site import START_S, DemoError, Site
from kiosk.demo.world import CUSTOMERS, World
from kiosk.devices.sim.faults import NONE, Cut, Faults
from kiosk.sync.counter import waits
from kiosk.vend.money import plain
from kiosk.vend.view import View

if TYPE_CHECKING:
    from kiosk.demo.office import HeadOffice

CODE_MINOR = 80_00
NOTICED_S = 15.0  # within which a torn card must be noticed
BOOK_S = 40.0  # a terminal that waits for goods is asked until it has given up
TEXT_S = 30.0
TYPED, NUMBER = "13800138000", "+8613800138000"


class Day:
    """Two kiosks, six cards."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.site, self.other = world.sites["K07"], world.sites["K08"]
        self._receipts: dict[str, str] = {}  # card -> the purchase number on its last one

    def play(self) -> list[Step]:
        """All stories in their order. DemoError when one does not end as it must."""
        return [
            self.first_recharge(),
            self.second_after_a_trip(),
            self.refused_because_not_taken(),
            self.pulled_and_put_back(),
            self.pulled_and_finished_elsewhere(),
            self.power_cut_with_a_note_in_escrow(),
            self.paper_out(),
            self.bank_card_and_a_text(),
            self.bank_card_declined(),
            self.bank_card_taken_back(),
            self.notes_by_essp(),
            self.bank_card_that_the_book_knows(),
            self.code_at_a_kiosk_that_never_synced(),
            self.batches_to_the_office(),
        ]

    def first_recharge(self) -> Step:
        """Card A was issued this morning: 100 and 50 in notes, a receipt, and home."""
        step = Step("first recharge of an opened card", "A")
        self._buy(self.site, "A", 100_00, 50_00)
        self._end(step, "first", receipt="paper")
        return self._home(step)

    def second_after_a_trip(self) -> Step:
        """The meter has tripped; notes and a coin put the light on again."""
        step = Step("second recharge of the same card after a trip", "A")
        days = self.world.until_dark("A")
        self._ensure(not self.world.meters["A"].display()["supply"], f"after {days} days the meter still supplies")
        self._buy(self.site, "A", 50_00, 20_00, coin=1_00)
        self._end(step, "second", receipt="none")
        self._home(step)
        self._ensure(bool(self.world.meters["A"].display()["supply"]), "the light is still off")
        return step

    def refused_because_not_taken(self) -> Step:
        """Card B buys, and comes back without having been in its meter."""
        step = Step("refused because the last purchase was not taken", "B")
        self._buy(self.site, "B", 20_00)
        self._end(step, "untaken", receipt="none")
        self.site.insert(self.world.cards["B"])
        view = self.site.phase("refused")
        self._ensure(view.params["why"] == "untaken", "it was refused for another reason")
        step.outcome, step.screen = "landed, then refused: untaken", self._picture(view, "refused")
        self._take(self.site)
        return self._home(step)

    def pulled_and_put_back(self) -> Step:
        """The card is pulled in the middle of the wallet's bytes and put back."""
        step = Step("card pulled in the write and put back", "B")
        card = self.world.cards["B"]
        self._buy(self.site, "B", 50_00, finish=False)
        card.arm(Faults(cut=Cut(update=2, byte=3)))
        self.site.press("finish")
        self._picture(self.site.phase("unsure", timeout_s=NOTICED_S), "unsure")
        self.site.pull()
        card.arm(NONE)
        self.site.insert(card)
        self._end(step, "put-back", receipt="none")
        return self._home(step)

    def pulled_and_finished_elsewhere(self) -> Step:
        """Torn before its last write, claimed here, finished by the other machine, taken by the meter."""
        step = Step("card pulled, claimed, finished at a second kiosk", "C")
        card = self.world.cards["C"]
        self._buy(self.site, "C", 100_00, finish=False)
        card.arm(Faults(cut=Cut(update=3, byte=0)))
        self.site.press("finish")
        self.site.phase("unsure", timeout_s=NOTICED_S)
        self.site.pull()
        card.arm(NONE)
        self.site.press("no_card")
        claim = self.site.until(lambda view: view.phase == "claim" and view.params["printed"], why="the claim slip")
        step.tendered_minor = step.claim_minor = claim.figure_minor
        step.screen = self._picture(claim, "claim")
        self.site.press("slip_taken")
        self.other.insert(card)
        view = self.other.phase("done")
        self._ensure(view.params["foreign"] is True, "the other machine took it for its own")
        step.credited_minor, step.outcome = view.figure_minor, "claimed at K07, landed at K08"
        self._picture(view, "done-elsewhere")
        self._take(self.other)
        return self._home(step)

    def power_cut_with_a_note_in_escrow(self) -> Step:
        """50 is in, 100 is held, and the power fails. What the acceptor then says of the 100 decides."""
        step = Step("power cut with a note in escrow", "D")
        card = self.world.cards["D"]
        self._buy(self.site, "D", 50_00, finish=False)
        self.site.feed(100_00, wait=False)
        self.site.until(lambda view: view.phase == "insert" and view.params["checking"] == 100_00, why="the held note")
        self.site.cut()
        in_box = sum(int(minor) * count for minor, count in self.site.notes.do({"do": "state"})["box"].items())
        view = self._end(step, "power-cut", receipt="paper")
        self._ensure(int(str(view.params["paid_minor"])) == step.tendered_minor, "the screen shows another sum")
        self._ensure(in_box == self._notes_so_far(step.tendered_minor), "the box holds another sum than was credited")
        self._ensure(card.present is False, "the card is still in")
        return self._home(step)

    def paper_out(self) -> Step:
        """No paper: the card is charged all the same, and the receipt is a code on the screen."""
        step = Step("paper out", "D")
        self.site.printer.do({"do": "paper", "to": "out"})
        self.site.until(lambda view: view.phase == "attract" and view.params["printer"] is False, why="the missing paper")
        self._buy(self.site, "D", 20_00)
        self._end(step, "paper-out", receipt="qr")
        self.site.printer.do({"do": "paper", "to": "ok"})
        return self._home(step)

    def bank_card_and_a_text(self) -> Step:
        """Card E is paid for by bank card; the receipt comes to a telephone."""
        step = Step("paid by bank card, the receipt as a text message", "E")
        self._by_bank_card(self.site, "E", 100_00)
        self._end(step, "bank-card", receipt="sms")
        if not waits(lambda: bool(self.site.extras.texts), TEXT_S):
            raise DemoError("No telephone has got the receipt.")
        (text,) = self.site.extras.texts
        self._ensure(text["to"] == NUMBER and plain(step.credited_minor) in text["text"], f"another text came: {text}")
        return self._home(step)

    def bank_card_declined(self) -> Step:
        """The bank says no; what the purse holds does it."""
        step = Step("bank card declined, paid in cash", "E")
        self._mode(self.site, "decline")
        self._by_bank_card(self.site, "E", 50_00)
        view = self.site.until(lambda view: view.phase == "bank" and view.params["state"] == "declined", why="the bank's no")
        self._picture(view, "bank-declined")
        self._mode(self.site, "approve")
        self._cash_instead(step, 20_00, "declined-cash")
        return self._home(step)

    def bank_card_taken_back(self) -> Step:
        """Approved, and the terminal's cable comes off before it says so: nobody gives it goods, and its book says that it took it back."""
        step = Step("bank card approved, then silent: taken back, paid in cash", "F")
        self._mode(self.site, "silent")
        self._by_bank_card(self.site, "F", 50_00)
        self._falls_silent(self.site, {"do": "plug"})
        self.site.until(lambda view: view.phase == "bank" and view.params["state"] == "none", BOOK_S, "what the terminal's book says")
        self._cash_instead(step, 20_00, "reversed-cash")
        return self._home(step)

    def notes_by_essp(self) -> Step:
        """K08's validator speaks another protocol: nobody sees a difference."""
        step = Step("notes by eSSP", "E")
        self._buy(self.other, "E", 100_00, 50_00)
        self._end(step, "essp", receipt="paper", site=self.other)
        return self._home(step)

    def bank_card_that_the_book_knows(self) -> Step:
        """Approved, and the terminal's power fails: when it is back its book says that the bank has paid, and the sale goes on."""
        step = Step("bank card approved, then silent: its book says paid", "B")
        self._mode(self.other, "silent")
        self._by_bank_card(self.other, "B", 50_00)
        self._falls_silent(self.other, {"do": "power", "to": "off"}, {"do": "power", "to": "on"}, {"do": "plug"})
        self._end(step, "by-the-book", receipt="none", site=self.other)
        self._ensure(step.tendered_minor == 50_00, "another sum was paid")
        return self._home(step)

    def code_at_a_kiosk_that_never_synced(self) -> Step:
        """Card D is paid for at a bank, which has the number of the last receipt; the code is typed where nobody knows of it."""
        from kiosk.demo.post import never_heard

        step = Step("paid elsewhere, collected by code at a kiosk that never synced", "D")
        self._ensure(never_heard(self.other), "the other kiosk has been in touch with the office")
        code = self.world.bank().pays(CUSTOMERS["D"][0], CODE_MINOR, self._receipts["D"])
        self.other.phase("attract")
        self.other.insert(self.world.cards["D"])
        self.other.phase("account")
        self.other.press("tender", "code")
        self._picture(self.other.phase("code"), "code")
        self.other.press("code", code)
        self._end(step, "collected", receipt="none", site=self.other)
        self._ensure(step.credited_minor == CODE_MINOR, "a code puts all of its amount on the card")
        step.outcome = "landed at K08, of which the office knows nothing yet"
        return self._home(step)

    def batches_to_the_office(self) -> Step:
        """In the evening K07 sends its rows by its own line, and K08's come on a stick; both hear that all of it is there."""
        from kiosk.demo.post import by_stick, by_wire

        office, step = self.office, Step("batches imported at the head office", "")
        by_wire(self.site)
        by_stick(self.other, office, self.world.folder / "stick")
        office.match()
        stands = [self.world.bank().stands(order) for order in self.world.bank().orders]
        self._ensure(stands == [("collected", "K08")], f"the bank hears of its orders: {stands}")
        step.outcome = f"K07 by HTTPS, K08 on a stick: {office.batches} batches, {office.rows} rows, all acknowledged"
        return step

    @property
    def office(self) -> "HeadOffice":
        """The town's. DemoError where it has none."""
        if self.world.office is None:
            raise DemoError("This town has no head office.")
        return self.world.office

    # ------------------------------------------------------------ what stories are made of

    def _buy(self, site: Site, card: str, *notes: int, coin: int = 0, finish: bool = True) -> None:
        site.phase("attract")
        site.insert(self.world.cards[card])
        self._picture(site.phase("account"), "account")
        for note in notes:
            site.feed(note)
        if coin:
            site.coin(coin)
        self._picture(site.phase("insert"), "insert")
        if finish:
            site.press("finish")

    def _by_bank_card(self, site: Site, card: str, minor: int) -> None:
        """As far as the terminal's small screen."""
        site.phase("attract")
        site.insert(self.world.cards[card])
        site.press("tender", "bank")
        self._picture(site.phase("amount"), "amount")
        site.press("amount", str(minor))
        site.until(lambda view: view.phase == "amount" and view.figure_minor == minor, why=f"the amount {minor}")
        site.press("finish")
        self._picture(site.phase("bank", "writing", "done"), "bank")

    def _mode(self, site: Site, to: str) -> None:
        """What the bank will say."""
        site.extras.terminal.do({"do": "pos", "to": to})

    def _falls_silent(self, site: Site, *back: dict[str, str]) -> None:
        """Its cable comes off when the bank has said yes, and the kiosk does not know; `back`: what then happens to it."""
        terminal = site.extras.terminal
        if not waits(lambda: terminal.do({"do": "state"})["open"] == 1, START_S):
            raise DemoError(f"{site.kiosk}: the terminal never approved.")
        terminal.do({"do": "unplug"})
        self._mode(site, "approve")
        view = site.until(lambda view: view.phase == "bank" and view.params["state"] == "silent", why="the question to the terminal")
        for order in back:
            terminal.do(order)
        self._picture(view, f"bank-silent-{site.kiosk}")

    def _cash_instead(self, step: Step, minor: int, name: str) -> None:
        """The bank's money did not come; the card is still in."""
        self.site.press("tender", "cash")
        self.site.phase("insert")
        self.site.feed(minor)
        self.site.press("finish")
        self._end(step, name, receipt="none")
        self._ensure(step.tendered_minor == minor, "the bank card was counted, too")

    def _text(self, site: Site) -> None:
        """The customer types a number and looks at it."""
        site.press("sms")
        site.phase("phone")
        site.press("phone", TYPED)
        self._picture(site.until(lambda view: view.params.get("state") == "confirm", why="the number to be looked at"), "phone")
        site.press("sms", "send")
        site.phase("done")

    def _end(self, step: Step, name: str, *, receipt: str, site: Site | None = None) -> View:
        site = site or self.site
        view = site.phase("done", timeout_s=40)
        self._receipts[step.card] = str(view.params["purchase_no"])
        step.tendered_minor, step.credited_minor = int(str(view.params["paid_minor"])), view.figure_minor
        step.outcome, step.screen = "landed", self._picture(view, f"done-{name}")
        if receipt == "sms":
            self._text(site)
        elif any(offer.choice == "receipt" for offer in view.offers):
            site.press("receipt", receipt)
        if receipt == "qr":
            self._picture(site.phase("qr"), f"code-{name}")
        if receipt == "paper":
            site.until(lambda v: v.phase != "done" or v.params["receipt"] in ("printed", "assumed"), why="the receipt")
        self._take(site)
        return view

    def _take(self, site: Site) -> None:
        """The card comes out."""
        view = site.phase("done", "qr", "refused", "account", "take_card")
        if view.phase != "take_card":
            site.press("finish" if view.phase in ("done", "qr") else "cancel")
        self._picture(site.phase("take_card"), "take-card")
        site.pull()
        site.phase("attract")

    def _home(self, step: Step) -> Step:
        credited = self.world.to_meter(step.card).credited_minor
        self._ensure(credited == step.credited_minor, f"the meter credited {credited}, the screen said {step.credited_minor}")
        return step

    def _notes_so_far(self, last_minor: int) -> int:
        """What the stories before the power cut put into the note box, and this one's."""
        return 100_00 + 50_00 + 50_00 + 20_00 + 20_00 + 50_00 + 100_00 + last_minor

    def _ensure(self, holds: bool, sentence: str) -> None:
        if not holds:
            raise DemoError(f"{sentence}.")

    def _picture(self, view: View, name: str) -> str:
        """The screen as a customer sees it, once a name."""
        from kiosk.gallery.picture import picture
        from kiosk.screens.palette import TRUE
        from kiosk.screens.rows import Clock
        from kiosk.screens.size import M

        path = self.world.folder / "screens" / f"{name}.png"
        if not path.exists():
            clock = Clock(f"{datetime.now():%H:%M}", view.ends_in_ms)  # noqa: DTZ005 - the header's wall clock
            picture(view, clock, M, TRUE, path)
        return path.name
