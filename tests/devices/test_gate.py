"""Behind its gate a driver tells what its role tells, and nothing that cannot be; what it says else never reaches the desk."""

import threading
from typing import Any

import msgspec
import pytest

from kiosk.devices.gate import DENOMINATION_MAX, LIVES, ROWS_MAX, TEXT_MAX, WORDS, Gate, Unheard, wrong
from kiosk.devices.supervise import within
from kiosk.vend import seen as s
from tests.cash.desk import ListeningDesk

TOLD: dict[str, tuple[s.Seen, ...]] = {
    "notes": (
        s.AcceptorUp("notes", "5001", 7, None, (500, 1000, DENOMINATION_MAX)),
        s.AcceptorReset("notes", "5001"),
        s.AcceptorDown("notes", "fraud-20", "5001"),
        s.EventsLost("notes", 3),
        s.NoteHeld("notes", "5001", 1000, 8),
        s.NoteIn("notes", "5001", 0, 255, 4_294_967_295),
        s.NoteBack("notes", "5001", 9),
        s.NoteRejected("notes", "invalid"),
    ),
    "coins": (s.AcceptorUp("coins", "77", 0, 12, ()), s.CoinIn("coins", "77", 100, 1, 13, path=2), s.EventsLost("coins", 1)),
    "printer": (s.PrinterState("low"), s.Printed(12, "assumed"), s.Printed(int("f" * 16, 16), "printed")),  # a paper of the staff's
    "terminal": (
        s.PosUp("terminal", "29000274", ("9a64be1c20d7f358",), "0041"),
        s.PosPrompt("9a64be1c20d7f358", "pin"),
        s.PosAnswered(4, "approved", 10_000, "0042", "000042", "123456", "1234", ("KARTENZAHLUNG", "Gebühr 0,00"), ""),
        s.DeviceDown("terminal", "no_line"),
    ),
    "modem": (s.DeviceUp("modem", "350000000000000", "signal 17 of 31"), s.SmsAnswered(3, "sent", (1, 255)), s.SimPin(1), s.SmsArrived(2)),
    "display": (s.DeviceUp("display"),),
    "board": (s.DeviceDown("board", "no_device"),),
    "voice": (s.DeviceUp("voice", "", "headphones"),),
}
ABSURD: tuple[tuple[str, Any], ...] = (
    ("coins", s.CoinIn("coins", "77", -100, 1)),
    ("coins", s.CoinIn("coins", "77", 10**30, 1)),
    ("coins", s.CoinIn("coins", "77", denomination=True, counter=1)),
    ("coins", s.CoinIn("coins", "77", "100", 1)),  # type: ignore[arg-type]
    ("coins", s.CoinIn("coins", "77", 100.5, 1)),  # type: ignore[arg-type]
    ("coins", s.CoinIn("coins", "77", 100, 256)),
    ("coins", s.CoinIn("coins", "77", 100, 1, -1)),
    ("coins", s.CoinIn("notes", "77", 100, 1)),
    ("coins", s.NoteIn("coins", "77", 100_00, 1)),
    ("coins", s.AcceptorUp("coins", "77", 0, None, (0,))),
    ("coins", s.AcceptorUp("coins", "77", 0, None, tuple(range(1, ROWS_MAX + 2)))),
    ("coins", s.AcceptorUp("coins", "77", 0, None, [100])),  # type: ignore[arg-type]
    ("notes", s.AcceptorDown("notes", "")),
    ("notes", s.AcceptorDown("notes", "\x1b[2J")),
    ("notes", s.NoteHeld("notes", "5" * (TEXT_MAX + 1), 1000, 8)),
    ("notes", s.NoteHeld("notes", "50\n01", 1000, 8)),
    ("notes", s.CardWorked("t", 1, done=True)),
    ("notes", s.PosAnswered(1, "approved", 10_000)),
    ("terminal", s.PosAnswered(1, "certainly", 10_000)),
    ("terminal", s.PosAnswered(1, "approved", -1)),
    ("terminal", s.PosAnswered(1, "approved", 1, lines=("x" * 201,))),
    ("terminal", s.PosPrompt("9a64be1c20d7f358", "give me your number")),
    ("printer", s.Printed(1, "yes")),
    ("printer", s.Printed(1 << 64, "printed")),
    ("printer", s.PrinterState("fine")),
    ("modem", s.SmsAnswered(1, "sent", (object(),))),  # type: ignore[arg-type]
    ("display", s.Choice(1, "tender", "cash")),
    ("display", s.Tick()),
    ("display", "DeviceUp"),
    ("display", None),
    ("hopper", s.DeviceUp("hopper")),
)


def test_every_word_of_every_role_is_heard() -> None:
    assert set(TOLD) == set(WORDS)
    for role, words in TOLD.items():
        for word in words:
            assert wrong(role, word) == ""
    told = {type(word) for words in TOLD.values() for word in words}
    assert {kind for words in WORDS.values() for kind in words} - told == {s.SmsReported}


@pytest.mark.covers("field-212")
@pytest.mark.parametrize(("role", "word"), ABSURD, ids=[f"{role}-{number}" for number, (role, _) in enumerate(ABSURD)])
def test_what_cannot_be_is_unheard_and_the_device_counts_as_broken(role: str, word: Any) -> None:
    desk = ListeningDesk()
    gate = Gate(desk, role)
    with pytest.raises(Unheard) as unheard:
        gate.tell(word)
    assert str(unheard.value).startswith(f"The driver of {role} tells ")
    for secret in ("\x1b", "\n", "x" * 20, "5" * 20):
        assert secret not in str(unheard.value)
    assert len(desk.told) == 1
    (down,) = desk.told
    assert isinstance(down, s.AcceptorDown | s.DeviceDown | s.PrinterState)
    assert msgspec.structs.astuple(down)[:2] in {(role, "driver"), ("offline",)}


def test_whoever_talks_nonsense_three_times_is_not_listened_to_any_more() -> None:
    desk = ListeningDesk()
    gate = Gate(desk, "coins")
    for _ in range(LIVES):
        gate.tell(s.CoinIn("coins", "77", 100, 1))
        with pytest.raises(Unheard):
            gate.tell(s.CoinIn("coins", "77", -100, 1))
    heard = len(desk.told)
    with pytest.raises(Unheard, match="not listened to"):
        gate.tell(s.CoinIn("coins", "77", 100, 1))
    assert len(desk.told) == heard
    assert not any(isinstance(told, s.CoinIn) and told.denomination < 0 for told in desk.told)


def test_a_call_that_hangs_or_fails_is_left_behind(capsys: pytest.CaptureFixture[str]) -> None:
    let_go = threading.Event()
    assert within(5, lambda: None, "well")
    assert not within(0.05, lambda: let_go.wait(30), "hangs")
    assert not within(5, lambda: 1 // 0, "fails")
    assert "ZeroDivisionError" in capsys.readouterr().err
    let_go.set()
