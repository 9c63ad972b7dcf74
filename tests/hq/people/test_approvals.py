"""What one person proposes and another one releases: each way round the second person, on PostgreSQL and SQLite."""

import hashlib

import msgspec
import pytest
from sqlalchemy import insert, select, update

from kiosk.hq.people.approvals import PROPOSAL_MS, ApprovalError, Deed
from kiosk.hq.people.staff import Acting, StaffError
from kiosk.hq.people.tables import APPROVAL
from kiosk.hq.settlement import deciding
from kiosk.hq.settlement.deciding import MOVE, NotSettled, decisions, vouched
from kiosk.hq.settlement.tables import REMOVAL, SETTLEMENT
from tests.hq.people.kit import signer
from tests.hq.people.move_kit import becomes, died, orders, proposed, releases, row, value
from tests.hq.settle_kit import Town, bought
from tests.sale.shop import METER, Card

# ---------------------------------------------------------------- two people


def test_both_have_signed_one_line_and_it_says_what_the_first_saw(town: Town) -> None:
    no = proposed(town)
    shown = str(row(town, no)["shown"])
    assert "nothing here proves by whose record" in shown
    releases(town, no, "ben")()
    first, released, ordered = decisions(town.store, value(town))
    deed = msgspec.json.decode(ordered.line, type=Deed)
    assert first.line == released.line == ordered.line
    assert (deed.kind, deed.value, deed.body["n"], deed.shown) == (MOVE, value(town), 3, hashlib.sha256(shown.encode()).hexdigest())
    for who, signature in ((ordered.first, ordered.first_signature), (ordered.second, ordered.second_signature)):
        assert town.crew.people.had_signed(who, "deed", ordered.line.encode(), signature)
    assert (ordered.first, ordered.second) == ("anna", "ben")
    assert ordered.first_signature != ordered.second_signature
    assert (first.second, first.second_signature) == ("", "")
    assert [vouched(town.crew.people, each) for each in (first, released, ordered)] == ["signed"] * 3


def test_one_person_alone_signs_what_one_person_decides(town: Town) -> None:
    town.hears(town.machines["K08"])
    assert town.desk.decide(value(town), "anna", town.now_ms).made is not None
    (ordered,) = decisions(town.store, value(town))
    assert (ordered.first, ordered.second, vouched(town.crew.people, ordered)) == ("anna", "", "signed")


def test_whoever_proposed_does_not_release_and_a_second_proposal_is_the_first(town: Town) -> None:
    no = proposed(town)
    with pytest.raises(ApprovalError, match="Another person releases it"):
        releases(town, no, "anna")()
    assert proposed(town, "ben") == no  # and is no word of ben's
    assert proposed(town, "anna") == no
    assert orders(town) == 0


@pytest.mark.covers("abuse-58")
@pytest.mark.parametrize("who", ["anna", "ben"])
def test_a_key_of_another_one_releases_nothing(town: Town, who: str) -> None:
    """Anna has ben's key; ben's login has anna's."""
    no = proposed(town)
    town.crew("ben")
    thief = {
        "anna": Acting("ben", "anna", signer(town.crew.keys["ben"])),
        "ben": Acting("ben", "ben", signer(town.crew.keys["anna"])),
    }[who]
    with pytest.raises(StaffError, match="belongs to the login ben" if who == "anna" else "not the key of ben"):
        town.desk.inner.release(no, thief, town.now_ms)
    assert orders(town) == 0


def test_whoever_has_no_right_neither_proposes_nor_releases(town: Town) -> None:
    town.crew.add("cleo", "settle.make", "settle.close")
    with pytest.raises(StaffError, match=r"cleo has no right to settle.move"):
        town.desk.decide(value(town), "cleo", town.now_ms)
    no = proposed(town)
    with pytest.raises(StaffError, match=r"cleo has no right to settle.move"):
        releases(town, no, "cleo")()
    with pytest.raises(StaffError, match=r"cleo has no right to settle.move"):
        town.crew.approvals.refuse(no, town.crew("cleo"), town.now_ms, "")
    town.crew.add("dora", "settle.move")
    assert releases(town, no, "dora")() is not None


@pytest.mark.parametrize("who", ["anna", "ben"])
def test_whoever_left_is_no_first_and_no_second_person(town: Town, who: str) -> None:
    town.crew("ben")
    no = proposed(town)
    town.crew.leaves(who, town.now_ms)
    with pytest.raises(StaffError, match=f"{who} is not on the staff any more"):
        releases(town, no, "ben")()
    with pytest.raises(StaffError, match="not on the staff any more"):
        town.desk.decide(value(town), who, town.now_ms + PROPOSAL_MS)
    assert orders(town) == 0


# ---------------------------------------------------------------- signatures and rows of somebody's own


def test_a_signature_that_was_made_for_another_deed_is_none_for_this(town: Town) -> None:
    """Ben has released that a meter was taken away; anna moves his signature under her proposal to move money."""
    removal = town.removals.propose(METER, 5, town.crew("anna"), town.now_ms)
    town.removals.release(removal.no, town.crew("ben"), town.now_ms)
    (stolen,) = town.store.read(lambda connection: connection.execute(select(REMOVAL.c.second_signature)).all())
    town.store.transact(lambda connection: connection.execute(REMOVAL.delete()))
    no = proposed(town)
    becomes(town, no, state="released", second="ben", second_signature=stolen.second_signature, done_ms=town.now_ms)
    assert proposed(town) == no + 1
    assert orders(town) == 0


@pytest.mark.parametrize("signature", ["", "00" * 64, "own", "refusal"])
def test_a_row_that_says_released_is_no_release(town: Town, signature: str) -> None:
    no = proposed(town)
    line = str(row(town, no)["line"]).encode()
    ben = town.crew("ben")
    said = {"own": str(row(town, no)["first_signature"]), "refusal": ben.sign("refusal", line).hex()}.get(signature, signature)
    becomes(town, no, state="released", second="ben", second_signature=said, done_ms=town.now_ms)
    assert proposed(town) == no + 1
    assert orders(town) == 0


def test_a_row_that_says_that_she_is_two_people_is_no_release(town: Town) -> None:
    no = proposed(town)
    becomes(town, no, state="released", second="anna", second_signature=row(town, no)["first_signature"], done_ms=town.now_ms)
    assert proposed(town) == no + 1
    assert orders(town) == 0


def test_a_proposal_that_was_put_into_the_database_is_released_by_nobody(town: Town) -> None:
    """Ben writes a proposal of anna's himself, so that his own word is the second."""
    case = town.case(town.machines["K07"])
    terms = deciding._terms(case, town.way(town.machines["K07"]))
    line = Deed(1, MOVE, case.value, town.now_ms, terms, hashlib.sha256(b"x").hexdigest()).line().decode()
    ben = town.crew("ben")
    town.crew("anna")
    forged = {"no": 1, "line_sha256": "x", "kind": MOVE, "value": case.value, "line": line, "shown": "x", "first": "anna", "state": "open"}
    forged |= {"first_signature": ben.sign("deed", line.encode()).hex(), "at_ms": 0, "second": "", "second_signature": "", "why": ""}
    town.store.transact(lambda connection: connection.execute(insert(APPROVAL).values(forged)))
    with pytest.raises(ApprovalError, match="not as anna signed it"):
        releases(town, 1, "ben")()
    town.crew.approvals.refuse(1, ben, town.now_ms, "forged")
    assert orders(town) == 0


def test_a_proposal_that_was_changed_is_released_by_nobody(town: Town) -> None:
    no = proposed(town)
    kept = row(town, no)
    deed = msgspec.json.decode(str(kept["line"]), type=Deed)
    richer = msgspec.structs.replace(deed, body=deed.body | {"amount_minor": 500_00})
    younger = msgspec.structs.replace(deed, at_ms=deed.at_ms + 1)
    other = msgspec.structs.replace(deed, value="K07/ffffffffffffffff")
    changes: list[dict[str, object]] = [
        {"shown": "All is proved."},
        {"value": "K07/ffffffffffffffff"},
        {"kind": "settle.close"},
        {"line": richer.line().decode()},
        {"line": younger.line().decode()},
        {"line": other.line().decode(), "value": other.value},
        {"first": "ben"},
    ]
    for change in changes:
        becomes(town, no, **change)
        with pytest.raises(ApprovalError, match="not as"):
            releases(town, no, "ben")()
        becomes(town, no, **{name: kept[name] for name in change})
    becomes(town, no, line="[]")
    with pytest.raises(ApprovalError, match="cannot be read"):
        releases(town, no, "ben")()
    becomes(town, no, line=kept["line"])
    assert releases(town, no, "ben")() is not None


def test_a_row_of_the_audit_that_was_changed_says_so(town: Town) -> None:
    releases(town, proposed(town), "ben")()
    town.store.transact(lambda connection: connection.execute(update(SETTLEMENT).where(SETTLEMENT.c.no == 3).values(amount_minor=1)))
    town.store.transact(lambda connection: connection.execute(update(SETTLEMENT).where(SETTLEMENT.c.no == 2).values(second="cleo")))
    town.store.transact(lambda connection: connection.execute(update(SETTLEMENT).where(SETTLEMENT.c.no == 1).values(line="", first="")))
    assert [vouched(town.crew.people, each) for each in decisions(town.store, value(town))] == ["unsigned", "changed", "changed"]


# ---------------------------------------------------------------- how a proposal ends


@pytest.mark.covers("field-163")
def test_a_proposal_ends_after_fourteen_days_by_the_line_and_not_by_a_column(town: Town) -> None:
    no = proposed(town)
    becomes(town, no, at_ms=town.now_ms + 10 * PROPOSAL_MS)
    assert [each.no for each in town.crew.approvals.listed(town.now_ms + PROPOSAL_MS - 1)] == [no]
    town.now_ms += PROPOSAL_MS
    assert town.crew.approvals.listed(town.now_ms) == []
    with pytest.raises(ApprovalError, match=f"Proposal {no} has ended"):
        releases(town, no, "ben")()
    assert proposed(town) == no + 1
    assert orders(town) == 0


def test_a_release_of_both_is_worth_nothing_after_fourteen_days(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both signed, the order was never made, and weeks later one person comes with it."""
    no = proposed(town)
    monkeypatch.setattr(town.orders, "make", died)
    with pytest.raises(KeyboardInterrupt):
        releases(town, no, "ben")()
    monkeypatch.undo()
    town.now_ms += PROPOSAL_MS
    assert town.desk.decide(value(town), "ben", town.now_ms).made is None


def test_it_ends_when_the_evidence_changes_what_the_rule_says(town: Town) -> None:
    no = proposed(town)
    town.hears(town.machines["K08"])  # now it is proved
    with pytest.raises(NotSettled, match=f"proposal {no} has ended"):
        releases(town, no, "ben")()
    assert town.crew.approvals.find(no).state == "ended"
    with pytest.raises(ApprovalError, match="has ended: the evidence has changed"):
        releases(town, no, "ben")()
    assert town.desk.decide(value(town), "anna", town.now_ms).made is not None


def test_it_stands_when_evidence_comes_that_changes_nothing(town: Town) -> None:
    no = proposed(town)
    bought(town.kiosk("K21"), Card(serial="00000000000000aa", meter="000000000077"))
    town.hears(town.machines["K21"])
    assert releases(town, no, "ben")() is not None


def test_a_refused_proposal_is_over_and_the_refusal_is_signed(town: Town) -> None:
    no = proposed(town)
    refused = town.crew.approvals.refuse(no, town.crew("ben"), town.now_ms, "the box says otherwise")
    assert town.crew.people.had_signed("ben", "refusal", refused.line.encode(), refused.second_signature)
    with pytest.raises(ApprovalError, match="was refused by ben: the box says otherwise"):
        releases(town, no, "cleo")()
    own = proposed(town)
    town.crew.approvals.refuse(own, town.crew("anna"), town.now_ms, "")  # she takes it back
    with pytest.raises(ApprovalError, match="was refused by anna"):
        releases(town, own, "ben")()
    with pytest.raises(ApprovalError, match="There is no proposal 99"):
        releases(town, 99, "ben")()
    with pytest.raises(ApprovalError, match="up to 512"):
        town.crew.approvals.refuse(proposed(town), town.crew("anna"), town.now_ms, "x" * 513)
    assert orders(town) == 0


def test_a_proposal_about_one_thing_releases_no_other(town: Town) -> None:
    no = proposed(town)
    with pytest.raises(NotSettled, match=r"is about settle.move"):
        town.desk.inner.release_close(no, town.crew("ben"), town.now_ms)
    removal = town.removals.propose(METER, 5, town.crew("anna"), town.now_ms)
    with pytest.raises(NotSettled, match=r"is about settle.removed"):
        releases(town, removal.no, "ben")()
    assert orders(town) == 0
