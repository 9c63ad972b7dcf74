"""The bench panel beside the kiosk in the demo: the hands of a customer and a technician. It emits control words and knows nothing else."""

from collections.abc import Callable, Mapping
from typing import Any

from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from kiosk.screens.canvas import Piece, Row, compose, plane
from kiosk.screens.palette import TRUE, Palette
from kiosk.screens.strips import bezel, strip

WIDTH = 26
CONTROLS: tuple[tuple[str, str, str, Mapping[str, Any]], ...] = (  # key, what it says, verb, arguments; no key: a heading
    ("", "Card", "", {}),
    ("a", "insert card A", "insert_card", {"card": "A"}),
    ("b", "insert card B", "insert_card", {"card": "B"}),
    ("c", "insert card C", "insert_card", {"card": "C"}),
    ("p", "pull the card now", "pull_card", {}),
    ("", "Money", "", {}),
    ("q", "feed a 10", "feed", {"amount_minor": 1000}),
    ("w", "feed a 20", "feed", {"amount_minor": 2000}),
    ("e", "feed a 50", "feed", {"amount_minor": 5000}),
    ("r", "feed a 100", "feed", {"amount_minor": 10000}),
    ("t", "drop a coin of 1", "coin", {"amount_minor": 100}),
    ("k", "pay 50 at the bank", "bank", {}),
    ("", "Trouble", "", {}),
    ("o", "paper out / in", "paper", {}),
    ("x", "power cut", "power_cut", {}),
    ("", "At home", "", {}),
    ("m", "card to the meter", "meter_insert", {}),
    ("d", "run the meter a day", "meter_day", {}),
    ("", "", "", {}),
    ("z", "close the demo", "close", {}),
)


class Bench(Widget, can_focus=False, inherit_bindings=False):
    """`control(verb, arguments)` is called for each key or click; it must not block."""

    DEFAULT_CSS = f"Bench {{ width: {WIDTH}; height: 1fr; }}"

    def __init__(self, control: Callable[[str, Mapping[str, Any]], None], palette: Palette = TRUE) -> None:
        super().__init__()
        self._control, self._palette = control, palette
        self._said: tuple[str, ...] = ()
        self._rows: tuple[Row, ...] = ()

    def say(self, *lines: str) -> None:
        """What the bench shows below its keys: a meter's balance, a card's place. At most six lines."""
        self._said = lines[:6]
        self._paint()

    def press(self, key: str) -> bool:
        """A letter of the keyboard. False: it is none of the bench's."""
        for letter, _, verb, arguments in CONTROLS:
            if letter and letter == key:
                self._control(verb, arguments)
                return True
        return False

    def on_resize(self, _event: events.Resize) -> None:
        """Another height shows more or less."""
        self._paint()

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """A click on a line is its key."""
        at = event.y - 1
        if 0 <= at < len(CONTROLS):
            self.press(CONTROLS[at][0])

    def render_line(self, y: int) -> Strip:
        """One row of the panel."""
        return strip(self._rows[y], self._palette.name) if y < len(self._rows) else bezel(self.size.width, self._palette.name)

    def _paint(self) -> None:
        if self.size.width and self.size.height:
            self._rows = panel(self._said, self.size.width, self.size.height)
            self.refresh(Region(0, 0, self.size.width, self.size.height))


def panel(said: tuple[str, ...], width: int, height: int) -> tuple[Row, ...]:
    """The panel's rows: letters as badges, headings muted, what is said at the foot. A low window cuts it at the foot."""
    pieces = [*plane(0, 0, width, 1, "header"), Piece(0, 2, "DEMO BENCH", ("header_words", "header", True))]
    for y, (letter, label, _, _) in enumerate(CONTROLS, 1):
        if letter:
            pieces.append(Piece(y, 2, f" {letter} ", ("badge_words", "badge", True)))
        pieces.append(Piece(y, 6 if letter else 2, label, ("ink" if letter else "muted", "paper", False)))
    foot = len(CONTROLS) + 2
    pieces += [Piece(y, 2, line[: width - 3], ("ink", "paper", False)) for y, line in enumerate(said, foot)]
    rows, _ = compose(width, height, "paper", [piece for piece in pieces if piece.y < height])
    return rows
