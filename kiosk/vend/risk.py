"""The rules that keep a machine honest while nobody can reach it, each by its number in docs/failures.md "Offline rules".

ok: nothing to say. warn: staff are told. low: less may be sold. stop: no new money; an open sale is still finished and its money still
put on its card. Rules that bind one sale or one card stand with what they bind: 13, 16, 19, 20, 21 and 23 in the sale, 14, 15, 26 and 27 at
the head office, 22 in what the kiosk cannot do, 25 in `reconcile`.
"""

from collections.abc import Iterator, Mapping

import msgspec

from kiosk.vend import pricelist
from kiosk.vend.clock import SLEW_MS, STEP_MS
from kiosk.vend.limits import Allowed, in_force, lowered
from kiosk.vend.passing import RulesLooked
from kiosk.vend.rules import Now, Rules
from kiosk.vend.state import CardMemory, State
from kiosk.vend.zones import date_of

HOUR_MS = 3_600_000
LOOK_MS = 60_000
KEYS_WARN_H = 14 * 24
TARIFF_WARN_H = 7 * 24
GRANT_WARN_H = 48
CARDS_AHEAD = 3
DISK_RESERVE = 200 * 1024 * 1024
DISK_PCT, DISK_WARN_PCT = 5, 10
LEVELS = ("ok", "warn", "low", "stop")


class RuleStanding(msgspec.Struct, frozen=True):
    """Where one rule stands, and where it stops. `value` and `limit` in `unit`: minor | hours | sales | cards | ms | mib | rows | 1."""

    number: int
    name: str
    level: str
    value: int
    limit: int
    unit: str


class Default(msgspec.Struct, frozen=True):
    """What a rule holds as long as nothing else is signed, as the table in docs/failures.md says it."""

    number: int
    text: str


def defaults() -> tuple[Default, ...]:
    """By number, in words; from the very values that are ruled by."""
    a = Allowed()
    return (
        Default(1, f"warn below {_spaced(a.float_warn_minor // 100)}"),
        Default(4, f"{a.day_max_sales} sales and {_spaced(a.day_max_minor // 100)} a day, {a.sale_max_minor // 100} a sale"),
        Default(5, f"{a.card_warn_sales} / {a.card_max_sales} sales"),
        Default(6, f"{a.offline_warn_h} / {a.offline_low_h} / {a.offline_stop_h} h"),
        Default(7, f"{a.hotlist_warn_h} / {a.hotlist_stop_h} h"),
        Default(9, f"warn {TARIFF_WARN_H // 24} days before"),
        Default(10, f"warn {KEYS_WARN_H // 24} days before"),
        Default(12, f"{STEP_MS // 60_000} min; {CARDS_AHEAD} cards"),
        Default(18, f"{DISK_WARN_PCT} % / max({DISK_PCT} %, {DISK_RESERVE >> 20} MiB); {_spaced(a.unacked_max)} rows"),
    )


def _spaced(number: int) -> str:
    return f"{number:,}".replace(",", " ")


# ---------------------------------------------------------------- what is ruled by


def office(rules: Rules, state: State) -> bool:
    """Is there a head office whose word is needed? Where there is none yet, what only it can say is not asked for."""
    return rules.office or state.trust.office


def signed(rules: Rules, state: State) -> Allowed:
    """The limits in force: the head office's where it has sent some, never above what this machine's own file says."""
    return in_force(rules.allowed, state.trust.limits.values if state.trust.limits else {}, rules.lowers)


def allowed(rules: Rules, state: State, now: Now) -> Allowed:
    """The same as they are now: lower where the head office has been silent for long."""
    limits = signed(rules, state)
    return lowered(limits) if _offline(rules, state, limits, now).level in ("low", "stop") else limits


def float_minor(rules: Rules, state: State, now: Now) -> int | None:
    """What may still be sold; None where nobody grants any."""
    return max(state.float_held.left_minor(now.at_ms), 0) if state.float_held.grants or rules.office else None


def code_float_minor(rules: Rules, state: State, now: Now) -> int | None:
    """What codes that no list has may still be worth; None where nobody grants any."""
    held = state.codes.float_held
    return max(held.left_minor(now.at_ms), 0) if held.grants or rules.office else None


def since_heard(state: State, card: str) -> int:
    """Sales to that card since the head office was last heard."""
    memory = state.cards.get(card, CardMemory())
    return memory.run if memory.heard_ms == state.trust.heard_ms else 0


def day(rules: Rules, state: State, now: Now) -> str:
    """The date by which limits of a day count: by the clock of the first sale of this store, whatever `zone` says now."""
    return date_of(state.day_zone or rules.zone, now.at_ms)


# ---------------------------------------------------------------- where each stands


def standing(rules: Rules, state: State, now: Now) -> tuple[RuleStanding, ...]:
    """All rules that can stand somewhere, by number."""
    limits = signed(rules, state)
    found = (
        *_money(rules, state, limits, now),
        *_cards(state, limits),
        _offline(rules, state, limits, now),
        *_lists(rules, state, limits, now),
        *_keys(state, now),
        *_clock(state, now),
        *_history(rules, state),
        *_disk(rules, state, limits),
        *_till(state),
        _stopped(rules, state, limits),
    )
    return tuple(sorted(found, key=lambda one: one.number))


OF_CASH = ("float", "grant")  # rules that a transfer code does not stand under: its money is the office's already


def stopped(rules: Rules, state: State, now: Now, but: tuple[str, ...] = ()) -> str:
    """Why no new money may come in: the name of the first rule that says so, or ""; `but`: rules that are not asked."""
    return _first(standing(rules, state, now), but)


def _first(found: tuple[RuleStanding, ...], but: tuple[str, ...] = ()) -> str:
    stops = [one for one in found if one.level == "stop" and one.name not in but]
    return min(stops, key=_weight).name if stops else ""


def worst(found: tuple[RuleStanding, ...]) -> str:
    """The worst level of all."""
    return max((one.level for one in found), key=LEVELS.index, default="ok")


def looked(rules: Rules, state: State, now: Now) -> tuple[RulesLooked, ...]:
    """What follows for the machine, where it is due or something else than what it knows."""
    found = standing(rules, state, now)
    stops = _first(found), _first(found, OF_CASH)
    due = now.mono_ms >= state.here.look_ms
    changed = stops != (state.here.stop, state.here.code_stop)
    return (RulesLooked(stops[0], now.mono_ms + LOOK_MS, stops[1]),) if due or changed else ()


def _weight(one: RuleStanding) -> tuple[bool, int]:
    """A restored store first: what is said of it is about money that is in here already."""
    return one.number != 2, one.number


def _level(value: int, steps: Mapping[str, int]) -> str:
    """The last level whose step `value` has reached; steps in rising order."""
    return next((level for level in reversed(LEVELS) if level in steps and value >= steps[level]), "ok")


def _money(rules: Rules, state: State, limits: Allowed, now: Now) -> Iterator[RuleStanding]:
    left = float_minor(rules, state, now)
    if left is not None:
        level = "stop" if left < limits.smallest else "warn" if left < limits.float_warn_minor else "ok"
        yield RuleStanding(1, "float", level, left, limits.smallest, "minor")
        until_ms = max((one.until_ms for one in state.float_held.grants), default=0)
        yield _ends(3, "grant", until_ms, GRANT_WARN_H, now)
    restored = state.witness.restored
    ahead = restored.there - restored.here if restored else 0
    yield RuleStanding(2, "restored", "stop" if restored else "ok", ahead, 1, "1")


def _cards(state: State, limits: Allowed) -> Iterator[RuleStanding]:
    """The card in the slot: its own rules refuse it, not the machine."""
    reading = state.here.reading
    sales = since_heard(state, reading.serial) if reading else 0
    yield RuleStanding(5, "card_sales", _level(sales, {"warn": limits.card_warn_sales}), sales, limits.card_max_sales, "sales")
    yield RuleStanding(8, "hotlisted", "ok", state.trust.hotlist.cards if state.trust.hotlist else 0, 0, "cards")


def _offline(rules: Rules, state: State, limits: Allowed, now: Now) -> RuleStanding:
    heard = office(rules, state)
    hours = max(now.at_ms - state.trust.heard_ms, 0) // HOUR_MS if heard else 0
    steps = {"warn": limits.offline_warn_h, "low": limits.offline_low_h, "stop": limits.offline_stop_h}
    return RuleStanding(6, "offline", _level(hours, steps) if heard else "ok", hours, limits.offline_stop_h, "hours")


def _lists(rules: Rules, state: State, limits: Allowed, now: Now) -> Iterator[RuleStanding]:
    hotlist = state.trust.hotlist
    if hotlist or rules.office:
        hours = max(now.at_ms - (hotlist.at_ms if hotlist else 0), 0) // HOUR_MS
        steps = {"warn": limits.hotlist_warn_h, "stop": limits.hotlist_stop_h}
        yield RuleStanding(7, "hotlist", _level(hours, steps), hours, limits.hotlist_stop_h, "hours")
    tariff = pricelist.in_force(rules.tariff, state.trust.tariff, now.at_ms)
    if tariff.until_ms:
        yield _ends(9, "tariff", tariff.until_ms, TARIFF_WARN_H, now)


def _ends(number: int, name: str, until_ms: int, warn_h: int, now: Now) -> RuleStanding:
    """Something that is worth nothing from `until_ms` on; the value is the hours that are left."""
    hours = max(until_ms - now.at_ms, 0) // HOUR_MS
    level = "stop" if now.at_ms >= until_ms else "warn" if hours < warn_h else "ok"
    return RuleStanding(number, name, level, hours, 0, "hours")


def _keys(state: State, now: Now) -> Iterator[RuleStanding]:
    trust, opened = state.trust, state.trust.opened
    if opened and opened.until_ms:
        yield _ends(10, "keys", opened.until_ms, KEYS_WARN_H, now)
    if opened and opened.generations:
        generation = trust.generation(now.at_ms)
        yield RuleStanding(10, "generation", "ok" if generation else "stop", generation or 0, 1, "1")
    yield RuleStanding(11, "locked", "ok" if trust.trades else "stop", 0 if trust.trades else 1, 1, "1")


def _clock(state: State, now: Now) -> Iterator[RuleStanding]:
    clock = state.clock
    behind, stepped, ahead = clock.behind_ms(now.at_ms), abs(clock.stepped_ms), len(clock.ahead)
    yield RuleStanding(12, "clock_floor", "stop" if behind > SLEW_MS else "ok", behind, SLEW_MS, "ms")
    yield RuleStanding(12, "clock_step", "stop" if stepped > STEP_MS else "ok", stepped, STEP_MS, "ms")
    yield RuleStanding(12, "clock_cards", _level(ahead, {"warn": 1, "stop": CARDS_AHEAD}), ahead, CARDS_AHEAD, "cards")


def _disk(rules: Rules, state: State, limits: Allowed) -> Iterator[RuleStanding]:
    disk = state.here.disk
    if disk is not None:
        least = max(disk.total * DISK_PCT // 100, DISK_RESERVE)
        level = "stop" if disk.free < least else "warn" if disk.free < disk.total * DISK_WARN_PCT // 100 else "ok"
        yield RuleStanding(18, "disk", level, disk.free >> 20, least >> 20, "mib")
    if office(rules, state):
        steps = {"warn": limits.unacked_max * 9 // 10, "stop": limits.unacked_max}
        yield RuleStanding(18, "unacked", _level(state.sent.unsent_rows, steps), state.sent.unsent_rows, limits.unacked_max, "rows")


def _history(rules: Rules, state: State) -> Iterator[RuleStanding]:
    """The head office acknowledged what this journal does not say: two machines may live one store's life, and it has to look."""
    if office(rules, state):
        disputed = state.sent.disputed
        yield RuleStanding(17, "history", "warn" if disputed else "ok", disputed.batch if disputed else 0, 0, "1")


def _till(state: State) -> Iterator[RuleStanding]:
    """Pieces that no sale explains, or that may be in the box or not, until it is counted."""
    odd = sum(one.pieces for one in state.orphans) + len(state.disputed)
    yield RuleStanding(24, "cash_box", "warn" if odd else "ok", odd, 0, "1")


def _stopped(rules: Rules, state: State, limits: Allowed) -> RuleStanding:
    revoked = bool(state.trust.keys and rules.kiosk in state.trust.keys.revoked_kiosks)
    return RuleStanding(28, "stopped", "stop" if limits.stop or revoked else "ok", 1 if limits.stop or revoked else 0, 1, "1")
