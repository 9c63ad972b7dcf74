"""Which connections the head office's listeners hold: one rule for kiosks, partners and switches.

A connection is anonymous until its peer has shown who it is: by a client certificate, a partner's token, a sign-on, or a batch that a kiosk
has signed. Anonymous connections are counted by address (IPv6: by /64). An address has at most `per_address`, and all addresses together
have at most `anonymous`. Where there is no room, the new connection takes the place of an older one: first of one that has asked nothing,
and, where all places are taken, first of the address that holds the most. A connection younger than `GRACE_S` gives way only to an address
that holds fewer. So idle and slow connections cannot keep an honest peer out. Connections that are known by name are counted by that name.

Refusals are counted, and written to the log at most once a minute.
"""

import asyncio
import contextlib
import errno
import ipaddress
import logging
import os
import resource
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, Protocol
from weakref import WeakValueDictionary

import msgspec

HANDSHAKE_S = 15.0  # from the connection to the end of the TLS handshake
GRACE_S = 5.0
PER_ADDRESS, ANONYMOUS, PER_NAME, NAMED = 64, 256, 64, 512
BACKLOG = 1024  # connections that the kernel holds until they are accepted; it takes net.core.somaxconn where that is less
FILES, FILES_LEAST = 4096, 2048  # open files: two listeners of 256 and 512 connections each, and what the databases and spools need
STALLED_MS = 60_000  # an answer that the peer does not acknowledge for so long ends the connection
AT_ONCE = 64  # connections that are looked at before others are served
LOG_S = 60.0
PAUSE_S = 0.01
ADDRESSES_MAX = 1000  # that are counted one by one between two lines of the log
NO_FILES = (errno.EMFILE, errno.ENFILE)
LOG = logging.getLogger(__name__)


class Limits(msgspec.Struct, frozen=True):
    """See the module."""

    per_address: int = PER_ADDRESS
    anonymous: int = ANONYMOUS
    per_name: int = PER_NAME
    named: int = NAMED


class Refusals:
    """What was refused, one line a minute: the first at once, the others together when the minute is over. Wants a running event loop."""

    def __init__(self, listener: str) -> None:
        self._listener = listener
        self._kinds, self._addresses = Counter[str](), Counter[str]()
        self._next: asyncio.TimerHandle | None = None

    def add(self, kind: str, address: str) -> None:
        """`kind` completes a sentence: "1042 connections refused"."""
        self._kinds[kind] += 1
        if address in self._addresses or len(self._addresses) < ADDRESSES_MAX:
            self._addresses[address] += 1
        if self._next is None:
            self._write()

    def _write(self) -> None:
        self._next = None
        if not self._kinds:
            return
        said = ", ".join(f"{count} {kind}" for kind, count in sorted(self._kinds.items()))
        most, count = self._addresses.most_common(1)[0]
        LOG.warning("%s: %s. Most came from %s: %d.", self._listener, said, most, count)
        self._kinds.clear()
        self._addresses.clear()
        self._next = asyncio.get_running_loop().call_later(LOG_S, self._write)


class Held(Protocol):
    """A connection as it is counted. `asked`: a whole request of it is being answered; `name`: "" while it is anonymous."""

    address: str
    since_s: float
    asked: bool
    name: str

    def hang_up(self) -> None:
        """End it."""


class Crowd:
    """The connections of one listener. Not thread-safe: it belongs to its event loop."""

    def __init__(self, limits: Limits, tell: Callable[[str, str], None], now_s: Callable[[], float] = time.monotonic) -> None:
        self._limits, self._tell, self._now_s = limits, tell, now_s
        self._anonymous: dict[str, list[Held]] = {}
        self._total = 0
        self._names = Counter[str]()

    def enter(self, held: Held) -> bool:
        """Whether there is room for it; if not, nothing has changed."""
        mine = self._anonymous.get(held.address, [])
        room = len(mine) < self._limits.per_address or self._give_up(mine)
        if room and self._total >= self._limits.anonymous:
            room = self._give_up_fairly(len(self._anonymous.get(held.address, [])))
        if not room:
            self._tell("connections refused", held.address)
            return False
        self._anonymous.setdefault(held.address, []).append(held)
        self._total += 1
        return True

    def know(self, held: Held, name: str) -> None:
        """Its peer has shown who it is. It stays anonymous where that name, or all names, have as many connections as they may."""
        if held.name or not self._is_anonymous(held):
            return
        if self._names[name] < self._limits.per_name and self._names.total() < self._limits.named:
            self._forget(held)
            held.name = name
            self._names[name] += 1

    def leave(self, held: Held) -> None:
        """It has ended; said more than once, it counts once."""
        if held.name:
            self._names[held.name] -= 1
            self._names += Counter()  # without those that are none
            held.name = ""
        elif self._is_anonymous(held):
            self._forget(held)

    def _is_anonymous(self, held: Held) -> bool:
        return any(each is held for each in self._anonymous.get(held.address, ()))

    def _give_up(self, among: Iterable[Held], *, young: bool = False) -> bool:
        """End one of these, a `young` one only if that is said: one that asked nothing before one that did, the oldest first."""
        latest_s = self._now_s() - (0.0 if young else GRACE_S)
        old = [each for each in among if each.since_s <= latest_s]
        if not old:
            return False
        last = min(old, key=lambda each: (each.asked, each.since_s))
        self._forget(last)
        self._tell("connections ended to make room", last.address)
        last.hang_up()
        return True

    def _give_up_fairly(self, mine: int) -> bool:
        most = max(self._anonymous.values(), key=len, default=[])
        if len(most) > mine + 1:
            return self._give_up(most, young=True)
        return self._give_up(each for lines in self._anonymous.values() for each in lines)

    def _forget(self, held: Held) -> None:
        left = [each for each in self._anonymous[held.address] if each is not held]
        self._total -= 1
        if left:
            self._anonymous[held.address] = left
        else:
            del self._anonymous[held.address]


class Line(socket.socket):
    """An accepted connection. Implements `Held`."""

    def __init__(self, accepted: socket.socket, peer: Any, listener: "Listener") -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
        self.address, self.since_s, self.asked, self.name = address_of(peer[0]), time.monotonic(), False, ""
        self._listener = listener
        self._late: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """It is taken in: its handshake has a time limit from now on."""
        self._late = asyncio.get_running_loop().call_later(HANDSHAKE_S, self._mute)
        with contextlib.suppress(OSError):  # the peer may be gone already, which the first reader meets
            self.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_MS)

    def _mute(self) -> None:
        self._late = None
        self.tell("handshakes that did not end")
        self.hang_up()

    def talks(self) -> None:
        """The handshake has ended."""
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def know(self, name: str) -> None:
        """Its peer has shown that it is `name`."""
        self._listener.crowd.know(self, name)

    def tell(self, kind: str) -> None:
        """To the log; see `Refusals.add`."""
        self._listener.refusals.add(kind, self.address)

    def hang_up(self) -> None:
        """Whatever reads and writes it meets its end, and closes it."""
        with contextlib.suppress(OSError):
            self.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """It counts no more."""
        self.talks()
        self._listener.crowd.leave(self)
        super().close()


_LINES: WeakValueDictionary[tuple[Any, Any], Line] = WeakValueDictionary()


def line_of(transport: asyncio.BaseTransport) -> Line | None:
    """The connection below a transport; None where another listener took it in."""
    return _LINES.get((transport.get_extra_info("sockname"), transport.get_extra_info("peername")))


class Listener(socket.socket):
    """A listening socket for one event loop, which takes in only connections that there is room for."""

    def __init__(self, host: str, port: int, limits: Limits) -> None:
        """OSError."""
        super().__init__(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        self._spare = -1
        self.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self.bind((host, port))
            self.listen(BACKLOG)
            self._keep_one()
        except OSError:
            self.close()
            raise
        self.refusals = Refusals(f"{host}:{self.getsockname()[1]}")
        self.crowd = Crowd(limits, self.refusals.add)

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection that there is room for. BlockingIOError where none waits, or enough were looked at for now."""
        for _ in range(AT_ONCE):
            accepted, peer = self._next()
            line = Line(accepted, peer, self)
            if self.crowd.enter(line):
                line.begin()
                _LINES[line.getsockname(), peer] = line
                return line, peer
            line.close()
        raise BlockingIOError

    def _next(self) -> tuple[socket.socket, Any]:
        """BlockingIOError where nobody waits, and where no file can be opened any more: then one who waits is refused."""
        try:
            return super().accept()
        except OSError as error:
            if error.errno not in NO_FILES:
                raise
        self.refusals.add("connections refused because no file can be opened", self._refuse_one())
        raise BlockingIOError

    def _refuse_one(self) -> str:
        """With the file that was kept for this moment; whose connection it was."""
        self._let_go()
        try:
            refused, peer = super().accept()
            refused.close()
        except OSError:
            time.sleep(PAUSE_S)  # another thread had that file; without a pause this would be tried again at once, and again
            return "an unknown address"
        finally:
            with contextlib.suppress(OSError):
                self._keep_one()
        return address_of(peer[0])

    def _keep_one(self) -> None:
        self._spare = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def _let_go(self) -> None:
        if self._spare >= 0:
            os.close(self._spare)
            self._spare = -1

    def close(self) -> None:
        """Nobody is taken in any more."""
        self._let_go()
        super().close()


def listening(host: str, port: int, limits: Limits = Limits()) -> Listener:  # noqa: B008 - frozen
    """A socket to serve on; port 0 is any that is free. OSError."""
    files()
    return Listener(host, port, limits)


def files() -> None:
    """This process may open as many files as its listeners may need. OSError where the system does not let it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    if soft != resource.RLIM_INFINITY and soft < FILES_LEAST:
        raise OSError(errno.EMFILE, f"this process may open {soft} files and needs {FILES_LEAST}: set LimitNOFILE={FILES}")


def address_of(host: str) -> str:
    """What connections are counted by: an IPv4 address, or an IPv6 network of /64, which one subscriber has."""
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))
