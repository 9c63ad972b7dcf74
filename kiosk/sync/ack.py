"""An acknowledgement: how far the head office has a kiosk's journal, signed by its ACK key. docs/batch-format.md.

    HEADER \\n SIGNATURE \\n BODY     label "ack"; the body is one line of JSON, in the clear: it says nothing that a courier may not know

A broken ingest server can acknowledge what it has not stored, and no more: nothing is decided by an ack but what a kiosk may forget, and
that only up to `durable_through`, after 30 days. Pure.
"""

from collections.abc import Callable, Iterable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from kiosk import envelope
from kiosk.envelope import KIOSK_ID, Body, EnvelopeRefused
from kiosk.sync.batch import SEQ_MAX, Digest, Moment

LABEL = "ack"
BODY_MAX = 64 * 1024
LISTED_MAX = 1_000

Seq = Annotated[int, Meta(ge=0, le=SEQ_MAX)]
Listed = Annotated[tuple[Seq, ...], Meta(max_length=LISTED_MAX)]


class Ack(msgspec.Struct, frozen=True):
    """All batches up to `contiguous_seq` are in, 0 for none; `head_hash`: the `head` of that batch's header, zeros for 0.

    `durable_through`: the last batch that the head office's backup on another site has, too. `parked`: batches that came and wait for one
    that is missing; `exceptions`: batches with rows that break a rule, which are imported all the same: the money has moved.
    `log`: number and hash of the last entry of the office's own log: whoever has this acknowledgement can tell that it was rewritten.
    """

    kiosk: Annotated[str, Meta(pattern=rf"^{KIOSK_ID}\Z")]
    store: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
    hq_epoch: Annotated[int, Meta(ge=1, le=0xFFFFFFFF)]
    contiguous_seq: Seq
    head_hash: Digest
    durable_through: Seq
    at_ms: Moment
    parked: Listed = ()
    exceptions: Listed = ()
    log: tuple[Moment, Digest] | None = None
    v: Literal[1] = 1

    @property
    def name(self) -> str:
        """Of its file in a mail bag."""
        return f"ack-{self.hq_epoch}-{self.contiguous_seq:08d}"


class _Header(msgspec.Struct, frozen=True):
    body: Body
    kind: Literal["ack"] = "ack"
    v: Literal[1] = 1


class AckRefused(Exception):
    """This acknowledges nothing; the text is one sentence."""


def made_ack(ack: Ack, signer: Callable[[str, bytes], bytes]) -> bytes:
    """The envelope. `signer`: label, bytes -> 64 bytes, with the ACK key. Lists that are too long are cut at their end."""
    short = msgspec.structs.replace(ack, parked=ack.parked[:LISTED_MAX], exceptions=ack.exceptions[-LISTED_MAX:])
    body = msgspec.json.encode(short)
    return envelope.sealed(signer, LABEL, msgspec.json.encode(_Header(envelope.body_of(body))), body)


def read_ack(raw: bytes, ack_keys: Iterable[bytes]) -> Ack:
    """What it says, signed by one of these keys. Raises AckRefused."""
    try:
        return msgspec.json.decode(envelope.opened(raw, LABEL, ack_keys, BODY_MAX).body, type=Ack)
    except EnvelopeRefused as error:
        raise AckRefused(str(error)) from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise AckRefused("It does not say what an acknowledgement says.") from None
