"""Core and screen apart: one unix socket, a closed set of words each way.

    core -> screen   {"v":1,"t":"state","rev":n,"phase":...,"view":{...}}   the newest only
    screen -> core   {"t":"choice","rev":n,"do":...,"arg":...}
                     P, rev in 8 bytes, digits                              a PIN, which is no text: see `kiosk.secret`

Each message is a u32 length, big-endian, and JSON of at most 64 KiB. A word outside the set, a length above the limit or a peer of another
user closes the connection; a screen can never say that money came in. Both ends begin again by themselves when the other was away.
"""

import contextlib
import os
import pwd
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import msgspec

from kiosk.secret import wipe
from kiosk.vend.ports import DeskBusy, DeskDied
from kiosk.vend.seen import Choice
from kiosk.vend.staff import BadOrder, is_pin
from kiosk.vend.view import View

LIMIT = 64 * 1024
LENGTH = struct.Struct(">I")
PIN = struct.Struct(">cQ")  # what stands before the digits of a PIN
PEER = struct.Struct("3i")  # pid, uid, gid of SO_PEERCRED
AGAIN_S = 0.2
NOT_A_MESSAGE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
WORDS = Literal[
    "language", "balance", "amount", "tender", "order", "code", "finish", "cancel", "stop", "add_more", "more_time",
    "receipt", "no_card", "slip_taken", "sms", "phone", "operator", "speak", "alive",
]  # fmt: skip


class LinkError(Exception):
    """The peer said something that is not in the set."""


class _State(msgspec.Struct, tag_field="t", tag="state"):
    rev: int
    phase: str
    view: View
    v: int = 1


class _Choice(msgspec.Struct, tag_field="t", tag="choice", forbid_unknown_fields=True):
    rev: int
    do: WORDS
    arg: str = ""

    def __repr__(self) -> str:
        return f"_Choice({self.rev}, {self.do!r})"  # an operator's may be a PIN


class Source(Protocol):
    """What a core offers to a screen."""

    def subscribe(self, callback: Callable[[View], None]) -> None:
        """The newest View at once, then each new one."""

    def tell(self, choice: Choice) -> None:
        """What the customer chose."""


class Peer(NamedTuple):
    """Another user of this machine."""

    uid: int
    gid: int


def peer(name: str) -> Peer:
    """The user of that name. LinkError when this machine has none."""
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        raise LinkError(f"There is no user {name} on this machine.") from None
    return Peer(found.pw_uid, found.pw_gid)


def uid_of(connection: socket.socket) -> int:
    """The user at the other end, as the kernel says."""
    _, uid, _ = PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size))
    return int(uid)


def send(connection: socket.socket, message: msgspec.Struct) -> None:
    """One message, whole. OSError when the peer is gone."""
    body = msgspec.json.encode(message)
    connection.sendall(LENGTH.pack(len(body)) + body)


def send_secret(connection: socket.socket, secret: bytearray, head: bytes = b"") -> None:
    """`secret` as one message, behind `head`; it is wiped, and nothing else of it stays here. OSError when the peer is gone."""
    message = bytearray(LENGTH.size + len(head) + len(secret))
    try:
        message[: LENGTH.size + len(head)] = LENGTH.pack(len(head) + len(secret)) + head
        message[LENGTH.size + len(head) :] = secret
        connection.sendall(message)
    finally:
        wipe(message, secret)


def receive(connection: socket.socket) -> bytearray:
    """One message's body, the only copy of it; empty at the end. LinkError above the limit."""
    head = _exactly(connection, LENGTH.size)
    if not head:
        return head
    (length,) = LENGTH.unpack(head)
    if length > LIMIT:
        raise LinkError(f"a message of {length} bytes, {LIMIT} are allowed")
    return _exactly(connection, length)


def _exactly(connection: socket.socket, size: int) -> bytearray:
    """So many bytes, or none."""
    got = bytearray(size)
    left = memoryview(got)
    while left:
        read = connection.recv_into(left)
        if not read:
            wipe(got)
            return bytearray()
        left = left[read:]
    return got


def _listening(path: Path, user: Peer | None) -> socket.socket:
    """A socket that only its two ends can open, before anyone may: mode 0600, or 0660 under the group of the screen's user."""
    if path.is_socket():
        path.unlink()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    try:
        if user:
            os.chown(path, -1, user.gid)
        path.chmod(0o660 if user else 0o600)
        listener.listen(2)
    except OSError:
        listener.close()
        path.unlink()
        raise
    return listener


def _say(connection: socket.socket, choice: Choice) -> None:
    if choice.pin is None:
        send(connection, msgspec.convert({"t": "choice", "rev": choice.rev, "do": choice.do, "arg": choice.arg}, _Choice))
    else:
        send_secret(connection, choice.pin, PIN.pack(b"P", choice.rev))


def _chosen(body: bytearray) -> Choice:
    """What a screen says. LinkError, or as msgspec, for what is not in the set."""
    if body.startswith(b"P") and len(body) > PIN.size:
        _, rev = PIN.unpack_from(body)
        pin = body[PIN.size :]
        wipe(body)
        if is_pin(pin):
            return Choice(rev, "pin", pin=pin)
        wipe(pin)
        raise LinkError("that is no PIN")
    choice = msgspec.json.decode(body, type=_Choice)
    return Choice(choice.rev, choice.do, choice.arg if choice.do == "operator" else choice.arg[:64])


class LinkServer:
    """The core's end. One screen at a time: a new one takes the place of the old."""

    def __init__(self, path: Path, source: Source, *, user: Peer | None = None) -> None:
        """`user`: whose screen is let in, and nobody else's; without one the core's own user. OSError when the socket cannot be made."""
        self._source, self._uid = source, user.uid if user else os.geteuid()
        self._changed = threading.Condition()
        self._view: View | None = None
        self._count = 0
        self._screen: socket.socket | None = None
        self._listener = _listening(path, user)
        source.subscribe(self._show)
        for work in (self._accept, self._speak):
            threading.Thread(target=work, name=f"link{work.__name__}", daemon=True).start()

    def close(self) -> None:
        """No screen any more."""
        self._listener.close()
        self._drop(self._screen)

    def _show(self, view: View) -> None:
        """On the desk's thread: remember the newest, never wait for a screen."""
        with self._changed:
            self._view, self._count = view, self._count + 1
            self._changed.notify_all()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            if uid_of(connection) != self._uid:
                connection.close()
                continue
            self._drop(self._screen)
            with self._changed:
                self._screen, self._count = connection, self._count + 1
                self._changed.notify_all()
            threading.Thread(target=self._listen, args=(connection,), name="link-listen", daemon=True).start()

    def _speak(self) -> None:
        said = 0
        while True:
            with self._changed:
                while self._count == said:
                    self._changed.wait()
                said, view, screen = self._count, self._view, self._screen
            if view and screen:
                try:
                    send(screen, _State(view.rev, view.phase, view))
                except OSError:
                    self._drop(screen)

    def _listen(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, LinkError, BadOrder, *NOT_A_MESSAGE, DeskBusy, DeskDied):
            while body := receive(connection):
                self._source.tell(_chosen(body))
        self._drop(connection)

    def _drop(self, connection: socket.socket | None) -> None:
        if connection is None:
            return
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()
        if self._screen is connection:
            self._screen = None


class LinkClient:
    """The screen's end: a Source that looks for its core until `close`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.lost: Callable[[], None] = lambda: None  # called when the core goes away
        self._callbacks: list[Callable[[View], None]] = []
        self._connection: socket.socket | None = None
        self._closed = False
        self.view: View | None = None
        threading.Thread(target=self._run, name="link-client", daemon=True).start()

    def subscribe(self, callback: Callable[[View], None]) -> None:
        """The newest View, if there is one, then each new one, on the link's thread."""
        self._callbacks.append(callback)
        if self.view:
            callback(self.view)

    def tell(self, choice: Choice) -> None:
        """What the customer chose; lost when the core is away, as the screen then shows."""
        connection = self._connection
        if connection:
            with contextlib.suppress(OSError):
                _say(connection, choice)
        if choice.pin is not None:
            wipe(choice.pin)

    def close(self) -> None:
        """Look no further."""
        self._closed = True
        if self._connection:
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        while not self._closed:
            try:
                with socket.socket(socket.AF_UNIX) as connection:
                    connection.connect(str(self._path))
                    self._connection = connection
                    self._follow(connection)
            except (OSError, LinkError, *NOT_A_MESSAGE):
                pass
            if self._connection:
                self._connection, self.view = None, None
                self.lost()
            time.sleep(AGAIN_S)

    def _follow(self, connection: socket.socket) -> None:
        while body := receive(connection):
            self.view = msgspec.json.decode(body, type=_State).view
            for callback in self._callbacks:
                callback(self.view)
