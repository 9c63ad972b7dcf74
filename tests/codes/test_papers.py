"""Where a code's money stands: on receipt and slip, in the day and the box, and in the story that a customer and a technician are told."""

import pytest

from kiosk.commands.receipt_sample import text_of
from kiosk.vend import collect, evidence
from kiosk.vend.explain.says import AUDIENCES, Audience, told
from kiosk.vend.explain.telling import story
from kiosk.vend.facts import PrintStarted, SaleOpened
from kiosk.vend.papers import paper_of
from kiosk.vend.reconcile import reconciled
from kiosk.vend.rows import Recorded
from kiosk.vend.state import find
from kiosk.vend.totals import box_count, day_totals
from tests.codes.kit import CodeShop, answered_by
from tests.sale.shop import Card


def recorded(shop: CodeShop) -> list[Recorded]:
    return [Recorded(row, fact, getattr(fact, "sale", None)) for fact, row in shop.rows]


def landed() -> CodeShop:
    """One sale by code, one by cash."""
    shop, card = CodeShop(), Card()
    shop.insert(card)
    shop.type(shop.code(card, 2))
    shop.press("finish")
    shop.pull()
    card.into_meter()
    shop.insert(card)
    shop.feed(50_00)
    shop.press("finish")
    shop.press("finish")
    shop.pull()
    return shop


def claimed() -> CodeShop:
    shop, card = CodeShop(), Card()
    shop.insert(card)
    shop.press("tender", "code")
    shop.press("code", shop.code(card, 2), work=False)
    job = collect.job(shop.state)
    assert job
    shop.tell(answered_by(shop.vault, job))
    shop.pull()
    shop.wait(181)
    return shop


def words_of(shop: CodeShop, audience: Audience) -> str:
    """All that this reader is told of the first sale."""
    first = next(fact.sale for fact in shop.facts() if isinstance(fact, SaleOpened))
    found = story(recorded(shop), first, "K07")
    assert found
    return "\n".join(line for section in told(found, audience, "en", shop.rules.local) for line in section.lines)


def paper_text(shop: CodeShop, kind: str) -> tuple[str, evidence.Evidence]:
    first = next(fact.sale for fact in shop.facts() if isinstance(fact, SaleOpened))
    sale = find(shop.state, first)
    assert sale
    paper = paper_of(shop.rules, sale, PrintStarted(sale.id, sale.number or 1, kind, language="en"))
    assert paper.evidence
    return text_of(paper, 32), paper.evidence


def test_the_receipt_says_transfer_code_and_adds_up_without_a_fee() -> None:
    shop, card = CodeShop(), Card()
    shop.insert(card)
    shop.type(shop.code(card, 2))
    text, proof = paper_text(shop, "recharge")
    assert any(line.split() == ["Transfer", "code", "100.00"] for line in text.splitlines())
    assert "Fixed fee" not in text
    assert (proof.amount_minor, proof.n) == (100_00, 2)


def test_the_slip_says_how_it_was_paid_and_so_does_its_code() -> None:
    text, proof = paper_text(claimed(), "claim")
    assert "transfer code" in text
    assert (proof.kind, proof.tender, proof.amount_minor) == (evidence.SLIP, evidence.CODE, 100_00)


def test_the_day_adds_up_and_the_box_does_not_ask_for_money_that_was_never_in_it() -> None:
    for shop, on_cards, claims in ((landed(), 2, 0), (claimed(), 0, 1)):
        rows, date = recorded(shop), shop.rules.business_date(shop.wall_ms())
        day = day_totals(rows, date, shop.rules.business_date)
        assert [(one.device, one.count, one.minor) for one in day.taken if one.device == "codes"] == [("codes", 1, 100_00)]
        assert (day.given.on_cards, day.given.claims, day.difference_minor) == (on_cards, claims, 0)
        assert box_count(rows).unexplained_minor == 0
        assert [pair.difference for pair in reconciled(rows, date)] == [0, 0, 0, 0]


def test_an_open_sale_by_code_owes_the_box_nothing() -> None:
    shop, card = CodeShop(), Card()
    shop.insert(card)
    shop.press("tender", "code")
    shop.press("code", shop.code(card, 2), work=False)
    job = collect.job(shop.state)
    assert job
    shop.tell(answered_by(shop.vault, job))
    shop.pull()
    count = box_count(recorded(shop))
    assert (count.minor, count.unended_minor, count.unexplained_minor) == (0, 0, 0)


@pytest.mark.parametrize("audience", AUDIENCES)
def test_nobody_is_told_that_a_codes_money_is_in_the_machine(audience: Audience) -> None:
    for shop in (landed(), claimed()):
        said = words_of(shop, audience)
        assert "cash box" not in said, said
        assert "in the machine" not in said.split("Put the same card")[0], said
        assert "transfer code" in said.lower() or "paid elsewhere" in said


def test_a_slips_story_says_where_the_money_is() -> None:
    assert "is safe at the office" in words_of(claimed(), "customer")
    assert "was paid elsewhere and is owed to card" in words_of(claimed(), "technician")
    assert "on the card" in words_of(landed(), "customer")
