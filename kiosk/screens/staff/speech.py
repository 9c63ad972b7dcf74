"""A maintenance screen read aloud in the view's language: its words are under `staff.`, its numbers as CLDR says."""

from datetime import datetime

from kiosk import words
from kiosk.vend.staff import Cell, Count, Energy, Moment, Money, Plain, Status, Word
from kiosk.vend.view import View


class Speech:
    """`today` is the wall's date, "2026-11-24": a moment of today is a time alone, one of this year has no year."""

    def __init__(self, view: View, today: str) -> None:
        self._view, self._today = view, today
        self.language = view.language

    def __call__(self, key: str, **params: object) -> str:
        """The sentence of a key."""
        return words.text(self.language, f"staff.{key}", **params)

    def word(self, room: str, word: Word) -> str:
        """A word of a table, a key, a question, a notice, with what is put in."""
        return self(f"{room}.{word.key}" if room else word.key, **word.params)

    def cell(self, cell: Cell) -> str:
        """What stands in a table's cell, but for a plate."""
        match cell:
            case Word():
                return self.word("", cell)
            case Money():
                return self.money(cell.minor)
            case Count():
                return words.money(self.language, cell.n, 0)
            case Energy():
                return words.energy(self.language, cell.wh)
            case Moment():
                return self.moment(cell.at)
            case Plain():
                return cell.text
            case Status():
                return self(f"status.{cell.word}")

    def money(self, minor: int) -> str:
        """`4,350.00`."""
        return words.money(self.language, minor, self._view.exponent)

    def moment(self, at: str) -> str:
        """`14:32`, `20 Nov 15:02`, `31 Jan 2027`: as much as tells it from now."""
        if at[:10] == self._today:
            return at[11:]
        same_year = at[:4] == self._today[:4]
        return words.moment(self.language, at) if same_year else words.full_day(self.language, datetime.fromisoformat(at))
