"""Telephone numbers: as they are typed, as a network calls them, as they are looked at, and as the file has them."""

import pytest

from kiosk.config import ConfigError, checked
from kiosk.vend.sms import dialled, spaced


@pytest.mark.covers("field-195")
@pytest.mark.parametrize(
    ("typed", "country", "number"),
    [
        ("0712345678", "254", "+254712345678"),
        ("712345678", "254", "+254712345678"),
        ("00254712345678", "254", "+254712345678"),
        ("13800138000", "86", "+8613800138000"),
        ("0712345678", "", "0712345678"),
        ("123456", "", ""),
        ("1234567", "", "1234567"),
        ("123456789012345", "", "123456789012345"),
        ("1234567890123456", "", ""),
        ("00" + "1" * 15, "254", "+" + "1" * 15),
        ("00" + "1" * 16, "254", ""),
        ("", "254", ""),
        ("07123x5678", "254", ""),
        ("0712\x1a5678", "254", ""),
        ("٠٧١٢٣٤٥٦٧٨", "254", ""),
    ],
)
def test_a_number_is_what_a_telephone_network_calls_one(typed: str, country: str, number: str) -> None:
    assert dialled(typed, country) == number


@pytest.mark.parametrize(
    ("number", "country", "read"),
    [
        ("+254712345678", "254", "+254 712 345 678"),
        ("+8613800138000", "86", "+86 138 001 380 00"),
        ("+33612345678", "254", "+336 123 456 78"),
        ("1234567", "", "123 456 7"),
        ("", "254", ""),
    ],
)
def test_a_number_is_looked_at_in_the_threes_in_which_it_was_typed(number: str, country: str, read: str) -> None:
    assert spaced(number, country) == read


@pytest.mark.covers("field-196")
def test_the_file_has_at_most_eight_technicians_each_with_an_international_number() -> None:
    kiosk = {"id": "K07", "demo": True}
    numbers = [f"+25470000000{number}" for number in range(9)]
    assert checked({"kiosk": kiosk, "sms": {"alarms": numbers[:8]}}).sms.alarms == tuple(numbers[:8])
    for wrong in (numbers, ["0712345678"], ["+254712345678\n"]):
        with pytest.raises(ConfigError, match=r"sms\.alarms"):
            checked({"kiosk": kiosk, "sms": {"alarms": wrong}})
    assert checked({"kiosk": kiosk}).texts() is None
