"""The office's keys for a command: wrong passphrases are counted in the office's store, and slowed."""

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from kiosk.commands import asking
from kiosk.commands.hq_store import now_ms, place

if TYPE_CHECKING:
    from kiosk.hq.office import Office, Signer
    from kiosk.hq.store import Store

DECISION, ROOT = "DECISION", "the root"


def decision(office: "Office", where: "Store | str", secret: Path | None) -> "Signer":
    """DECISION, opened by one person. `where`: the office's store, open or by its name. Raises OfficeError."""
    return _counted(office, where, ("decision", DECISION), lambda: [asking.secret(secret, f"Passphrase of {DECISION}")])


def root(office: "Office", where: "Store | str", first: Path | None, second: Path | None) -> "Signer":
    """The root, opened by two people. Raises OfficeError."""
    return _counted(office, where, ("root-1", ROOT), lambda: two(first, second))


def two(first: Path | None, second: Path | None, *, new: bool = False) -> tuple[str, str]:
    """The passphrases of the two people of the root."""
    return asking.secret(first, "The root, first person", new=new), asking.secret(second, "The root, second person", new=new)


def _counted(office: "Office", where: "Store | str", names: tuple[str, str], passphrases: Callable[[], Sequence[str]]) -> "Signer":
    """`names`: of the key, and under which tries are counted. An office without a store counts none: the seal of the key slows them."""
    from kiosk.hq.office import OfficeError
    from kiosk.hq.people.staff import StaffError
    from kiosk.hq.people.tries import tried
    from kiosk.hq.store import Store, StoreError

    key, counted = names
    typed = passphrases()
    if isinstance(where, str) and not where and not Path(place(office, where)).exists():
        return office.signer(key, typed)
    try:
        if not isinstance(where, str):
            return tried(where, counted, now_ms(), lambda: office.opened(key, typed))
        with closing(Store.open(place(office, where), office.record.utility)) as store:
            return tried(store, counted, now_ms(), lambda: office.opened(key, typed))
    except (StaffError, StoreError) as error:
        raise OfficeError(str(error)) from None
