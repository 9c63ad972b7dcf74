"""Ears: all that a listener knows is what the simulated speech program wrote down."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

PROGRAM = (sys.executable, "-m", "kiosk.devices.sim.voice", "--log")


@dataclass(frozen=True)
class Utterance:
    """What was said in one go; `whole`: it was not cut off."""

    voice: str
    amplitude: int
    lines: tuple[str, ...]
    whole: bool


def utterances(log: Path) -> list[Utterance]:
    """All of it so far, in order."""
    written = [json.loads(line) for line in log.read_text("utf-8").splitlines()] if log.exists() else []
    ended = {line["id"] for line in written if line.get("ended")}
    return [Utterance(line["voice"], line["amplitude"], tuple(line["lines"]), line["id"] in ended) for line in written if "lines" in line]
