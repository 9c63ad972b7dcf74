"""Who a reference is: put, shown to whoever says why, erased for good, forgotten when it is time. docs/privacy.md.

Whoever is erased stands in no row, free page or older page of the store afterwards (`cleaned`), and a letter that comes late brings nobody
back: the reference itself, which says nothing, is kept as erased. Facts, sums and originals name nobody, so none of them changes.
"""

import secrets
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from sqlalchemy import Connection, delete, func, insert, select, text

from kiosk.hq.cards.registry import Binding
from kiosk.hq.intake.summary import INSERT
from kiosk.hq.persons.tables import ERASED, OFFICE, PERSON, PERSON_AUDIT
from kiosk.hq.schema import FACT, KIND, UTILITY
from kiosk.hq.store import IN_MEMORY, Store, StoreError
from kiosk.sync.customer import PERSONS_MAX, PersonsBody
from kiosk.sync.erasures import ERASED_MAX
from kiosk.sync.persons import YEARS_MAX_MS, Listed, wrong
from kiosk.vend.greeting import MASK_CELLS, masked, reference
from kiosk.vend.who import PersonErased

AUDIT_SHOWN = 100
WHO_MAX, WHY_MAX = 64, 256  # characters of a line of the audit


class PersonError(Exception):
    """It is not done; the text is one sentence, and repeats nothing of what is known of anybody."""


class Detail(msgspec.Struct, frozen=True):
    """One thing that is known of somebody."""

    kind: str
    value: str
    kiosk_no: int
    expires_ms: int

    def __repr__(self) -> str:
        return f"Detail({self.kind})"


class Looked(msgspec.Struct, frozen=True):
    """One line of the audit."""

    at_ms: int
    what: str
    who: str
    why: str


def put(store: Store, subject: str, details: Mapping[str, str], *, until_ms: int, who: str, why: str, now_ms: int) -> None:
    """What the office itself knows of somebody, in place of what it knew of the same kind. Raises PersonError, StoreError."""
    trouble = wrong(details.items())
    if trouble:
        raise PersonError(trouble)

    def work(connection: Connection) -> None:
        _alone(connection)
        if _erased(connection, [subject]):
            raise PersonError("Whoever stood behind this reference is erased: it is never used again.")
        told = connection.execute(select(PERSON.c.kiosk_no).where(PERSON.c.subject == subject, PERSON.c.kiosk_no != OFFICE)).first()
        if told:
            raise PersonError("A kiosk has told who stands behind this reference.")
        _audit(connection, subject, "put", (who, why), now_ms)
        connection.execute(delete(PERSON).where(PERSON.c.subject == subject, PERSON.c.kind.in_(list(details))))
        connection.execute(
            insert(PERSON),
            [_row(subject, kind, value, of=OFFICE, made_ms=now_ms, expires_ms=until_ms) for kind, value in sorted(details.items())],
        )

    store.transact(work)


def shown(store: Store, subject: str, *, who: str, why: str, now_ms: int) -> list[Detail]:
    """What is known of somebody; that it was shown, to whom and why, is on the disk before. Raises PersonError, StoreError."""
    if not who.strip() or not why.strip():
        raise PersonError("Who looks at a person's data says their own name, and why.")

    def work(connection: Connection) -> list[Detail]:
        _audit(connection, subject, "shown", (who, why), now_ms)
        asked = select(PERSON).where(PERSON.c.subject == subject, PERSON.c.expires_ms > now_ms).order_by(PERSON.c.kind)
        return [Detail(row.kind, row.value, row.kiosk_no, row.expires_ms) for row in connection.execute(asked)]

    return store.transact(work)


def audit(store: Store, subject: str) -> list[Looked]:
    """Who did what with it, the newest first."""
    asked = select(PERSON_AUDIT).where(PERSON_AUDIT.c.subject == subject).order_by(PERSON_AUDIT.c.at_ms.desc(), PERSON_AUDIT.c.id)
    found = store.read(lambda connection: connection.execute(asked.limit(AUDIT_SHOWN)).all())
    return [Looked(row.at_ms, row.what, row.who, row.why) for row in found]


def masks_of(store: Store, bindings: Sequence[Binding], now_ms: int) -> bytes:
    """The body of a list of masks for these customers, as far as their names are known. Raises PersonError, StoreError."""
    asked = select(PERSON.c.subject, PERSON.c.value).where(PERSON.c.kind == "name", PERSON.c.expires_ms > now_ms)
    known = {row.subject: row.value for row in store.read(lambda connection: connection.execute(asked).all())}
    named = [one for one in bindings if one.subject in known]
    if len(named) > PERSONS_MAX:
        raise PersonError(f"{len(named)} customers have names, and one kiosk greets at most {PERSONS_MAX}.")
    masks = {reference(one.utility, one.customer): masked(known[one.subject])[:MASK_CELLS] for one in named}
    return msgspec.json.encode(PersonsBody(masks))


# ---------------------------------------------------------------- what a kiosk tells


def told(store: Store, kiosk_no: int, listed: Iterable[Listed], *, made_ms: int, now_ms: int) -> int:
    """A letter of this kiosk's; how many are known by it. Raises StoreError.

    Left out is who was erased, whose time is over, whom another has told of, and what an earlier letter says beside a later one.
    """
    held = {one.subject: one for one in listed}

    def work(connection: Connection) -> int:
        _alone(connection)
        gone = _erased(connection, held)
        asked = select(PERSON.c.subject, func.max(PERSON.c.kiosk_no), func.min(PERSON.c.kiosk_no), func.max(PERSON.c.made_ms))
        here = connection.execute(asked.where(PERSON.c.subject.in_(list(held))).group_by(PERSON.c.subject)).all()
        left = gone | {subject for subject, most, least, made in here if (most, least) != (kiosk_no, kiosk_no) or made >= made_ms}
        taken = [one for subject, one in held.items() if subject not in left and one.until_ms > now_ms]
        if taken:
            connection.execute(delete(PERSON).where(PERSON.c.subject.in_([one.subject for one in taken])))
            rows = [
                _row(one.subject, kind, value, of=kiosk_no, made_ms=made_ms, expires_ms=one.until_ms)
                for one in taken
                for kind, value in one.details.items()
            ]
            connection.execute(insert(PERSON), rows)
        return len(taken)

    return store.transact(work)


# ---------------------------------------------------------------- the end


def erase(store: Store, subject: str, *, who: str, why: str, now_ms: int) -> int:
    """Nobody stands behind this reference any more; how many things were known. Once more does no harm. Raises PersonError, StoreError."""
    if not who.strip():
        raise PersonError("Who erases a person says their own name.")

    def work(connection: Connection) -> int:
        _alone(connection)
        until = connection.execute(select(func.max(PERSON.c.expires_ms)).where(PERSON.c.subject == subject)).scalar()
        _mark(connection, {subject: OFFICE}, until or now_ms + YEARS_MAX_MS, now_ms)
        _audit(connection, subject, "erased", (who, why), now_ms)
        return connection.execute(delete(PERSON).where(PERSON.c.subject == subject)).rowcount

    return _cleaned(store, store.transact(work))


def tidied(store: Store, now_ms: int, *, clean: bool = False) -> int:
    """Whose time is over, and whom a kiosk's journal says to be erased; how many things are known no more. Raises StoreError.

    A kiosk erases whom it told of, and nobody else. `clean`: look after free pages though nobody went.
    """

    def work(connection: Connection) -> int:
        _alone(connection)
        gone = connection.execute(delete(PERSON).where(PERSON.c.expires_ms <= now_ms)).rowcount
        for subject, kiosk_no in _said_erased(connection):
            _mark(connection, {subject: kiosk_no}, now_ms, now_ms)
            gone += connection.execute(delete(PERSON).where(PERSON.c.subject == subject, PERSON.c.kiosk_no == kiosk_no)).rowcount
        return gone

    gone = store.transact(work)
    return _cleaned(store, gone) if gone or clean else 0


def erased_again(store: Store, subjects: Iterable[str], now_ms: int) -> None:
    """A store that was put back may have forgotten whom it erased: the word that it sent to the kiosks has not. Raises StoreError."""
    held = dict.fromkeys(subjects, OFFICE)

    def work(connection: Connection) -> None:
        if held:
            _alone(connection)
            _mark(connection, held, now_ms + YEARS_MAX_MS, now_ms)
            connection.execute(delete(PERSON).where(PERSON.c.subject.in_(select(ERASED.c.subject).where(ERASED.c.kiosk_no == OFFICE))))

    store.transact(work)


def listed_erased(store: Store, now_ms: int) -> tuple[str, ...]:
    """The references that kiosks have to forget: those that the office erased while a kiosk may still know them. Raises PersonError."""
    asked = select(ERASED.c.subject).where(ERASED.c.kiosk_no == OFFICE, ERASED.c.until_ms > now_ms).order_by(ERASED.c.subject)
    found = tuple(store.read(lambda connection: connection.execute(asked).scalars().all()))
    if len(found) > ERASED_MAX:
        raise PersonError(f"{len(found)} erased persons may still be known to kiosks, and one list has {ERASED_MAX}.")
    return found


def _said_erased(connection: Connection) -> list[tuple[str, int]]:
    """(reference, kiosk) of every fact that says so and was not followed yet."""
    kind = select(KIND.c.no).where(KIND.c.name == PersonErased.__name__).scalar_subquery()
    facts = connection.execute(select(FACT.c.kiosk_no, FACT.c.body).where(FACT.c.kind == kind)).all()
    known = {(row.subject, row.kiosk_no) for row in connection.execute(select(ERASED.c.subject, ERASED.c.kiosk_no))}
    said = {(subject, row.kiosk_no) for row in facts if (subject := _subject(row.body))}
    return sorted(said - known)


def _subject(body: str) -> str:
    try:
        found = msgspec.json.decode(body, type=PersonErased).subject
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    return found if len(found) == 16 else ""


def _erased(connection: Connection, subjects: Iterable[str]) -> set[str]:
    return set(connection.execute(select(ERASED.c.subject).where(ERASED.c.subject.in_(list(subjects)))).scalars())


def _mark(connection: Connection, subjects: Mapping[str, int], until_ms: int, now_ms: int) -> None:
    statement = INSERT[connection.dialect.name](ERASED).on_conflict_do_nothing()
    rows = [{"subject": subject, "kiosk_no": number, "at_ms": now_ms, "until_ms": until_ms} for subject, number in subjects.items()]
    connection.execute(statement, rows)


# ---------------------------------------------------------------- how


def _alone(connection: Connection) -> None:
    """Until this transaction ends nobody else changes persons: else a letter that is being taken in could pass an erasure on the stairs."""
    connection.execute(select(UTILITY.c.utility).with_for_update())


def _row(subject: str, kind: str, value: str, *, of: int, made_ms: int, expires_ms: int) -> dict[str, object]:
    return {"subject": subject, "kind": kind, "value": value, "kiosk_no": of, "made_ms": made_ms, "expires_ms": expires_ms}


def _audit(connection: Connection, subject: str, what: str, by: tuple[str, str], now_ms: int) -> None:
    """`by`: who, and why. Raises PersonError: what nobody reads to its end, or cannot read, answers for nothing."""
    who, why = (said.strip() for said in by)
    if len(who) > WHO_MAX or len(why) > WHY_MAX or not (who + why).isprintable():
        raise PersonError(f"A name has at most {WHO_MAX} characters and a reason at most {WHY_MAX}, all of them printable.")
    row = {"id": secrets.token_hex(8), "at_ms": now_ms, "subject": subject, "what": what, "who": who, "why": why}
    connection.execute(insert(PERSON_AUDIT), row)


def _cleaned(store: Store, gone: int) -> int:
    """No free page and no older page of the store keeps what was deleted. Raises StoreError where somebody holds an older state open.

    PostgreSQL writes the table anew into another file, without what a transaction that began earlier might still see (a VACUUM would keep
    that); its log of changes is the archive's, which docs/privacy.md has a rule for. SQLite
    clears what it frees, but a page that was once split may keep a copy between its rows: so all pages are freed, and the WAL is emptied.
    """
    if store.postgresql:
        with store.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            connection.execute(text("ALTER TABLE person ALTER COLUMN value TYPE text USING value || ''"))
        return gone
    store.transact(_written_anew)
    if store.name != IN_MEMORY and not _emptied(store):
        raise StoreError("The person is erased, but somebody holds an older state of the store open: run kiosk hq person tidy afterwards.")
    return gone


def _written_anew(connection: Connection) -> None:
    rows = [dict(row._mapping) for row in connection.execute(select(PERSON))]  # noqa: SLF001 - SQLAlchemy's own name for it
    connection.exec_driver_sql("DELETE FROM person")
    if rows:
        connection.execute(insert(PERSON), rows)


def _emptied(store: Store) -> bool:
    raw = store.engine.raw_connection()
    try:
        busy, *_ = raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        raw.close()
    return not busy
