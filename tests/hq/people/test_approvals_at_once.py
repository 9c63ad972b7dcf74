"""Proposals and releases that are cut in the middle, and several at the same moment."""

from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from kiosk.hq.people.approvals import ApprovalError
from kiosk.hq.people.staff import Acting
from kiosk.hq.settlement import deciding
from kiosk.hq.settlement.deciding import NotSettled, decisions, vouched
from kiosk.hq.store import Store
from tests.hq.people.move_kit import died, orders, proposed, releases, two_peoples_town, value
from tests.hq.settle_kit import Town, bought
from tests.sale.shop import METER, Card


def test_a_crash_between_proposal_and_release_and_between_release_and_order_costs_nothing(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Desks are made anew, as another process would: all that they know is in the store."""
    no = proposed(town)
    monkeypatch.setattr(town.orders, "make", died)
    with pytest.raises(KeyboardInterrupt):
        releases(town, no, "ben")()
    assert town.crew.approvals.find(no).state == "released"
    assert orders(town) == 0
    monkeypatch.undo()
    with pytest.raises(ApprovalError, match="was released by ben"):
        releases(town, no, "cleo")()
    made = town.desk.inner.release(no, town.crew("ben"), town.now_ms).made  # the same command once more
    assert made is not None
    assert made.order.n == 3
    again = town.desk.decide(value(town), "anna", town.now_ms).made
    assert again is not None
    assert again.code == made.code
    assert orders(town) == 1
    assert [each.what for each in decisions(town.store, value(town))][:3] == ["proposed", "released", "ordered"]
    assert all(vouched(town.crew.people, each) == "signed" for each in decisions(town.store, value(town)))


@pytest.mark.parametrize("step", ["proposed", "released", "closed"])
def test_the_audit_and_the_proposal_are_one_transaction(town: Town, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    if step == "proposed":
        monkeypatch.setattr(deciding, "_written", died)
        with pytest.raises(KeyboardInterrupt):
            proposed(town)
        monkeypatch.undo()
        assert town.crew.approvals.listed(town.now_ms, whole=True) == []
        return
    no = proposed(town) if step == "released" else town.desk.close(orphan(town), "anna", town.now_ms, note="given out").no
    release = town.desk.inner.release if step == "released" else town.desk.inner.release_close
    monkeypatch.setattr(deciding, "_written", died)
    with pytest.raises(KeyboardInterrupt):
        release(no, town.crew("ben"), town.now_ms)
    monkeypatch.undo()
    assert town.crew.approvals.find(no).state == "open"
    release(no, town.crew("ben"), town.now_ms)


def orphan(town: Town) -> str:
    """Cash that no sale explains."""
    k20 = town.kiosk("K20")
    bought(k20, Card(serial="00000000000000ab", meter="000000000078"))
    k20.counters["coins"] += 1
    k20.accepted["coins"] = (k20.accepted["coins"] or 0) + 1
    k20.start()
    town.hears(k20)
    return next(case.value for case in town.cases.all(town.now_ms) if case.kind == "orphan")


def test_of_two_who_release_at_once_one_does(database: str) -> None:
    town = two_peoples_town(database)
    no = proposed(town)
    people = [town.crew(name) for name in ("ben", "cleo", "dora", "emil")]

    def released(who: Acting) -> str:
        try:
            town.desk.inner.release(no, who, town.now_ms)
        except ApprovalError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(4) as officers:
        said = list(officers.map(released, people))
    assert sum(not each for each in said) == 1, said
    assert all("was released by" in each for each in said if each)
    assert orders(town) == 1
    assert [each.what for each in decisions(town.store, value(town))] == ["proposed", "released", "ordered"]
    town.store.close()


def test_of_two_proposals_to_close_one_amount_one_is_released(database: str) -> None:
    """Both were proposed at the same moment."""
    town = Town(Store.make(database, 1, now_ms=1))
    money = orphan(town)
    one = town.desk.close(money, "anna", town.now_ms, note="given out, receipt 88")
    other = town.crew.approvals.propose(
        msgspec.structs.replace(one.deed, at_ms=one.deed.at_ms + 1, body=one.deed.body | {"note": "kept"}), one.shown, town.crew("cleo")
    )
    ben = town.crew("ben")

    def released(no: int) -> str:
        try:
            town.desk.inner.release_close(no, ben, town.now_ms)
        except (ApprovalError, NotSettled) as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(2) as officers:
        said = list(officers.map(released, [one.no, other.no]))
    assert sorted(bool(each) for each in said) == [False, True], said
    assert [each.what for each in decisions(town.store, money)].count("closed") == 1
    town.store.close()


def test_numbers_of_proposals_at_once_are_each_ones_own(database: str) -> None:
    town = Town(Store.make(database, 1, now_ms=1))
    anna = town.crew("anna")
    with ThreadPoolExecutor(6) as officers:
        made = list(officers.map(lambda count: town.removals.propose(METER, count, anna, town.now_ms), range(12)))
    assert sorted(each.no for each in made) == list(range(1, 13))
    town.store.close()
