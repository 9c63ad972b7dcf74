"""The slip of a card that the head office has named: it is not written, not kept, and its holder can show when and where it was refused."""

from kiosk.vend.paper.values import Centred, Clock, Day, Note, Pair, Paper, Row, Rule, Said, Title, card_tail
from kiosk.vend.rules import Letterhead


def blocked(card: str, letterhead: Letterhead, *, kiosk: str, at_ms: int, zone: str, exponent: int, language: str) -> Paper:
    """About no money. `card`: the serial, of which four digits are printed."""
    rows: tuple[Row, ...] = (
        Centred(letterhead.utility),
        Title(Said("paper.blocked.title")),
        Rule(heavy=True),
        Pair(Said("paper.blocked.card"), card_tail(card)),
        Pair(Day(at_ms), Clock(at_ms)),
        Rule(),
        Note(Said("paper.blocked.untouched")),
        Note(Said("paper.blocked.office")),
        Pair(Said("paper.help"), letterhead.phone),
        *([Centred(letterhead.footer)] if letterhead.footer else []),
    )
    return Paper("blocked", 0, kiosk, at_ms, zone, rows, exponent=exponent, language=language)
