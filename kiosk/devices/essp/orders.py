"""What a validator is told to do. Each function raises Silent, KeyLost and PortLost; Refused only where it says so.

Source: ITL SSP Protocol Manual GA138, the pages of the commands.
"""

from kiosk.devices.essp import events, questions
from kiosk.devices.essp.crypto import Undeciphered
from kiosk.devices.essp.line import UNKNOWN_COMMAND, KeyLost, Line, Refused, Silent

SET_INHIBITS, POLL, REJECT, DISABLE, ENABLE, LAST_REJECT, HOLD, POLL_WITH_ACK, EVENT_ACK = (
    0x02, 0x07, 0x08, 0x09, 0x0A, 0x17, 0x18, 0x56, 0x57,
)  # fmt: skip


def softly(line: Line, command: int) -> bool:
    """What a device may refuse at the moment, and is asked again later. False when it did."""
    try:
        line.ask(bytes([command]))
    except KeyLost:
        raise
    except Refused:
        return False
    return True


def holds(line: Line) -> bool:
    """HOLD: whether a note is in escrow, which it then keeps."""
    return softly(line, HOLD)


def open_to(line: Line, mask: int) -> None:
    """Lets the channels of the mask in, the lowest bit the first. Raises Refused."""
    line.ask(bytes([SET_INHIBITS]) + mask.to_bytes(max(2, (mask.bit_length() + 7) // 8), "little"))
    line.ask(bytes([ENABLE]))


def why_rejected(line: Line) -> str:
    """LAST REJECT CODE in a word. Between two polls it would hold a note, so it is asked only when one has gone back."""
    try:
        code = line.ask(bytes([LAST_REJECT]))
    except KeyLost:
        raise
    except Refused:
        return "invalid"
    return events.reject_word(code[0]) if code else "invalid"


def agree_on_key(line: Line, fixed: int, *, must: bool) -> None:
    """Encrypts from here on. Goes on in clear with a device that has no encryption, or another fixed key, unless it `must`.

    Then it raises Refused or Undeciphered too.
    """
    try:
        line.negotiate(fixed)
        line.ask(bytes([questions.HOST_PROTOCOL, questions.PROTOCOLS[0]]))
    except (Refused, Undeciphered, Silent) as failure:
        if must:
            raise
        if isinstance(failure, Refused) and failure.status != UNKNOWN_COMMAND and line.encrypted:
            return  # it understood, and refuses something else
        line.sync()
