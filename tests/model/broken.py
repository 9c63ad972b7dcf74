"""Fifteen rules, broken one at a time in the product's own functions and tables. The model must catch every one of them."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from kiosk.vend import slot
from kiosk.vend.card import gdw1365
from kiosk.vend.card.gdw1365 import Case
from kiosk.vend.card.reading import Reading, Record, Returned, TagOf, Update, Verdict, Word
from tests.model.world import Setting


class Broken(NamedTuple):
    """A rule that somebody forgot: what is done instead, how, and the world in which it does harm."""

    what: str
    patch: Callable[[pytest.MonkeyPatch], None]
    setting: Setting = Setting()


SHEET = gdw1365.Gdw1365


def absence(mp: pytest.MonkeyPatch) -> None:
    anything = slot.Shown("", "", 0, 0, None, None, fits=False)
    mp.setattr(slot, "may_move", lambda _value, where, *_, **_kept: anything if where.n <= 3 else None)


def started(mp: pytest.MonkeyPatch) -> None:
    def may_move(value: str, where: slot.Slot, entries: Sequence[slot.Entry], *_: Any, **_kept: Any) -> slot.Entry | None:
        return next((e for e in entries if (e.meter, e.n) == (where.meter, where.n) and e.value != value), None)

    mp.setattr(slot, "may_move", may_move)


def later_mark(mp: pytest.MonkeyPatch) -> None:
    def of_another(tag: str | None, _amount: int, value: str, _where: slot.Slot, entries: Sequence[slot.Entry]) -> bool:
        return any(e.tag == tag and e.value != value for e in entries)

    mp.setattr(slot, "names_taken", lambda item: item.taken is not None and item.taken >= item.count)
    mp.setattr(slot, "of_another", of_another)


def amount(mp: pytest.MonkeyPatch) -> None:
    parse = SHEET.parse

    def blind_to_amount(self: gdw1365.Gdw1365, serial: str, files: dict[int, bytes], authentic: bool, tag_of: TagOf | None) -> Reading:
        def of_count(meter: str, n: int, _amount: int, salt: bytes) -> bytes:
            assert tag_of is not None
            return tag_of(meter, n, 100_00, salt)

        return parse(self, serial, files, authentic, of_count)

    mp.setattr(SHEET, "parse", blind_to_amount)
    mp.setattr(Case, "right", property(lambda case: case.reading.count == case.record.n))


def refuse(mp: pytest.MonkeyPatch) -> None:
    mp.setattr(gdw1365, "ROWS", tuple(row for row in gdw1365.ROWS if row is not gdw1365.foreign))
    next_slot = gdw1365.next_slot
    mp.setattr(gdw1365, "next_slot", lambda reading: next_slot(reading) if reading.taken is None else reading.taken + 1)


def instead(mp: pytest.MonkeyPatch, old: Callable[[Case], Verdict | None], new: Callable[[Case], Verdict | None]) -> None:
    mp.setattr(gdw1365, "ROWS", tuple(new if row is old else row for row in gdw1365.ROWS))


def repeat_new(mp: pytest.MonkeyPatch) -> None:
    def again(case: Case) -> Verdict | None:
        spent = gdw1365.spent(case)
        return Verdict(Word.NEVER, case.next, step="arm") if spent and case.next else spent

    instead(mp, gdw1365.spent, again)


def trust_count(mp: pytest.MonkeyPatch) -> None:
    def landed(case: Case) -> Verdict | None:
        there = case.record and case.right and (case.reading.returned is Returned.EMPTY or case.reading.taken == case.record.n)
        return Verdict(Word.LANDED, case.record.n) if there and case.record else None

    instead(mp, gdw1365.landed, landed)


def blind(mp: pytest.MonkeyPatch) -> None:
    mp.setattr(gdw1365, "ROWS", (lambda case: Verdict(Word.NEVER, case.record.n, step="arm") if case.record else None, *gdw1365.ROWS))


def type_early(mp: pytest.MonkeyPatch) -> None:
    update = SHEET._update

    def early(self: gdw1365.Gdw1365, step: str, reading: Reading, record: Record, parameters: bytes) -> Update | None:
        if step == "type" and reading.returned is Returned.FRAME:
            record = replace(record, n=max(record.n, 2))
        return update(self, step, reading, record, parameters)

    mp.setattr(SHEET, "_update", early)


def order(*steps: str) -> Callable[[pytest.MonkeyPatch], None]:
    return lambda mp: mp.setattr(SHEET, "steps", steps)


def count_only(mp: pytest.MonkeyPatch) -> None:
    next_slot = gdw1365.next_slot
    mp.setattr(gdw1365, "next_slot", lambda reading: 1 if reading.taken is None and reading.count == 0 else next_slot(reading))


def old_serial(mp: pytest.MonkeyPatch) -> None:
    proves = slot.proves

    def on_any_card(item: slot.Evidence, value: str, where: slot.Slot, entries: Sequence[slot.Entry], newest: str, **_kept: Any) -> bool:
        return proves(item, value, where, entries, item.card if isinstance(item, slot.Verified) else newest)

    mp.setattr(slot, "proves", on_any_card)


def old_record(mp: pytest.MonkeyPatch) -> None:
    def first(meter: str, _card: str, _issued: object, told: Sequence[slot.Evidence], **_kept: Any) -> tuple[slot.Verified, ...]:
        return tuple(item for item in told if isinstance(item, slot.Verified) and (item.meter, item.n) == (meter, 1))

    mp.setattr(slot, "carried", first)


def older_card(mp: pytest.MonkeyPatch) -> None:
    def of_any_card(
        meter: str, _card: str, _issued: object, evidence: Sequence[slot.Evidence], *, kept: Collection[slot.Verified]
    ) -> tuple[slot.Verified, ...]:
        floor = max((item.n for item in kept), default=0)
        told = [item for item in evidence if isinstance(item, slot.Verified) and item.meter == meter and item.n >= floor]
        last = max(((item.n, item.card) for item in told), default=None)
        return tuple(item for item in told if (item.n, item.card) == last)

    mp.setattr(slot, "carried", of_any_card)


RULES: dict[str, Broken] = {
    "absence": Broken("HQ pays again because nothing speaks for the first record", absence, Setting(values=1)),
    "started": Broken("HQ takes a WriteStarted of another sale as proof that it took the slot", started),
    "later-mark": Broken("HQ takes any tag on the card for the name of the record in the wallet", later_mark),
    "amount": Broken("the tag does not cover the amount", amount, Setting(values=1, torn=True)),
    "refuse": Broken("another machine's torn purchase is left as it is and a new one sold", refuse),
    "repeat-new": Broken("a doubtful sale is written again under the next count", repeat_new, Setting(values=1)),
    "trust-count": Broken("a doubtful sale is taken as landed from the count alone", trust_count),
    "blind": Broken("a doubtful sale is written again without looking", blind, Setting(values=1)),
    "type": Broken("the card becomes a purchase card as soon as it has a return file", type_early, Setting(values=1, first=True)),
    "mark-first": Broken(
        "the mark is written before the type", order("arm", "mark", "type", "load", "commit"), Setting(values=1, torn=True)
    ),
    "count-only": Broken("a card is taken as never opened from an empty wallet alone", count_only, Setting(torn=True, hq=False)),
    "commit-first": Broken(
        "the return file is cleared before the wallet is written",
        order("arm", "type", "mark", "commit", "load"),
        Setting(values=1, torn=True),
    ),
    "old-serial": Broken("HQ takes what was verified on a replaced card as proof", old_serial, Setting(replace=1)),
    "old-record": Broken(
        "a replacement carries an older record than the last verified one", old_record, Setting(kiosks=1, replace=1, breadth=True)
    ),
    "older-card": Broken(
        "a replacement carries what was verified on an older card, and became known after the newest was issued",
        older_card,
        Setting(forget=True, kiosks=1, replace=2, breadth=True),
    ),
}


FORGETTING = Setting(forget=True, breadth=True)

MEMORY: dict[str, tuple[str, Setting]] = {
    "behind": ("HQ orders behind everything that it knows of the meter", FORGETTING),
    "strange": ("the record of an order that HQ forgot counts as another's", FORGETTING),
    "retry": ("a payer asks again after a restore, and HQ makes a second order", FORGETTING._replace(paid=True)),
    "forgot-proof": ("a replacement carries less than a record that served as proof", FORGETTING._replace(replace=1, kiosks=1)),
    "forgot-card": ("HQ takes an old serial for the newest card", FORGETTING._replace(replace=1, kiosks=1)),
    "kept-card": ("the surrendered card is not destroyed", Setting(forget=True, undo=True, kiosks=1)),
    "free-slot": ("the new card does not carry a purchase of nothing in the slot", Setting(forget=True, undo=True, kiosks=1)),
    "by-sight": ("an empty return file is taken for 'not taken'", Setting(forget=True, undo=True, torn=True, values=1)),
    "sent": ("so is one that HQ itself cleared to send prices", Setting(forget=True, undo=True, send=True, torn=True, values=1)),
}
"""Rules of what HQ must not forget, each left out in `hq`, and the world in which that does harm."""
