"""The outbox by its facts alone: who may have a text, when one goes, what is said of an alarm, and that no fact says to whom."""

import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.outbox import alarm, receipt
from kiosk.screens.customer import scene_of
from kiosk.screens.scene import says
from kiosk.vend import seen, sms
from kiosk.vend.facts import ClaimIssued, DeviceFault, PrintStarted, ReceiptOffered
from kiosk.vend.frozen import freeze, thaw
from kiosk.vend.sms import LetterJob, SmsFailed, SmsQueued, SmsReported, SmsSent, SmsStarted, SmsUnknown
from kiosk.vend.trust import TamperSeen
from kiosk.vend.view import Offer
from tests.sale.everywhere import claim, landed
from tests.sale.shop import Card, Shop
from tests.sms.desk import CUSTOMER, with_texts

SMS, TYPED = Offer("sms"), "0712345678"


def done(printer: str = "ok") -> Shop:
    """A customer's money is on the card, and the machine has a modem."""
    return with_texts(landed(printer))


def asked(shop: Shop, typed: str = TYPED) -> LetterJob:
    """What the outbox is asked for, once the number was looked at."""
    shop.press("sms")
    shop.press("phone", typed)
    assert shop.view.params["state"] == "confirm"
    shop.press("sms", "send")
    assert shop.state.here.letter
    return shop.state.here.letter


def kept(shop: Shop) -> str:
    """The text is in the side table."""
    job = asked(shop)
    shop.tell(seen.SmsKept(job.ref, kept=True))
    return job.ref


def answer(shop: Shop, outcome: str, **more: object) -> None:
    busy = sms.started(shop.state.sms)
    assert busy
    shop.tell(msgspec.structs.replace(seen.SmsAnswered(busy[1].job, outcome), **more))


def kinds(shop: Shop) -> list[str]:
    return [kind for kind in shop.kinds() if kind.startswith("Sms")]


# ---------------------------------------------------------------- the customer


@pytest.mark.parametrize("printer", ["ok", "out"])
def test_a_text_is_typed_looked_at_and_said_to_be_on_its_way(printer: str) -> None:
    shop = done(printer)
    assert SMS in shop.view.offers
    shop.press("sms")
    assert (shop.view.phase, shop.view.place, shop.view.figure_minor) == ("phone", "card", 95_00)
    shop.press("phone", TYPED)
    assert (shop.view.params["state"], shop.view.params["to"]) == ("confirm", "+254 712 345 678")
    shop.press("sms", "again")
    assert shop.view.params["state"] == "typing"
    shop.press("phone", "00123")
    assert shop.view.params["state"] == "wrong"
    shop.press("cancel")
    assert (shop.view.phase, SMS in shop.view.offers, kinds(shop)) == ("done", True, [])
    kept(shop)
    assert (shop.view.phase, shop.view.params["receipt"], SMS in shop.view.offers) == ("done", "texted", False)
    assert any("eceipt" in line and "text" in line for line in (scene_of(shop.view).status, *says(scene_of(shop.view))))


def test_the_number_is_in_no_row_no_checkpoint_and_no_repr() -> None:
    shop = done()
    job = asked(shop)
    whole = repr((shop.state.here.text, shop.state.here.letter, job, [fact for fact, _ in shop.rows]))
    shop.tell(seen.SmsKept(job.ref, kept=True))
    lasting = msgspec.json.encode([fact for fact, _ in shop.rows]) + freeze(shop.state)
    for digits in (TYPED, CUSTOMER, CUSTOMER[1:], TYPED[1:]):
        assert digits not in whole
        assert digits.encode() not in lasting
        assert hashlib.sha256(digits.encode()).hexdigest().encode() not in lasting
    assert shop.state.here.letter is None
    assert thaw(freeze(shop.state)) == msgspec.structs.replace(shop.state, here=thaw(freeze(shop.state)).here)  # type: ignore[union-attr]


def test_a_text_has_the_receipts_number_and_paper_afterwards_is_the_original_under_it() -> None:
    shop = done()
    job = asked(shop)
    assert [(fact.number, fact.how) for fact in shop.facts() if isinstance(fact, ReceiptOffered)] == [(1, "sms")]
    assert job.values["number"] == "K07-000001"
    shop.press("receipt", "paper")
    assert [(fact.number, fact.copy) for fact in shop.facts() if isinstance(fact, PrintStarted)] == [(1, 0)]


def test_a_receipt_that_was_printed_gives_its_number_to_the_text() -> None:
    shop = done()
    shop.press("receipt", "paper")
    assert asked(shop).values["number"] == "K07-000001"
    assert not [fact for fact in shop.facts() if isinstance(fact, ReceiptOffered)]


def test_a_text_that_cannot_be_kept_is_said_and_the_paper_is_still_there() -> None:
    shop = done()
    job = asked(shop)
    shop.tell(seen.SmsKept(job.ref, kept=False))
    assert (shop.view.params["receipt"], kinds(shop)) == ("no_text", [])
    assert Offer("receipt", "paper") in shop.view.offers
    shop.pull()
    assert [(fact.number, fact.copy) for fact in shop.facts() if isinstance(fact, PrintStarted)] == [(1, 0)]


def test_whoever_leaves_at_once_gets_the_text_all_the_same_and_no_paper() -> None:
    shop = done()
    job = asked(shop)
    shop.pull()
    shop.insert(Card(serial="1122334455660001"))
    shop.tell(seen.SmsKept(job.ref, kept=True))
    assert "SmsQueued" in kinds(shop)
    assert not [fact for fact in shop.facts() if isinstance(fact, PrintStarted)]
    assert shop.view.phase == "account"


def test_a_card_that_is_taken_while_the_number_is_typed_takes_no_screen_away_and_time_does() -> None:
    shop = done()
    shop.press("sms")
    shop.pull()
    assert shop.view.phase == "phone"
    shop.wait(61)
    assert shop.view.phase == "done"
    shop.wait(31)
    assert shop.view.phase == "attract"


def test_a_slip_is_told_in_a_text_too_with_where_the_money_is() -> None:
    shop = with_texts(claim())
    assert SMS in shop.view.offers
    job = asked(shop)
    issued = next(fact for fact in shop.facts() if isinstance(fact, ClaimIssued))
    text = receipt(job)
    assert job.about == "claim"
    assert f"K07-{issued.number:06d}-" in text
    assert "is safe" in text
    assert not [fact for fact in shop.facts() if isinstance(fact, ReceiptOffered)]
    shop.tell(seen.SmsKept(job.ref, kept=True))
    assert (shop.view.phase, shop.view.params["text"]) == ("claim", "queued")


def test_without_a_modem_with_one_that_is_down_or_where_the_file_says_so_no_text_is_offered() -> None:
    assert SMS not in landed().view.offers
    assert SMS not in with_texts(landed(), receipts=False).view.offers
    shop = done()
    shop.tell(seen.DeviceDown("modem", "no_network"))
    assert SMS not in shop.view.offers
    shop.press("sms")
    assert shop.view.phase == "done"
    shop.tell(seen.DeviceUp("modem"))
    assert SMS in shop.view.offers


@pytest.mark.covers("field-192")
def test_of_one_day_so_many_customers_have_a_text_and_the_next_day_again() -> None:
    shop = with_texts(landed(), day_max=1)
    kept(shop)
    shop.wait(1)
    answer(shop, "sent", mr=(1,))
    shop.press("finish")
    shop.pull()
    card = Card(serial="1122334455660001")
    for expected in (False, True):
        shop.insert(card)
        shop.feed(100_00)
        shop.press("finish")
        assert (shop.view.phase, SMS in shop.view.offers) == ("done", expected)
        shop.press("finish")
        shop.pull()
        card.into_meter()
        shop.later(24.1)


@pytest.mark.covers("field-193")
def test_a_full_outbox_takes_no_more_texts_and_the_sale_goes_on() -> None:
    shop = done()
    for number in range(sms.OUTBOX_MAX):
        shop._add((SmsQueued(f"{number:016x}", "receipt", 1 << 50),))
    assert SMS not in shop.view.offers
    shop.tell(seen.Trusted(TamperSeen("door")))
    assert len(shop.state.sms.texts) == sms.OUTBOX_MAX
    shop.press("finish")
    assert shop.view.phase == "take_card"


# ---------------------------------------------------------------- when it goes


def test_a_receipt_waits_while_a_sale_is_open_and_an_alarm_does_not() -> None:
    shop = done()
    job = asked(shop)
    shop.press("finish")
    shop.pull()
    shop.insert(Card(serial="1122334455660001"))
    shop.feed(100_00)
    shop.tell(seen.SmsKept(job.ref, kept=True))
    shop.wait(5)
    assert kinds(shop) == ["SmsQueued"]
    shop.tell(seen.Trusted(TamperSeen("door")))
    shop.wait(1)
    assert [fact.ref == job.ref for fact in shop.facts() if isinstance(fact, SmsStarted)] == [False]
    answer(shop, "sent", mr=(1,))
    shop.press("finish")
    shop.wait(1)
    assert [fact.ref == job.ref for fact in shop.facts() if isinstance(fact, SmsStarted)] == [False, True]


def test_a_text_of_an_hour_ago_is_first_and_there_is_one_at_a_time() -> None:
    shop = with_texts(Shop())
    for number in (1, 2):
        shop._add((SmsQueued(f"{number:016x}", "receipt", 1 << 50),))
        shop.ms += 1_000
    shop.tell(seen.Tick())
    shop.wait(10)
    assert [fact.ref for fact in shop.facts() if isinstance(fact, SmsStarted)] == ["0000000000000001"]
    answer(shop, "sent", mr=(1,))
    shop.wait(1)
    assert len([fact for fact in shop.facts() if isinstance(fact, SmsStarted)]) == 2


def test_a_modem_that_is_down_is_not_asked_and_one_that_came_back_is() -> None:
    shop = done()
    shop.tell(seen.DeviceDown("modem", "no_network"))
    shop._add((SmsQueued("0000000000000001", "receipt", shop.wall_ms() + sms.RECEIPT_MS),))
    shop.wait(120)
    assert kinds(shop) == ["SmsQueued"]
    shop.tell(seen.DeviceUp("modem"))
    shop.wait(1)
    assert kinds(shop) == ["SmsQueued", "SmsStarted"]


def test_what_was_begun_before_a_power_cut_is_unknown_and_tried_once_more() -> None:
    shop = done()
    ref = kept(shop)
    shop.wait(1)
    for tries in (1, 2):
        assert len([fact for fact in shop.facts() if isinstance(fact, SmsStarted)]) == tries
        shop.start()
        shop.wait(61)
    unknown = [fact for fact in shop.facts() if isinstance(fact, SmsUnknown)]
    assert [(fact.ref, fact.why, fact.wait_s) for fact in unknown] == [(ref, "restart", 60), (ref, "restart", 0)]
    assert shop.state.sms.texts == {}


def test_a_modems_thread_that_never_answers_is_not_waited_for_for_ever() -> None:
    shop = done()
    kept(shop)
    shop.wait(1)
    shop.later(0.2)
    assert [fact.why for fact in shop.facts() if isinstance(fact, SmsUnknown)] == ["silent"]


@pytest.mark.covers("field-194")
def test_a_text_that_is_too_late_is_given_up_and_a_report_is_waited_for_two_days() -> None:
    shop = with_texts(Shop())
    shop.tell(seen.DeviceDown("modem", "no_network"))
    shop._add((SmsQueued("0000000000000001", "receipt", shop.wall_ms() + sms.RECEIPT_MS),))
    shop.later(47.9)
    assert kinds(shop) == ["SmsQueued"]
    shop.later(0.2)
    assert [(fact.why, fact.wait_s) for fact in shop.facts() if isinstance(fact, SmsFailed)] == [("late", 0)]
    shop.tell(seen.DeviceUp("modem"))
    shop._add((SmsQueued("0000000000000002", "receipt", shop.wall_ms() + sms.RECEIPT_MS),))
    shop.wait(1)
    answer(shop, "sent", mr=(7,))
    shop.later(95.9)
    assert "0000000000000002" in shop.state.sms.texts
    shop.later(0.2)
    assert [fact.outcome for fact in shop.facts() if isinstance(fact, SmsReported)] == ["none"]


def test_texts_of_a_machine_whose_modem_was_taken_out_of_its_file_are_given_up() -> None:
    shop = done()
    shop._add((SmsQueued("0000000000000001", "receipt", 1 << 50),))
    shop.rules = msgspec.structs.replace(shop.rules, texts=None)
    shop.wait(1)
    assert [(fact.why, fact.wait_s) for fact in shop.facts() if isinstance(fact, SmsFailed)] == [("no_modem", 0)]


@given(st.lists(st.sampled_from(["sent", "unknown", "failed", "final", "restart", "down", "up", "hour", "day"]), max_size=25))
def test_whatever_happens_a_text_is_begun_at_most_twice_when_unknown_and_the_desk_never_turns_in_vain(history: list[str]) -> None:
    """The desk ticks a deadline once: one that is due must always lead to a fact, or a customer's time would never be over."""
    shop = with_texts(Shop())
    shop._add((SmsQueued("0000000000000001", "receipt", shop.wall_ms() + sms.RECEIPT_MS),))
    for what in history:
        busy = sms.started(shop.state.sms)
        if what in ("sent", "unknown", "failed", "final") and busy:
            answer(shop, "failed" if what == "final" else what, final=what == "final", mr=(1,) if what == "sent" else ())
        elif what == "restart":
            shop.start()
        elif what in ("down", "up"):
            shop.tell(seen.DeviceDown("modem", "offline") if what == "down" else seen.DeviceUp("modem"))
        else:
            shop.later(1 if what == "hour" else 24)
        state = shop.state
        due = sms.deadline_ms(state.sms, state.boot, selling=False, down="modem" in state.faults)
        if due is not None and due <= shop.ms:
            before = len(shop.rows)
            shop.tell(seen.Tick())
            assert len(shop.rows) > before
    facts = shop.facts()
    doubts = [fact for fact in facts if isinstance(fact, SmsUnknown)]
    assert len(doubts) <= 2
    assert len([fact for fact in facts if isinstance(fact, SmsSent)]) <= 1
    assert thaw(freeze(shop.state))


# ---------------------------------------------------------------- alarms


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        (DeviceFault("notes", "full"), "full.notes"),
        (DeviceFault("notes", "swapped"), "swapped.notes"),
        (DeviceFault("coins", "jammed"), "jammed.coins"),
        (DeviceFault("notes", "fraud-20"), "fraud.notes"),
        (DeviceFault("printer", "out"), "paper"),
    ],
)
def test_technicians_are_told_of_what_stops_the_machine_once_an_hour(fault: DeviceFault, what: str) -> None:
    shop = with_texts(Shop(), alarms=2)
    told = seen.PrinterState(fault.code) if fault.device == "printer" else seen.AcceptorDown(fault.device, fault.code)
    well = seen.PrinterState("ok") if fault.device == "printer" else None
    for _ in range(4):
        shop.tell(told)
        shop.acceptors_up() if well is None else shop.tell(well)
        shop.later(0.3)
    queued = [fact for fact in shop.facts() if isinstance(fact, SmsQueued)]
    assert [(fact.what, fact.to) for fact in queued] == [(what, 0), (what, 1)]
    assert len({fact.ref for fact in queued}) == 2
    shop.later(1)
    shop.tell(told)
    assert len([fact for fact in shop.facts() if isinstance(fact, SmsQueued)]) == 4


def test_an_opened_door_is_told_in_the_machines_language_and_by_its_place_in_the_file() -> None:
    for language, said in (("en", "the door"), ("fr", "porte"), ("sw", "mlango"), ("zh", "机门")):
        shop = with_texts(Shop(language=language))
        shop.tell(seen.Trusted(TamperSeen("door")))
        ((_, text),) = shop.state.sms.texts.items()
        assert (text.about, text.what, text.to) == ("alarm", "tamper", 0)
        assert said in alarm(shop.rules, text)
        assert alarm(shop.rules, text).startswith("K07 ")


def test_a_fault_that_is_nobodys_alarm_is_no_text() -> None:
    shop = with_texts(Shop())
    shop.tell(seen.AcceptorDown("notes", "offline"))
    shop.tell(seen.ReaderDown("no_reader"))
    shop.tell(seen.DeviceDown("modem", "offline"))
    assert kinds(shop) == []


# ---------------------------------------------------------------- words and numbers


@pytest.mark.parametrize("language", ["en", "zh", "fr", "sw"])
def test_a_receipts_text_says_what_was_paid_where_it_is_and_no_more_than_a_paper(language: str) -> None:
    shop = done()
    shop.press("language", language)
    shop.rules = msgspec.structs.replace(shop.rules, languages=("en", "zh", "fr", "sw"))
    shop.press("language", language)
    job = asked(shop)
    text = receipt(job)
    for said in ("K07-000001", "..7788", "2-1"):
        assert said in text
    for never in (Card().serial, Card().meter, CUSTOMER, "000098765432", "1122334455667788"):
        assert never not in text
