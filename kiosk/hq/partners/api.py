"""The door for partners, over HTTPS: a bank's app, a shop's terminal, an ATM's switch. docs/partner-api.md is written for them.

Every request but two has `Authorization: Bearer NAME.SECRET`. What goes wrong is {"why":"one_word","sentence":"..."}; `STATUS` says with
which number. What is asked has a limit: the bytes of a body, the time for it, how often a partner asks.
"""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from kiosk.hq.orders.book import OrderRefused
from kiosk.hq.partners.accounts import Partner, believed
from kiosk.hq.partners.api_document import DOCUMENT
from kiosk.hq.partners.pace import Pace
from kiosk.hq.partners.settlement_file import Settlements
from kiosk.hq.partners.till import CANNOT, Named, Payment, Till
from kiosk.hq.serving import know
from kiosk.hq.store import Store

BODY_MAX, BODY_S = 8 * 1024, 15.0
FRESH_S = 1.0  # a body that takes longer has its partner looked up again
BEARER = "bearer "

STATUS = {
    "form": 400,
    "token": 401,
    "float": 402,
    "order": 404,
    "given": 409,
    "cancelled": 409,
    "late": 409,
    "waiting": 409,
    "open_card": 409,
    "open_max": 409,
    "length": 413,
    "pace": 429,
    "busy": 503,
    "changed": 503,
    "off_site": 503,
    "short": 503,
    "office": 503,
}
"""The number for each `why`; 422 for every other."""

T = TypeVar("T")
Work = Callable[[Partner, Request, bytes], object]


class Doors:
    """What the answers need. `now_ms`, `now_s`: the wall clock, and one that is never set."""

    def __init__(
        self,
        store: Store,
        till: Till,
        settlements: Settlements,
        *,
        pace: Pace,
        now_ms: Callable[[], int],
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._till, self._settlements = store, till, settlements
        self._pace, self._now_ms, self._now_s = pace, now_ms, now_s

    # ------------------------------------------------------------ the answers

    def card(self, _partner: Partner, request: Request, _body: bytes) -> object:
        """Is this the customer's card?"""
        return self._till.look_up(_read(msgspec.json.encode(dict(request.query_params)), Named))

    def quote(self, partner: Partner, _request: Request, body: bytes) -> object:
        """What an order would be."""
        return self._till.quote(partner, _read(body, Payment), self._now_ms())

    def order(self, partner: Partner, request: Request, body: bytes) -> object:
        """An order and its code."""
        key = request.headers.get("idempotency-key", "")
        return self._till.order(partner, key, _read(body, Payment), self._now_ms())

    def state(self, partner: Partner, request: Request, _body: bytes) -> object:
        """How it stands."""
        return self._till.state(partner, request.path_params["order"].upper(), now_ms=self._now_ms())

    def found(self, partner: Partner, request: Request, _body: bytes) -> object:
        """The same, by the partner's own name for it."""
        return self._till.state(partner, reference=request.query_params.get("reference", ""), now_ms=self._now_ms())

    def cancel(self, partner: Partner, request: Request, _body: bytes) -> object:
        """Take back what is held."""
        return self._till.cancel(partner, request.path_params["order"].upper(), self._now_ms())

    def settlement(self, partner: Partner, request: Request, _body: bytes) -> object:
        """A day's file, or its signature."""
        found = self._settlements.file(partner.name, request.path_params["file"])
        if found is None:
            raise OrderRefused("order", "There is no such file.")
        return found

    # ------------------------------------------------------------ one request

    def answers(self, work: Work, status: int = 200) -> Callable[[Request], object]:
        """The endpoint: who asks, how often, what is asked, and never a traceback."""

        async def answer(request: Request) -> Response:
            partner = await run_in_threadpool(self._believed, request)
            if isinstance(partner, Response):  # before its body is read, which may be long in coming
                return partner
            know(request, f"partner {partner.name}")
            began_s = time.monotonic()
            try:
                async with asyncio.timeout(BODY_S):
                    body = await _body(request)
            except TimeoutError:
                return _refused("form", "The request did not come to its end in time.")
            except ClientDisconnect:
                return _refused("form", "The request did not come to its end.")
            if body is None:
                return _refused("length", f"A request has at most {BODY_MAX} bytes.")
            if time.monotonic() - began_s > FRESH_S:  # the partner may have been closed, or its limits changed, in the meantime
                partner = await run_in_threadpool(self._believed, request)
                if isinstance(partner, Response):
                    return partner
            wait_s = self._pace.wait_s(partner.name, self._now_s())
            if wait_s:
                return _refused("pace", "You ask too often.", {"Retry-After": str(wait_s)})
            return await run_in_threadpool(self._answered, work, status, partner, request, body)

        return answer

    def _answered(self, work: Work, status: int, partner: Partner, request: Request, body: bytes) -> Response:
        try:
            said = work(partner, request, body)
        except OrderRefused as refused:
            return _refused(refused.why, str(refused))
        except CANNOT:
            return _refused("office", "The office cannot answer now; ask again, under the same key.")
        if isinstance(said, bytes):
            return Response(said, status, media_type="application/octet-stream")
        return Response(msgspec.json.encode(said), status, media_type="application/json", headers={"Cache-Control": "no-store"})

    def _believed(self, request: Request) -> Partner | Response:
        """Who asks; the answer where that is nobody."""
        said = request.headers.get("authorization", "")
        token = said[len(BEARER) :].strip() if said.lower().startswith(BEARER) else ""
        try:
            partner = believed(self._store, token, self._now_ms())
        except CANNOT:
            return _refused("office", "The office cannot answer now; ask again, under the same key.")
        return partner or _refused("token", "This is no partner's token.", {"WWW-Authenticate": "Bearer"})


def api(doors: Doors) -> Starlette:
    """The application."""
    return Starlette(
        routes=[
            Route("/v1/card", doors.answers(doors.card), methods=["GET"]),
            Route("/v1/quotes", doors.answers(doors.quote), methods=["POST"]),
            Route("/v1/orders", doors.answers(doors.order, 201), methods=["POST"]),
            Route("/v1/orders", doors.answers(doors.found), methods=["GET"]),
            Route("/v1/orders/{order}", doors.answers(doors.state), methods=["GET"]),
            Route("/v1/orders/{order}/cancel", doors.answers(doors.cancel), methods=["POST"]),
            Route("/v1/settlements/{file}", doors.answers(doors.settlement), methods=["GET"]),
            Route("/v1/openapi.json", _document, methods=["GET"]),
            Route("/v1/health", _health, methods=["GET"]),
        ],
        exception_handlers={404: _nothing, 405: _nothing},
    )


async def _document(_request: Request) -> Response:
    return Response(msgspec.json.encode(DOCUMENT), media_type="application/json")


async def _health(_request: Request) -> Response:
    return Response("ok\n", media_type="text/plain")


async def _nothing(_request: Request, _error: Exception) -> Response:
    return _refused("order", "There is nothing at this address.")


async def _body(request: Request) -> bytes | None:
    """None where it is too long."""
    raw = bytearray()
    async for part in request.stream():
        if len(raw) + len(part) > BODY_MAX:
            return None
        raw += part
    return bytes(raw)


def _read(raw: bytes, form: type[T]) -> T:
    try:
        return msgspec.json.decode(raw, type=form)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise OrderRefused("form", "The request is not of the form that /v1/openapi.json describes.") from None


def _refused(why: str, sentence: str, headers: dict[str, str] | None = None) -> Response:
    body = msgspec.json.encode({"why": why, "sentence": sentence})
    return Response(body, STATUS.get(why, 422), headers, media_type="application/json")
