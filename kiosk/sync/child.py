"""Who starts the courier and watches over it: a thread of the core's that writes a plan, counts heartbeats, and begins again.

A courier that dies is started again, one that is silent is ended first. Neither is waited for by anybody: the core goes on.
"""

import contextlib
import os
import select
import subprocess
import sys
import threading

import msgspec

from kiosk.sync.plan import Plan

SILENT_S = 60.0  # no heartbeat for so long: it hangs
PAUSE_S, LONGEST_PAUSE_S = 1.0, 300.0
ENVIRONMENT = ("PATH", "LANG", "TZ")


class CourierProcess:
    """`start` and `stop` as a driver has them; `pid` is of the one that runs now, 0 for none."""

    def __init__(self, plan: Plan, *, silent_s: float = SILENT_S, pause_s: float = PAUSE_S) -> None:
        self._plan = msgspec.structs.replace(plan, beats=True)
        self._silent_s, self._pause_s = silent_s, pause_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the process."""
        child = self._child
        return child.pid if child and child.poll() is None else 0

    def start(self) -> None:
        """It runs from now on."""
        self._thread.start()

    def stop(self) -> None:
        """It ends; what it was carrying is carried another time."""
        self._over.set()
        child = self._child
        if child is not None and child.poll() is None:
            child.kill()  # whoever reads from it hears that, and closes its ends: they are not closed under its hand
        self._thread.join(5.0)

    def _run(self) -> None:
        pause_s = self._pause_s
        while not self._over.is_set():
            beats = self._watch()
            pause_s = self._pause_s if beats > 1 else min(LONGEST_PAUSE_S, 2 * pause_s)
            self._over.wait(pause_s)

    def _watch(self) -> int:
        """One life of it; how many heartbeats it had."""
        beats = 0
        try:
            child = self._begun()
        except OSError:  # no memory, no process: another time
            return 0
        try:
            output = child.stdout
            assert output is not None  # noqa: S101 - it is a pipe
            while not self._over.is_set():
                ready, _, _ = select.select([output], [], [], self._silent_s)
                if not ready or not os.read(output.fileno(), 4096):
                    break
                beats += 1
        finally:
            self._end()
        return beats

    def _begun(self) -> subprocess.Popen[bytes]:
        child = subprocess.Popen(
            [sys.executable, "-I", "-m", "kiosk.sync.courier"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env={name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
        )
        self._child = child
        with contextlib.suppress(OSError):  # it died at once: its output says so
            if child.stdin is not None:
                child.stdin.write(msgspec.json.encode(self._plan) + b"\n")
                child.stdin.flush()
        return child

    def _end(self) -> None:
        child = self._child
        if child is None:
            return
        with contextlib.suppress(OSError):
            if child.poll() is None:
                child.kill()  # a stopped or wedged one hears nothing else, and nothing of it is lost
        child.wait()
        for end in (child.stdin, child.stdout):
            if end is not None:
                with contextlib.suppress(OSError):
                    end.close()
