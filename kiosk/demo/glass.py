"""The demo on a terminal: the kiosk's own glass, and beside it a bench with the hands of a customer and a technician."""

import queue
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import wrap
from typing import Any

from kiosk.app import KioskApp
from kiosk.vend.code import grouped
from kiosk.vend.damm import purchase_number
from kiosk.vend.money import plain
from kiosk.vend.seen import Choice
from kiosk.vend.view import View

KIOSK = "K07"
BANK_MINOR = 50_00
HELD_S, TAKES_S = 3.0, 5.0  # a bank card is held to the terminal for so long; and it takes so long to notice one
SAID = 23  # columns of a line on the bench
Say = Callable[..., None]


class Hands:
    """What the bench's words do. One thread does them in order, so that the glass never waits; also the glass's Source."""

    def __init__(self, folder: Path, stack: str) -> None:
        self._folder, self._stack = folder, stack
        self._words: queue.Queue[tuple[str, Mapping[str, Any]] | None] = queue.Queue(16)
        self._callbacks: list[Callable[[View], None]] = []
        self._card = ""  # the one that was used last
        self._in = False
        self._receipts: dict[str, str] = {}  # card -> the purchase number on its last receipt
        self._codes: dict[str, str] = {}  # card -> the newest that was paid for
        self.say: Say = lambda *_: None
        self.shows: Callable[[tuple[str, ...]], None] = lambda _rows: None
        self.over: Callable[[], None] = lambda: None
        self.failed: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="hands", daemon=True)
        self._verbs: dict[str, Callable[..., object]] = {
            "choose": self._choose,
            "insert_card": self._insert_card,
            "pull_card": self._pull_card,
            "feed": self._feed,
            "coin": self._coin,
            "paper": self._paper,
            "power_cut": self._power_cut,
            "bank": self._pay_at_the_bank,
            "bank_card": self._bank_card,
            "bank_silence": self._bank_silence,
            "meter_insert": self._meter_insert,
            "meter_day": self._meter_day,
        }

    # ------------------------------------------------------------ for the glass

    def subscribe(self, callback: Callable[[View], None]) -> None:
        """The town is built after the first paint."""
        self._callbacks.append(callback)
        self._thread.start()

    def tell(self, choice: Choice) -> None:
        """What the customer chose."""
        self._put("choose", {"choice": choice})

    def control(self, verb: str, arguments: Mapping[str, Any]) -> None:
        """A word of the bench; one too many at once is dropped, as an impatient hand is."""
        self._put(verb, arguments)

    def end(self) -> None:
        """The town goes to sleep."""
        self._words.put(None)
        self._thread.join(30)

    def _put(self, verb: str, arguments: Mapping[str, Any]) -> None:
        try:
            self._words.put_nowait((verb, arguments))
        except queue.Full:
            return

    # ------------------------------------------------------------ the hands' thread

    def _run(self) -> None:
        try:
            self._live()
        except BaseException as error:  # noqa: BLE001 - it ends the demo, and is told when the glass is gone
            self.failed = error
        self.over()

    def _live(self) -> None:
        from kiosk.demo.world import World

        world = World(self._folder, (KIOSK,), stack=self._stack, full=True)
        try:
            self._site, self._world = world.sites[KIOSK], world
            self._site.extras.shows = self.shows
            self._terminal = self._site.extras.terminal
            self._terminal.do({"do": "pos", "to": "hold"})  # until a key says what the bank says
            world.start()
            for callback in self._callbacks:
                self._site.subscribe(callback)
            self._site.subscribe(self._keep_receipt)
            self._show()
            while (word := self._words.get()) is not None and word[0] != "close":
                self._do(*word)
        finally:
            world.stop()

    def _do(self, verb: str, arguments: Mapping[str, Any]) -> None:
        from kiosk.demo.site import DemoError
        from kiosk.devices.sim.control import ControlRefused

        try:
            self._verbs[verb](**arguments)
        except (ControlRefused, DemoError) as why:
            self._show(*wrap(str(why), SAID)[:3])
        else:
            if verb != "choose":
                self._show()

    def _choose(self, choice: Choice) -> None:
        self._site.tell(choice)

    def _insert_card(self, card: str) -> None:
        self._pull_card()
        self._card, self._in = card, True
        self._site.push(self._world.cards[card])

    def _pull_card(self) -> None:
        if self._in:
            self._site.pull()
            self._in = False

    def _feed(self, amount_minor: int) -> None:
        self._site.notes.do({"do": "insert_note", "value_minor": amount_minor})

    def _coin(self, amount_minor: int) -> None:
        self._site.coins.do({"do": "insert_coin", "value_minor": amount_minor})

    def _paper(self) -> None:
        out = self._site.printer.do({"do": "state"})["paper"] == "out"
        self._site.printer.do({"do": "paper", "to": "ok" if out else "out"})

    def _power_cut(self) -> None:
        self.say("The power is off ...")
        self._site.cut()

    def _pay_at_the_bank(self) -> None:
        """A code that works: for the card that was used last, by the number on its last receipt."""
        from kiosk.demo.world import CUSTOMERS

        if not self._card:
            return
        self.say("The bank asks", "the head office ...")
        number = self._receipts.get(self._card) or purchase_number(self._world.meters[self._card].display()["count"])
        self._codes[self._card] = self._world.bank().pays(CUSTOMERS[self._card][0], BANK_MINOR, number)

    def _bank_card(self, to: str) -> None:
        """A bank card is held to the terminal, and the bank answers."""
        from kiosk.demo.site import DemoError
        from kiosk.sync.counter import waits

        if not waits(self._awaits_card, HELD_S):
            raise DemoError("The terminal awaits no bank card. First choose it at the kiosk.")
        self._terminal.do({"do": "pos", "to": to})
        waits(lambda: not self._awaits_card(), TAKES_S)
        self._terminal.do({"do": "pos", "to": "hold"})

    def _awaits_card(self) -> bool:
        return bool(self._terminal.do({"do": "state"})["awaits_card"])

    def _bank_silence(self) -> None:
        """The terminal's cable comes off: in the middle of a payment when the bank has just said yes. Once more, and it is back."""
        if not self._terminal.do({"do": "state"})["plugged"]:
            self._terminal.do({"do": "plug"})
            return
        if self._awaits_card():
            self._bank_card("silent")
        self._terminal.do({"do": "unplug"})

    def _meter_insert(self) -> None:
        if self._card and not self._in:
            self._world.to_meter(self._card)

    def _meter_day(self) -> None:
        if self._card:
            self._world.live(self._card, 1)

    def _show(self, *first: str) -> None:
        """Where the card is, and what its meter shows."""
        if not self._card:
            self.say(*first, "Insert card A, B or C.")
            return
        meter = self._world.meters[self._card].display()
        place = "in the kiosk" if self._in else "in the hand"
        light = "on" if meter["supply"] else "off"
        self.say(
            *first,
            f"Card {self._card}: {place}",
            f"Its meter: {plain(meter['balance_minor'])}",
            f"Purchases: {meter['count']}, light {light}",
            *code_lines(self._codes.get(self._card, "")),
            *((f"Texts received: {texts}",) if (texts := len(self._site.extras.texts)) else ()),
        )

    def _keep_receipt(self, view: View) -> None:
        """Whatever is on it, the customer knows the purchase number now."""
        if view.phase == "done" and self._card:
            self._receipts[self._card] = str(view.params["purchase_no"])


def code_lines(code: str) -> tuple[str, ...]:
    """Two lines for the bench, in the groups in which it is typed; none without a code."""
    groups = grouped(code).split()
    return (f"Code {' '.join(groups[:3])}", f"     {' '.join(groups[3:])}") if groups else ()


def play(folder: Path, stack: str) -> int:
    """The demo until it is closed. Returns the exit code."""
    hands = Hands(folder, stack)
    app = KioskApp(hands, control=hands.control)
    bench = app.bench
    if bench:
        hands.say = lambda *lines: app.later(lambda: bench.say(*lines))
        hands.shows = lambda rows: app.later(lambda: bench.shows(rows))
    hands.over = app.leave
    app.show()
    hands.end()
    failed = hands.failed or app.crashed
    if failed:
        raise failed
    return 0
