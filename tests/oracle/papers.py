"""The amounts on a paper against the books: what a customer takes home says what was taken, deducted and credited, and nothing else."""

from kiosk.vend.evidence import SLIP, Evidence
from kiosk.vend.paper.values import Amount, Money, Pair, Paper, Pieces, Said
from tests.oracle.table import BOOKS, CURRENCY, IN, Table

PLACE_OF = {  # the sentence of a line -> the column of its amount
    "paper.tender.notes": "notes",
    "paper.tender.coins": "coins",
    "paper.tender.bank": "bank",
    "paper.tender.codes": "partner",
    "paper.line.fixed_fee": "fees",
    "paper.line.old_debt": "debt",
    "paper.line.old_debt_left": "debt",
    "paper.line.to_card": "cards",
}
GONE = ("fees", "debt", "taxes")


def evidence_wrong(table: Table, value: str, said: Evidence, currency: str = CURRENCY) -> str:
    """What the signed code says: of a slip all that came in, of a receipt what is on the card."""
    due = table.came_in(BOOKS, value, currency) if said.kind == SLIP else credited(table, value, currency)
    if said.amount_minor == due:
        return ""
    return f"{value}, paper {said.number}: its code says {said.amount_minor}, the books {due} (minor units, {currency})"


def paper_wrong(table: Table, value: str, paper: Paper, currency: str = CURRENCY) -> str:
    """The first amount of this sale's receipt or slip that is not the books', or ""."""
    if paper.evidence and (wrong := evidence_wrong(table, value, paper.evidence, currency)):
        return wrong
    if paper.kind == "claim":
        expected = {"": table.came_in(BOOKS, value, currency)}
    else:
        cells = {place: table.cell(BOOKS, value, place, currency) for place in (*IN, *GONE)}
        expected = {place: minor for place, minor in cells.items() if minor} | {"cards": credited(table, value, currency)}
    printed = amounts_of(paper)
    if printed != expected:
        return f"{value}, paper {paper.number}: it says {printed}, the books {expected} (minor units, {currency})"
    return pieces_wrong(value, paper)


def credited(table: Table, value: str, currency: str = CURRENCY) -> int:
    """On a card, or taken by its meter since."""
    return sum(table.cell(BOOKS, value, place, currency) for place in ("cards", "meters"))


def amounts_of(paper: Paper) -> dict[str, int]:
    """Column -> minor units, as the lines say it; "" is the amount of a slip."""
    found: dict[str, int] = {}
    for row in paper.rows:
        label = row.label if isinstance(row, Pair | Amount) else None
        if not isinstance(row, Pair | Amount) or not isinstance(row.value, Money):
            continue
        key = label.key if isinstance(label, Said) else ""
        if key == "paper.new_balance":
            continue
        place = PLACE_OF.get(key, "taxes" if key else "")
        found[place] = found.get(place, 0) + row.value.minor
    return found


def pieces_wrong(value: str, paper: Paper) -> str:
    """The pieces of each tender make its amount, and the new balance is the old one and what was added."""
    added = amounts_of(paper).get("cards", 0)
    for row in paper.rows:
        if not isinstance(row, Pair) or not isinstance(row.label, Said) or not isinstance(row.value, Money):
            continue
        params, minor = row.label.params, row.value.minor
        pieces = params.get("pieces")
        if isinstance(pieces, Pieces) and sum(one * count for one, count in pieces.items) != minor:
            return f"{value}, paper {paper.number}: {pieces.items} are {minor}"
        before = params.get("before")
        if row.label.key == "paper.new_balance" and isinstance(before, Money) and before.minor + added != minor:
            return f"{value}, paper {paper.number}: {before.minor} and {added} are {minor}"
    return ""
