"""A `[[device]]` with role voice, as kiosk.toml writes it. `port` is the sound device's name, "" for the system's own choice."""

import shlex

import msgspec

from kiosk.devices.fitting import Outfit, Part, PartError, checked_options, takes
from kiosk.devices.voice.driver import VoiceDriver
from kiosk.devices.voice.jack import AUTO, Jack
from kiosk.devices.voice.program import Program


class VoiceOptions(msgspec.Struct, frozen=True):
    """`jack`: auto, always, or a /dev/input path (`voice.jack`); `program`: whatever takes espeak-ng's command line."""

    jack: str = AUTO
    program: str = "espeak-ng"


@takes(VoiceOptions, by_port=False)
def voice(part: Part, outfit: Outfit) -> VoiceDriver:
    """espeak-ng, or a program like it."""
    options = checked_options(part, VoiceOptions)
    try:
        command = shlex.split(options.program)
    except ValueError:
        command = []
    if not command:
        raise PartError(f"device voice: {options.program!r} is no program.")
    made = VoiceDriver(outfit.desk, outfit.says, Program(command, part.port), Jack(options.jack), protocol=part.protocol, address=part.port)
    outfit.hears(made.hear)
    return made
