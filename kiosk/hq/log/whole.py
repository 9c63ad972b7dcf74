"""All logs of an office, held against its rows, its registry of cards, its floats, and heads that lie somewhere else."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, select

from kiosk.hq.cards.registry import REGISTRY, Registry, RegistryError
from kiosk.hq.log.chain import Head
from kiosk.hq.log.check import Witness, faults
from kiosk.hq.log.heads import FLOATS, OFFICE, Heads, witnesses
from kiosk.hq.log.heads import REGISTRY as OF_CARDS
from kiosk.hq.log.mark import Marks
from kiosk.hq.log.office import LOG
from kiosk.hq.report import signed
from kiosk.hq.schema import UTILITY
from kiosk.hq.store import Store

Seen = Sequence[tuple[Heads, str]]
"""Heads, and where each of them lies."""


def disagreements(store: Store, folder: Path, registry: Path | None = None, seen: Seen = (), *, anew: bool = True) -> list[str]:
    """A sentence for each row or line that is not as the office wrote it; none where all agrees. `folder`: the office's; `anew`: also what
    was right when it was checked last is read again.

    Raises StoreError.
    """
    marks = Marks(folder, OFFICE)
    found = store.read(lambda connection: faults(connection, LOG, witnesses(OFFICE, seen), marks, anew=anew))
    return found + beside(folder, registry, seen, store.epoch, Marks(folder, OF_CARDS), anew=anew)


def of_store(connection: Connection, seen: Seen = ()) -> list[str]:
    """The store's own."""
    return faults(connection, LOG, witnesses(OFFICE, seen))


def beside(folder: Path, registry: Path | None, seen: Seen, epoch: int, marks: Marks | None = None, *, anew: bool = True) -> list[str]:
    """The registry and the floats. Their logs say nothing of epochs: only heads of this one count."""

    def mine(which: str) -> list[Witness]:
        return [witness for witness in witnesses(which, seen) if witness.epoch == epoch]

    try:
        with closing(Registry(registry or folder / REGISTRY, lambda: 0, create=False)) as book:
            found = book.faults(mine(OF_CARDS), marks, anew=anew)
    except RegistryError as error:
        found = [str(error)]
    return found + signed.faults(folder, mine(FLOATS))


def heads(store: Store, folder: Path, registry: Path | None, now_ms: int) -> Heads:
    """As they are now. Raises StoreError, RegistryError, ValueError."""
    epoch, here = store.read(lambda connection: (connection.execute(select(UTILITY.c.epoch)).scalar_one(), LOG.head(connection)))
    return Heads(store.utility, epoch, now_ms, {OFFICE: here} | beside_heads(folder, registry))


def beside_heads(folder: Path, registry: Path | None) -> dict[str, Head]:
    """Raises RegistryError, ValueError."""
    with closing(Registry(registry or folder / REGISTRY, lambda: 0, create=False)) as book:
        return {OF_CARDS: book.head(), FLOATS: signed.head(folder)}
