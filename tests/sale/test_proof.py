"""What the customer takes home: the code of a receipt or slip on the screen, and what becomes of the paper then."""

import pytest

from kiosk.screens.customer import scene_of
from kiosk.screens.scene import says
from kiosk.vend import seen
from kiosk.vend.evidence import RECEIPT, SLIP, Evidence, decode, verify
from kiosk.vend.facts import PrintStarted, ReceiptOffered
from kiosk.vend.proof import print_job, sign_job
from kiosk.vend.view import Offer
from tests.sale.everywhere import claim, landed, receipt_code, slip_code
from tests.sale.shop import Card, Shop, sign

QR, PAPER, NONE = Offer("receipt", "qr"), Offer("receipt", "paper"), Offer("receipt", "none")


def proved(shop: Shop) -> Evidence:
    """What the code on the screen says, its signature checked."""
    return verify(str(shop.view.params["code"]), lambda label, data, signature: sign(label, data) == signature)


def offered(shop: Shop) -> list[ReceiptOffered]:
    return [fact for fact in shop.facts() if isinstance(fact, ReceiptOffered)]


def papers(shop: Shop) -> list[tuple[str, int, int]]:
    return [(fact.paper, fact.number, fact.copy) for fact in shop.facts() if isinstance(fact, PrintStarted)]


def test_a_receipt_as_a_code_proves_the_purchase_and_has_its_number_once() -> None:
    shop = landed()
    assert shop.view.offers == (PAPER, QR, NONE, Offer("finish"))
    shop.press("receipt", "qr")
    view, says = shop.view, proved(shop)
    assert (view.phase, view.place, view.figure_minor, view.held) == ("qr", "card", 95_00, False)
    assert (view.params["number"], view.params["kind"], view.params["purchase_no"]) == ("K07-000001", "receipt", "2-1")
    assert [(line.key, line.minor) for line in view.lines] == [("paid", 100_00), ("to_card", 95_00), ("purchase_no", None)]
    assert (says.kind, says.number, says.amount_minor, says.n, says.card_tail) == (RECEIPT, 1, 95_00, 2, "7788")
    assert [(fact.number, fact.how) for fact in offered(shop)] == [(1, "qr")]
    shop.press("finish")
    assert shop.view.phase == "take_card"
    shop.pull()
    assert (shop.view.phase, papers(shop)) == ("attract", [])


def test_a_photo_that_failed_is_tried_again_or_printed_as_a_copy_and_never_signed_twice() -> None:
    shop = receipt_code()
    code = shop.view.params["code"]
    shop.press("cancel")
    assert (shop.view.phase, shop.view.params["receipt"], shop.view.offers) == ("done", "qr", (PAPER, QR, Offer("finish")))
    shop.press("receipt", "qr")
    assert (shop.view.phase, shop.view.params["code"]) == ("qr", code)
    shop.press("cancel")
    shop.press("receipt", "paper")
    assert (papers(shop), len(offered(shop))) == ([("recharge", 1, 1)], 1)
    assert shop.view.params["receipt"] == "printed"


def test_the_paper_of_the_same_sale_would_carry_the_same_code() -> None:
    shop = receipt_code()
    shop.press("cancel")
    shop.tell(seen.Choice(shop.state.here.turn, "receipt", "paper"))
    paper = print_job(shop.rules, shop.state)
    assert paper
    assert paper.paper.evidence == proved_before(shop)


def proved_before(shop: Shop) -> Evidence:
    return decode(shop.state.here.code)[0]


def test_a_code_is_a_receipt_whoever_goes_after_it_gets_no_paper_on_top() -> None:
    for end in ("time", "pull", "back and time"):
        shop = receipt_code()
        if end == "back and time":
            shop.press("cancel")
        if end == "pull":
            shop.pull()
            assert (shop.view.phase, shop.view.params["kind"]) == ("qr", "receipt"), "the photo may be taken with the card in the hand"
        shop.wait(61)
        assert shop.view.phase == ("attract" if end == "pull" else "take_card")
        assert papers(shop) == []


def test_the_next_card_ends_a_code_that_was_left_standing() -> None:
    shop = receipt_code()
    shop.pull()
    shop.insert(Card(serial="99" * 8, meter="000012345679"))
    assert (shop.view.phase, shop.state.here.code) == ("account", "")


def test_a_slip_as_a_code_proves_the_claim_and_leads_back_to_it() -> None:
    shop = slip_code()
    view, says = shop.view, proved(shop)
    assert (view.phase, view.place, view.figure_minor, view.held) == ("qr", "machine", 100_00, True)
    assert view.params["kind"] == "slip"
    assert view.params["number"] == f"K07-000001-{shop.state.claims[says.sale].check}"
    assert (says.kind, says.number, says.amount_minor, says.seq) == (SLIP, 1, 100_00, shop.state.claims[says.sale].claim_seq)
    shop.press("finish")
    assert (shop.view.phase, shop.view.params["qr"], shop.view.params["printed"]) == ("claim", "seen", True)
    shop.press("receipt", "again")
    assert (papers(shop), [fact.how for fact in offered(shop)]) == ([("claim", 1, 0), ("claim", 1, 1)], ["qr"])
    shop.press("slip_taken")
    assert shop.view.phase == "attract"


def test_a_slips_code_gives_way_to_the_claim_after_a_minute() -> None:
    shop = slip_code()
    assert shop.view.span_ms == 60_000
    shop.wait(61)
    assert shop.view.phase == "claim"


@pytest.mark.covers("failure-16")
def test_without_paper_the_customer_is_told_before_money_and_the_code_takes_its_place() -> None:
    shop = Shop(printer="out")
    assert shop.view.params["printer"] is False
    shop.insert(Card())
    assert (shop.view.phase, shop.view.params["printer"]) == ("account", False)
    shop.feed(100_00)
    assert shop.view.params["printer"] is False
    shop.press("finish")
    assert (shop.view.params["receipt"], shop.view.offers[0]) == ("no_paper", QR)
    assert PAPER not in shop.view.offers
    gone = claim(printer="out")
    assert gone.view.offers == (QR, Offer("slip_taken"))


def test_without_paper_none_is_written_down_only_after_the_code_was_offered_for_its_time() -> None:
    shop = landed(printer="out")
    shop.wait(29)
    assert (shop.view.phase, offered(shop)) == ("done", [])
    shop.wait(2)
    assert (shop.view.phase, [fact.how for fact in offered(shop)]) == ("take_card", ["none"])


@pytest.mark.parametrize("kind", ["receipt", "slip"])
@pytest.mark.parametrize("answer", ["empty", "never"])
def test_a_signer_that_fails_leaves_the_paper_to_choose(kind: str, answer: str) -> None:
    shop = landed() if kind == "receipt" else claim()
    phase = shop.view.phase
    shop.signs = False
    shop.press("receipt", "qr", work=answer == "empty")
    if answer == "never":
        assert QR in shop.view.offers, "nothing flickers in the instant that a signature takes"
        shop.ms += 2_999
        shop.tell(seen.Tick())
        assert shop.state.here.qr == "wanted"
        shop.ms += 1
        shop.tell(seen.Tick())
    assert (shop.view.phase, shop.state.here.qr, offered(shop)) == (phase, "failed", [])
    assert shop.view.ends_in_ms == shop.view.span_ms, "there is time for another choice"
    assert QR not in shop.view.offers
    assert shop.view.params.get("receipt", "no_qr") == "no_qr"
    shop.press("receipt", "paper" if kind == "receipt" else "again")
    assert papers(shop)[-1] == (("recharge", 1, 0) if kind == "receipt" else ("claim", 1, 1))


def test_a_signature_that_comes_too_late_or_for_another_paper_is_not_shown() -> None:
    shop = landed()
    shop.press("receipt", "qr", work=False)
    job = sign_job(shop.rules, shop.state)
    assert job
    shop.tell(seen.Signed(job.id + 1, "K1:OTHER"))
    assert shop.view.phase == "done"
    shop.press("receipt", "paper")
    shop.tell(seen.Signed(job.id, "K1:LATE"))
    assert (shop.view.phase, shop.view.params["receipt"], offered(shop)) == ("done", "printed", [])


def test_a_card_pulled_while_the_code_is_signed_does_not_cost_the_code() -> None:
    shop = landed()
    shop.press("receipt", "qr", work=False)
    shop.pull()
    shop.work()
    assert (shop.view.phase, papers(shop), [fact.how for fact in offered(shop)]) == ("qr", [], ["qr"])


def test_without_a_card_and_without_a_code_the_paper_still_comes() -> None:
    shop = landed()
    shop.signs = False
    shop.press("receipt", "qr", work=False)
    shop.pull()
    shop.work()
    assert (shop.view.phase, shop.view.params["receipt"]) == ("done", "no_qr")
    shop.wait(31)
    assert (shop.view.phase, papers(shop)) == ("attract", [("recharge", 1, 0)])


def test_the_next_customers_card_makes_the_paper_of_the_one_before_come() -> None:
    shop = landed()
    shop.signs = False
    shop.press("receipt", "qr", work=False)
    shop.pull()
    shop.work()
    shop.insert(Card(serial="99" * 8, meter="000012345679"))
    assert (shop.view.phase, papers(shop)) == ("account", [("recharge", 1, 0)])


def test_a_receipt_that_nobody_knows_of_may_be_photographed_instead() -> None:
    for outcome, choice in (("unknown", True), ("failed", True), ("assumed", True), ("printed", False)):
        shop = landed()
        shop.outcome = outcome
        shop.press("receipt", "paper")
        assert (QR in shop.view.offers) is choice, outcome
        shop.press("receipt", "qr")
        assert shop.view.phase == ("qr" if choice else "done")
        assert [(fact.number, fact.how) for fact in offered(shop)] == ([(1, "qr")] if choice else [])


def test_numbers_are_gapless_whatever_a_receipt_comes_as() -> None:
    shop, card = Shop(), Card()
    for how in ("qr", "none", "paper", "qr"):
        shop.insert(card)
        shop.feed(20_00)
        shop.press("finish")
        shop.press("receipt", how)
        shop.press("finish")
        shop.pull()
        card.into_meter()
        shop.ms += 24 * 3600 * 1000
    numbers = [fact.number for fact in shop.facts() if isinstance(fact, PrintStarted | ReceiptOffered)]
    assert numbers == [1, 2, 3, 4]


def test_a_code_on_the_screen_when_the_power_fails_keeps_its_number() -> None:
    shop = receipt_code()
    shop.start()
    assert (shop.view.phase, shop.view.params["why"]) == ("refused", "untaken")
    assert (shop.state.number, papers(shop), len(offered(shop))) == (1, [], 1)


@pytest.mark.parametrize("printer", ["ok", "out"])
def test_a_code_that_could_not_be_made_is_said(printer: str) -> None:
    for shop in (landed(printer=printer), claim(printer=printer)):
        shop.signs = False
        shop.press("receipt", "qr")
        assert "The QR code could not be made." in says(scene_of(shop.view))
