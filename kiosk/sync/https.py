"""By HTTPS to the head office's ingest server (`kiosk.hq.intake.ingest`): a batch is answered with its acknowledgement.

    PUT /v1/batches/K07/00000012        -> 200 and the acknowledgement | 409, 422 and why it is not taken
    GET /v1/downlink/K07                -> [{"place":"all","name":"limits-1-4","size":812,"sha256":"..."}, ...]
    GET /v1/downlink/all/limits-1-4     -> its bytes, from `Range: bytes=N-` on

The certificate is checked against the CA file that was configured, or else the system's; nothing is asked of the environment, no redirect
is followed, nothing is unpacked. Every answer has a length and a time in which it has to end.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated

import httpx
import msgspec

from kiosk.sync.carrier import CarryFailed, NotTaken, Offered
from kiosk.sync.plan import HttpsPlan
from kiosk.sync.spool import ACK_MAX, seq_name
from kiosk.sync.standing import reason, said

CONNECT_S, SILENT_S = 15.0, 30.0
PUT_S, LIST_S = 180.0, 60.0
FETCH_S = 600.0  # of one letter; what has come by then stays, and the rest comes in the next round
LIST_MAX = 1 << 20
NAMES_MAX = 2_000
REFUSED = (409, 422)
STRICT = ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
"""How certificates are checked: as Python does by itself from 3.13 on, so that the same file is right on every Python."""


class _Answer(msgspec.Struct, frozen=True):
    sentence: str


_Names = Annotated[list[Offered], msgspec.Meta(max_length=NAMES_MAX)]


@asynccontextmanager
async def https(plan: HttpsPlan, kiosk: str) -> AsyncIterator["Https"]:
    """The way, open. Raises CarryFailed."""
    try:
        context = ssl.create_default_context(cafile=plan.ca or None)
        context.verify_flags |= STRICT
        if plan.certificate:
            context.load_cert_chain(plan.certificate, plan.key or None, password=lambda: "")
    except (OSError, ValueError):  # ssl.SSLError is an OSError
        raise CarryFailed("The CA file, or this kiosk's certificate and key for the server, cannot be read.", "setup") from None
    waits = httpx.Timeout(SILENT_S, connect=CONNECT_S)
    async with httpx.AsyncClient(
        base_url=plan.url, verify=context, timeout=waits, trust_env=False, follow_redirects=False, headers={"Accept-Encoding": "identity"}
    ) as client:
        yield Https(client, kiosk)


class Https:
    """Implements `carrier.Carrier`."""

    def __init__(self, client: httpx.AsyncClient, kiosk: str) -> None:
        self._client, self._kiosk = client, kiosk

    async def put(self, seq: int, raw: bytes) -> bytes | None:
        """See `carrier.Carrier`."""
        path = f"/v1/batches/{self._kiosk}/{seq_name(seq)}"
        with _sentences():
            async with asyncio.timeout(PUT_S), self._client.stream("PUT", path, content=raw) as response:
                answer = b"".join([part async for part in _bounded(response, ACK_MAX)])
        if response.status_code in REFUSED:
            raise NotTaken(_sentence(answer))
        _worked(response)
        return answer

    async def offered(self) -> list[Offered]:
        """See `carrier.Carrier`."""
        with _sentences():
            async with asyncio.timeout(LIST_S), self._client.stream("GET", f"/v1/downlink/{self._kiosk}") as response:
                answer = b"".join([part async for part in _bounded(response, LIST_MAX)])
        _worked(response)
        try:
            return msgspec.json.decode(answer, type=_Names)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise CarryFailed("The server's list of mail cannot be read.") from None

    async def fetched(self, letter: Offered, offset: int) -> AsyncGenerator[bytes, None]:
        """See `carrier.Carrier`."""
        path = f"/v1/downlink/{letter.place}/{letter.name}"
        with _sentences():
            async with (
                asyncio.timeout(FETCH_S),
                self._client.stream("GET", path, headers={"Range": f"bytes={offset}-"}) as response,
            ):
                _worked(response, 206 if offset else 200)
                async for part in _bounded(response, letter.size - offset):
                    yield part


async def _bounded(response: httpx.Response, most: int) -> AsyncIterator[bytes]:
    """The body as it came, to an end. Raises CarryFailed."""
    length = 0
    async for part in response.aiter_raw():
        length += len(part)
        if length > most:
            raise CarryFailed(f"The server's answer has more than {most} bytes.")
        yield part


def _worked(response: httpx.Response, status: int = 200) -> None:
    if response.status_code not in (status, 206):
        raise CarryFailed(f"The server answers {response.status_code} {said(response.reason_phrase)}".rstrip() + ".", "server")


def _sentence(answer: bytes) -> str:
    try:
        sentence = said(msgspec.json.decode(answer, type=_Answer).sentence)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        sentence = ""
    return sentence or "The head office does not take it, and does not say why."


@contextmanager
def _sentences() -> Iterator[None]:
    """Whatever may come of a network, as one sentence."""
    try:
        yield
    except TimeoutError:
        raise CarryFailed("The server did not answer to its end in time.", "silent") from None
    except httpx.TimeoutException:
        raise CarryFailed("The server does not answer.", "silent") from None
    except httpx.ConnectError as error:
        raise _unreached(error) from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise CarryFailed(f"The connection to the server broke: {reason(error)}.", "broken") from None


def _unreached(error: BaseException) -> CarryFailed:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return CarryFailed(f"The server's certificate is not believed: {said(cause.verify_message)}.", "stranger")
        cause = cause.__cause__ or cause.__context__
    return CarryFailed(f"The server cannot be reached: {reason(error)}.", "unreachable")
