"""A payment that the desk waits for no longer: an approval that comes all the same is refused by itself."""

import pytest

from kiosk.devices.zvt import messages as m
from kiosk.devices.zvt.attempt import Attempt
from kiosk.devices.zvt.wire import Apdu
from kiosk.vend.ports import PosJob
from kiosk.vend.seen import PosAnswered, Seen

APPROVAL = Apdu(m.STATUS, bytes.fromhex("2700 04000000010000 490156 870042"))


def test_the_bank_was_quicker_than_a_desk_that_has_given_up() -> None:
    told: list[Seen] = []
    attempt = Attempt(PosJob(7, "pay", "aa", 100_00), 156, "0041", told.append)
    assert attempt.heard(m.YES) is None
    assert attempt.give_up() == m.ABORT
    assert attempt.give_up() is None, "said once"
    assert attempt.heard(APPROVAL) == m.GOODS_FAILED
    assert attempt.heard(APPROVAL) == m.GOODS_FAILED, "and to each repetition"
    assert attempt.heard(Apdu(m.ABORTED, b"\x6c")) == m.YES
    assert attempt.outcome == "reversed"
    assert [(seen.job, seen.outcome) for seen in told if isinstance(seen, PosAnswered)] == [(7, "approved")]


def test_a_desk_that_gives_up_on_an_approval_has_it_refused() -> None:
    attempt = Attempt(PosJob(7, "pay", "aa", 100_00), 156, "0041", lambda _seen: None)
    attempt.heard(m.YES)
    assert attempt.heard(APPROVAL) is None
    assert attempt.patience() == m.GOODS_WAIT
    assert attempt.give_up() is None, "nothing is owed just now"
    assert attempt.heard(APPROVAL) == m.GOODS_FAILED
    attempt.lost()
    assert attempt.outcome == "", "whether it was heard the book will tell"


def asked(last: str = "", *, final: bool = False) -> tuple[Attempt, list[tuple[str, str]]]:
    """An order that is said; what the desk is told of it. `last`: receipt of the payment before it."""
    outcomes: list[tuple[str, str]] = []

    def tell(seen: Seen) -> None:
        assert isinstance(seen, PosAnswered)
        outcomes.append((seen.outcome, seen.why))

    before = m.status_info(APPROVAL.data) if last else None
    return Attempt(PosJob(7, "pay", "aa", 100_00), 156, last, tell, before, last_final=final), outcomes


BUSY = Apdu(0x849C)


@pytest.mark.parametrize(
    ("owed", "outcome"),
    [
        pytest.param(0, "busy", id="the one answer to the one order"),
        pytest.param(1, "unknown", id="the order was said twice"),
        pytest.param(-1, "unknown", id="one answer too many has come"),
    ],
)
def test_a_refusal_takes_no_money_only_where_it_can_be_about_nothing_else(owed: int, outcome: str) -> None:
    attempt, outcomes = asked()
    attempt.heard(BUSY, owed)
    assert outcomes == [(outcome, "busy")]
    assert attempt.payment.over


def test_a_refusal_of_what_nobody_asked_may_be_about_the_payment_that_seemed_to_run() -> None:
    attempt, outcomes = asked()
    attempt.heard(m.YES, 0)
    attempt.heard(BUSY, 0)
    assert outcomes == [], "of our 06 B0: the payment goes on"
    attempt.heard(BUSY, -1)
    assert outcomes == [("unknown", "busy")]


@pytest.mark.parametrize(("final", "answer"), [(False, m.GOODS_FAILED), (True, m.YES)], ids=["nobody's", "ours, and confirmed"])
def test_the_payment_before_told_again_is_no_approval_of_this_one(answer: Apdu, *, final: bool) -> None:
    """What has been credited is not taken back."""
    attempt, outcomes = asked(last="0042", final=final)
    attempt.heard(m.YES)
    assert attempt.heard(APPROVAL) == answer
    assert outcomes == []
    attempt.heard(Apdu(m.COMPLETION))
    assert outcomes == [("unknown", "")], "and its end not the end of this one"
