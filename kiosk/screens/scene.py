"""What the customer sees and may press: the one thing that a phase file makes of a View. Words are final; places and colours are not."""

from typing import NamedTuple

import msgspec

from kiosk import words
from kiosk.vend.view import View

HELP, BACK = "help", "back"  # the screen's own choices; all others are the desk's


class Key(NamedTuple):
    """A key on the screen and on the pad. `cap`: 1..6, clear, 0 or enter. `labels`: the same word, long to short."""

    cap: str
    labels: tuple[str, ...]
    do: str
    arg: str = ""


class Tile(NamedTuple):
    """A note or coin as it lies in the tray."""

    amount: str
    note: str = ""  # "checking"


class Scene(msgspec.Struct, frozen=True):
    """One screen.

    `field` is the palette's field; `place` where the tab stands: a station, `between` two of them, or `moving` from Machine to Card.
    `figure` is the amount as it is written; the tab carries the same. In its stead a `picture` or `lines` of text may stand.
    `poster` takes the hands' place. `{time}` in `status` is filled with the time left.
    """

    field: str
    place: str
    first: str
    second: str = ""
    figure: str = ""
    doubt: bool = False
    currency: str = ""
    picture: str = ""
    lines: tuple[str, ...] = ()
    poster: str = ""
    ledger: tuple[tuple[str, str], ...] = ()
    tray: tuple[Tile, ...] = ()
    tray_note: str = ""
    told: tuple[str, ...] = ()
    keys: tuple[Key, ...] = ()
    status: str = ""
    timed: bool = True  # show the time that is left

    @property
    def beat_s(self) -> float | None:
        """Seconds between two steps of what moves here; None when nothing does."""
        return 0.25 if self.place == "moving" else 1.0 if self.picture in {"card_in", "card_out"} else None

    @property
    def rows_of_options(self) -> int:
        """2 when a key of the second row is there."""
        return 2 if any(key.cap in "456" for key in self.keys) else 1


def says(scene: Scene) -> tuple[str, ...]:
    """The screen as speech, in order: sentences, plain lines, then keys. What is heard is what is painted."""
    spoken = (scene.first, scene.second, *scene.lines, *scene.told, *(f"{key.cap.upper()}: {key.labels[0]}." for key in scene.keys))
    return tuple(line for line in spoken if line)


class Voice:
    """A View read aloud in its language: sentences, amounts, and the phase's own values by their kind."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.language = view.language

    def __call__(self, key: str, **params: object) -> str:
        """The sentence of a key."""
        return words.text(self.language, key, **params)

    def money(self, amount_minor: int) -> str:
        """`150.00`."""
        return words.money(self.language, amount_minor, self.view.exponent)

    def piece(self, amount_minor: int) -> str:
        """A denomination: `50`."""
        return words.whole_money(self.language, amount_minor, self.view.exponent)

    def range(self, pieces: tuple[int, ...]) -> str:
        """`10 to 100`."""
        low, high = self.piece(min(pieces)), self.piece(max(pieces))
        return low if low == high else self("ledger.range", low=low, high=high)

    @property
    def figure(self) -> str:
        """The view's own amount."""
        return self.money(self.view.figure_minor)

    @property
    def currency(self) -> str:
        """The word beside the figure."""
        key = f"currency.{self.view.currency}"
        return self(key) if words.known(key) else self.view.currency

    def tail(self, name: str) -> str:
        """`..7730`, or nothing."""
        value = self.view.params.get(name)
        return self("ledger.tail", tail=value) if value else ""

    def word(self, name: str) -> str:
        """A parameter as text; nothing where it is absent."""
        value = self.view.params.get(name)
        return "" if value is None else str(value)

    def minor(self, name: str) -> int:
        """A parameter as an amount or a count; 0 where it is absent."""
        value = self.view.params.get(name)
        return value if isinstance(value, int) else 0

    def pieces(self, name: str) -> tuple[int, ...]:
        """A parameter as denominations."""
        value = self.view.params.get(name)
        return value if isinstance(value, tuple) else ()

    def flag(self, name: str) -> bool:
        """A parameter as yes or no."""
        return bool(self.view.params.get(name))

    def offered(self, do: str, arg: str | None = None) -> bool:
        """May this be chosen now?"""
        return any(offer.choice == do and arg in {None, offer.arg} for offer in self.view.offers)

    def key(self, cap: str, do: str, arg: str, *labels: str) -> tuple[Key, ...]:
        """The key, if the desk offers its choice; otherwise a hole."""
        return (Key(cap, labels, do, arg),) if self.offered(do, arg) else ()

    def help_key(self) -> Key:
        """0 helps, everywhere."""
        return Key("0", (self("key.help"),), HELP)

    def tally(self) -> tuple[tuple[str, str], ...]:
        """The view's lines as a ledger."""
        return tuple((self(f"ledger.{line.key}"), self._amount(line.minor, line.unit, line.text)) for line in self.view.lines)

    def _amount(self, minor: int | None, unit: str, text: str) -> str:
        if text or minor is None:
            return text
        return words.energy(self.language, minor) if unit == "wh" else str(minor) if unit == "count" else self.money(minor)
