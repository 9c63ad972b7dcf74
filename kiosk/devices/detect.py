"""Who answers at a port that belongs to nobody yet: a few bytes in a fixed order, each harmless to whatever else may be there.

SSP first, because its answer cannot be mistaken; then ccTalk, whose devices answer to their own address alone; a modem's AT; a printer's
real-time question, which prints nothing; and the bank terminal's status enquiry last. Never by itself: foreign bytes can still end up on
somebody's paper. The frames are the manuals' own examples.
"""

import contextlib
import re
import time
from typing import Literal

import msgspec

from kiosk.devices.port import Port, PortLost, after, open_port, open_serial

LISTEN_S = 0.45
_QUIET_S = 0.03


class Probe(msgspec.Struct, frozen=True):
    """One question. `answer` is sought in all that came; `bauds` are tried in turn and share the half second."""

    role: str
    protocol: str
    asks: bytes
    answer: re.Pattern[bytes]
    bauds: tuple[int, ...] = (9600,)
    stop_bits: int = 1
    at: Literal["serial", "network", "both"] = "serial"


class Met(msgspec.Struct, frozen=True):
    """Who answered."""

    role: str
    protocol: str
    baud: int


def _probe(role: str, protocol: str, asks: str, answer: bytes, **rest: object) -> Probe:
    return Probe(role, protocol, bytes.fromhex(asks), re.compile(answer, re.DOTALL), **rest)  # type: ignore[arg-type]


PROBES: tuple[Probe, ...] = (
    _probe("notes", "essp", "7f8001116582", rb"\x7f[\x00\x80]\x01\xf0", stop_bits=2),  # SYNC; OK
    _probe("coins", "cctalk", "020001feff", rb"\x01\x00\x02\x00\xfd"),  # simple poll, ACK
    _probe("notes", "cctalk", "280001fed9", rb"\x01\x00\x28\x00\xd7"),
    _probe("modem", "at", b"AT\r".hex(), rb"\r\n(OK|ERROR)\r\n", bauds=(9600, 115200)),
    _probe("printer", "escpos", "100401", rb"^[\x12\x16\x1a\x1e\x32\x36\x3a\x3e\x52\x56\x5a\x5e\x72\x76\x7a\x7e]$", at="both"),
    _probe("terminal", "zvt", "10020501030000001003dfdb", rb"^\x06|\x10\x02\x80\x00|\x10\x02\x84", bauds=(9600, 115200), stop_bits=2),
    _probe("terminal", "zvt", "050103000000", rb"^(\x80\x00\x00|\x84|\x06[\x0f\x1e]|\x04\xff)", at="network"),
)
"""In their order."""


def detect(address: str, probes: tuple[Probe, ...] = PROBES) -> Met | None:
    """Asks at one port; the first who answers. Raises PortLost when it cannot be opened."""
    network = address.startswith("tcp:")
    for probe in probes:
        if probe.at == ("serial" if network else "network"):
            continue
        for baud in probe.bauds[: 1 if network else None]:
            opened = open_port(address) if network else open_serial(address, baud, stop_bits=probe.stop_bits)
            with contextlib.closing(opened) as port:
                if _answers(port, probe, LISTEN_S / len(probe.bauds)):
                    return Met(probe.role, probe.protocol, baud)
    return None


def _answers(port: Port, probe: Probe, listen_s: float) -> bool:
    """The echo of a single-wire adapter is not an answer."""
    try:
        port.flush_input()
        port.write(probe.asks)
        deadline, heard = after(listen_s), b""
        while received := port.read_some(deadline):
            heard = (heard + received)[-256:]
            if probe.answer.search(heard.removeprefix(probe.asks)):
                if probe.role == "printer":
                    port.write(b"\x1b@")  # what the others asked before is not printed
                return True
        time.sleep(_QUIET_S)
    except PortLost:
        return False
    return False
