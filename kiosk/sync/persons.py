"""The persons of one kiosk, on their way to the head office: an envelope of its own, apart from every batch. docs/privacy.md.

    HEADER \\n SIGNATURE \\n BODY     label "persons"; the body is JSON: [[reference, until_ms, {kind: text}], ...], all that are here now

Signed by the station, boxed to the head office's batch key. Nothing names it: no batch, no fact, no hash. It is made anew on every attempt,
travels under a number above every batch's, and is deleted when it has come: so whoever is erased stands in none that is made afterwards,
and a journal is whole without any of them. Pure: no file, no clock.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from kiosk import envelope
from kiosk.envelope import KIOSK_ID, Body, Box, EnvelopeRefused, Outer
from kiosk.sync.plain import fault
from kiosk.sync.spool import SEQ_LAST

LABEL = "persons"
TO = "HQ.persons"  # by which the head office tells it from a batch, unopened
FIRST = 90_000_000  # no batch has such a number: at one every 15 minutes it comes after 2,560 years
LISTED_MAX = 1_000
BODY_MAX = 1 << 20
YEARS_MAX_MS = 2 * 366 * 86_400_000  # nobody is kept for longer
CELLS = {"name": 80, "phone": 24, "address": 200}
"""What may be known of somebody, in how many columns."""

Moment = Annotated[int, Meta(ge=0, lt=1 << 53)]
Subject = Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]


class PersonsHeader(msgspec.Struct, frozen=True):
    """Whose persons these are. `seq`: the number under which it travels; of two the one of the later `made_ms` holds."""

    kiosk: Annotated[str, Meta(pattern=rf"^{KIOSK_ID}\Z")]
    store: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
    seq: Annotated[int, Meta(ge=FIRST, le=SEQ_LAST)]
    made_ms: Moment
    body: Body = Body(0, "")
    kind: Literal["persons"] = "persons"
    v: Literal[1] = 1


class Listed(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Somebody: a reference, until when they may be known, and what is known. Never in a message: `repr` names the reference alone."""

    subject: Subject
    until_ms: Moment
    details: Annotated[dict[Literal["name", "phone", "address"], str], Meta(min_length=1)]

    def __repr__(self) -> str:
        return f"Listed({self.subject})"


class Letter(msgspec.Struct, frozen=True):
    """What a kiosk signed."""

    header: PersonsHeader
    listed: tuple[Listed, ...]


class PersonsRefused(Exception):
    """It is not taken; the text is one sentence, and repeats nothing of what it holds. `kiosk`: as it says, "" where nobody signed."""

    def __init__(self, sentence: str, kiosk: str = "", seq: int = 0) -> None:
        super().__init__(sentence)
        self.sentence, self.kiosk, self.seq = sentence, kiosk, seq


def is_letter(raw: bytes) -> bool:
    """Does its outer line say that it is one? Nothing is believed by that, but who has to open it."""
    outer = raw[: envelope.HEADER_MAX].partition(b"\n")[0]
    try:
        return msgspec.json.decode(outer, type=Outer).to == TO
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False


def wrong(details: Iterable[tuple[str, str]]) -> str:
    """Why these, (kind, text) each, are not known of anybody, in one sentence; "" where they may be."""
    found = list(details)
    for kind, text in found:
        if kind not in CELLS:
            return f"Of a person there are {', '.join(CELLS)}."
        trouble = fault(text, CELLS[kind])
        if trouble:
            return f"The {kind} {trouble}."
    return "" if found else "Nothing is said of this person."


def boxed_letter(header: PersonsHeader, listed: Sequence[Listed], signer: Callable[[str, bytes], bytes], hq_key: bytes) -> bytes:
    """For one attempt. `hq_key`: X25519. ValueError for more than one may have."""
    body = msgspec.json.encode(listed)
    if len(listed) > LISTED_MAX or len(body) > BODY_MAX:
        raise ValueError("a letter has at most 1,000 persons and 1 MiB")
    whole = msgspec.json.encode(msgspec.structs.replace(header, body=envelope.body_of(body)))
    return envelope.boxed(envelope.sealed(signer, LABEL, whole, body), LABEL, TO, hq_key)


def opened_letter(raw: bytes, boxes: Iterable[Box], sign_key_of: Callable[[str], bytes | None]) -> Letter:
    """Unboxed and checked. `boxes`: every key of the head office's; `sign_key_of`: as for a batch. Raises PersonsRefused."""
    clear = _unboxed(raw, boxes)
    header = _header(clear)
    key = sign_key_of(header.kiosk)
    if key is None:
        raise PersonsRefused(f"There is no kiosk {header.kiosk} here.")
    try:
        opened = envelope.opened(clear, LABEL, (key,), BODY_MAX)
    except EnvelopeRefused as error:
        raise PersonsRefused(str(error)) from None
    return Letter(header, _listed(header, opened.body))


def _unboxed(raw: bytes, boxes: Iterable[Box]) -> bytes:
    sentence = "There is no key here that opens it."
    for box in boxes:
        try:
            return envelope.unboxed(raw, LABEL, TO, box, BODY_MAX + envelope.OVERHEAD)
        except EnvelopeRefused as error:
            if envelope.key_name(box.box_key).encode() in raw[: envelope.HEADER_MAX]:
                sentence = str(error)
    raise PersonsRefused(sentence)


def _header(clear: bytes) -> PersonsHeader:
    try:
        return msgspec.json.decode(clear[: envelope.HEADER_MAX].partition(b"\n")[0], type=PersonsHeader)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    raise PersonsRefused("Its header is not that of a list of persons.")  # outside of the handler: the cause may quote what was read


def _listed(header: PersonsHeader, body: bytes) -> tuple[Listed, ...]:
    listed: tuple[Listed, ...] | None
    try:
        listed = msgspec.json.decode(body, type=Annotated[tuple[Listed, ...], Meta(max_length=LISTED_MAX)])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        listed = None
    if listed is None:
        raise PersonsRefused("Its body is no list of persons.", header.kiosk, header.seq)
    if len({one.subject for one in listed}) != len(listed):
        raise PersonsRefused("It names one reference twice.", header.kiosk, header.seq)
    for one in listed:
        trouble = wrong(one.details.items())
        if trouble or one.until_ms > header.made_ms + YEARS_MAX_MS:
            raise PersonsRefused(trouble or "It would keep somebody for more than two years.", header.kiosk, header.seq)
    return listed
