"""Rule 2: a disk that was put back is noticed by what stands outside of it; no money is lost and none is doubled."""

import copy

import pytest

from kiosk.vend import facts as f
from kiosk.vend import sale
from kiosk.vend.evidence import RESTORED, verify
from kiosk.vend.facts import EscrowUnknown, OrphanCredit, SaleClosed
from kiosk.vend.papers import paper_of
from kiosk.vend.seen import AcceptorDown, NoteIn
from kiosk.vend.trust import Trust
from kiosk.vend.witness import Restored, Witness, found, height, rows
from tests.risk.kit import level, office_shop
from tests.risk.test_stages import bought
from tests.sale.shop import Card, Shop, sign


def yesterday(shop: Shop, image: list[tuple[f.Fact, f.Row]]) -> None:
    """The disk as it was; the acceptors and the world go on."""
    shop.rows = list(image)
    shop.start()
    shop.work()


def put_back() -> tuple[Shop, Card]:
    """Two notes more are in the box than yesterday's image knows."""
    shop, card = Shop(), Card()
    assert bought(shop, card, 100_00)
    image = list(shop.rows)
    assert bought(shop, Card(serial="22" * 8, meter="000012345679"), 50_00)
    assert bought(shop, Card(serial="33" * 8, meter="000012345670"), 50_00)
    yesterday(shop, image)
    return shop, card


@pytest.mark.covers("rule-2", "abuse-29")
def test_yesterdays_disk_is_noticed_by_the_acceptors_own_counter_and_takes_no_money() -> None:
    shop, card = put_back()
    (fact,) = [fact for fact in shop.facts() if isinstance(fact, Restored)]
    assert (fact.witness, fact.here, fact.there) == ("notes", 1, 3)
    assert not [fact for fact in shop.facts() if isinstance(fact, OrphanCredit)]  # they are another life's rows
    assert (shop.view.phase, shop.view.params["why"]) == ("out", "restored")
    assert level(shop, "restored") == ("stop", 2)
    before = copy.deepcopy(card.files)
    shop.insert(card)
    shop.feed(50_00)
    assert (shop.state.sale, card.files) == (None, before)
    shop.pull()
    shop.start()
    assert len(shop.facts("Restored")) == 1
    assert shop.view.params["why"] == "restored"


@pytest.mark.covers("rule-2", "abuse-29")
def test_a_sale_that_yesterdays_disk_holds_open_is_not_written_again_but_slipped_and_the_slip_says_so() -> None:
    """In truth it was landed. The old image would have written it again; HQ settles the slip by the rows of the first life."""
    shop, card = Shop(), Card()
    shop.insert(card)
    shop.feed(100_00)
    image = list(shop.rows)
    shop.press("finish")
    shop.pull()
    card.into_meter()
    assert bought(shop, Card(serial="22" * 8, meter="000012345679"), 50_00)
    assert bought(shop, Card(serial="33" * 8, meter="000012345670"), 50_00)
    credited, files = list(card.credited), copy.deepcopy(card.files)
    shop.card = card
    yesterday(shop, image)
    (claim,) = shop.facts("ClaimIssued")
    assert isinstance(claim, f.ClaimIssued)
    assert (claim.why, claim.amount_minor) == ("restored", 100_00)
    assert card.files == files
    card.into_meter()
    assert card.credited == credited == [95_00]
    (closed,) = [fact for fact in shop.facts() if isinstance(fact, SaleClosed)]
    assert (closed.outcome, closed.claim_minor) == ("claimed", 100_00)
    owed = shop.state.claims[claim.sale]
    paper = paper_of(shop.rules, owed, f.PrintStarted(owed.id, claim.number, "claim"))
    assert paper.evidence
    assert paper.evidence.tender & RESTORED
    assert any("restored" in str(row) for row in paper.rows)


@pytest.mark.covers("rule-2")
def test_a_note_that_yesterdays_disk_holds_in_escrow_is_nobodys_knowledge() -> None:
    shop, card = Shop(), Card()
    shop.insert(card)
    shop.feed(20_00)
    shop.feed(100_00, stack=False)
    image = list(shop.rows)
    shop.accepted["notes"] = 9
    shop.card = None
    yesterday(shop, image)
    assert [fact.denomination for fact in shop.facts() if isinstance(fact, EscrowUnknown)] == [100_00]
    (closed,) = [fact for fact in shop.facts() if isinstance(fact, SaleClosed)]
    assert (closed.outcome, closed.claim_minor) == ("claimed", 20_00)
    assert shop.state.claims[closed.sale].disputed_minor == 100_00


def replayed(shop: Shop, image: list[tuple[f.Fact, f.Row]], notes: tuple[int, ...], lives: int | None = 0) -> None:
    """As above, and the acceptor still remembers these notes and tells them before it says where it stands. `lives`: it counts its life."""
    shop.rows, shop.card = list(image), None
    shop.start(acceptors=False)
    counter, accepted = shop.counters["notes"], (shop.accepted["notes"] or 0) - len(notes)
    for place, note in enumerate(notes):
        counted = None if lives is None else accepted + place + 1
        shop.tell(NoteIn("notes", "SN-notes", note, counter - 2 * (len(notes) - 1 - place), counted))
    shop.acceptors_up()


@pytest.mark.covers("rule-2", "abuse-29")
def test_notes_that_the_acceptor_remembers_of_another_life_are_no_credit_of_a_sale_that_yesterdays_disk_holds_open() -> None:
    shop, card = Shop(), Card()
    shop.insert(card)
    shop.feed(100_00)
    image = list(shop.rows)
    shop.press("finish")
    shop.pull()
    assert bought(shop, Card(serial="22" * 8, meter="000012345679"), 50_00)
    assert bought(shop, Card(serial="33" * 8, meter="000012345670"), 50_00)
    replayed(shop, image, (50_00, 50_00))
    (claim,) = shop.facts("ClaimIssued")
    assert isinstance(claim, f.ClaimIssued)
    assert claim.amount_minor == 100_00
    assert len(shop.facts("Restored")) == 1


@pytest.mark.covers("failure-6")
def test_after_a_power_cut_of_the_kiosk_alone_the_note_that_was_in_escrow_is_its_sales_credit() -> None:
    for stacked, credited, orphans in ((100_00, [50_00, 100_00], []), (20_00, [50_00], [20_00])):  # another one than was held is nobody's
        shop = Shop()
        shop.insert(Card())
        shop.feed(50_00)
        shop.feed(100_00, stack=False)
        shop.counters["notes"] += 1
        shop.accepted["notes"] = 2
        replayed(shop, shop.rows, (stacked,))
        assert not shop.facts("Restored")
        assert [fact.denomination for fact in shop.facts() if isinstance(fact, f.NoteStacked)] == credited
        assert [fact.amount_minor for fact in shop.facts() if isinstance(fact, OrphanCredit)] == orphans


def test_a_slip_of_before_is_marked_from_then_on_too() -> None:
    shop, card = Shop(printer="out"), Card()
    shop.insert(card)
    shop.feed(100_00)
    shop.pull()
    shop.press("no_card")
    (claim,) = shop.state.claims.values()
    assert not claim.restored
    image = list(shop.rows)
    shop.accepted["notes"] = 9
    yesterday(shop, image)
    assert [claim.restored for claim in shop.state.claims.values()] == [True]


def held(*, lost: bool = False) -> Shop:
    """A note is in escrow; `lost`: nobody saw what became of it."""
    shop = Shop()
    shop.insert(Card())
    shop.feed(100_00, stack=False)
    if lost:
        shop.wait(61)
        assert shop.facts("EscrowUnknown")
    return shop


def test_what_one_power_cut_explains_is_no_restore() -> None:
    """Eight coins in fall, and the one note that the journal has in escrow, whose end it has not seen, or that was stuck."""
    shut, stuck = Shop(), Shop()
    shut.tell(AcceptorDown("notes", "offline"))
    stuck.tell(AcceptorDown("notes", "jammed"))
    none, one = (Shop(), shut), (held(), held(lost=True), stuck)
    cases = [(Shop(), "coins", 8), *((shop, "notes", 0) for shop in none), *((shop, "notes", 1) for shop in one)]
    for shop, device, explained in cases:
        rows = list(shop.rows)
        shop.accepted[device] = explained
        shop.start()
        assert not shop.facts("Restored")
        shop.rows = rows
        shop.accepted[device] = explained + 1
        shop.start()
        (fact,) = [fact for fact in shop.facts() if isinstance(fact, Restored)]
        assert (fact.witness, fact.here, fact.there) == (device, 0, explained + 1)


@pytest.mark.covers("rule-2")
def test_an_acceptor_without_a_count_of_its_life_tells_a_stacked_note_that_no_escrow_let_in() -> None:
    for shop, ahead in ((held(), False), (Shop(), True)):
        shop.accepted["notes"] = None
        shop.counters["notes"] += 1
        replayed(shop, shop.rows, (100_00,), lives=None)
        assert bool(shop.facts("Restored")) is ahead


def test_an_acceptor_that_grew_while_the_machine_ran_is_no_witness_of_its_disk() -> None:
    shop = Shop()
    shop.accepted["notes"] = 5
    shop.acceptors_up()
    assert not shop.facts("Restored")
    assert [fact.pieces for fact in shop.facts() if isinstance(fact, OrphanCredit)] == [5]


@pytest.mark.covers("rule-2", "abuse-37")
def test_the_mark_outside_of_the_store_tells_a_clone_of_the_disk_though_no_acceptor_counts() -> None:
    shop = Shop()
    shop.accepted["notes"] = shop.accepted["coins"] = None
    image = list(shop.rows)
    assert bought(shop, Card())
    shop.heights = (("mark", len(shop.rows)),)
    shop.start()
    assert not shop.facts("Restored")
    yesterday(shop, image)
    assert [fact for fact in shop.facts() if isinstance(fact, Restored)] == [Restored("mark", len(image), shop.heights[0][1])]
    assert sale.stance(shop.rules, shop.state).notes == ()


@pytest.mark.covers("rule-2")
def test_one_item_ahead_is_the_one_that_the_power_cut_interrupted_two_are_a_restore() -> None:
    heights = (("hotlist", height((1, 3))), ("limits", height((1, 1))))
    assert found(rows(9, Trust(), heights[:1])) is None
    assert found(rows(9, Trust(), heights)) == Restored("limits", 0, height((1, 1)))
    floats = (("float", height((1, 4))), ("float", height((1, 5))))
    assert found(rows(9, Trust(), floats)) == Restored("float", 0, height((1, 5)))
    assert not Witness("mark", 7, 7).ahead


def test_the_mark_of_a_slip_is_under_its_signature() -> None:
    shop, card = Shop(), Card()
    shop.insert(card)
    shop.feed(100_00)
    image = list(shop.rows)
    shop.accepted["notes"] = 9
    shop.card = None
    yesterday(shop, image)
    shop.press("receipt", "qr")
    code = str(shop.view.params["code"])
    assert verify(code, lambda label, data, signature: sign(label, data) == signature).tender == 1 | RESTORED


@pytest.mark.covers("abuse-37")
def test_two_kiosks_of_one_image_spend_its_float_once_each_and_credit_a_slot_once() -> None:
    """The clone has acceptors of its own, so that nothing at it is ahead. What stops it is the office, which has the first history."""
    shop = office_shop(float_minor=100_00)
    image, card, other = list(shop.rows), Card(), Card(serial="22" * 8, meter="000012345679")
    clone = office_shop(float_minor=100_00)
    clone.rows = image
    clone.start()
    shop.insert(card)
    shop.feed(100_00)
    shop.press("finish")
    shop.pull()
    assert shop.view.params["why"] == "sold_out"
    clone.insert(card)
    assert (clone.view.phase, clone.view.params["why"]) == ("refused", "untaken"), "the slot is taken, whoever took it"
    clone.pull()
    card.into_meter()
    assert bought(clone, other, 100_00)
    assert clone.view.params["why"] == "sold_out"
    for one in (card, other):
        one.into_meter()
        assert one.credited == [95_00]
