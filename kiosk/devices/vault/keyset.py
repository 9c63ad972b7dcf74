"""Key sets: which masters a utility has, from when until when, and the masters that a region works with.

Six masters a set, one for each role, made at random and never given out. A region works with masters of its own, derived from them:

    CMAC(master of role, 01 || utility(4) || region(4) || version(2) || role(1) || generation(2) || "KIOSKWRK")

16 bytes, always two blocks. So a kiosk that holds two generations of region 7 can make neither the third nor anything of region 8, and
nothing of one utility, region, version, role or generation is worth anything in another.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from kiosk.devices.vault.suite import NoSuchKey, Role, cmac
from kiosk.vend.ports import VaultError

WORKING = b"KIOSKWRK"
KEY_BYTES = 32  # of a utility's own master: AES-256
CHECK_BYTES = 3
SETS_MAX, GENERATIONS_MAX = 16, 256
GENERATIONS_ON_CARD = 3
DAY_MS = 86_400_000

Uint16 = Annotated[int, Meta(ge=1, le=0xFFFF)]
Moment = Annotated[int, Meta(ge=0, lt=1 << 53)]  # ms UTC


class Generation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One generation of the KIOSK key: kiosks write with it from `not_before_ms` until `until_ms`."""

    number: Uint16
    not_before_ms: Moment
    until_ms: Moment


class KeySet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may be known of a set: never a key. `check_values`: role -> 6 hex digits (see `check_value`)."""

    version: Uint16
    suite: Literal["aes128", "sm4"]
    not_before_ms: Moment
    issued_until_ms: Moment  # no card is personalised under it from then on
    until_ms: Moment  # and no card of it is accepted from then on
    generations: Annotated[tuple[Generation, ...], Meta(min_length=GENERATIONS_ON_CARD, max_length=GENERATIONS_MAX)]
    check_values: dict[str, str]

    def generation(self, number: int) -> Generation:
        """Raises NoSuchKey."""
        for each in self.generations:
            if each.number == number:
                return each
        raise NoSuchKey(f"key set {self.version} has no generation {number}")

    def current(self, now_ms: int) -> Generation:
        """The newest generation that has begun and not ended. Raises NoSuchKey when none is."""
        for each in reversed(self.generations):
            if each.not_before_ms <= now_ms < each.until_ms:
                return each
        raise NoSuchKey(f"no kiosk-key generation of key set {self.version} is valid now")


class VaultRefusal(VaultError):
    """A vault cannot be made, opened or used so; the text is one sentence for whoever keeps it."""


class VaultMissing(VaultRefusal):
    """There is none: no file, no module, no token."""


class VaultDamaged(VaultRefusal):
    """It is not as it was written."""


def find(sets: tuple[KeySet, ...], version: int) -> KeySet:
    """Raises NoSuchKey."""
    for each in sets:
        if each.version == version:
            return each
    raise NoSuchKey(f"there is no key set {version}")


def issuing(sets: tuple[KeySet, ...], now_ms: int) -> KeySet:
    """The newest set under which cards may be personalised now. Raises NoSuchKey."""
    for each in reversed(sets):
        if each.not_before_ms <= now_ms < each.issued_until_ms:
            return each
    raise NoSuchKey("no key set may issue cards now")


def accepted(sets: tuple[KeySet, ...], now_ms: int) -> tuple[KeySet, ...]:
    """The sets whose cards are served now, newest first."""
    return tuple(each for each in reversed(sets) if each.not_before_ms <= now_ms < each.until_ms)


def first_set(suite: Literal["aes128", "sm4"], now_ms: int, days: int, generation_days: int) -> KeySet:
    """A set that begins now, issues cards for `days` and serves them twice as long; its check values are yet to be filled in."""
    return KeySet(
        version=1,
        suite=suite,
        not_before_ms=now_ms,
        issued_until_ms=now_ms + days * DAY_MS,
        until_ms=now_ms + 2 * days * DAY_MS,
        generations=tuple(_generation(number, now_ms, generation_days) for number in range(1, GENERATIONS_ON_CARD + 1)),
        check_values={},
    )


def next_set(sets: tuple[KeySet, ...], now_ms: int, days: int) -> tuple[KeySet, ...]:
    """All sets and a new one of the same suite and generations; the newest so far issues no card from now on. Raises VaultRefusal."""
    newest = sets[-1]
    if len(sets) >= SETS_MAX or newest.version >= 0xFFFF:
        raise VaultRefusal(f"A vault holds {SETS_MAX} key sets and this one is full; make a new vault.")
    span_ms = days * DAY_MS
    fresh = msgspec.structs.replace(
        newest, version=newest.version + 1, not_before_ms=now_ms, issued_until_ms=now_ms + span_ms, until_ms=now_ms + 2 * span_ms
    )
    ended = msgspec.structs.replace(newest, issued_until_ms=min(newest.issued_until_ms, max(now_ms, newest.not_before_ms)))
    return (*sets[:-1], ended, fresh)


def next_generation(sets: tuple[KeySet, ...], generation_days: int) -> tuple[KeySet, ...]:
    """All sets, each with one more kiosk-key generation: a generation's number and time are the same in every set, its master is not."""
    last = sets[-1].generations[-1]
    if len(sets[-1].generations) >= GENERATIONS_MAX:
        raise VaultRefusal(f"A vault has {GENERATIONS_MAX} kiosk-key generations and this one is full; make a new vault.")
    span_ms = generation_days * DAY_MS
    begins_ms = last.not_before_ms + span_ms
    added = Generation(last.number + 1, begins_ms, begins_ms + 2 * span_ms)
    return tuple(msgspec.structs.replace(each, generations=(*each.generations, added)) for each in sets)


def _generation(number: int, from_ms: int, days: int) -> Generation:
    """Each begins when the one before it is half over, so that a kiosk may be one generation late."""
    begins_ms = from_ms + (number - 1) * days * DAY_MS
    return Generation(number, begins_ms, begins_ms + 2 * days * DAY_MS)


def working_data(utility: int, region: int, version: int, role: Role, generation: int) -> bytes:
    """22 bytes: what a region's working master is derived from."""
    return b"\x01" + utility.to_bytes(4) + region.to_bytes(4) + version.to_bytes(2) + bytes((role,)) + generation.to_bytes(2) + WORKING


def check_value(mac_of_zeros: bytes) -> str:
    """6 hex digits: the CMAC of sixteen zero bytes, cut (ANSI X9.24-1). Two people compare it aloud; no derivation begins with 00."""
    return mac_of_zeros[:CHECK_BYTES].hex()


def check_value_of(key: bytes) -> str:
    """The check value of a key that is at hand."""
    return check_value(cmac(key, bytes(16)))
