"""How long staff wait: from the typed PIN until the trading keys answer, through a real pcscd and a virtual boot card."""

import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import msgspec

from kiosk.bench.table import Measured, NotMeasured
from kiosk.devices.sim.pcscd import Pcscd, possible
from kiosk.devices.sim.piv import PivModel
from kiosk.devices.sim.vpcd import VpcdSlot
from kiosk.devices.vault import store, wire
from kiosk.devices.vault.client import VaultClient
from kiosk.devices.vault.file import FileVault
from kiosk.devices.vault.keyset import first_set
from kiosk.devices.vault.purse import Limits
from kiosk.hq.downlink.stores import trading_store
from kiosk.hq.office import Enrolled, Office

PIN, WORDS = "482913", ("one of two people here", "the other one of them", "who decides all this")
CHEAP = 1 << 14  # the head office's passphrases are no part of what is measured
ROUNDS = 9
SEEN_S = 1.0


def unlock_s() -> Measured:
    """Process, card, PIN, key agreement, unwrapping, wrapping anew with its fsync; the median of nine, and the range."""
    if not possible():
        raise NotMeasured("a pcscd of our own needs root, vpcd and pyscard; ./run test as root installs them")
    with TemporaryDirectory() as name:
        daemon = Pcscd(Path(name))
        if not daemon.take(wait=False):
            raise NotMeasured("another pcscd runs on this machine")
        daemon.start()
        slot = VpcdSlot(daemon.sam_port)
        try:
            card = PivModel.issue(PIN)
            order = _order(Path(name), card, daemon.sam_reader)
            slot.insert(card)
            time.sleep(SEEN_S)
            took_s = [_unlocked(order) for _ in range(ROUNDS)]
        finally:
            slot.pull()
            daemon.give()
    return Measured(median(took_s), f"{min(took_s):.2f} to {max(took_s):.2f}, n {ROUNDS}", note="a real card adds its own 0.5 to 1 s")


def _unlocked(order: wire.OpenStore) -> float:
    began_s = time.monotonic()
    client = VaultClient(order, bytearray(PIN, "ascii"))
    client.start()
    client.opened()
    took_s = time.monotonic() - began_s
    client.lock()
    return took_s


def _order(folder: Path, card: PivModel, reader: str) -> wire.OpenStore:
    """A head office, its vault and one delivery, all in this folder."""
    now_ms = time.time_ns() // 1_000_000
    office = Office.create(folder / "office", 1, WORDS[:2], WORDS[2], now_ms=now_ms, cost=CHEAP)
    office.enrol("K07", Enrolled("0" * 64, "0" * 64, 1))
    vault = FileVault.create(folder / "vault.json", WORDS[2], 1, first_set("aes128", now_ms - 1, 3650, 365), cost=CHEAP)
    signer = office.signer("decision", WORDS[2:])
    delivered = trading_store(office, vault, lambda _: None, signer, kiosk="K07", certificate=card.certificate, now_ms=now_ms)
    said = msgspec.json.decode(delivered.file.statement, type=store.Statement)
    store.install(folder / "keys", delivered, said.store)
    return wire.OpenStore(
        region=1,
        limits=Limits("gdw1365", 500_00, None),
        folder=str(folder / "keys"),
        kiosk="K07",
        utility=1,
        signers=(bytes.fromhex(office.record.decision),),
        least=(1, 1),
        reader=reader,
    )
