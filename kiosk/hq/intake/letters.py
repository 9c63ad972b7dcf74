"""The one slot for what kiosks send: a batch goes to the importer, a letter about persons goes to `persons`, and is kept nowhere.

A letter is answered with the ordinary acknowledgement of how far the kiosk's journal is here; it acknowledges no letter, for none waits for
it. One that cannot be believed is not kept either: there is nothing in it that anybody should read.
"""

from sqlalchemy import Connection, select

from kiosk.hq.intake.importer import Importer, Taken
from kiosk.hq.intake.ledger import OPEN, Verdict
from kiosk.hq.persons import register
from kiosk.hq.schema import HEAD, KIOSK
from kiosk.sync.persons import Letter, PersonsRefused, is_letter, opened_letter


def take(importer: Importer, raw: bytes, now_ms: int) -> Taken:
    """One file, whichever it is, with its acknowledgement. Raises StoreError; whatever the file holds is a verdict."""
    return persons_taken(importer, raw, now_ms) if is_letter(raw) else importer.take(raw, now_ms)


def persons_taken(importer: Importer, raw: bytes, now_ms: int) -> Taken:
    """A letter about persons. Raises StoreError."""
    try:
        letter = opened_letter(raw, importer.boxes, lambda kiosk: known.sign if (known := importer.kiosks.get(kiosk)) else None)
        number = _believed(importer, letter)
    except PersonsRefused as refused:
        return Taken(Verdict.TAMPER, refused.kiosk, refused.seq, None, refused.sentence)
    header = letter.header
    register.tidied(importer.store, now_ms)
    register.told(importer.store, number, letter.listed, made_ms=header.made_ms, now_ms=now_ms)
    return Taken(Verdict.OK, header.kiosk, header.seq, importer.ack(header.kiosk, header.store, now_ms), "", header.store)


def _believed(importer: Importer, letter: Letter) -> int:
    """The number of its kiosk. Raises PersonsRefused: one that is closed, frozen or revoked tells of nobody, nor does another store."""
    header = letter.header

    def work(connection: Connection) -> tuple[int, str, str]:
        both = select(KIOSK.c.no, KIOSK.c.state, HEAD.c.store).join(HEAD, HEAD.c.kiosk_no == KIOSK.c.no).where(KIOSK.c.id == header.kiosk)
        number, state, store = connection.execute(both).one()
        return number, state, store

    number, state, store = importer.store.read(work)
    if state != OPEN:
        raise PersonsRefused(f"The kiosk {header.kiosk} is {state}: it tells of nobody.", header.kiosk, header.seq)
    if store not in ("", header.store):
        raise PersonsRefused(f"It comes from another store than kiosk {header.kiosk} had.", header.kiosk, header.seq)
    return number
