"""What is about to be sent: read as a kiosk will read it, compared with what was sent before, told in words; signed only then.

Nothing that a kiosk would refuse gets a signature. A draft has no key and writes nothing.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from kiosk import envelope
from kiosk.hq.office import Office, OfficeError, Signer
from kiosk.sync import delta
from kiosk.sync.bodies import READERS, told
from kiosk.sync.customer import NoticesBody, held_against
from kiosk.sync.item import EVERYBODY, WAYS, Header, Item, ItemRefused, Kind, Me, series
from kiosk.vend.notices import NoticesInstalled
from kiosk.vend.pricelist import TariffInstalled
from kiosk.vend.trust import Installed, Trust

LOOK_BACK = 1000  # numbers of a series among which the last whole one is looked for


class Draft(msgspec.Struct, frozen=True):
    """One thing to send. `to`: as it was asked for; `parts`: an item each, (to, body); `says`: sentences for whoever decides."""

    kind: Kind
    to: str
    parts: tuple[tuple[str, bytes], ...]
    says: tuple[str, ...]
    tariffs: dict[str, str] = {}


def draft(office: Office, kind: Kind, to: str, body: bytes, *, now_ms: int, days: int) -> Draft:
    """Checked by the kiosks' own rules. `to`: a kiosk, a place, or "*". Raises OfficeError in one sentence."""
    below = office.below(to)
    if WAYS[kind].boxed and not below:
        raise OfficeError("There is no kiosk here yet that it could be sent to.")
    parts = tuple((one, body) for one in below) if WAYS[kind].boxed else ((to, body),)
    header = office.header(kind, parts[0][0], now_ms=now_ms, days=days)
    if len(body) > WAYS[kind].body_max:
        raise OfficeError(f"It has {len(body)} bytes, and a {kind} has at most {WAYS[kind].body_max}.")
    item = Item(msgspec.structs.replace(header, body=envelope.body_of(body)), body, _reader(office, below))
    try:
        whole = delta.whole(item, standing(office, "hotlist", to)) if kind == "delta" else item
        fact = READERS[whole.header.kind](whole)
        held_against(Trust(tariff=_prices(office, to)), fact)
    except (ItemRefused, ValueError) as error:
        raise OfficeError(f"No kiosk would take it. {error}") from None
    tariffs = _terms(office, fact) if isinstance(fact, TariffInstalled) else {}
    says = (f"{kind} {header.epoch}.{header.version} {_whom(to, below)}, {len(body)} bytes. {_told(fact, body)}", *_ended(office, kind, to))
    return Draft(kind, to, parts, says, tariffs)


def send(office: Office, drawn: Draft, signer: Signer, *, now_ms: int, days: int, bag: Path | None = None) -> tuple[Path, ...]:
    """Sign each part and put it into the mail bag. Raises OfficeError."""
    if drawn.tariffs:
        office.names_tariffs(drawn.tariffs)
    return tuple(office.publish(drawn.kind, to, body, signer, days=days, now_ms=now_ms, bag=bag) for to, body in drawn.parts)


def changed(office: Office, to: str, cards: frozenset[bytes]) -> bytes:
    """The body of a change that makes the last whole hotlist this one. Raises OfficeError."""
    base = standing(office, "hotlist", to)
    if base is None:
        raise OfficeError("No whole hotlist was sent there yet: a change has nothing to change.")
    try:
        return msgspec.json.encode(delta.change(*base.header.number, base.body, delta.listed(cards)))
    except ItemRefused as refused:
        raise OfficeError(str(refused)) from None


def standing(office: Office, kind: Kind, to: str) -> Item | None:
    """The last item of a clear kind that was sent to just there, from the office's own bag, its signature checked again."""
    number = office.record.numbers.get(f"{series(kind)}/{to}", 0)
    names = (f"{kind}-{office.record.epoch}-{version}" for version in range(number, max(number - LOOK_BACK, 0), -1))
    folder = office.folder / ("downlink/all" if to == EVERYBODY else "places")
    for name in names:
        found = _own(office, folder / name, kind)
        if found and found.header.to == to:
            return found
    return None


def _own(office: Office, path: Path, kind: Kind) -> Item | None:
    way = WAYS[kind]
    try:
        opened = envelope.opened(path.read_bytes(), way.label, [bytes.fromhex(office.record.decision)], way.body_max)
        return Item(msgspec.json.decode(opened.header, type=Header), opened.body, _reader(office, ()))
    except (OSError, envelope.EnvelopeRefused, msgspec.MsgspecError):
        return None


def _prices(office: Office, to: str) -> TariffInstalled | None:
    """The price list that stands there, for the leap of a price; what is boxed to one kiosk cannot be read again."""
    item = standing(office, "tariff", to) or standing(office, "tariff", EVERYBODY)
    fact = READERS["tariff"](item) if item else None
    return fact if isinstance(fact, TariffInstalled) else None


def _terms(office: Office, fact: TariffInstalled) -> dict[str, str]:
    """What each name stands for from now on. Raises OfficeError where it stands for something else already."""
    found = {}
    for one in fact.periods:
        terms = (fact.currency, one.price, one.fixed_fee_minor, one.fee_share_pct, one.debt_share_pct)
        found[one.id] = hashlib.sha256(msgspec.json.encode(terms)).hexdigest()
        if office.record.tariffs.get(one.id, found[one.id]) != found[one.id]:
            raise OfficeError(f"The tariff {one.id} was sent before with another price or fee: what changes gets a new number.")
    return found


def _ended(office: Office, kind: Kind, to: str) -> Iterator[str]:
    """What stood below until now, each with a word of its own, and is over with this."""
    if WAYS[kind].boxed:
        return
    prefix = f"{series(kind)}/"
    last = office.record.numbers.get(f"{prefix}{to}", 0)
    for name, number in sorted(office.record.numbers.items()):
        own = name.removeprefix(prefix)
        if name.startswith(prefix) and number > last and own != to and set(office.below(own)) & set(office.below(to)):
            whose = "everybody" if own == EVERYBODY else own
            yield f"It takes the place of what was sent to {whose} ({office.record.epoch}.{number})."


def _told(fact: Installed, body: bytes) -> str:
    """Of outages all, not only those of the first kiosk."""
    if isinstance(fact, NoticesInstalled):
        return f"{len(msgspec.json.decode(body, type=NoticesBody).notices)} planned outages."
    return told(fact)


def _reader(office: Office, below: tuple[str, ...]) -> Me:
    name = below[0] if below else ""
    region, place = (office.kiosk(name).region, office.place(name)) if name else (0, "")
    return Me(name, office.record.utility, region, (), place)


def _whom(to: str, below: tuple[str, ...]) -> str:
    kiosks = f"{len(below)} kiosk" if len(below) == 1 else f"{len(below)} kiosks"
    return f"to all {kiosks}" if to == EVERYBODY else f"to {to}" if below == (to,) else f"to {to}, {kiosks}"
