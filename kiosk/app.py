"""The screen: one board in a terminal that nobody can leave, and the table phase -> screen. Nothing else.

The two crossings: a View comes from any thread through `Source.subscribe`, a Choice goes out through `Source.tell`. No device, no store,
no time-out and no rule is known here; whatever happens to this terminal, the money goes on in the desk's own thread.
"""

import asyncio
import contextlib
import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from io import TextIOWrapper
from typing import Any, ClassVar, Protocol

from textual import events
from textual.app import App, ComposeResult
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer

from kiosk.screens.bench import Bench
from kiosk.screens.board import Board
from kiosk.screens.console import drawn, is_console
from kiosk.screens.palette import Palette, for_terminal
from kiosk.screens.sound import TICK, Cue, Ears, Heard
from kiosk.vend.seen import Choice
from kiosk.vend.view import View

STARTING = View("out", params={"why": "starting"})
LOST = View("out", params={"why": "core"})  # there may be money in it, and its journal says whose
ANEW = (STARTING, LOST)  # after them revs begin again
STDIN, OUTPUTS = 0, (1, 2)
GONE_S = 2.0  # between two looks whether the terminal is still there
ALIVE_S = 1.0
Control = Callable[[str, Mapping[str, Any]], None]


def _monotonic_ms() -> int:
    return time.monotonic_ns() // 1_000_000


@contextlib.contextmanager
def glass_alone() -> Iterator[TextIOWrapper | None]:
    """The terminal as a file of its own. Whatever else this process and its children print meanwhile, drivers of anybody's, is nowhere."""
    terminals = {descriptor: os.dup(descriptor) for descriptor in OUTPUTS if os.isatty(descriptor)}
    if not terminals:
        yield None
        return
    glass = open(os.dup(max(terminals)), "w", encoding="utf-8")  # noqa: PTH123, SIM115 - a descriptor, and its end may be gone when it closes
    try:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device
            for descriptor in terminals:
                os.dup2(nowhere.fileno(), descriptor)
        yield glass
    finally:
        with contextlib.suppress(OSError):
            glass.close()
        for descriptor, kept in terminals.items():
            os.dup2(kept, descriptor)
            os.close(kept)


class Source(Protocol):
    """Where Views come from and Choices go."""

    def subscribe(self, callback: Callable[[View], None]) -> None:
        """Call back at once with the newest View, and again with each new one, from any thread."""

    def tell(self, choice: Choice) -> None:
        """What the customer chose."""


def to_voice(source: Source) -> Callable[[str], None]:
    """For `speak`: whoever has the voice is behind the source."""
    return lambda word: source.tell(Choice(0, "speak", word))


def to_core(source: Source) -> Callable[[], None]:
    """For `alive`: whoever shuts the acceptors of a machine whose screen hangs is behind the source."""
    return lambda: source.tell(Choice(0, "alive"))


class ViewChanged(Message, bubble=False):
    """A newer View. Of several that wait, the newest is enough."""

    def __init__(self, view: View) -> None:
        super().__init__()
        self.view = view

    def can_replace(self, message: Message) -> bool:
        """The newer wins, whatever the order in which threads came; after a core was lost its revs begin again."""
        if not isinstance(message, ViewChanged) or self.view in ANEW:
            return False
        return message.view in ANEW or message.view.rev >= self.view.rev


class Glass(Screen[None], inherit_bindings=False):
    """The one screen: a board, and in the demo the bench beside it. No key is bound to anything."""

    BINDINGS: ClassVar = []
    DEFAULT_CSS = "Glass { layout: horizontal; overflow: hidden; background: black; }"


class Hearing(LinuxDriver):
    """Textual's driver, but deaf to what is no text: a keyboard's or a line's broken byte is dropped, and the glass lives on."""

    def __init__(self, app: App[Any], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        if isinstance(app, KioskApp) and app.glass:
            self._file = app.glass

    def _get_terminal_size(self) -> tuple[int, int]:
        """Of the glass: standard output is nowhere by now, and has no size."""
        glass = self._app.glass if isinstance(self._app, KioskApp) else None
        with contextlib.suppress(OSError, ValueError):  # its end may be gone
            if glass and all(size := os.get_terminal_size(glass.fileno())):
                return size
        return super()._get_terminal_size()

    def run_input_thread(self) -> None:
        """Until the end; each broken byte begins a new reading."""
        while not self.exit_event.is_set():
            with contextlib.suppress(UnicodeDecodeError):
                super().run_input_thread()


class KioskApp(App[None], inherit_bindings=False):
    """The kiosk's glass. `control` opens the bench panel of the demo beside it; `ears` is whatever can be heard, if anything;
    `speak` is told what a voice has to know (`to_voice`); `alive` is called every second, while this loop goes round (`to_core`)."""

    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False
    BINDINGS: ClassVar = []

    def __init__(
        self,
        source: Source,
        palette: Palette | None = None,
        control: Control | None = None,
        now: Callable[[], datetime] = datetime.now,
        *,
        motion: bool = True,
        monotonic_ms: Callable[[], int] = _monotonic_ms,
        ears: Ears | None = None,
        speak: Callable[[str], None] = lambda _: None,
        alive: Callable[[], None] = lambda: None,
    ) -> None:
        chosen = palette or for_terminal(os.environ)
        super().__init__(driver_class=Hearing, ansi_color=chosen.sixteen)
        self.animation_level = "none"
        self._source, self._console, self._alive = source, is_console(os.environ), alive
        self.ears = ears
        self._heard, self._monotonic_ms = Heard(STARTING), monotonic_ms
        self._calling: Timer | None = None
        self.board = Board(
            STARTING, self._choose, now, monotonic_ms, chosen, motion=motion, pressed=self._ticks, hand=self._hand, speak=speak
        )
        self.bench = Bench(control, chosen) if control else None
        self.crashed: BaseException | None = None
        self.glass: TextIOWrapper | None = None  # where it paints; None: Textual's own choice
        self._hangup = select.poll()

    def show(self) -> None:
        """Runs to its end, alone at its terminal."""
        with glass_alone() as self.glass:
            self.run()

    def get_default_screen(self) -> Glass:
        """Ours, which binds nothing."""
        return Glass(id="_default")

    def compose(self) -> ComposeResult:
        """The board, and the bench where there is one."""
        yield self.board
        if self.bench:
            yield self.bench

    def use(self, palette: Palette) -> None:
        """Other colours from here on."""
        self.ansi_color = palette.sixteen
        self.board.use(palette)

    def on_mount(self) -> None:
        """From here on the terminal is restored on every orderly end, a lost line included."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self.exit)
        signal.signal(signal.SIGCONT, signal.SIG_DFL)  # it follows a lost terminal's SIGHUP, and Textual would begin anew in its end
        if os.isatty(STDIN):
            self._hangup.register(STDIN, 0)
            self.set_interval(GONE_S, self._leave_a_dead_terminal)
        self._source.subscribe(self.post)
        self.set_interval(ALIVE_S, self._alive)

    def on_view_changed(self, message: ViewChanged) -> None:
        """Swap the View; the board paints what is different. One that comes late is dropped."""
        if message.view in ANEW or message.view.rev >= self.board.view.rev:
            self.board.show(drawn(message.view) if self._console else message.view)
            self._listen(*self._heard.seen(message.view, self._monotonic_ms()))

    def on_key(self, event: events.Key) -> None:
        """The pad's keys go to the board, in the demo letters go to the bench, and all others nowhere."""
        event.prevent_default().stop()
        if not self.board.press(event.key) and self.bench:
            self.bench.press(event.key)

    def _leave_a_dead_terminal(self) -> None:
        """A terminal that vanished without SIGHUP would have Textual read its end for ever, at full speed."""
        if any(events & select.POLLHUP for _, events in self._hangup.poll(0)):
            self.exit()

    def post(self, view: View) -> None:
        """From any thread; after the end nobody listens."""
        if self.is_running:
            self.post_message(ViewChanged(view))

    def later(self, work: Callable[[], None]) -> None:
        """From any thread: something for the screen's own thread."""
        if self.is_running and self._loop:
            self._loop.call_soon_threadsafe(work)

    def leave(self) -> None:
        """From any thread: the end, in good order."""
        self.later(self.exit)

    def _choose(self, do: str, arg: str) -> None:
        self._source.tell(Choice(self.board.view.rev, do, arg))

    def _ticks(self) -> None:
        self._play(TICK)

    def _hand(self, pin: bytearray) -> None:
        self._source.tell(Choice(self.board.view.rev, "pin", pin=pin))

    def _listen(self, heard: Heard, cues: tuple[Cue, ...]) -> None:
        """Play what is to be heard now, and be there when the customer is to be called again."""
        self._play(*cues)
        if heard.due_ms != self._heard.due_ms:
            if self._calling:
                self._calling.stop()
            wait_s = None if heard.due_ms is None else max(heard.due_ms - self._monotonic_ms(), 0) / 1000
            self._calling = None if wait_s is None else self.set_timer(wait_s, self._call)
        self._heard = heard

    def _call(self) -> None:
        self._listen(*self._heard.waited(max(self._monotonic_ms(), self._heard.due_ms or 0)))  # a timer may wake a moment early

    def _play(self, *cues: Cue) -> None:
        for cue in cues:
            if self.ears:
                self.ears.play(cue)

    def _fatal_error(self) -> None:
        """A programmer's error ends the screen without a word of it on the public glass: it is kept for whoever started us."""
        self.crashed = self._exception
        self._close_messages_no_wait()
