"""The keeper of the trading keys: what ends them, what is kept over a restart and for how long, and who is told."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from kiosk.devices.sim.piv import PivModel
from kiosk.devices.vault import guard as keeper
from kiosk.devices.vault import store, warm, wire
from kiosk.devices.vault.client import VaultClient
from kiosk.devices.vault.guard import Guard, Plan
from kiosk.devices.vault.purse import Limits
from kiosk.devices.vault.store import BootRefused
from kiosk.vend.facts import Fact, RoomFact, Row
from kiosk.vend.ports import Published, Stance, VaultLocked
from kiosk.vend.seen import BootCardLeft, Seen, Trusted
from kiosk.vend.trust import (
    BootCardRefused,
    KeyListInstalled,
    LimitsInstalled,
    Locked,
    StoreInstalled,
    TamperSeen,
    Trust,
    Unlocked,
    fold,
    heard,
)
from kiosk.vend.view import View
from tests.keys.kit import KIOSK, PIN, REGION, UTILITY, HeadOffice, opened, station_of

WARM_KEY = bytes(range(32))
LIMITS = Limits("gdw1365", 1000_00, None)
HOUR_MS = 3_600_000


class Counter:
    """A desk that adds up what it is told of keys, at once."""

    def __init__(self) -> None:
        self.trust = Trust(locked="start")
        self.facts: list[Fact] = []
        self.left: list[bool] = []
        self._rev = 1
        self._changed = threading.Condition()

    def tell(self, seen: Seen) -> None:
        with self._changed:
            if isinstance(seen, BootCardLeft):
                self.left.append(seen.left)
            if isinstance(seen, Trusted) and isinstance(seen.fact, RoomFact) and heard(self.trust, seen.fact):
                self.facts.append(seen.fact)
                self.trust = fold(self.trust, seen.fact, Row(0, 1, 1, 1, ""))
            self._rev += 1
            self._changed.notify_all()

    def published(self) -> Published:
        return Published(self._rev, View("attract"), Stance(), None, None, {}, trust=self.trust)

    def wait(self, rev: int, timeout_s: float) -> Published:
        with self._changed:
            self._changed.wait_for(lambda: self._rev != rev, timeout_s)
        return self.published()

    def whys(self) -> list[str]:
        return [fact.why for fact in self.facts if isinstance(fact, Locked | BootCardRefused)]


class Kept:
    """A kiosk whose keys were open and are kept warm."""

    def __init__(self, folder: Path) -> None:
        self.hq, self.card, self.folder = HeadOffice(folder), PivModel.issue(PIN), folder / "keys"
        self.hq.know(station_of(folder / "kiosk"))
        delivered = self.hq.store_for(self.card)
        self.said = msgspec.json.decode(delivered.file.statement, type=store.Statement)
        store.install(self.folder, delivered, self.said.store)
        _, masters = opened(self.folder, self.hq.expected(), self.card)
        warm.keep(self.folder, store.read_store(self.folder), masters, WARM_KEY)
        self.warm = self.folder / store.WARM
        self.desk, self.inside = Counter(), False
        self.desk.tell(Trusted(StoreInstalled(1, 1, self.said.store, self.said.certificate, self.said.until_ms)))
        self.desk.tell(Trusted(LimitsInstalled(1, 1, {}, "trade", HOUR_MS)))
        self.guard = self.another()

    def another(self, reader: str = "") -> Guard:
        plan = Plan(self.folder, KIOSK, UTILITY, REGION, reader, LIMITS, WARM_KEY)
        signers = (bytes.fromhex(self.hq.office.record.decision),)
        return Guard(self.desk, plan, lambda: signers, lambda: (), lambda: self.inside)

    def aged(self, ms: int) -> None:
        at_s = time.time() - ms / 1000
        os.utime(self.warm, (at_s, at_s))


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    kept = Kept(tmp_path)
    yield kept
    kept.guard.stop()


def test_what_was_kept_opens_after_a_restart_for_as_long_as_the_policy_says(kept: Kept) -> None:
    kept.guard._warm()
    (fact,) = [each for each in kept.desk.facts if isinstance(each, Unlocked)]
    assert (fact.how, fact.may) == ("warm", "trade")
    assert 0 < fact.until_ms - time.time() * 1000 <= HOUR_MS
    assert kept.guard.tag("000012345678", 8, 10_000, b"\1\2")
    kept.desk.trust = msgspec.structs.replace(kept.desk.trust, opened=msgspec.structs.replace(fact, until_ms=1))
    kept.guard.look()
    assert kept.desk.whys() == ["expired"]
    assert not kept.warm.exists()
    with pytest.raises(VaultLocked):
        kept.guard.tag("000012345678", 8, 10_000, b"\1\2")


@pytest.mark.parametrize("reason", ["too old", "from the future", "policy", "tamper", "version", "revoked", "kiosk revoked", "damaged"])
def test_what_may_not_be_opened_any_more_is_deleted(kept: Kept, reason: str) -> None:
    tell = kept.desk.tell
    match reason:
        case "too old":
            kept.aged(HOUR_MS + 60_000)
        case "from the future":
            kept.aged(-60_000)
        case "policy":
            tell(Trusted(LimitsInstalled(1, 2, {}, "none", 0)))
        case "tamper":
            tell(Trusted(TamperSeen("door")))
        case "version":
            tell(Trusted(StoreInstalled(1, 2, "0" * 16, kept.said.certificate, kept.said.until_ms)))
        case "revoked":
            tell(Trusted(KeyListInstalled(1, 1, (), (kept.said.certificate,))))
        case "kiosk revoked":
            tell(Trusted(KeyListInstalled(1, 1, (KIOSK,))))
        case _:
            kept.warm.write_bytes(b"{}")
    kept.guard._warm()
    assert kept.guard.locked
    assert not kept.warm.exists()
    assert not [fact for fact in kept.desk.facts if isinstance(fact, Unlocked)]


@pytest.mark.covers("abuse-32")
def test_a_clock_that_steps_ends_what_was_kept_and_what_came_of_it(kept: Kept) -> None:
    kept.guard._warm()
    kept.guard._lead_ms -= 2 * keeper.CLOCK_STEP_MS
    kept.guard.look()
    assert kept.desk.whys() == ["clock"]
    assert not kept.warm.exists()


def test_a_vault_that_ended_is_told_once(kept: Kept) -> None:
    kept.guard._warm()
    os.kill(kept.guard.pid, 9)
    assert kept.guard._client
    assert kept.guard._client._process
    kept.guard._client._process.wait(5)
    kept.guard.look()
    kept.guard.look()
    assert kept.desk.whys() == ["ended"]


def test_stop_keeps_what_is_warm_and_lock_does_not(kept: Kept) -> None:
    kept.guard._warm()
    pid = kept.guard.pid
    kept.guard.stop()
    assert kept.warm.exists()
    assert not Path(f"/proc/{pid}").exists()
    again = kept.another()
    again._warm()
    again.lock("operator", "014")
    assert not kept.warm.exists()
    assert again.locked
    assert kept.desk.facts[-1] == Locked("operator", "014")


def test_a_boot_card_that_is_left_in_its_reader_is_a_fault_until_it_is_out(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "LEFT_S", 0.0)
    guard = kept.another(reader="Boot")
    guard._client = client = VaultClient(wire.OpenDemo(region=1, limits=LIMITS, utility=1))
    client.start()
    kept.inside = True
    guard._lies_since_s = time.monotonic()
    guard.look()
    guard.look()
    kept.inside = False
    guard.look()
    assert kept.desk.left == [True, False]
    guard.stop()


def test_a_kiosk_without_a_reader_or_a_store_says_so_and_writes_it_down(kept: Kept) -> None:
    with pytest.raises(BootRefused, match="reader for the boot card"):
        kept.guard.unlock(bytearray(PIN, "ascii"), "014")
    store.erase(kept.folder)
    with pytest.raises(BootRefused, match="no trading store"):
        kept.guard.unlock(bytearray(PIN, "ascii"))
    assert kept.desk.whys() == ["no_reader", "no_store"]
    assert kept.desk.trust.refused == 2


def test_nothing_stays_open_that_the_desk_did_not_hear(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "HEARD_S", 0.2)
    monkeypatch.setattr(kept.desk, "tell", lambda _seen: None)
    kept.guard._warm()
    assert kept.guard.locked
    assert not kept.warm.exists()
