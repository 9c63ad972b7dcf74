"""uvicorn with TLS, and with an end to every wait: a peer that says nothing, or its headers a letter a minute, is hung up on."""

import asyncio
import ssl
from pathlib import Path

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from uvicorn.protocols.http.h11_impl import H11Protocol

from kiosk.hq.admission import ANONYMOUS, BACKLOG, Limits, Line, line_of, listening

__all__ = ["Certificate", "know", "limits", "listening", "server"]

HEADERS_S = 15.0  # from the first byte, or the connection, to the end of the headers
KEPT_S = 30.0
HEADERS_MAX = 16 * 1024
LINE = "line"  # what a request's state calls its connection
REST_S = 2.0  # for the rest of a body that was answered before its end


class Certificate(msgspec.Struct, frozen=True):
    """PEM files. `client_ca`: whoever has no certificate of that CA is not spoken to; "" for anybody."""

    chain: Path
    key: Path
    client_ca: Path | None = None


class Patience(H11Protocol):
    """uvicorn's own protocol, with a time limit for the headers, and for the rest of a body that nobody reads."""

    _late: asyncio.TimerHandle | None = None
    _rest: asyncio.TimerHandle | None = None
    _line: Line | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The clock runs from the handshake's end."""
        super().connection_made(transport)
        self._line = line_of(transport)
        self.app_state = {**self.app_state, LINE: self._line}
        if self._line is not None:
            self._line.talks()
            certificate = transport.get_extra_info("peercert")
            if certificate:
                self._line.know(f"certificate {certificate['serialNumber']}")
        self._late = self.loop.call_later(HEADERS_S, self._hang_up)

    def data_received(self, data: bytes) -> None:
        """It stops when the headers are whole, and runs again for the next request's."""
        super().data_received(data)
        waits = self._waits()
        if self._line is not None:
            self._line.asked = not waits
        if not waits:
            self._stop()
        elif self._late is None:
            self._late = self.loop.call_later(HEADERS_S, self._hang_up)
        if self._rest is not None and not self._sends_body():
            self._rest.cancel()
            self._rest = None

    def on_response_complete(self) -> None:
        """Whoever was answered before the end of the body has little time left to end it."""
        super().on_response_complete()
        if self._sends_body():
            self._rest = self.loop.call_later(REST_S, self.transport.abort)

    def send_400_response(self, msg: str) -> None:
        """It is counted, not logged one by one."""
        if self._line is not None:
            self._line.tell("requests that are not HTTP")
        super().send_400_response(msg)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is waited for."""
        self._stop()
        if self._rest is not None:
            self._rest.cancel()
        super().connection_lost(exc)

    def _waits(self) -> bool:
        return repr(self.conn.their_state) == "IDLE"  # h11 calls it so while the headers are not whole

    def _sends_body(self) -> bool:
        return repr(self.conn.their_state) == "SEND_BODY"

    def _hang_up(self) -> None:
        self._late = None
        if self._waits():
            self.transport.abort()

    def _stop(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def limits(certificate: Certificate | None, per_address: int) -> Limits:
    """Without a certificate all connections are the proxy's on this machine, which has the one address."""
    return Limits(per_address=per_address if certificate else ANONYMOUS)


def know(request: Request, name: str) -> None:
    """Whoever asks has shown that it is `name`: its connection is no anonymous one any more."""
    line: Line | None = request.scope.get("state", {}).get(LINE)
    if line is not None:
        line.know(name)


def server(app: Starlette, certificate: Certificate | None) -> uvicorn.Server:
    """For `serve` or `run` with sockets of its own. Without a certificate it speaks in the clear: behind a proxy on the same machine."""
    tls = (
        {}
        if certificate is None
        else {
            "ssl_certfile": str(certificate.chain),
            "ssl_keyfile": str(certificate.key),
            "ssl_ca_certs": str(certificate.client_ca) if certificate.client_ca else None,
            "ssl_cert_reqs": ssl.CERT_REQUIRED if certificate.client_ca else ssl.CERT_NONE,
        }
    )
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=Patience,
            ws="none",
            lifespan="off",
            loop="asyncio",
            log_level="error",  # what peers do wrong is counted: `admission`
            access_log=False,
            server_header=False,
            proxy_headers=certificate is None,
            backlog=BACKLOG,
            timeout_keep_alive=int(KEPT_S),
            h11_max_incomplete_event_size=HEADERS_MAX,
            **tls,  # type: ignore[arg-type]
        )
    )
