"""The keeper of a kiosk's trading keys: it opens them with the boot card, or as they were kept over a restart, and ends them.

It implements `kiosk.vend.ports.Vault` for the card driver: as long as nothing is open, every question is answered with VaultLocked. What
opens or ends is told to the desk, and what the desk has written down (versions, revocations, policy) is what the next opening is held to.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from kiosk.devices.supervise import supervised
from kiosk.devices.vault import store, wire
from kiosk.devices.vault.client import VaultClient
from kiosk.devices.vault.purse import Limits
from kiosk.devices.vault.store import BootRefused, Expected, Statement
from kiosk.secret import wipe
from kiosk.vend.code import Terms
from kiosk.vend.facts import RoomFact
from kiosk.vend.ports import Desk, VaultError, VaultLocked
from kiosk.vend.seen import BootCardLeft, Trusted
from kiosk.vend.trust import BootCardRefused, KeyGeneration, Locked, TamperSeen, Trust, Unlocked

WATCH_S = 1.0
HEARD_S = 10.0  # longest wait until the desk has written down that the keys are open
LEFT_S = 30.0  # how long a boot card may lie in its reader after it opened the store
STAMP_S = 30.0  # how often the time of what is kept warm is renewed
CLOCK_STEP_MS = 5 * 60_000  # rule 12
RESTART, RESTART_MS = "finish", 3_600_000  # until the head office says otherwise
NO_GENERATION = 0


class Plan(NamedTuple):
    """Who and where this kiosk is. `reader`: a part of the boot reader's name, "" where there is none."""

    folder: Path
    kiosk: str
    utility: int
    region: int
    reader: str
    limits: Limits
    warm_key: bytes

    def __repr__(self) -> str:
        return f"Plan({self.kiosk}, {self.folder})"


class Grant(NamedTuple):
    """A float as the vault takes it: exact text and signature."""

    text: bytes
    signature: bytes


class Guard:
    """Thread-safe. `signers`: the DECISION keys; `grants`: the floats that are installed; `inside`: does a card lie in the boot reader?"""

    demo = False

    def __init__(
        self,
        desk: Desk,
        plan: Plan,
        signers: Callable[[], tuple[bytes, ...]],
        grants: Callable[[], Iterable[Grant]],
        inside: Callable[[], bool],
    ) -> None:
        self._desk, self._plan = desk, plan
        self._signers, self._grants, self._inside = signers, grants, inside
        self._client: VaultClient | None = None
        self._opening = threading.RLock()  # one at a time
        self._stop = threading.Event()
        self._warmed = False
        self._thread = threading.Thread(target=supervised(self._watch, self._stop, self._broken), name="keys", daemon=True)
        self._lead_ms = _lead_ms()
        self._stamped_s = self._lies_since_s = 0.0
        self._left = False

    # ------------------------------------------------------------ its life

    def start(self) -> None:
        """Open what was kept over the restart, where that is allowed, and watch."""
        self._thread.start()

    def stop(self) -> None:
        """The keys end with the core; what is kept warm stays for the next start."""
        self._stop.set()
        with self._opening:
            self._end()

    @property
    def locked(self) -> bool:
        """Is nothing open?"""
        client = self._client
        return client is None or client.locked

    @property
    def pid(self) -> int:
        """Of the vault's process; 0 when there is none."""
        return self._client.pid if self._client else 0

    # ------------------------------------------------------------ opening and ending

    def unlock(self, pin: bytearray, operator: str = "", *, last_try: bool = False) -> str:
        """Open the store with the boot card in the reader; one sentence of what is open now. The PIN is wiped.

        Raises BootRefused, which is written down.
        """
        with self._opening:
            try:
                said = self._with_card(pin, last_try=last_try)
            except BootRefused as refused:
                self._tell(BootCardRefused(refused.why, refused.left, refused.certificate, operator))
                raise
            finally:
                wipe(pin)
            self._stamped_s, self._lies_since_s = 0.0, time.monotonic()
            self._open_by(_unlocked(said, "card", "trade", said.until_ms, operator))
        return f"The trading keys of {self._plan.kiosk} are open until {_day(said.until_ms)}."

    def lock(self, why: str = "operator", operator: str = "") -> None:
        """End the keys, and what was kept of them. `why` as `trust.Locked` has it."""
        with self._opening:
            self._end()
            store.wipe(self._plan.folder / store.WARM)
            self._tell(Locked(why, operator))

    def tamper(self, where: str) -> None:
        """The door or a loop opened without leave: the keys end and the trading store is deleted; the station store stays."""
        with self._opening:
            self._end()
            store.erase(self._plan.folder)
            self._tell(TamperSeen(where))

    def granted(self, grant: Grant) -> None:
        """A float that came while the keys are open."""
        with contextlib.suppress(VaultError):
            self._asked().grant(grant.text, grant.signature)

    def _with_card(self, pin: bytearray, *, last_try: bool) -> Statement:
        said = self._examined()
        if not self._plan.reader:
            raise BootRefused("no_reader")
        trust = self._trust()
        keep = _restart(trust)[0] != "none"
        order = wire.OpenStore(
            **self._order(said, trust),
            reader=self._plan.reader,
            last_try=last_try,
            warm_key=self._plan.warm_key if keep else b"",
        )
        self._opened(order, pin)
        if not keep:
            store.wipe(self._plan.folder / store.WARM)
        return said

    def _warm(self) -> None:
        """What was kept over the restart, where policy, time and store allow it; whatever is not opened is deleted."""
        path = self._plan.folder / store.WARM
        trust, now_ms = self._trust(), _now_ms()
        may, span_ms = _restart(trust)
        age_ms = _age_ms(path, now_ms)
        if age_ms is None:
            return
        if may == "none" or trust.tamper or not 0 <= age_ms <= span_ms:
            store.wipe(path)
            return
        try:
            said = self._examined()
            self._opened(wire.OpenWarm(**self._order(said, trust), warm_key=self._plan.warm_key))
            self._open_by(_unlocked(said, "warm", may, min(said.until_ms, now_ms + span_ms), ""))
        except VaultError:
            store.wipe(path)

    def _opened(self, order: wire.OpenStore | wire.OpenWarm, pin: bytearray | None = None) -> None:
        client = VaultClient(order, pin)
        client.start()
        try:
            client.opened()
        except BootRefused:
            raise
        except VaultError:
            raise BootRefused("damaged") from None
        for grant in self._grants():
            with contextlib.suppress(VaultError):  # one that has ended
                client.grant(grant.text, grant.signature)
        self._end()
        self._client = client

    def _open_by(self, fact: Unlocked) -> None:
        """No key answers anything for long that the desk has not written down as open."""
        self._tell(fact)
        until_s, rev = time.monotonic() + HEARD_S, -1
        while time.monotonic() < until_s:
            published = self._desk.wait(rev, 1.0)
            rev = published.rev
            if published.trust.opened == fact:
                return
        self._end()
        raise BootRefused("unheard")

    def _end(self) -> None:
        client, self._client = self._client, None
        if client:
            client.lock()

    def _examined(self) -> Statement:
        """The store's statement, held to what the journal knows. Raises BootRefused."""
        trust, plan = self._trust(), self._plan
        if trust.keys and plan.kiosk in trust.keys.revoked_kiosks:
            raise BootRefused("revoked")
        revoked = frozenset(trust.keys.revoked_cards) if trust.keys else frozenset()
        expected = Expected(plan.kiosk, plan.utility, plan.region, self._signers(), trust.store_version, _now_ms(), revoked)
        return store.examined(store.read_store(plan.folder), expected)

    def _order(self, said: Statement, trust: Trust) -> dict[str, Any]:
        signers = self._signers()
        return {
            "region": said.region,
            "limits": msgspec.structs.replace(self._plan.limits, granted_minor=0 if trust.grants else None),
            "floats": wire.Floats(signers[0], self._plan.kiosk),
            "folder": str(self._plan.folder.absolute()),
            "kiosk": said.kiosk,
            "utility": said.utility,
            "signers": signers,
            "least": trust.store_version,
        }

    def _trust(self) -> Trust:
        return self._desk.published().trust

    def _tell(self, fact: RoomFact) -> None:
        self._desk.tell(Trusted(fact))

    # ------------------------------------------------------------ the watch

    def _watch(self) -> None:
        with self._opening:
            if not self._warmed:
                self._warmed = True
                self._warm()
        while not self._stop.wait(WATCH_S):
            self.look()

    def _broken(self) -> None:
        """Nobody watches any more: then nothing is open, either."""
        self.lock("ended")

    def look(self) -> None:
        """Once around: has the vault ended, is the time over, did the clock step, does the boot card still lie there?"""
        trust, stepped_ms = self._trust(), abs(_lead_ms() - self._lead_ms)
        why = self._ends(trust, stepped_ms) if trust.opened and not trust.locked else ""
        if why:
            self.lock(why)
        if stepped_ms > CLOCK_STEP_MS:
            self._lead_ms = _lead_ms()
            store.wipe(self._plan.folder / store.WARM)
        self._stamp()
        self._look_at_reader()

    def _ends(self, trust: Trust, stepped_ms: int) -> str:
        """Why the keys that are open must not stay so, or ""."""
        opened, keys = trust.opened, trust.keys
        if opened is None or self.locked:
            return "ended"
        if _now_ms() >= opened.until_ms:
            return "expired"
        if keys and (self._plan.kiosk in keys.revoked_kiosks or opened.certificate in keys.revoked_cards):
            return "order"
        return "clock" if stepped_ms > CLOCK_STEP_MS and opened.how == "warm" else ""

    def _stamp(self) -> None:
        """What is kept warm is as old as the last moment at which this kiosk ran with its keys open by card."""
        opened = self._trust().opened
        if opened and opened.how == "card" and time.monotonic() - self._stamped_s > STAMP_S:
            self._stamped_s = time.monotonic()
            with contextlib.suppress(FileNotFoundError):
                os.utime(self._plan.folder / store.WARM)

    def _look_at_reader(self) -> None:
        """A boot card in the reader for long, or out again."""
        now_s = time.monotonic()
        if not self._plan.reader or not self._inside():
            self._lies_since_s = now_s
        left = not self.locked and now_s - self._lies_since_s > LEFT_S
        if left != self._left:
            self._left = left
            self._desk.tell(BootCardLeft(left))

    # ------------------------------------------------------------ ports.Vault

    def card_cryptogram(self, serial: bytes, generation: int, challenge: bytes) -> bytes:
        """See `Vault`."""
        return self._asked().card_cryptogram(serial, generation, challenge)

    def card_mac(self, serial: bytes, generation: int, message: bytes) -> bytes:
        """See `Vault`."""
        return self._asked().card_mac(serial, generation, message)

    def check_reading(self, serial: bytes, message: bytes, mac: bytes) -> bool:
        """See `Vault`."""
        return self._asked().check_reading(serial, message, mac)

    def tag(self, meter: str, n: int, amount_minor: int, salt: bytes) -> bytes:
        """See `Vault`."""
        return self._asked().tag(meter, n, amount_minor, salt)

    def check_code(self, terms: Terms, mac: int) -> bytes:
        """See `Vault`."""
        return self._asked().check_code(terms, mac)

    def count_proof(self, terms: Terms, mac: int, *, another: bool) -> int:
        """See `Vault`."""
        return self._asked().count_proof(terms, mac, another=another)

    def _asked(self) -> VaultClient:
        client = self._client
        if client is None:
            raise VaultLocked("the trading keys are locked")
        return client

    def generation(self) -> int:
        """The KIOSK generation that is written with now; one that no store has while there is none."""
        return self._trust().generation(_now_ms()) or NO_GENERATION


def _unlocked(said: Statement, how: str, may: str, until_ms: int, operator: str) -> Unlocked:
    newest = max(said.sets, key=lambda each: each.version)
    generations = tuple(KeyGeneration(each.number, each.not_before_ms, each.until_ms) for each in newest.generations)
    return Unlocked(how, may, said.store, said.epoch, said.version, until_ms, generations, said.certificate, operator, newest.codes)


def _restart(trust: Trust) -> tuple[str, int]:
    """The head office's policy, and for how long."""
    return (trust.limits.restart, trust.limits.restart_ms) if trust.limits else (RESTART, RESTART_MS)


def _age_ms(path: Path, now_ms: int) -> int | None:
    """How long ago it was stamped; None when it is not there."""
    try:
        return now_ms - path.stat().st_mtime_ns // 1_000_000
    except OSError:
        return None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _lead_ms() -> int:
    """Wall over monotonic: it changes when the clock is set."""
    return _now_ms() - time.monotonic_ns() // 1_000_000


def _day(moment_ms: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(moment_ms / 1000))
