"""An office that is open for whoever decides about money: its store, its registry, its cases, its staff."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from kiosk.commands import EXIT_REFUSED, ended
from kiosk.commands.hq_staff import acting, people_of
from kiosk.commands.hq_store import both, now_ms
from kiosk.commands.vault import opened

if TYPE_CHECKING:
    from kiosk.devices.vault.hq import MasterVault
    from kiosk.hq.cards.registry import Registry
    from kiosk.hq.office import Office
    from kiosk.hq.people.staff import Acting
    from kiosk.hq.settlement.cases import Cases
    from kiosk.hq.settlement.rule import Case
    from kiosk.hq.store import Store


class Room:
    """The store, the registry, the cases and the staff of an office. `keys`: its vault, where one was named."""

    def __init__(self, office: "Office", store: "Store", book: "Registry", cases: "Cases", keys: "MasterVault | None") -> None:
        from kiosk.hq.people.approvals import Approvals

        self.office, self.store, self.book, self.cases, self.keys = office, store, book, cases, keys
        self.people = people_of(office, store)
        self.approvals = Approvals(store, self.people)

    def acting(self, secret: Path | None) -> "Acting":
        """Whoever runs this program. Ends with one sentence where they are not on the staff."""
        return acting(self.office, self.store, secret)

    def asked(self, text: str, at_ms: int, *, one: bool = False) -> "list[Case]":
        """The cases that somebody means. Ends with one sentence where there is none, or more than one is too many."""
        from kiosk.hq.settlement.cases import matching

        exact = self.cases.one(text, at_ms) if "/" in text or "#" in text else None
        found = [exact] if exact else matching(self.cases.all(at_ms), text)
        if not found:
            raise ended(f"Nothing that is owed goes by {text}.", EXIT_REFUSED)
        if one and len(found) > 1:
            raise ended(f"{text} may be {', '.join(case.value for case in found[:5])}: name one.", EXIT_REFUSED)
        return found

    def of_sales(self, sales: set[tuple[str, str]], at_ms: int) -> list[str]:
        """What the office knows of these (kiosk, sale), each with its evidence, as text."""
        from kiosk.hq.settlement import told
        from kiosk.hq.settlement.known import value_of
        from kiosk.hq.settlement.rule import way

        found = {}
        for kiosk, sale in sorted(sales):
            case = self.cases.one(value_of(kiosk, sale), at_ms)
            if case:
                found[case.value] = "\n".join(told.shown(case, way(case, at_ms), self.cases.known(case.meter), at_ms))
        return list(found.values())


@contextmanager
def room(office: Path, database: str, registry: Path | None, vault: "MasterVault | None") -> Iterator[Room]:
    """An office with its store and its registry, for as long as it is needed. Ends with one sentence where one cannot be used."""
    from contextlib import closing

    from kiosk.devices.vault.suite import NoSuchKey
    from kiosk.hq.cards.registry import Registry, RegistryError
    from kiosk.hq.cards.tables import LOG
    from kiosk.hq.log.mark import Marks
    from kiosk.hq.orders.book import OrderRefused
    from kiosk.hq.people.staff import StaffError
    from kiosk.hq.report import signed
    from kiosk.hq.report.counts import BadCount
    from kiosk.hq.settlement.cases import Cases
    from kiosk.hq.settlement.deciding import NotSettled
    from kiosk.hq.settlement.papers import BadRemoval, tags
    from kiosk.hq.store import StoreError
    from kiosk.vend.ports import VaultError

    opened_office, store = both(office, database)
    utility = opened_office.record.utility
    try:
        with closing(store), closing(Registry(registry or office / "registry.db", now_ms, create=False)) as book:

            def cards(meter: str) -> list[str]:
                return [binding.card for binding in book.of_meter(utility, meter)]

            of_cards = Marks(office, LOG.of)

            def beside() -> list[str]:
                return [*book.faults(marks=of_cards), *signed.faults(office)]

            seen = Cases(store, cards, tags(vault) if vault else None, lambda: book.replaced(utility), beside, marks=Marks(office))
            yield Room(opened_office, store, book, seen, vault)
    except (BadCount, BadRemoval, NotSettled, OrderRefused, RegistryError, StaffError, StoreError, NoSuchKey, VaultError) as error:
        raise ended(str(error), EXIT_REFUSED) from None


def masters(vault: Path | None, token: str, module: Path | None, secret_file: Path | None) -> "MasterVault | None":
    """The vault that was named; None where none was: everything is seen but which order made which tag."""
    return opened(vault, token, module, secret_file) if vault or token else None
