"""The verdict, from a head and a header alone: every row of the table, and that only the next batch moves a head."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kiosk.hq.intake.ledger import CLOSED, FROZEN, OPEN, REVOKED, Head, Verdict, followed, judged, worst
from kiosk.sync.batch import NO_BATCH, BatchHeader
from kiosk.vend.rows import origin

STORE, OTHER = "ab" * 16, "cd" * 16
ONE, TWO, X = "11" * 32, "22" * 32, "ee" * 32
CHAIN = "77" * 32
HEAD = Head(STORE, 1, ONE, 10, CHAIN)
NEXT = BatchHeader("K07", STORE, 1, 2, ONE, 11, 20, CHAIN, "99" * 32, 10, 0, "ok", "0.1")
FIRST = replace(NEXT, seq=1, prev=NO_BATCH, first=1, last=10, before=origin(bytes.fromhex(STORE)).hex(), head=CHAIN)


CASES = {
    "the first of all": (Head(), FIRST, ONE, None, Verdict.OK),
    "the next one": (HEAD, NEXT, TWO, None, Verdict.OK),
    "the same again": (HEAD, FIRST, ONE, ONE, Verdict.REPLAY),
    "the same again of a frozen kiosk": (replace(HEAD, state=FROZEN), FIRST, ONE, ONE, Verdict.REPLAY),
    "the same again of a revoked kiosk": (replace(HEAD, state=REVOKED, accepted_seq=0), FIRST, ONE, ONE, Verdict.REPLAY),
    "one is missing": (HEAD, replace(NEXT, seq=3), X, None, Verdict.GAP),
    "the first is missing": (Head(), NEXT, TWO, None, Verdict.GAP),
    "another under its number": (HEAD, replace(FIRST, head=X), X, ONE, Verdict.FORK),
    "it follows another": (HEAD, replace(NEXT, prev=X), TWO, None, Verdict.FORK),
    "another store": (HEAD, replace(NEXT, store=OTHER), TWO, None, Verdict.FORK),
    "another store from its beginning": (HEAD, replace(FIRST, store=OTHER), X, ONE, Verdict.FORK),
    "new of a frozen kiosk": (replace(HEAD, state=FROZEN), NEXT, TWO, None, Verdict.FORK),
    "new of a closed kiosk": (replace(HEAD, state=CLOSED), NEXT, TWO, None, Verdict.FORK),
    "above what is accepted": (replace(HEAD, state=REVOKED, accepted_seq=1), NEXT, TWO, None, Verdict.TAMPER),
    "accepted of a revoked kiosk": (replace(HEAD, state=REVOKED, accepted_seq=2), NEXT, TWO, None, Verdict.OK),
    "rows are left out": (HEAD, replace(NEXT, first=12), TWO, None, Verdict.TAMPER),
    "rows are said twice": (HEAD, replace(NEXT, first=10), TWO, None, Verdict.TAMPER),
    "another chain": (HEAD, replace(NEXT, before=X), TWO, None, Verdict.TAMPER),
    "a chain that does not begin": (Head(), replace(FIRST, before=X), ONE, None, Verdict.TAMPER),
    "a first that follows something": (Head(), replace(FIRST, prev=X), ONE, None, Verdict.FORK),
}


@pytest.mark.parametrize("case", list(CASES))
def test_every_row_of_the_table(case: str) -> None:
    head, header, digest, known, verdict = CASES[case]
    said = judged(head, header, digest, known)
    assert said.verdict is verdict
    assert bool(said.sentence) == (verdict not in (Verdict.OK, Verdict.REPLAY))


def test_the_head_moves_to_the_end_of_what_followed_it() -> None:
    assert followed(HEAD, NEXT, TWO) == Head(STORE, 2, TWO, 20, "99" * 32)


def test_the_worst_is_what_somebody_has_to_hear_of_first() -> None:
    assert worst([]) is Verdict.OK
    assert worst([Verdict.OK, Verdict.REPLAY]) is Verdict.REPLAY
    assert worst([Verdict.EXCEPTION, Verdict.GAP]) is Verdict.EXCEPTION
    assert worst([Verdict.FORK, Verdict.TAMPER, Verdict.OK]) is Verdict.FORK


@given(
    st.lists(st.integers(1, 6), max_size=30),
    st.sampled_from([OPEN, FROZEN, CLOSED]),
)
def test_in_whatever_order_batches_come_the_head_is_a_gapless_run(order: list[int], state: str) -> None:
    chain = [origin(bytes.fromhex(STORE)).hex(), *(f"{number:064x}" for number in range(1, 7))]
    hashes = [NO_BATCH, *(f"{number:063x}b" for number in range(1, 7))]
    headers = {
        n: replace(NEXT, seq=n, prev=hashes[n - 1], first=n, last=n, rows=1, before=chain[n - 1], head=chain[n]) for n in range(1, 7)
    }
    head, ledger, expected = Head(state=state), dict[int, str](), 0
    for number in order:
        said = judged(head, headers[number], hashes[number], ledger.get(number))
        if said.verdict is Verdict.OK:
            head, ledger[number] = followed(head, headers[number], hashes[number]), hashes[number]
        if state == OPEN and number == expected + 1:
            expected += 1
        assert head.seq == expected == len(ledger)
        assert (said.verdict is Verdict.REPLAY) == (number <= expected and said.verdict is not Verdict.OK)
