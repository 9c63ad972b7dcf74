"""Every interleaving of two kiosks that nobody can reach and one order, by the product's own `step`, `judge` and writes: credited once.

The walk is that of tests/model. Here a value is paid elsewhere before it begins, and a kiosk's money is the order's code.
"""

import pytest

from kiosk.vend import collect, seen
from kiosk.vend import facts as f
from kiosk.vend.codes import CodeFloat, Order
from kiosk.vend.trust import OrdersInstalled
from tests.model import search, world
from tests.model.machines import AMOUNT, METER, name_salt, record_of, serial_of, tag_hex
from tests.model.search import explore
from tests.model.stepped import QUOTE, SALE, Stepped, shop_with
from tests.model.world import Card, Kiosk, Setting, World

NAME = "order 1"
SALT = name_salt(NAME).hex()


def ordered(kiosk: Kiosk) -> bool:
    """Its record is an order's; otherwise it is one of cash."""
    return kiosk.tag is not None and isinstance(kiosk.tag[0], str)


class ByCode(Stepped):
    """As Stepped, but what is paid is a code: on disk, and by the order's key at the account screen."""

    def paid(self, kiosk: Kiosk) -> tuple[f.Fact, ...]:
        if not ordered(kiosk):
            return super().paid(kiosk)
        assert kiosk.tag
        salt = name_salt(kiosk.tag[0]).hex()
        return (
            f.SaleOpened(SALE, *self.named(kiosk), QUOTE),
            f.TransferCodeAccepted(SALE, *self.named(kiosk), AMOUNT, 690, salt, "A1"),
            f.TenderClosed(SALE, AMOUNT, "code"),
            f.ReturnFileArchived(SALE, record_of(kiosk).card, {}),
        )

    def decide_own(self, card: Card, kiosk: Kiosk) -> tuple[str, int, str]:
        """And where another machine landed the order's record before anything was begun here, it is found landed."""
        done = super().decide_own(card, kiosk)
        if done[0] == "landed" and ordered(kiosk):
            assert self.done_with(card, shop_with(*self.paid(kiosk)), kiosk) == done, (card, kiosk)
        return done

    def closed(self, kiosk: Kiosk) -> f.SaleClosed:
        tenders = (f.Tender("codes" if ordered(kiosk) else "notes", AMOUNT, 1),)
        head = (SALE, "claimed", *self.named(kiosk), tenders, AMOUNT, None, (), "CNY", 2, 0, 0, AMOUNT, record_of(kiosk).tag)
        return f.SaleClosed(*head, "flat/1", 1, None, "2026-11-03", "+0800", 1, 0)

    def decide_offer(self, card: Card) -> tuple[str, int]:
        """The same word as for cash; and the listed order becomes just its own record, in just its own slot."""
        word, n = super().decide_offer(card)
        if word == "ready":
            self.collected(card, n)
        return word, n

    def collected(self, card: Card, n: int) -> None:
        shop = shop_with()
        generation = shop.wall_ms() // (30 * 86_400_000)
        orders = tuple(Order(f"A{slot}", serial_of(card.serial), METER, slot, AMOUNT, generation, 1) for slot in (n, n + 1))
        shop.tell(seen.Trusted(OrdersInstalled(1, 1, "ab" * 32)))
        shop.tell(seen.OrdersRead(orders, CodeFloat(), "ab" * 32))
        self.shown(card, shop)
        assert [offer.arg for offer in shop.view.offers if offer.choice == "order"] == [f"A{n}"]
        shop.press("order", f"A{n}", work=False)
        job = collect.job(shop.state)
        assert job
        shop.tell(seen.CodeChecked(job.id, salt=SALT))
        arm = shop.job()
        assert arm
        assert (arm.do, arm.n, arm.amount_minor, arm.salt) == ("arm", n, AMOUNT, SALT)
        facts = shop.tell(seen.CardWorked("t", arm.id, done=True, tag=tag_hex((NAME, n))))
        (record,) = [fact for fact in facts if isinstance(fact, f.WriteStarted)]
        assert (record.n, record.amount_minor, record.tag) == (n, AMOUNT, tag_hex((NAME, n)))


@pytest.fixture(autouse=True)
def paid_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    def beginning(setting: Setting) -> World:
        start = world.beginning(setting)
        return start._replace(values=(1,), orders=((1, start.metered + 1),))

    monkeypatch.setattr(search, "beginning", beginning)


@pytest.mark.parametrize(
    ("setting", "states"),
    [
        (Setting(values=1), 316),
        (Setting(values=1, first=True), 492),
        (Setting(values=1, torn=True, hq=False), 2978),
        pytest.param(Setting(values=1, torn=True), 3704, marks=pytest.mark.deep("walks of more than 30,000 states")),
        pytest.param(Setting(values=2), 141948, marks=pytest.mark.deep("walks of more than 30,000 states")),
    ],
)
def test_one_order_at_two_kiosks_torn_anywhere_is_credited_once(setting: Setting, states: int) -> None:
    found = explore(setting, ByCode())
    assert not found.wrong, "\n".join(map(str, (found.wrong, *found.path)))
    assert found.states == states


@pytest.mark.parametrize("setting", [Setting(values=1, live=True), Setting(values=1, first=True, live=True)])
def test_from_every_state_the_order_can_still_be_credited(setting: Setting) -> None:
    found = explore(setting, ByCode())
    assert (found.wrong, found.dead) == ("", 0)
