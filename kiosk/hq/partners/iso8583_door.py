"""The ISO 8583 gateway: a switch connects, signs on with its partner's token, and asks one thing after another.

Each message has its length before it, two bytes, the high one first. What waits has an end: for the sign-on, for the rest of a message, for
a peer that does not read, for a line that is silent. A connection is one partner's; its messages are answered in the order they came.
"""

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable

import msgspec

from kiosk.hq.admission import BACKLOG, Limits, Line, line_of, listening
from kiosk.hq.orders.book import OrderRefused
from kiosk.hq.partners import iso8583
from kiosk.hq.partners.accounts import Partner, believed
from kiosk.hq.partners.iso8583 import Asked, Malformed, Unreadable
from kiosk.hq.partners.pace import Pace
from kiosk.hq.partners.till import CANNOT, Till
from kiosk.hq.store import Store, StoreError


class Patience(msgspec.Struct, frozen=True):
    """Seconds: until the sign-on, for a message once it began, for a silent line, until an answer is read."""

    sign_on_s: float = 15.0
    message_s: float = 15.0
    silent_s: float = 300.0
    answer_s: float = 15.0


class Gateway:
    """`now_ms`, `now_s`: the wall clock, and one that is never set."""

    def __init__(
        self,
        store: Store,
        till: Till,
        *,
        pace: Pace,
        now_ms: Callable[[], int],
        patience: Patience = Patience(),  # noqa: B008 - frozen
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._till, self._pace, self._now_ms, self._patience, self._now_s = store, till, pace, now_ms, patience, now_s

    async def listen(self, host: str, port: int, tls: ssl.SSLContext | None = None, limits: Limits = Limits()) -> asyncio.Server:  # noqa: B008
        """Serve until the server is closed. OSError."""
        handshake_s = self._patience.sign_on_s if tls else None
        listener = listening(host, port, limits)
        return await asyncio.start_server(
            self._spoken_to, sock=listener, ssl=tls, ssl_handshake_timeout=handshake_s, limit=4096, backlog=BACKLOG
        )

    async def _spoken_to(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = line_of(writer.transport)
        if line is not None:
            line.talks()
        try:
            await self._conversation(reader, writer, line)
        except (TimeoutError, OSError, EOFError, Unreadable):
            pass  # it hung up, or is hung up on: what was ordered is kept, and a repeat is answered the same
        finally:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                await asyncio.wait_for(writer.wait_closed(), self._patience.answer_s)

    async def _conversation(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: Line | None) -> None:
        """Raises whatever ends it."""
        partner: Partner | None = None
        token, ends_s = "", asyncio.get_running_loop().time() + self._patience.sign_on_s
        while True:
            async with asyncio.timeout_at(ends_s if partner is None else None):
                asked = iso8583.read(await self._message(reader))
            if asked.kind == "network":
                token = asked.private.get("token", token)
                partner, answer = await asyncio.to_thread(self._network, asked, token, partner)
                if partner and line:
                    line.know(f"partner {partner.name}")
            else:
                partner, answer = await asyncio.to_thread(self._answer, asked, token, partner)
            writer.write(len(answer).to_bytes(2) + answer)
            await asyncio.wait_for(writer.drain(), self._patience.answer_s)

    async def _message(self, reader: asyncio.StreamReader) -> bytes:
        """The next one. Raises Unreadable, EOFError, TimeoutError, OSError."""
        async with asyncio.timeout(self._patience.silent_s):
            first = await reader.readexactly(1)
        async with asyncio.timeout(self._patience.message_s):
            size = int.from_bytes(first + await reader.readexactly(1))
            if not 0 < size <= iso8583.MESSAGE_MAX:
                raise Unreadable
            return await reader.readexactly(size)

    # ------------------------------------------------------------ answers; each blocks on the store

    def _network(self, asked: Asked, token: str, partner: Partner | None) -> tuple[Partner | None, bytes]:
        """Whom the line belongs to from now on, and the answer."""
        try:
            wants = iso8583.network(asked)
            if wants == iso8583.SIGN_OFF:
                return None, iso8583.answer(asked, iso8583.APPROVED)
            if wants == iso8583.SIGN_ON:
                partner = believed(self._store, token, self._now_ms())
                if partner is None:
                    raise OrderRefused("token", "This is no partner's token.")
            return partner, iso8583.answer(asked, iso8583.APPROVED)
        except Malformed as malformed:
            return partner, iso8583.answer(asked, malformed.response, sentence=str(malformed))
        except OrderRefused as refused:
            return None, _refused(asked, refused)
        except StoreError:
            return partner, iso8583.answer(asked, iso8583.LATER)

    def _answer(self, asked: Asked, token: str, partner: Partner | None) -> tuple[Partner | None, bytes]:
        try:
            # asked anew for each message: a partner that was closed, or whose token is no more, does not go on where it signed on
            partner = believed(self._store, token, self._now_ms()) if partner else None
            if partner is None:
                return None, iso8583.answer(asked, iso8583.NOT_SIGNED_ON, sentence="Sign on first.")
            if self._pace.wait_s(partner.name, self._now_s()):
                raise OrderRefused("pace", "You ask too often.")
            return partner, self._done(asked, partner)
        except Malformed as malformed:
            return partner, iso8583.answer(asked, malformed.response, sentence=str(malformed))
        except OrderRefused as refused:
            return partner, _refused(asked, refused)
        except CANNOT:
            return partner, iso8583.answer(asked, iso8583.LATER)

    def _done(self, asked: Asked, partner: Partner) -> bytes:
        now_ms = self._now_ms()
        if asked.kind == "other":
            raise OrderRefused("kind", "Such a message is not answered here.")
        key = iso8583.key(asked, now_ms)
        if not partner.acquirer or key.split()[1] != str(int(partner.acquirer)):
            raise OrderRefused("partner", "This acquirer's number is another partner's.")
        if asked.kind == "enquire":
            return iso8583.answer(asked, iso8583.APPROVED, self._till.quote(partner, iso8583.payment(asked), now_ms))
        if asked.kind == "reverse":
            self._till.reverse(partner, key, iso8583.reference(asked), now_ms, iso8583.days(asked, now_ms))
            return iso8583.answer(asked, iso8583.APPROVED)
        return iso8583.answer(
            asked, iso8583.APPROVED, self._till.order(partner, key, iso8583.payment(asked), now_ms, iso8583.days(asked, now_ms))
        )


def _refused(asked: Asked, refused: OrderRefused) -> bytes:
    return iso8583.answer(asked, iso8583.RESPONSES.get(refused.why, "12"), sentence=str(refused)[:99])
