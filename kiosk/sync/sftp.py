"""By SFTP to a server that the head office empties and fills: a mail bag (`bag`) on the other side of a wire.

    up/K07/00000012           written as .00000012.part, fsynced there if the server can, then renamed: whole or not at all
    downlink/all, downlink/K07

The server's host key is pinned: no other server is spoken to, and nobody is asked. Neither the user's own SSH configuration, nor an agent,
nor a file of known hosts is looked at. The rename is the plain one, which refuses to replace: what lies there is the head office's.
"""

import asyncio
import heapq
import stat
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING, cast

from kiosk.sync.carrier import CarryFailed, NotTaken, Offered
from kiosk.sync.folder import draft_of
from kiosk.sync.item import WAYS
from kiosk.sync.plan import SftpPlan
from kiosk.sync.spool import ACK, EVERYBODY, ITEM_MAX, KEPT_A_KIND, letter_name, seq_name
from kiosk.sync.standing import reason, said

if TYPE_CHECKING:
    import asyncssh

CONNECT_S, LOGIN_S, ALIVE_S = 15.0, 30.0, 15.0
PUT_S, LIST_S = 180.0, 60.0
FETCH_S = 600.0  # of one letter; what has come by then stays, and the rest comes in the next round
NAMES_MAX = 100_000  # of one folder that are looked at, whatever order the server tells them in
LISTING_S = 25.0  # for one folder; what was told by then is taken, and a list that never ends is none
PART = 64 * 1024
KNOWN = frozenset((*WAYS, ACK))
KINDS_MAX = 64  # that a folder may have besides: what newer software reads travels, too


@asynccontextmanager
async def sftp(plan: SftpPlan, kiosk: str) -> AsyncIterator["Sftp"]:
    """The way, open. Raises CarryFailed."""
    try:
        import asyncssh  # noqa: PLC0415 - an optional part, and a heavy one
    except ImportError:
        raise CarryFailed("SFTP needs asyncssh: pip install 'kiosk[sftp]'.", "setup") from None
    with _sentences():
        try:
            pinned = asyncssh.import_public_key(plan.host_key)
            own = asyncssh.read_private_key(plan.key)
        except (OSError, ValueError):
            raise CarryFailed("The pinned host key, or this kiosk's own key for the server, cannot be read.", "setup") from None
        async with asyncio.timeout(CONNECT_S + LOGIN_S):
            connection = await asyncssh.connect(
                plan.host,
                plan.port,
                username=plan.user,
                client_keys=[own],
                known_hosts=([pinned], [], []),
                server_host_key_algs=[pinned.get_algorithm()] if plan.host_key.startswith("ssh-ed25519 ") else (),
                agent_path=None,
                config=[],
                connect_timeout=CONNECT_S,
                login_timeout=LOGIN_S,
                keepalive_interval=ALIVE_S,
            )
    try:
        with _sentences(), _ends(connection, LOGIN_S):
            client = await connection.start_sftp_client()
        yield Sftp(connection, client, kiosk, f"{plan.root.rstrip('/')}/" if plan.root else "")
    finally:
        connection.abort()


class Sftp:
    """Implements `carrier.Carrier`. `root` ends in a slash, or is ""."""

    def __init__(self, connection: "asyncssh.SSHClientConnection", client: "asyncssh.SFTPClient", kiosk: str, root: str) -> None:
        self._connection, self._client, self._kiosk, self._root = connection, client, kiosk, root

    async def put(self, seq: int, raw: bytes) -> bytes | None:
        """See `carrier.Carrier`: the acknowledgement comes down when the head office has looked."""
        folder, name = f"{self._root}up/{self._kiosk}", seq_name(seq)
        with _sentences(), _ends(self._connection, PUT_S):
            if await self._lies(f"{folder}/{name}", raw):
                return None
            await self._client.makedirs(folder, exist_ok=True)
            draft = f"{folder}/{draft_of(name)}"
            await self._written(draft, raw)
            await self._client.rename(draft, f"{folder}/{name}")
        return None

    async def _lies(self, path: str, raw: bytes) -> bool:
        """Is it there already? Raises NotTaken where another one is."""
        import asyncssh  # noqa: PLC0415

        try:
            seen = await self._client.lstat(path)
        except asyncssh.SFTPNoSuchFile:
            return False
        if seen.size == len(raw):
            async with self._client.open(path, "rb") as file:
                if _bytes(await file.read(len(raw) + 1)) == raw:
                    return True
        raise NotTaken("Another file lies there under its number, and stays until the head office has taken it.")

    async def _written(self, path: str, raw: bytes) -> None:
        import asyncssh  # noqa: PLC0415

        async with self._client.open(path, "wb") as file:
            await file.write(raw)
            with suppress(asyncssh.SFTPOpUnsupported):
                await file.fsync()

    async def offered(self) -> list[Offered]:
        """See `carrier.Carrier`."""
        with _sentences(), _ends(self._connection, LIST_S):
            return [letter for place in (EVERYBODY, self._kiosk) for letter in await self._in(place)]

    async def _in(self, place: str) -> list[Offered]:
        import asyncssh  # noqa: PLC0415

        found, until_s = _Newest(place), time.monotonic() + LISTING_S
        try:
            # A list that is left before its end is closed here, while somebody still answers: else it waits for a server that is gone.
            told = cast("AsyncGenerator[asyncssh.SFTPName, None]", self._client.scandir(f"{self._root}downlink/{place}"))
            async with aclosing(told) as entries:
                async for entry in entries:
                    found.look(_text(entry.filename), entry.attrs)
                    if found.told >= NAMES_MAX or time.monotonic() > until_s:
                        break
        except asyncssh.SFTPNoSuchFile:
            pass
        return found.letters()

    async def fetched(self, letter: Offered, offset: int) -> AsyncGenerator[bytes, None]:
        """See `carrier.Carrier`."""
        with _sentences(), _ends(self._connection, FETCH_S):
            async with self._client.open(f"{self._root}downlink/{letter.place}/{letter.name}", "rb") as file:
                while offset < letter.size:
                    part = _bytes(await file.read(min(PART, letter.size - offset), offset))
                    if not part:
                        return
                    offset += len(part)
                    yield part


class _Newest:
    """Of each kind the newest letters of a folder, in bounded memory: old ones never hide a new one, wherever the server tells it."""

    def __init__(self, place: str) -> None:
        self._place, self.told = place, 0
        self._kinds: dict[str, list[tuple[tuple[int, int], str, int]]] = {}

    def look(self, name: str, seen: "asyncssh.SFTPAttrs") -> None:
        """One name more."""
        self.told += 1
        said = letter_name(name)
        regular = seen.permissions is not None and stat.S_ISREG(seen.permissions)
        if said is None or not regular or seen.size is None or not 0 <= seen.size <= ITEM_MAX:
            return
        if said.kind not in self._kinds and said.kind not in KNOWN and len(self._kinds) >= KINDS_MAX:
            return
        kept = self._kinds.setdefault(said.kind, [])
        heapq.heappush(kept, (said.number, name, seen.size))
        if len(kept) > KEPT_A_KIND:
            heapq.heappop(kept)

    def letters(self) -> list[Offered]:
        """What there was."""
        return [Offered(self._place, name, size) for kept in self._kinds.values() for _, name, size in kept]


@contextmanager
def _ends(connection: "asyncssh.SSHClientConnection", seconds: float) -> Iterator[None]:
    """After so long the connection is cut. To cancel what waits is not enough: on its way out it waits for the server once more."""
    late: list[bool] = []

    def over() -> None:
        late.append(True)
        connection.abort()

    timer = asyncio.get_running_loop().call_later(seconds, over)
    try:
        yield
    except Exception:
        if late:
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()


def _bytes(read: str | bytes) -> bytes:
    return read if isinstance(read, bytes) else read.encode()


def _text(name: str | bytes) -> str:
    return name if isinstance(name, str) else name.decode("ascii", "replace")


@contextmanager
def _sentences() -> Iterator[None]:
    """Whatever may come of a network and of a server, as one sentence."""
    import asyncssh  # noqa: PLC0415

    try:
        yield
    except TimeoutError:
        raise CarryFailed("The server did not answer to its end in time.", "silent") from None
    except asyncssh.HostKeyNotVerifiable:
        raise CarryFailed("The server has another host key than the one that is pinned.", "stranger") from None
    except asyncssh.PermissionDenied:
        raise CarryFailed("The server does not let this kiosk's key in.", "not_let_in") from None
    except asyncssh.SFTPError as error:
        raise CarryFailed(f"The server refuses: {said(error.reason).rstrip('. ')}.") from None
    except (asyncssh.Error, OSError, ValueError) as error:
        raise CarryFailed(f"The server cannot be reached: {reason(error)}.", "unreachable") from None
