"""Records as CSV (RFC 4180) that a spreadsheet shows and never runs: the one writer of the product. Pure.

A spreadsheet takes = + - @, their other forms in Unicode, a tab or a line end at the beginning of a cell for a formula (OWASP, "CSV
injection"), blanks before it or not. It may also be set to another separator than the file has. So an apostrophe stands before a text that
begins like a formula or with an apostrophe, and after each separator or line end within a text that is followed by one. `text_of_cell`
takes them away again. Numbers and amounts are never text: a negative amount is a plain number.
"""

import csv
import io
import unicodedata
from collections.abc import Iterable

from kiosk.hq.report.sheet import Cell, Money
from kiosk.vend.money import plain

RUNS = ("=", "+", "-", "@", "\u2212")  # the last: the minus sign, which is no form of the hyphen in Unicode
BREAKS = ("\t", "\r", "\n")
BEGINS = (";", ",", "\r", "\n")  # what begins another cell or row where a spreadsheet is set to another separator
HARMLESS = "'"
MARK = "\ufeff"  # without it a spreadsheet reads UTF-8 as whatever its country used before


def csv_of(heads: Iterable[str], records: Iterable[tuple[Cell, ...]], *, comma: bool = False) -> str:
    """For a spreadsheet. Amounts in major units, not grouped: `1234.50`. `comma`: `1234,50` and semicolons, as many countries read them."""
    return MARK + lines_of(heads, records, comma=comma)


def lines_of(heads: Iterable[str], records: Iterable[tuple[Cell, ...]], *, comma: bool = False, end: str = "\r\n") -> str:
    """Without the mark."""
    out = io.StringIO()
    write = csv.writer(out, delimiter=";" if comma else ",", lineterminator=end)
    write.writerow(heads)
    write.writerows([_cell(cell, comma=comma) for cell in record] for record in records)
    return out.getvalue()


def text_of_cell(cell: str) -> str:
    """The text that was written as this cell."""
    text, after = "", False
    for sign in cell.removeprefix(HARMLESS):
        if after and sign == HARMLESS:
            after = False
            continue
        after = sign in BEGINS and bool(_seen(text))
        text += sign
    return text


def _cell(cell: Cell, *, comma: bool) -> str | int:
    match cell:
        case int():
            return cell
        case Money(minor=None):
            return ""
        case Money():
            amount = plain(cell.minor or 0, cell.exponent)
            return amount.replace(".", ",") if comma else amount
    return _harmless(cell)


def _harmless(text: str) -> str:
    made = HARMLESS if _runs(text) or text.startswith(BREAKS) else ""
    for place, sign in enumerate(text):
        made += sign
        if sign in BEGINS and _seen(text[:place]) and _runs(text[place + 1 :]):
            made += HARMLESS
    return made


def _runs(text: str) -> bool:
    """It begins like a formula, or with the apostrophe that is put before one."""
    return text.startswith(HARMLESS) or unicodedata.normalize("NFKC", _seen(text))[:1] in RUNS


def _seen(text: str) -> str:
    """The first sign that is seen; "" for none."""
    return next((sign for sign in text if sign.isprintable() and not sign.isspace()), "")
