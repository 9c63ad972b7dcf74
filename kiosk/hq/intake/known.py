"""What the head office has decided itself, as far as it judges what its kiosks did: read from what it has sent them."""

from collections.abc import Iterator
from typing import TypeVar

import msgspec

from kiosk import envelope
from kiosk.envelope import EnvelopeRefused
from kiosk.hq.intake.rules import Known, Number
from kiosk.hq.office import SENT, Office
from kiosk.sync.customer import TariffBody
from kiosk.sync.delta import DeltaBody, hotlisted
from kiosk.sync.folder import Folder, FolderError
from kiosk.sync.item import WAYS, Header, ItemRefused, Kind
from kiosk.sync.spool import EVERYBODY, is_kiosk, letter_name

T = TypeVar("T")
NAMES_MAX = 1_000_000  # all of them the office's own


def known(office: Office) -> Known:
    """Who is blocked and since which list, and every tariff that was ever sent; None for tariffs where none was, or one that is boxed."""
    bodies = [_read(body, TariffBody) for _, body in _items(office, "tariff")]
    listed = {period.id for body in bodies if body for period in body.periods}
    return Known(_blocked(office), frozenset(listed) if bodies and None not in bodies else None)


def _blocked(office: Office) -> dict[str, Number]:
    """Every card of the newest list -> the first list from which on it stood in all of them."""
    whole = {number: frozenset(card.hex() for card in hotlisted(body)) for number, body in _items(office, "hotlist") if body is not None}
    changes = {number: change for number, body in _items(office, "delta") if (change := _read(body, DeltaBody))}
    since: dict[str, Number] = {}
    for number in sorted(whole.keys() | changes.keys()):
        cards = whole.get(number)
        if cards is None:
            change = changes[number]
            cards = (whole.get((change.epoch, change.version), frozenset()) | set(change.come)) - set(change.go)
        since = {card: since.get(card, number) for card in cards}
    return since


def _items(office: Office, kind: Kind) -> Iterator[tuple[Number, bytes | None]]:
    """Number and body of what was sent; None where it is boxed, or no more what was signed."""
    for bag in ("downlink", SENT):
        for place in _names(office, bag):
            if place != EVERYBODY and not is_kiosk(place):
                continue
            for name in _names(office, bag, place):
                said = letter_name(name)
                if said and said.kind == kind:
                    yield said.number, _body(office, (bag, place), name, kind)


def _names(office: Office, *folders: str) -> list[str]:
    try:
        with Folder.at(office.folder) as bag, bag.below(*folders) as folder:
            return folder.names(NAMES_MAX)
    except FolderError:
        return []


def _body(office: Office, where: tuple[str, str], name: str, kind: Kind) -> bytes | None:
    way = WAYS[kind]
    believed = {office.record.decision, *(office.record.keys.decision if office.record.keys else ())}
    try:
        with Folder.at(office.folder) as bag, bag.below(*where) as folder:
            raw = folder.read(name, way.body_max + envelope.OVERHEAD)
        opened = envelope.opened(raw, way.label, [bytes.fromhex(key) for key in believed], way.body_max)
        return opened.body if msgspec.json.decode(opened.header, type=Header).kind == kind and _whole(kind, opened.body) else None
    except (FolderError, EnvelopeRefused, msgspec.MsgspecError):
        return None


def _whole(kind: Kind, body: bytes) -> bool:
    try:
        return kind != "hotlist" or hotlisted(body) is not None
    except ItemRefused:
        return False


def _read(body: bytes | None, form: type[T]) -> T | None:
    try:
        return None if body is None else msgspec.json.decode(body, type=form)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
