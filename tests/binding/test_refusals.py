"""One user, one card, one meter: what does not belong together is refused in its own words, written down, and not touched."""

import pytest
from msgspec.structs import replace

from kiosk import words
from kiosk.devices.sim.card import CardModel
from kiosk.devices.sim.card_files import Returned
from kiosk.devices.sim.crypto import Masters
from kiosk.devices.sim.faults import NONE, Cut, Faults
from kiosk.devices.sim.image import CardImage, clone, rolled_back
from kiosk.vend import facts as f
from kiosk.vend.proof import print_job
from tests.binding.kit import CUSTOMER, METER, SERIAL, Kiosk, used
from tests.sim_card.kit import meter


def of_another(meter: str = METER, customer: str = CUSTOMER) -> CardImage:
    """The return file is another's."""
    card = used()
    return replace(card, files=card.files | {"05": Returned(meter, customer, 2).encode().hex()})


@pytest.mark.parametrize(
    ("card", "why"),
    [
        pytest.param(clone(used()), "unproven", id="a copy without keys"),
        pytest.param(clone(rolled_back(used(), 1)), "unproven", id="an older copy without keys", marks=pytest.mark.covers("abuse-11")),
        pytest.param(used(masters=Masters.demo(2)), "foreign_utility", id="another utility", marks=pytest.mark.covers("abuse-14")),
        pytest.param(used(masters=Masters.demo(1, 2)), "foreign_region", id="another region", marks=pytest.mark.covers("abuse-14")),
        pytest.param(used(masters=Masters.demo(2), utility=1), "unproven", id="another utility that says it is ours"),
        pytest.param(of_another(meter="000000000099"), "other_meter", id="another meter's return file"),
        pytest.param(of_another(customer="000000000099"), "other_customer", id="another customer's return file"),
        pytest.param(used(min_generation=3), "key_ahead", id="newer keys than ours", marks=pytest.mark.covers("abuse-14")),
        pytest.param(used(tries={"kiosk.1": 0}), "key_blocked", id="no try left", marks=pytest.mark.covers("abuse-17")),
        pytest.param(used(tries={"kiosk.1": 3}), "key_blocked", id="three tries left", marks=pytest.mark.covers("abuse-17")),
    ],
)
def test_a_card_that_does_not_belong_here_is_refused_in_its_own_words(card: CardImage, why: str) -> None:
    kiosk, model = Kiosk(), CardModel(card)
    before = model.image()
    kiosk.put_in(model)
    assert kiosk.refused == why
    assert words.known(f"refused.{why}_first")
    assert words.known(f"refused.{why}_second")
    assert kiosk.reported == (SERIAL, "refused", why)
    kiosk.take_out()
    assert model.image() == before


@pytest.mark.covers("field-12", "abuse-14")
@pytest.mark.parametrize(("generation", "why"), [(1, ""), (2, ""), (3, ""), (4, "key_dead"), (9, "key_dead")])
def test_a_card_whose_generations_are_all_over_is_renewed_at_the_office(generation: int, why: str) -> None:
    kiosk = Kiosk(generation=generation)
    kiosk.put_in(CardModel(used()))
    assert kiosk.refused == why


@pytest.mark.covers("abuse-11", "rule-16")
def test_a_true_copy_that_was_put_back_is_older_than_what_it_once_showed() -> None:
    kiosk, card = Kiosk(), CardModel(used(taken=5))
    kiosk.visit(card)
    kiosk.put_in(CardModel(rolled_back(card.image(), 1)))
    assert (kiosk.refused, kiosk.reported) == ("went_back", (SERIAL, "refused", "went_back"))
    kiosk.take_out()
    kiosk.restart()
    kiosk.put_in(CardModel(rolled_back(card.image(), 2)))
    assert kiosk.refused == "went_back", "a restart forgets nothing"
    kiosk.take_out()
    kiosk.put_in(card)
    assert kiosk.refused == "", "the card itself is served"


@pytest.mark.covers("abuse-11", "rule-16")
def test_a_copy_from_before_a_purchase_gets_no_second_one_in_the_same_slot() -> None:
    kiosk, card = Kiosk(), CardModel(used())
    before = card.image()
    kiosk.visit(card, 50_00)
    assert int.from_bytes(card.files[2][4:]) == 3
    for copy in (CardModel(before), CardModel(replace(before, files=before.files | {"05": "00" * 49}))):
        kiosk.put_in(copy)
        assert (kiosk.refused, kiosk.reported) == ("went_back", (SERIAL, "refused", "went_back"))
        kiosk.take_out()


def test_a_purchase_that_another_machine_began_and_this_one_finished_counts_too() -> None:
    kiosk, card, before = Kiosk(), torn_elsewhere(), CardModel(used()).image()
    kiosk.visit(card)
    assert isinstance(kiosk.facts("ForeignSaleFinished")[0], f.ForeignSaleFinished)
    kiosk.put_in(CardModel(before))
    assert kiosk.refused == "went_back"


def torn_elsewhere() -> CardModel:
    """Paid at another kiosk, and pulled before the last write."""
    other, card = Kiosk(), CardModel(used())
    card.arm(Faults(cut=Cut(update=2, byte=0)))
    other.visit(card, 100_00)
    card.arm(NONE)
    assert int.from_bytes(card.files[2][4:]) == 3
    return card


def test_a_card_serves_one_meter_for_life() -> None:
    kiosk = Kiosk()
    kiosk.visit(CardModel(used()))
    kiosk.put_in(CardModel(used(meter="000000000099")))
    assert (kiosk.refused, kiosk.reported) == ("other_meter", (SERIAL, "refused", "other_meter"))
    kiosk.take_out()
    kiosk.put_in(CardModel(used("00000000000000bb", meter="000000000099")))
    assert kiosk.refused == "", "another card may be of any meter"


def test_what_an_unproven_card_says_is_not_remembered_of_the_true_one() -> None:
    kiosk, card = Kiosk(), used()
    kiosk.visit(CardModel(clone(used(taken=9, meter="000000000099"))))
    kiosk.put_in(CardModel(card))
    assert kiosk.refused == ""


# ---------------------------------------------------------------- the head office's list


@pytest.mark.covers("abuse-15", "rule-8")
def test_a_card_of_the_hotlist_is_not_written_its_holder_gets_a_slip_and_the_journal_its_serial() -> None:
    kiosk, card = Kiosk(), CardModel(used())
    before = card.image()
    kiosk.hotlist("00000000000000cc", SERIAL)
    kiosk.put_in(card)
    assert (kiosk.refused, kiosk.reported) == ("hotlisted", (SERIAL, "refused", "hotlisted"))
    papers = [fact for fact in kiosk.facts() if isinstance(fact, f.PrintStarted)]
    assert [(paper.paper, paper.number) for paper in papers] == [("blocked", 0)]
    assert [fact.outcome for fact in kiosk.facts() if isinstance(fact, f.ReceiptPrinted)] == ["printed"]
    assert print_job(kiosk.rules, kiosk.state) is None
    kiosk.press("cancel")
    assert kiosk.view.phase == "take_card", "never swallowed"
    kiosk.take_out()
    assert card.image() == before
    assert kiosk.state.number == 0, "no receipt number is used up"


@pytest.mark.covers("abuse-15", "rule-8")
def test_without_paper_a_card_of_the_hotlist_is_refused_all_the_same() -> None:
    kiosk = Kiosk()
    kiosk.printer = "out"
    kiosk.start()
    kiosk.hotlist(SERIAL)
    kiosk.put_in(CardModel(used()))
    assert (kiosk.refused, kiosk.facts("PrintStarted")) == ("hotlisted", [])


@pytest.mark.covers("abuse-15", "rule-8")
def test_an_earlier_purchase_of_another_machine_is_not_finished_on_a_card_of_the_hotlist() -> None:
    kiosk, card = Kiosk(), torn_elsewhere()
    before = card.image()
    kiosk.hotlist(SERIAL)
    kiosk.put_in(card)
    assert kiosk.refused == "hotlisted"
    kiosk.take_out()
    assert card.image() == before
    kiosk.hotlist()
    kiosk.visit(card)
    assert kiosk.facts("ForeignSaleFinished"), "a list without it, and the purchase is finished"


@pytest.mark.covers("abuse-15", "rule-8")
def test_a_card_that_is_named_while_its_sale_is_open_is_not_written_and_the_money_is_owed_by_slip() -> None:
    kiosk, card = Kiosk(), CardModel(used())
    kiosk.put_in(card)
    kiosk.press("tender", "cash")
    kiosk.feed(50_00)
    kiosk.take_out()
    before = card.image()
    kiosk.hotlist(SERIAL)
    kiosk.put_in(card)
    kiosk.wait(200)
    kiosk.take_out()
    assert card.image() == before
    assert [fact.amount_minor for fact in kiosk.facts() if isinstance(fact, f.ClaimIssued)] == [50_00]


@pytest.mark.covers("abuse-15")
def test_what_stands_already_on_a_card_of_the_hotlist_is_seen_to_stand() -> None:
    kiosk, card = Kiosk(), CardModel(used())
    card.arm(Faults(cut=Cut(update=2, after=True)))
    kiosk.visit(card, 50_00)
    card.arm(NONE)
    kiosk.hotlist(SERIAL)
    before = card.image()
    kiosk.put_in(card)
    assert [fact.n for fact in kiosk.facts() if isinstance(fact, f.CardVerified)] == [3]
    assert card.image() == before


@pytest.mark.covers("abuse-15", "rule-7")
def test_a_list_that_is_installed_and_cannot_be_read_lets_no_card_be_written() -> None:
    kiosk, card = Kiosk(), CardModel(used("00000000000000dd", meter="000000000044"))
    kiosk.hotlist(SERIAL, read=False)
    kiosk.put_in(card)
    assert (kiosk.refused, kiosk.reported[1:]) == ("no_hotlist", ("refused", "no_hotlist"))
    kiosk.take_out()
    kiosk.hotlist(SERIAL)
    kiosk.put_in(card)
    assert kiosk.refused == ""
    kiosk.take_out()
    kiosk.restart()
    kiosk.put_in(card)
    assert kiosk.refused == "no_hotlist", "until the start has read it again"


# ---------------------------------------------------------------- an old purchase, played back


@pytest.mark.covers("abuse-12")
def test_an_old_purchase_block_played_back_is_not_taken_by_card_or_meter() -> None:
    kiosk, card, house = Kiosk(), CardModel(used()), meter(count=2)
    contact = kiosk.visit(card, 50_00)
    assert house.insert(inserted(card)).credited_minor == 45_00
    after = card.image()
    card.insert()
    card.process(bytes.fromhex("00a4000002df01"))
    for apdu in (sent for sent in contact.sent if sent[:2] == b"\x04\xd6"):
        card.process(bytes.fromhex("0084000004"))
        assert card.process(apdu)[-2:] in {b"\x69\x82", b"\x69\x88"}
    card.pull()
    assert card.image() == after
    assert house.insert(inserted(card)).credited_minor == 0


def inserted(card: CardModel) -> CardModel:
    card.insert()
    return card


@pytest.mark.parametrize("language", words.languages())
def test_no_two_reasons_are_said_alike(language: str) -> None:
    reasons = ["unproven", "foreign_utility", "foreign_region", "other_meter", "other_customer", "went_back", "hotlisted", "no_hotlist"]
    reasons += [f"key_{key}" for key in ("blocked", "dead", "ahead")]
    assert len({words.text(language, f"refused.{why}_first") for why in reasons}) == len(reasons)
