"""What the head office acknowledges, and what a kiosk believes of it: its own history, signed, and back only in a new epoch."""

import os
import shutil
from pathlib import Path

import msgspec
import pytest

from kiosk import envelope
from kiosk.commands.findings import of_rule
from kiosk.sync.ack import LISTED_MAX, Ack, AckRefused, made_ack, read_ack
from kiosk.sync.batch import NO_BATCH
from kiosk.sync.seal import KEPT_MS
from kiosk.sync.spool import ack_name
from kiosk.vend.risk import standing
from kiosk.vend.rules import Now
from kiosk.vend.seen import Trusted
from kiosk.vend.sent import AckDisputed, BatchAcked
from kiosk.vend.trust import KeyListInstalled
from kiosk.vend.witness import Restored
from tests.sale.shop import rules
from tests.sync.kit import KIOSK, STATION, Kiosk, Office, opened, sold

DAY_MS = 86_400_000
OFFICE = Office()
ACK = Ack(KIOSK, "ab" * 16, 2, 7, "cd" * 32, 5, 1_790_000_000_000, (9, 10), (3,))


def facts_of(kiosk: Kiosk, kind: type) -> list[object]:
    return [recorded.fact for recorded in kiosk.rows() if isinstance(recorded.fact, kind)]


def sealed(kiosk: Kiosk, batches: int) -> None:
    for _ in range(batches):
        kiosk.something_happens()
        kiosk.seal()
    kiosk.carry()


# ---------------------------------------------------------------- the bytes


def test_an_acknowledgement_says_what_was_signed_and_is_named_by_it() -> None:
    raw = made_ack(ACK, OFFICE.ack_key.sign)
    assert read_ack(raw, [STATION.public_key, OFFICE.ack_key.public_key]) == ACK
    assert ack_name(raw) == ACK.name == "ack-2-00000007"


def test_every_byte_of_it_counts() -> None:
    raw = made_ack(ACK, OFFICE.ack_key.sign)
    for place in range(len(raw)):
        for bit in (1, 0x80):
            changed = raw[:place] + bytes((raw[place] ^ bit,)) + raw[place + 1 :]
            with pytest.raises(AckRefused):
                read_ack(changed, [OFFICE.ack_key.public_key])
    for length in (0, 1, len(raw) // 2, len(raw) - 1):
        with pytest.raises(AckRefused):
            read_ack(raw[:length], [OFFICE.ack_key.public_key])
    with pytest.raises(AckRefused):
        read_ack(raw + b"\n", [OFFICE.ack_key.public_key])


@pytest.mark.parametrize(
    "body",
    [b"{}", b"[]", b"null", b"[" * 50_000, b'{"kiosk":' * 5_000, b"\xff", msgspec.json.encode(ACK).replace(b'"v":1', b'"v":2'),
     msgspec.json.encode(ACK).replace(b"K07", b"../K"), msgspec.json.encode(ACK).replace(b'"contiguous_seq":7', b'"contiguous_seq":-1'),
     msgspec.json.encode(ACK).replace(b'"contiguous_seq":7', b'"contiguous_seq":100000000')],
)  # fmt: skip
def test_signed_nonsense_is_refused_in_one_sentence(body: bytes) -> None:
    header = msgspec.json.encode({"body": envelope.body_of(body), "kind": "ack", "v": 1})
    with pytest.raises(AckRefused, match=r"^It does not say what an acknowledgement says\.$"):
        read_ack(envelope.sealed(OFFICE.ack_key.sign, "ack", header, body), [OFFICE.ack_key.public_key])


def test_a_key_for_another_purpose_acknowledges_nothing() -> None:
    with pytest.raises(AckRefused, match="not signed as ack"):
        read_ack(made_ack(ACK, lambda _label, data: OFFICE.ack_key.sign("down", data)), [OFFICE.ack_key.public_key])
    with pytest.raises(AckRefused):
        read_ack(made_ack(ACK, STATION.sign), [OFFICE.ack_key.public_key])
    with pytest.raises(AckRefused):
        read_ack(made_ack(ACK, OFFICE.ack_key.sign), [])


@pytest.mark.covers("field-43")
def test_long_lists_are_cut_so_that_an_acknowledgement_can_always_be_made_and_read() -> None:
    many = tuple(range(1, 50_000))
    read = read_ack(made_ack(msgspec.structs.replace(ACK, parked=many, exceptions=many), OFFICE.ack_key.sign), [OFFICE.ack_key.public_key])
    assert (read.parked, read.exceptions) == (many[:LISTED_MAX], many[-LISTED_MAX:])


# ---------------------------------------------------------------- what a kiosk believes


def test_an_acknowledgement_of_part_leaves_the_rest_waiting(tmp_path: Path) -> None:
    office = Office()
    with opened(tmp_path, office, sold()) as kiosk:
        sealed(kiosk, 3)
        kiosk.answer(office.ack(kiosk.store, 2))
        assert (kiosk.sent.acked.batch, sorted(kiosk.up()), kiosk.sent.unsent_minor) == (2, [3], 0)
        assert kiosk.sent.unsent_rows == kiosk.sent.news - office.batches[2].header.last


def test_an_old_one_and_the_same_one_say_nothing_new(tmp_path: Path) -> None:
    office = Office()
    with opened(tmp_path, office, sold()) as kiosk:
        sealed(kiosk, 3)
        kiosk.answer(office.ack(kiosk.store, 3), "ack-1-00000003")
        rows = len(kiosk.rows())
        kiosk.answer(office.ack(kiosk.store, 1), "ack-1-00000001")
        kiosk.answer(office.ack(kiosk.store, 3, at_ms=1_790_000_000_001), "ack-1-00000003")
        assert (kiosk.sent.acked.batch, len(kiosk.rows()), kiosk.up()) == (3, rows, {})
    with opened(tmp_path, office) as kiosk:
        kiosk.sender.work(kiosk.now_ms)
        assert len(facts_of(kiosk, BatchAcked)) == 1, "nor after a restart"


def test_what_is_safe_on_another_site_is_learnt_without_anything_new(tmp_path: Path) -> None:
    office = Office()
    with opened(tmp_path, office, sold()) as kiosk:
        sealed(kiosk, 2)
        kiosk.answer(office.ack(kiosk.store))
        office.durable = 1
        kiosk.answer(office.ack(kiosk.store))
        assert kiosk.sent.acked.durable == 1
        office.durable = 0
        kiosk.answer(office.ack(kiosk.store))
        assert (kiosk.sent.acked.durable, len(facts_of(kiosk, BatchAcked))) == (1, 2), "and never less within an epoch"


@pytest.mark.covers("rule-17")
def test_a_head_office_that_has_another_history_is_an_alarm_told_once_and_stops_nothing_from_being_sent(tmp_path: Path) -> None:
    office = Office()
    with opened(tmp_path, office, sold()) as kiosk:
        sealed(kiosk, 2)
        for at_ms in range(3):
            kiosk.answer(office.ack(kiosk.store, 2, head_hash="ee" * 32, at_ms=at_ms))
        assert facts_of(kiosk, AckDisputed) == [AckDisputed("head", 1, 2, "ee" * 32)]
        assert (kiosk.sent.acked.batch, sorted(kiosk.up())) == (0, [1, 2])
        (said,) = [one for one in standing(rules(office=True), kiosk.desk._state, Now(1, 1, 1, "")) if one.number == 17]
        assert (said.name, said.level, said.value) == ("history", "warn", 2)
        assert "another batch 2" in of_rule(said, "").says
        kiosk.answer(office.ack(kiosk.store, 1, head_hash=office.batches[2].header.head), "ack-1-00000003")
        assert kiosk.sent.acked.batch == 0, "the head of another batch is not its head"
        kiosk.answer(office.ack(kiosk.store, 1), "ack-1-00000004")
        assert (kiosk.sent.acked.batch, kiosk.sent.disputed) == (1, None)


def test_safe_beyond_what_has_come_is_disputed_and_forgets_nothing(tmp_path: Path) -> None:
    office = Office()
    with opened(tmp_path, office, sold()) as kiosk:
        sealed(kiosk, 2)
        kiosk.answer(office.ack(kiosk.store, 1, durable_through=2))
        assert facts_of(kiosk, AckDisputed) == [AckDisputed("durable", 1, 1, office.batches[1].header.head)]
        assert sorted(kiosk.up()) == [1, 2]


@pytest.mark.parametrize("changed", [{"store": "00" * 16}, {"kiosk": "K08"}])
def test_one_for_another_store_or_kiosk_acknowledges_nothing_here(tmp_path: Path, changed: dict[str, object]) -> None:
    office = Office()
    with opened(tmp_path, office, sold()) as kiosk:
        sealed(kiosk, 1)
        rows = len(kiosk.rows())
        kiosk.answer(office.ack(kiosk.store, 1, **changed))
        assert (kiosk.sent.acked.batch, len(kiosk.rows())) == (0, rows)


def test_one_that_a_stick_brought_from_nobody_is_said_and_not_written_down(tmp_path: Path) -> None:
    office = Office()
    with opened(tmp_path, office, sold()) as kiosk:
        sealed(kiosk, 1)
        rows = len(kiosk.rows())
        for number in range(1, 6):
            kiosk.answer(os.urandom(300), f"ack-1-{number:08}")
        assert "acknowledgement is not believed" in kiosk.sender.trouble
        assert len(kiosk.rows()) == rows


# ---------------------------------------------------------------- a head office that was restored


def test_it_goes_down_only_in_a_new_epoch_and_then_the_very_same_bytes_are_sent_again(tmp_path: Path) -> None:
    office = Office()
    with opened(tmp_path, office, sold()) as kiosk:
        sealed(kiosk, 5)
        kiosk.answer(office.ack(kiosk.store, 5), "ack-1-00000005")
        before = {seq: batch.clear for seq, batch in office.batches.items()}
        office.epoch = 2
        for seq in (3, 4, 5):
            del office.batches[seq]
        kiosk.answer(office.ack(kiosk.store, 2), "ack-2-00000002")
        assert (kiosk.sent.acked.batch, kiosk.up()) == (5, {}), "the root has not opened that epoch to this kiosk"
        kiosk.desk.tell(Trusted(KeyListInstalled(2, 1)))
        kiosk.until(lambda: kiosk.desk.published().trust.version("keys") == (2, 1))
        kiosk.sender.work(kiosk.now_ms)
        assert (kiosk.sent.acked.batch, sorted(kiosk.up()), kiosk.sent.unsent_minor) == (2, [3, 4, 5], 0)
        kiosk.carry()
        assert {seq: batch.clear for seq, batch in office.batches.items()} == before
        kiosk.answer(office.ack(kiosk.store, 5), "ack-2-00000005")
        assert (kiosk.sent.acked.batch, kiosk.up()) == (5, {})
        kiosk.answer(office.ack(kiosk.store, 1, hq_epoch=1), "ack-1-00000009")
        assert kiosk.sent.acked.batch == 5, "the old epoch is over"


def test_a_head_office_that_lost_everything_gets_everything_from_the_journal_alone(tmp_path: Path) -> None:
    office = Office()
    with opened(tmp_path, office, sold()) as kiosk:
        sealed(kiosk, 3)
        office.durable = 3
        kiosk.answer(office.ack(kiosk.store, 3), "ack-1-00000003")
        before = {seq: batch.clear for seq, batch in office.batches.items()}
    for kept in (tmp_path / "batches").iterdir():
        kept.unlink()
    office.batches, office.epoch, office.durable = {}, 2, 0
    with opened(tmp_path, office) as kiosk:
        kiosk.answer(office.ack(kiosk.store, 0), "ack-2-00000000")
        assert (kiosk.sent.acked.batch, kiosk.sent.acked.durable, kiosk.sent.unsent_minor) == (0, 0, 50_00)
        kiosk.carry()
        assert {seq: office.batches[seq].clear for seq in (1, 2, 3)} == before


@pytest.mark.covers("rule-2", "abuse-56")
def test_a_disk_that_was_put_back_is_told_by_what_the_head_office_has(tmp_path: Path) -> None:
    office = Office()
    (tmp_path / "now").mkdir()
    with opened(tmp_path / "now", office, sold()) as kiosk:
        kiosk.seal()
        kiosk.carry()
    shutil.copytree(tmp_path / "now", tmp_path / "back")
    with opened(tmp_path / "now", office) as kiosk:
        sealed(kiosk, 2)
        assert sorted(office.batches) == [1, 2, 3]
    with opened(tmp_path / "back", office) as kiosk:
        kiosk.answer(office.ack(kiosk.store))
        kiosk.until(lambda: bool(facts_of(kiosk, Restored)))
        kiosk.answer(office.ack(kiosk.store, at_ms=5))
        assert facts_of(kiosk, Restored) == [Restored("ack", 1, 3)]
        assert kiosk.sent.acked.batch == 0


# ---------------------------------------------------------------- what may be forgotten


@pytest.mark.covers("rule-18")
def test_nothing_that_is_not_safe_elsewhere_and_nothing_younger_than_thirty_days_is_forgotten(tmp_path: Path) -> None:
    office = Office()
    with opened(tmp_path, office, sold()) as kiosk:
        sealed(kiosk, 4)
        office.durable = 2
        kiosk.answer(office.ack(kiosk.store, 4))
        kept = tmp_path / "batches"
        made_ms = max(path.stat().st_mtime_ns // 1_000_000 for path in kept.iterdir())

        def forgets(now_ms: int) -> list[str]:
            kiosk.sender._forget_s = 0.0
            kiosk.sender.work(now_ms)
            return sorted(path.name for path in kept.iterdir())

        every = ["00000001", "00000002", "00000003", "00000004"]
        assert forgets(made_ms + KEPT_MS - DAY_MS) == every
        assert forgets(made_ms + KEPT_MS + DAY_MS) == every[2:]
        assert forgets(made_ms + 100 * KEPT_MS) == every[2:], "acknowledged is not safe"
        assert len(kiosk.rows()) == kiosk.journal.head()[0], "and the journal forgets nothing at all"


def test_nothing_is_acknowledged_before_the_first_batch() -> None:
    assert Office().ack("ab" * 16, 0).count(NO_BATCH.encode()) == 1
