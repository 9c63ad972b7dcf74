"""A second layout needs a profile and nothing else: the same shop sells on it."""

from dataclasses import dataclass

from kiosk.vend.card.reading import Profile, Reading, Record, Update
from kiosk.vend.facts import SaleClosed
from kiosk.vend.ports import CardJob
from tests.profile.toy import WRITTEN, Toy
from tests.sale.shop import Card, Shop

TOY: Profile = Toy()


@dataclass
class CampusCard(Card):
    """A campus card as bytes, and its meter."""

    def __post_init__(self) -> None:
        self.files = {1: bytes.fromhex(self.meter + "000098765432"), 2: bytes(4) + b"\1\0", 3: b""}
        self.into_meter()

    def into_meter(self) -> None:
        count = int.from_bytes(self.files[2][4:], "little")
        if count == self.count + 1 and self.files[3][0] != WRITTEN:
            self.count = count
            self.credited.append(int.from_bytes(self.files[2][:4], "little"))
        self.files[3] = bytes((WRITTEN,)) + self.count.to_bytes(2, "little") + (12_40).to_bytes(4, "little")

    def read(self, authentic: bool = True) -> Reading:
        return TOY.parse(self.serial, self.files, authentic, None)


class CampusShop(Shop):
    """The same step, fold and stances, with other bytes behind the reader."""

    def __init__(self) -> None:
        super().__init__(profile=TOY)

    def updates(self, job: CardJob, card: Card) -> tuple[Update, ...]:
        if job.do == "arm":
            return ()
        assert isinstance(job.record, Record)
        return TOY.plan(card.read(), job.record, job.start)


def paid() -> tuple[CampusShop, CampusCard]:
    shop, card = CampusShop(), CampusCard()
    shop.insert(card)
    shop.feed(100_00)
    return shop, card


def test_a_campus_card_is_recharged_and_its_meter_takes_it_once() -> None:
    shop, card = paid()
    shop.press("finish")
    (sale,) = [fact for fact in shop.facts() if isinstance(fact, SaleClosed)]
    assert (sale.outcome, sale.credit_minor, sale.n) == ("landed", 95_00, 2)
    card.into_meter()
    card.into_meter()
    assert card.credited == [95_00]


def test_a_campus_card_pulled_between_its_two_writes_is_finished_when_it_comes_back() -> None:
    shop, card = paid()
    shop.press("finish", work=False)
    arm = shop.job()
    assert arm
    shop.do(arm, card)
    write = shop.job()
    assert write
    card.write(shop.updates(write, card)[0])
    shop.pull()
    card.into_meter()
    assert card.credited == []
    shop.insert(card)
    card.into_meter()
    assert card.credited == [95_00]
