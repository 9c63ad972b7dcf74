"""The key of a member of staff on their PIV card: slot 9C signs, and the card wants its PIN for each signature.

The card may be in any reader of this computer. The PIN is shown for one signature, and the card is reset after it, so that no other
program finds it unlocked. The card counts wrong PINs itself; its last try is never spent here.
"""

import contextlib
import glob
import hashlib
from collections.abc import Iterator

from kiosk import envelope
from kiosk.devices.card import piv
from kiosk.devices.card.apdu import CardError, Connection
from kiosk.devices.card.pcsc import PcscReader, established, fits, reader_names, scard
from kiosk.devices.card.reader import State
from kiosk.hq.people.signature import of_card, on_card
from kiosk.hq.people.staff import Acting, Staff, StaffError

LOOK_S = 1.0
PUT_IT_IN = "Put the card into a reader of this computer."


def key_in(reader: str) -> str:
    """The public key of the card in the first reader of that name that holds one. Raises StaffError."""
    found = next(_cards(reader), None)
    if found is None:
        raise StaffError(f"No reader called {reader!r} holds a PIV card with a P-256 key and a certificate for signatures (slot 9C).")
    key, connection = found
    connection.close()
    return key


def unlocked(person: Staff, login: str, pin: str) -> Acting:
    """That person with their card, whose PIN is right. Raises StaffError."""
    with _of(person) as connection:
        _shown(connection, pin)

    def sign(label: str, data: bytes) -> bytes:
        with _of(person) as connection:
            _shown(connection, pin)
            return of_card(piv.sign(connection, hashlib.sha256(envelope.labelled(label, data)).digest()))

    return Acting(person.id, login, sign)


@contextlib.contextmanager
def _of(person: Staff) -> Iterator[Connection]:
    """Their card, held by nobody else for so long. Raises StaffError, also for what the card refuses inside."""
    for key, connection in _cards(""):
        if key == person.key:
            with contextlib.closing(connection), _told(person):
                try:
                    yield connection
                finally:
                    connection.reset()
            return
        connection.close()
    raise StaffError(f"The card of {person.id} is in no reader. {PUT_IT_IN}")


def _shown(connection: Connection, pin: str) -> None:
    piv.select(connection)
    piv.verify(connection, pin)


@contextlib.contextmanager
def _told(person: Staff) -> Iterator[None]:
    """Whatever the card refuses is one sentence of a StaffError."""
    try:
        yield
    except piv.PinRefused as refused:
        why = {
            "blocked": "is blocked: too many wrong PINs. Its administrator unblocks it with the PUK",
            "last_try": "has one try left, which is not spent here: show it the right PIN with its own software first",
        }.get(refused.why, f"does not take this PIN; {refused.left if refused.left is not None else 'some'} tries are left")
    except (CardError, ValueError):
        why = "does not answer as it should. Take it out, put it in again and repeat the command"
    else:
        return
    raise StaffError(f"The card of {person.id} {why}.")


def _cards(pattern: str) -> Iterator[tuple[str, Connection]]:
    """Every PIV card that can sign: its key, and a connection that the caller closes. Raises StaffError where no reader can be asked."""
    try:
        context = established()
        try:
            names = sorted(name for name in reader_names(context) if fits(name, pattern))
        finally:
            scard().SCardReleaseContext(context)
    except CardError:
        raise StaffError("The smart-card service does not answer, or this login may not use card readers.") from None
    for name in names:
        with contextlib.suppress(CardError):
            if found := _card(PcscReader(glob.escape(name))):
                yield found


def _card(reader: PcscReader) -> tuple[str, Connection] | None:
    slot = reader.watch(None, LOOK_S)
    reader.close()
    if slot.state is not State.PRESENT:
        return None
    connection = reader.open(slot)
    try:
        piv.select(connection)
        return on_card(piv.public_point(piv.certificate(connection, piv.SIGNATURE))), connection
    except CardError:
        connection.close()
        raise
