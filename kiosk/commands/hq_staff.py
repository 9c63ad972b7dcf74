"""`kiosk hq staff`: who works at the office, with which login, key and rights. The root signs the list; each person keeps a key.

Exit codes: 0 done, 1 refused, 2 wrong call.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from kiosk.commands import EXIT_REFUSED, asking, ended, say
from kiosk.commands.hq import First, Folder, Second
from kiosk.commands.hq_signer import root
from kiosk.commands.hq_store import AsJson, Database, both, now_ms

if TYPE_CHECKING:
    from kiosk.hq.office import Office
    from kiosk.hq.people.staff import Acting, People, Staff
    from kiosk.hq.store import Store

staff_app = typer.Typer(no_args_is_help=True, help="The office's staff: logins, keys and rights.")


Name = Annotated[str, typer.Argument(help="What the person is called here: letters, digits, points, hyphens.")]
StaffSecret = Annotated[
    Path | None,
    typer.Option(
        "--staff-secret",
        envvar="KIOSK_STAFF_SECRET",
        help="Your own passphrase, or your card's PIN, in the first line of this file; asked for if left out.",
    ),
]


@staff_app.command("key", epilog="Example: kiosk hq staff key anna --office /srv/office")
def key(
    name: Name,
    office: Folder,
    *,
    staff_secret: StaffSecret = None,
    again: Annotated[bool, typer.Option("--again", help="Make another key in the place of the one that is there.")] = False,
    card: Annotated[str | None, typer.Option(help="Take the key of the PIV card (slot 9C) in the reader of this name instead.")] = None,
) -> None:
    """Make your own key, under a passphrase of your own, and print its public half, which the root signs with: kiosk hq staff add"""
    from kiosk.commands.hq_store import opened_office
    from kiosk.hq.people.card import key_in
    from kiosk.hq.people.keyfile import new_key
    from kiosk.hq.people.staff import StaffError

    folder = opened_office(office).folder
    try:
        if card is not None:
            say(key_in(card))
            return
        say(new_key(folder, name, asking.secret(staff_secret, "Your new passphrase", new=True), again=again))
    except StaffError as error:
        raise ended(str(error), EXIT_REFUSED) from None


@staff_app.command("add", epilog="Example: kiosk hq staff add anna --login anna --key HEX --may settle --office /srv/office")
def add(
    name: Name,
    office: Folder,
    *,
    login: Annotated[str | None, typer.Option(help="The login under which this person works; nobody else's.")] = None,
    key: Annotated[str | None, typer.Option(help="The public key, as `kiosk hq staff key` printed it.")] = None,
    may: Annotated[list[str] | None, typer.Option("--may", help="A right, like settle.move, or settle for all of them.")] = None,
    first_secret: First = None,
    second_secret: Second = None,
    database: Database = "",
) -> None:
    """Put somebody on the staff, or change their login, key or rights; what is left out stays. The root signs: two people."""
    from kiosk.hq.people.staff import Staff, StaffError, granted

    with _opened(office, database) as (opened, store, people):
        signer = root(opened, store, first_secret, second_secret)
        before = next((each for each in people.listed() if each.id == name and each.here), None)
        if before is None and not (login and key and may):
            raise StaffError(f"{name} is new here: name --login, --key and --may.")
        old = before or Staff(name, "", "", from_ms=now_ms())
        grants = granted(name, may, now_ms()) if may else old.grants
        opened.count_staff(people.put(signer, Staff(name, login or old.login, key or old.key, grants, old.from_ms)))
    say(f"{name} is on the staff.")


@staff_app.command("end", epilog="Example: kiosk hq staff end anna --office /srv/office")
def end(name: Name, office: Folder, *, first_secret: First = None, second_secret: Second = None, database: Database = "") -> None:
    """Somebody leaves: nothing that they sign counts from now on, and what they proposed is released by nobody. The root signs."""
    from kiosk.hq.people.keyfile import forget_key

    with _opened(office, database) as (opened, store, people):
        opened.count_staff(people.end(root(opened, store, first_secret, second_secret), name, now_ms()))
        forget_key(opened.folder, name)
    say(f"{name} is not on the staff any more.")


@staff_app.command("list", epilog="Example: kiosk hq staff list --office /srv/office")
def list_(office: Folder, *, database: Database = "", as_json: AsJson = False) -> None:
    """Say who is or was on the staff, with which login, key and rights."""
    with _opened(office, database) as (_, _, people):
        found = people.listed()
    if as_json:
        say(msgspec.json.encode(found))
        return
    for each in found:
        say(_line(each))


def _line(person: "Staff") -> str:
    rights = " ".join(each.operation for each in person.grants)
    left = "" if person.here else f"  left {_day(person.to_ms)}"
    return f"{person.id:16}  login {person.login:16}  key {person.key[:16]}  since {_day(person.from_ms)}{left}  {rights}"


def _day(at_ms: int) -> str:
    from datetime import UTC, datetime

    return f"{datetime.fromtimestamp(at_ms // 1000, UTC):%Y-%m-%d}"


# ---------------------------------------------------------------- shared


def people_of(office: "Office", store: "Store") -> "People":
    """The staff of an office."""
    from kiosk.hq.people.staff import People

    return People(store, office.record.roots, office.staff_rows)


def acting(office: "Office", store: "Store", secret: Path | None) -> "Acting":
    """Whoever runs this program, with their key opened. Ends with one sentence where they are not on the staff, or it does not open."""
    from kiosk.hq.people import card
    from kiosk.hq.people.keyfile import unlocked
    from kiosk.hq.people.login import login
    from kiosk.hq.people.signature import ON_A_CARD
    from kiosk.hq.people.staff import StaffError
    from kiosk.hq.store import StoreError

    people, who = people_of(office, store), login()
    try:
        person = people.of_login(who)
        if ON_A_CARD.fullmatch(person.key):
            return card.unlocked(person, who, asking.secret(secret, f"PIN of the card of {person.id}"))
        passphrase = asking.secret(secret, f"Passphrase of {person.id}")
        return unlocked(people, store, office.folder, login=who, passphrase=passphrase, now_ms=now_ms())
    except (StaffError, StoreError) as error:
        raise ended(str(error), EXIT_REFUSED) from None


def one_of(office: "Office", store: "Store", secret: Path | None, operation: str) -> str:
    """The id of whoever runs this program, where they may do that by themselves. Ends with one sentence where they may not."""
    from kiosk.hq.people.staff import StaffError
    from kiosk.hq.store import StoreError

    try:
        return people_of(office, store).alone(acting(office, store, secret), operation, now_ms())
    except (StaffError, StoreError) as error:
        raise ended(str(error), EXIT_REFUSED) from None


@contextmanager
def _opened(office: Path, database: str) -> "Iterator[tuple[Office, Store, People]]":
    """Whatever is refused inside ends the command with its sentence."""
    from kiosk.hq.office import OfficeError
    from kiosk.hq.people.staff import StaffError
    from kiosk.hq.store import StoreError

    opened, store = both(office, database)
    with closing(store):
        try:
            yield opened, store, people_of(opened, store)
        except (OfficeError, StaffError, StoreError) as error:
            raise ended(str(error), EXIT_REFUSED) from None
