"""A whole kiosk in one process, core and screen, as the bench wants it: its devices are words on a socket instead of metal.

    python -m kiosk.bench.machine CONFIG FD [dark]

FD is the child's end of a socket pair: one JSON object a line, one answer a line. `dark` leaves the screen away. The card reader is in this
process; where the configuration names no devices, an acceptor and a printer are told to be there. Moments are seconds of the system's
monotonic clock, so that another process can compare them with its own.
"""

import itertools
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kiosk.config import load
from kiosk.core import Core, settle
from kiosk.devices.card.inprocess import InProcessReader
from kiosk.devices.sim.card import CardModel
from kiosk.devices.sim.card_files import PURCHASE, Parameters, Returned
from kiosk.devices.sim.crypto import Masters
from kiosk.devices.sim.image import personalise
from kiosk.late import Death, LateSource
from kiosk.vend.seen import AcceptorUp, Choice, NoteHeld, NoteIn, Printed, PrinterState
from kiosk.vend.view import View

SERIAL, NOTE = "SN-BENCH", 10_00
NOTES = (10_00, 20_00, 50_00, 100_00)
PATIENCE_S = 20.0
SETTLED_S = 0.05


class CountedCard:
    """A card in the hand that counts the commands it is sent."""

    def __init__(self, model: CardModel) -> None:
        self._model = model
        self.commands = 0

    def insert(self) -> bytes:
        """See `Card`."""
        return self._model.insert()

    def pull(self) -> None:
        """See `Card`."""
        self._model.pull()

    def process(self, apdu: bytes) -> bytes:
        """See `Card`."""
        self.commands += 1
        return self._model.process(apdu)

    def reset(self) -> bytes:
        """See `Card`."""
        return self._model.reset()


class Machine:
    """The core, and the words that can be said to it. `open` makes the core; `answer` does one word."""

    def __init__(self, config: Path) -> None:
        self._config = config
        self._reader = InProcessReader()
        self._masters = Masters.demo()
        self._numbers = itertools.count(1)
        self._events = 0
        self._committed_s = self._inserted_s = 0.0
        self._opened = threading.Event()
        self._core: Core
        self._card: CountedCard
        self._words: dict[str, Callable[..., dict[str, Any]]] = {
            "card": self.card,
            "pull": self.pull,
            "hold": self.hold,
            "note": self.note,
            "choose": self.choose,
            "view": self.view,
            "sale": self.sale,
            "end": self.end,
            "threads": self.threads,
            "health": self.health,
        }

    def open(self, on_death: Death) -> Core:
        """The product's core on the product's configuration; only the end of each commit is noted."""
        config = load(self._config)
        core = Core(config, reader=self._reader, on_death=on_death)
        commit = core.journal.commit

        def committed() -> None:
            commit()
            self._committed_s = time.perf_counter()

        core.journal.commit = committed  # type: ignore[method-assign]
        if not config.device:
            core.desk.tell(AcceptorUp("notes", SERIAL, 0, None, NOTES))
            core.desk.tell(PrinterState("ok"))
        settle()
        self._core = core
        self._opened.set()
        return core

    def answer(self, do: str, **arguments: Any) -> dict[str, Any]:
        """One word."""
        self._opened.wait(PATIENCE_S)
        return self._words[do](**arguments)

    # ------------------------------------------------------------ words

    def card(self) -> dict[str, Any]:
        """Another customer's card, just come from its meter, goes in and is read."""
        self._until(lambda view: view.phase == "attract")
        number = next(self._numbers)
        meter = f"{number:012d}"
        owner = Parameters(meter, meter, kind=PURCHASE, flags=0x8D)
        returned = Returned(meter, meter, count=7, remaining_minor=12_40, time="2611240800")
        self._card = CountedCard(CardModel(personalise(self._masters, number.to_bytes(8), owner, count=7, returned=returned)))
        self._inserted_s = time.perf_counter()
        self._reader.insert(self._card)
        self._until(lambda view: view.phase == "account")
        return {}

    def pull(self) -> dict[str, Any]:
        """Out of the slot."""
        self._reader.pull()
        self._until(lambda view: view.phase == "attract")
        return {}

    def hold(self, minor: int = NOTE) -> dict[str, Any]:
        """A note comes to lie in escrow."""
        self._events = self._events % 255 + 1
        self._core.desk.tell(NoteHeld("notes", SERIAL, minor, self._events))
        self._until(lambda view: view.params.get("checking") == minor)
        return {}

    def note(self, minor: int = NOTE) -> dict[str, Any]:
        """It is stacked: when that was told, and when it was on disk."""
        self._events = self._events % 255 + 1
        paid = self._shown().figure_minor if self._shown().phase == "insert" else 0
        told_s = time.perf_counter()
        self._core.desk.tell(NoteIn("notes", SERIAL, minor, self._events))
        time.sleep(SETTLED_S)  # whoever waits at the desk would be in the way of what is measured
        self._until(lambda view: view.figure_minor == paid + minor)
        return {"told_s": told_s, "committed_s": self._committed_s}

    def choose(self, key: str, arg: str = "") -> dict[str, Any]:
        """A key of the customer's, as soon as it is offered."""
        view = self._until(lambda view: any(offer.choice == key for offer in view.offers))
        self._core.tell(Choice(view.rev, key, arg))
        return {}

    def view(self) -> dict[str, Any]:
        """What is shown."""
        view = self._shown()
        return {"phase": view.phase, "figure_minor": view.figure_minor, "receipt": view.params.get("receipt"), "languages": view.languages}

    def sale(self) -> dict[str, Any]:
        """One card, one note, one receipt, as fast as the machine is: seconds from card in to card out, and the card's commands."""
        self.card()
        self.hold(NOTES[-1])
        self._events += 1
        self._core.desk.tell(NoteIn("notes", SERIAL, NOTES[-1], self._events))
        self.end()
        return {"seconds": time.perf_counter() - self._inserted_s, "commands": self._card.commands}

    def threads(self) -> dict[str, Any]:
        """Seconds of a processor that each thread has had so far, by its name."""
        living = [(each.name, each.ident) for each in threading.enumerate() if each.ident]
        return {name: time.clock_gettime(time.pthread_getcpuclockid(ident)) for name, ident in living}

    def health(self) -> dict[str, Any]:
        """How each device is, by its driver."""
        return {gate.role: driver.health().state for driver, gate in self._core.devices}

    def end(self) -> dict[str, Any]:
        """The customer has paid enough: on to the card, a receipt, and the card comes out."""
        self.choose("finish")
        self.choose("receipt", "paper")
        self._print()
        self.choose("finish")
        self._until(lambda view: view.phase == "take_card")
        return self.pull()

    def _print(self) -> None:
        """What the printer's driver would say of the paper."""
        published = self._core.desk.published()
        until = time.monotonic() + PATIENCE_S
        while published.print_job is None and time.monotonic() < until:
            published = self._core.desk.wait(published.rev, PATIENCE_S)
        if published.print_job is None:
            raise TimeoutError("no paper was ordered")
        self._core.desk.tell(Printed(published.print_job.id, "printed"))
        self._until(lambda view: view.params.get("receipt") == "printed")

    def _shown(self) -> View:
        return self._core.desk.published().view

    def _until(self, what: Callable[[View], bool]) -> View:
        until = time.monotonic() + PATIENCE_S
        published = self._core.desk.published()
        while not what(published.view):
            if time.monotonic() > until:
                raise TimeoutError(f"the screen stays at {published.view.phase}")
            published = self._core.desk.wait(published.rev, 1)
        return published.view


def listen(machine: Machine, descriptor: int) -> None:
    """Words until the other end is closed. What goes wrong is said there."""
    with socket.socket(fileno=descriptor) as connection, connection.makefile("rw") as lines:
        for line in lines:
            try:
                answer = machine.answer(**json.loads(line))
            except Exception as error:  # noqa: BLE001 - the bench gives up its row, with this for a reason
                answer = {"error": f"{type(error).__name__}: {error}"}
            lines.write(json.dumps(answer) + "\n")
            lines.flush()


def main() -> int:
    """Be the machine."""
    config, descriptor, *dark = sys.argv[1:]
    machine = Machine(Path(config))
    if dark:
        core = machine.open(lambda _: os._exit(1))
        core.start()
        listen(machine, int(descriptor))
        core.stop()
        return 0
    from kiosk.app import KioskApp  # noqa: PLC0415 - the dark machine has no screen
    from kiosk.screens.palette import for_terminal  # noqa: PLC0415

    late = LateSource(machine.open)
    app = KioskApp(late, for_terminal(os.environ))
    late.over = app.leave
    threading.Thread(target=listen, args=(machine, int(descriptor)), name="bench", daemon=True).start()
    app.run()
    late.stop()
    return 1 if late.failed or app.crashed else 0


if __name__ == "__main__":
    sys.exit(main())
