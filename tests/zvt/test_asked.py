"""A technician asks the terminal by `kiosk doctor`, asks again at once, and starts the kiosk: nobody finds it still talking to another."""

from contextlib import closing

import pytest

from kiosk.config import DevicePart
from kiosk.devices.contract import DeviceTimeout
from kiosk.devices.registry import maker_of
from tests.zvt.kit import Counter


def asked(bank: Counter) -> str:
    """What doctor hears of it."""
    address = "tcp:127.0.0.1:1" if bank.kind == "tcp" else str(bank.place / "terminal")
    part = DevicePart(role="terminal", protocol="zvt", port=address)
    ask = maker_of(part).ask
    assert ask
    with closing(bank.open()) as port:
        return ask(part, port)


def test_a_terminal_that_was_asked_is_free_for_whoever_comes_next(bank: Counter) -> None:
    bank.simulate(answer_s=30.0)  # it would wait so long for a word that nobody says
    assert [asked(bank) for _ in range(3)] == ["", "", ""]
    bank.drive()
    assert bank.commands(0x0501) >= 3


def test_one_that_is_silent_is_said_to_be(bank: Counter) -> None:
    bank.simulate().do({"do": "power", "to": "off"})
    with pytest.raises(DeviceTimeout):
        asked(bank)
