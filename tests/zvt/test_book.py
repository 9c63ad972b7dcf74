"""What a terminal's last transaction says about a payment whose end nobody heard: never a yes or a no that could be another one's."""

import pytest

from kiosk.devices.zvt.book import EMPTY, Sought, found
from kiosk.devices.zvt.messages import StatusInfo

SILENT = Sought(100_00, before="0041")  # asked, and nothing was heard
APPROVED = Sought(100_00, receipt="0042", before="0041")


def last(receipt: str, amount_minor: int | None = 100_00, result: int = 0, original: str = "") -> StatusInfo:
    return StatusInfo(result, amount_minor, receipt=receipt, original=original)


@pytest.mark.covers("failure-22")
@pytest.mark.parametrize(
    ("sought", "entry", "is_so"),
    [
        pytest.param(SILENT, last("0042"), "final", id="a new one of our amount is ours"),
        pytest.param(SILENT, last("0041"), "none", id="the one before it: ours was never made"),
        pytest.param(SILENT, last("0042", result=0x6C), "none", id="a new one that was broken off"),
        pytest.param(SILENT, last("", result=0x05), "none", id="declined, without a number"),
        pytest.param(SILENT, last("0042", 50_00), "unknown", id="another amount: half of ours, or somebody else's"),
        pytest.param(SILENT, last("0042", None), "unknown", id="the book says no amount"),
        pytest.param(SILENT, last("", 100_00), "unknown", id="the book says no number"),
        pytest.param(SILENT, None, "unknown", id="an empty book that was not empty: it was handed in"),
        pytest.param(SILENT, last("0043", original="001042"), "reversed", id="a reversal of our amount"),
        pytest.param(SILENT, last("0043", 50_00, original="001042"), "unknown", id="a reversal of another amount"),
        pytest.param(APPROVED, last("0042"), "final", id="ours by its number"),
        pytest.param(APPROVED, last("0042", None), "final", id="ours by its number, without an amount"),
        pytest.param(APPROVED, last("0042", 50_00), "final", id="ours by its number: the book's amount is what was paid"),
        pytest.param(APPROVED, last("0042", result=0x6C), "reversed", id="ours, taken back"),
        pytest.param(APPROVED, last("0041"), "reversed", id="an approval that left no trace"),
        pytest.param(APPROVED, last("0043"), "unknown", id="another one's number"),
        pytest.param(Sought(100_00), last("0042"), "unknown", id="our amount, and no number to tell it by"),
        pytest.param(Sought(100_00), last("0042", 50_00), "unknown", id="another amount, and no number to tell it by"),
        pytest.param(Sought(100_00), None, "unknown", id="an empty book, and nobody knows what stood in it"),
        pytest.param(Sought(100_00, before=EMPTY), None, "none", id="an empty book that was empty"),
        pytest.param(Sought(100_00, before=EMPTY), last("0001"), "final", id="the first of all"),
        pytest.param(Sought(100_00, before="9999"), last("0001"), "final", id="the numbers begin anew"),
    ],
)
def test_the_book_says_what_became_of_a_payment_or_that_it_cannot(sought: Sought, entry: StatusInfo | None, is_so: str) -> None:
    assert found(sought, entry) == is_so
