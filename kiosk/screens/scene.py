"""What the customer sees and may press: the one thing that a phase file makes of a View. Words are final; places and colours are not."""

from typing import NamedTuple

import msgspec

from kiosk import words
from kiosk.vend.view import View

HELP, BACK, DIGIT, ERASE = "help", "back", "digit", "erase"  # the screen's own choices; all others are the desk's
TOUCH = "?"  # the cap of a key that no pad has: Help where 0 is a digit
STATIONS = ("you", "machine", "card", "meter")
OPTIONS, PAD = "123456", "1234567890"
_SPOKEN = (*OPTIONS, "clear", "0", "enter")  # as a pad has them: 1 2 3 / 4 5 6 / CLEAR 0 ENTER


class Key(NamedTuple):
    """A key on the screen and on the pad. `cap`: a digit, clear, enter or TOUCH; `name`: the word on the pad's own key, `CLEAR`.

    `labels`: the same word, long to short.
    """

    cap: str
    labels: tuple[str, ...]
    do: str
    arg: str = ""
    name: str = ""


class Tile(NamedTuple):
    """A note or coin as it lies in the tray."""

    amount: str
    note: str = ""  # "checking"


class Scene(msgspec.Struct, frozen=True):
    """One screen.

    `field` is the palette's field; `place` where the tab stands: a station, `between` Machine and Card, `moving` there, or `asking`
    between You and Machine; `station` is the station's word. `figure` is the amount as it is written; the tab carries the same. In its
    stead a `picture`, a `group` of typed digits or `lines` of text may stand; beside it a picture takes the ledger's place. `poster`
    takes the hands' place. `pad`: digits are typed, in two rows of five keys. `{time}` in `status` is filled with the time left.
    """

    field: str
    place: str
    first: str
    second: str = ""
    station: str = ""
    figure: str = ""
    doubt: bool = False
    currency: str = ""
    picture: str = ""
    group: str = ""
    lines: tuple[str, ...] = ()
    poster: str = ""
    code: str = ""  # a QR's text; it stands beside all else, where it has room
    ledger: tuple[tuple[str, str], ...] = ()
    tray: tuple[Tile, ...] = ()
    tray_note: str = ""
    told: tuple[str, ...] = ()
    keys: tuple[Key, ...] = ()
    pad: bool = False
    status: str = ""
    timed: bool = True  # show the time that is left

    @property
    def beat_s(self) -> float | None:
        """Seconds between two steps of what moves here; None when nothing does."""
        return 0.25 if self.place == "moving" else 1.0 if self.picture in {"card_in", "card_out", "reader"} else None

    @property
    def rows_of_options(self) -> int:
        """2 for digits, or when a key of the second row is there."""
        return 2 if self.pad or any(key.cap in OPTIONS[3:] for key in self.keys) else 1

    @property
    def has_options(self) -> bool:
        """Without keys above CLEAR, 0 and ENTER there is room for tray or told."""
        return any(key.do == DIGIT or key.cap in OPTIONS for key in self.keys)


def says(scene: Scene, time: str = "") -> tuple[str, ...]:
    """The screen as speech, in order: sentences, the amount, what explains it, then the pad's keys. What is heard is what is painted.

    A hole is silent, and so are digits to type and what only a finger finds. `time`: what is left, in words, for a status that names it.
    """
    amount = f"{scene.figure} {scene.currency}".strip()
    heard = scene.figure in scene.first + scene.second
    keys = sorted((key for key in scene.keys if key.cap != TOUCH and key.do != DIGIT), key=lambda key: _SPOKEN.index(key.cap))
    spoken = (
        scene.first,
        "" if heard else f"{scene.station}: {amount}." if scene.station else f"{amount}.",
        scene.second,
        f"{scene.poster}." if scene.poster else "",
        *scene.lines,
        *(f"{label}: {value}." if value else f"{label}." for label, value in scene.ledger),
        *(() if scene.has_options or scene.tray else scene.told),
        "" if "{time}" in scene.status and not time else scene.status.replace("{time}", time),
        *(f"{key.name or key.cap}: {key.labels[0]}." for key in keys),
    )
    return tuple(line for line in spoken if line)


class Voice:
    """A View read aloud in its language: sentences, amounts, and the phase's own values by their kind."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.language = view.language

    def __call__(self, key: str, **params: object) -> str:
        """The sentence of a key. The currency is there for languages in which an amount needs its word: `150.00 元`."""
        return words.text(self.language, key, currency=self.currency, **params)

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
        return words.currency(self.language, self.view.currency)

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

    def denied(self, name: str) -> bool:
        """Does the view say no? Not where it says nothing."""
        return self.view.params.get(name) is False

    def offered(self, do: str, arg: str | None = None) -> bool:
        """May this be chosen now?"""
        return any(offer.choice == do and arg in {None, offer.arg} for offer in self.view.offers)

    def first_arg(self, do: str) -> str:
        """What the first offer of a choice is about: an order's number."""
        return next((offer.arg for offer in self.view.offers if offer.choice == do), "")

    @property
    def languages(self) -> tuple[str, ...]:
        """Those that may be chosen, in the desk's order."""
        return tuple(offer.arg for offer in self.view.offers if offer.choice == "language") or self.view.languages

    def language_keys(self, most: int) -> tuple[Key, ...]:
        """Each language by its own name, from 1 on."""
        named = ((name, words.text(name, "language.name")) for name in self.languages[:most])
        return tuple(Key(str(cap), (called,), "language", name) for cap, (name, called) in enumerate(named, 1))

    def press(self, cap: str, do: str, arg: str, *labels: str) -> Key:
        """A key that is there whatever the desk offers."""
        return Key(cap, labels, do, arg, self(f"key.{cap}") if cap in {"clear", "enter"} else "")

    def key(self, cap: str, do: str, arg: str, *labels: str) -> tuple[Key, ...]:
        """The key, if the desk offers its choice; otherwise a hole."""
        return (self.press(cap, do, arg, *labels),) if self.offered(do, arg) else ()

    def help_key(self, cap: str = "0") -> Key:
        """0 helps, everywhere; where 0 is a digit, a finger finds it."""
        return Key(cap, words.help_words(self.language, self.languages), HELP)

    def pad_keys(self, open_now: str) -> tuple[Key, ...]:
        """The digits that may be typed now; CLEAR takes one back, or the customer where there is none; a help for fingers."""
        digits = (Key(digit, (digit,), DIGIT, digit) for digit in open_now)
        less = (self.press("clear", ERASE, "", self("key.erase")),) if self.typed else self.key("clear", "cancel", "", self("key.back"))
        return (*digits, *less, self.help_key(TOUCH))

    @property
    def typed(self) -> str:
        """Digits typed so far: the board's own, put into the view that it shows."""
        return self.word("typed")

    def outage(self) -> tuple[tuple[str, str], ...]:
        """When there will be no electricity here, as a line of the ledger: the day is said once where it is one."""
        begins, ends = self.word("outage_from"), self.word("outage_to")
        if not begins or not ends:
            return ()
        moments = [words.moment(self.language, each) for each in (begins, ends)]
        last = ends[11:] if begins[:10] == ends[:10] else moments[1]
        return ((self("ledger.outage"), f"{moments[0]}-{last}"),)

    def tally(self) -> tuple[tuple[str, str], ...]:
        """The view's lines as a ledger."""
        return tuple((self(f"ledger.{line.key}"), self._amount(line.minor, line.unit, line.text)) for line in self.view.lines)

    def _amount(self, minor: int | None, unit: str, text: str) -> str:
        if text or minor is None:
            return text
        return words.energy(self.language, minor) if unit == "wh" else str(minor) if unit == "count" else self.money(minor)
