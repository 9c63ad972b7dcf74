"""HQ's rule for a slot, piece by piece: what proves that another took it, and what never does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kiosk.vend.slot import Entry, Evidence, Removed, Shown, Slot, Verified, carried, may_move, shown
from tests.model.machines import RealCode
from tests.model.world import Card

METER, CARD, OLD_CARD = "000012345678", "1122334455667788", "1122334455667700"
OURS = Entry("claim", METER, 8, 100_00, "aaaa0001")
RIVAL = Entry("rival", METER, 8, 100_00, "bbbb0002")
LATER = Entry("later", METER, 9, 100_00, "cccc0003")
KNOWN = (OURS, RIVAL, LATER)
SLOT = Slot(METER, 8)
VERIFIED = Verified(CARD, METER, 8, 100_00, RIVAL.tag)
SHOWN = Shown(CARD, METER, 8, 100_00, 8, RIVAL.tag, fits=True)


def moves(*evidence: Evidence, known: tuple[Entry, ...] = KNOWN) -> bool:
    return may_move("claim", SLOT, known, evidence, CARD) is not None


@pytest.mark.parametrize("proof", [VERIFIED, SHOWN, replace(SHOWN, card=OLD_CARD), replace(SHOWN, taken=11), Removed(METER, 7)])
def test_a_known_rival_in_the_slot_or_a_meter_that_is_gone_is_proof(proof: Evidence) -> None:
    assert moves(proof)


@pytest.mark.parametrize(
    "nothing",
    [
        replace(VERIFIED, tag=OURS.tag),  # it is ours
        replace(VERIFIED, tag="dddd0004"),  # nobody knows whose
        replace(VERIFIED, n=9, tag=LATER.tag),  # another slot
        replace(VERIFIED, meter="000000000001"),
        replace(VERIFIED, card=OLD_CARD),  # a replaced card may never have met the meter
        replace(VERIFIED, amount_minor=50_00),
        replace(SHOWN, taken=7),  # on the card, not in the meter
        replace(SHOWN, taken=None),
        replace(SHOWN, fits=False),
        replace(SHOWN, tag=LATER.tag, fits=False),  # a later sale's mark: the slot is gone, but to whom?
        replace(SHOWN, count=9),
        replace(SHOWN, tag=None, fits=False),
        Removed(METER, 8),
        Removed("000000000001", 7),
    ],
)
def test_everything_else_proves_nothing(nothing: Evidence) -> None:
    assert not moves(nothing)


def test_two_values_with_one_tag_prove_nothing_for_either() -> None:
    twin = replace(OURS, tag=RIVAL.tag)
    assert not moves(VERIFIED, SHOWN, known=(*KNOWN, twin))
    assert not moves(VERIFIED, known=(RIVAL, replace(RIVAL, value="third")))


def test_a_reading_without_proof_of_the_card_is_no_evidence() -> None:
    reading = RealCode().reading(Card(0, 2, 2, 1, (1, 2), 2))
    item = shown(reading)
    assert item is not None
    assert (item.count, item.taken, item.fits) == (2, 2, True)
    assert shown(replace(reading, authentic=False)) is None


SERIALS, COUNTS, TAGS = st.sampled_from([CARD, OLD_CARD]), st.integers(7, 9), st.sampled_from([entry.tag for entry in KNOWN])
PIECE = st.one_of(
    st.builds(Verified, SERIALS, st.just(METER), COUNTS, st.just(100_00), TAGS),
    st.builds(Shown, SERIALS, st.just(METER), COUNTS, st.just(100_00), st.sampled_from([None, 7, 8, 9]), TAGS, st.booleans()),
    st.builds(Removed, st.just(METER), st.integers(6, 9)),
)
PIECES = st.lists(PIECE, max_size=5)


@given(PIECES, PIECES)
def test_more_evidence_can_only_add_a_proof(some: list[Evidence], more: list[Evidence]) -> None:
    if moves(*some):
        assert moves(*some, *more)
        assert moves(*more, *some)


def test_a_replacement_carries_the_last_verified_record_of_the_card_that_it_replaces() -> None:
    last = replace(VERIFIED, n=9, tag=LATER.tag)
    assert carried(METER, CARD, None, []) == ()
    assert carried(METER, CARD, None, [SHOWN, Removed(METER, 3)]) == ()
    assert carried(METER, CARD, None, [VERIFIED, last, SHOWN]) == (last,)
    assert carried(METER, CARD, VERIFIED, [last]) == (last,)
    assert carried(METER, CARD, None, [replace(VERIFIED, meter="000000000001")]) == ()


def test_a_replacement_carries_what_the_card_was_issued_with_where_nothing_on_it_is_known() -> None:
    late = replace(VERIFIED, card=OLD_CARD, n=9, tag=LATER.tag)
    assert carried(METER, CARD, VERIFIED, []) == (VERIFIED,)
    assert carried(METER, CARD, VERIFIED, [late]) == (VERIFIED,)
    assert carried(METER, CARD, None, [late]) == ()


def test_a_replacement_carries_no_less_than_what_served_as_proof_on_its_card() -> None:
    last = replace(VERIFIED, n=9, tag=LATER.tag)
    assert carried(METER, CARD, None, [VERIFIED], kept=[last]) == (last,)
    assert carried(METER, CARD, None, [last], kept=[VERIFIED]) == (last,)
    assert carried(METER, CARD, VERIFIED, [], kept=[replace(last, card=OLD_CARD)]) == (VERIFIED,)
