"""Rule 27: a share of cards is asked to the office, by chance that nobody can foresee and every replay repeats."""

import secrets

import pytest
from msgspec.structs import replace

from kiosk.vend.explain.says import told
from kiosk.vend.explain.telling import story
from kiosk.vend.facts import BranchAsked, SaleClosed
from kiosk.vend.limits import Allowed, drawn
from kiosk.vend.papers import paper_of
from kiosk.vend.proof import print_job
from kiosk.vend.rows import Recorded
from kiosk.vend.view import Line
from tests.sale.shop import Card, Shop


def sold(per_mille: int) -> Shop:
    shop = Shop(allowed=Allowed(branch_per_mille=per_mille))
    shop.insert(Card())
    shop.feed(100_00)
    shop.press("finish")
    return shop


@pytest.mark.covers("rule-27")
def test_whoever_is_drawn_reads_it_on_screen_and_receipt_and_it_is_a_row() -> None:
    shop = sold(1000)
    (asked,) = shop.facts("BranchAsked")
    (closed,) = shop.facts("SaleClosed")
    assert isinstance(asked, BranchAsked)
    assert isinstance(closed, SaleClosed)
    assert (asked.sale, asked.card, asked.meter) == (closed.sale, closed.card, closed.meter)
    assert Line("branch") in shop.view.lines
    shop.press("receipt", "paper", work=False)
    job = print_job(shop.rules, shop.state)
    assert job
    assert "paper.recharge.branch" in repr(job.paper)
    shop.work()
    found = story([Recorded(row, fact, getattr(fact, "sale", None)) for fact, row in shop.rows], closed.sale, "K07")
    assert found
    said = "\n".join(line for section in told(found, "customer", "en", shop.rules.local) for line in section.lines)
    assert "please show the card at the office" in said


@pytest.mark.covers("rule-27")
def test_without_a_share_nobody_is_asked_and_nothing_is_said() -> None:
    shop = sold(0)
    assert shop.facts("BranchAsked") == []
    assert Line("branch") not in shop.view.lines
    shop.press("receipt", "paper", work=False)
    assert shop.state.here.printing
    assert shop.state.ended
    assert "paper.recharge.branch" not in repr(paper_of(shop.rules, shop.state.ended, shop.state.here.printing))


@pytest.mark.covers("rule-27")
def test_so_many_in_a_thousand_are_drawn_and_no_two_shares_differ_in_whom() -> None:
    names = [secrets.token_hex(8) for _ in range(20_000)]
    tenth = [name for name in names if drawn(name, 100)]
    assert 1_600 < len(tenth) < 2_400
    assert {name for name in names if drawn(name, 10)} <= set(tenth)
    assert not any(drawn(name, 0) for name in names)


@pytest.mark.covers("rule-27")
def test_a_copy_after_a_power_cut_says_so_too() -> None:
    shop = sold(1000)
    shop.start()
    assert shop.state.ended
    assert replace(shop.state.ended, branch=False) != shop.state.ended
