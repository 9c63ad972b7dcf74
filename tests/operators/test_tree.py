"""One resource tree: what a grant covers, and which rosters are believed."""

from typing import get_args

import msgspec
import pytest

from kiosk.devices.vault.demo_roster import demo_roster
from kiosk.vend.operators.orders import NEEDS
from kiosk.vend.operators.tree import OPERATIONS, TWO_PERSONS, Grant, Operator, Roster, RosterRefused, covers, roster_of
from kiosk.vend.staff import Operation
from tests.operators.kit import PHC, PLACE, ROSTER

DAY_MS = 86_400_000


def test_a_subtree_covers_itself_and_what_is_below_it_and_nothing_beside_it() -> None:
    assert all(covers(subtree, "cash.box.swap", ".") for subtree in ("", "cash", "cash.box", "cash.box.swap"))
    assert not any(covers(subtree, "cash.box.swap", ".") for subtree in ("cash.b", "cash.box.swap.x", "ash", "box.swap", "cash.count"))
    assert covers("u1/r2", "u1/r2/k07", "/")
    assert not covers("u1/r2", "u1/r20/k07", "/")


def test_a_grant_holds_for_its_operator_or_role_its_operations_its_places_and_its_time() -> None:
    assert ROSTER.may("007", "cash.box.swap", PLACE, 0)
    assert not ROSTER.may("007", "cash.count", PLACE, 0)
    assert not ROSTER.may("007", "service.close", PLACE, 0)
    assert not ROSTER.may("007", "cash.box.swap", "u1/r2/k08", 0)
    assert ROSTER.may("014", "service.close", "u1/r2/k08", 0)
    assert not ROSTER.may("014", "service.close", "u1/r3/k01", 0)
    assert not ROSTER.may("123", "cash.box.swap", PLACE, 0)
    timed = Roster((Operator("001", PHC, from_ms=DAY_MS, to_ms=3 * DAY_MS),), (Grant("001", "", "", from_ms=2 * DAY_MS, to_ms=4 * DAY_MS),))
    assert [timed.may("001", "restart", PLACE, day * DAY_MS) for day in range(5)] == [False, False, True, False, False]


def test_two_persons_stay_two_whatever_a_roster_says() -> None:
    assert all(ROSTER.needs_two(operation) for operation in TWO_PERSONS)
    assert not ROSTER.needs_two("cash.box.swap")
    assert Roster(two=("cash",)).needs_two("cash.box.swap")
    assert set(TWO_PERSONS) <= set(OPERATIONS)


def test_whatever_can_be_granted_can_be_done_at_the_machine() -> None:
    """An order of a screen, the right to see one, or to see what is in the box: nothing that has no flow yet."""
    assert set(OPERATIONS) == set(get_args(Operation)) | set(NEEDS.values()) | {"report.month", "cash.count"}


BAD = {
    "not json": b"\xff\xfe",
    "deep": b"[" * 100_000,
    "large": b" " * 300_000,
    "unknown field": b'{"operators":[],"grants":[],"two":[],"admin":true}',
    "short number": msgspec.json.encode(Roster((Operator("14", PHC),))),
    "same number": msgspec.json.encode(Roster((Operator("014", PHC), Operator("014", PHC)))),
    "plain pin": msgspec.json.encode(Roster((Operator("014", "271828"),))),
    "dear pin": msgspec.json.encode(Roster((Operator("014", PHC.replace("m=65536", "m=4194304")),))),
    "cheap pin": msgspec.json.encode(Roster((Operator("014", PHC.replace("t=3", "t=1")),))),
    "unknown operation": msgspec.json.encode(Roster((), (Grant("014", "cash.gift", ""),))),
    "no place": msgspec.json.encode(Roster((), (Grant("014", "cash", "../.. "),))),
    "two of nothing": msgspec.json.encode(Roster(two=("nothing",))),
}


@pytest.mark.covers("field-32")
@pytest.mark.parametrize("what", BAD)
def test_what_is_signed_and_not_well_made_is_no_roster_and_is_not_repeated(what: str) -> None:
    with pytest.raises(RosterRefused) as refused:
        roster_of(BAD[what])
    assert "271828" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_the_demos_roster_is_one() -> None:
    roster = roster_of(demo_roster())
    assert [one.number for one in roster.operators] == ["014", "007", "021"]
    assert "argon2id" not in repr(roster), "not even a string that opens nothing by itself"
