"""Import, of what nobody should have sent: changed files, wrong keys, rows that no machine writes, and rules that were broken."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from sqlalchemy import text

from kiosk.hq.intake.importer import RAW_MAX
from kiosk.hq.intake.ledger import Verdict
from kiosk.hq.intake.rules import Known
from kiosk.hq.schema import FACT, KIND, PARKED, QUARANTINE, SALE, WORK
from kiosk.hq.store import Store
from kiosk.sync.batch import Made, boxed_batch
from kiosk.vend import facts as f
from kiosk.vend.lifetime import Lifetime
from tests.hq.batches import NOW_MS, OFFICE, UTILITY, Journaled, Street, acked, importer
from tests.hq.postgres import database, postgres_url  # noqa: F401 - fixtures
from tests.hq.test_import import rows, take_all
from tests.seeds import Seeds

AT = (1_795_536_000_000, 1, 1_000)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    where = str(tmp_path / "hq.db") if request.param == "sqlite" else request.getfixturevalue("database")
    made = Store.make(where, UTILITY, now_ms=NOW_MS)
    yield made
    made.close()


def sold(**changes: object) -> f.SaleClosed:
    """A sale that a machine may have written, with something else in it."""
    lines = (f.PriceLine("fixed_fee", 5_00, summed=True), f.PriceLine("to_card", 45_00, summed=True))
    one = f.SaleClosed(
        sale="00112233445566aa", outcome="landed", card="1122334455667788", meter="000012345678", n=8,
        tenders=(f.Tender("notes", 50_00, 1),), tender_minor=50_00, approval=None, lines=lines, currency="CNY", exponent=2,
        credit_minor=45_00, credit_wh=77_580, claim_minor=0, tag="a1b2c3d4", tariff="flat/1", key_generation=1, float_minor=100_00,
        business_date="2026-11-25", zone="+0800", number=7, opened_ms=AT[0],
    )  # fmt: skip
    return replace(one, **changes)


def wrote(*facts: f.Fact, name: str = "K07") -> Journaled:
    kiosk = Journaled(name)
    for fact in facts:
        kiosk.write(fact, AT)
    return kiosk


# ---------------------------------------------------------------- files that nobody may believe


def test_a_batch_with_any_byte_changed_is_refused_and_changes_nothing_of_the_sums(store: Store, seeds: Seeds) -> None:
    kiosk = Street(sales=2)
    importing = importer(store, kiosk)
    raw = kiosk.batches(20)[0]
    for at in seeds.random("changed batch").sample(range(len(raw)), 60):
        changed = raw[:at] + bytes((raw[at] ^ 0x40,)) + raw[at + 1 :]
        taken = importing.take(changed, NOW_MS)
        assert (taken.verdict, taken.ack) == (Verdict.TAMPER, None)
    assert rows(store, FACT) == []
    assert importing.take(raw, NOW_MS).verdict == Verdict.OK


def without_its_key(_: Street) -> bytes:
    other = Street(sales=2)
    other.key = b"\7" * 32
    return other.batches(20)[0]


FALSE: dict[str, Callable[[Street], bytes]] = {
    "signed by another key": without_its_key,
    "a kiosk that nobody enrolled": lambda _: Street("K66", sales=2).batches(20)[0],
    "another utility": lambda kiosk: kiosk.batches(20, utility=2)[0],
    "rows that do not begin where the journal does": lambda kiosk: kiosk.batches(20, before="cd" * 32)[0],
    "no box": lambda _: b"hello",
    "nothing": lambda _: b"",
    "a gibibyte is not read": lambda _: bytes(RAW_MAX + 1),
}


@pytest.mark.parametrize("how", list(FALSE))
def test_a_file_that_nobody_may_believe_is_kept_apart_and_said(store: Store, how: str) -> None:
    kiosk = Street(sales=2)
    importing = importer(store, kiosk)
    taken = importing.take(FALSE[how](kiosk), NOW_MS)
    assert (taken.verdict, taken.ack) == (Verdict.TAMPER, None)
    assert taken.sentence.endswith(".")
    (kept,), (work,) = rows(store, QUARANTINE), rows(store, WORK)
    assert (kept.why, work.what, work.sentence) == ("tamper", "tamper", taken.sentence)
    assert len(kept.raw) <= RAW_MAX
    assert rows(store, FACT) == rows(store, PARKED) == []


@pytest.mark.covers("field-62")
def test_nobody_fills_the_disk_with_files_that_are_kept_apart(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.hq.intake.writing.QUARANTINE_MAX", 3)
    importing = importer(store, Street(sales=1))
    for number in range(10):
        importing.take(b"file %d" % number, NOW_MS)
    assert len(rows(store, QUARANTINE)) == 3


def test_of_a_group_with_false_and_repeated_files_all_others_are_in(store: Store) -> None:
    one, two = Street(sales=6), Street("K08", sales=6)
    importing = importer(store, one, two)
    a, b = one.batches(20), two.batches(20)
    importing.take(a[0], NOW_MS)
    verdicts = take_all(importing, [a[0], b[0], b"nothing", a[1], b[2], b[1], without_its_key(one)])
    assert verdicts == [
        Verdict.REPLAY, Verdict.OK, Verdict.TAMPER, Verdict.OK, Verdict.GAP, Verdict.OK, Verdict.TAMPER,
    ]  # fmt: skip
    assert rows(store, PARKED) == []


def test_a_batch_of_newer_software_waits_at_its_kiosk(store: Store) -> None:
    kiosk = Street(sales=2)
    importing = importer(store, kiosk)
    made = kiosk.made(20)[0]
    newer = msgspec.json.encode(msgspec.json.decode(made.header) | {"v": 2})
    taken = importing.take(boxed_batch(Made(newer, made.signature, made.body), OFFICE.box_key), NOW_MS)
    assert (taken.verdict, taken.ack) == (Verdict.GAP, None)
    assert rows(store, QUARANTINE) == rows(store, WORK) == []


# ---------------------------------------------------------------- rows that no machine writes

STRANGE = {
    "a zero byte in a sale's name": b'1795536000000,1,1000,"0011223344556\\u00007","NoteStacked",1,{}',
    "a sale's name that is none": b'1795536000000,1,1000,"\\"; DROP TABLE fact","DeviceFault",1,{"device":"x","code":"y"}',
    "a kind whose name is none": b'1795536000000,1,1000,null,"No\\tsuch\\u0000kind",1,{}',
    "a kind with a very long name": b'1795536000000,1,1000,null,"' + b"K" * 60 + b'",1,{}',
    "a body that is a number": b'1795536000000,1,1000,null,"DeviceFault",1,5',
    "a body with blanks and backslashes": b'1795536000000,1,1000,null,"Fancy",1,{\t"a":\r"\\\\n\\t\\u0000\\\\." }',
    "a version that nobody knows": b'1795536000000,1,1000,null,"DeviceFault",30000,{"device":"x"}',
    "a card that is no serial": b'1795536000000,1,1000,"00112233445566aa","CardVerified",1,{"card":"\\u0000\\t","n":1,"tag":"x"}',
    "an amount above all money": b'1795536000000,1,1000,"00112233445566aa","NoteStacked",1,{"device":"notes","serial":"x",'
    b'"denomination":9007199254740993000,"counter":1,"accepted":null}',
    "an amount below nothing": b'1795536000000,1,1000,"00112233445566aa","NoteStacked",1,{"device":"notes","serial":"x",'
    b'"denomination":-9007199254740993000,"counter":1,"accepted":null}',
    "a deep body": b'1795536000000,1,1000,null,"DeviceFault",1,' + b"[" * 900 + b"]" * 900,
}


@pytest.mark.covers("field-64")
@pytest.mark.parametrize("how", list(STRANGE))
def test_a_strange_row_is_kept_just_as_it_is_and_no_batch_after_it_has_to_wait(store: Store, how: str) -> None:
    kiosk = Journaled("K07")
    kiosk.raw_row(STRANGE[how])
    kiosk.write(sold(), AT)
    importing = importer(store, kiosk)
    first, *_ = [importing.take(raw, NOW_MS) for raw in kiosk.batches(10)]
    assert first.verdict in (Verdict.OK, Verdict.EXCEPTION)
    _, strange, _ = rows(store, FACT)
    assert strange.body.encode() in STRANGE[how]
    assert len(rows(store, SALE)) == 1
    assert acked(first.ack).contiguous_seq == 1


@pytest.mark.covers("field-66")
@pytest.mark.parametrize("rest", [b'1,1,99999999999999999999,null,"X",1,{}', b'-1,1,1,null,"X",1,{}', b'1,1,1,null,"X",99999,{}'])
def test_a_number_that_no_row_has_is_no_journal(store: Store, rest: bytes) -> None:
    kiosk = Journaled("K07")
    kiosk.raw_row(rest)
    taken = importer(store, kiosk).take(kiosk.batches(10)[0], NOW_MS)
    assert taken.verdict == Verdict.TAMPER


@pytest.mark.parametrize("text_", [b"\xff\xfe", b"\\ud800"])
def test_text_that_is_no_utf8_is_no_journal(store: Store, text_: bytes) -> None:
    kiosk = Journaled("K07")
    kiosk.raw_row(b'1,1,1,null,"X",1,{"a":"' + text_ + b'"}')
    assert importer(store, kiosk).take(kiosk.batches(10)[0], NOW_MS).verdict == Verdict.TAMPER


def test_a_kind_that_was_never_heard_of_is_kept_under_its_name_and_is_no_exception(store: Store) -> None:
    kiosk = wrote()
    for number in range(3):
        kiosk.raw_row(b'1795536000000,1,1000,null,"GateOpened",1,{"gate":%d}' % number)
    importing = importer(store, kiosk)
    taken = importing.take(kiosk.batches(10)[0], NOW_MS)
    assert (taken.verdict, taken.sentence) == (Verdict.OK, "")
    names = {row.no: row.name for row in rows(store, KIND)}
    assert [names[row.kind] for row in rows(store, FACT)] == ["StoreCreated", *["GateOpened"] * 3]
    (work,) = rows(store, WORK)
    assert (work.what, work.seq) == ("unknown", 2)


@pytest.mark.covers("field-63")
def test_a_journal_cannot_fill_the_table_of_kinds(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    importing = importer(store, kiosk := wrote())
    full = max(row.no for row in rows(store, KIND))
    monkeypatch.setattr("kiosk.hq.kiosks.KINDS_MAX", full + 3)
    for number in range(6):
        kiosk.raw_row(b'1795536000000,1,1000,null,"Kind%c",1,{}' % (65 + number))
    assert importing.take(kiosk.batches(10)[0], NOW_MS).verdict == Verdict.OK
    assert max(row.no for row in rows(store, KIND)) == full + 2
    assert [row.kind for row in rows(store, FACT)][-4:] == [0, 0, 0, 0]


# ---------------------------------------------------------------- rules that were broken

BROKEN: dict[str, tuple[f.SaleClosed, str]] = {
    "more was given than was paid": (sold(tender_minor=40_00), "sums"),
    "its pieces are another sum": (sold(tenders=(f.Tender("notes", 20_00, 1),)), "sums"),
    "two kinds of money": (sold(tenders=(f.Tender("notes", 40_00, 1), f.Tender("bank", 10_00, 1))), "sums"),
    "an outcome that is none": (sold(outcome="vanished"), "sums"),
    "a blocked card": (sold(card="dead00000000beef"), "hotlist"),
    "a tariff that never was": (sold(tariff="gift/9"), "tariff"),
    "money that is not known": (sold(currency="XTS"), "money"),
    "the wrong number of places": (sold(exponent=0), "money"),
    "no day": (sold(business_date="2026-13-45"), "date"),
    "no zone": (sold(zone="../../etc/passwd"), "zone"),
}
KNOWN = Known({"dead00000000beef": (1, 4)}, frozenset({"flat/1"}))


@pytest.mark.parametrize("how", list(BROKEN))
def test_a_broken_rule_is_imported_and_flagged_for_the_money_has_moved(store: Store, how: str) -> None:
    fact, rule = BROKEN[how]
    kiosk = wrote(fact)
    importing = importer(store, kiosk, rules=KNOWN)
    taken = importing.take(kiosk.batches(10, applied={"hotlist": (1, 4)})[0], NOW_MS)
    assert taken.verdict == Verdict.EXCEPTION
    assert acked(taken.ack).contiguous_seq == 1
    assert acked(taken.ack).exceptions == (1,)
    assert {(work.what, work.seq) for work in rows(store, WORK)} == {(rule, 2)}
    (sale,) = rows(store, SALE)
    assert (sale.posted_day == 0) == (rule in ("money", "date"))


def test_a_sale_that_holds_text_no_machine_writes_stands_in_no_sum(store: Store) -> None:
    kiosk = wrote(sold(meter="\0" * 12), sold(sale="00112233445566bb", card="x" * 500))
    assert importer(store, kiosk).take(kiosk.batches(10)[0], NOW_MS).verdict == Verdict.EXCEPTION
    assert rows(store, SALE) == []
    assert len(rows(store, FACT)) == 3


def test_a_sale_that_ends_twice_counts_once(store: Store) -> None:
    kiosk = wrote(sold(), sold())
    assert importer(store, kiosk).take(kiosk.batches(10)[0], NOW_MS).verdict == Verdict.EXCEPTION
    assert len(rows(store, SALE)) == 1


def test_totals_that_the_rows_do_not_add_up_to_are_flagged_once(store: Store) -> None:
    kiosk = Street(sales=6)
    importing = importer(store, kiosk)
    verdicts = [importing.take(raw, NOW_MS).verdict for raw in kiosk.batches(30, totals=Lifetime(sales=1, cash_minor=3))]
    assert Verdict.OK not in verdicts
    assert {work.what for work in rows(store, WORK)} == {"totals"}


def test_a_claim_that_was_settled_wrongly_is_flagged(store: Store) -> None:
    lines = (f.PriceLine("to_card", 50_00, summed=True),)
    claim = sold(outcome="claimed", lines=(), credit_minor=0, claim_minor=50_00)
    cases = [
        f.ClaimSettled("ffffffffffffffff", "landed", 50_00, lines),  # of no sale
        f.ClaimSettled(claim.sale, "landed", 50_00, lines),
        f.ClaimSettled(claim.sale, "landed", 50_00, lines),  # a second time
    ]
    kiosk = wrote(claim, *cases)
    importing = importer(store, kiosk)
    assert importing.take(kiosk.batches(10)[0], NOW_MS).verdict == Verdict.EXCEPTION
    assert [(work.what, work.seq) for work in rows(store, WORK)] == [("claim", 3), ("claim", 5)]
    assert [row.outcome for row in rows(store, SALE)] == ["claimed", "settled"]
    assert sum(row.claim_minor for row in rows(store, SALE)) == 0


@pytest.mark.covers("field-65")
def test_a_thousand_wrong_rows_are_a_few_lines_of_work(store: Store) -> None:
    kiosk = Journaled("K07")
    for _ in range(900):
        kiosk.raw_row(b'1795536000000,1,1000,null,"DeviceFault",1,{}')
    assert importer(store, kiosk).take(kiosk.batches(1_000)[0], NOW_MS).verdict == Verdict.EXCEPTION
    work = rows(store, WORK)
    assert len(work) == 10
    assert "890 more rows" in work[-1].sentence


@pytest.mark.parametrize("turn", range(2))
def test_no_mutation_of_a_signed_journal_is_more_than_a_verdict(store: Store, turn: int, seeds: Seeds) -> None:
    """Rows changed at random by one who has the kiosk's key: whatever stands in them, the import ends in a verdict and a sum."""
    rng, verdicts = seeds.random(f"mutated journal {turn}"), Counter[Verdict]()
    street = Street(sales=3)
    for number in range(40):
        kiosk = Journaled(f"K{number:02}")
        for each, fact in zip(street.lines[1:], street.facts[1:], strict=True):
            kiosk.raw_row(mutated(each.split(b",", 1)[1][:-1], rng), fact)
        verdicts.update(take_all(importer(store, kiosk), kiosk.batches(rng.choice((10, 50)))))
    assert min(verdicts[Verdict.OK], verdicts[Verdict.EXCEPTION], verdicts[Verdict.TAMPER]) > 0
    totals = store.read(lambda connection: connection.execute(text("SELECT sum(tender_minor) FROM day_kiosk")).scalar())
    assert totals == sum(row.tender_minor for row in rows(store, SALE) if row.posted_day) != 0


def mutated(line: bytes, rng: random.Random) -> bytes:
    """The line, or seldom one with a byte changed, a number that is huge or below nothing, a name or text that is another."""
    at, kind = rng.randrange(len(line)), rng.randrange(150)
    changed = {
        0: line[:at] + bytes((rng.choice(b'0123456789abcz"{}[],:-+.\\'),)) + line[at + 1 :],
        1: line.replace(b'minor":', b'minor":99999999999999', 1),
        2: line.replace(b'minor":', b'minor":-7', 1),
        3: line.replace(b'"denomination":', b'"nothing":').replace(b'"lines":[', b'"lines":[5,'),
        4: line.replace(b'"000012345678"', b'"\\u0000\\u2028"').replace(b"K", b"\\n"),
        5: line.replace(b'"+0800"', b'"+9999"').replace(b"2026-11-25", b"9999-12-31"),
        6: line.replace(b'"NoteStacked"', b'"SaleClosed"').replace(b'"SaleClosed"', b'"ClaimSettled"'),
    }
    return changed.get(kind, line)
