"""A core that fails half-way through its start leaves nothing running: tried at each of its steps."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from kiosk import core as core_module
from kiosk.config import Config, checked
from kiosk.core import Core
from kiosk.devices.card.inprocess import InProcessReader
from kiosk.devices.vault.station import create_station, open_station
from kiosk.vend.journal import Journal

PARTS = ("_disk", "desk", "outbox", "people", "vault", "_card", "_signer", "_pins", "_codes", "_clerk", "_curtain", "_glass", "_watch")
OPENS = ("recover", "people_of", "outbox_of", "CardDriver", "Clerk", "Curtain", "PinChecker")


class Broke(Exception):
    pass


def broken(*_: object, **__: object) -> None:
    raise Broke


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Config]:
    """Of a demo that sends messages, so that all its parts are there; whatever it starts must be gone again."""
    before = set(threading.enumerate())
    Journal.open(tmp_path / "store.db", create_station(tmp_path / "station.json").database_key()).close()
    stores = {"path": tmp_path / "store.db", "station": tmp_path / "station.json"}
    device = {"role": "printer", "protocol": "escpos", "port": str(tmp_path / "nothing")}
    sms = {"role": "modem", "protocol": "at", "port": str(tmp_path / "nobody")}
    yield checked({"kiosk": {"id": "K07", "demo": True}, "store": stores, "device": [device, sms]})
    left = set(threading.enumerate()) - before
    for thread in left:
        thread.join(10)
    assert not [thread.name for thread in left if thread.is_alive()]
    Journal.open(tmp_path / "store.db", open_station(tmp_path / "station.json").database_key()).close()  # nobody holds it


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_cannot_start_takes_those_before_it_with_it(config: Config, part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    core = Core(config, reader=InProcessReader())
    monkeypatch.setattr(getattr(core, part), "start", broken)
    with pytest.raises(Broke):
        core.start()
    core.stop()  # once more does nothing


@pytest.mark.parametrize("room", OPENS)
def test_what_cannot_be_opened_leaves_no_store_open(config: Config, room: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(core_module, room, broken)
    with pytest.raises(Broke):
        Core(config, reader=InProcessReader())


def test_parts_are_stopped_in_reverse_and_the_store_last(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    core, ended = Core(config, reader=InProcessReader()), list[str]()

    def told(name: str, stop: Callable[[], None]) -> None:
        ended.append(name)
        stop()

    for name in ("_disk", "desk", "vault", "_card", "_curtain", "_glass", "_watch"):
        part = getattr(core, name)
        monkeypatch.setattr(part, "stop", partial(told, name, part.stop))
    core.start()
    core.stop()
    core.stop()
    assert ended == ["_watch", "_glass", "_curtain", "_card", "vault", "desk", "_disk"]


def test_a_core_that_was_never_started_closes_its_store(config: Config) -> None:
    Core(config, reader=InProcessReader()).stop()
