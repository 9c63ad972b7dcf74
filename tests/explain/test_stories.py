"""Every way that a sale can go, told to a customer, a technician and an auditor: where the money is, why, and who must act."""

from collections.abc import Callable

import pytest

from kiosk import words
from kiosk.vend import facts as f
from kiosk.vend import seen
from kiosk.vend.explain.says import AUDIENCES, Audience, told, visited
from kiosk.vend.explain.telling import story
from kiosk.vend.explain.values import Place, Story
from kiosk.vend.explain.visits import visits
from tests.explain.truth import Watch, recorded
from tests.risk.test_stages import bought
from tests.risk.test_witness import yesterday
from tests.sale.shop import CUSTOMER, METER, Card, Shop
from tests.tears.histories import HOME, A, B, Event, History, cuts_of_sale

M, C, B_, R, U = Place.MACHINE, Place.CARD, Place.BETWEEN, Place.RETURNED, Place.UTILITY
HOME_WITH_IT = {"customer.put_in_meter"}


def of(shop: Shop, which: int = 0) -> Story:
    opened = shop.facts("SaleOpened")[which]
    assert isinstance(opened, f.SaleOpened)
    found = story(recorded(shop), opened.sale, "K07")
    assert found is not None
    return found


def text(found: Story, audience: Audience = "technician", language: str = "en") -> str:
    sections = told(found, audience, language, Shop().rules.local)
    return "\n".join(line for section in sections for line in (section.title, *section.lines))


def paid(*notes: int, card: Card | None = None) -> tuple[Shop, Card]:
    shop, card = Shop(), card or Card()
    shop.insert(card)
    for note in notes:
        shop.feed(note)
    return shop, card


def landed() -> Shop:
    shop, _ = paid(100_00, 50_00)
    shop.press("finish")
    shop.press("receipt", "paper")
    return shop


def torn(upto: int = 1) -> tuple[Shop, Card]:
    """100.00 paid, the card out after `upto` of its updates."""
    shop, card = paid(100_00)
    shop.press("finish", work=False)
    job = shop.job()
    assert job
    shop.do(job, card)
    job = shop.job()
    assert job
    for update in shop.updates(job, card)[:upto]:
        card.write(update)
    shop.tell(seen.CardWorked(job.token, job.id, done=False, why="torn"))
    shop.pull()
    return shop, card


def claimed() -> Shop:
    shop, _ = paid(100_00)
    shop.pull()
    shop.wait(181)
    return shop


# ------------------------------------------------------------ the ways that it can go


def torn_and_finished() -> Shop:
    shop, card = torn()
    shop.insert(card)
    return shop


def torn_claimed() -> Shop:
    shop, _ = torn()
    shop.wait(181)
    return shop


def does_not_store() -> Shop:
    card = Card(stores=False)
    shop, _ = paid(100_00, card=card)
    shop.press("finish")
    shop.press("no_card")
    return shop


def held(grown: int | None) -> Shop:
    """The power fails with 100.00 in escrow beside 50.00: it went back (0), fell (1), or the acceptor cannot say (None)."""
    shop, _ = paid(50_00)
    if grown is None:
        shop.accepted["notes"] = None
    shop.feed(100_00, stack=False)
    if grown:
        shop.accepted["notes"] = (shop.accepted["notes"] or 0) + grown
    shop.counters["notes"] = 0
    shop.ms += 90_000
    shop.start(acceptors=False)
    shop.tell(seen.AcceptorReset("notes", "SN-notes"))
    shop.acceptors_up(reset=True)
    shop.work()
    return shop


def disputed() -> Shop:
    shop, _ = paid()
    shop.feed(100_00, stack=False)
    shop.wait(61)
    shop.press("cancel")
    return shop


def orphan() -> Shop:
    shop, _ = paid(100_00)
    shop.press("finish", work=False)
    job = shop.job()
    assert job
    assert shop.card
    shop.do(job, shop.card)
    shop.coin()
    return shop


def cancelled() -> Shop:
    shop, _ = paid()
    shop.press("tender", "cash")
    shop.press("cancel")
    return shop


def printing_unknown() -> Shop:
    shop, _ = paid(100_00)
    shop.press("finish")
    shop.press("receipt", "paper", work=False)
    shop.start()
    return shop


def qr() -> Shop:
    shop, _ = paid(100_00)
    shop.press("finish")
    shop.press("receipt", "qr")
    return shop


CASES: dict[str, tuple[Callable[[], Shop], dict[Place, int], set[str], set[str]]] = {
    # where the money is; keys of its sentences; who must do what
    "landed": (landed, {C: 145_00, U: 5_00}, {"verified", "printed_printed"}, HOME_WITH_IT),
    "torn, finished here": (torn_and_finished, {C: 95_00, U: 5_00}, {"unsure_torn", "reading_half"}, HOME_WITH_IT),
    "torn, no card yet": (lambda: torn()[0], {B_: 100_00}, {"unsure_torn"}, {"machine.finishes", "customer.same_card"}),
    "torn, claimed": (torn_claimed, {B_: 100_00}, {"claimed"}, {"customer.same_card", "office.same_slot"}),
    "claimed, nothing written": (claimed, {Place.CLAIM: 100_00}, {"claimed", "paid_card_gone"}, {"customer.same_card", "office.same_slot"}),
    "does not store": (does_not_store, {B_: 100_00}, {"unsure_does_not_store"}, {"customer.slip", "office.new_card"}),
    "note went back in a power cut": (lambda: held(0), {C: 45_00, U: 5_00, R: 100_00}, {"back_late", "restarted"}, HOME_WITH_IT),
    "note fell in a power cut": (lambda: held(1), {C: 145_00, U: 5_00}, {"stacked_late", "paid_power"}, HOME_WITH_IT),
    "note in doubt after a power cut": (
        lambda: held(None),
        {C: 45_00, U: 5_00, Place.UNKNOWN: 100_00},
        {"in_doubt"},
        HOME_WITH_IT | {"technician.count_box"},
    ),
    "note in doubt": (disputed, {Place.UNKNOWN: 100_00}, {"in_doubt", "claimed"}, {"technician.count_box"}),
    "orphan": (orphan, {C: 95_00, U: 5_00, M: 1_00}, {"orphan"}, HOME_WITH_IT | {"technician.count_orphans"}),
    "cancelled": (cancelled, {Place.YOU: 0}, {"cancelled"}, {"nobody.done"}),
    "printing unknown": (printing_unknown, {C: 95_00, U: 5_00}, {"printed_unknown"}, HOME_WITH_IT | {"technician.reprint"}),
    "QR receipt": (qr, {C: 95_00, U: 5_00}, {"offered_qr"}, HOME_WITH_IT),
}


@pytest.mark.parametrize("case", CASES)
def test_where_the_money_is_and_who_must_act(case: str) -> None:
    make, places, keys, acts = CASES[case]
    found = of(make())
    assert {each.place: each.amount_minor for each in found.holdings} == places
    assert keys <= {each.key for each in found.episodes}
    assert {f"{step.who}.{step.key}" for step in found.next} == acts
    seqs = {each.seq for each in found.episodes}
    assert all(set(each.because) <= seqs for each in found.holdings)


@pytest.mark.parametrize("language", words.languages())
@pytest.mark.parametrize("audience", AUDIENCES)
def test_every_case_is_told_to_everyone_in_every_language(audience: Audience, language: str) -> None:
    for case, (make, *_) in CASES.items():
        found = of(make())
        sections = told(found, audience, language, Shop().rules.local)
        assert [bool(section.title) for section in sections] == [False, *[True] * (len(sections) - 1)], case
        assert len(sections[1].lines) == len(found.holdings), case
        said = text(found, audience, language)
        assert "{" not in said, case
        assert METER in said or audience == "customer"


def test_a_stranger_reads_what_would_change_the_answer() -> None:
    said = text(of(torn_claimed()))
    tag = of(torn_claimed()).tag
    assert f"A reading with purchase 2-1, tag {tag} and an empty return file: 95.00 is on the card." in said
    assert "Another slot only by head office, and only on proof that another known record took slot 2-1." in said
    assert "head office: May order the same amount in the same slot 2-1 at once" in said
    assert "notes: 100.00, pieces 1. The acceptor's own count went from 0 to 1: as many." in said


def test_an_acceptor_that_counted_more_than_was_credited_is_seen() -> None:
    shop, _ = paid(50_00)
    shop.accepted["notes"] = 7
    shop.feed(20_00)
    assert [each.agrees for each in of(shop).counted] == [False]
    assert "NOT as many. Count the box." in text(of(shop))


def test_a_claim_is_told_to_its_end() -> None:
    shop, card = torn()
    shop.wait(181)
    shop.press("slip_taken")
    shop.insert(card)
    found = of(shop)
    assert [each.key for each in found.episodes][-3:] == ["reading_half", "verified", "landed"]
    assert found.holdings[0].place == C
    assert not found.open


def test_a_slip_of_a_store_that_was_put_back_says_that_rows_are_missing_and_pays_nothing_twice() -> None:
    """In truth the meter has it, in rows that the disk no longer has: the office asks the others before anything is moved or paid."""
    shop, card = paid(100_00)
    image = list(shop.rows)
    shop.press("finish")
    shop.pull()
    card.into_meter()
    for number in (2, 3):
        assert bought(shop, Card(serial=f"{number}{number}" * 8, meter=f"00001234567{number}"), 50_00)
    yesterday(shop, image)
    found = of(shop)
    (money,) = [holding for holding in found.holdings if holding.place == B_]
    assert (money.amount_minor, money.may_be) == (100_00, (Place.CLAIM, C, Place.METER))
    assert {("customer", "slip"), ("office", "ask_rows")} <= {(step.who, step.key) for step in found.next}
    assert "the store had been put back" in text(found)
    assert "The machine had lost its latest notes" in text(found, "customer")


def test_finished_at_the_other_kiosk_and_learnt_of_here() -> None:
    within_commit = cuts_of_sale("used")[-1]
    for cut in cuts_of_sale("used"):
        if (cut.update, cut.byte, cut.rest) == (2, 3, "old"):
            within_commit = cut
    watch = Watch(History("used", (Event("A", pays=True, cut=within_commit), Event("slip A"), B, HOME, A))).run()
    here, there = watch.town.tills
    found = of(here)
    assert [each.key for each in found.episodes][-1] == "reading_taken"
    assert "landed_elsewhere" in {each.key for each in found.episodes}
    assert (found.holdings[0].place, found.holdings[0].amount_minor) == (Place.METER, 95_00)
    (visit,) = [each for each in visits(recorded(there), found.card) if each.key == "finished"]
    assert visit.params["their_minor"] == 95_00


def test_a_slot_that_another_purchase_took_is_moved_by_head_office_on_that_proof() -> None:
    torn_before_the_mark = next(cut for cut in cuts_of_sale("used") if (cut.update, cut.byte, cut.rest) == (0, 2, "ff"))
    watch = Watch(History("used", (Event("A", pays=True, cut=torn_before_the_mark), Event("slip A"), Event("B", pays=True), HOME, A))).run()
    found = of(watch.town.tills[0])
    assert [(each.place, each.key) for each in found.holdings] == [(Place.CLAIM, "claim_gone")]
    assert [each.key for each in found.episodes][-1] == "reading_other"
    assert {step.key for step in found.next} == {"slip", "move"}
    assert found.open


def test_an_open_sale_says_what_the_machine_waits_for() -> None:
    shop, _ = paid(100_00)
    shop.feed(50_00, stack=False)
    found = of(shop)
    assert {each.place: each.amount_minor for each in found.holdings} == {M: 100_00, Place.UNKNOWN: 50_00}
    assert {step.key for step in found.next} == {"waits", "same_card"}
    assert "A note of 50.00 was in escrow at the last row." in text(found)


def test_a_card_that_was_refused_paid_nothing() -> None:
    shop, card = landed(), Card(count=2)
    shop.pull()
    shop.insert(card)
    shop.pull()
    again = Card()
    again.count = 0
    again.into_meter()
    shop.insert(again)
    found = visits(recorded(shop), card.serial)
    assert [each.key for each in found] == ["refused", "ready"]
    said = {audience: visited(found, card.serial, audience, "en", local=shop.rules.local, exponent=2).lines for audience in AUDIENCES}
    assert said["technician"][0].endswith("Card refused: went_back. No money was taken.")
    assert said["customer"][0].endswith("The card was here. No money was taken.")
    assert "[row " in said["auditor"][0]


def test_nobody_is_named_and_only_the_auditor_sees_rows_and_a_whole_serial() -> None:
    shop = torn_claimed()
    found, serial = of(shop), Card().serial
    assert serial in text(found, "auditor")
    assert f"[row {found.episodes[-1].seq}, ReceiptPrinted, hash {found.episodes[-1].hash[:16]}]" in text(found, "auditor")
    for audience in ("customer", "technician"):
        assert serial not in text(found, audience)
        assert f"..{serial[-4:]}" in text(found, audience)
        assert "[row " not in text(found, audience)
    assert METER not in text(found, "customer")
    assert all(CUSTOMER not in text(found, audience) for audience in AUDIENCES)
