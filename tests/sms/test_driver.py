"""The modem's thread, over a real pseudo-terminal: what is sent once, what is tried again, and what nobody can know."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from kiosk.devices.port import FaultyPort
from kiosk.vend import seen
from kiosk.vend.facts import DeviceFault, DeviceRecovered
from kiosk.vend.sms import SimPinTried, SmsFailed, SmsQueued, SmsReported, SmsSent, SmsStarted, SmsUnknown
from tests.sms.desk import CUSTOMER, TECHNICIAN, Cabinet, until

TEXT = "EXAMPLE POWER: 50.00 yuan paid. Receipt K07-000001"


@pytest.fixture
def cabinet(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Cabinet]:
    made = Cabinet(tmp_path, **getattr(request, "param", {}))
    made.start()
    yield made
    made.stop()


def ended(cabinet: Cabinet, *kinds: type) -> None:
    until(lambda: cabinet.desk.facts(*kinds), f"{kinds}")


def test_a_text_is_begun_on_disk_sent_once_and_over_when_the_network_has_said_that_it_came(cabinet: Cabinet) -> None:
    cabinet.up()
    ref = cabinet.desk.queue(TEXT)
    ended(cabinet, SmsReported)
    facts = cabinet.desk.facts(SmsQueued, SmsStarted, SmsSent, SmsUnknown, SmsFailed, SmsReported)
    assert [type(fact).__name__ for fact in facts] == ["SmsQueued", "SmsStarted", "SmsSent", "SmsReported"]
    assert (facts[2].mr, facts[3].outcome) == ((1,), "delivered")
    assert cabinet.messages() == [{"to": CUSTOMER, "text": TEXT}]
    assert ref not in cabinet.desk.published().sms.texts
    identity = cabinet.driver.identity()
    assert identity
    assert (identity.maker, identity.model, identity.serial) == ("KIOSK SIMULATED", "SIM-M1", "356938035643809")


@pytest.mark.parametrize("text", ["a" * 161, "充值成功 " * 20, "€[]" * 60], ids=["septets", "ucs2", "extension"])
@pytest.mark.parametrize("reports", ["cds", "cdsi"])
def test_a_long_text_arrives_as_one_and_is_over_when_all_of_it_has_come(cabinet: Cabinet, text: str, reports: str) -> None:
    cabinet.sim.do({"do": "reports", "to": reports})
    cabinet.up()
    cabinet.desk.queue(text)
    ended(cabinet, SmsReported)
    assert cabinet.messages() == [{"to": CUSTOMER, "text": text}]
    until(lambda: not cabinet.sim.stored, "an empty SIM card")


def test_of_a_long_text_one_part_is_not_yet_all_of_it(cabinet: Cabinet) -> None:
    cabinet.sim.do({"do": "reports", "to": "off"})
    cabinet.up()
    cabinet.desk.queue("a" * 161)
    ended(cabinet, SmsSent)
    cabinet.sim.do({"do": "report", "mr": 2, "status": 0})
    cabinet.sim.do({"do": "report", "mr": 1, "status": 0x30})  # still trying
    cabinet.sim.do({"do": "report", "mr": 9, "status": 0})  # of nothing that we sent
    cabinet.desk.later(1)
    assert not cabinet.desk.facts(SmsReported)
    cabinet.sim.do({"do": "report", "mr": 1, "status": 0})
    ended(cabinet, SmsReported)


def test_a_text_that_the_network_could_not_deliver_is_said_to_be_lost(cabinet: Cabinet) -> None:
    cabinet.sim.do({"do": "reports", "to": "off"})
    cabinet.up()
    cabinet.desk.queue(TEXT)
    ended(cabinet, SmsSent)
    cabinet.sim.do({"do": "report", "mr": 1, "status": 0x46})
    ended(cabinet, SmsReported)
    assert [fact.outcome for fact in cabinet.desk.facts(SmsReported)] == ["lost"]


@pytest.mark.covers("failure-28")
def test_a_text_whose_confirmation_is_lost_is_unknown_sent_once_more_under_its_reference_and_never_again(cabinet: Cabinet) -> None:
    cabinet.sim.do({"do": "reports", "to": "off"})
    cabinet.sim.do({"do": "fault", "lose_cmgs": 2})
    cabinet.up()
    ref = cabinet.desk.queue("a" * 161)
    until(lambda: len(cabinet.desk.facts(SmsUnknown)) == 1)
    cabinet.up(2)
    cabinet.desk.later(0.9)
    assert len(cabinet.desk.facts(SmsStarted)) == 1
    cabinet.desk.later(0.2)
    until(lambda: len(cabinet.desk.facts(SmsUnknown)) == 2)
    cabinet.up(3)
    for _ in range(5):
        cabinet.desk.later(120)
    assert [(fact.ref, fact.wait_s) for fact in cabinet.desk.facts(SmsUnknown)] == [(ref, 60), (ref, 0)]
    assert len(cabinet.desk.facts(SmsStarted)) == 2
    assert [(part["reference"], part["place"]) for part in cabinet.sim.air.parts] == [(0xAA, 1), (0xAA, 1)]


def test_what_the_network_refuses_for_now_is_tried_again_ever_later_and_what_it_refuses_for_good_is_not(cabinet: Cabinet) -> None:
    cabinet.sim.do({"do": "fault", "cms": [38, 38, 38, 38, 38, 1]})
    cabinet.up()
    cabinet.desk.queue(TEXT)
    for tries, minutes in enumerate((1, 5, 15, 60, 60), 1):
        until(lambda tries=tries: len(cabinet.desk.facts(SmsFailed)) == tries)  # type: ignore[misc]
        cabinet.desk.later(minutes - 0.1)
        assert len(cabinet.desk.facts(SmsStarted)) == tries
        cabinet.desk.later(0.2)
    until(lambda: len(cabinet.desk.facts(SmsFailed)) == 6)
    failed = cabinet.desk.facts(SmsFailed)
    assert [(fact.why, fact.wait_s) for fact in failed] == [
        ("cms-38", 60),
        ("cms-38", 300),
        ("cms-38", 900),
        *[("cms-38", 3600)] * 2,
        ("cms-1", 0),
    ]
    cabinet.desk.later(300)
    assert (len(cabinet.desk.facts(SmsStarted)), cabinet.messages()) == (6, [])


def test_without_a_prompt_nothing_was_given_and_it_is_tried_again(cabinet: Cabinet) -> None:
    cabinet.sim.do({"do": "fault", "no_prompt": 1})
    cabinet.up()
    cabinet.desk.queue(TEXT)
    ended(cabinet, SmsFailed)
    cabinet.desk.later(1.1)
    ended(cabinet, SmsReported)
    assert (cabinet.desk.facts(SmsFailed)[0].why, len(cabinet.messages())) == ("no_prompt", 1)


# ---------------------------------------------------------------- network and SIM card


@pytest.mark.covers("failure-27")
@pytest.mark.parametrize("network", ["none", "searching", "denied"])
def test_without_a_network_a_text_waits_and_goes_when_there_is_one(cabinet: Cabinet, network: str) -> None:
    cabinet.sim.do({"do": "network", "to": network})
    until(lambda: DeviceFault("modem", "no_network") in cabinet.desk.facts(DeviceFault))
    assert cabinet.driver.health().state == "offline"
    cabinet.desk.queue(TEXT)
    cabinet.desk.later(30)
    assert not cabinet.desk.facts(SmsStarted)
    cabinet.sim.do({"do": "network", "to": "roaming"})
    ended(cabinet, SmsReported)
    assert len(cabinet.desk.facts(DeviceRecovered)) == 1
    assert cabinet.messages() == [{"to": CUSTOMER, "text": TEXT}]


@pytest.mark.covers("failure-27")
@pytest.mark.parametrize("cabinet", [{"sim_pin": "1234", "pin": "4321"}], indirect=True)
def test_a_wrong_pin_is_given_once_and_no_restart_gives_it_again(cabinet: Cabinet) -> None:
    until(lambda: DeviceFault("modem", "sim_pin") in cabinet.desk.facts(DeviceFault))
    assert cabinet.driver.health().state == "user_error"
    for _ in range(3):
        cabinet.restart()
        until(lambda: cabinet.driver.health().code == "sim_pin")
    cabinet.sim.do({"do": "power", "to": "off"})
    cabinet.sim.do({"do": "power", "to": "on"})
    until(lambda: cabinet.driver.health().code == "sim_pin")
    assert (cabinet.sim.pins_given, cabinet.sim.tries) == (["4321"], 2)
    assert cabinet.desk.facts(SimPinTried) == [SimPinTried(1)]
    cabinet.pin, cabinet.pin_try = "1234", 2  # somebody corrected the file
    cabinet.restart()
    cabinet.up()
    assert cabinet.sim.pins_given == ["4321", "1234"]


@pytest.mark.parametrize("cabinet", [{"sim_pin": "1234", "pin": "1234"}], indirect=True)
def test_the_right_pin_opens_the_card_and_after_a_power_cut_of_the_modem_alone_staff_are_asked(cabinet: Cabinet) -> None:
    cabinet.up()
    cabinet.desk.queue(TEXT)
    ended(cabinet, SmsReported)
    assert cabinet.sim.pins_given == ["1234"]


@pytest.mark.covers("failure-27")
def test_a_card_that_is_taken_out_is_told_and_one_that_is_put_in_is_used(cabinet: Cabinet) -> None:
    cabinet.up()
    cabinet.sim.do({"do": "network", "to": "none"})
    cabinet.sim.do({"do": "sim", "to": "out"})
    until(lambda: cabinet.driver.health().code == "no_sim")
    cabinet.sim.do({"do": "sim", "to": "in"})
    cabinet.sim.do({"do": "network", "to": "home"})
    cabinet.up()


# ---------------------------------------------------------------- the wire


@pytest.mark.parametrize(
    "faults",
    [{"split": True}, {"delay_s": 0.002}, {"duplicate": 0.02, "seed": 3}, {"drop": 0.02, "seed": 4}, {"corrupt": 0.01, "seed": 5}],
    ids=["split", "delay", "duplicate", "drop", "corrupt"],
)
def test_over_a_bad_line_a_text_comes_and_never_more_than_twice(cabinet: Cabinet, faults: dict[str, float]) -> None:
    cabinet.fault = partial(FaultyPort, **faults)  # type: ignore[arg-type]
    cabinet.desk.queue(TEXT)

    def over() -> bool:
        cabinet.desk.later(61)
        return not [text for text in cabinet.desk.published().sms.texts.values() if text.stage != "sent"]

    until(over, "an end")
    assert len(cabinet.sim.air.parts) <= 2
    assert {message["to"] for message in cabinet.messages()} <= {CUSTOMER}


@pytest.mark.parametrize("faults", [{"split": True}, {"interleave": True}, {"delay_ms": 5}], ids=["split", "interleave", "delay"])
def test_a_modem_that_talks_strangely_is_understood(cabinet: Cabinet, faults: dict[str, object]) -> None:
    cabinet.sim.do({"do": "fault", **faults})
    cabinet.up()
    cabinet.desk.queue(TEXT)
    ended(cabinet, SmsReported)
    assert cabinet.messages() == [{"to": CUSTOMER, "text": TEXT}]


def test_a_modem_that_babbles_or_is_silent_is_offline_and_comes_back(cabinet: Cabinet) -> None:
    cabinet.up()
    cabinet.sim.do({"do": "fault", "silent": True})
    until(lambda: cabinet.driver.health().code == "offline")
    cabinet.sim.do({"do": "fault", "silent": False, "garbage": True})
    cabinet.desk.queue(TEXT)
    cabinet.sim.do({"do": "fault", "garbage": False})
    ended(cabinet, SmsReported)
    assert cabinet.driver.alive


def test_a_modem_that_is_pulled_out_while_it_sends_leaves_the_text_unknown(cabinet: Cabinet) -> None:
    cabinet.sim.do({"do": "fault", "lose_cmgs": 1})
    cabinet.up()
    cabinet.desk.queue(TEXT)
    until(lambda: cabinet.sim.air.parts)
    cabinet.sim.do({"do": "unplug"})
    ended(cabinet, SmsUnknown)
    until(lambda: cabinet.driver.health().code == "no_device")
    cabinet.sim.do({"do": "plug"})
    cabinet.up()
    cabinet.desk.later(1.1)
    until(lambda: len(cabinet.desk.facts(SmsSent)) == 1)


def test_a_kiosk_that_loses_power_while_it_sends_says_unknown_and_sends_once_more(cabinet: Cabinet) -> None:
    cabinet.sim.do({"do": "fault", "lose_cmgs": 1})
    cabinet.up()
    cabinet.desk.queue(TEXT)
    until(lambda: cabinet.sim.air.parts)
    cabinet.desk.restarts()  # before the driver has said anything
    assert [fact.why for fact in cabinet.desk.facts(SmsUnknown)] == ["restart"]
    cabinet.restart()
    cabinet.up()
    cabinet.desk.later(1.1)
    ended(cabinet, SmsSent)
    assert len(cabinet.sim.air.parts) == 2


# ---------------------------------------------------------------- what comes in


def test_what_people_write_to_the_machine_is_deleted_unread_and_counted(cabinet: Cabinet) -> None:
    cabinet.up()
    for number in range(3):
        cabinet.sim.do({"do": "sms", "from": TECHNICIAN, "text": f"STOP {number}"})
    until(lambda: cabinet.desk.shop.state.here.dropped == 3)
    until(lambda: not cabinet.sim.stored)
    assert "STOP" not in repr(cabinet.desk.told) + repr(cabinet.desk.shop.rows)


def test_what_lay_in_the_card_from_before_goes_and_a_report_among_it_is_read(cabinet: Cabinet) -> None:
    cabinet.up()
    cabinet.sim.do({"do": "reports", "to": "off"})
    cabinet.desk.queue(TEXT)
    ended(cabinet, SmsSent)
    cabinet.driver.stop()
    cabinet.sim.do({"do": "power", "to": "off"})
    cabinet.sim.do({"do": "power", "to": "on"})
    cabinet.sim.do({"do": "reports", "to": "cdsi"})
    cabinet.sim.do({"do": "report", "mr": 1, "status": 0})
    cabinet.sim.do({"do": "sms", "from": TECHNICIAN, "text": "hello"})
    cabinet.restart()
    ended(cabinet, SmsReported)
    until(lambda: not cabinet.sim.stored)
    assert cabinet.desk.shop.state.here.dropped == 1


def test_a_text_whose_number_was_erased_meanwhile_is_not_sent(cabinet: Cabinet) -> None:
    cabinet.sim.do({"do": "network", "to": "none"})
    until(lambda: cabinet.driver.health().code == "no_network")
    ref = cabinet.desk.queue(TEXT)
    del cabinet.desk.letters[ref]
    cabinet.sim.do({"do": "network", "to": "home"})
    ended(cabinet, SmsFailed)
    assert ([(fact.why, fact.wait_s) for fact in cabinet.desk.facts(SmsFailed)], cabinet.messages()) == ([("erased", 0)], [])


def test_an_answer_to_a_job_that_is_over_changes_nothing(cabinet: Cabinet) -> None:
    cabinet.up()
    cabinet.desk.queue(TEXT)
    ended(cabinet, SmsReported)
    before = len(cabinet.desk.shop.rows)
    cabinet.desk.tell(seen.SmsAnswered(1, "sent", (4,)))
    cabinet.desk.tell(seen.SmsReported("00000000000000aa", "lost"))
    assert len(cabinet.desk.shop.rows) == before
