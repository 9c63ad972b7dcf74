"""A `[[device]]` with role terminal and protocol zvt, as kiosk.toml writes it."""

import threading
from functools import partial
from typing import Annotated, Literal

import msgspec

from kiosk.devices.contract import CardTerminal
from kiosk.devices.fitting import Outfit, Part, checked_options, takes
from kiosk.devices.port import Port, open_port, open_serial
from kiosk.devices.zvt import messages as m
from kiosk.devices.zvt.driver import ZvtTerminal
from kiosk.devices.zvt.link import Link, Pace, SerialLink, StreamLink
from kiosk.devices.zvt.service import Service

_ASK_S = 1.5


class ZvtOptions(msgspec.Struct, frozen=True):
    """`password`: the terminal's own, six digits; `baud`: of a serial line."""

    password: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{6}\Z")] = "000000"  # noqa: S105 - as terminals are delivered
    baud: Literal[9600, 19200, 38400, 57600, 115200] = 9600


def _ask(part: Part, port: Port) -> str:
    """Any answer is one: a terminal may want to be registered first. It is heard out, or whoever asks next would find it still talking."""
    pace = Pace(ack_s=_ASK_S / 3, answer_s=_ASK_S / 2)
    link: Link = StreamLink(port) if _is_socket(part) else SerialLink(port, pace)
    password = int(checked_options(part, ZvtOptions).password)
    Service(link, pace, threading.Event(), lambda _info: False).run(m.status_enquiry(password), end_s=_ASK_S / 2, strange=m.PROMPTS)
    return ""


@takes(ZvtOptions, ask=_ask)
def terminal(part: Part, outfit: Outfit) -> CardTerminal:
    """A bank card terminal on a serial line (8 bits, two stop bits) or at tcp:HOST:PORT."""
    options, socket = checked_options(part, ZvtOptions), _is_socket(part)
    return ZvtTerminal(
        partial(open_port, part.port) if socket else partial(open_serial, part.port, options.baud, stop_bits=2),
        outfit.desk,
        outfit.currency,
        blocks=not socket,
        password=int(options.password),
        enrolled=part.serial,
        at=part.port,
    )


def _is_socket(part: Part) -> bool:
    return part.port.startswith("tcp:")
