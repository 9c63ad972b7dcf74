"""A speech program that writes down what it was given to say, in the place of espeak-ng: the same command line, the same stdin.

Each utterance is a line of JSON when it begins (`{"id", "voice", "amplitude", "lines"}`), and another when it was not cut off
(`{"id", "ended": true}`). `--pace N` letters a second makes it take its time, `--complain` lets it fail as without a sound card.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

MOST = 65536  # bytes of one utterance


def play(arguments: list[str]) -> int:
    """One utterance. The exit code of espeak-ng: 1 for a voice that it does not have, 0 otherwise, sound or no sound."""
    parser = argparse.ArgumentParser(prog="kiosk sim voice", add_help=False)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--pace", type=float, default=0.0)
    parser.add_argument("--complain", action="store_true")
    parser.add_argument("--version", action="store_true")
    parser.add_argument("--stdin", action="store_true")
    for short in ("-v", "-a", "-s", "-d"):
        parser.add_argument(short, default="")
    asked = parser.parse_args(arguments)
    if asked.version:
        sys.stdout.write("Simulated speech: 0.1  Data at: nowhere\n")
        return 0
    if asked.v not in ("en", "cmn", "fr", "sw"):
        sys.stderr.write("Error: The specified espeak-ng voice does not exist.\n")
        return 1
    if asked.complain:
        sys.stderr.write("error: No such file or directory\n")
        return 0
    text = sys.stdin.buffer.read(MOST).decode("utf-8", "replace")
    lines = [line for line in text.split("\n") if line]
    name = f"{os.getpid()}-{time.monotonic_ns()}"
    _write(asked.log, {"id": name, "voice": asked.v, "amplitude": int(asked.a or 100), "lines": lines})
    if asked.pace:
        time.sleep(len(text) / asked.pace)
    _write(asked.log, {"id": name, "ended": True})
    return 0


def _write(log: Path | None, said: dict[str, Any]) -> None:
    """A line, whole, behind whatever others write there."""
    line = json.dumps(said, ensure_ascii=False).encode() + b"\n"
    if log is None:
        sys.stdout.buffer.write(line)
        sys.stdout.flush()
        return
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    sys.exit(play(sys.argv[1:]))
