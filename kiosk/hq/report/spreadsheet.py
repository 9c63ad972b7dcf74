"""Records as CSV (RFC 4180) that a spreadsheet shows and never runs. Pure.

A cell that a kiosk or a person has named is text, whatever it begins with: a spreadsheet takes = + - @ and their full-width sisters, a
tab or a line end at its beginning for a formula (OWASP, "CSV injection"). Such a cell gets an apostrophe before it. Numbers are ours.
"""

import csv
import io
from collections.abc import Iterable

from kiosk.hq.report.sheet import Cell, Money
from kiosk.vend.money import plain

RUNS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # the last four: full-width
BREAKS = ("\t", "\r", "\n")
MARK = "\ufeff"  # without it a spreadsheet reads UTF-8 as whatever its country used before


def csv_of(heads: Iterable[str], records: Iterable[tuple[Cell, ...]], *, comma: bool = False) -> str:
    """Amounts in major units, not grouped: `1234.50`. `comma`: `1234,50` and semicolons, as spreadsheets of many countries read them."""
    out = io.StringIO()
    write = csv.writer(out, delimiter=";" if comma else ",", lineterminator="\r\n")
    write.writerow(heads)
    write.writerows([_cell(cell, comma=comma) for cell in record] for record in records)
    return MARK + out.getvalue()


def _cell(cell: Cell, *, comma: bool) -> str | int:
    match cell:
        case int():
            return cell
        case Money(minor=None):
            return ""
        case Money():
            amount = plain(cell.minor or 0, cell.exponent)
            return amount.replace(".", ",") if comma else amount
    seen = next((sign for sign in cell if sign.isprintable() and not sign.isspace()), "")
    return f"'{cell}" if seen in RUNS or cell.startswith(BREAKS) else cell
