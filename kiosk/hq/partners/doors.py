"""The partners' two doors in one process, apart from the kiosks': this one has the vault that makes codes, that one can only append."""

import asyncio
import ssl
import time
from collections.abc import Callable
from pathlib import Path

from kiosk.hq.intake.known import known
from kiosk.hq.office import Office
from kiosk.hq.partners.api import Doors, api
from kiosk.hq.partners.iso8583_door import Gateway
from kiosk.hq.partners.pace import Pace
from kiosk.hq.partners.settlement_file import Settlements
from kiosk.hq.partners.till import Till
from kiosk.hq.serving import Certificate, limits, listening, server
from kiosk.hq.store import Store

SETTLEMENTS = "settlements"
HOTLIST_S = 60.0


class Blocked:
    """Whether a card is on the newest hotlist that was sent; looked at again after a minute."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._cards, self._until_s = folder, frozenset[str](), 0.0

    def __call__(self, card: str) -> bool:
        """Raises OfficeError."""
        if time.monotonic() >= self._until_s:
            self._cards = frozenset(known(Office(self._folder)).hotlist)
            self._until_s = time.monotonic() + HOTLIST_S
        return card in self._cards


async def serve(
    store: Store,
    till: Till,
    folder: Path,
    *,
    host: str,
    ports: tuple[int, int | None],
    certificate: Certificate | None,
    per_address: int,
    now_ms: Callable[[], int],
    ready: Callable[[str], None],
) -> None:
    """Until it is stopped. `ports`: of the API, and of the gateway if there shall be one; `per_address`: see `admission`; `ready` is told
    where both are. OSError."""
    pace = Pace()  # one for both doors: a partner's haste is one
    app = api(Doors(store, till, Settlements(folder / SETTLEMENTS), pace=pace, now_ms=now_ms))
    listener = listening(host, ports[0], limits(certificate, per_address))
    ready(f"Partners may ask at {host}:{listener.getsockname()[1]}.")
    if ports[1] is None:
        await server(app, certificate).serve(sockets=[listener])
        return
    gateway = await Gateway(store, till, pace=pace, now_ms=now_ms).listen(
        host, ports[1], _tls(certificate), limits(certificate, per_address)
    )
    async with gateway:
        ready(f"Switches may sign on at {host}:{gateway.sockets[0].getsockname()[1]}.")
        web = asyncio.create_task(server(app, certificate).serve(sockets=[listener]))
        await web


def _tls(certificate: Certificate | None) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(certificate.client_ca) if certificate.client_ca else None)
    tls.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN  # on every Python as on those that do it by themselves
    tls.verify_mode = ssl.CERT_REQUIRED if certificate.client_ca else ssl.CERT_NONE
    tls.load_cert_chain(certificate.chain, certificate.key)
    return tls
