"""What a kiosk of the demo has beside acceptors and printer: a bank terminal, a customer display, a modem, and a voice.

All are played behind the wire. The voice is a program in espeak-ng's place, which writes down what it is given to say. Beside the kiosk's
own files stand: terminal.jsonl, the terminal's book; display.txt, what stood on the display; voice.jsonl; telephones/NUMBER.txt.
"""

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from kiosk.devices.sim import voice
from kiosk.devices.sim.display import DisplaySimulator
from kiosk.devices.sim.modem import ModemSimulator
from kiosk.devices.sim.printer_line import PtyLine
from kiosk.devices.sim.zvt import TerminalSimulator

CARD_S = 0.3  # of the customer's hands at the terminal
DEVICES = """
[[device]]
role = "terminal"
protocol = "zvt"
port = "{folder}/dev/terminal"

[[device]]
role = "display"
protocol = "cd5220"
port = "{folder}/dev/display"

[[device]]
role = "modem"
protocol = "at"
port = "{folder}/dev/modem"

[[device]]
role = "voice"
protocol = "espeak"
port = ""
options = {{ jack = "always", program = {speaks} }}

[sms]
country = "86"
"""


class Extras:
    """The devices of the kiosk in `folder`; `telephones`: the town's. `keeps`: see TerminalSimulator, what its terminal does after a
    power cut with an approval that nobody said a word about; without it that is taken back."""

    def __init__(self, folder: Path, telephones: Path, *, keeps: bool = False) -> None:
        dev, self._folder, self._telephones = folder / "dev", folder, telephones
        self.shows: Callable[[tuple[str, ...]], None] = lambda _rows: None
        self.terminal = TerminalSimulator(
            PtyLine(dev / "terminal"), folder / "terminal.jsonl", blocks=True, keep=keeps, repeat_s=0.2, goods_unit_s=0.1, card_s=CARD_S
        )
        self.display = DisplaySimulator(dev / "display", changed=lambda rows, _lamps: self.shows(rows))
        self.modem = ModemSimulator(PtyLine(dev / "modem"), None, folder / "modem.json")
        self.all = (self.terminal, self.display, self.modem)

    @property
    def config(self) -> str:
        """For kiosk.toml."""
        speaks = shlex.join((sys.executable, "-I", "-S", voice.__file__, "--log", str(self._folder / "voice.jsonl")))
        return DEVICES.format(folder=self._folder.absolute(), speaks=json.dumps(speaks))

    @property
    def texts(self) -> list[dict[str, str]]:
        """What the telephones have got: to, text."""
        messages: list[dict[str, str]] = self.modem.do({"do": "state"})["messages"]
        return messages

    def start(self) -> None:
        """Plugged in."""
        for device in self.all:
            device.start()

    def stop(self) -> None:
        """Unplugged; what stood on the display and came to the telephones is in its files."""
        for text in self.texts:
            self._telephones.mkdir(exist_ok=True)
            with (self._telephones / f"{text['to']}.txt").open("a", encoding="utf-8") as telephone:
                telephone.write(f"{text['text']}\n\n")
        pictures = ("\n".join(f"|{row}|" for row in rows) for rows in self.display.pictures)
        (self._folder / "display.txt").write_text("\n\n".join(pictures) + "\n", "utf-8")
        for device in self.all:
            device.stop()
