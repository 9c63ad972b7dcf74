"""The result codes and intermediate states of ZVT in the few words that the kiosk knows.

Source: PA00P015 13.08, "Error-messages" and 04 FF.
"""

import msgspec

APPROVED, CUT_SHORT, WAIT = 0x00, 0x6C, 0x9C  # CUT_SHORT: the abort key, or nobody did anything for too long


class Trouble(msgspec.Struct, frozen=True):
    """A result after which no card can be taken before something was done: what, in a word, and which command does it at night."""

    code: str
    cure: str  # day_end | diagnosis | people


TROUBLES = {
    0x6A: Trouble("full", "day_end"),
    0xB1: Trouble("full", "day_end"),
    0xB2: Trouble("full", "day_end"),
    0xCB: Trouble("full", "day_end"),
    0xF0: Trouble("full", "day_end"),
    0xC2: Trouble("diagnosis", "diagnosis"),
    0xC0: Trouble("jammed", "people"),
    0xE2: Trouble("fault-E2", "people"),
    0xED: Trouble("fault-ED", "people"),
    0xFD: Trouble("fault-FD", "people"),
    0xFE: Trouble("fault-FE", "people"),
}

_WHY = {
    0x64: "card_unreadable",
    0x6B: "not_registered",
    0x6C: "aborted",
    0x6F: "currency",
    0x71: "credit",
    0x78: "card_expired",
    0x7A: "card_unknown",
    0x7D: "no_line",
    0xA0: "no_line",
    0xA1: "no_line",
    0xA2: "no_line",
    0xA3: "no_line",
    0xB4: "reversed_already",
    0xB5: "not_reversible",
    0x9C: "busy",
    0xCC: "printer",
    0xDC: "card_inside",
}


def why(result: int | None) -> str:
    """One word for a result that is no approval: host-05 for the bank's own codes, fault-83 for a terminal's that have no name here."""
    if result is None:
        return ""
    if result in TROUBLES:
        return TROUBLES[result].code
    return _WHY.get(result) or (f"host-{result:02X}" if result < 0x64 else f"fault-{result:02X}")


_PROMPTS = {"card": (0x0A, 0x0C, 0x2A), "pin": (0x01, 0x02, 0x15), "remove": (0x0B, *range(0x41, 0x5E))}
_PROMPT_OF = {code: key for key, codes in _PROMPTS.items() for code in codes}


def prompt(state: int | None) -> str:
    """What the customer has to do in an intermediate state: card | pin | remove, and wait in all the others."""
    return _PROMPT_OF.get(state if state is not None else -1, "wait")
