"""A till of somebody else pays at the simulated terminal: other fields, in another order, without goods; and none can stop it."""

import random

import pytest

from kiosk.devices.sim.zvt_fields import Malformed, fields, number
from tests.seeds import Seeds
from tests.zvt.kit import Counter
from tests.zvt.test_simulator import PAY, REGISTER, YES, till

REGISTRATIONS = {
    "the currency and nothing else": ("06 00 06 12 34 56 08 09 78", "09 78"),
    "with a container of allowed commands": ("06 00 0E 12 34 56 BE 09 78 06 06 26 04 0A 02 06 D3", "09 78"),
    "no currency": ("06 00 04 12 34 56 BE", "01 56"),
    "no currency, a service byte": ("06 00 06 12 34 56 BE 03 00", "01 56"),
    "no currency, a container": ("06 00 0C 12 34 56 BE 06 06 26 04 0A 02 06 D3", "01 56"),
}
PLAIN = {
    "the amount alone": "06 01 07 04 00 00 00 00 10 00",
    "the currency first": "06 01 0A 49 09 78 04 00 00 00 00 10 00",
    "a payment type between": "06 01 0C 19 00 04 00 00 00 00 10 00 49 09 78",
    "a card name and a container": "06 01 13 04 00 00 00 00 10 00 8B F0 F3 56 49 53 06 04 1F 07 01 02",
}
over_tcp = pytest.mark.parametrize("bank", ["tcp"], indirect=True)


@over_tcp
@pytest.mark.parametrize("name", REGISTRATIONS)
def test_every_form_of_a_registration_is_answered_with_a_currency(bank: Counter, name: str) -> None:
    bank.simulate()
    said, currency = REGISTRATIONS[name]
    with till(bank) as here:
        assert here.asks(said) == [YES, f"06 0F 0A 19 00 29 29 00 02 74 49 {currency}"]
        assert here.asks("05 01 03 12 34 56") == [YES, "06 0F 01 00"], "how it stands is one byte without a tag"


@over_tcp
@pytest.mark.parametrize("name", PLAIN)
def test_a_payment_without_goods_is_final_by_itself(bank: Counter, name: str) -> None:
    bank.simulate()
    with till(bank) as here:
        here.asks("06 00 06 12 34 56 08 09 78")
        heard = here.asks(PLAIN[name])
        assert [each[:5] for each in heard] == ["80 00", "04 FF", "04 0F", "06 0F"], "it asked for no paper"
        assert "27 00 04 00 00 00 00 10 00 49 09 78" in heard[2]
        assert bank.sim.book.charged_minor == 10_00
        (entry,) = bank.sim.book.entries
        assert (entry.amount_minor, entry.state) == (10_00, "completed")


@over_tcp
@pytest.mark.parametrize(("said", "waits"), [("06 01 09 04 00 00 00 00 33 00 02 0A", 10), ("06 01 0B 02 01 01 1E 04 00 00 00 00 33 00", 1)])
def test_a_payment_with_goods_waits_for_them_whatever_the_order_of_its_fields(bank: Counter, said: str, waits: int) -> None:
    bank.simulate(repeat_s=0.01, goods_unit_s=0.2)
    with till(bank) as here:
        here.asks("06 00 06 12 34 56 00 09 78")
        here.says(said)
        assert here.hears() == YES
        for _ in range(waits):
            assert "27 00" in here.hears()
            here.says("84 9C 00")
        assert "27 00" in here.hears()
        here.says(YES)
        assert here.hears() == "06 0F 07 27 00 29 29 00 02 74"
        here.says(YES)
        assert bank.sim.book.charged_minor == 33_00


@over_tcp
def test_the_repeat_and_the_reversal_say_what_they_are_asked_for(bank: Counter) -> None:
    bank.simulate()
    with till(bank) as here:
        here.asks("06 00 06 12 34 56 02 09 78")
        here.asks(PLAIN["the amount alone"])
        assert [each[:5] for each in here.asks("06 20 05 12 34 56 03 03")] == ["80 00", "04 0F", "06 0F"]
        assert [each[:5] for each in here.asks("06 20 03 12 34 56")] == ["80 00", *["06 D1"] * 6, "06 0F"]
        assert here.asks("06 30 0D 12 34 56 04 00 00 00 00 10 00 87 00 01")[-1] == "06 0F 00"
        assert bank.sim.book.charged_minor == 0


@over_tcp
def test_who_has_logged_off_registers_again(bank: Counter) -> None:
    bank.simulate()
    with till(bank) as here:
        here.asks(REGISTER)
        here.says("06 02 00")
        assert here.hears() == YES
        assert here.asks(PAY) == ["84 6B 00"]
        assert here.asks(REGISTER)[0] == YES


@over_tcp
def test_what_is_no_message_is_refused_and_the_next_till_is_served(bank: Counter, seeds: Seeds) -> None:
    bank.simulate()
    chance = seeds.random("a foreign till")
    with till(bank) as here:
        here.asks(REGISTER)
        for said in (
            "06 01 00", "06 01 03 04 00 00", "06 01 07 04 00 00 00 00 1A 00", "06 01 02 EE 01", "06 01 03 8B F1 F5", "06 01 02 06 85",
            "06 00 02 12 34",
            "06 00 05 12 34 56 08 09", "06 30 03 12 34 56", "06 30 06 12 34 56 87 00 0F",
        ):  # fmt: skip
            here.says(said)
            assert here.hears() == "84 9A 00", said
        for _ in range(200):
            data = chance.randbytes(chance.randrange(12))
            command = chance.choice(("06 00", "06 01", "06 20", "06 30", "05 01"))
            here.asks(f"{command} {len(data):02X} {data.hex(' ')}".strip())
        here.asks(REGISTER)
        assert here.asks(PLAIN["the amount alone"])[-1].startswith("06 0F")


def test_any_bytes_are_fields_or_malformed(seeds: Seeds) -> None:
    chance = random.Random(seeds.base("fields of a till"))
    for _ in range(20_000):
        likely = (0x01, 0x04, 0x06, 0x22, 0x8B, 0x3C, 0xF0, 0xF1, 0x82, chance.randrange(256))
        data = bytes(chance.choices(likely, k=chance.randrange(14)))
        try:
            found = fields(data)
        except Malformed:
            continue
        assert sum(len(value) for value in found.values()) < len(data) or not data
    with pytest.raises(Malformed):
        number(b"\x1a")
