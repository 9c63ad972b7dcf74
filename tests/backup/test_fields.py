"""The ends of a backup's finite fields (docs/finite-fields.md)."""

from pathlib import Path

import pytest
from sqlalchemy import insert, text

from kiosk.hq.copies.copying import summed
from kiosk.hq.schema import CLOSE
from kiosk.hq.store import Store
from kiosk.sync import backup as room
from kiosk.sync.backup import BackupRefused, Manifest, drafted, prune, read
from tests.sync.kit import STATION

EMPTY = Manifest("kiosk", "K07", "", 1, "", {}, {})


@pytest.mark.covers("field-151")
def test_a_backup_of_one_file_too_many_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "FILES_MAX", 3)
    for count, made in ((3, True), (4, False)):
        with drafted(tmp_path) as draft:
            for number in range(count):
                draft.write(f"file{number}", b"x")
            if made:
                assert len(draft.seal(STATION.sign, EMPTY).manifest.files) == 3
            else:
                with pytest.raises(BackupRefused, match="4 files cannot stand in a backup"):
                    draft.seal(STATION.sign, EMPTY)


@pytest.mark.covers("field-152")
def test_a_list_that_is_too_long_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "manifest").write_bytes(b"x" * 101)
    monkeypatch.setattr(room, "MANIFEST_MAX", 100)
    with pytest.raises(BackupRefused, match="is longer than 100 bytes"):
        read(tmp_path, [STATION.public_key], "kiosk")


@pytest.mark.covers("field-153")
def test_backups_are_in_order_up_to_ten_digits_of_rows(tmp_path: Path) -> None:
    for rows in (2, 10, 999_999_999, 9_999_999_999):
        (tmp_path / f"K07-aa-{rows:010d}").mkdir()
    assert prune(tmp_path, "K07-aa", 1) == ["K07-aa-0000000002", "K07-aa-0000000010", "K07-aa-0999999999"]


@pytest.mark.covers("field-154")
def test_the_sum_of_a_column_does_not_overflow(tmp_path: Path) -> None:
    store = Store.make(tmp_path / "hq.db", 1, now_ms=1)
    largest = 2**63 - 1
    rows = [{"period": period, "closed_ms": largest, "sha256": ""} for period in (1, 2)]
    store.transact(lambda connection: connection.execute(insert(CLOSE), rows))
    with pytest.raises(Exception, match="overflow"):
        store.read(lambda connection: connection.execute(text("SELECT sum(closed_ms) FROM close")).scalar())
    assert store.read(summed).digests["close.closed_ms"] == 2 * (largest % 1_000_000_007)
    store.close()
