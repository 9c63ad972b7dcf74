"""Heads of the office's logs that lie somewhere else: in each backup's list of files, in each acknowledgement, in a folder at another site.

    HEADER \\n SIGNATURE \\n BODY     label "log"; signed by the ACK key

Whoever rewrites a log here, or cuts its end off, would have to rewrite them too. A head of an earlier epoch counts only up to where the
office was put back from a backup: what it had done after that is lost, and two people signed the new epoch for it.
"""

from collections.abc import Callable, Iterable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from kiosk import envelope
from kiosk.envelope import Body, EnvelopeRefused
from kiosk.hq.log.chain import Head
from kiosk.hq.log.check import Witness

LABEL, FILE_MAX = "log", 4096
OFFICE, REGISTRY, FLOATS = "office", "registry", "floats"


class Heads(msgspec.Struct, frozen=True):
    """Where each log of an office ends, in which epoch, when. `logs`: office | registry | floats -> its head."""

    utility: int
    epoch: int
    at_ms: Annotated[int, Meta(ge=0, lt=1 << 53)]
    logs: dict[str, Head]
    v: Literal[1] = 1

    @property
    def name(self) -> str:
        """Of its file."""
        return f"log-{self.epoch}-{self.logs[OFFICE].no:012d}"


class _Header(msgspec.Struct, frozen=True):
    body: Body
    kind: Literal["log"] = "log"
    v: Literal[1] = 1


class HeadsRefused(Exception):
    """These are no heads of this office; the text is one sentence."""


def made(heads: Heads, signer: Callable[[str, bytes], bytes]) -> bytes:
    """The envelope. `signer`: with the ACK key."""
    body = msgspec.json.encode(heads)
    return envelope.sealed(signer, LABEL, msgspec.json.encode(_Header(envelope.body_of(body))), body)


def read(raw: bytes, ack_keys: Iterable[bytes]) -> Heads:
    """Raises HeadsRefused."""
    try:
        return msgspec.json.decode(envelope.opened(raw, LABEL, ack_keys, FILE_MAX).body, type=Heads)
    except EnvelopeRefused as error:
        raise HeadsRefused(str(error)) from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise HeadsRefused("It does not say where a log ends.") from None


def witnesses(which: str, seen: Iterable[tuple[Heads, str]]) -> list[Witness]:
    """Of one log. `seen`: heads, and where each of them lies."""
    return [Witness(heads.logs[which], where, heads.epoch) for heads, where in seen if which in heads.logs]
