"""The office's logs in a backup: where they ended when it was made, and whether a later backup still has what an earlier one had."""

from pathlib import Path

import msgspec

from kiosk.hq.cards.registry import REGISTRY, Registry, RegistryError
from kiosk.hq.copies.copying import Sums, log_head
from kiosk.hq.log import whole
from kiosk.hq.log.heads import FLOATS, OFFICE, Heads
from kiosk.hq.log.heads import REGISTRY as OF_CARDS
from kiosk.hq.report import signed
from kiosk.sync.backup import BackupRefused, read, signed_by

Seen = whole.Seen


def usable(registry: Path) -> None:
    """It is there, and has its log. Raises BackupRefused."""
    if not registry.is_file():
        raise BackupRefused(f"There is no registry of cards {registry}: put it back, or name it with --registry. No backup without it.")
    try:
        Registry(registry, lambda: 0, create=False).close()
    except RegistryError as error:
        raise BackupRefused(str(error)) from None


def with_beside(sums: Sums, copy: Path) -> Sums:
    """With the heads of the registry and the floats that lie in that copy, which is only read. Raises BackupRefused."""
    try:
        return msgspec.structs.replace(sums, beside={OF_CARDS: log_head(copy / REGISTRY), FLOATS: signed.head(copy)})
    except ValueError as error:
        raise BackupRefused(str(error)) from None


def earlier(medium: Path, utility: int, ack: bytes, upto_ms: int, but: Path | None = None) -> Seen:
    """The heads in the lists of the office's backups on that medium, up to that moment."""
    found = []
    for folder in sorted(medium.glob(f"hq-{utility}-*")):
        if folder == but or not signed_by(folder, ack):
            continue
        try:
            manifest = read(folder, None, "hq").manifest
            heads = heads_of(manifest.sums, utility, manifest.at_ms)
        except BackupRefused:  # its files are not whole: nobody restores it, and its list says no more than others
            continue
        if heads and manifest.at_ms <= upto_ms:
            found.append((heads, f"the backup {folder.name}"))
    return found


def heads_of(said: dict[str, object], utility: int, at_ms: int) -> Heads | None:
    """In a list; None in one of earlier software."""
    try:
        sums = msgspec.convert(said, Sums)
    except msgspec.ValidationError:
        return None
    return Heads(utility, sums.epoch, at_ms, {OFFICE: sums.log} | sums.beside) if sums.log else None


def beside_holds(folder: Path, sums: Sums, utility: int, at_ms: int, seen: Seen) -> None:
    """The registry and the floats that were put back are those of the list, and as the office wrote them. Raises BackupRefused."""
    own = [(Heads(utility, sums.epoch, at_ms, sums.beside), "the list of this backup")] if sums.beside else []
    found = whole.beside(folder, None, [*own, *seen], sums.epoch)
    if found:
        raise BackupRefused(found[0])
