"""The day report: what was taken, what became of it, and whether the two are the same."""

from kiosk.vend.paper.values import Day, Energy, Moment, Money, Month, Pair, Paper, Row, Rule, Said, Sum, Title
from kiosk.vend.till import CASH
from kiosk.vend.totals import DayTotals, Odd


def day_report(totals: DayTotals, *, kiosk: str, day_ms: int, printed_ms: int, zone: str, exponent: int, language: str) -> Paper:
    """One day on paper. `day_ms` is any moment of that day."""
    title = Title(Said("paper.day.title", {"day": Day(day_ms)}))
    rows = _rows(title, totals, kiosk, printed_ms)
    return Paper("day", 0, kiosk, printed_ms, zone, rows, exponent=exponent, language=language)


def month_report(totals: DayTotals, *, kiosk: str, month_ms: int, printed_ms: int, zone: str, exponent: int, language: str) -> Paper:
    """The same of a month. `month_ms` is any moment of it."""
    title = Title(Said("paper.month.title", {"month": Month(month_ms)}))
    rows = _rows(title, totals, kiosk, printed_ms)
    return Paper("month", 0, kiosk, printed_ms, zone, rows, exponent=exponent, language=language)


def _rows(title: Title, totals: DayTotals, kiosk: str, printed_ms: int) -> tuple[Row, ...]:
    given = totals.given
    return (
        title,
        Pair(Said("paper.kiosk", {"kiosk": kiosk}), Said("paper.day.printed", {"moment": Moment(printed_ms)})),
        Pair(Said("paper.day.rows"), f"{totals.first_seq or ''}-{totals.last_seq or ''}"),
        Rule(),
        Pair(Said("paper.day.sales", {"count": totals.sales}), ""),
        *(
            Pair(Said(f"paper.day.{one.device}", {"count": one.count}), Money(one.minor), part=True)
            for one in totals.taken
            if one.count or one.device in CASH
        ),
        Sum(Said("paper.day.taken"), Money(totals.taken_minor)),
        Rule(),
        Pair(Said("paper.day.on_cards", {"count": given.on_cards}), Money(given.credit_minor)),
        Pair(Said("paper.day.fees"), Money(given.fees_minor)),
        Pair(Said("paper.line.old_debt"), Money(given.debt_minor)),
        Pair(Said("paper.open_claims", {"count": given.claims}), Money(given.claims_minor)),
        *([Pair(Said("paper.day.earlier", {"count": given.earlier}), Money(-given.earlier_minor))] if given.earlier else ()),
        Sum(Said("paper.day.given"), Money(given.minor)),
        *([Sum(Said("paper.difference"), Money(totals.difference_minor))] if totals.difference_minor else ()),
        Rule(heavy=True),
        Pair(Said("paper.day.energy"), Said("paper.day.kwh", {"energy": Energy(given.energy_wh)})),
        Pair(
            Said("paper.day.refused", {"count": totals.refused_cards + totals.refused_notes}),
            Said("paper.day.refused_each", {"cards": totals.refused_cards, "notes": totals.refused_notes}),
        ),
        *odd_rows(totals.odd),
        *([] if totals.float_minor is None else [Pair(Said("paper.day.float"), Money(totals.float_minor))]),
        Pair(Said("paper.day.unsent"), Money(totals.unsent_minor)),
        Pair(Said("paper.seal"), totals.seal or "-"),
    )


def odd_rows(odd: Odd) -> tuple[Row, ...]:
    """Cash that no sale explains; nothing where there is none."""
    rows: list[Row] = []
    if odd.orphans:
        rows.append(Pair(Said("paper.odd.orphans", {"count": odd.orphans}), Money(odd.orphans_minor)))
    if odd.unknown:
        rows.append(Pair(Said("paper.odd.unknown"), odd.unknown))
    if odd.disputed:
        rows.append(Pair(Said("paper.odd.disputed", {"count": odd.disputed}), Money(odd.disputed_minor)))
    return tuple(rows)
