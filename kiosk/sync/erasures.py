"""The head office's word that persons are erased: references, drawn by lot, which say nothing to whoever reads them on the way.

The list is whole each time: every reference of which a kiosk may still know somebody. The last one holds; taking it in twice does no more.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from kiosk.sync.item import Item, decoded
from kiosk.sync.persons import Subject
from kiosk.vend.who import ErasuresInstalled

ERASED_MAX = 50_000


class EraseBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of kind "erase"."""

    subjects: Annotated[tuple[Subject, ...], Meta(max_length=ERASED_MAX)]


def erasures(item: Item) -> ErasuresInstalled:
    """Raises ItemRefused."""
    erased(item.body)
    return ErasuresInstalled(*item.header.number, item.header.body.sha256)


def erased(body: bytes) -> frozenset[str]:
    """The references. Raises ItemRefused."""
    return frozenset(decoded(body, EraseBody).subjects)
