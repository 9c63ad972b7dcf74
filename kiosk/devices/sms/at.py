"""The lines of an AT modem (3GPP TS 27.007, 27.005; ITU-T V.250): bytes in, lines out. Pure, and its memory is bounded.

    \\r\\nOK\\r\\n   \\r\\n+CSQ: 17,99\\r\\n   \\r\\n> (no line end)   \\r\\n+CDS: 25\\r\\n<hex>\\r\\n

An unsolicited line may come between any two others; two of them are followed by a TPDU in a line of its own.
"""

import re
from typing import Final, NamedTuple

LINE_MAX = 600  # a TPDU in hex has at most 400
PROMPT: Final = b"> "
_FINAL = {"NO CARRIER", "NO DIALTONE", "BUSY", "NO ANSWER", "COMMAND NOT SUPPORT", "TOO MANY PARAMETERS"}
_EVENTS = ("+CMTI:", "+CDSI:", "+CBM:", "+CREG: ", "+CEREG: ", "+CUSD:", "RING", "^", "+CIEV:", "+CRING:", "+CLIP:")
_WITH_TPDU = ("+CDS:", "+CMT:")
_ERROR = re.compile(r"^\+(CM[ES]) ERROR:\s*(\d{1,5})\s*$")


class Line(NamedTuple):
    """kind: ok | error (`text`: "cms-500", "error") | prompt | info | event | tpdu (of an event) | echo."""

    kind: str
    text: str = ""

    def __repr__(self) -> str:
        return f"Line({self.kind})"  # what comes in is somebody's


class Lines:
    """Feed it what arrives; it gives the lines that are whole."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._too_long = False
        self._tpdu = ""  # the event whose TPDU is the next line

    def feed(self, received: bytes) -> list[Line]:
        """Every line that ends in it, and the prompt. A line above 600 bytes is dropped."""
        found: list[Line] = []
        for at in range(0, len(received), LINE_MAX):
            self._held += received[at : at + LINE_MAX]
            while (end := _line_end(self._held)) >= 0:
                line = bytes(self._held[:end])
                del self._held[: end + 1]
                if line and not self._too_long:
                    found.append(self._line(line))
                self._too_long = False
            if self._held == PROMPT:
                self._held.clear()
                found.append(Line("prompt"))
            elif len(self._held) > LINE_MAX:
                self._held.clear()
                self._too_long = True
        return found

    def _line(self, raw: bytes) -> Line:
        text = raw.decode("ascii", "replace").strip()
        if self._tpdu:
            event, self._tpdu = self._tpdu, ""
            return Line("tpdu" if event == "+CDS:" else "event", text if event == "+CDS:" else "+CMT:")
        if self._begins_tpdu(text):
            return Line("event", text)
        if text == "OK":
            return Line("ok")
        if error := _ERROR.match(text):
            return Line("error", f"{error[1].lower()}-{int(error[2])}")
        if text == "ERROR" or text in _FINAL or text.startswith(("+CME ERROR:", "+CMS ERROR:")):
            return Line("error", "error")
        if text.startswith(("AT", "at")):
            return Line("echo")
        return Line("event" if text.startswith(_EVENTS) and not _answers(text) else "info", text)

    def _begins_tpdu(self, text: str) -> bool:
        self._tpdu = next((event for event in _WITH_TPDU if text.startswith(event)), "")
        return bool(self._tpdu)


def _line_end(held: bytearray) -> int:
    ends = [end for end in (held.find(b"\r"), held.find(b"\n")) if end >= 0]
    return min(ends) if ends else -1


def _answers(text: str) -> bool:
    """`+CREG: 0,1` answers a question, `+CREG: 1` is told."""
    return text.startswith(("+CREG:", "+CEREG:")) and "," in text


# ---------------------------------------------------------------- what answers say


def after_colon(info: list[str], name: str) -> str:
    """The first answer of that name: `+CPIN: READY` -> READY; "" where there is none."""
    return next((line.partition(":")[2].strip() for line in info if line.startswith(f"{name}:")), "")


def numbers(text: str) -> tuple[int, ...]:
    """The whole numbers in it, in order: `"SM",3` -> (3,)."""
    return tuple(int(found) for found in re.findall(r"\d{1,9}", text))


def word(info: list[str], name: str) -> str:
    """An identity line, with or without its name before it; at most 40 plain characters."""
    line = after_colon(info, name) or next((line for line in info if line and not line.startswith("+")), "")
    return "".join(character for character in line.strip('" ') if character.isascii() and character.isprintable())[:40]
