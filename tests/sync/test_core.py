"""The product's own core and a head office's own folder: its keys for batches and acknowledgements, and nothing by hand."""

import time
from collections.abc import Callable
from pathlib import Path

from kiosk.config import checked
from kiosk.core import Core
from kiosk.devices.card.inprocess import InProcessReader
from kiosk.devices.vault.station import create_station
from kiosk.sync.ack import Ack, made_ack
from kiosk.sync.batch import opened_batch
from kiosk.vend.journal import Journal
from kiosk.vend.seen import PrinterState
from tests.keys.kit import KIOSK, REGION, HeadOffice


def until(true: Callable[[], bool]) -> None:
    for _ in range(1_000):
        if true():
            return
        time.sleep(0.01)
    raise AssertionError("it never came")


def test_a_core_that_was_sent_its_keys_sends_its_rows_and_hears_that_they_came(tmp_path: Path) -> None:
    hq = HeadOffice(tmp_path)
    folder = tmp_path / "kiosk"
    folder.mkdir()
    station = create_station(folder / "station.json")
    Journal.open(folder / "store.db", station.database_key()).close()
    hq.know(station)
    config = checked(
        {
            "kiosk": {"id": KIOSK, "demo": True, "region": REGION},
            "store": {"path": str(folder / "store.db"), "station": str(folder / "station.json")},
            "keys": {"root": list(hq.office.record.roots), "folder": str(folder / "keys")},
        }
    )
    core = Core(config, reader=InProcessReader())
    core.start()
    try:
        assert core.keeping
        assert core.sender
        sender = core.sender

        def waiting() -> dict[int, bytes]:
            return {each.seq: sender._spool.sealed(each.seq) for each in sender._spool.waiting()}

        core.desk.tell(PrinterState("ok"))
        assert any("keys-1-1: installed" in said for said in core.keeping.take_in(hq.bag))
        sender.flush()
        until(lambda: bool(waiting()))
        (raw,) = waiting().values()
        batch = opened_batch(raw, hq.office.batch_boxes(), {KIOSK: station.public_key}.get)
        assert batch.header.applied["keys"] == (1, 1)
        assert batch.header.utility == 1

        hq.office.rotate_batch_key(hq.root, now_ms=hq.now_ms)  # the next list comes over the wire, as the courier puts it down
        keys = hq.bag / "downlink" / "all" / "keys-1-2"
        sender._spool.came("all", keys.name, keys.read_bytes())
        newest = hq.office.batch_boxes()[:1]

        def again() -> bool:
            sender.flush()
            return core.desk.published().trust.version("keys") == (1, 2) and waiting()[1] != raw

        until(again)
        assert opened_batch(waiting()[1], newest, {KIOSK: station.public_key}.get).clear == batch.clear

        ack = Ack(KIOSK, batch.header.store, 1, 1, batch.header.head, 0, hq.now_ms)
        sender._spool.came(KIOSK, ack.name, made_ack(ack, hq.office.signer("ack")))
        sender.flush()
        until(lambda: core.desk.published().sent.acked.batch == 1)
        until(lambda: 1 not in waiting())  # the spool is settled just after the row is written
    finally:
        core.stop()
