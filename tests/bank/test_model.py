"""Every interleaving of kiosks, meter and office where a bank card pays: a payment is taken back only as long as its record is not begun.

The walk is that of tests/model. What is new is the moment in which the bank has said yes and the terminal waits for the electricity card:
the card is looked at and armed, and then the payment is final and the record begun, or it is taken back and nothing was written. What the
machine does in that moment, and whether it would still take the money back later, its own `step` is asked.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from kiosk.vend import facts as f
from kiosk.vend import landing, paying, seen
from kiosk.vend.bank import PosReversed
from kiosk.vend.passing import PosDo
from tests.model import moves as model
from tests.model import search, world
from tests.model.machines import AMOUNT, RealCode, tag_hex
from tests.model.search import explore
from tests.model.stepped import Stepped, shop_with
from tests.model.world import IDLE, TORN, Card, Kiosk, Setting, World, Wrote, with_card, with_kiosk, with_row
from tests.sale.shop import Shop

GOODS = "goods"  # the bank has said yes, and the terminal waits
TAKES_BACK = ("refuse", "reverse", "abort")


class ByBank(Stepped):
    """The machine in and after that moment."""

    def __init__(self) -> None:
        super().__init__()
        self._ends: dict[tuple[Card, Kiosk], set[str]] = {}
        self._late: dict[tuple[Card, Kiosk], bool] = {}

    def ends(self, card: Card, kiosk: Kiosk) -> set[str]:
        """What can become of a payment that waits: begun (its record is) | back."""
        key = (card, kiosk)
        if key not in self._ends:
            begun, back = self.approved(card), self.approved(card)
            facts = self.armed(begun, kiosk, done=True) + self.answered(begun, "goods", "final")
            torn = self.armed(back, kiosk, done=False) + self.answered(back, "refuse", "reversed")
            assert not [fact for fact in torn if isinstance(fact, f.WriteStarted)]
            self._ends[key] = {"begun" for fact in facts if isinstance(fact, f.WriteStarted)}
            self._ends[key] |= {"back" for fact in torn if isinstance(fact, PosReversed)}
        return self._ends[key]

    def approved(self, card: Card) -> Shop:
        """A customer chose a bank card, and the bank says yes."""
        shop = shop_with()
        shop.tell(seen.PosUp("terminal", "SN-terminal", receipt="0000"))
        self.shown(card, shop)
        shop.press("tender", "bank", work=False)
        shop.press("finish", work=False)
        self.answered(shop, "pay", "approved")
        look = shop.job()
        assert look is not None
        assert look.do == "read"
        shop.tell(seen.CardRead("t", look.id, self.reading(card)))
        return shop

    @staticmethod
    def armed(shop: Shop, kiosk: Kiosk, *, done: bool) -> tuple[f.Fact, ...]:
        arm = shop.job()
        assert arm is not None
        assert (arm.do, arm.n, arm.amount_minor) == ("arm", kiosk.n, AMOUNT)
        return shop.tell(seen.CardWorked("t", arm.id, done=done, tag=tag_hex((1, arm.n)) if done else ""))

    @staticmethod
    def answered(shop: Shop, do: str, outcome: str) -> tuple[f.Fact, ...]:
        """What follows of the terminal's answer, if it was asked for that."""
        job = paying.job(shop.state)
        if job is None or job.do != do:
            return ()
        return shop.tell(seen.PosAnswered(job.id, outcome, AMOUNT, "0001", "000042", "123456", "1234"))

    def takes_back(self, card: Card, kiosk: Kiosk) -> bool:
        """With its record begun, and the card as it is now: does the machine ask the terminal for the money, whatever comes?"""
        key = (card, kiosk)
        if key not in self._late:
            ready = Card(kiosk.serial, 2, kiosk.n - 1, 0, None, kiosk.n - 1) if kiosk.n > 1 else Card(kiosk.serial, 1, 0, 0, None, None)
            shop = self.approved(ready)
            self.armed(shop, kiosk, done=True)
            self.answered(shop, "goods", "final")
            asked = [paying.job(shop.state)]
            shop.tell(seen.CardOut("t"))
            asked.append(paying.job(shop.state))
            self.shown(card, shop)
            asked.append(paying.job(shop.state))
            self._late[key] = any(job is not None and job.do in TAKES_BACK for job in asked)
        return self._late[key]


def moves(setting: Setting, machines: RealCode, at: World) -> Iterator[World]:
    """As in tests/model, but whoever pays waits for the bank first; and a machine that takes money back does."""
    assert isinstance(machines, ByBank)
    place, serial = at.inside or (world.METER, 0)
    kiosk = at.kiosks[place] if place != world.METER else IDLE
    card = next((card for card in at.cards if card.serial == serial), at.cards[0])
    if kiosk.step == GOODS:
        yield from waiting(setting, machines, at, card)
        return
    for after in model.moves(setting, machines, at):
        if len(after.values) > len(at.values):
            yield with_kiosk(after, place, after.kiosks[place]._replace(step=GOODS))._replace(rows=at.rows)
        else:
            yield after
    if kiosk.tag and isinstance(kiosk.tag[0], int) and card.serial == kiosk.serial and machines.takes_back(card, kiosk):
        yield with_kiosk(at, place, IDLE)._replace(inside=None, back=(*at.back, kiosk.value))


def waiting(setting: Setting, machines: ByBank, at: World, card: Card) -> Iterator[World]:
    """Armed, final and begun; or taken back, with the card as it was, armed, or torn in between."""
    assert at.inside
    place = at.inside[0]
    kiosk = at.kiosks[place]
    armed = machines.written(card, kiosk._replace(step=machines.steps[0]))
    ends = machines.ends(card, kiosk)
    if "begun" in ends:
        assert kiosk.tag
        begun = with_kiosk(with_card(at, armed), place, kiosk._replace(step=machines.steps[1]))
        yield with_row(begun, Wrote(kiosk.tag, kiosk.n, kiosk.value))
    if "back" in ends:
        torn = [card._replace(taken=TORN)] if setting.torn and armed.taken != card.taken else []
        for left in {card, armed, *torn}:
            yield with_kiosk(with_card(at, left), place, IDLE)._replace(inside=None, back=(*at.back, kiosk.value))


@pytest.fixture(autouse=True)
def paid_by_bank_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "moves", moves)


@pytest.mark.parametrize(
    "setting",
    [
        Setting(values=1),
        Setting(values=1, first=True),
        Setting(values=1, torn=True, first=True, hq=False),
        pytest.param(Setting(values=1, torn=True, first=True), marks=pytest.mark.deep("walks of more than 30,000 states")),
        pytest.param(Setting(values=2, kiosks=1), marks=pytest.mark.deep("walks of more than 30,000 states")),
    ],
)
def test_a_payment_is_money_on_a_card_or_back_at_the_bank_and_never_both(setting: Setting) -> None:
    machines = ByBank()
    found = explore(setting, machines)
    assert not found.wrong, "\n".join(map(str, (found.wrong, *found.path)))
    assert all(ends == {"begun", "back"} for ends in machines._ends.values())
    assert machines._late
    assert not any(machines._late.values())


@pytest.mark.parametrize("setting", [Setting(values=1, live=True), Setting(values=1, first=True, live=True)])
def test_from_every_state_what_was_charged_can_still_be_credited(setting: Setting) -> None:
    found = explore(setting, ByBank())
    assert (found.wrong, found.dead) == ("", 0)


def test_a_record_that_is_begun_while_the_payment_can_be_taken_back_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    worked = landing.card_worked

    def at_once(state: Any, what: seen.CardWorked, now: Any) -> tuple[f.Fact, ...]:
        facts = worked(state, what, now)
        sale = state.sale
        if not any(isinstance(fact, PosDo) and fact.do == "goods" for fact in facts):
            return facts
        return (facts[0], f.WriteStarted(sale.id, sale.card, sale.meter, sale.n, state.bank.open.amount_minor, what.tag))

    monkeypatch.setattr(landing, "card_worked", at_once)
    assert explore(Setting(values=1), ByBank()).wrong == "credited, and the customer's bank has the money back"
