"""The courier: `python -I -m kiosk.sync.courier`, its plan as the first line of standard input. A process of its own.

It sees the spool, the network and the stick, and nothing else: no journal, no station or trading key. Its death, its silence and a lie from
the other end lose nothing and hold nobody up: whoever started it starts it again, and it begins with what still lies in the spool. It ends
when its standard input does, so that it never outlives the core that started it.
"""

import asyncio
import contextlib
import os
import random
import sys
import threading
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Literal

import msgspec

from kiosk.sync import stick
from kiosk.sync.carrier import Carrier, CarryFailed, Memory, exchange
from kiosk.sync.folder import FolderError
from kiosk.sync.https import https
from kiosk.sync.pace import Pace
from kiosk.sync.plan import Plan
from kiosk.sync.sftp import sftp
from kiosk.sync.spool import Spool, SpoolBusy, Waiting
from kiosk.sync.standing import Carried, Standing, Stick, Way, tell

LOOK_S = 1.0  # how often the spool is looked at for something new, or asked
PLAN_MAX = 64 * 1024
STUCK_S = 6 * 3600.0  # a round of a thousand batches over the slowest line is over before
EXIT_PLAN, EXIT_BUSY = 2, 75

Opens = Callable[[], AbstractAsyncContextManager[Carrier]]


class Courier:
    """Every way at its own pace, and the stick when somebody asks. One event loop."""

    def __init__(self, plan: Plan) -> None:
        """ValueError for a kiosk id that is none."""
        self._plan, self.spool = plan, Spool(Path(plan.spool), plan.kiosk).made()
        self._ways: dict[str, Opens] = {}
        if plan.https:
            self._ways["https"] = lambda: https(plan.https, plan.kiosk)  # type: ignore[arg-type]
        if plan.sftp:
            self._ways["sftp"] = lambda: sftp(plan.sftp, plan.kiosk)  # type: ignore[arg-type]
        self._memories = {way: Memory() for way in self._ways}
        self._pace = {way: Pace() for way in self._ways}
        self._began_s: dict[str, float] = {}
        self._stand = {way: Way() for way in self._ways}
        self._stick: Stick | None = None
        self._at_stick: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Until it is cancelled."""
        rounds: dict[str, asyncio.Task[None]] = {}
        known: set[tuple[int, tuple[int, int]]] = set()
        while True:
            asked = self._asked()
            here = {(one.seq, one.mark) for one in self._waiting()}
            for way in self._ways:
                if "now" in asked:
                    self._memories[way].again()
                    self._pace[way] = self._pace[way].hurried(time.monotonic())
                elif here - known and not self._pace[way].failures:
                    self._pace[way] = self._pace[way].hurried(time.monotonic())
                task = rounds.get(way)
                if task is not None and task.done():
                    task.result()  # a programmer's error ends the process
                if (task is None or task.done()) and self._pace[way].due_s <= time.monotonic():
                    rounds[way], self._began_s[way] = asyncio.create_task(self.round(way)), time.monotonic()
                elif task is not None and not task.done() and time.monotonic() - self._began_s[way] > STUCK_S:
                    _given_up(way)
            if "now" in asked and not self._ways:
                self._tell()
            known = here
            self._to_the_stick("export" if "export" in asked else "import" if "import" in asked else None)
            if self._plan.beats:
                os.write(1, b".")
            await asyncio.sleep(LOOK_S)

    async def round(self, way: str) -> None:
        """One round of a way, and what is told of it."""
        tried_ms, why, code = _now_ms(), "", ""
        try:
            async with self._ways[way]() as carrier:
                await exchange(self.spool, carrier, way, self._memories[way])
        except CarryFailed as failed:
            why, code = str(failed), failed.code
        except FolderError as full:
            why, code = str(full), "disk"
        now_s, pace = time.monotonic(), self._pace[way]
        self._pace[way] = pace.failed(now_s, random.random()) if why else pace.worked(now_s, self._plan.interval_s)
        next_ms = _now_ms() + int((self._pace[way].due_s - now_s) * 1000)
        worked_ms = self._stand[way].worked_ms if why else _now_ms()
        self._stand[way] = Way(worked_ms, tried_ms, next_ms, self._pace[way].failures, why, code)
        self._tell()

    async def once(self) -> Standing:
        """One round of every way, for whoever does not want to wait for a courier."""
        for way in self._ways:
            await self.round(way)
        return self._standing()

    # ------------------------------------------------------------ the stick

    def _to_the_stick(self, what: Literal["export", "import"] | None) -> None:
        if self._at_stick is not None and self._at_stick.done():
            self._at_stick.result()
            self._at_stick = None
        if what is not None and self._at_stick is None:
            self._at_stick = asyncio.create_task(self._stick_trip(what))

    async def _stick_trip(self, what: Literal["export", "import"]) -> None:
        """In a thread: a stick that hangs holds nobody up, and the next trip waits for it."""
        began_ms = _now_ms()
        self._stick = Stick(what, began_ms)
        self._tell()
        done = await asyncio.to_thread(_trip, self.spool, self._plan.stick, what)
        self._stick = Stick(what, began_ms, _now_ms(), done.ok, done.says)
        self._tell()

    # ------------------------------------------------------------ the spool

    def _asked(self) -> tuple[str, ...]:
        with contextlib.suppress(FolderError):
            return self.spool.asked()
        return ()

    def _waiting(self) -> list[Waiting]:
        with contextlib.suppress(FolderError):
            return self.spool.waiting()
        return []

    def _standing(self) -> Standing:
        batches: dict[str, Carried] = {}
        for memory in self._memories.values():
            for seq, carried in memory.batches.items():
                before = batches.get(str(seq))
                if before is None or before.state == "refused":  # one way that brought it is enough
                    batches[str(seq)] = carried
        return Standing(_now_ms(), dict(self._stand), batches, self._stick)

    def _tell(self) -> None:
        """Where the disk does not take it, people read an older one."""
        with contextlib.suppress(FolderError):
            tell(self.spool, self._standing())


def _given_up(way: str) -> None:
    """A round that does not end, whatever its limits say, is not waited for: the process ends, and whoever started it begins anew."""
    sys.stderr.write(f"The way by {way} does not end.\n")
    sys.stderr.flush()
    os._exit(EXIT_BUSY)


def _trip(spool: Spool, where: str, what: str) -> stick.Done:
    path = Path(where)
    if not where:
        return stick.Done(ok=False, count=0, says=("No place for a stick is configured: [sync] stick.",))
    if not (path.is_mount() or (path / "up").is_dir() or (path / "downlink").is_dir()):
        return stick.Done(ok=False, count=0, says=(f"There is no stick at {where}.",))
    return stick.export(spool, path) if what == "export" else stick.bring(spool, path)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _ends_with_its_input() -> None:
    """An input that is closed is a core that is gone. At once: whatever the courier does survives that, and a stick may hang for ever."""

    def listen() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 4096):
                pass
        os._exit(0)

    threading.Thread(target=listen, name="input", daemon=True).start()


def main() -> int:
    """The process. Exit codes: 0 its input ended, 2 the plan cannot be used, 75 another courier carries this spool."""
    try:
        plan = msgspec.json.decode(sys.stdin.buffer.readline(PLAN_MAX), type=Plan)
        courier = Courier(plan)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError, FolderError) as error:
        sys.stderr.write(f"The courier cannot begin: {error}\n")
        return EXIT_PLAN
    try:
        with courier.spool.carrying():
            _ends_with_its_input()
            asyncio.run(courier.run())
    except (SpoolBusy, FolderError) as busy:
        sys.stderr.write(f"{busy}\n")
        return EXIT_BUSY
    return 0


if __name__ == "__main__":
    sys.exit(main())
