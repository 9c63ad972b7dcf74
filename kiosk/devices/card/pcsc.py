"""A reader behind the PC/SC service, through `smartcard.scard` alone.

pyscard's own monitors end for ever when pcscd does, and print into the screen as they go; here the watching thread keeps one context and
makes a new one, with a growing pause, whenever the service was away. Each connection has a context of its own: two threads never share one.
The answers are those of pcsc-lite's winscard.h; `SCARD_LEAVE_CARD` always, because a reset at disconnecting can lose a card that came back
within one poll.
"""

import contextlib
import fnmatch
import time
from pathlib import Path
from typing import Any

from kiosk.devices.card.apdu import (
    AccessDenied,
    CardError,
    CardGone,
    CardMute,
    CardReset,
    CardTorn,
    CardUnknown,
    ReaderBusy,
    ReaderError,
    ReaderGone,
    ServiceGone,
)
from kiosk.devices.card.reader import Slot, State

NEW_READERS = "\\\\?PnP?\\Notification"  # the pseudo-reader that changes when readers come and go
COUNTER_SHIFT = 16  # the event counter is the high word of a reader's state
BACKOFF_FIRST_S, BACKOFF_LAST_S = 0.1, 2.0
BUSY_S, BUSY_STEP_S = 3.0, 0.1  # how long another program may hold the card, and how often to ask
KNOWN_OFFENDERS = ("scdaemon", "gpg-agent", "opensc-tool", "pcsc_scan", "pkcs11-tool")

ERRORS: dict[int, type[CardError]] = {
    0x8010001D: ServiceGone,  # SCARD_E_NO_SERVICE
    0x8010001E: ServiceGone,  # SCARD_E_SERVICE_STOPPED
    0x80100013: ServiceGone,  # SCARD_F_COMM_ERROR: the service died under us
    0x80100003: ServiceGone,  # SCARD_E_INVALID_HANDLE: a handle of its former life
    0x80100002: ServiceGone,  # SCARD_E_CANCELLED
    0x80100009: ReaderGone,  # SCARD_E_UNKNOWN_READER
    0x80100017: ReaderGone,  # SCARD_E_READER_UNAVAILABLE
    0x8010002E: ReaderGone,  # SCARD_E_NO_READERS_AVAILABLE
    0x8010006A: AccessDenied,  # SCARD_W_SECURITY_VIOLATION: polkit
    0x80100027: AccessDenied,  # SCARD_E_NO_ACCESS
    0x8010000B: ReaderBusy,  # SCARD_E_SHARING_VIOLATION
    0x8010000C: CardGone,  # SCARD_E_NO_SMARTCARD
    0x80100069: CardGone,  # SCARD_W_REMOVED_CARD
    0x80100068: CardReset,  # SCARD_W_RESET_CARD
    0x80100066: CardMute,  # SCARD_W_UNRESPONSIVE_CARD
    0x80100067: CardMute,  # SCARD_W_UNPOWERED_CARD
    0x80100065: CardUnknown,  # SCARD_W_UNSUPPORTED_CARD
    0x8010000F: CardUnknown,  # SCARD_E_PROTO_MISMATCH
    0x80100016: CardTorn,  # SCARD_E_NOT_TRANSACTED
}
TIMEOUT = 0x8010000A


def failure(code: int) -> CardError:
    """The error that a PC/SC return code stands for."""
    code &= 0xFFFFFFFF
    return ERRORS.get(code, ReaderError)(f"PC/SC {code:08X}")


def scard() -> Any:
    """The raw binding, or ReaderError: a kiosk without pyscard still starts, and says what is missing."""
    try:
        from smartcard import scard as binding  # noqa: PLC0415 - heavy and optional
    except ImportError:
        raise ReaderError("pyscard is not installed") from None
    return binding


def established() -> Any:
    """A new context. Raises ServiceGone or AccessDenied."""
    binding = scard()
    code, context = binding.SCardEstablishContext(binding.SCARD_SCOPE_USER)
    if code != 0:
        raise failure(code)
    return context


def reader_names(context: Any) -> list[str]:
    """All readers, none when there are none."""
    code, names = scard().SCardListReaders(context, [])
    if code != 0:
        error = failure(code)
        if isinstance(error, ReaderGone):
            return []
        raise error
    return list(names)


def fits(name: str, pattern: str) -> bool:
    """Reader names change with the port ("... 01 00"): a part of the name or a shell pattern, upper and lower case alike."""
    return fnmatch.fnmatchcase(name.lower(), f"*{pattern.lower()}*")


def offender() -> str:
    """The program that probably holds the card, or ""."""
    for process in Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):
            name = process.read_text().strip()
            if name in KNOWN_OFFENDERS:
                return name
    return ""


class PcscReader:
    """The first reader whose name fits `pattern`. Implements `Reader`."""

    def __init__(self, pattern: str = "", *, exclusive: bool = True, busy_s: float = BUSY_S) -> None:
        self._pattern = pattern
        self._exclusive = exclusive
        self._busy_s = busy_s
        self._context: Any = None
        self._name = ""
        self._last: Slot | None = None
        self._raw = 0  # the state that the service told last, without the CHANGED bit; 0 is UNAWARE: tell at once
        self._backoff_s = BACKOFF_FIRST_S

    def watch(self, before: Slot | None, timeout_s: float) -> Slot:
        """See `Reader`. While the service is away each call tries a new context, after a pause that grows to two seconds."""
        try:
            if self._context is None:
                if before is not None and before.state is State.DOWN:
                    time.sleep(min(self._backoff_s, timeout_s))
                    self._backoff_s = min(self._backoff_s * 2, BACKOFF_LAST_S)
                self._context = established()
            slot = self._look(before, timeout_s)
        except CardError as error:
            self.close()
            return Slot(State.DOWN, why=error.why)
        self._backoff_s, self._last = BACKOFF_FIRST_S, slot
        return slot

    def open(self, slot: Slot) -> "PcscConnection":
        """See `Reader`. Another program's hold is waited for a few seconds."""
        binding, context = scard(), established()
        try:
            share = binding.SCARD_SHARE_EXCLUSIVE if self._exclusive else binding.SCARD_SHARE_SHARED
            deadline = time.monotonic() + self._busy_s
            while True:
                code, card, protocol = binding.SCardConnect(
                    context, slot.name, share, binding.SCARD_PROTOCOL_T0 | binding.SCARD_PROTOCOL_T1
                )
                error = failure(code) if code != 0 else None
                if not isinstance(error, ReaderBusy) or time.monotonic() > deadline:
                    break
                time.sleep(BUSY_STEP_S)
            if isinstance(error, ReaderBusy):
                raise ReaderBusy(f"another program holds the card: {offender() or 'unknown'}")
            if error:
                raise error
        except BaseException:
            binding.SCardReleaseContext(context)
            raise
        connection = PcscConnection(context, card, protocol, share, slot)
        try:
            connection.check()  # the look may be older than the card
        except CardError:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        """See `Reader`."""
        if self._context is not None:
            scard().SCardReleaseContext(self._context)
        self._context, self._name, self._raw = None, "", 0

    def _look(self, before: Slot | None, timeout_s: float) -> Slot:
        if not self._name and not self._find(timeout_s if before is not None and before.why == ReaderGone.why else 0):
            return Slot(State.DOWN, why=ReaderGone.why)
        if before is None or not before.same(self._last):
            self._raw = 0
        deadline = time.monotonic() + timeout_s
        while True:
            left_ms = max(0, int((deadline - time.monotonic()) * 1000))
            code, states = scard().SCardGetStatusChange(self._context, left_ms, [(self._name, self._raw)])
            if code & 0xFFFFFFFF == TIMEOUT and before is not None:
                return before
            if code != 0:
                raise failure(code)
            _, raw, atr = states[0]
            if raw & (scard().SCARD_STATE_UNKNOWN | scard().SCARD_STATE_UNAVAILABLE | scard().SCARD_STATE_IGNORE):
                raise ReaderGone
            self._raw = raw & ~scard().SCARD_STATE_CHANGED  # left in, it makes every wait return at once
            slot = slot_of(self._name, raw, bytes(atr))
            if not slot.same(before) or left_ms == 0:
                return slot

    def _find(self, timeout_s: float) -> bool:
        """Look for a reader that fits; if there is none, wait until readers change."""
        for wait_s in (timeout_s, 0.0):
            names = [name for name in reader_names(self._context) if fits(name, self._pattern)]
            if names:
                self._name, self._raw = min(names), 0
                return True
            if wait_s:
                code, _ = scard().SCardGetStatusChange(self._context, int(wait_s * 1000), [(NEW_READERS, 0)])
                if code != 0 and code & 0xFFFFFFFF != TIMEOUT:
                    raise failure(code)
        return False


def slot_of(name: str, raw: int, atr: bytes) -> Slot:
    """A reader's state word, read."""
    binding = scard()
    counter = (raw >> COUNTER_SHIFT) & 0xFFFF
    if raw & binding.SCARD_STATE_MUTE:
        return Slot(State.MUTE, counter, name)
    if raw & binding.SCARD_STATE_PRESENT:
        return Slot(State.PRESENT, counter, name, atr=atr)
    return Slot(State.EMPTY, counter, name)


class PcscConnection:
    """One presentation over one context. Implements `Connection`."""

    def __init__(self, context: Any, card: Any, protocol: int, share: int, slot: Slot) -> None:
        self._context = context
        self._card = card
        self._share = share
        self._slot = slot
        self._active = protocol

    @property
    def protocol(self) -> int:
        """0 or 1: what the service and the card agreed on."""
        return 0 if self._active == scard().SCARD_PROTOCOL_T0 else 1

    def transmit(self, apdu: bytes) -> bytes:
        """See `Connection`. A card torn out in the middle comes back as success with nothing in it, or with a code."""
        binding = scard()
        header = binding.SCARD_PCI_T0 if self.protocol == 0 else binding.SCARD_PCI_T1
        code, answer = binding.SCardTransmit(self._card, header, list(apdu))
        if code != 0:
            error = failure(code)
            raise error if not isinstance(error, CardGone | CardMute) else CardTorn(str(error))
        return bytes(answer)

    def reset(self) -> None:
        """See `Connection`."""
        binding = scard()
        protocols = binding.SCARD_PROTOCOL_T0 | binding.SCARD_PROTOCOL_T1
        code, self._active = binding.SCardReconnect(self._card, self._share, protocols, binding.SCARD_RESET_CARD)
        if code != 0:
            raise failure(code)
        self.check()

    def check(self) -> None:
        """See `Connection`: the service's event counter still stands where it stood when the card was seen."""
        code, states = scard().SCardGetStatusChange(self._context, 0, [(self._slot.name, 0)])
        if code != 0:
            raise failure(code)
        name, raw, atr = states[0]
        if not slot_of(name, raw, bytes(atr)).same(self._slot):
            raise CardGone("a card has moved in the slot")

    def close(self) -> None:
        """See `Connection`."""
        binding = scard()
        binding.SCardDisconnect(self._card, binding.SCARD_LEAVE_CARD)
        binding.SCardReleaseContext(self._context)
