"""uvicorn with TLS, and with an end to every wait: a peer that says nothing, or its headers a letter a minute, is hung up on."""

import asyncio
import socket
import ssl
from pathlib import Path

import msgspec
import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

HEADERS_S = 15.0  # from the first byte, or the connection, to the end of the headers
KEPT_S = 30.0
HEADERS_MAX = 16 * 1024
CONNECTIONS = 256


class Certificate(msgspec.Struct, frozen=True):
    """PEM files. `client_ca`: whoever has no certificate of that CA is not spoken to; "" for anybody."""

    chain: Path
    key: Path
    client_ca: Path | None = None


class Patience(H11Protocol):
    """uvicorn's own protocol, with a limit for the time that headers take."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The clock runs from the handshake's end."""
        super().connection_made(transport)
        self._late = self.loop.call_later(HEADERS_S, self._hang_up)

    def data_received(self, data: bytes) -> None:
        """It stops when the headers are whole, and runs again for the next request's."""
        super().data_received(data)
        if not self._waits():
            self._stop()
        elif self._late is None:
            self._late = self.loop.call_later(HEADERS_S, self._hang_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is waited for."""
        self._stop()
        super().connection_lost(exc)

    def _waits(self) -> bool:
        return repr(self.conn.their_state) == "IDLE"  # h11 calls it so while the headers are not whole

    def _hang_up(self) -> None:
        self._late = None
        if self._waits():
            self.transport.abort()

    def _stop(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


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
            log_level="warning",
            access_log=False,
            server_header=False,
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=int(KEPT_S),
            h11_max_incomplete_event_size=HEADERS_MAX,
            **tls,  # type: ignore[arg-type]
        )
    )


def listening(host: str, port: int) -> socket.socket:
    """A socket to serve on; port 0 is any that is free. OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(CONNECTIONS)
    except OSError:
        listener.close()
        raise
    return listener
