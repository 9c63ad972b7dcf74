"""`kiosk hq person`: who a reference is. Whoever looks shows their own key, says why, and is written down before anything is shown.

What is known of a person comes from a file or is typed, never an argument. Exit codes: 0 done, 1 refused, 2 wrong call.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from kiosk.commands import EXIT_REFUSED, EXIT_USAGE, ended, say
from kiosk.commands.hq import Folder, Secret
from kiosk.commands.hq_clock import Clock, Sure
from kiosk.commands.hq_signer import decision
from kiosk.commands.hq_staff import StaffSecret, one_of
from kiosk.commands.hq_store import AsJson, Database, both, now_ms
from kiosk.commands.person import SaidIn, said

if TYPE_CHECKING:
    from kiosk.hq.cards.registry import Registry
    from kiosk.hq.office import Office
    from kiosk.hq.store import Store

person_app = typer.Typer(no_args_is_help=True, help="Who stands behind a reference: kept apart from all facts, and erasable.")

DAY_MS = 86_400_000
WORD_DAYS = 3650  # for how long the kiosks may take in who is erased

Subject = Annotated[str, typer.Argument(help="A reference, 16 hex digits, or a customer number, 12 digits.")]
Why = Annotated[str, typer.Option("--why", help="What for: the number of a case, never a name, for this line is kept.")]
Book = Annotated[
    Path | None, typer.Option("--registry", envvar="KIOSK_REGISTRY", help="The office's registry; the one in its folder if left out.")
]


@person_app.command("add", epilog='Example: kiosk hq person add 000098765432 --why "new account" --office /srv/office')
def add(
    whom: Subject,
    office: Folder,
    database: Database = "",
    registry: Book = None,
    *,
    why: Why,
    staff_secret: StaffSecret = None,
    file: SaidIn = None,
    days: Annotated[int, typer.Option(min=1, max=36_500, help="For how long it may be kept.")] = 3650,
) -> None:
    """Keep name, phone or address of a customer under the reference of the binding, which names nobody."""
    from kiosk.hq.persons.register import put

    details = said(file)
    with _work(office, database) as (opened, store):
        subject = _subject(whom, opened, registry)
        who = one_of(opened, store, staff_secret, "person.keep")
        put(store, subject, details, until_ms=now_ms() + days * DAY_MS, who=who, why=why, now_ms=now_ms())


@person_app.command("show", epilog='Example: kiosk hq person show 9a64be1c20d7f358 --why "claim K07-000123"')
def show(
    whom: Subject,
    office: Folder,
    database: Database = "",
    registry: Book = None,
    *,
    why: Why,
    staff_secret: StaffSecret = None,
    json: AsJson = False,
) -> None:
    """Say who stands behind a reference; who looked, when and why is kept."""
    from kiosk.hq.persons.register import shown

    with _work(office, database) as (opened, store):
        subject = _subject(whom, opened, registry)
        found = shown(store, subject, who=one_of(opened, store, staff_secret, "person.show"), why=why, now_ms=now_ms())
    if json:
        say(msgspec.json.encode(found))
    else:
        say("\n".join(f"{one.kind:8} {one.value}" for one in found) or "Nobody stands behind it.")


@person_app.command("audit", epilog="Example: kiosk hq person audit 9a64be1c20d7f358 --office /srv/office")
def audit(whom: Subject, office: Folder, database: Database = "", registry: Book = None, *, json: AsJson = False) -> None:
    """Say who looked at, put or erased what stands behind a reference, and why; the newest first."""
    from kiosk.hq.persons.register import audit as looked

    with _work(office, database) as (opened, store):
        found = looked(store, _subject(whom, opened, registry))
    if json:
        say(msgspec.json.encode(found))
    else:
        say("\n".join(f"{_moment(one.at_ms)} {one.what:7} {one.who}: {one.why}" for one in found) or "Nobody looked.")


@person_app.command("erase", epilog='Example: kiosk hq person erase 9a64be1c20d7f358 --why "asked to" --office /srv/office')
def erase(
    whom: Subject,
    office: Folder,
    database: Database = "",
    registry: Book = None,
    *,
    why: Why,
    staff_secret: StaffSecret = None,
    secret_file: Secret = None,
    clock_is_right: Sure = False,
) -> None:
    """Erase whoever stands behind a reference, here at once, and at every kiosk when it hears of it. Facts and sums stay as they are."""
    from kiosk.hq.downlink.publish import draft, send
    from kiosk.hq.persons.register import erase as erased
    from kiosk.hq.persons.register import listed_erased
    from kiosk.sync.erasures import EraseBody
    from kiosk.sync.item import EVERYBODY

    with _work(office, database) as (opened, store):
        subject = _subject(whom, opened, registry)
        Clock(database, clock_is_right).checked(opened, now_ms())
        who = one_of(opened, store, staff_secret, "person.erase")
        signer = decision(opened, store, secret_file)
        count = erased(store, subject, who=who, why=why, now_ms=now_ms())
        body = msgspec.json.encode(EraseBody(listed_erased(store, now_ms())))
        drawn = draft(opened, "erase", EVERYBODY, body, now_ms=now_ms(), days=WORD_DAYS)
        (path,) = send(opened, drawn, signer, now_ms=now_ms(), days=WORD_DAYS)
        greeting = sorted(name.removeprefix("persons/") for name in opened.record.numbers if name.startswith("persons/"))
    say(f"{count} things were known of {subject}; they are erased here. The word for the kiosks: {path}")
    if greeting:
        say(f"These greet by masks; send them a list without this customer, with kiosk hq person greet: {', '.join(greeting)}.")


@person_app.command("greet", epilog="Example: kiosk hq person greet K07 --office /srv/office")
def greet(
    kiosk: Annotated[str, typer.Argument(help="A kiosk's id.")],
    office: Folder,
    database: Database = "",
    registry: Book = None,
    *,
    secret_file: Secret = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="For how long it may be installed.")] = 365,
    clock_is_right: Sure = False,
) -> None:
    """Send a kiosk the masks by which it greets the customers of its region whose names are known here; the last list replaces all."""
    from kiosk.hq.downlink.publish import draft, send
    from kiosk.hq.persons.register import masks_of

    with _work(office, database) as (opened, store):
        with _book(opened, registry) as book:
            bindings = book.issued_in(opened.kiosk(kiosk).region)
        Clock(database, clock_is_right).checked(opened, now_ms())
        body = masks_of(store, bindings, now_ms())
        drawn = draft(opened, "persons", kiosk, body, now_ms=now_ms(), days=days)
        signer = decision(opened, store, secret_file)
        (path,) = send(opened, drawn, signer, now_ms=now_ms(), days=days)
    say(str(path))


@person_app.command("tidy", epilog="Example: kiosk hq person tidy --office /srv/office")
def tidy(office: Folder, database: Database = "") -> None:
    """Forget whose time is over and whom kiosks have erased, and clear what deleting left in the store's file. For every night."""
    from kiosk.hq.downlink.publish import standing
    from kiosk.hq.persons.register import erased_again, tidied
    from kiosk.sync.erasures import erased
    from kiosk.sync.item import EVERYBODY

    with _work(office, database) as (opened, store):
        word = standing(opened, "erase", EVERYBODY)
        erased_again(store, erased(word.body) if word else (), now_ms())
        count = tidied(store, now_ms(), clean=True)
    say(f"{count} things are known no more.")


# ---------------------------------------------------------------- how


@contextmanager
def _work(office: Path, database: str) -> "Iterator[tuple[Office, Store]]":
    """Both, open; whatever is refused inside ends the command with its sentence."""
    from kiosk.hq.cards.registry import RegistryError
    from kiosk.hq.office import OfficeError
    from kiosk.hq.persons.register import PersonError
    from kiosk.hq.store import StoreError

    opened, store = both(office, database)
    try:
        yield opened, store
    except (OfficeError, PersonError, RegistryError, StoreError) as error:
        raise ended(str(error), EXIT_REFUSED) from None
    finally:
        store.close()


def _subject(whom: str, office: "Office", registry: Path | None) -> str:
    """The reference itself, or that of the customer's binding."""
    if _digits(whom, 16, "0123456789abcdef"):
        return whom
    if not _digits(whom, 12, "0123456789"):
        raise ended("A reference is 16 hex digits, a customer number 12 digits.", EXIT_USAGE)
    with _book(office, registry) as book:
        binding = book.standing(office.record.utility, customer=whom)
    if binding is None:
        raise ended(f"No card stands for customer {whom}.", EXIT_REFUSED)
    return binding.subject


def _book(office: "Office", registry: Path | None) -> "closing[Registry]":
    from kiosk.hq.cards.registry import Registry

    return closing(Registry(registry or office.folder / "registry.db", now_ms, create=False))


def _digits(text: str, count: int, of: str) -> bool:
    among: Callable[[str], bool] = of.__contains__
    return len(text) == count and all(map(among, text))


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
