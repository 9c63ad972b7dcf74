"""The simulators' control socket: one JSON object a line over a unix socket, `{"do": verb, ...}` in, `{"ok": ..., ...}` out.

One thread serves every connection in turn, so that a simulator's handler is never entered twice at once through its socket.
"""

import contextlib
import errno
import json
import selectors
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

LINE_LIMIT = 65536  # bytes
STALL_S = 1.0  # a client that does not take its answer for this long is dropped


class ControlRefused(Exception):
    """The simulator cannot do that now; the text is the answer's `error`."""


Handler = Callable[[dict[str, Any]], dict[str, Any]]


class ControlServer:
    """Serves `handler` at `path` (0600) between `start()` and `stop()`.

    `handler(verb)` returns the simulator's state, answered as `{"ok": true, "state": ...}`,
    or raises ControlRefused, answered as `{"ok": false, "error": ...}`.
    """

    def __init__(self, path: str | Path, handler: Handler) -> None:
        self._path = Path(path)
        self._handler = handler
        self._selector = selectors.DefaultSelector()
        self._pending: dict[socket.socket, bytearray] = {}
        self._thread: threading.Thread | None = None
        self._wake_out, self._wake_in = socket.socketpair()

    def start(self) -> None:
        """Listens. OSError when the path cannot be used or another simulator answers there."""
        listener = _listen(self._path)
        self._selector.register(listener, selectors.EVENT_READ)
        self._selector.register(self._wake_in, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve, args=(listener,), name=f"control {self._path.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the service and removes the socket; safe to call twice, and from a handler."""
        with contextlib.suppress(OSError):
            self._wake_out.send(b".")
        if self._thread and self._thread is not threading.current_thread():
            self._thread.join(2.0)

    def _serve(self, listener: socket.socket) -> None:
        with contextlib.ExitStack() as end:
            end.callback(self._path.unlink, missing_ok=True)
            for closing in (self._selector, listener, self._wake_in, self._wake_out):
                end.callback(closing.close)
            while True:
                for key, _ in self._selector.select():
                    if key.fileobj is self._wake_in:
                        for connection in list(self._pending):
                            self._drop(connection)
                        return
                    if key.fileobj is listener:
                        self._accept(listener)
                    elif isinstance(key.fileobj, socket.socket):
                        self._receive(key.fileobj)

    def _accept(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        connection.settimeout(STALL_S)
        self._pending[connection] = bytearray()
        self._selector.register(connection, selectors.EVENT_READ)

    def _receive(self, connection: socket.socket) -> None:
        pending = self._pending[connection]
        try:
            received = connection.recv(LINE_LIMIT)
            pending += received
            while (end := pending.find(b"\n")) >= 0:
                line = bytes(pending[:end])
                del pending[: end + 1]
                connection.sendall(json.dumps(self._answer(line)).encode() + b"\n")
        except OSError:
            received = b""
        if not received or len(pending) > LINE_LIMIT:
            self._drop(connection)

    def _drop(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        del self._pending[connection]
        connection.close()

    def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            verb = json.loads(line)
        except ValueError:
            return {"ok": False, "error": "This line is not JSON."}
        if not isinstance(verb, dict) or not isinstance(verb.get("do"), str):
            return {"ok": False, "error": 'An order is an object with "do".'}
        try:
            return {"ok": True, "state": self._handler(verb)}
        except ControlRefused as refused:
            return {"ok": False, "error": str(refused)}


def _listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        if path.is_socket():
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
                if probe.connect_ex(str(path)) == 0:
                    raise OSError(errno.EADDRINUSE, "another simulator answers at", str(path))
            path.unlink()
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(8)
    except OSError:
        listener.close()
        raise
    return listener


def ask(path: str | Path, verb: dict[str, Any], timeout_s: float = 5.0) -> dict[str, Any]:
    """Sends one order to a simulator and returns its whole answer. OSError when nobody answers there in time."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout_s)
        connection.connect(str(path))
        connection.sendall(json.dumps(verb).encode() + b"\n")
        with connection.makefile("rb") as lines:
            line = lines.readline(LINE_LIMIT)
    if not line:
        raise ConnectionError(errno.ECONNRESET, "the simulator hung up", str(path))
    answer: dict[str, Any] = json.loads(line)
    return answer
