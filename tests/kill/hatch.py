"""Kiosks whose process is forked from one that has read the program already: they die in the same way, and begin for a tenth of the work.

A loop over hundreds of deaths is made of these. That the program starts from nothing as well is what the single deaths show.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from kiosk.__main__ import main
from kiosk.demo.site import ProcessKiosk
from kiosk.link import LinkClient
from tests.kill.mortal import Fate

READ = ["kiosk.commands.running", "kiosk.core", __name__]


class HatchedKiosk(ProcessKiosk):
    """As the one of the demo; with a trace it is mortal."""

    def __init__(self, folder: Path, mortal: tuple[str, ...] = ()) -> None:
        socket = folder / "screen.sock"
        socket.unlink(missing_ok=True)
        command = ["run", "--core", str(socket), "--config", str(folder / "kiosk.toml")]
        self.process = cast("subprocess.Popen[bytes]", Hatched(folder / "core.log", mortal, command))
        self._client = LinkClient(socket)


class Hatched:
    """A forked process, with the words of one from `subprocess`."""

    def __init__(self, log: Path, mortal: tuple[str, ...], command: list[str]) -> None:
        hen = multiprocessing.get_context("forkserver")
        hen.set_forkserver_preload(READ)
        self._process = hen.Process(target=live, args=(log, mortal, command, dict(os.environ)), daemon=True)
        self._process.start()
        assert self._process.pid
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("hatched", timeout or 0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self._process.exitcode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


def live(log: Path, mortal: tuple[str, ...], command: list[str], environment: Mapping[str, str]) -> None:
    """In the new process: what a shell would have set up, then the program."""
    os.environ.clear()
    os.environ.update(environment)
    out = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for here, there in ((nothing, 0), (out, 1), (out, 2)):
        os.dup2(here, there)
    sys.argv = ["kiosk", *command]
    if mortal:
        Fate(Path(mortal[0]), mortal[1]).take()
    main()
