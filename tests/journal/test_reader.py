"""Another program reads a kiosk's store and its waiting batches, from the pages alone, and agrees with the kiosk."""

from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature

from kiosk.devices.vault.station import FileStation, create_station, open_station
from kiosk.envelope import holds
from kiosk.sync.seal import Kept, Says, next_batch
from kiosk.vend import facts as f
from kiosk.vend.journal import Journal
from kiosk.vend.sent import Sent
from tests.journal import reader
from tests.journal.shop import CARD, METER, SALE, day


@pytest.fixture
def station(tmp_path: Path) -> FileStation:
    create_station(tmp_path / "station.json")
    return open_station(tmp_path / "station.json")


@pytest.fixture
def store(tmp_path: Path, station: FileStation) -> Path:
    """A day, a name in other letters, a signed head, and rows behind it."""
    with Journal.open(tmp_path / "store.db", station.database_key(), at_ms=1) as journal:
        day(journal)
        journal.append(9_100, 1, 91, (f.DeviceRecovered('Кассета 钞箱 "1"'), f.CardVerified(SALE, CARD, 8, METER)))
        seq, head = journal.head()
        journal.append(9_200, 1, 92, (f.HeadSigned(seq, head.hex(), station.sign("head", journal.head_message()).hex()),))
        journal.append(9_300, 1, 93, (f.DeviceRecovered("notes"),))
    return tmp_path / "store.db"


def test_another_program_finds_each_row_and_signature_as_the_kiosk_does(store: Path, station: FileStation) -> None:
    keys = reader.station(store.with_name("station.json"))
    with Journal.open(store, station.database_key(), create=False, read_only=True) as journal:
        finding = journal.verify(lambda message, signature: holds(station.public_key, "head", message, signature))
        exact = [line for line, _ in journal.lines(1, finding.rows)]
    assert [reader.line(row) for row in reader.rows(store, keys["database"])] == exact
    assert reader.checked(store, keys) == (finding.rows, 1)


def test_another_program_notices_a_signature_of_another_key(store: Path, tmp_path: Path) -> None:
    keys = reader.station(store.with_name("station.json"))
    create_station(tmp_path / "other.json")
    with pytest.raises(InvalidSignature):
        reader.checked(store, {**keys, "sign": reader.station(tmp_path / "other.json")["sign"]})


def test_another_program_opens_a_batch_that_waits_on_the_kiosks_disk(store: Path, station: FileStation, tmp_path: Path) -> None:
    with Journal.open(store, station.database_key(), create=False, read_only=True) as journal:
        header, made = next_batch(journal, Sent(), Says("K07", 1, "kiosk", "ok", {}, 5), station)
    Kept(tmp_path / "kept", "K07", station).keep(1, made)
    (path,) = (tmp_path / "kept").iterdir()
    read = reader.kept(path.read_bytes(), reader.station(store.with_name("station.json")), station.public_key)
    assert (read["kiosk"], read["seq"], read["rows"], read["head"]) == ("K07", 1, header.rows, header.head)
