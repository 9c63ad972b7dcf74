"""Staff of an office in a folder, as the command line finds them: a login, a key in its file, a passphrase in another one.

joins(folder, "014"); with at_work(folder, "014") as words: CliRunner().invoke(app, [..., *words])

A login here is the number of a user whom no machine has; the kernel's word for it is taken from a file of the test's own.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from kiosk.hq.office import Office
from kiosk.hq.people import login
from kiosk.hq.people.keyfile import new_key
from kiosk.hq.people.staff import People, Signer, Staff, granted
from kiosk.hq.store import Store

CHEAP = 1 << 10


def login_of(name: str) -> str:
    return str(70_000 + sum(name.encode()) * 31)


def passphrase_of(name: str) -> str:
    return f"the passphrase of {name}"


def joins(folder: Path, root: Signer, *names: str, may: tuple[str, ...] = ("settle",)) -> None:
    """Put them on the staff. `folder`: the office's."""
    office = Office(folder)
    with closing(Store.open(folder / "hq.db")) as store:
        people = People(store, office.record.roots, office.staff_rows)
        for name in names:
            key = new_key(folder, name, passphrase_of(name), cost=CHEAP)
            office.count_staff(people.put(root, Staff(name, login_of(name), key, granted(name, may, 1), 1)))


@contextmanager
def at_work(folder: Path, name: str, passphrase: str = "") -> Iterator[list[str]]:
    """Whatever runs in here runs under their login; what to add to the command's words."""
    with pytest.MonkeyPatch.context() as patch:
        said, secret = folder.parent / f"loginuid-{name}", folder.parent / f"secret-{name}"
        said.write_text(login_of(name))
        secret.write_text((passphrase or passphrase_of(name)) + "\n")
        secret.chmod(0o600)
        patch.setattr(login, "LOGINUID", said)
        yield ["--staff-secret", str(secret)]
