"""The bench panel beside the kiosk in the demo: the hands of a customer and a technician. It emits control words and knows nothing else."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from kiosk.screens.canvas import Piece, Row, compose, plane
from kiosk.screens.palette import TRUE, Palette
from kiosk.screens.strips import bezel, strip

WIDTH = 26
SAID = 6  # lines at the foot
Control = tuple[str, str, str, Mapping[str, Any]]  # key, what it says, verb, arguments
CONTROLS: tuple[str | tuple[Control, ...], ...] = (  # row by row; a text is a heading
    "Put a card in",
    (("a", "A", "insert_card", {"card": "A"}), ("b", "B", "insert_card", {"card": "B"}), ("c", "C", "insert_card", {"card": "C"})),
    (("p", "pull it out now", "pull_card", {}),),
    "Feed a note, drop a coin",
    (
        ("q", "10", "feed", {"amount_minor": 1000}),
        ("w", "20", "feed", {"amount_minor": 2000}),
        ("e", "50", "feed", {"amount_minor": 5000}),
        ("r", "100", "feed", {"amount_minor": 10000}),
    ),
    (("t", "coin of 1", "coin", {"amount_minor": 100}),),
    "Bank and its terminal",
    (("y", "the bank says yes", "bank_card", {"to": "approve"}),),
    (("n", "the bank says no", "bank_card", {"to": "decline"}),),
    (("s", "terminal off / on", "bank_silence", {}),),
    (("k", "pay 50 at the bank", "bank", {}),),
    "Trouble",
    (("o", "paper out / in", "paper", {}),),
    (("x", "power cut", "power_cut", {}),),
    "At home",
    (("m", "card to the meter", "meter_insert", {}),),
    (("d", "run the meter a day", "meter_day", {}),),
    (("z", "close the demo", "close", {}),),
)


def places() -> Iterator[tuple[int, int, int, Control]]:
    """Where each control stands: row, first column, columns."""
    for y, row in enumerate(CONTROLS, 1):
        if not isinstance(row, str):
            width = (WIDTH - 2) // len(row)
            yield from ((y, 2 + width * n, width, control) for n, control in enumerate(row))


class Bench(Widget, can_focus=False, inherit_bindings=False):
    """`control(verb, arguments)` is called for each key or click; it must not block."""

    DEFAULT_CSS = f"Bench {{ width: {WIDTH}; height: 1fr; }}"

    def __init__(self, control: Callable[[str, Mapping[str, Any]], None], palette: Palette = TRUE) -> None:
        super().__init__()
        self._control, self._palette = control, palette
        self._said: tuple[str, ...] = ()
        self._display: tuple[str, ...] = ()
        self._rows: tuple[Row, ...] = ()

    def say(self, *lines: str) -> None:
        """What the bench shows at its foot: a meter's balance, a card's place."""
        self._said = lines[:SAID]
        self._paint()

    def shows(self, rows: tuple[str, ...]) -> None:
        """What stands on the customer's display, whose lines the bench has below its keys."""
        self._display = rows
        self._paint()

    def press(self, key: str) -> bool:
        """A letter of the keyboard. False: it is none of the bench's."""
        for _, _, _, (letter, _, verb, arguments) in places():
            if letter == key:
                self._control(verb, arguments)
                return True
        return False

    def on_resize(self, _event: events.Resize) -> None:
        """Another height shows more or less."""
        self._paint()

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """A click on a control is its key."""
        for y, x, width, (letter, *_) in places():
            if event.y == y and x <= event.x < x + width:
                self.press(letter)

    def render_line(self, y: int) -> Strip:
        """One row of the panel."""
        return strip(self._rows[y], self._palette.name) if y < len(self._rows) else bezel(self.size.width, self._palette.name)

    def _paint(self) -> None:
        if self.size.width and self.size.height:
            self._rows = panel(self._display, self._said, self.size.width, self.size.height)
            self.refresh(Region(0, 0, self.size.width, self.size.height))


def panel(display: tuple[str, ...], said: tuple[str, ...], width: int, height: int) -> tuple[Row, ...]:
    """The panel's rows: letters as badges, headings muted, the display, what is said at the foot. A low window cuts it at the foot."""
    pieces = [*plane(0, 0, width, 1, "header"), Piece(0, 2, "DEMO BENCH", ("header_words", "header", True))]
    headings = ((y, text) for y, text in enumerate(CONTROLS, 1) if isinstance(text, str))
    pieces += [Piece(y, 2, text, ("muted", "paper", False)) for y, text in headings]
    for y, x, room, (letter, label, _, _) in places():
        pieces.append(Piece(y, x, f" {letter} ", ("badge_words", "badge", True)))
        pieces.append(Piece(y, x + 4 if room >= len(label) + 5 else x + 3, label, ("ink", "paper", False)))
    foot = len(CONTROLS) + 1
    air = height >= foot + len(display) + SAID + 2
    foot += air
    if display:
        pieces += plane(foot, 2, width - 3, len(display), "header")
        pieces += [Piece(y, 3, row[: width - 5], ("header_words", "header", False)) for y, row in enumerate(display, foot)]
        foot += len(display) + air
    pieces += [Piece(y, 2, line[: width - 3], ("ink", "paper", False)) for y, line in enumerate(said, foot)]
    rows, _ = compose(width, height, "paper", [piece for piece in pieces if piece.y < height])
    return rows
