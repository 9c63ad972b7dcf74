"""Commands and answers of ISO/IEC 7816-4, over whatever carries bytes to a card.

CardError            what stopped it; `why` is one word for the desk
  CardGone           gone      no card, or no longer the one that was there
  CardTorn           torn      no whole answer: the command may or may not have been done
    CardReset        torn      another program reset the card between two commands
  CardMute           mute      no answer to reset
  CardUnknown        unknown   an answer to reset that this reader or protocol cannot work with
  CardForeign        foreign   a card of another kind
  CardUnissued       unissued  a card of this kind that was never personalised
  ApduError          refused:6988
  ReaderError
    ServiceGone      service   pcscd is not there, or was started anew
    ReaderGone       reader    no reader whose name fits
    AccessDenied     access    the system does not let this user work with cards
    ReaderBusy       busy      another program holds the card
"""

from dataclasses import dataclass
from typing import Protocol

CLA_PLAIN = 0x00
CLA_MAC = 0x04  # secure messaging, header not authenticated by the class itself
INS_EXTERNAL_AUTHENTICATE = 0x82
INS_GET_CHALLENGE = 0x84
INS_SELECT = 0xA4
INS_READ_BINARY = 0xB0
INS_GET_RESPONSE = 0xC0
INS_UPDATE_BINARY = 0xD6
INS_GET_DATA = 0xCA

SW_OK = 0x9000
SW_AUTHENTICATION_BLOCKED = 0x6983
SW_NOT_FOUND = 0x6A88  # no such key, no such data
SW_SM_OBJECTS_MISSING = 0x6987
SW_SM_OBJECTS_INCORRECT = 0x6988
SW_WRONG_PARAMETERS = 0x6B00  # on file 1: the card was never issued

ANSWER_PIECES_MAX = 16  # a card that says 61xx for ever is not waited for


class CardError(Exception):
    """Something stopped the work on a card."""

    why: str = "torn"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or self.why)


class CardGone(CardError):
    """There is no card, or another one than before."""

    why = "gone"


class CardTorn(CardError):
    """No whole answer came back: the command may or may not have been done."""

    why = "torn"


class CardReset(CardTorn):
    """Another program reset the card: selection and authentication are lost."""


class CardMute(CardError):
    """The card does not answer to reset."""

    why = "mute"


class CardUnknown(CardError):
    """The answer to reset makes no sense to this reader."""

    why = "unknown"


class CardForeign(CardError):
    """Not an electricity card of this layout."""

    why = "foreign"


class CardUnissued(CardError):
    """The right kind, never personalised."""

    why = "unissued"


class ApduError(CardError):
    """The card answered with a status word that is not 9000."""

    def __init__(self, sw: int) -> None:
        self.sw = sw
        self.why = f"refused:{sw:04X}"
        super().__init__(f"the card answered {sw:04X}")

    @property
    def tries(self) -> int | None:
        """How many tries a key has left, where that is what the card says."""
        if self.sw == SW_AUTHENTICATION_BLOCKED:
            return 0
        return self.sw & 0x0F if self.sw & 0xFFF0 == 0x63C0 else None

    @property
    def wrong_key(self) -> bool:
        """A cryptogram or MAC was not accepted, or no longer is: going on would use up the card's try counter."""
        return self.sw in {SW_SM_OBJECTS_MISSING, SW_SM_OBJECTS_INCORRECT, SW_AUTHENTICATION_BLOCKED} or self.sw & 0xFFF0 == 0x63C0


class ReaderError(CardError):
    """The reader or the service behind it, not the card."""

    why = "reader"


class ServiceGone(ReaderError):
    """The smart-card service is not there; handles and contexts of its former life are worth nothing."""

    why = "service"


class ReaderGone(ReaderError):
    """No reader fits the configured name."""


class AccessDenied(ReaderError):
    """The system's policy (polkit) refuses this user."""

    why = "access"


class ReaderBusy(ReaderError):
    """Another program holds the card."""

    why = "busy"


class Connection(Protocol):
    """One presentation of one card, used by one thread only."""

    @property
    def protocol(self) -> int:
        """0 or 1: the transmission protocol, T=0 or T=1."""

    def transmit(self, apdu: bytes) -> bytes:
        """Command in, answer data and status word out, unresolved. Fewer than two bytes: the card was torn out."""

    def reset(self) -> None:
        """Warm reset: the card forgets selection, challenges and authentication."""

    def check(self) -> None:
        """Raise CardGone unless no card has moved in the slot since this connection was opened."""

    def close(self) -> None:
        """Let go, leaving the card powered. Never raises."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command. `expected`: answer bytes, 0 for none, 256 for as many as there are."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = b""
    expected: int = 0

    @property
    def header(self) -> bytes:
        """Five bytes: class, instruction, P1, P2, Lc."""
        return bytes((self.cla, self.ins, self.p1, self.p2, len(self.data)))

    def encoded(self, protocol: int) -> bytes:
        """The bytes on the wire. T=0 has no room for data and Le in one command (ISO/IEC 7816-3): GET RESPONSE fetches the answer."""
        if not self.data:
            return self.header[:4] + bytes((self.expected % 256,))
        if self.expected and protocol == 1:
            return self.header + self.data + bytes((self.expected % 256,))
        return self.header + self.data


def exchange(connection: Connection, command: Command) -> bytes:
    """Send, follow 61xx and 6Cxx, return the data. Raises ApduError for any status but 9000."""
    data, sw = _once(connection, command.encoded(connection.protocol))
    if sw >> 8 == 0x6C:  # wrong Le: xx is the right one
        data, sw = _once(connection, command.encoded(connection.protocol)[:-1] + bytes((sw & 0xFF,)))
    for _ in range(ANSWER_PIECES_MAX):
        if sw >> 8 != 0x61 or not command.expected:
            break
        piece, sw = _once(connection, bytes((CLA_PLAIN, INS_GET_RESPONSE, 0, 0, sw & 0xFF)))
        data += piece
    if sw != SW_OK and not (sw >> 8 == 0x61 and not command.expected):  # 61xx: done, with an answer that nobody asked for
        raise ApduError(sw)
    return data


def _once(connection: Connection, apdu: bytes) -> tuple[bytes, int]:
    answer = connection.transmit(apdu)
    if len(answer) < 2:
        raise CardTorn
    return answer[:-2], int.from_bytes(answer[-2:])
