"""The journal: what was promised is there, in order, and one changed bit is found."""

import re
import shutil
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.vend import facts as f
from kiosk.vend import passing, rows
from kiosk.vend.journal import Journal
from kiosk.vend.store import StoreDamaged
from tests.journal.golden import GOLDEN, missing
from tests.journal.shop import KEY, SALE, day, made, note
from tests.journal.test_store import opened

BOUNDARY = ("seq", "at_ms", "boot", "mono_ms", "sale", "kind", "v", "body", "hash")


def test_facts_come_back_as_they_went_in(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Journal.open(path, KEY, at_ms=5) as journal:
        written = journal.append(7, 3, 9, (f.DeviceFault("notes", "jammed"), note(1)))
        assert [row.seq for row in written] == [2, 3]
        assert journal.head() == (3, bytes.fromhex(written[-1].hash))
    with Journal.open(path, KEY) as journal:
        back = list(journal.tail(1))
        assert [each.fact for each in back[1:]] == [f.DeviceFault("notes", "jammed"), note(1)]
        assert [each.row for each in back[1:]] == list(written)
        assert back[0].row.at_ms == 5
        assert [each.sale for each in back] == [None, None, SALE]
        assert journal.next_boot() == 4


def test_a_barrier_is_on_disk_on_return_and_takes_the_waiting_rows_along(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "store.db", KEY) as journal:
        journal.append(1, 1, 1, (f.DeviceFault("notes", "jammed"),))
        assert journal.pending()
        with Journal.open(tmp_path / "store.db", KEY, read_only=True) as other:
            assert other.head()[0] == 1
        journal.append(1, 1, 1, (note(1),))
        assert not journal.pending()
        with Journal.open(tmp_path / "store.db", KEY, read_only=True) as other:
            assert other.head() == journal.head()


def test_the_sale_is_a_column_and_does_not_stand_in_the_body(tmp_path: Path) -> None:
    path = made(tmp_path / "store.db")
    raw = opened(path).execute("SELECT sale, body FROM journal WHERE kind = 'WriteStarted'").fetchone()
    assert raw[0] == SALE
    assert raw[1] == b'{"card":"1122334455667788","meter":"000012345678","n":8,"amount_minor":30000,"tag":"a1b2c3d4"}'


def test_the_chain_can_be_recomputed_from_the_format_alone(tmp_path: Path) -> None:
    """Written from docs: no code of the kiosk takes part."""
    path = made(tmp_path / "store.db")
    stored = opened(path).execute("SELECT seq,at_ms,boot,mono_ms,sale,kind,v,body,hash FROM journal ORDER BY seq").fetchall()
    store_id = re.fullmatch(rb'\{"store":"([0-9a-f]{32})"\}', stored[0][7])
    assert store_id
    chained = sha256(b"kj1" + bytes.fromhex(store_id[1].decode())).digest()
    for seq, at_ms, boot, mono_ms, sale, kind, v, body, kept in stored:
        quoted = f'"{sale}"' if sale else "null"
        line = f'[{seq},{at_ms},{boot},{mono_ms},{quoted},"{kind}",{v},'.encode() + body + b"]"
        chained = sha256(chained + sha256(b"\0" + line).digest()).digest()
        assert chained == kept


def flip(value: Any, bit: int) -> Any:
    """The same value with one bit changed, of the same type."""
    if isinstance(value, int):
        return value ^ (1 << bit % 40)
    raw = bytearray(value.encode() if isinstance(value, str) else value)
    raw[bit // 8 % len(raw)] ^= 1 << bit % 8
    return bytes(raw)


@pytest.mark.covers("abuse-30", "rule-17")
@pytest.mark.parametrize("column", BOUNDARY)
def test_one_changed_bit_of_any_row_is_found_with_its_number(tmp_path: Path, column: str) -> None:
    whole, path = made(tmp_path / "whole.db", notes=12), tmp_path / "store.db"
    count = 17
    for seq in range(2, count + 1):
        shutil.copyfile(whole, path)
        raw = opened(path)
        (value,) = raw.execute(f"SELECT {column} FROM journal WHERE seq = ?", (seq,)).fetchone()  # noqa: S608
        if value is None:
            continue
        changed = flip(value, 20 + seq if column == "seq" else seq * 5)
        cast = "CAST(? AS TEXT)" if isinstance(value, str) else "?"
        raw.execute(f"UPDATE journal SET {column} = {cast} WHERE seq = ?", (changed, seq))  # noqa: S608
        raw.close()
        with Journal.open(path, KEY, create=False, read_only=True) as journal:
            found = journal.verify()
            assert found.bad_seq == seq, (column, seq, found)
            if column != "seq":
                with pytest.raises(StoreDamaged) as damage:
                    list(journal.tail(1))
                assert damage.value.seq == seq


@pytest.mark.covers("rule-17")
def test_a_row_that_is_gone_is_found(tmp_path: Path) -> None:
    path = made(tmp_path / "store.db")
    opened(path).execute("DELETE FROM journal WHERE seq = 9")
    with Journal.open(path, KEY) as journal:
        assert journal.verify().bad_seq == 9


@pytest.mark.covers("rule-17", "abuse-30")
def test_a_chain_made_anew_by_someone_with_the_key_fails_at_the_stations_signature(tmp_path: Path) -> None:
    path = tmp_path / "store.db"

    def sign(message: bytes) -> bytes:
        return (b"signed" + message)[::-1]

    def holds(message: bytes, signature: bytes) -> bool:
        return sign(message) == signature

    with Journal.open(path, KEY) as journal:
        day(journal)
        seq, head = journal.head()
        journal.append(1, 1, 1, (f.HeadSigned(seq, head.hex(), sign(journal.head_message()).hex()), note(31)))
        assert journal.verify(holds).signed == 1
    raw = opened(path)
    raw.execute("UPDATE journal SET body = CAST(replace(body, '10000', '90000') AS BLOB) WHERE seq = 5")
    previous = bytes(raw.execute("SELECT hash FROM journal WHERE seq = 4").fetchone()[0])
    for row in raw.execute(
        "SELECT seq,at_ms,boot,mono_ms,sale,kind,v,CAST(body AS BLOB) FROM journal WHERE seq >= 5 ORDER BY seq"
    ).fetchall():
        body = row[7].replace(head.hex().encode(), previous.hex().encode()) if row[5] == "HeadSigned" else row[7]
        previous = rows.link(previous, rows.line(row[:4], (*row[4:7], body)))
        raw.execute("UPDATE journal SET body = ?, hash = ? WHERE seq = ?", (body, previous, row[0]))
    raw.close()
    with Journal.open(path, KEY) as journal:
        assert journal.verify().bad_seq is None  # an unkeyed chain proves nothing against who holds the disk
        found = journal.verify(holds)
        assert found.forged
        assert found.bad_seq == seq + 1


def test_a_checkpoint_shortens_the_start_and_the_last_two_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Journal.open(path, KEY) as journal:
        day(journal)
        places = [journal.checkpoint(f"state {each}".encode(), 1, 1, 1).seq for each in range(3)]
        assert journal.checkpointed() == places[-1]
    with Journal.open(path, KEY) as journal:
        assert journal.checkpoints() == [(places[2], b"state 2"), (places[1], b"state 1")]
        assert [each.row.seq for each in journal.tail(places[2])] == [places[2]]


@pytest.mark.covers("abuse-30")
def test_an_old_rows_damage_does_not_stop_a_start_but_a_changed_state_does(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Journal.open(path, KEY) as journal:
        day(journal)
        place = journal.checkpoint(b"state", 1, 1, 1).seq
    raw = opened(path)
    raw.execute("UPDATE journal SET at_ms = 0 WHERE seq = 5")
    with Journal.open(path, KEY) as journal:
        assert len(list(journal.tail(place))) == 1
        assert journal.verify().bad_seq == 5
    raw.execute("UPDATE checkpoint SET state = ?", (b"fancy",))
    raw.close()
    with Journal.open(path, KEY) as journal, pytest.raises(StoreDamaged, match="not the one that was stored"):
        journal.checkpoints()


def test_an_unknown_kind_is_kept_and_read(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with Journal.open(path, KEY) as journal:
        seq, head = journal.head()
        row = (seq + 1, 1, 1, 1, SALE, "TeaServed", 1, b'{"cups":2}')
        journal._write("INSERT INTO journal VALUES (?,?,?,?,?,?,?,?,?)", [(*row, rows.link(head, rows.line(row[:4], row[4:])))])
        journal.commit()
    with Journal.open(path, KEY) as journal:
        assert journal.verify().bad_seq is None
        (tea,) = journal.tail(2)
        assert tea.fact == rows.Unknown("TeaServed", 1, SALE, b'{"cups":2}')
        assert tea.fact.kind == "TeaServed"
        with pytest.raises(TypeError):
            journal.append(1, 1, 1, (tea.fact,))


def test_a_passing_fact_is_never_written_down(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "store.db", KEY) as journal, pytest.raises(TypeError):
        journal.append(1, 1, 1, (passing.CardLeft(),))


def test_a_newer_version_is_unknown_and_an_older_one_is_raised() -> None:
    class Weighed(f.Fact, frozen=True):
        grams: int
        v = 3

    known = {"Weighed": Weighed}
    upcasters: dict[tuple[str, int], rows.Upcaster] = {
        ("Weighed", 1): lambda body: {"kilos": body["pounds"] // 2},
        ("Weighed", 2): lambda body: {"grams": body["kilos"] * 1000},
    }
    assert rows.fact_of(known, (None, "Weighed", 1, b'{"pounds":8}'), upcasters) == Weighed(4000)
    assert rows.fact_of(known, (None, "Weighed", 2, b'{"kilos":4}'), upcasters) == Weighed(4000)
    assert isinstance(rows.fact_of(known, (None, "Weighed", 4, b"{}"), upcasters), rows.Unknown)


def test_a_known_kind_that_does_not_parse_never_folds_to_nothing() -> None:
    for body in (b'{"device":"notes"}', b"{", b"\xff", b"[]"):
        with pytest.raises(rows.Unreadable):
            rows.fact_of(rows.kinds(), (SALE, "NoteStacked", 1, body))


@settings(max_examples=80)
@given(st.sampled_from(sorted(rows.kinds())), st.data())
def test_every_kind_survives_the_way_to_bytes_and_back(kind: str, data: st.DataObject) -> None:
    fact = data.draw(st.from_type(rows.kinds()[kind]))
    says = rows.columns(fact)
    assert "sale" not in msgspec.json.decode(says[3])
    assert rows.fact_of(rows.kinds(), says) == fact
    line = msgspec.json.decode(rows.line((1, 2, 3, 4), says))
    assert line[:7] == [1, 2, 3, 4, *says[:3]]


def test_the_golden_journal_of_version_1_reads_as_ever() -> None:
    """Rows as version 1 wrote them. They are never written again: what they say must be understood for ever."""
    row_type = tuple[int, int, int, int, str | None, str, int, msgspec.Raw]
    for stored in GOLDEN.read_bytes().splitlines():
        *stamp, sale, kind, v, body = msgspec.json.decode(stored, type=row_type)
        fact = rows.fact_of(rows.kinds(), (sale, kind, v, bytes(body)))
        assert not isinstance(fact, rows.Unknown), kind
        seq, at_ms, boot, mono_ms = stamp
        assert rows.line((seq, at_ms, boot, mono_ms), (sale, kind, v, bytes(body))) == stored
        assert fact.kind == kind


def test_every_kind_stands_in_the_golden_journal() -> None:
    assert missing() == [], "a new kind: python -m tests.journal.golden >> tests/journal/golden_v1.jsonl"


KILLED = """
import sys, pathlib
from kiosk.vend.journal import Journal
from tests.journal.golden import GOLDEN, missing
from tests.journal.shop import KEY, note
journal = Journal.open(pathlib.Path(sys.argv[1]), KEY)
for counter in range(100_000):  # ends by itself, whatever the test does
    print(journal.append(counter, 1, counter, (note(counter),))[-1].seq, flush=True)
"""


@pytest.mark.parametrize("kills", [2, pytest.param(40, marks=pytest.mark.deep("40 kills of a process that writes"))])
def test_what_was_promised_before_a_kill_is_there_after_it(tmp_path: Path, kills: int) -> None:
    path = tmp_path / "store.db"
    for kill in range(kills):
        with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True) as kiosk:
            assert kiosk.stdout
            promised = [int(kiosk.stdout.readline()) for _ in range(20 + kill * 7)]
            kiosk.send_signal(signal.SIGKILL)
            promised += [int(seq) for seq in kiosk.stdout.read().split("\n")[:-1]]
        with Journal.open(path, KEY, create=False) as journal:
            assert journal.head()[0] >= promised[-1]
            assert journal.verify().bad_seq is None
