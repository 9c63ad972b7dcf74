"""The golden batch and acknowledgement: bytes that version 1 wrote, under keys that anyone may know. They are never made again.

`python -m tests.sync.golden` writes what is not there yet.
"""

from pathlib import Path

from kiosk.devices.vault.station import FileStation
from kiosk.sync.ack import Ack, made_ack
from kiosk.sync.batch import NO_BATCH, BatchHeader, boxed_batch, made_batch
from kiosk.vend import lifetime, rows
from kiosk.vend.facts import Fact
from kiosk.vend.lifetime import Lifetime
from tests.sync.kit import sold

FOLDER = Path(__file__).parent / "golden"
BOXED, CLEAR, LINES, ACKED = (FOLDER / name for name in ("batch_v1.boxed", "batch_v1.clear", "batch_v1.jsonl", "ack_v1"))
HQ_PRIVATE, ACK_SEED = bytes(range(32)), bytes(range(1, 33))
STATION = FileStation(bytes(range(64, 96)), bytes(range(96, 128)), bytes(range(32)))
OFFICE = FileStation(ACK_SEED, HQ_PRIVATE, bytes(range(32)))
STORE = bytes(range(16))
NO_LIFE = Lifetime()
ACK = Ack("K07", STORE.hex(), 1, 1, "00" * 32, 0, 1_795_000_900_000, (3,), (1,))


def lines_of(facts: list[Fact]) -> list[bytes]:
    """As a journal of that store would hold them."""
    stamps = enumerate(facts, 1)
    return [rows.line((seq, 1_795_000_000_000 + 1_000 * seq, 1, 1_000 * seq), rows.columns(fact)) for seq, fact in stamps]


def header_of(lines: list[bytes], totals: Lifetime = NO_LIFE, **changes: object) -> BatchHeader:
    """The first batch of that store."""
    chained = rows.origin(STORE)
    for line in lines:
        chained = rows.link(chained, line)
    said = {
        "kiosk": "K07", "store": STORE.hex(), "utility": 1, "seq": 1, "prev": NO_BATCH, "first": 1, "last": len(lines),
        "before": rows.origin(STORE).hex(), "head": chained.hex(), "rows": len(lines), "made_ms": 1_795_000_900_000, "clock": "ok",
        "software": "kiosk 0.1.0", "applied": {"keys": (1, 1), "hotlist": (1, 17)}, "totals": totals,
    }  # fmt: skip
    return BatchHeader(**{**said, **changes})  # type: ignore[arg-type]


def write() -> None:
    FOLDER.mkdir(exist_ok=True)
    if not LINES.exists():
        facts: list[Fact] = [rows.StoreCreated(STORE.hex()), *sold()]
        totals = Lifetime()
        for fact in facts:
            totals = lifetime.add(totals, fact)
        lines = lines_of(facts)
        made = made_batch(header_of(lines, totals), lines, STATION.sign)
        LINES.write_bytes(b"".join(line + b"\n" for line in lines))
        CLEAR.write_bytes(made.clear)
        BOXED.write_bytes(boxed_batch(made, OFFICE.box_key))
        ACKED.write_bytes(made_ack(ACK, OFFICE.sign))


if __name__ == "__main__":
    write()
