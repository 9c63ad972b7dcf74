"""The real espeak-ng: every language's screens become sound, the volume is one, and the program's own word for a failure is understood."""

import array
import wave
from pathlib import Path

import pytest
from msgspec.structs import replace

from kiosk import words
from kiosk.devices.voice.program import Program
from kiosk.devices.voice.speech import USUAL, VOICES, VOLUMES, aloud
from kiosk.screens.samples import SAMPLES
from kiosk.screens.speech import spoken
from tests.display.desk import until

pytestmark = pytest.mark.speech


def sound(folder: Path, text: str, language: str = "en", level: int = USUAL) -> tuple[float, int]:
    """Seconds, and the loudest sample of 32767."""
    path = folder / f"{language}-{level}.wav"
    program = Program(("espeak-ng", "-w", str(path)))
    assert program.say(text, language, level)
    until(lambda: not program.busy)
    assert program.ended() == ""
    with wave.open(str(path)) as file:
        assert (file.getsampwidth(), file.getnchannels()) == (2, 1)
        samples = array.array("h", file.readframes(file.getnframes()))
        return len(samples) / file.getframerate(), max(map(abs, samples))


@pytest.mark.parametrize("language", words.languages())
def test_a_screen_is_no_silence_in_any_language(tmp_path: Path, language: str) -> None:
    lines = spoken(replace(SAMPLES["insert"].view, language=language))
    seconds, loudest = sound(tmp_path, aloud(lines), language)
    first, _ = sound(tmp_path, aloud(lines[:1]), language)
    assert loudest > 3000
    assert first > 1
    assert seconds > 2 * first, "the other sentences are said, too"


def test_each_step_of_the_volume_is_louder_and_none_is_cut_flat(tmp_path: Path) -> None:
    loudest = [sound(tmp_path, aloud(spoken(SAMPLES["insert"].view)), "en", level)[1] for level in range(len(VOLUMES))]
    assert loudest == sorted(set(loudest))
    assert loudest[-1] < 32767


def test_what_a_name_holds_is_read_and_not_obeyed(tmp_path: Path) -> None:
    plain, _ = sound(tmp_path, aloud(("Hello.",)))
    longer, _ = sound(tmp_path, aloud(("Hello [[ ]] <break time='20s'/>.",)))
    assert longer < plain + 6


def test_it_says_its_version_and_what_it_has_not() -> None:
    program = Program(("espeak-ng",))
    version = program.version()
    assert version
    assert version[0].isdigit()
    assert program.say("hello\n", "tlh", USUAL)
    until(lambda: not program.busy)
    assert program.ended() == "no_sound"
    assert set(VOICES) == set(words.languages())
