"""`kiosk sim voice` takes espeak-ng's place: its options, its stdin, its exit codes."""

import json
import subprocess
import sys
from pathlib import Path

from kiosk.app import to_voice
from kiosk.link import LinkClient, LinkServer
from kiosk.vend.seen import Choice
from tests.display.desk import until
from tests.link.test_link import Core


def said(*options: str, text: str = "150.00 is in.\n\nENTER: Finish.\n") -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "kiosk", "sim", "voice", *options]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


def test_it_writes_down_what_it_is_given_to_say(tmp_path: Path) -> None:
    log = tmp_path / "said.jsonl"
    ended = said("--log", str(log), "-v", "cmn", "-a", "85", "-s", "150", "--stdin")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    begun, over = (json.loads(line) for line in log.read_text().splitlines())
    assert begun | {"id": ""} == {"id": "", "voice": "cmn", "amplitude": 85, "lines": ["150.00 is in.", "ENTER: Finish."]}
    assert over == {"id": begun["id"], "ended": True}


def test_it_fails_as_espeak_ng_does() -> None:
    assert said("-v", "tlh", "--stdin").returncode == 1
    mute = said("-v", "en", "--complain", "--stdin")
    assert (mute.returncode, mute.stdout) == (0, "")
    assert mute.stderr.startswith("error:")


def test_what_a_voice_is_told_comes_through_the_link_and_only_whole_words(tmp_path: Path) -> None:
    core = Core()
    server = LinkServer(tmp_path / "screen.sock", core)
    client = LinkClient(tmp_path / "screen.sock")
    until(lambda: client.view)
    for word in ("help", "7800", "again" * 100):
        to_voice(client)(word)
    until(lambda: len(core.told) == 3)
    assert core.told == [Choice(0, "speak", "help"), Choice(0, "speak", "7800"), Choice(0, "speak", ("again" * 100)[:64])]
    client.close()
    server.close()
