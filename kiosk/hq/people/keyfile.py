"""The key of a member of staff in its file, people/ID.json, under a passphrase that only they know."""

import contextlib
import re
from pathlib import Path

import msgspec

from kiosk import envelope, safefile
from kiosk.hq.people.staff import ID, Acting, People, StaffError
from kiosk.hq.people.tries import tried
from kiosk.hq.sealed import COST, PASSPHRASE_MAX, PASSPHRASE_MIN, Sealed, fits, opened, sealed
from kiosk.hq.store import Store

FOLDER = "people"
KEY_NAME = re.compile(ID.pattern + r"\.json")
FILE_MAX = 1 << 16


def new_key(office: Path, name: str, passphrase: str, *, again: bool = False, cost: int = COST) -> str:
    """A new key for somebody; its public half, which the root signs. `again`: in the place of the one that is there. Raises StaffError."""
    if not ID.fullmatch(name):
        raise StaffError("Whoever is on the staff is named by 1 to 64 letters, digits, points and hyphens.")
    if not fits(passphrase):
        raise StaffError(f"A passphrase has {PASSPHRASE_MIN} to {PASSPHRASE_MAX} characters.")
    kept, public = sealed([passphrase], cost)
    path = _path(office, name)
    try:
        safefile.folder(path.parent)
        safefile.write(path, msgspec.json.encode(kept), anew=not again)
    except FileExistsError:
        raise StaffError(f"There is a key of {name} already; with --again a new one takes its place.") from None
    except OSError as error:
        raise StaffError(f"{path} cannot be written: {error.strerror}.") from None
    return public


def forget_key(office: Path, name: str) -> None:
    """The file of whoever left; nothing where there is none."""
    with contextlib.suppress(OSError):
        _path(office, name).unlink(missing_ok=True)


def unlocked(people: People, store: Store, office: Path, *, login: str, passphrase: str, now_ms: int) -> Acting:
    """Whoever works under that login, with their key opened. Raises StaffError, StoreError."""
    person = people.of_login(login)
    kept = _kept(office, person.id)
    key = tried(store, person.id, now_ms, lambda: opened(kept, [passphrase]))
    if key.public_key().public_bytes_raw().hex() != person.key:
        raise StaffError(f"The key in people/{person.id}.json is not the one that the root signed for {person.id}.")
    return Acting(person.id, login, lambda label, data: key.sign(envelope.labelled(label, data)))


def _kept(office: Path, name: str) -> Sealed:
    """Raises StaffError."""
    kept = None
    why = "is not here; make one with: kiosk hq staff key " + name
    try:
        kept = msgspec.json.decode(safefile.read(_path(office, name), FILE_MAX), type=Sealed)
    except FileNotFoundError:
        pass
    except safefile.UnsafeFile as unsafe:
        why = str(unsafe)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        why = "cannot be read"
    if kept is None:  # said outside of the handler: the cause may quote what was read
        raise StaffError(f"The key in people/{name}.json {why}.")
    return kept


def _path(office: Path, name: str) -> Path:
    return office / FOLDER / f"{name}.json"
