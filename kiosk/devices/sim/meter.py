"""The virtual meter: it reads a card and answers by the decision table (facts, meter and card, 3.4), row by row in the table's order.

n = count in the card's wallet, d = n - the meter's count, RW = the card's return file. Row 0..3 are what stands before any comparison.
"""

import copy
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from kiosk.devices.sim import crypto, image, meter_run, meter_state
from kiosk.devices.sim.card import CardModel
from kiosk.devices.sim.card_files import (
    CURRENT,
    OPEN,
    PARAMETERS,
    PURCHASE,
    REPLACEMENT,
    RETURNED,
    SIZES,
    STANDBY,
    WALLET,
    BadFile,
    Parameters,
    Returned,
    Tariff,
    is_empty,
)
from kiosk.devices.sim.contact import CardRefused, Contact, good
from kiosk.devices.sim.faults import CardPulled
from kiosk.devices.sim.meter_state import MICRO_PER_MINOR, MeterState, TierSet

SELECT_MF, SELECT_DF01, READ_SERIAL = (bytes.fromhex(x) for x in ("00a40000023f00", "00a4000002df01", "00b0990108"))
CHALLENGE_8, CHALLENGE_4 = bytes.fromhex("0084000008"), bytes.fromhex("0084000004")
INTERNAL, EXTERNAL = bytes.fromhex("0088000408"), bytes.fromhex("0082000408")  # key 4: METERKEY

MOST_MINOR = 999_999_99
STAY_S, STAY_FIRST_S = 3, 10  # how long the card must stay in
LONGEST_H, LARGEST_KW = 24 * 3660, 1000
STANDBY_ONLY = 0x7A  # the flags that a purchase or replacement card may set
ALARMS_BIT, TOU_BIT, TOU_STANDBY_BIT, TIERS_BIT, TIERS_STANDBY_BIT = 0x80, 0x01, 0x02, 0x04, 0x08


class Presented(NamedTuple):
    """What the meter has read of a card. `problem` is why there is nothing more."""

    problem: str = ""  # voltage | reset | contact | proof | kind
    serial: str = ""
    file1: Parameters = Parameters("", "")
    amount_minor: int = 0
    n: int = 0
    empty: bool = False  # RW
    current: Tariff | None = None  # read only when the card may change it
    standby: Tariff | None = None


class Row(NamedTuple):
    """One row of the table: when it holds, and what follows."""

    name: str
    holds: Callable[[MeterState, Presented], bool]
    error: str = ""  # "" = accepted
    counted: int = 0  # an illegal card: in both editions (ALWAYS), in ONLY_2009, or in none (0)
    credits: bool = False
    opens: bool = False  # type 01 opens and binds, type 03 binds
    applies: bool = False  # parameters and tariffs, if RW is empty
    answers: bool = False  # the return file is written


ALWAYS, ONLY_2009 = 2013, 2009


def _d(m: MeterState, c: Presented) -> int:
    return c.n - m.count


def _too_much(m: MeterState, c: Presented) -> bool:
    total = m.balance_micro + c.amount_minor * MICRO_PER_MINOR
    return total > min(MOST_MINOR, m.hoarding_minor) * MICRO_PER_MINOR


def _spent_elsewhere(m: MeterState, c: Presented) -> bool:
    return _d(m, c) == 0 and c.file1.kind != PURCHASE and not c.empty and c.serial != m.bound


TABLE = (
    Row("voltage below 0.75 Un", lambda _, c: c.problem == "voltage", "ERR-31"),
    Row("no answer to reset", lambda _, c: c.problem == "reset", "ERR-31", ALWAYS),
    Row("removed early", lambda _, c: c.problem == "contact", "ERR-35"),
    Row("card does not prove itself", lambda _, c: c.problem == "proof", "ERR-32", ALWAYS),
    Row("not a user card", lambda _, c: c.problem == "kind", "ERR-32", ONLY_2009),
    Row("another meter", lambda m, c: c.file1.meter != m.number, "ERR-33", ONLY_2009),
    Row("unknown type", lambda _, c: c.file1.kind not in {OPEN, PURCHASE, REPLACEMENT}, "ERR-32", ONLY_2009),
    Row("another customer", lambda m, c: m.opened and c.file1.customer != m.customer, "ERR-33", ONLY_2009),
    Row("lost card", lambda m, c: m.opened and c.file1.kind == PURCHASE and c.serial != m.bound, "ERR-33", ONLY_2009),
    Row("not opened", lambda m, c: not m.opened and c.file1.kind != OPEN, "ERR-34", ONLY_2009),
    Row("open card with a count", lambda _, c: c.file1.kind == OPEN and c.n > 1, "ERR-34", ONLY_2009),
    Row("older than the meter", lambda m, c: _d(m, c) < 0, opens=True, answers=True),
    Row("spent on another card", _spent_elsewhere, "ERR-33", ONLY_2009),
    Row("nothing new", lambda m, c: _d(m, c) == 0, opens=True, applies=True, answers=True),
    Row("return file not empty", lambda m, c: _d(m, c) == 1 and not c.empty, "ERR-34", answers=True),
    Row("too much", lambda m, c: _d(m, c) == 1 and _too_much(m, c), "ERR-36"),
    Row("credit", lambda m, c: _d(m, c) == 1, credits=True, opens=True, applies=True, answers=True),
    Row("count error", lambda m, c: _d(m, c) >= 2, "ERR-34", ONLY_2009, answers=True),
)


class Outcome(msgspec.Struct, frozen=True):
    """What an insertion did."""

    row: str
    error: str  # "" or ERR-31 .. ERR-36
    credited_minor: int
    answered: bool  # the return file was written
    supply: bool  # on


class MeterModel:
    """One meter. With a path its state is on disk before the card is answered, so that a credit survives anything."""

    def __init__(self, state: MeterState, path: Path | None = None, rng: Callable[[int], bytes] = os.urandom) -> None:
        self.state = state
        self.path = path
        self._rng = rng
        self._key = crypto.Key(bytes.fromhex(state.key))

    @staticmethod
    def open(path: Path) -> "MeterModel":
        """The meter in a file; ImageError in one sentence."""
        return MeterModel(meter_state.load(path), path)

    def snapshot(self) -> MeterState:
        """The whole state."""
        return copy.copy(self.state)

    def restore(self, then: MeterState) -> None:
        """Back to a snapshot."""
        self.state = copy.copy(then)

    def display(self) -> dict[str, Any]:
        """What its screen, lamp and relay show."""
        m = self.state
        return {
            "number": m.number,
            "clock": m.clock.isoformat(" ", "minutes"),
            "balance_minor": m.balance_micro // MICRO_PER_MINOR,
            "count": m.count,
            "standing": m.standing,
            "supply": m.closed,
            "off_because": "load" if m.load_trip else m.tripped,
            "buy_lamp": m.standing != "normal",
            "illegal": m.illegal,
        }

    def advance(self, hours: float, load_kw: float = 0.0) -> None:
        """Let simulated time pass under a load, cut to whole seconds and watts; ValueError beyond ten years or a megawatt."""
        if not (0 <= hours <= LONGEST_H and 0 <= load_kw <= LARGEST_KW):
            raise ValueError(f"a meter runs 0 to {LONGEST_H} hours at 0 to {LARGEST_KW} kW")
        meter_run.advance(self.state, round(hours * 3600), round(load_kw * 1000))
        self._save()

    def insert(self, card: Contact, stay_s: float = 15.0) -> Outcome:
        """A card goes in, stays for some seconds and comes out again."""
        m = self.state
        seen = self._look(card, stay_s)
        row = next(r for r in TABLE if r.holds(m, seen))
        if row.counted and m.edition <= row.counted:
            m.illegal += 1
        if row.credits:
            m.balance_micro += seen.amount_minor * MICRO_PER_MINOR
            m.count = seen.n
            m.credits = (*m.credits, (seen.n, seen.amount_minor, seen.file1.reserved.hex()))
        if row.applies and seen.empty:
            self._apply(seen)
        if row.opens and seen.file1.kind != PURCHASE:
            self._bind(seen)
        if not row.error:
            meter_run.settle_relay(m, inserted=True, recharged=row.credits)
        self._save()
        answered = row.answers and self._answer(card)
        error = row.error or ("ERR-35" if row.answers and not answered else "")
        return Outcome(row.name, error, seen.amount_minor if row.credits else 0, answered, m.closed)

    # ------------------------------------------------------------ reading

    def _look(self, card: Contact, stay_s: float) -> Presented:
        m = self.state
        if m.voltage_v * 4 < m.nominal_v * 3:
            return Presented("voltage")
        try:
            card.insert() if isinstance(card, CardModel) else card.reset()
        except CardPulled:
            return Presented("reset")
        if stay_s < (STAY_S if m.opened else STAY_FIRST_S):
            return Presented("contact")
        try:
            return self._read(card)
        except CardPulled:
            return Presented("contact")
        except BadFile:
            return Presented("kind")
        except CardRefused:
            return Presented("proof")

    def _read(self, card: Contact) -> Presented:
        good(card, SELECT_MF)
        serial = good(card, READ_SERIAL)
        good(card, SELECT_DF01)
        challenge = self._rng(8)
        if good(card, INTERNAL + challenge) != self._key.cmac(b"I" + challenge)[:8]:
            raise CardRefused("not this meter's card")
        challenge = good(card, CHALLENGE_8)
        good(card, EXTERNAL + self._key.cmac(b"E" + challenge)[:8])
        file1 = Parameters.decode(_file(card, PARAMETERS))
        money = _file(card, WALLET)
        empty = is_empty(_file(card, RETURNED))
        seen = Presented("", serial.hex(), file1, int.from_bytes(money[:4], "big"), int.from_bytes(money[4:], "big"), empty)
        flags = _flags(file1) if empty else 0
        return seen._replace(
            current=_tariff(card, CURRENT) if flags & (TOU_BIT | TIERS_BIT) else None,
            standby=_tariff(card, STANDBY) if flags & (TOU_STANDBY_BIT | TIERS_STANDBY_BIT) else None,
        )

    # ------------------------------------------------------------ what follows

    def _apply(self, seen: Presented) -> None:
        """The parts that the flags name. A tariff file that is no whole set is left alone: the money still counts."""
        m, flags, one = self.state, _flags(seen.file1), seen.file1
        if flags & ALARMS_BIT:
            m.alarm1_minor, m.alarm2_minor, m.ct, m.pt = one.alarm1_minor, one.alarm2_minor, one.ct, one.pt
        if seen.current and flags & TOU_BIT:
            m.tou = seen.current.tou
        if seen.current and flags & TIERS_BIT:
            m.tiers = _tier_set(seen.current)
        if seen.standby and flags & TOU_STANDBY_BIT:
            m.tou_standby, m.tou_switch = seen.standby.tou, one.tou_switch
        if seen.standby and flags & TIERS_STANDBY_BIT:
            m.tiers_standby, m.tier_switch = _tier_set(seen.standby), seen.standby.tier_switch

    def _bind(self, seen: Presented) -> None:
        m = self.state
        m.bound = seen.serial
        if seen.file1.kind == OPEN:
            m.opened, m.customer, m.user_type = True, seen.file1.customer, seen.file1.user_type

    def return_file(self) -> bytes:
        """What the meter writes back: 49 bytes."""
        m = self.state
        whole_minor = m.balance_micro // MICRO_PER_MINOR
        return Returned(
            meter=m.number,
            customer=m.customer or "0" * 12,
            count=m.count,
            remaining_minor=max(0, whole_minor),
            overdraft_minor=min(MOST_MINOR, max(0, -whole_minor)),
            illegal=min(m.illegal, 999_999),
            time=m.clock.strftime("%y%m%d%H%M"),
            user_type=m.user_type,
            ct=m.ct,
            pt=m.pt,
        ).encode()

    def _answer(self, card: Contact) -> bool:
        try:
            challenge = good(card, CHALLENGE_4)
            data = self.return_file()
            head = bytes([0x04, 0xD6, 0x80 | RETURNED, 0, len(data) + 4])
            good(card, head + data + self._key.cmac(b"M" + challenge + head + data)[:4])
        except (CardPulled, CardRefused):
            return False
        return True

    def _save(self) -> None:
        if self.path:
            image.save(self.path, self.state)


def _file(card: Contact, number: int) -> bytes:
    """A whole file, in readings of at most 250 bytes."""
    size, out = SIZES[number], b""
    while len(out) < size:
        out += good(card, bytes([0x00, 0xB0, 0x80 | number, len(out), min(250, size - len(out))]))
    return out


def _tariff(card: Contact, number: int) -> Tariff | None:
    try:
        return Tariff.decode(_file(card, number))
    except BadFile:
        return None


def _tier_set(t: Tariff) -> TierSet:
    return TierSet(t.limits, t.adders, t.settlements)


def _flags(file1: Parameters) -> int:
    return file1.flags if file1.kind == OPEN else file1.flags & STANDBY_ONLY
