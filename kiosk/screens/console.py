"""The Linux console without a graphics server: its fonts have 512 glyphs at most.

A language that it cannot draw would be a page of lozenges: there it is neither offered nor spoken. What the desk and the papers do is as
ever; only this glass speaks English instead.
"""

from collections.abc import Mapping
from functools import cache

from msgspec.structs import replace

from kiosk import words
from kiosk.vend.view import View

CHARSET = "iso8859-15"  # what a console font has that has the half blocks, too: docs/screens.md says which to set


def is_console(environ: Mapping[str, str]) -> bool:
    """Is this terminal the kernel's own?"""
    return environ.get("TERM") == "linux"


@cache
def draws(language: str) -> bool:
    """Has the console a glyph for every letter of the language?"""
    try:
        "".join(words.catalogue(language).values()).encode(CHARSET)
    except UnicodeEncodeError:
        return False
    return True


def drawn(view: View) -> View:
    """The View as the console can show it: without the languages that it cannot draw."""
    offers = tuple(offer for offer in view.offers if offer.choice != "language" or draws(offer.arg))
    languages = tuple(language for language in view.languages if draws(language))
    return replace(view, offers=offers, languages=languages, language=view.language if draws(view.language) else words.SOURCE)
