"""How the virtual meter touches a card: in its own hand, or in a real PC/SC reader. The same commands over both."""

import time
from typing import Any, Protocol

from kiosk.devices.sim.faults import CardPulled


class Contact(Protocol):
    """The contacts of a card: T=0, so an answer to data waits behind 61xx."""

    def reset(self) -> bytes:
        """Reset; the ATR. CardPulled when there is no card."""

    def process(self, apdu: bytes) -> bytes:
        """One command, one answer with SW1 SW2. CardPulled when the card goes."""


def exchange(card: Contact, apdu: bytes) -> tuple[bytes, int]:
    """One command to its end: GET RESPONSE where the card asks for it. Data and status word; CardPulled on an answer that is none."""
    answer = card.process(apdu)
    if len(answer) == 2 and answer[0] == 0x61:
        answer = card.process(b"\x00\xc0\x00\x00" + answer[1:])
    if len(answer) < 2:
        raise CardPulled("the card gave no answer")
    return answer[:-2], int.from_bytes(answer[-2:], "big")


class CardRefused(Exception):
    """A status word that is not 9000, or a proof that does not hold."""


def good(card: Contact, apdu: bytes) -> bytes:
    """The data of a command that must succeed; CardRefused when it does not."""
    data, status = exchange(card, apdu)
    if status != 0x9000:
        raise CardRefused(f"status {status:04x}")
    return data


class PcscContact:
    """A card in the PC/SC reader whose name contains `reader`; waits at most `wait_s` for it."""

    def __init__(self, reader: str, wait_s: float = 5.0) -> None:
        from smartcard import scard  # noqa: PLC0415 - an optional part, and only this class needs it

        self._s: Any = scard
        self._context = self._ok(*scard.SCardEstablishContext(scard.SCARD_SCOPE_USER))
        names = [n for n in self._ok(*scard.SCardListReaders(self._context, [])) if reader in n]
        if not names:
            raise CardPulled(f"no reader is called {reader}")
        until = time.monotonic() + wait_s
        while True:
            code, handle, protocol = scard.SCardConnect(self._context, names[0], scard.SCARD_SHARE_SHARED, scard.SCARD_PROTOCOL_T0)
            if code == scard.SCARD_S_SUCCESS:
                break
            if time.monotonic() > until:
                raise CardPulled(f"no card in {names[0]}: {scard.SCardGetErrorMessage(code)}")
            time.sleep(0.05)
        self._handle, self._protocol = handle, protocol

    def reset(self) -> bytes:
        """Warm reset through the reader."""
        s = self._s
        code, self._protocol = s.SCardReconnect(self._handle, s.SCARD_SHARE_SHARED, s.SCARD_PROTOCOL_T0, s.SCARD_RESET_CARD)
        self._ok(code)
        code, _, _, _, atr = s.SCardStatus(self._handle)
        self._ok(code)
        return bytes(atr)

    def process(self, apdu: bytes) -> bytes:
        """SCardTransmit."""
        return bytes(self._ok(*self._s.SCardTransmit(self._handle, self._protocol, list(apdu))))

    def close(self) -> None:
        """Leave the card as it is."""
        self._s.SCardDisconnect(self._handle, self._s.SCARD_LEAVE_CARD)
        self._s.SCardReleaseContext(self._context)

    def _ok(self, code: int, value: Any = None) -> Any:
        if code != self._s.SCARD_S_SUCCESS:
            raise CardPulled(self._s.SCardGetErrorMessage(code))
        return value
