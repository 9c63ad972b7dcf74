"""The voice's thread with a speech program that writes down what it says: newest wins, headphones first, off where no device is."""

import fcntl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from kiosk.config import load
from kiosk.demo.site import CONFIG
from kiosk.devices.fitting import Outfit, PartError
from kiosk.devices.registry import driver_of
from kiosk.devices.voice.driver import VoiceDriver, Waits
from kiosk.devices.voice.jack import BITS, EVIOCGSW, Jack
from kiosk.devices.voice.program import Program
from kiosk.devices.voice.speech import USUAL, VOLUMES
from kiosk.screens.samples import SAMPLES
from kiosk.screens.speech import spoken
from kiosk.screens.staff_samples import staff_views
from kiosk.vend.seen import DeviceDown, DeviceUp
from tests.display.desk import ShowingDesk, until
from tests.voice.ear import PROGRAM, Utterance, utterances

IMPATIENT = Waits(listen_s=0.01, rest_s=0.02, again_s=0.05)
IDLE, EMPTY, PAID, DONE = (SAMPLES[name].view for name in ("attract", "insert-empty", "insert", "done"))
SLOWLY = ("--pace", "20")  # longer than any test


class Headphones(Jack):
    """A jack into which a test puts headphones; None: there is no telling."""

    def __init__(self, *, plugged: bool) -> None:
        super().__init__()
        self.now: bool | None = plugged

    def plugged(self) -> bool | None:
        return self.now


class Listener:
    """A voice on a desk, and what was heard of it."""

    def __init__(self, log: Path, *options: str, plugged: bool = True) -> None:
        self.log, self.desk, self.jack = log, ShowingDesk(remember=False), Headphones(plugged=plugged)
        self.voice = VoiceDriver(self.desk, spoken, Program((*PROGRAM, str(log), *options)), self.jack, waits=IMPATIENT)

    @property
    def heard(self) -> list[Utterance]:
        return utterances(self.log)

    def hears(self, first: str) -> Utterance:
        """The newest utterance, once it begins with this."""
        until(lambda: self.heard and self.heard[-1].lines[0].startswith(first), f"{first}; heard {[each.lines[0] for each in self.heard]}")
        return self.heard[-1]


@pytest.fixture
def listener(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Listener]:
    made = Listener(tmp_path / "said.jsonl", *getattr(request, "param", ()))
    made.jack.now = not hasattr(request, "param") or bool(request.param)
    made.desk.show(IDLE)
    made.voice.start()
    yield made
    made.voice.stop()
    assert not made.voice.alive


def test_a_screen_is_said_whole_and_a_note_by_what_it_changed(listener: Listener) -> None:
    assert listener.hears("Put your electricity card").lines == spoken(IDLE)
    listener.desk.show(EMPTY)
    listener.hears("Put your notes")
    until(lambda: listener.heard[-1].whole and not listener.voice._program.busy)
    listener.desk.show(PAID)
    said = listener.hears("150.00 is in")
    assert "ENTER: Put 140.00 on my card." in said.lines
    assert "0: Help 帮助." not in said.lines, "that had been said"
    listener.desk.show(replace(PAID, language="zh"))
    assert listener.hears("机器已收到").voice == "cmn"
    assert {each.amplitude for each in listener.heard} == {VOLUMES[USUAL]}


@pytest.mark.parametrize("listener", [SLOWLY], indirect=True)
def test_the_newest_screen_cuts_off_what_is_no_longer_true(listener: Listener) -> None:
    listener.hears("Put your electricity card")
    for minor in (5000, 10000, 15000):
        listener.desk.show(replace(PAID, figure_minor=minor))
        listener.hears(f"{minor // 100}.00 is in")
    assert [each.whole for each in listener.heard] == [False] * 4
    assert listener.heard[-1].lines == spoken(PAID), "the rest of the screen was never heard"
    began = time.monotonic()
    listener.voice.stop()
    assert time.monotonic() - began < 5, "it is hushed, not waited for"


def test_repeat_and_volume_keys_say_the_screen_again_and_the_next_customer_has_the_usual(listener: Listener) -> None:
    listener.hears("Put your electricity card")
    listener.desk.show(DONE)
    listener.hears("140.00 is on the card")
    for word, level in (("again", USUAL), ("louder", USUAL + 1), ("louder", USUAL + 2), ("louder", USUAL + 2), ("softer", USUAL + 1)):
        before = len(listener.heard)
        listener.voice.hear(word)
        until(lambda before=before: len(listener.heard) > before)  # type: ignore[misc]
        assert (listener.heard[-1].lines, listener.heard[-1].amplitude) == (spoken(DONE), VOLUMES[level])
    listener.desk.show(IDLE)
    assert listener.hears("Put your electricity card").amplitude == VOLUMES[USUAL]


def test_help_and_typed_digits_are_heard_when_the_screen_tells_of_them(listener: Listener) -> None:
    listener.desk.show(SAMPLES["code"].view)
    listener.hears("Type the 20 digits")
    listener.voice.hear("help")
    assert "A code works once, for one card. It stays good." in listener.hears("How this machine works").lines
    listener.voice.hear("screen")
    listener.hears("Type the 20 digits")
    until(lambda: listener.heard[-1].whole and not listener.voice._program.busy)
    listener.voice.hear("7800")
    assert "Digits: 4 of 20." in listener.hears("Type group 2 of 5").lines


@pytest.mark.parametrize("listener", [()], indirect=True)
def test_without_headphones_it_is_silent_and_with_them_it_begins_from_the_beginning(listener: Listener) -> None:
    listener.desk.await_one(DeviceUp)
    listener.desk.show(PAID)
    time.sleep(0.2)
    assert listener.heard == []
    listener.jack.now = True
    assert listener.hears("150.00 is in").lines == spoken(PAID)
    listener.voice.hear("louder")
    until(lambda: len(listener.heard) == 2)
    listener.jack.now = False
    until(lambda: not listener.voice._plugged)
    listener.desk.show(DONE)
    time.sleep(0.2)
    assert len(listener.heard) == 2
    listener.jack.now = True
    assert listener.hears("140.00 is on the card").amplitude == VOLUMES[USUAL], "they are somebody else's ears"


@pytest.mark.parametrize("listener", [SLOWLY], indirect=True)
def test_headphones_that_are_pulled_out_silence_it_at_once(listener: Listener) -> None:
    listener.hears("Put your electricity card")
    listener.jack.now = False
    until(lambda: not listener.voice._program.busy)
    assert not listener.heard[-1].whole


def test_what_staff_do_is_not_said_and_no_pin_is_anywhere(listener: Listener) -> None:
    listener.hears("Put your electricity card")
    for view in staff_views().values():
        listener.desk.show(view)
        time.sleep(0.002)
    listener.voice.hear("again")
    time.sleep(0.2)
    listener.desk.show(DONE)
    listener.hears("140.00 is on the card")
    assert len(listener.heard) == 2


# ------------------------------------------------------------ the program


def test_where_there_is_no_speech_program_nothing_is_said_and_it_is_found_when_it_comes(tmp_path: Path) -> None:
    listener = Listener(tmp_path / "said.jsonl")
    program = tmp_path / "speech"
    listener.voice._program._command = (str(program),)
    listener.desk.show(IDLE)
    listener.voice.start()
    assert listener.desk.await_one(DeviceDown).code == "no_device"
    assert listener.voice.health().state == "no_device"
    listener.desk.show(PAID)
    program.write_text(f'#!/bin/sh\nexec {" ".join(PROGRAM)} {listener.log} "$@"\n')
    program.chmod(0o700)
    listener.hears("150.00 is in")
    listener.voice.stop()
    assert [type(each) for each in listener.desk.told] == [DeviceDown, DeviceUp]
    assert listener.voice.identity() is not None


def test_where_there_is_no_sound_card_that_is_told_once_and_the_machine_goes_on(tmp_path: Path) -> None:
    listener = Listener(tmp_path / "said.jsonl", "--complain")
    listener.desk.show(IDLE)
    listener.voice.start()
    assert listener.desk.await_one(DeviceDown).code == "no_sound"
    for minor in (1, 2, 3):
        listener.desk.show(replace(PAID, figure_minor=minor))
        time.sleep(0.15)
    listener.voice.stop()
    assert [type(each) for each in listener.desk.told] == [DeviceUp, DeviceDown]
    assert listener.voice.health().state == "offline"


def test_a_language_that_the_program_lacks_is_no_sound_either(tmp_path: Path) -> None:
    listener = Listener(tmp_path / "said.jsonl")
    listener.desk.show(replace(IDLE, language="xx"))
    listener.voice.start()
    assert listener.desk.await_one(DeviceDown).code == "no_sound"
    listener.desk.show(PAID)
    listener.desk.await_one(DeviceUp, since=2)
    listener.voice.stop()


def test_a_program_learns_nothing_of_this_process_s_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIOSK__SECRET", "hidden")
    shown = tmp_path / "shown"
    script = tmp_path / "speech"
    script.write_text(f"#!/bin/sh\ncat >/dev/null\nenv >{shown}.part\nmv {shown}.part {shown}\n")
    script.chmod(0o700)
    program = Program((str(script),))
    assert program.say("150.00 is in.\n", "en", USUAL)
    until(shown.exists)
    assert "hidden" not in shown.read_text()
    until(lambda: program.ended() == "")
    assert program.ended() is None


def test_a_program_that_never_ends_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.devices.voice.program.MOST_S", 0.2)
    program = Program((*PROGRAM, str(tmp_path / "said"), *SLOWLY))
    assert program.say("Put your electricity card in the slot. " * 20, "en", USUAL)
    until(lambda: program.ended() == "no_sound")
    assert not program.busy


# ------------------------------------------------------------ the jack


def jack(folder: Path, switches: dict[str, str], plugged: set[str], where: str = "auto") -> Jack:
    """A machine with these input devices; those in `plugged` say that something is in them."""
    names: dict[int, str] = {}
    (folder / "input").mkdir()
    for name, bits in switches.items():
        (folder / "class" / name / "device" / "capabilities").mkdir(parents=True)
        (folder / "class" / name / "device" / "capabilities" / "sw").write_text(bits + "\n")
        (folder / "input" / name).write_text("")

    def ioctl(descriptor: int, request: int, bits: bytearray) -> int:
        names[descriptor] = Path(f"/proc/self/fd/{descriptor}").readlink().name
        assert (request, len(bits)) == (EVIOCGSW, BITS)
        bits[0] = 0x04 if names[descriptor] in plugged else 0x10  # a microphone is no headphone
        return len(bits)

    return Jack(where, system=folder / "class", devices=folder / "input", ioctl=ioctl)


@pytest.mark.parametrize(
    ("switches", "plugged", "told"),
    [
        ({}, set(), None),
        ({"event0": "0", "event1": "21"}, {"event1"}, None),
        ({"event0": "4"}, set(), False),
        ({"event0": "4"}, {"event0"}, True),
        ({"event0": "0", "event1": "1 54"}, {"event1"}, True),
        ({"event0": "4", "event1": "4"}, {"event1"}, True),
        ({"event0": "noise"}, {"event0"}, None),
    ],
)
def test_a_machine_with_a_jack_knows_what_is_in_it(tmp_path: Path, switches: dict[str, str], plugged: set[str], told: bool | None) -> None:
    assert jack(tmp_path, switches, plugged).plugged() is told


def test_a_named_jack_is_asked_alone_and_one_that_is_not_there_has_nothing_in_it(tmp_path: Path) -> None:
    both = {"event0": "4", "event1": "4"}
    assert jack(tmp_path, both, {"event1"}, str(tmp_path / "input" / "event1")).plugged() is True
    assert Jack(str(tmp_path / "input" / "event0"), ioctl=fcntl.ioctl).plugged() is False, "a file is no jack"
    assert Jack(str(tmp_path / "none")).plugged() is False
    assert Jack("always").plugged() is None


# ------------------------------------------------------------ kiosk.toml


def part(folder: Path, options: str) -> Path:
    path = folder / "kiosk.toml"
    device = f'\n[[device]]\nrole = "voice"\nprotocol = "espeak"\nport = ""\noptions = {{ {options} }}\n'
    path.write_text(CONFIG.format(kiosk="K07", folder=folder, reader="") + device, "utf-8")
    return path


def test_a_voice_is_a_part_of_kiosk_toml_and_gives_its_ear_to_the_core(tmp_path: Path) -> None:
    (device,) = load(part(tmp_path, 'jack = "always", program = "espeak-ng -p 40"')).device
    ears: list[object] = []
    made = driver_of(device, Outfit(ShowingDesk(remember=False), says=spoken, hears=ears.append))
    assert (made.role, made.alive, made.health().state, len(ears)) == ("voice", False, "starting", 1)


@pytest.mark.parametrize(("options", "sentence"), [('program = "\'"', "is no program"), ('jak = "auto"', "did you mean jack")])
def test_a_voice_that_cannot_be_is_one_sentence(tmp_path: Path, options: str, sentence: str) -> None:
    (device,) = load(part(tmp_path, options)).device
    with pytest.raises(PartError, match=sentence):
        driver_of(device, Outfit(ShowingDesk(remember=False)))
