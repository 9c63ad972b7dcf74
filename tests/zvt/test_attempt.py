"""A payment that the desk waits for no longer: an approval that comes all the same is refused by itself."""

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
