"""A speech program as a child: espeak-ng, or whatever takes its command line. One utterance at a time, and a new one ends the old.

The text goes in by stdin, so that no list of processes shows what a customer paid. Nothing here waits for the program: it is looked at.
"""

import contextlib
import os
import subprocess
import time
from collections.abc import Sequence

from kiosk.devices.voice.speech import VOICES, VOLUMES

MOST_S = 120.0  # no screen takes longer to say; a program that hangs is ended
END_S = 1.0
WORDS_A_MINUTE = 150
HEARS = 4096  # bytes of its complaints
KEEPS = ("PATH", "HOME", "LANG", "XDG_RUNTIME_DIR", "PULSE_SERVER", "PIPEWIRE_REMOTE", "ALSA_CONFIG_PATH", "PYTHONPATH", "VIRTUAL_ENV")


class Program:
    """`command`: the program and its own options; `device`: of the sound system, "" for its default."""

    def __init__(self, command: Sequence[str], device: str = "") -> None:
        self._command, self._device = tuple(command), device
        self._child: subprocess.Popen[bytes] | None = None
        self._until_s = 0.0

    @property
    def busy(self) -> bool:
        """Is something being said?"""
        return self._child is not None and self._child.poll() is None

    def version(self) -> str | None:
        """`1.51`, as far as it says so; None when there is no such program."""
        try:
            asked = subprocess.run(  # noqa: S603 - what kiosk.toml names
                [*self._command, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=5.0, check=False, env=_environment()
            )
        except subprocess.TimeoutExpired:
            return ""
        except OSError:
            return None
        words = asked.stdout[:HEARS].decode("utf-8", "replace").partition("Data at")[0].split()
        return words[-1] if words else ""

    def say(self, text: str, language: str, level: int) -> bool:
        """Begins; what was being said is over. False when there is no such program."""
        self.hush()
        options = ["-v", VOICES.get(language, language), "-a", str(VOLUMES[level]), "-s", str(WORDS_A_MINUTE), "--stdin"]
        options += ["-d", self._device] if self._device else []
        try:
            self._child = subprocess.Popen(  # noqa: S603 - what kiosk.toml names
                [*self._command, *options], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=_environment()
            )
        except OSError:
            return False
        self._until_s = time.monotonic() + MOST_S
        if self._child.stdin:
            with contextlib.suppress(OSError), self._child.stdin as pipe:
                pipe.write(text.encode("utf-8", "replace"))  # less than a pipe holds: see `speech.MOST` and `LINES`
        return True

    def ended(self) -> str | None:
        """How the utterance ended, once: "" as it should, "no_sound" when the program said that it could not. None: nothing has ended."""
        child = self._child
        if child is None:
            return None
        if child.poll() is None:
            if time.monotonic() < self._until_s:
                return None
            self.hush()
            return "no_sound"
        self._child = None
        complaint = _complaint(child)
        return "no_sound" if child.returncode or b"error:" in complaint.lower() else ""

    def hush(self) -> None:
        """Silence, at once."""
        child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(END_S)
        if child.stderr:
            child.stderr.close()


def _complaint(child: "subprocess.Popen[bytes]") -> bytes:
    if not child.stderr:
        return b""
    with child.stderr as pipe:
        os.set_blocking(pipe.fileno(), False)
        return pipe.read(HEARS) or b""


def _environment() -> dict[str, str]:
    """What a program of sound needs, and nothing else that this process knows."""
    return {name: os.environ[name] for name in KEEPS if name in os.environ}
