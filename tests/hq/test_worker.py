"""The worker: the same rows as without it, in order; and when its process dies the rest is shaped here."""

import os
import signal
from collections import Counter
from collections.abc import Callable

import pytest

from kiosk.hq.batch_keys import KeyBox
from kiosk.hq.intake import worker as worker_room
from kiosk.hq.intake.ledger import Verdict
from kiosk.hq.intake.shape import Shaped
from kiosk.hq.intake.worker import beside
from kiosk.hq.store import IN_MEMORY, Store
from kiosk.sync.batch import BatchRefused
from tests.hq.batches import NOW_MS, UTILITY, Street, importer
from tests.hq.test_import import everything, take_all

BOX = KeyBox(b"\3" * 32)  # the private half of OFFICE's


def test_a_worker_brings_what_would_have_come_without_it_even_if_its_process_dies(monkeypatch: pytest.MonkeyPatch) -> None:
    streets = [Street(f"K{number:02}", sales=10) for number in range(3)]
    raws = [raw for street in streets for raw in street.batches(8)]
    raws[5:5] = [b"nothing", raws[0]]
    alone, beside_it, bereft = (Store.make(IN_MEMORY, UTILITY, now_ms=NOW_MS) for _ in range(3))
    expected = Counter(take_all(importer(alone, *streets), raws))
    assert expected[Verdict.TAMPER] == expected[Verdict.REPLAY] == 1
    for store, dies in ((beside_it, False), (bereft, True)):
        importing, here = importer(store, *streets), list[bytes]()
        seen: list[Verdict] = []

        def shaped_here(
            raw: bytes, shape: Callable[[bytes], Shaped | BatchRefused] = importing.shaped, here: list[bytes] = here
        ) -> Shaped | BatchRefused:
            here.append(raw)
            return shape(raw)

        monkeypatch.setattr(importing, "shaped", shaped_here)
        monkeypatch.setattr(worker_room, "CHUNK_BATCHES", 2)
        monkeypatch.setattr(worker_room, "DEPTH", 3)  # most of them go in after its death
        with beside(importing, [BOX]) as worker:
            for number, (raw, shaped) in enumerate(worker.shaped(raws)):
                if dies and number == 2:
                    os.kill(worker.pid, signal.SIGKILL)
                seen += [taken.verdict for taken in importing.take_all([shaped], [raw], NOW_MS)]
        assert Counter(seen) == expected
        assert bool(here) == dies
        assert everything(store) == everything(alone)
        store.close()
    alone.close()


def test_a_key_is_not_told() -> None:
    assert "hidden" in repr(BOX)
    assert BOX.private.hex() not in repr(BOX)
