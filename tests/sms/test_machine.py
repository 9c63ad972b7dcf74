"""The whole machine with a modem: a customer types a number, a telephone gets the receipt, and then the number is nowhere."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kiosk.core import Core
from kiosk.demo.site import LocalKiosk, Site
from kiosk.demo.world import World
from kiosk.devices.sim.modem import ModemSimulator
from kiosk.devices.sim.printer_line import PtyLine
from kiosk.devices.vault.station import open_station
from kiosk.vend.explain.says import told
from kiosk.vend.explain.telling import story
from kiosk.vend.explain.values import Place
from kiosk.vend.facts import CardVerified, DeviceFault, NoteStacked, ReceiptOffered, SaleClosed
from kiosk.vend.journal import Journal
from kiosk.vend.rows import Recorded
from kiosk.vend.sms import SmsFailed, SmsQueued, SmsReported, SmsSent, SmsUnknown
from kiosk.vend.view import Offer, View
from kiosk.vend.who import PersonErased
from tests.sale.shop import Shop
from tests.sms.desk import until
from tests.sync.pages import lies_in

TYPED, NUMBER = "0712345678", "+254712345678"
MODEM = """
[[device]]
role = "modem"
protocol = "at"
port = "{folder}/dev/modem"
options = {{ pin = "{pin}" }}

[sms]
country = "254"
alarms = ["+254700000001"]
"""


class Street:
    """One kiosk with a modem, its customers, and every View that its screen had."""

    def __init__(self, folder: Path, pin: str = "", sim_pin: str = "") -> None:
        self.folder = folder
        self.world = World(folder, stack="in-process")
        self.site: Site = self.world.sites["K07"]
        with (self.site.folder / "kiosk.toml").open("a") as config:
            config.write(MODEM.format(folder=self.site.folder, pin=pin))
        self.views: list[View] = []
        self.site.subscribe(self.views.append)
        self.modem = ModemSimulator(PtyLine(self.site.folder / "dev" / "modem"), None, folder / "modem.json", pin=sim_pin)
        self.world.start()
        self.modem.start()

    def stop(self) -> None:
        self.world.stop()
        self.modem.stop()

    def paid(self, card: str = "A", minor: int = 100_00) -> None:
        self.site.insert(self.world.cards[card])
        self.site.feed(minor)
        self.site.press("finish")
        self.site.phase("done")

    def may_text(self) -> None:
        """Until the end on the screen offers a text: the modem works."""
        until(lambda: Offer("sms") in self.views[-1].offers, "a text that is offered")

    def texts_to(self, typed: str) -> None:
        self.may_text()
        self.site.press("sms")
        self.site.phase("phone")
        self.site.press("phone", typed)
        until(lambda: self.views[-1].params.get("state") == "confirm", "the number to be looked at")
        self.site.press("sms", "send")
        self.site.phase("done")

    def leaves(self) -> None:
        self.site.press("finish")
        self.site.phase("take_card")
        self.site.pull()
        self.site.phase("attract")

    @property
    def core(self) -> Core:
        """The running one."""
        assert isinstance(self.site.running, LocalKiosk)
        return self.site.running._core

    def forgets(self) -> None:
        """Whatever is to be erased is, and the journal says so; a store that a test reads meanwhile is tried again."""

        def erased() -> bool:
            self.core.people.work(int(time.time() * 1000))
            return not self.core.people.trouble

        until(erased, "nothing that is in the way")
        until(lambda: self.facts(PersonErased), "the fact")

    @property
    def store(self) -> tuple[Path, bytes]:
        place = self.folder / "kiosks" / "K07"
        return place / "store.db", open_station(place / "station.json").database_key()

    def rows(self) -> list[Recorded]:
        with Journal.open(*self.store, create=False, read_only=True) as journal:
            return list(journal.rows())

    def facts(self, *kinds: type) -> list[Any]:
        return [row.fact for row in self.rows() if isinstance(row.fact, kinds)]

    def lies(self, text: str) -> bool:
        """In any file as it lies, but the telephone's, or in a page of the store."""
        files = [path for path in self.folder.rglob("*") if path.is_file() and path.name != "modem.json"]
        return any(text.encode() in path.read_bytes() for path in files) or lies_in(*self.store, text)


@pytest.fixture
def street(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Street]:
    made = Street(tmp_path, *getattr(request, "param", ()))
    yield made
    made.stop()


def test_a_customer_gets_the_receipt_as_a_text_and_then_the_number_is_nowhere(street: Street) -> None:
    street.modem.do({"do": "reports", "to": "off"})
    street.paid()
    street.texts_to(TYPED)
    until(lambda: street.facts(SmsSent), "a text that is sent")
    assert street.views[-1].params["receipt"] == "texted"
    (message,) = street.modem.air.shown()
    sale = next(fact for fact in street.facts(SaleClosed) if isinstance(fact, SaleClosed))
    assert message["to"] == NUMBER
    for said in ("100.00 yuan", "90.00 yuan is on card ..0a01", "Receipt K07-000001", "purchase 1-3"):
        assert said in message["text"], said
    assert len(street.modem.air.parts) == 1, "one message, not two"
    assert sale.card not in message["text"]
    assert sale.meter not in message["text"]
    street.leaves()
    assert street.lies(NUMBER), "it waits for the network's report"
    assert not any(TYPED in repr(row.fact) or NUMBER in repr(row.fact) for row in street.rows())
    street.modem.do({"do": "report", "mr": 1, "status": 0})
    until(lambda: not street.core.desk.published().sms.texts, "a text that is over")
    street.forgets()
    assert not street.lies(NUMBER)
    assert not street.lies(TYPED)
    assert not street.lies("is on card ..0a01")
    (queued,) = street.facts(SmsQueued)
    assert street.facts(SmsReported, PersonErased) == [
        SmsReported(queued.ref, "delivered", sale.sale),
        PersonErased(queued.ref, "texted"),
    ]
    assert [fact.how for fact in street.facts(ReceiptOffered)] == ["sms"]
    assert not list((street.folder / "receipts").glob("*.bin")), "a text is a receipt: no paper for whoever did not ask for it"


@pytest.mark.covers("failure-27")
@pytest.mark.parametrize("street", [("", ""), ("4321", "1234")], indirect=True, ids=["no-network", "sim-lock"])
def test_without_network_or_with_a_locked_sim_card_no_sale_waits(street: Street) -> None:
    """Where the money is, what the screen says, what the journal holds, what `kiosk explain` tells."""
    if not street.modem.pin:
        street.modem.do({"do": "network", "to": "none"})
    until(lambda: [fact for fact in street.facts(DeviceFault) if fact.device == "modem" and fact.code in ("no_network", "sim_pin")])
    street.paid()
    assert Offer("sms") not in street.views[-1].offers
    assert Offer("receipt", "paper") in street.views[-1].offers
    street.leaves()
    assert street.world.to_meter("A").credited_minor == 90_00
    assert "out" not in {view.phase for view in street.views[1:]}
    assert [fact.denomination for fact in street.facts(NoteStacked)] == [100_00]
    assert len(street.facts(CardVerified)) == 1
    sale = next(fact.sale for fact in street.facts(SaleClosed) if isinstance(fact, SaleClosed))
    found = story(street.rows(), sale, "K07")
    assert found
    assert [(each.place, each.amount_minor) for each in found.holdings] == [(Place.CARD, 90_00), (Place.UTILITY, 10_00)]
    said = "\n".join(line for section in told(found, "customer", "en", Shop().rules.local) for line in section.lines)
    assert "90.00" in said
    assert "modem" not in said
    assert street.modem.tries == (2 if street.modem.pin else 3)


@pytest.mark.covers("failure-28")
def test_a_receipt_whose_confirmation_is_lost_waits_over_a_power_cut_and_moves_no_money(street: Street) -> None:
    """Where the money is, what the screen says, what the journal holds, what `kiosk explain` tells."""
    street.modem.do({"do": "fault", "lose_cmgs": 1})
    street.paid()
    street.texts_to(TYPED)
    assert street.views[-1].params["receipt"] == "texted"
    until(lambda: street.modem.air.parts, "a text on the air")
    street.leaves()
    assert street.world.to_meter("A").credited_minor == 90_00
    street.site.cut()
    until(lambda: street.facts(SmsUnknown), "a text of which nobody knows")
    assert [(fact.why, fact.wait_s) for fact in street.facts(SmsUnknown)] == [("restart", 60)]
    assert street.lies(NUMBER), "it is to be sent once more"
    sale = next(fact.sale for fact in street.facts(SaleClosed) if isinstance(fact, SaleClosed))
    found = story(street.rows(), sale, "K07")
    assert found
    assert [(each.place, each.amount_minor) for each in found.holdings] == [(Place.CARD, 90_00), (Place.UTILITY, 10_00)]
    assert "text message" in "\n".join(line for section in told(found, "technician", "en", Shop().rules.local) for line in section.lines)


def test_whoever_asks_is_forgotten_before_the_text_was_sent(street: Street) -> None:
    street.paid()
    street.may_text()
    street.modem.do({"do": "fault", "cms": [38]})
    street.texts_to(TYPED)
    until(lambda: street.facts(SmsFailed), "a network that is busy")
    (queued,) = street.facts(SmsQueued)
    assert street.core.people.forget(queued.ref, int(time.time() * 1000))
    street.forgets()
    assert not street.lies(NUMBER)
    assert street.modem.air.shown() == []


def test_technicians_are_told_of_a_full_box_once_and_their_number_is_in_no_fact(street: Street) -> None:
    until(lambda: street.modem.air.parts or not street.facts(DeviceFault), "a machine without faults")
    for _ in range(2):
        street.site.notes.do({"do": "stacker", "to": "full"})
        until(lambda: street.views[-1].phase == "attract" and not street.views[-1].params["notes"], "notes that are off")
        street.site.notes.do({"do": "stacker", "to": "in"})
        until(lambda: street.views[-1].params["notes"], "notes that are on")
    until(lambda: street.facts(SmsReported), "an alarm that came")
    (message,) = street.modem.air.shown()
    assert message["to"] == "+254700000001"
    assert message["text"].startswith("K07 ")
    assert message["text"].endswith("the box is full (notes).")
    assert not any("254700000001" in repr(row.fact) for row in street.rows())
