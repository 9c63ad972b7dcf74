"""What the customer holds in the hand: every line fits, the column adds up, nothing tells who they are, and the code cannot be forged."""

import re
import string
from functools import partial

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk import envelope, words
from kiosk.commands.receipt_samples import AT_MS, CARD, HEAD, METER, MONEY_CARD, PUBLIC_KEY, closed
from kiosk.devices.printer.cells import cells
from kiosk.devices.printer.layout import CodeLine, PrintLine, TextLine, lay_out
from kiosk.vend import damm, evidence, facts
from kiosk.vend.paper import values
from tests.paper.shop import claim, recharge, sign

LETTERS = string.ascii_uppercase + "234567"
genuine = partial(envelope.holds, PUBLIC_KEY)


def printed(lines: tuple[PrintLine, ...]) -> str:
    return "".join(f"{line.text if isinstance(line, TextLine) else '[code]'}\n" for line in lines)


@pytest.mark.covers("abuse-48")
def test_a_copy_is_the_same_paper_and_says_that_it_is_a_copy() -> None:
    original, copy = (lay_out(claim(copy=copy), 32) for copy in (0, 2))
    extra = [line for line in copy if line not in original]
    assert [line.text.strip() for line in extra if isinstance(line, TextLine)] == ["COPY 2"]
    assert values.signed(claim(), sign).code == values.signed(claim(copy=2), sign).code


def test_the_energy_on_a_money_card_is_a_note_outside_the_sum() -> None:
    lines = [line.text for line in lay_out(recharge(closed(MONEY_CARD)), 32) if isinstance(line, TextLine)]
    at = lines.index("TO CARD                   140.00")
    assert lines[at + 1] == "About 225.80 kWh at 0.6200"


@st.composite
def sales(draw: st.DrawFn) -> facts.SaleClosed:
    """Any handful of notes and coins, with any fee and debt that it can pay."""
    notes = draw(st.lists(st.sampled_from([100, 500, 1000, 2000, 5000, 10000]), max_size=30))
    coins = draw(st.lists(st.sampled_from([10, 50, 100]), max_size=30))
    put_in = {"notes": notes, "coins": coins}
    tenders = tuple(facts.Tender(device, face, pieces.count(face)) for device, pieces in put_in.items() for face in sorted(set(pieces)))
    total = sum(notes) + sum(coins)
    fee = min(draw(st.integers(0, 500)), total)
    debt = min(draw(st.integers(0, 90000)), total - fee)
    lines = (
        facts.PriceLine("fixed_fee", fee, summed=True),
        facts.PriceLine("old_debt", debt, summed=True, left_minor=90000 - debt),
        facts.PriceLine("to_card", total - fee - debt, summed=True),
        facts.PriceLine("energy", total - fee - debt, summed=False, basis=total * 10, rate="0.6200"),
    )
    return closed(lines, tenders, n=draw(st.integers(1, 2**32 - 1)))


@given(sale=sales(), disputed_minor=st.sampled_from([0, 1000, 10000]), width=st.sampled_from([48, 32]))
def test_whatever_was_paid_every_line_fits_and_the_column_adds_up(sale: facts.SaleClosed, disputed_minor: int, width: int) -> None:
    lines = [line.text for line in lay_out(recharge(sale, disputed_minor=disputed_minor), width) if isinstance(line, TextLine)]
    assert all(cells(line) <= width for line in lines)
    rules = [at for at, line in enumerate(lines) if set(line) in ({"-"}, {"="})]
    amounts = [int(re.sub("[.,]", "", found[1])) for line in lines[rules[1] : rules[2]] if (found := re.search(r"  ([\d,]+\.\d\d)$", line))]
    devices = len({tender.device for tender in sale.tenders})
    assert sum(amounts[:devices]) == sum(amounts[devices:]) == sale.tender_minor


def test_no_row_shows_more_than_four_digits_of_card_meter_or_customer() -> None:
    for paper in (recharge(), claim()):
        text = printed(lay_out(paper, 48))
        assert "4821" in text
        assert "7730" in text
        for number in (METER, CARD):
            assert number[-5:] not in text
    assert "......4410" in printed(lay_out(recharge(), 48))


def test_the_paper_says_when_a_note_is_not_counted() -> None:
    assert "Note 50.00 is not counted:" in printed(lay_out(recharge(disputed_minor=5000), 32))
    assert "not counted" not in printed(lay_out(recharge(), 32))


@pytest.mark.parametrize(("devices", "words_"), [(["notes"], "notes"), (["coins"], "coins"), (["coins", "notes"], "notes, coins")])
def test_the_slip_says_what_was_paid_with(devices: list[str], words_: str) -> None:
    slip = claim(tenders=tuple(facts.Tender(device, 100, 3) for device in devices))
    assert f"Paid by{words_:>25}\n" in printed(lay_out(slip, 32))


def test_every_word_on_paper_is_in_the_catalogue_and_fits_the_narrow_roll() -> None:
    for key in ("paper.claim.first_way", "paper.claim.second_way", "paper.disputed", "paper.recharge.wait_for_ok"):
        assert words.known(key)
        filled = words.text("en", key, card="..7730", amount="9999.00")
        assert all(cells(line) <= 32 for line in filled.split("\n"))


def test_a_line_without_spaces_is_broken_where_the_paper_ends() -> None:
    row = values.Note(values.Said("paper.recharge.number", {"number": "您的钱是安全的" * 5}))
    paper = values.Paper("claim", 1, "K07", AT_MS, "+0800", (row, values.Pair("x" * 40, "y" * 40)))
    lines = [line.text for line in lay_out(paper, 32) if isinstance(line, TextLine)]
    assert all(cells(line) <= 32 for line in lines)
    assert "".join(lines).replace("Receipt ", "").replace(" ", "") == "您的钱是安全的" * 5 + "x" * 40 + "y" * 40


def test_a_value_stands_apart_from_its_label_or_below_it() -> None:
    for label, expected in (("x" * 24, ["x" * 24 + "  150.00"]), ("x" * 25, ["x" * 25, " " * 26 + "150.00"])):
        paper = values.Paper("claim", 1, "K07", AT_MS, "+0800", (values.Pair(label, "150.00"),))
        assert [line.text for line in lay_out(paper, 32) if isinstance(line, TextLine)] == expected


# ---------------------------------------------------------------- the check digit


def test_the_purchase_number_has_the_check_digit_that_everyone_else_computes() -> None:
    assert damm.purchase_number(18) == "18-2"
    assert damm.digit("572") == "4"
    assert damm.digit("7800100005288620654") == "6"  # the transfer code 7800 1000 0528 8620 6546


@given(digits=st.text(string.digits, min_size=1, max_size=20), place=st.integers(0), other=st.sampled_from(string.digits))
def test_one_wrong_digit_and_two_that_changed_places_are_found(digits: str, place: int, other: str) -> None:
    whole = digits + damm.digit(digits)
    assert damm.digit(whole) == "0"
    place %= len(whole) - 1
    mistyped = whole[:place] + other + whole[place + 1 :]
    swapped = whole[:place] + whole[place + 1] + whole[place] + whole[place + 2 :]
    assert (damm.digit(mistyped) == "0") == (mistyped == whole)
    assert (damm.digit(swapped) == "0") == (swapped == whole)


# ---------------------------------------------------------------- the signed code


def test_the_code_says_again_what_the_paper_says() -> None:
    found = evidence.verify(values.signed(recharge(), sign).code, genuine)
    assert found == evidence.Evidence(evidence.RECEIPT, "K07", 122, 14000, "7730", METER, 18, "a1b2c3d4", AT_MS // 1000)
    slip = evidence.verify(values.signed(claim(), sign).code, genuine)
    assert (slip.kind, slip.amount_minor, slip.tender) == (evidence.SLIP, 15000, evidence.CASH)
    assert (slip.sale, slip.seq, slip.head) == ("5a1e" * 4, 4711, HEAD[:16])


def test_the_signed_bytes_are_laid_out_as_the_format_says() -> None:
    told = values.signed(recharge(), sign).evidence
    assert told is not None
    assert evidence.signed_bytes(told).hex() == (
        "0101" + b"K07".hex() + "00" * 5 + "0000007a" + "000036b0" + "7730" + METER + "00000012" + "a1b2c3d4" + f"{AT_MS // 1000:08x}"
    )
    slip = claim().evidence
    assert slip is not None
    assert evidence.signed_bytes(slip).hex().endswith("01" + "5a1e" * 4 + f"{4711:08x}" + HEAD[:16])
    assert len(values.signed(recharge(), sign).code) == 167
    assert len(values.signed(claim(), sign).code) == 200


@pytest.mark.parametrize("paper", [recharge(), claim()], ids=["receipt", "slip"])
def test_a_changed_character_is_never_genuine(paper: values.Paper) -> None:
    code = values.signed(paper, sign).code
    for place in range(len(code)):
        for letter in LETTERS if place == len(code) - 1 else "A7" if code[place] not in "A7" else "BZ":
            if letter != code[place]:
                with pytest.raises(evidence.NotGenuine):
                    evidence.verify(code[:place] + letter + code[place + 1 :], genuine)


def test_a_receipt_signed_as_a_slip_or_by_another_kiosk_is_not_genuine() -> None:
    wrong_label = values.signed(recharge(), lambda _, data: sign("slip", data)).code
    other_kiosk = values.signed(recharge(), lambda label, data: envelope.sign(bytes(32), label, data)).code
    for code in (wrong_label, other_kiosk):
        with pytest.raises(evidence.NotGenuine, match="signature"):
            evidence.verify(code, genuine)


@given(st.one_of(st.text(max_size=300), st.text(LETTERS, max_size=240).map(lambda rest: "K1:" + rest)))
def test_any_text_that_is_read_gives_one_sentence_and_no_crash(text: str) -> None:
    with pytest.raises(evidence.NotGenuine, match=r"\.$"):
        evidence.verify(text, genuine)


def test_a_kiosk_id_that_does_not_fit_is_said_and_not_cut() -> None:
    told = evidence.Evidence(evidence.RECEIPT, "KIOSK-007", 1, 1, "7730", METER, 1, "", 1)
    with pytest.raises(ValueError, match="8 bytes"):
        evidence.encode(told, sign)
    told = msgspec.structs.replace(told, kiosk="K07")
    for wrong in (msgspec.structs.replace(told, amount_minor=2**32), msgspec.structs.replace(told, meter="123")):
        with pytest.raises(ValueError, match="does not fit"):
            evidence.signed_bytes(wrong)


def test_a_paper_without_a_signature_leaves_no_empty_place_for_the_code() -> None:
    assert not any(isinstance(line, CodeLine) for line in lay_out(recharge(), 48))
    assert any(isinstance(line, CodeLine) for line in lay_out(values.signed(recharge(), sign), 48))
