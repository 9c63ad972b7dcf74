"""The head office's door for kiosks: a batch in, its acknowledgement out; and the downlink to take along. It can only append.

    PUT /v1/batches/K07/00000012        200 and the acknowledgement | 409 and 422 with {"sentence":...} | 413, 503
    GET /v1/downlink/K07                what lies in the bag for everybody and for K07: [{"place","name","size","sha256"}]
    GET /v1/downlink/all/limits-1-4     one letter, from `Range: bytes=N-` on
    GET /v1/health                      200

Nobody logs in: a batch is believed for the kiosk's signature inside, and what lies in the bag is signed, and boxed where it is one kiosk's.
What is asked here has a limit: the bytes of a body, the time for it, and the bytes of all bodies together.
"""

import asyncio
import hashlib
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from kiosk.hq.serving import know
from kiosk.sync.carrier import Offered
from kiosk.sync.folder import Folder, FolderError
from kiosk.sync.spool import BATCH_MAX, EVERYBODY, ITEM_MAX, is_kiosk, letter_name, newest, seq_of

BODY_S = 90.0
ALL_BODIES_MAX = 64 << 20
HASHES_MAX = 20_000
NAMES_MAX = 1_000_000  # letters of one place, all of them the office's own
ACKNOWLEDGED = ("OK", "REPLAY", "GAP", "EXCEPTION")
_FROM = re.compile(r"bytes=([0-9]{1,10})-")


class Taken(Protocol):
    """What came of a batch. `verdict`: OK | REPLAY | GAP | FORK | TAMPER | EXCEPTION; kiosk and number by its own signature."""

    @property
    def verdict(self) -> str:
        """See above."""

    @property
    def kiosk(self) -> str:
        """By the signed header."""

    @property
    def seq(self) -> int:
        """By the signed header."""

    @property
    def ack(self) -> bytes | None:
        """The signed acknowledgement, where there is one."""

    @property
    def sentence(self) -> str:
        """For whoever sent it."""


Take = Callable[[bytes], Taken]
"""Judge a sealed batch and keep it; blocks, and is called by one thread at a time."""


class Busy(Exception):
    """Too much is being sent at once."""


class Bodies:
    """The bytes of all bodies that are being sent or judged. Where they are too many, the address that sends the most gives up its largest
    body for one that sends less: a few slow senders keep nobody out."""

    def __init__(self) -> None:
        self._all: set[Body] = set()
        self._held = 0

    def begin(self, address: str) -> "Body":
        """Another one, empty yet."""
        body = Body(address)
        self._all.add(body)
        return body

    def add(self, body: "Body", part: bytes) -> None:
        """Raises Busy where there is no room for it, or where it had to give way to another."""
        while body.lost or self._held + len(part) > ALL_BODIES_MAX:
            if body.lost or not self._give_up(body, len(part)):
                raise Busy
        body.raw += part
        self._held += len(part)

    def _give_up(self, body: "Body", more: int) -> bool:
        sent = Counter[str]()
        for each in self._all:
            sent[each.address] += len(each.raw)
        most, size = max(sent.items(), key=lambda item: item[1])
        largest = max((each for each in self._all if each.address == most and not each.whole), key=lambda each: len(each.raw), default=None)
        if size <= sent[body.address] + more or largest is None:
            return False
        self._held -= len(largest.raw)
        largest.raw.clear()
        largest.lost = True
        return True

    def end(self, body: "Body") -> None:
        """Its bytes are needed no more."""
        self._all.discard(body)
        self._held -= len(body.raw)


class Body:
    """One of them. `whole`: it is being judged; `lost`: its place was given to another."""

    def __init__(self, address: str) -> None:
        self.address, self.raw = address, bytearray()
        self.whole = self.lost = False


def ingest(take: Take, bag: Path) -> Starlette:
    """The application. `bag`: the folder with downlink/all and downlink/KIOSK."""
    door = Door(take, bag)
    return Starlette(
        routes=[
            Route("/v1/batches/{kiosk}/{seq}", door.batch, methods=["PUT"]),
            Route("/v1/downlink/{kiosk}", door.names, methods=["GET"]),
            Route("/v1/downlink/{place}/{name}", door.letter, methods=["GET"]),
            Route("/v1/health", door.health, methods=["GET"]),
        ]
    )


class Door:
    """The four answers."""

    def __init__(self, take: Take, bag: Path) -> None:
        self._take, self._bag = take, bag
        self._bodies = Bodies()
        self._one = asyncio.Lock()
        self._hashes: dict[tuple[int, int, int], str] = {}

    async def batch(self, request: Request) -> Response:
        """A sealed batch."""
        kiosk, seq = request.path_params["kiosk"], seq_of(request.path_params["seq"])
        if not is_kiosk(kiosk) or seq is None:
            return _refused(422, "A batch is put under its kiosk's id and eight digits.")
        body = self._bodies.begin(request.client.host if request.client else "")
        try:
            async with asyncio.timeout(BODY_S):
                fits = await self._read_body(request, body)
            if not fits:
                return _refused(413, f"A batch has at most {BATCH_MAX} bytes.")
            async with self._one:
                taken = await run_in_threadpool(self._take, bytes(body.raw))
        except TimeoutError:
            return _refused(408, "The batch did not come to its end in time.")
        except Busy:
            return _refused(503, "Too much is being sent at once.")
        except ClientDisconnect:
            return _refused(400, "The batch did not come to its end.")
        finally:
            self._bodies.end(body)
        if taken.verdict in ACKNOWLEDGED and taken.kiosk == kiosk:
            know(request, f"kiosk {taken.kiosk}")
        return _answer(taken, kiosk, seq)

    async def _read_body(self, request: Request, body: Body) -> bool:
        """Whether it is no longer than a batch. Raises Busy, ClientDisconnect, TimeoutError."""
        said = request.headers.get("content-length", "0")
        if not said.isdecimal() or len(said) > 10 or int(said) > BATCH_MAX:
            return False
        async for part in request.stream():
            if len(body.raw) + len(part) > BATCH_MAX:
                return False
            self._bodies.add(body, part)
        body.whole = True
        return True

    async def names(self, request: Request) -> Response:
        """What lies there for a kiosk."""
        kiosk = request.path_params["kiosk"]
        if not is_kiosk(kiosk):
            return _refused(404, "That is no kiosk's id.")
        found = await run_in_threadpool(self._offered, kiosk)
        return Response(msgspec.json.encode(found), media_type="application/json")

    def _offered(self, kiosk: str) -> list[Offered]:
        found = []
        for place in (EVERYBODY, kiosk):
            try:
                with Folder.at(self._bag) as root, root.below("downlink", place) as folder:
                    found += [letter for name in newest(folder.names(NAMES_MAX)) if (letter := self._told(folder, place, name))]
            except FolderError:  # nothing was ever sent there
                continue
        return found

    def _told(self, folder: Folder, place: str, name: str) -> Offered | None:
        seen = folder.stat(name)
        if seen is None or seen.st_size > ITEM_MAX:
            return None
        key = (seen.st_ino, seen.st_mtime_ns, seen.st_size)
        if key not in self._hashes:
            if len(self._hashes) >= HASHES_MAX:
                self._hashes.clear()
            self._hashes[key] = hashlib.sha256(folder.read(name, ITEM_MAX)).hexdigest()
        return Offered(place, name, seen.st_size, self._hashes[key])

    async def letter(self, request: Request) -> Response:
        """One of them, whole or its end."""
        place, name = request.path_params["place"], request.path_params["name"]
        if not (place == EVERYBODY or is_kiosk(place)) or letter_name(name) is None:
            return _refused(404, "There is no such letter.")
        try:
            raw = await run_in_threadpool(self._read, place, name)
        except FolderError:
            return _refused(404, "There is no such letter.")
        asked = _FROM.fullmatch(request.headers.get("range", ""))
        start = min(int(asked[1]), len(raw)) if asked else 0
        if not start:
            return Response(raw, media_type="application/octet-stream")
        if start == len(raw):
            return Response(status_code=416, headers={"Content-Range": f"bytes */{len(raw)}"})
        headers = {"Content-Range": f"bytes {start}-{len(raw) - 1}/{len(raw)}"}
        return Response(raw[start:], 206, headers, media_type="application/octet-stream")

    def _read(self, place: str, name: str) -> bytes:
        with Folder.at(self._bag) as root, root.below("downlink", place) as folder:
            return folder.read(name, ITEM_MAX)

    async def health(self, _request: Request) -> Response:
        """It answers."""
        return Response("ok\n", media_type="text/plain")


def _answer(taken: Taken, kiosk: str, seq: int) -> Response:
    if taken.verdict not in ACKNOWLEDGED or taken.ack is None:
        return _refused(409 if taken.verdict == "FORK" else 422, taken.sentence)
    if (taken.kiosk, taken.seq) != (kiosk, seq):
        # Mail that was put into the wrong slot is mail all the same; but only the kiosk that signed it is told that it is here.
        return _refused(409, "The batch is another one than its address says.")
    return Response(taken.ack, media_type="application/octet-stream")


def _refused(status: int, sentence: str) -> Response:
    return Response(msgspec.json.encode({"sentence": sentence}), status, media_type="application/json")
