"""Sentences on rows: broken between words, or between characters where a script has no spaces. Columns count in cells."""

import re
from functools import lru_cache

from kiosk.screens.canvas import width_of

_WIDE = "\u2e80-\uffff"  # Chinese, Japanese and Korean, their punctuation and their full-width forms
_CLOSING = "\u2026\u3001\u3002\u300b\u300d\u300f\uff01\uff09\uff0c\uff1a\uff1b\uff1f"  # never first on a row
_WORD = rf"[^ {_WIDE}]+(?:(?<=\d) (?=\d)[^ {_WIDE}]+)*"  # an amount may have spaces: 99 999,99
_UNIT = rf"(?:(?<=\d) [{_WIDE}])?"  # nor does an amount leave its currency's word
_PART = re.compile(rf"(?:{_WORD}{_UNIT}|[{_WIDE}])[{_CLOSING}]*| +")


@lru_cache(maxsize=512)
def flow(text: str, width: int) -> tuple[str, ...]:
    """A sentence on as few rows of `width` cells as it needs, and these as even as they can be. A longer word stands out over its row."""
    rows = _filled(text, width)
    for narrower in range(width - 1, 0, -1):
        evener = _filled(text, narrower)
        if len(evener) > len(rows) or max(map(width_of, evener)) > narrower:
            break
        rows = evener
    return rows


def flow_all(lines: tuple[str, ...], width: int, most: int) -> tuple[str, ...]:
    """Lines on at most `most` rows: each from a row of its own, or, where that is too many, one after the other as a paragraph.

    Where even that is too long, the last row stands out over its end.
    """
    rows = tuple(row for line in lines for row in flow(line, width))
    if len(rows) > most:
        rows = flow(" ".join(lines), width)
    return rows if len(rows) <= most else (*rows[: most - 1], " ".join(rows[most - 1 :]))


def _filled(text: str, width: int) -> tuple[str, ...]:
    rows = [""]
    for part in _PART.findall(text):
        if width_of(rows[-1] + part) <= width:
            rows[-1] += part
        else:
            rows.append(part.lstrip(" "))
    return tuple(row.rstrip(" ") for row in rows if row.strip(" ")) or ("",)
