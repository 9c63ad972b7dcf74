"""The cash box slip: what must lie in the boxes by the journal, and whose money it is. Two people count against it and sign."""

from kiosk.vend.paper.day import odd_rows
from kiosk.vend.paper.values import Gap, Moment, Money, Note, Pair, Paper, Row, Rule, Said, Stack, Sum, Title
from kiosk.vend.totals import BoxCount

_SIGNATURES = "________ ________"


def box_slip(count: BoxCount, *, kiosk: str, printed_ms: int, zone: str, exponent: int, language: str) -> Paper:
    """The slip of a swap; or, while the boxes are in the machine, the same to compare with, and nothing to sign."""
    given, widest = count.given, max((kind.denomination for kind in count.pieces), default=0)
    rows: list[Row] = [
        Title(Said("paper.box.title")),
        Pair(Said("paper.kiosk", {"kiosk": kiosk}), Said("paper.box.session", {"session": count.session})),
        *(
            [Pair(Said("paper.box.still_in"), Moment(printed_ms))]
            if count.out_ms is None
            else [Pair(Said("paper.box.out"), Moment(count.out_ms))]
        ),
        Pair(Said("paper.box.since"), Moment(count.in_ms)),
        *([Pair(Said("paper.box.operators"), " + ".join(count.operators))] if count.operators else ()),
        *([Pair(Said("paper.box.bag"), count.bag)] if count.bag else ()),
        Rule(),
        *(
            Pair(
                Said(f"paper.tender.{kind.device}", {"pieces": Stack(kind.denomination, kind.pieces, widest)}),
                Money(kind.denomination * kind.pieces),
            )
            for kind in count.pieces
        ),
        Sum(Said("paper.box.in_the_box", {"count": count.count}), Money(count.minor)),
        Rule(heavy=True),
        Pair(Said("paper.box.given"), Money(given.credit_minor + given.fees_minor + given.debt_minor)),
        Pair(Said("paper.open_claims", {"count": given.claims}), Money(given.claims_minor)),
        Pair(Said("paper.difference"), Money(count.difference_minor)),
        *([Pair(Said("paper.box.unended"), Money(count.unended_minor), part=True)] if count.unended_minor else ()),
        *odd_rows(count.odd),
        *([Sum(Said("paper.box.unexplained"), Money(count.unexplained_minor))] if count.unexplained_minor else ()),
        Rule(),
        Pair(Said("paper.box.row"), count.seq),
        Pair(Said("paper.seal"), count.seal),
        *([Pair(Said("paper.box.acked", {"row": count.acked_row}), count.acked_seal)] if count.acked_row else ()),
        *([Gap(), Gap(), Note(Said("paper.box.signed", {"lines": _SIGNATURES}))] if count.out_ms is not None else ()),
    ]
    return Paper("box", 0, kiosk, printed_ms, zone, tuple(rows), exponent=exponent, language=language)
