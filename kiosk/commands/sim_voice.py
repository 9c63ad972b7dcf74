"""`kiosk sim voice`: a speech program that writes down what it is given to say, in the place of espeak-ng."""

import sys

import typer

AS_IT_IS = {"ignore_unknown_options": True, "allow_extra_args": True}


def voice(context: typer.Context) -> None:
    """Take one utterance as espeak-ng does (-v, -a, -s, -d, --stdin, --version) and write it to --log FILE, a line of JSON each.

    Example: the option program = "kiosk sim voice --log said.jsonl" of the device with role voice in kiosk.toml.
    --pace N takes its time, N letters a second; --complain fails as where there is no sound card.
    Exit code 1: a voice that it does not have.
    """
    from kiosk.devices.sim.voice import play

    sys.exit(play(context.args))
