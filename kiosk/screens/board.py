"""The one widget of all screens, customers' and staff's. It holds a View, keeps its rows, and repaints only those that changed.

What it says to the world goes through one callback: a choice and its argument. Help is the board's own and never leaves it; digits are,
until ENTER sends them. Staff are known to be there by each key that they press, so their board says so even of its own.
"""

from collections.abc import Callable
from datetime import datetime

from msgspec.structs import replace
from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.timer import Timer
from textual.widget import Widget

from kiosk import words
from kiosk.screens.canvas import Frame, Row, Target, width_of
from kiosk.screens.customer import scene_of
from kiosk.screens.finger import Finger
from kiosk.screens.palette import PALETTES, TRUE, Palette
from kiosk.screens.rows import Clock, rows, time_left, too_small
from kiosk.screens.scene import BACK, DIGIT, ERASE, HELP, says
from kiosk.screens.size import fitting
from kiosk.screens.speech import HELPING, KEYS, SHOWING
from kiosk.screens.staff.keys import HERE, SAY, SEND, typed
from kiosk.screens.staff.knock import KNOCKED, Knock
from kiosk.screens.staff.screen import frame, goes_on
from kiosk.screens.strips import bezel, strip
from kiosk.secret import wipe
from kiosk.vend.staff import BOOT_PIN_DIGITS
from kiosk.vend.view import View

CAPS = {"enter": "enter", "escape": "clear", "backspace": "clear", "delete": "clear", **{digit: digit for digit in "0123456789"}}
HIDDEN = "*"  # stands for a digit that is nobody's business
_FINE_S = 1.0  # how often a running time-out is painted


class Board(Widget, can_focus=False, inherit_bindings=False):
    """`choose(do, arg)` is called for each key and `pressed()` beside it, for the ear; `hand(digits)` with a PIN, for who wipes it;
    `speak(word)` with what a voice cannot see from the View: help, typed digits, and its own keys.

    `now` is the wall's time for the clock, `monotonic_ms` the running one for what is left.
    """

    DEFAULT_CSS = "Board { width: 1fr; height: 1fr; }"

    def __init__(
        self,
        view: View,
        choose: Callable[[str, str], None],
        now: Callable[[], datetime],
        monotonic_ms: Callable[[], int],
        palette: Palette = TRUE,
        *,
        motion: bool = True,
        pressed: Callable[[], None] = lambda: None,
        hand: Callable[[bytearray], None] = wipe,
        speak: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__()
        self._hand = hand
        self._speak, self._spoke = speak, SHOWING
        self._pressed = pressed
        self._view, self._choose, self._now, self._monotonic_ms = view, choose, now, monotonic_ms
        self._palette, self._motion = palette, motion
        self._made_ms = monotonic_ms()
        self._beat, self._helping = 0, False
        self._typed: list[str] = []
        self._secret = bytearray(BOOT_PIN_DIGITS)  # the digits of a secret field; `_typed` has their number
        self._knock = Knock()
        self._frame = Frame((), (), ())
        self._origin = (0, 0)
        self._touched: Target | None = None
        self._finger, self._tapped = Finger(), Target(0, 0, 0, 0, "", "", "")
        self._moving: list[Timer] = []

    # ------------------------------------------------------------ what is shown

    def show(self, view: View) -> None:
        """Another View: help ends as soon as anything but the time has changed, digits are forgotten where none are typed any more."""
        moved = _timeless(view) != _timeless(self._view)
        new_phase = view.phase != self._view.phase
        if not (goes_on(self._view.staff, view.staff) if view.staff else self._types_on(view)):
            self._forget()
        self._view, self._made_ms = view, self._monotonic_ms()
        self._helping = self._helping and not moved
        self._beat = 0 if new_phase else self._beat
        self._spoke = SHOWING if new_phase else self._spoke
        self._say_local()
        self._wind(new_phase=new_phase)
        self._paint()

    def _types_on(self, view: View) -> bool:
        """The digits are still being typed there; whoever was asked for more time finds them again."""
        same = self._view.phase in {view.phase, "still"} and not self._view.staff
        return (same and scene_of(view).pad) or (view.phase == "still" and not self._view.staff)

    def use(self, palette: Palette) -> None:
        """Other colours: one repaint."""
        self._palette = PALETTES[palette.name]
        self._frame = Frame((), (), ())
        self._paint()

    @property
    def view(self) -> View:
        """What is shown now."""
        return self._view

    @property
    def targets(self) -> tuple[Target, ...]:
        """What may be pressed now, in the widget's own cells."""
        left, top = self._origin
        return tuple(target._replace(x=target.x + left, y=target.y + top) for target in self._frame.targets)

    @property
    def said(self) -> tuple[str, ...]:
        """The screen as speech, as it is now: help, typed digits and the time that is left are in it. Staff read theirs."""
        if self._view.staff:
            return ()
        left_ms = self._left_ms()
        time = "" if left_ms is None else time_left(self._view.language, left_ms)
        return says(scene_of(self._seen(), helping=self._helping), time)

    def on_mount(self) -> None:
        """The clock needs one paint a minute."""
        self._wind(new_phase=True)
        self.set_interval(60, self._paint)

    def on_resize(self, _event: events.Resize) -> None:
        """Another size is another layout."""
        self._frame = Frame((), (), ())
        self._paint()

    def render_line(self, y: int) -> Strip:
        """Row `y` of the window: the kiosk's own in the middle, bezel around it."""
        left, top = self._origin
        painted = self._frame.rows
        if not top <= y < top + len(painted):
            return bezel(self.size.width, self._palette.name)
        row = painted[y - top]
        return strip(row, self._palette.name, left, self.size.width - left - _columns(row))

    def render_lines(self, crop: Region) -> list[Strip]:
        """The rows as they are: nothing stands around them, and no style is laid over them."""
        lines = [self.render_line(y) for y in crop.line_range]
        return lines if crop.column_span == (0, self.size.width) else [line.crop(*crop.column_span) for line in lines]

    # ------------------------------------------------------------ what is pressed

    def press(self, key: str) -> bool:
        """A key of the pad or keyboard, by its Textual name. False: it is none of the board's."""
        if key in KEYS and not self._view.staff:
            self._speak(KEYS[key])
            return True
        cap = CAPS.get(key)
        if cap is None:
            return False
        self._act(cap, next((target for target in self._frame.targets if target.cap == cap), None))
        self._knock, met = self._knock.press(cap, self._view.phase, self._monotonic_ms())
        if met:
            self._choose(SAY, KNOCKED)
        return True

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """A finger lands."""
        self._touched = self._under(event)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """It leaves: only where it landed is a press."""
        target, touched, self._touched = self._under(event), self._touched, None
        there = self._tapped.holds(event.x - self._origin[0], event.y - self._origin[1])
        if target is not None and target == touched:
            self._tapped = target
            self._act(target.cap, target, there=there)
        elif target is None and there:
            self._act(self._tapped.cap, None)  # the key has gone; the finger has not

    def _under(self, event: events.MouseEvent) -> Target | None:
        left, top = self._origin
        return next((target for target in self._frame.targets if target.holds(event.x - left, event.y - top)), None)

    def _act(self, cap: str, target: Target | None, *, there: bool = False) -> None:
        on = (_timeless(self._view), self._helping)
        self._finger, meant = self._finger.presses(cap, on, self._monotonic_ms(), there=there)
        if target is None or not meant:
            return
        self._pressed()
        if target.do in {HELP, BACK}:
            self._helping = target.do == HELP
        elif target.do == DIGIT:
            self._type(target.arg)
        elif target.do == ERASE:
            self._typed.pop()
        elif self._helping and target.arg == self._view.language:
            self._helping = False  # it is spoken already: the desk will have nothing new to show
        elif target.do == SEND:
            self._send()
            return
        else:
            self._choose(target.do, target.arg)
            return
        self._say_local()
        self._paint()
        if self._view.staff:
            self._choose(SAY, HERE)

    def _say_local(self) -> None:
        """Help and typed digits are this screen's own: a voice is told of them when they change. Nothing of what staff do is."""
        local = SHOWING if self._view.staff else HELPING if self._helping else "".join(self._typed) or SHOWING
        if local != self._spoke:
            self._spoke = local
            self._speak(local)

    def _type(self, digit: str) -> None:
        if self._is_secret:
            self._secret[len(self._typed)], digit = ord(digit), HIDDEN
        self._typed.append(digit)

    @property
    def _is_secret(self) -> bool:
        field = self._view.staff and self._view.staff.field
        return bool(field and field.secret)

    def _forget(self) -> None:
        self._typed.clear()
        wipe(self._secret)

    def _send(self) -> None:
        """What staff have typed: it is no longer here once it is said."""
        digits = "".join(self._typed)
        pin = self._secret[: len(digits)] if self._is_secret else None
        self._forget()
        self._paint()
        if pin is None:
            self._choose(SAY, typed(digits))
        else:
            self._hand(pin)

    # ------------------------------------------------------------ painting

    def _paint(self) -> None:
        """Make the rows anew and repaint those that differ."""
        if not self.size.width:
            return
        old, self._frame = self._frame, self._rows()
        painted = self._frame.rows
        width = _columns(painted[0]) if painted else 0
        self._origin = (max(0, (self.size.width - width) // 2), max(0, (self.size.height - len(painted)) // 2))
        if len(old.rows) != len(painted):
            self.refresh()
        elif changed := _changed(old.rows, painted, self._origin[1], self.size.width):
            self.refresh(*changed)

    def _rows(self) -> Frame:
        if self._view.staff:
            return self._maintenance()
        size = fitting(self.size.width, self.size.height)
        if size is None:
            return too_small(self._view.language, self.size.width, self.size.height)
        clock = Clock(words.clock(self._now()), self._left_ms(), self._beat)
        return rows(self._seen(), clock, size, self._palette, helping=self._helping)

    def _maintenance(self) -> Frame:
        now, window = self._now(), (self.size.width, self.size.height)
        clock = Clock(words.clock(now), self._left_ms())
        return frame(self._view, self._typed, clock, f"{now:%Y-%m-%d}", window, helping=self._helping)

    def _seen(self) -> View:
        """The view with what is typed on it."""
        return replace(self._view, params=self._view.params | {"typed": "".join(self._typed)}) if self._typed else self._view

    def _left_ms(self) -> int | None:
        if self._view.ends_in_ms is None:
            return None
        return max(0, self._view.ends_in_ms - (self._monotonic_ms() - self._made_ms))

    def _wind(self, *, new_phase: bool) -> None:
        """The timers of what moves: a picture, a sliding tab, a time that runs out. At rest there is none."""
        beat_s = scene_of(self._view).beat_s if self._motion and not self._view.staff else None
        period = beat_s or (_FINE_S if self._view.ends_in_ms is not None else None)
        if not new_phase and bool(self._moving) == (period is not None):
            return
        for timer in self._moving:
            timer.stop()
        self._moving = [self.set_interval(period, self._step)] if period else []

    def _step(self) -> None:
        self._beat += self._motion
        self._paint()


def _columns(row: Row) -> int:
    return sum(width_of(text) for text, _ in row)


def _timeless(view: View) -> View:
    return replace(view, rev=0, ends_in_ms=None, span_ms=None)


def _changed(old: tuple[Row, ...], new: tuple[Row, ...], top: int, width: int) -> list[Region]:
    """A region for each row that is not what it was."""
    return [Region(0, top + y, width, 1) for y, (before, after) in enumerate(zip(old, new, strict=True)) if before != after]
