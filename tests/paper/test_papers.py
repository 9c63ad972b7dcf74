"""The five papers in four languages at two widths: as a reader judged them, never wider than the roll, nothing lost, nobody named."""

import re
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from PIL import Image, ImageChops

from kiosk import words
from kiosk.commands.receipt_sample import text_of
from kiosk.commands.receipt_samples import AT_MS, BOX, CARD, CUSTOMER_TAIL, DAY, KINDS, METER, NOTES_AND_COINS, sample
from kiosk.devices.printer import escpos
from kiosk.devices.printer.cells import cells, is_wide
from kiosk.devices.printer.driver import bytes_of
from kiosk.devices.printer.escpos import CELL_DOTS, PAPER_58, PAPER_80, line_image
from kiosk.devices.printer.layout import TextLine, lay_out
from kiosk.devices.printer.wording import said
from kiosk.vend import facts as f
from kiosk.vend.paper import values as v
from kiosk.vend.paper.box import box_slip
from kiosk.vend.paper.day import day_report
from kiosk.vend.papers import paper_of
from kiosk.vend.totals import Given, Odd
from tests.paper.golden import GOLDEN, WIDTHS, golden
from tests.paper.shop import claim, recharge
from tests.paper.test_totals import claimed, sold
from tests.sale.shop import CUSTOMER, Shop
from tests.sale.shop import METER as SHOP_METER

LANGUAGES = ("en", "fr", "sw", "zh")
every_paper = pytest.mark.parametrize("kind", KINDS)
every_language = pytest.mark.parametrize("language", LANGUAGES)


@every_language
@every_paper
def test_every_paper_looks_as_a_reader_judged_it(kind: str, language: str) -> None:
    for width in WIDTHS:
        judged = golden(kind, language, width).read_text("utf-8")
        assert text_of(sample(kind, language), width) == judged, "python -m tests.paper.golden writes them anew; read, then commit them"


def test_there_is_no_language_without_its_papers() -> None:
    assert set(words.languages()) == set(LANGUAGES)
    assert len(list(GOLDEN.iterdir())) == len(KINDS) * len(LANGUAGES) * len(WIDTHS)


@every_language
def test_sums_stand_at_double_height_and_in_bold(language: str) -> None:
    tall = {
        kind: [line.text for line in lay_out(sample(kind, language), 32) if isinstance(line, TextLine) and line.tall and line.bold]
        for kind in KINDS
    }
    assert {kind: len(lines) for kind, lines in tall.items()} == {"recharge": 1, "copy": 2, "claim": 1, "box": 0, "day": 0}
    for kind, minor in (("recharge", 140_00), ("copy", 140_00), ("claim", 150_00)):
        assert tall[kind][-1].endswith(words.money(language, minor))


ODD = Odd(orphans=2, orphans_minor=40_00, unknown=3, disputed=1, disputed_minor=100_00)


def rare(language: str) -> list[v.Paper]:
    """Papers with every line that a good day does not have."""
    form = {"kiosk": "K07", "printed_ms": AT_MS, "zone": "+0800", "exponent": 2, "language": language}
    box = replace(BOX, out_ms=None, odd=ODD, unended_minor=150_00, given=Given(credit_minor=4_025_00))
    day = replace(DAY, odd=ODD, given=replace(DAY.given, earlier=3, earlier_minor=450_00))
    both = claim(tenders=NOTES_AND_COINS, language=language)
    return [box_slip(box, **form), day_report(day, day_ms=AT_MS, **form), recharge(disputed_minor=100_00, language=language), both]  # type: ignore[arg-type]


@every_language
def test_on_the_narrow_roll_each_label_and_its_value_share_a_line(language: str) -> None:
    for paper in (*(sample(kind, language) for kind in KINDS), *rare(language)):
        for row in paper.rows:
            if not isinstance(row, v.Note | v.Code):
                heading = isinstance(row, v.Title) and paper.copy
                assert len(lay_out(replace(paper, rows=(row,)), 32)) == 1 + bool(heading), text_of(replace(paper, rows=(row,)), 32)


@every_language
def test_every_sentence_of_a_paper_has_its_own_line_breaks(language: str) -> None:
    for paper in (*(sample(kind, language) for kind in KINDS), *rare(language)):
        for row in paper.rows:
            if isinstance(row, v.Note):
                assert len(lay_out(replace(paper, rows=(row,)), 32)) == said(row.said, paper).count("\n") + 1, said(row.said, paper)


# ---------------------------------------------------------------- whatever stands on it

COMMA, OPENS, CLOSES = "\uff0c", "\uff08", "\uff09"  # as they are set in Chinese
LETTERS = st.text(st.sampled_from(f"abcdefghijklm éàçÉ 0123456789 .,;:()- 购电卡表。中{COMMA}{OPENS}{CLOSES}\u00a0"), max_size=60)
AMOUNTS = st.integers(-(10**12), 10**12)
VALUES = st.one_of(
    LETTERS,
    st.integers(0, 10**9),
    AMOUNTS.map(v.Money),
    st.integers(0, 10**9).map(v.Energy),
    st.decimals(0, 10**4, places=4).map(str).map(v.Rate),
    st.lists(st.tuples(st.integers(1, 10**6), st.integers(1, 999)), min_size=1, max_size=5).map(tuple).map(v.Pieces),
    st.builds(v.Stack, st.integers(1, 10**6), st.integers(1, 9999), st.just(10**6)),
    st.text("0123456789", min_size=5, max_size=20).map(v.masked),
    *(st.integers(0, 4 * 10**12).map(kind) for kind in (v.Day, v.Clock, v.Moment)),
    st.just(v.PaperNumber()),
)
SAID = st.builds(lambda text, number: v.Said("paper.meter_of", {"tail": v.Said("paper.kiosk", {"kiosk": text + number})}), LETTERS, LETTERS)
ROWS = st.one_of(
    st.builds(v.Title, SAID),
    st.builds(v.Centred, VALUES),
    st.builds(v.Pair, st.one_of(VALUES, SAID), VALUES, st.booleans()),
    st.builds(v.Sum, SAID, AMOUNTS.map(v.Money)),
    st.builds(v.Amount, st.one_of(st.none(), SAID), AMOUNTS.map(v.Money)),
    st.builds(v.Note, SAID),
)


def written(text: str) -> str:
    """What may not be lost: everything but spaces, and the dots that stand for hidden digits."""
    return re.sub(r"[\s.]", "", text)


def wanted(row: v.Row, paper: v.Paper) -> Iterator[str]:
    match row:
        case v.Title(value) | v.Centred(value) | v.Note(value):
            yield said(value, paper)
        case v.Pair(label, value) | v.Sum(label, value) | v.Amount(label, value):
            yield from (said(part, paper) for part in (label, value) if part is not None)


@given(st.lists(ROWS, max_size=4), st.sampled_from(LANGUAGES), st.sampled_from((20, 32, 48)), st.sampled_from((0, 2, 4)))
def test_no_line_is_wider_than_the_paper_and_nothing_is_lost(rows: list[v.Row], language: str, width: int, exponent: int) -> None:
    paper = v.Paper("claim", 123456, "K07.2", 0, "-0330", tuple(rows), check="9F", exponent=exponent, language=language)
    lines = [line.text for line in lay_out(paper, width) if isinstance(line, TextLine)]
    assert all(cells(line) <= width for line in lines)
    assert not any("\u00a0" in line or line != line.rstrip(" ") for line in lines)
    assert written("".join(lines)) == written("".join(part for row in rows for part in wanted(row, paper)))


@given(st.integers(0, 10**11), st.sampled_from(LANGUAGES), st.sampled_from((32, 48)))
def test_an_amount_is_never_broken_within(minor: int, language: str, width: int) -> None:
    note = v.Note(v.Said("paper.disputed", {"amount": v.Money(minor)}))
    paper = v.Paper(
        "claim", 1, "K07", 0, "+0000", (note, v.Pair(v.Said("paper.open_claims", {"count": 1}), v.Money(minor))), language=language
    )
    lines = [line.text for line in lay_out(paper, width) if isinstance(line, TextLine)]
    assert sum(words.money(language, minor) in line for line in lines) == 2


def test_lines_end_at_spaces_and_between_chinese_characters_but_before_no_comma() -> None:
    for text, expected in (
        ("aaaa bbbb cccc", ["aaaa bbbb", "cccc"]),
        ("购电卡已经写入", ["购电卡已经", "写入"]),
        (f"购电卡已经{COMMA}写入", ["购电卡已", f"经{COMMA}写入"]),
        ("购电卡 K07-0001", ["购电卡", "K07-0001"]),
        (f"{OPENS}购电卡{CLOSES}已{OPENS}写入{CLOSES}", [f"{OPENS}购电卡{CLOSES}", f"已{OPENS}写入{CLOSES}"]),
        ("abcdefghijklmn", ["abcdefghij", "klmn"]),
    ):
        paper = v.Paper("claim", 1, "K07", 0, "+0000", (v.Centred(text),))
        assert [line.text.strip() for line in lay_out(paper, 10) if isinstance(line, TextLine)] == expected


# ---------------------------------------------------------------- nobody is named


@every_language
@every_paper
def test_no_paper_has_more_than_the_masks_of_anybody(kind: str, language: str) -> None:
    for width, profile in ((48, PAPER_80), (32, PAPER_58)):
        text, raw = text_of(sample(kind, language), width), bytes_of(sample(kind, language), profile)
        for number in (METER, CARD):
            for start in range(len(number) - 4):
                assert number[start : start + 5] not in text
            assert number.encode() not in raw
            assert bytes.fromhex(number) not in raw
        if kind in ("recharge", "copy"):
            assert all(f"..{number[-4:]}" in text for number in (METER, CARD, CUSTOMER_TAIL))
            assert "A*** K***" in text


def ended_paper(shop: Shop, kind: str, language: str = "") -> str:
    assert shop.state.ended
    return text_of(paper_of(shop.rules, shop.state.ended, f.PrintStarted(shop.state.ended.id, 1, kind, language=language)), 48)


def test_the_papers_of_real_sales_and_all_facts_of_them_name_nobody_in_full() -> None:
    shop = Shop(language="fr")
    sold(shop, 100_00)
    receipt = ended_paper(shop, "recharge", "sw")
    claimed(shop, 20_00, CARD)
    slip = ended_paper(shop, "claim")
    for text, title, mask in (
        (receipt, "UNUNUZI WA UMEME", f"......{CUSTOMER[-4:]}"),
        (slip, "BON D'AVOIR", f"........{SHOP_METER[-4:]}"),
    ):
        assert title in text
        assert mask in text
        assert not any(number[-5:] in text for number in (CUSTOMER, SHOP_METER, CARD))
    for fact in shop.facts():
        assert fact.kind == "ReturnFileArchived" or CUSTOMER not in msgspec.json.encode(fact).decode()


# ---------------------------------------------------------------- printed as pictures


def ink(picture: Image.Image) -> tuple[int, int, int, int]:
    """The box around everything black."""
    box = ImageChops.invert(picture.convert("L")).getbbox()
    assert box is not None
    return box


def drawn() -> set[str]:
    """Every character that any paper of any language has as a picture."""
    texts = (
        line.text for language in LANGUAGES for kind in KINDS for line in lay_out(sample(kind, language), 32) if isinstance(line, TextLine)
    )
    catalogues = (text for language in LANGUAGES for key, text in words.catalogue(language).items() if key.startswith("paper."))
    return {character for text in (*texts, *catalogues) for character in text if not character.isspace()}


@pytest.mark.parametrize("tall", [False, True])
def test_the_picture_of_a_line_has_each_character_in_its_own_cells(tall: bool) -> None:
    width, height = CELL_DOTS
    rows = height * (1 + tall)
    for character in drawn() | set("éàçÉÀÇœŒ°«»"):
        across = width * (1 + is_wide(character))
        left, top, right, bottom = ink(line_image(TextLine(f"  {character}", tall=tall)))
        assert (2 * width <= left, right <= 2 * width + across) == (True, True), character
        assert 0 <= top < bottom <= rows, character
        full = line_image(TextLine(character * (32 // (across // width)), tall=tall))
        assert full.size == (32 * width, rows)


@pytest.mark.screen
def test_no_character_of_any_paper_is_an_empty_box() -> None:
    box = line_image(TextLine("\uffff")).tobytes()
    wide_box = line_image(TextLine("\U0003fffd")).tobytes()
    for character in drawn():
        assert line_image(TextLine(character)).tobytes() not in (box, wide_box), character


def test_a_machine_without_the_chinese_font_prints_in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    for language in ("zh", "fr"):
        monkeypatch.undo()
        own = bytes_of(sample("claim", language), PAPER_58)
        monkeypatch.setattr(escpos, "_WIDE_FONT", ("no such font", 22, 2))
        english = bytes_of(sample("claim", "en"), PAPER_58)
        assert bytes_of(sample("claim", language), PAPER_58) == (english if language == "zh" else own)
