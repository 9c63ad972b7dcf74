"""What a payment by bank card leaves on paper, at both widths and in every language."""

import pytest

from kiosk import words
from kiosk.devices.printer.cells import cells
from kiosk.devices.printer.layout import TextLine, lay_out
from kiosk.vend import evidence, papers
from kiosk.vend.bank import PosFinal
from kiosk.vend.facts import PrintStarted
from kiosk.vend.paper.values import Paper
from tests.bank.counter import Counter, Terminal
from tests.bank.test_paying import paying
from tests.sale.shop import Card


def text_of(paper: Paper, width: int) -> list[str]:
    return [line.text for line in lay_out(paper, width) if isinstance(line, TextLine)]


@pytest.mark.parametrize("width", [32, 48])
@pytest.mark.parametrize("language", words.languages())
def test_a_receipt_says_which_bank_card_and_the_banks_own_numbers(language: str, width: int) -> None:
    shop, card = Counter(Terminal(lines=("** Customer's copy **", "x" * 64))), Card()
    paying(shop, card)
    shop.work()
    assert shop.state.ended
    paper = papers.paper_of(shop.rules, shop.state.ended, PrintStarted(shop.state.ended.id, 1, "recharge", language=language))
    lines = text_of(paper, width)
    assert all(cells(line) <= width for line in lines)
    text = "\n".join(lines)
    for said in (words.text(language, "paper.tender.bank"), "..1234", "123456", "0001", "** Customer's copy **"):
        assert said in text
    assert paper.evidence
    assert paper.evidence.amount_minor == 95_00


def test_what_is_kept_of_a_terminals_receipt_has_an_end() -> None:
    shop, card = Counter(Terminal(lines=("y" * 500,) * 500)), Card()
    paying(shop, card)
    shop.work()
    (paid,) = [fact for fact in shop.facts() if isinstance(fact, PosFinal)]
    assert (len(paid.lines), {len(line) for line in paid.lines}) == (60, {64})


def test_a_claims_slip_says_that_a_bank_card_paid_on_paper_and_under_the_signature() -> None:
    shop, card = Counter(), Card()
    paying(shop, card)
    while "PosFinal" not in shop.kinds():
        job = shop.job()
        if job:
            shop.do(job, card)
        else:
            assert shop.pay()
    shop.pull()
    shop.wait(181)
    assert shop.view.phase == "claim"
    assert shop.state.ended
    paper = papers.paper_of(shop.rules, shop.state.ended, PrintStarted(shop.state.ended.id, 1, "claim", language="en"))
    assert any("bank card" in line for line in text_of(paper, 32))
    assert paper.evidence
    assert paper.evidence.tender == evidence.BANK
