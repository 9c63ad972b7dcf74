"""What the vault allows by itself, whatever the rest of the machine asks: it reads the amount out of each write that it makes a MAC for.

    message = "M" || challenge(4) || 04 D6 8x off Lc || data, Lc = data + 4

A card's value stands in its wallet, and the wallet is written whole or not at all: so the update of the wallet is the one message that
carries the amount, and its purchase count names the slot that the meter credits once. A write that no sale makes (a part of the wallet, a
file of tariffs, another class or addressing) gets no MAC. What was counted for a slot is counted once: a torn write is written again.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Annotated

import msgspec
from msgspec import Meta

from kiosk.vend.ports import VaultError

HEADER = slice(5, 10)
DATA = 10
CLA, INS, SHORT_FILE = 0x04, 0xD6, 0x80
MAC_BYTES = 4
WALLET_BYTES = 8
SLOTS_MAX = 1 << 16  # remembered; an older slot that is written again is counted again, which errs on the safe side

Minor = Annotated[int, Meta(ge=0, le=0xFFFFFFFF)]
Write = tuple[int, int, int]  # file, offset, length


class Layout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The writes that a sale makes on a card, and which of them is the wallet: amount(4) || count(4)."""

    writes: frozenset[Write]
    wallet: Write


LAYOUTS = {"gdw1365": Layout(frozenset({(1, 5, 11), (1, 42, 2), (2, 0, 8), (5, 0, 49), (5, 0, 8)}), (2, 0, 8))}


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The most for one purchase, and for all since the vault was opened: 0 until a float is granted, None where nobody grants any.

    `brought`: the layout itself, of a card profile that an installed package brings; a name in LAYOUTS always means the one there.
    """

    layout: str
    sale_max_minor: Minor
    granted_minor: Annotated[int, Meta(ge=0, lt=1 << 53)] | None = 0
    brought: Layout | None = None


class OverLimit(VaultError):
    """The vault makes no MAC for this."""


class Purse:
    """Counts what MACs were made for."""

    def __init__(self, limits: Limits) -> None:
        layout = LAYOUTS[limits.layout] if limits.brought is None or limits.layout in LAYOUTS else limits.brought
        if layout.wallet not in layout.writes or layout.wallet[2] != WALLET_BYTES:
            raise VaultError("a layout without a wallet")
        self._layout = layout
        self._sale_max_minor = limits.sale_max_minor
        self.granted_minor = limits.granted_minor
        self.spent_minor = 0
        self._slots: OrderedDict[tuple[bytes, int], int] = OrderedDict()
        self._coded: OrderedDict[tuple[bytes, int], int] = OrderedDict()

    def grant(self, amount_minor: int) -> None:
        """So much more may be sold."""
        self.granted_minor = (self.granted_minor or 0) + amount_minor

    def coded(self, serial: bytes, n: int, amount_minor: int) -> None:
        """A transfer code that was right: just its amount, in just its slot, is not this machine's to sell and is not counted."""
        self._coded[serial, n] = amount_minor
        if len(self._coded) > SLOTS_MAX:
            self._coded.popitem(last=False)

    def spend(self, serial: bytes, message: bytes) -> None:
        """Count what this message puts on a card; to be called before its MAC is made. Raises OverLimit."""
        write = self._write(message)
        if write not in self._layout.writes:
            raise OverLimit("a write that no sale makes")
        if write != self._layout.wallet:
            return
        data = message[DATA:]
        amount_minor, slot = int.from_bytes(data[:4]), (serial, int.from_bytes(data[4:]))
        if amount_minor > self._sale_max_minor:
            raise OverLimit("an amount above the limit of one sale")
        if self._coded.get(slot) == amount_minor:
            return
        more_minor = max(0, amount_minor - self._slots.get(slot, 0))
        if self.granted_minor is not None and self.spent_minor + more_minor > self.granted_minor:
            raise OverLimit("an amount beyond what was granted")
        self.spent_minor += more_minor
        self._slots[slot] = max(amount_minor, self._slots.get(slot, 0))
        self._slots.move_to_end(slot)
        if len(self._slots) > SLOTS_MAX:
            self._slots.popitem(last=False)

    @staticmethod
    def _write(message: bytes) -> Write | None:
        """Where an UPDATE BINARY with MAC writes and how much; None for anything else."""
        if len(message) < DATA or message[:1] != b"M":
            return None
        cla, ins, p1, p2, lc = message[HEADER]
        length = len(message) - DATA
        if (cla, ins) != (CLA, INS) or p1 & 0xE0 != SHORT_FILE or lc != length + MAC_BYTES:
            return None
        return p1 & 0x1F, p2, length


DAY_S, WRONG_A_DAY, SLOWER_S = 86_400.0, 20, 600.0


class Tries:
    """Wrong transfer codes: twenty a day, then one in ten minutes. Slower, never closed: nobody can shut a machine by typing.

    `clock`: running seconds. The desk counts by card and business day; this counts whatever the desk has become.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._wrong: list[float] = []  # of the last day, the newest last

    def allowed(self) -> None:
        """May one more be tried now? Raises OverLimit."""
        now = self._clock()
        self._wrong = [at for at in self._wrong if now - at < DAY_S]
        if len(self._wrong) >= WRONG_A_DAY and now - self._wrong[-1] < SLOWER_S:
            raise OverLimit("too many wrong transfer codes; one in ten minutes")

    def wrong(self) -> None:
        """One that was wrong."""
        self._wrong.append(self._clock())
