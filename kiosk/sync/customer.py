"""Bodies about what a customer meets: prices, words, outages, the greeting. Each is checked to the last character before it is a fact.

Whoever signs may have been careless or deceived: a signature says who wrote it, not that it can be sold by, read or printed.
"""

from decimal import Decimal
from itertools import pairwise
from typing import Annotated

import msgspec
from msgspec import Meta

from kiosk.sync.item import Item, ItemRefused, decoded
from kiosk.sync.plain import fault
from kiosk.vend import trust as t
from kiosk.vend.greeting import HIDDEN, MASK_CELLS, PersonsInstalled
from kiosk.vend.notices import KEPT, Notice, NoticesInstalled
from kiosk.vend.operators.tree import covers
from kiosk.vend.pricelist import LEAP, Period, TariffInstalled, leap
from kiosk.vend.rules import CELLS, EVERY_LANGUAGE
from kiosk.vend.wording import TextsInstalled

PERIODS_MAX, NOTICES_MAX, PERSONS_MAX = 12, 1000, 20_000
YEARS_MAX_MS = 10 * 366 * 86_400_000
NOTICE_CELLS = 40
LANGUAGES_MAX = 16

Moment = Annotated[int, Meta(ge=0, lt=1 << 53)]
Language = Annotated[str, Meta(pattern=r"^([a-z]{2,3}|\*)\Z")]
Words = Annotated[dict[Language, Annotated[str, Meta(max_length=200)]], Meta(max_length=LANGUAGES_MAX)]


class PeriodBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One tariff of the list: `pricelist.Period`, with its bounds."""

    id: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,15}/[1-9][0-9]{0,5}\Z")]
    price: Annotated[str, Meta(pattern=r"^[0-9]{1,6}\.[0-9]{4}\Z")]
    fixed_fee_minor: Annotated[int, Meta(ge=0, le=1_000_000)]
    from_ms: Moment
    until_ms: Moment
    fee_share_pct: Annotated[int, Meta(ge=0, le=50)] = 50
    debt_share_pct: Annotated[int, Meta(ge=0, le=50)] = 50


class TariffBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of kind "tariff": the whole list, today's first."""

    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")]
    periods: Annotated[tuple[PeriodBody, ...], Meta(min_length=1, max_length=PERIODS_MAX)]


class TextsBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of kind "texts": name -> language -> text."""

    texts: Annotated[dict[str, Words], Meta(max_length=len(CELLS))]


class NoticeBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One planned outage."""

    place: Annotated[str, Meta(pattern=r"^[a-z0-9./]{0,64}\Z")]
    from_ms: Moment
    to_ms: Moment
    words: Words = {}


class NoticesBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of kind "notices": all that are planned, for all places."""

    notices: Annotated[tuple[NoticeBody, ...], Meta(max_length=NOTICES_MAX)]


class PersonsBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of kind "persons": reference -> mask (`vend.greeting`)."""

    masks: Annotated[dict[Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")], str], Meta(max_length=PERSONS_MAX)]


# ---------------------------------------------------------------- prices


def tariff(item: Item) -> TariffInstalled:
    """Raises ItemRefused."""
    said, header = decoded(item.body, TariffBody), item.header
    if item.me.currency not in ("", said.currency):
        raise ItemRefused(f"It has prices in {said.currency}, and this machine takes {item.me.currency}.")
    for one in said.periods:
        if not Decimal(one.price):
            raise ItemRefused(f"Its tariff {one.id} has no price.")
        if not 0 < one.until_ms - one.from_ms <= YEARS_MAX_MS:
            raise ItemRefused(f"Its tariff {one.id} ends before it begins, or lasts more than ten years.")
    if any(one.until_ms != other.from_ms for one, other in pairwise(said.periods)):
        raise ItemRefused("Its tariffs do not follow each other: there is a hole between two, or they overlap.")
    if len({one.id for one in said.periods}) != len(said.periods):
        raise ItemRefused("Two of its tariffs have the same name and number.")
    if not said.periods[0].from_ms <= header.made_ms < said.periods[-1].until_ms:
        raise ItemRefused("It has no tariff for the day on which it was made.")
    return TariffInstalled(*header.number, said.currency, tuple(Period(**msgspec.structs.asdict(one)) for one in said.periods))


def held_against(trust: t.Trust, fact: t.Installed) -> None:
    """What only shows beside what is here already. Raises ItemRefused."""
    found = leap(trust.tariff, fact) if isinstance(fact, TariffInstalled) else None
    if found:
        raise ItemRefused(f"It has a price of {found[1]} after {found[0]}: more than {LEAP} times, or less than a tenth, at one step.")


# ---------------------------------------------------------------- words


def texts(item: Item) -> TextsInstalled:
    """Raises ItemRefused."""
    said = decoded(item.body, TextsBody)
    for name, words in said.texts.items():
        if name not in CELLS:
            raise ItemRefused(f"It has a text that is not one of {', '.join(CELLS)}.")
        _readable(f"Its text {name}", words, CELLS[name])
    return TextsInstalled(*item.header.number, said.texts)


def notices(item: Item) -> NoticesInstalled:
    """What of it is about this kiosk's place and not over, the soonest first. Raises ItemRefused for anything wrong in it, ours or not."""
    said = decoded(item.body, NoticesBody)
    for one in said.notices:
        if not 0 < one.to_ms - one.from_ms <= YEARS_MAX_MS:
            raise ItemRefused("One of its notices ends before it begins.")
        _readable("One of its notices", one.words, NOTICE_CELLS)
    ours = [one for one in said.notices if covers(one.place, item.me.place, "/") and one.to_ms > item.header.made_ms]
    soonest = sorted(ours, key=lambda one: (one.from_ms, one.to_ms))[:KEPT]
    return NoticesInstalled(*item.header.number, tuple(Notice(**msgspec.structs.asdict(one)) for one in soonest))


def _readable(what: str, words: Words, cells: int) -> None:
    for language, text in words.items():
        wrong = fault(text, cells)
        if wrong:
            raise ItemRefused(f"{what} {wrong}{'' if language == EVERY_LANGUAGE else f', in {language}'}.")


# ---------------------------------------------------------------- whom


def persons(item: Item) -> PersonsInstalled:
    """Raises ItemRefused."""
    masks(item.body)
    return PersonsInstalled(*item.header.number, item.header.body.sha256)


def masks(body: bytes) -> dict[str, str]:
    """Reference -> mask. Raises ItemRefused: a mask that hides nothing is a name, and is not taken."""
    said = decoded(body, PersonsBody)
    for mask in said.masks.values():
        if HIDDEN not in mask or fault(mask, MASK_CELLS):
            raise ItemRefused(f"One of its names is no mask: it hides nothing, or is no text of {MASK_CELLS} columns.")
    return said.masks
