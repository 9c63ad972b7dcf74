"""What `kiosk run` does: be the core, the screen, or both in one. No command line is loaded for it: first paint first."""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from kiosk.commands import EXIT_DAMAGED, EXIT_DIED, EXIT_MISSING, EXIT_USAGE, until

if TYPE_CHECKING:
    from kiosk.app import KioskApp
    from kiosk.config import Config
    from kiosk.core import Core
    from kiosk.screens.palette import Palette


class CannotRun(Exception):
    """It was not begun; the text is one sentence. `code`: the process's exit code."""

    def __init__(self, sentence: str, code: int) -> None:
        super().__init__(sentence)
        self.code = code


def be(*, config: str = "", core: str = "", screen: str = "", palette: str = "auto", sound: str = "auto") -> int:
    """Until it ends; the process's exit code. `config`, `core` and `screen` are paths. Raises CannotRun."""
    if core and screen:
        raise CannotRun("A process is the core or the screen; without either word it is both.", EXIT_USAGE)
    if sound not in ("auto", "off", "bell"):
        raise CannotRun(f"{sound} is no sound; known are auto, off and bell.", EXIT_USAGE)
    keep_to_itself()
    if screen:
        return _screen(Path(screen), palette, sound)
    file = Path(config) if config else None
    return _core(file, Path(core)) if core else _both(file, palette, sound)


def keep_to_itself() -> None:
    """What comes through here, keys and PINs, is for no core file and no other process of this user. Raises CannotRun."""
    from kiosk.devices.vault.hardened import forbid_dumps

    try:
        forbid_dumps()
    except OSError as error:
        raise CannotRun(f"This system does not let a process keep its memory to itself: {error.strerror}.", EXIT_MISSING) from None


def _screen(socket: Path, palette: str, sound: str) -> int:
    """First paint first: the link looks for its core behind it."""
    chosen = _palette(palette)
    from kiosk.app import LOST, KioskApp, to_core, to_voice
    from kiosk.link import LinkClient

    client = LinkClient(socket)
    app = KioskApp(client, chosen, speak=to_voice(client), alive=to_core(client))
    _give_ears(app, sound)
    client.lost = lambda: app.post(LOST)
    app.show()
    client.close()
    return EXIT_DIED if app.crashed else 0


def _core(config: Path | None, socket: Path) -> int:
    from kiosk.link import LinkError, LinkServer, peer

    over = threading.Event()
    died: list[BaseException] = []

    def on_death(error: BaseException) -> None:
        died.append(error)
        over.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: over.set())
    try:
        loaded = _loaded(config)
        user = peer(loaded.screen.user) if loaded.screen.user else None
        core = _opened(loaded, on_death)
    except LinkError as error:
        raise CannotRun(str(error), EXIT_USAGE) from None
    except Exception as error:  # noqa: BLE001 - a refusal has its sentence, anything else is a crash
        return _said(error)
    try:
        server = LinkServer(socket, core, user=user)
    except OSError as error:
        core.journal.close()
        why = f"the core's user is not in {loaded.screen.user}'s group" if isinstance(error, PermissionError) and user else error.strerror
        raise CannotRun(f"The screen's socket {socket} cannot be made: {why or error}.", EXIT_MISSING) from None
    core.start()
    until(over)
    server.close()
    if died:
        return _said(died[0])
    core.stop()
    return 0


def _both(config: Path | None, palette: str, sound: str) -> int:
    chosen = _palette(palette)
    from kiosk.app import KioskApp, to_core, to_voice
    from kiosk.late import LateSource

    def open_behind_the_first_paint(on_death: Callable[[BaseException], None]) -> "Core":
        loaded = _loaded(config)
        if palette == "auto" != loaded.screen.palette:
            app.later(lambda: app.use(_palette(loaded.screen.palette)))
        app.later(lambda: _give_ears(app, loaded.screen.sound if sound == "auto" else sound))
        return _opened(loaded, on_death)

    late = LateSource(open_behind_the_first_paint)
    app = KioskApp(late, chosen, speak=to_voice(late), alive=to_core(late))
    late.over = app.leave
    app.show()
    late.stop()
    if late.failed:
        return _said(late.failed)
    return EXIT_DIED if app.crashed else 0


def _palette(name: str) -> "Palette":
    """What is asked for, where this terminal can show it. Before Textual is imported: only then it heeds what is said of colours here."""
    from kiosk.screens.palette import PALETTES, TRUE, for_terminal

    if name not in ("auto", *PALETTES):
        raise CannotRun(f"{name} is no palette; known are auto, {', '.join(PALETTES)}.", EXIT_USAGE)
    chosen = for_terminal(os.environ, name)
    if chosen is TRUE:
        os.environ.setdefault("TEXTUAL_COLOR_SYSTEM", "truecolor")
    return chosen


def _give_ears(app: "KioskApp", sound: str) -> None:
    """What the customer hears; a screen that has no configuration beside it is silent unless it is told."""
    from kiosk.screens.sound import Bell

    app.ears = Bell(app.bell) if sound == "bell" else None


def _loaded(config: Path | None) -> "Config":
    from kiosk.config import config_path, load

    return load(config or config_path())


def _opened(config: "Config", on_death: Callable[[BaseException], None]) -> "Core":
    from kiosk.core import Core, settle

    core = Core(config, on_death=on_death)
    settle()
    return core


def _said(error: BaseException) -> int:
    """The sentence of a refusal and its exit code; a programmer's error keeps its traceback, on stderr, never on the glass."""
    from kiosk.config import ConfigError
    from kiosk.core import StartAgain
    from kiosk.devices.vault.station import StationError
    from kiosk.vend.store import StoreDamaged, StoreError

    if isinstance(error, StartAgain):
        sys.stderr.write("An operator wants this kiosk to be started again.\n")
        return EXIT_DIED
    if isinstance(error, ConfigError | StationError):
        sys.stderr.write(f"{error}\n")
        return EXIT_USAGE
    if isinstance(error, StoreError):
        sys.stderr.write(f"{error}\n")
        return EXIT_DAMAGED if isinstance(error, StoreDamaged) else EXIT_MISSING
    traceback.print_exception(error)
    return EXIT_DIED
