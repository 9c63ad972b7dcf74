"""The core's control socket: what an operator's command line may ask of a running core. A closed set of words, the same user only.

    -> {"do":"unlock","last_try":false}, and the PIN in a frame of its own | {"do":"lock"} | {"do":"status"}
       {"do":"tamper","where":"door"} | {"do":"import","bag":"/media/stick"}
       {"do":"person","sale":"..","details":{"phone":".."},"days":90} | {"do":"forget","subject":".."}
    <- {"ok":true,"say":["...", ...]}

Frames as on the screen's socket (`link`). A PIN comes in here, goes to the vault's process, and is written down or left nowhere.
"""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Protocol

import msgspec
from msgspec import Meta

from kiosk import safefile
from kiosk.link import LinkError, receive, send, send_secret, uid_of
from kiosk.secret import wipe
from kiosk.vend.ports import DeskBusy, DeskDied, VaultError
from kiosk.vend.store import StoreError

ASK_S = 5.0
ANSWER_S = 120.0


class Unlock(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="unlock"):
    """Open the trading store with the boot card in its reader; its PIN comes behind this word."""

    last_try: bool = False


class Lock(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="lock"):
    """End the trading keys."""


class Status(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="status"):
    """How they stand."""


class Tamper(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="tamper"):
    """A door or loop input says that it opened."""

    where: Annotated[str, Meta(pattern=r"^[a-z0-9_]{1,16}\Z")]


class Import(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="import"):
    """Take in a mail bag."""

    bag: Annotated[str, Meta(max_length=4096)]


class Person(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="person"):
    """Whoever paid in this sale wants to be reached: name, phone, address."""

    sale: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]
    details: Annotated[dict[Annotated[str, Meta(max_length=16)], Annotated[str, Meta(max_length=400)]], Meta(max_length=8)]
    days: Annotated[int, Meta(ge=1, le=366)] = 90

    def __repr__(self) -> str:
        return f"Person({self.sale})"


class Forget(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do", tag="forget"):
    """Whoever stands behind this reference wants to be forgotten."""

    subject: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]


Words = Unlock | Lock | Status | Tamper | Import | Person | Forget


class Said(msgspec.Struct, frozen=True):
    """The answer."""

    ok: bool
    say: list[str]


class Controlled(Protocol):
    """What a core does for its operators: sentences, or VaultError. See `kiosk.keeping.Keeping`."""

    def unlock(self, pin: bytearray, operator: str = "", *, last_try: bool = False) -> str:
        """With the boot card in its reader; the PIN is wiped."""

    def lock(self, operator: str = "") -> str:
        """End the trading keys."""

    def tampered(self, where: str) -> str:
        """The door or a loop."""

    def take_in(self, bag: Path) -> Iterator[str]:
        """A mail bag."""

    def status(self) -> list[str]:
        """How the keys, lists and floats stand."""


class Registers(Protocol):
    """Who keeps persons: see `kiosk.people.People`."""

    def keep(self, sale: str, details: Mapping[str, str], now_ms: int, days: int) -> str:
        """Somebody's reference. NotKept."""

    def forget(self, subject: str, now_ms: int) -> bool:
        """Was there anybody?"""


class NotKept(Exception):
    """Nobody is kept by this; the text is one sentence, and repeats nothing of what was said."""


class ControlServer:
    """One connection after the other."""

    def __init__(self, path: Path, core: Controlled, people: Registers | None = None) -> None:
        """OSError when the socket cannot be made."""
        self._path, self._core, self._people = path, core, people
        safefile.folder(path.parent)
        path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        path.chmod(0o600)
        self._listener.listen(2)
        threading.Thread(target=self._accept, name="control", daemon=True).start()

    def close(self) -> None:
        """Nobody asks any more."""
        self._path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError, LinkError):
                if uid_of(connection) == os.geteuid():
                    connection.settimeout(ASK_S)
                    word = _word(receive(connection))
                    pin = receive(connection) if isinstance(word, Unlock) else bytearray()
                    connection.settimeout(ANSWER_S)
                    send(connection, self._answer(word, pin))

    def _answer(self, word: Words | None, pin: bytearray) -> Said:
        if word is None:
            return Said(ok=False, say=["That is not a word of this socket."])
        try:
            return Said(ok=True, say=self._done(word, pin))
        except (VaultError, DeskBusy, DeskDied, StoreError, NotKept) as error:
            return Said(ok=False, say=[str(error)])
        finally:
            wipe(pin)

    def _done(self, word: Words, pin: bytearray) -> list[str]:
        match word:
            case Unlock():
                return [self._core.unlock(pin, last_try=word.last_try)]
            case Lock():
                return [self._core.lock()]
            case Tamper():
                return [self._core.tampered(word.where)]
            case Import():
                return list(self._core.take_in(Path(word.bag)))
            case Person() if self._people:
                return [self._people.keep(word.sale, word.details, _now_ms(), word.days)]
            case Forget() if self._people:
                found = self._people.forget(word.subject, _now_ms())
                return ["Nobody stands behind it here any more." if found else "Nobody stands behind it here."]
        return self._core.status()


def _word(body: bytearray) -> Words | None:
    try:
        word: Words = msgspec.json.decode(body, type=Words)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return word


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def ask(path: Path, word: Words, pin: bytearray | None = None) -> Said:
    """From the command line; `pin` behind an Unlock, it is wiped. OSError when no core listens there."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(ANSWER_S)
        line.connect(str(path))
        send(line, word)
        if pin is not None:
            send_secret(line, pin)
        try:
            return msgspec.json.decode(receive(line), type=Said)
        except (LinkError, msgspec.MsgspecError):
            raise ConnectionError("the core gave no answer") from None
