"""The printer's test page: whose it is, when, and everything that a paper may need from the head: letters, figures, bold, double height."""

from kiosk.vend.paper.values import Amount, Moment, Money, Note, Pair, Paper, Rule, Said, Title

COLUMNS = "0123456789"


def test_page(*, kiosk: str, printed_ms: int, zone: str, exponent: int, language: str) -> Paper:
    """One page, about no money."""
    rows = (
        Title(Said("paper.test.title")),
        Pair(Said("paper.kiosk", {"kiosk": kiosk}), Moment(printed_ms)),
        Rule(),
        Pair(COLUMNS, COLUMNS),
        Amount(None, Money(0)),
        Rule(heavy=True),
        Note(Said("paper.test.look")),
    )
    return Paper("test", 0, kiosk, printed_ms, zone, rows, exponent=exponent, language=language)
