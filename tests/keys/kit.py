"""A head office in a folder, its vault, a kiosk that it knows, and a boot card."""

import time
from pathlib import Path
from typing import Any

import msgspec

from kiosk.devices.card.inprocess import Card, InProcessReader
from kiosk.devices.sim.piv import PivModel
from kiosk.devices.vault import store
from kiosk.devices.vault.file import FileVault
from kiosk.devices.vault.hq import Left
from kiosk.devices.vault.keyset import first_set
from kiosk.devices.vault.station import FileStation, create_station
from kiosk.devices.vault.store import Delivered, Expected, Masters, Statement
from kiosk.hq.downlink.stores import float_grant, trading_store
from kiosk.hq.office import DAY_MS, Enrolled, Office, Signer
from kiosk.keys import BootSlot
from kiosk.sync.bodies import LimitsBody
from kiosk.sync.item import EVERYBODY, Me

FIRST, SECOND, DECISION = "the first of two people", "the second of two people", "whoever decides here"
VAULT = "the vault's own passphrase"
PIN, KIOSK, REGION, UTILITY = "482913", "K07", 3, 1
CHEAP = 1 << 14


class HeadOffice:
    """Everything that a utility has, in one folder; passphrases are cheap here."""

    def __init__(self, folder: Path, utility: int = UTILITY) -> None:
        self.folder, self.now_ms = folder, time.time_ns() // 1_000_000
        self.office = Office.create(folder / "office", utility, (FIRST, SECOND), DECISION, now_ms=self.now_ms, cost=1 << 10)
        path = folder / "vault.json"  # in the second year of its keys: generation 2 is written, 3 is the next
        self.vault = FileVault.create(path, VAULT, utility, first_set("aes128", self.now_ms - 400 * DAY_MS, 3650, 365), cost=CHEAP)
        self.decision: Signer = self.office.signer("decision", [DECISION])
        self.root: Signer = self.office.signer("root-1", [FIRST, SECOND])
        self.left: list[Left] = []

    @property
    def roots(self) -> tuple[bytes, ...]:
        one, two = self.office.record.roots
        return bytes.fromhex(one), bytes.fromhex(two)

    @property
    def bag(self) -> Path:
        """The directory that is carried to the kiosks."""
        return self.folder / "office"

    def know(self, station: FileStation, kiosk: str = KIOSK) -> None:
        self.office.enrol(kiosk, Enrolled(station.public_key.hex(), station.box_key.hex(), REGION))

    def store_for(self, card: PivModel, kiosk: str = KIOSK, **how: int) -> Delivered:
        return trading_store(
            self.office, self.vault, self.left.append, self.decision, kiosk=kiosk, certificate=card.certificate, now_ms=self.now_ms, **how
        )

    def send_store(self, card: PivModel, kiosk: str = KIOSK, **how: int) -> Delivered:
        delivered = self.store_for(card, kiosk, **how)
        self.office.publish("store", kiosk, msgspec.json.encode(delivered), self.decision, days=90, now_ms=self.now_ms)
        return delivered

    def send_limits(self, restart: str = "finish", restart_ms: int = 3_600_000, **values: int) -> None:
        body = msgspec.convert({"values": values, "restart": restart, "restart_ms": restart_ms}, LimitsBody)
        self.office.publish("limits", EVERYBODY, msgspec.json.encode(body), self.decision, days=90, now_ms=self.now_ms)

    def send_hotlist(self, *serials: bytes) -> None:
        self.office.publish("hotlist", EVERYBODY, b"".join(sorted(serials)), self.decision, days=30, now_ms=self.now_ms)

    def send_float(self, amount_minor: int, kiosk: str = KIOSK, days: int = 30) -> None:
        body = float_grant(self.office, self.decision, kiosk=kiosk, amount_minor=amount_minor, until_ms=self.now_ms + days * DAY_MS)
        self.office.publish("float", kiosk, body, self.decision, days=days, now_ms=self.now_ms)

    def revoke(self, card: PivModel) -> None:
        keys = self.office.record.keys
        assert keys
        revoked = msgspec.structs.replace(keys, revoked_cards=(store.digest(card.certificate),))
        self.office.publish_keys(self.root, keys=revoked, now_ms=self.now_ms)

    def me(self, kiosk: str = KIOSK) -> Me:
        return Me(kiosk, self.office.record.utility, REGION, self.roots)

    def expected(self, kiosk: str = KIOSK, **changes: Any) -> Expected:
        signers = (bytes.fromhex(self.office.record.decision),)
        base = Expected(kiosk, self.office.record.utility, REGION, signers, (0, 0), self.now_ms)
        return msgspec.structs.replace(base, **changes)


def station_of(folder: Path) -> FileStation:
    folder.mkdir(parents=True, exist_ok=True)
    return create_station(folder / "station.json")


def in_reader(card: Card, pin: str = PIN, *, last_try: bool = False) -> BootSlot:
    """A boot reader in this process with that card in it, and the PIN that was typed."""
    reader = InProcessReader()
    reader.insert(card)
    return BootSlot(reader.open(reader.watch(None, 0)), pin, last_try=last_try)


def opened(folder: Path, expected: Expected, card: Card, pin: str = PIN, *, last_try: bool = False) -> tuple[Statement, Masters]:
    """Open the store in that folder with this card."""
    with in_reader(card, pin, last_try=last_try) as slot:
        return store.unlocked(folder, expected, slot)
