"""Where a kiosk is put up for the bench: a folder with its stores, the process, and the line on which words are said to it."""

import json
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

from kiosk.bench.table import NotMeasured
from kiosk.bench.terminal import SYNC_END, Terminal
from kiosk.devices.vault.station import create_station
from kiosk.vend.journal import Journal

CONFIG = """[kiosk]
id = "K01"
demo = true

[store]
path = "{folder}/store.db"
station = "{folder}/station.json"
"""
DEVICE = """
[[device]]
role = "{role}"
protocol = "{protocol}"
port = "{folder}/{role}"
"""
FEW: Mapping[str, str] = {"notes": "cctalk", "coins": "cctalk", "printer": "escpos"}
EVERY: Mapping[str, str] = {**FEW, "terminal": "zvt", "modem": "at", "display": "cd5220", "board": "led8n", "voice": "espeak"}
MUTE = 'options = { jack = "always", program = "true" }\n'  # a speech program that has nothing to do
PATIENCE_S = 30.0


class Line:
    """The bench's end of the socket pair."""

    def __init__(self) -> None:
        self.meanwhile: Callable[[float], object] = time.sleep  # lets time pass, also while it waits: a pty wants to be drained
        self._ours, self.theirs = socket.socketpair()
        self._answers = self._ours.makefile("r")

    def say(self, do: str, **arguments: Any) -> None:
        """One word; its answer is still to come."""
        self._ours.sendall(json.dumps({"do": do, **arguments}).encode() + b"\n")

    def heard(self) -> dict[str, Any]:
        """The answer to the last word. Raises NotMeasured when the machine could not do it."""
        tries = int(PATIENCE_S / 0.01)
        while tries and not select.select([self._ours], [], [], 0)[0]:
            self.meanwhile(0.01)
            tries -= 1
        line = self._answers.readline() if tries else ""
        answer: dict[str, Any] = json.loads(line) if line else {"error": "the machine has ended" if tries else "no answer in time"}
        if "error" in answer:
            raise NotMeasured(answer["error"])
        return answer

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """One word and its answer."""
        self.say(do, **arguments)
        return self.heard()

    def close(self) -> None:
        """Nothing more to say."""
        self._answers.close()
        self._ours.close()


def furnish(folder: Path, devices: Mapping[str, str] = MappingProxyType({})) -> Path:
    """A new machine's stores and configuration, `devices` by role and protocol; the configuration's path."""
    Journal.open(folder / "store.db", create_station(folder / "station.json").database_key()).close()
    parts = [DEVICE.format(role=role, protocol=how, folder=folder) + MUTE * (role == "voice") for role, how in devices.items()]
    config = folder / "kiosk.toml"
    config.write_text(CONFIG.format(folder=folder) + "".join(parts))
    return config


@contextmanager
def dark(environment: Mapping[str, str] | None = None, folder: Path | None = None) -> Iterator[Line]:
    """The core alone, in a process of its own."""
    with TemporaryDirectory() as made:
        config = furnish(folder or Path(made))
        line = Line()
        command = [*_machine(config, line), "dark"]
        with subprocess.Popen(command, env=environment, pass_fds=(line.theirs.fileno(),)) as process:  # noqa: S603 - this very program
            line.theirs.close()
            try:
                yield line
            finally:
                line.close()
                process.wait(PATIENCE_S)


@contextmanager
def lit(folder: Path, devices: Mapping[str, str] = MappingProxyType({})) -> Iterator[tuple[Terminal, Line]]:
    """Core and screen in one process, in a drained terminal of 78 by 29."""
    config = furnish(folder, devices)
    line = Line()
    terminal = Terminal(folder, command=_machine(config, line), keep=(line.theirs.fileno(),), first=SYNC_END)
    line.theirs.close()
    line.meanwhile = terminal.drain
    with terminal:
        try:
            yield terminal, line
        finally:
            line.close()


def _machine(config: Path, line: Line) -> tuple[str, ...]:
    return (sys.executable, "-m", "kiosk.bench.machine", str(config), str(line.theirs.fileno()))
