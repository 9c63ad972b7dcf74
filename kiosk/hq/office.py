"""The head office's own keys, and what it has sent to whom: one folder, kept by few.

    office.json        public: the utility, its public keys, the kiosks that it knows, the number that each kind of item has reached
    keys/root-1.json   the root: two people's passphrases open it together; root-2 lies elsewhere and is pinned in the kiosks, too
    keys/decision.json one passphrase; it signs all that is decided, and is never on the machine that takes in batches
    keys/ack.json      signs acknowledgements only
    keys/batch-1.json  what the kiosks box their batches to (`batch_keys`)
    downlink/...       the mail bag for every kiosk, as `kiosk sync import` reads it
    places/...         what was sent to a place, for a kiosk that comes to stand there
    sent/...           what so much was sent after that no kiosk looks at it any more

    people/ID.json     the keys of the office's staff, each under its owner's passphrase (`people`)

How a key lies in its file: `sealed`.
"""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from kiosk import envelope, safefile
from kiosk.hq import batch_keys, sealed
from kiosk.hq.batch_keys import BatchKeyError, KeyBox
from kiosk.hq.sealed import COST, PASSPHRASE_MAX, PASSPHRASE_MIN
from kiosk.sync.bag import KEPT_A_KIND
from kiosk.sync.item import EVERYBODY, WAYS, Header, KeyList, Kind, made, series
from kiosk.sync.spool import is_kiosk, letter_name
from kiosk.vend.operators.tree import covers

FILE_MAX = 16 << 20
DAY_MS = 86_400_000
PLACES, SENT = "places", "sent"
STAFF_ROWS = "staff/*"

Key = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Signer = Callable[[str, bytes], bytes]
"""Label and bytes -> 64 bytes."""


class OfficeError(Exception):
    """It cannot be done; the text is one sentence."""


class Enrolled(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kiosk as the head office knows it: its public keys, Ed25519 and X25519; `place` in the tree, "" where its own id ends it."""

    sign: Key
    box: Key
    region: int
    place: Annotated[str, Meta(pattern=r"^([a-z][a-z0-9./]{0,63})?\Z")] = ""


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """office.json. `numbers`: "float/K07" -> the last one made; of what is not one kiosk's alone a kind has one series for all, "limits/*",
    "limits/u1/r2" and "limits/K07"; "staff/*" counts the rows of the list of staff. `tariffs`: what each name and number stands for.
    Nothing in it is secret."""

    utility: int
    roots: tuple[Key, Key]
    decision: Key
    ack: Key
    epoch: int = 1
    kiosks: dict[str, Enrolled] = {}
    numbers: dict[str, int] = {}
    keys: KeyList | None = None
    tariffs: dict[str, str] = {}
    v: Literal[1] = 1


class Office:
    """An opened folder. Only one process writes it at a time."""

    def __init__(self, folder: Path) -> None:
        """Raises OfficeError."""
        self.folder = folder
        try:
            self.record = msgspec.json.decode(safefile.read(folder / "office.json", FILE_MAX), type=Record)
        except FileNotFoundError:
            raise OfficeError(
                f"There is no head office in {folder}. Make one with: kiosk hq init --office {folder} --utility NUMBER"
            ) from None
        except (safefile.UnsafeFile, msgspec.MsgspecError, UnicodeDecodeError):
            raise OfficeError(f"The file {folder / 'office.json'} cannot be used: restore it from its backup.") from None

    @classmethod
    def create(cls, folder: Path, utility: int, root: Sequence[str], decision: str, *, now_ms: int, cost: int = COST) -> "Office":
        """New keys, and the first list of them. `root`: the passphrases of two people, who may not have the same. Raises OfficeError."""
        if len(root) != 2 or root[0] == root[1]:
            raise OfficeError("The root has two passphrases, of two people, and they differ.")
        for passphrase in (*root, decision):
            if not sealed.fits(passphrase):
                raise OfficeError(f"A passphrase has {PASSPHRASE_MIN} to {PASSPHRASE_MAX} characters.")
        if (folder / "office.json").exists():
            raise OfficeError(f"There is a head office in {folder} already; its keys are never made anew.")
        safefile.folder(folder / "keys")
        folder.chmod(0o700)
        roots = _sealed(folder, "root-1", root, cost), _sealed(folder, "root-2", root, cost)
        record = Record(utility, roots, _sealed(folder, "decision", [decision], cost), _sealed(folder, "ack", [], cost))
        safefile.write(folder / "office.json", msgspec.json.format(msgspec.json.encode(record)), anew=True)
        office = cls(folder)
        office.rotate_batch_key(office.signer("root-1", root), now_ms=now_ms)
        return office

    # ------------------------------------------------------------ who signs

    def signer(self, name: str, passphrases: Sequence[str] = ()) -> Signer:
        """The key of that name: root-1 | root-2 | decision | ack. Raises OfficeError."""
        signer = self.opened(name, passphrases)
        if signer is None:
            raise OfficeError(f"This does not open the key {name}.")
        return signer

    def opened(self, name: str, passphrases: Sequence[str]) -> Signer | None:
        """The same; None where these are not its passphrases. Raises OfficeError."""
        try:
            kept = msgspec.json.decode(safefile.read(self.folder / "keys" / f"{name}.json", FILE_MAX), type=sealed.Sealed)
        except (FileNotFoundError, safefile.UnsafeFile, msgspec.MsgspecError, UnicodeDecodeError):
            raise OfficeError(f"The key {name} is not here, or cannot be used.") from None
        key = sealed.opened(kept, passphrases)
        return (lambda label, data: key.sign(envelope.labelled(label, data))) if key else None

    def batch_boxes(self) -> tuple[KeyBox, ...]:
        """Whoever opens batches: every key that one may be boxed to, the newest first. Raises OfficeError."""
        try:
            return batch_keys.boxes(self.folder)
        except BatchKeyError as error:
            raise OfficeError(str(error)) from None

    # ------------------------------------------------------------ what it sends

    def enrol(self, kiosk: str, enrolled: Enrolled) -> None:
        """A kiosk's id names one store's life: it is never given other keys. Raises OfficeError."""
        if not is_kiosk(kiosk):
            raise OfficeError("A kiosk's id has 1 to 8 capital letters, digits and points, and begins with no point.")
        if self.record.kiosks.get(kiosk, enrolled) != enrolled:
            raise OfficeError(f"There is a kiosk {kiosk} already, with other keys: a new store gets a new id.")
        self._write(kiosks={**self.record.kiosks, kiosk: enrolled})
        for path in sorted((self.folder / PLACES).glob("*-*-*")):  # what its place was sent before it came
            if covers(_header(path).to, self.place(kiosk), "/"):
                _put(self.folder / "downlink" / kiosk / path.name, path.read_bytes())

    def place(self, kiosk: str) -> str:
        """Where a kiosk stands in the tree of places. Raises OfficeError."""
        known = self.kiosk(kiosk)
        return known.place or f"u{self.record.utility}/r{known.region}/{kiosk.lower()}"

    def below(self, to: str) -> tuple[str, ...]:
        """The kiosks that something is for: a kiosk's id, a place, or everybody. Raises OfficeError where there is none."""
        found = tuple(one for one in self.record.kiosks if to in (one, EVERYBODY) or covers(to, self.place(one), "/"))
        if not found and to != EVERYBODY:
            raise OfficeError(
                f"There is no kiosk {to}, and none stands at such a place; make one known with: kiosk hq enrol {to} --sign HEX --box HEX"
            )
        return found

    def open_epoch(self, root: Signer, *, now_ms: int, keys: KeyList | None = None, epoch: int = 0) -> Path:
        """After this office was restored from a backup: what it forgot to have sent is passed over by a new epoch. Raises OfficeError."""
        next_one = epoch or self.record.epoch + 1
        if not self.record.epoch < next_one <= 0xFFFFFFFF:
            raise OfficeError(f"This office is in epoch {self.record.epoch}: the next is above it.")
        self._write(epoch=next_one, numbers={})
        return self.publish_keys(root, keys=keys, now_ms=now_ms)

    def publish_keys(self, root: Signer, *, now_ms: int, keys: KeyList | None = None, days: int = 3650) -> Path:
        """The list of who signs and what is revoked, signed by the root."""
        listed = keys or self.record.keys or KeyList((self.record.decision,), (self.record.ack,))
        path = self.publish("keys", EVERYBODY, msgspec.json.encode(listed), root, days=days, now_ms=now_ms)
        self._write(keys=listed)
        return path

    def rotate_batch_key(self, root: Signer, *, now_ms: int) -> Path:
        """A new key that batches are boxed to, in a new list of keys; what was boxed to the earlier ones can still be opened."""
        listed = self.record.keys or KeyList((self.record.decision,), (self.record.ack,))
        try:
            batch_keys.new_key(self.folder)
            batch = batch_keys.listed(self.folder)
        except BatchKeyError as error:
            raise OfficeError(str(error)) from None
        return self.publish_keys(root, now_ms=now_ms, keys=msgspec.structs.replace(listed, batch=batch))

    def publish(self, kind: Kind, to: str, body: bytes, signer: Signer, *, days: int, now_ms: int, bag: Path | None = None) -> Path:
        """Into a mail bag, the office's own if none is named, under the next number of its kind; boxed where it is one kiosk's, and for a
        place into the folder of each kiosk that stands there.

        Raises OfficeError.
        """
        header = self.header(kind, to, now_ms=now_ms, days=days)
        whole, name = made(header, body, signer), f"{kind}-{header.epoch}-{header.version}"
        below = self.below(to) if to != EVERYBODY else ()
        if to in self.record.kiosks:
            whole = envelope.boxed(whole, WAYS[kind].label, to, bytes.fromhex(self.kiosk(to).box))
        elif WAYS[kind].boxed:
            raise OfficeError(f"A {kind} is one kiosk's: name the kiosk.")
        paths = [(bag or self.folder) / "downlink" / folder / name for folder in below or ("all",)]
        if below and to not in self.record.kiosks and bag is None:
            paths.append(self.folder / PLACES / name)
        self._write(numbers={**self.record.numbers, f"{series(kind)}/{to}": header.version})  # first: a number is never used twice
        for path in paths:
            _put(path, whole)
        for path in paths:
            _prune(path.parent, kind, to, self.folder / SENT if bag is None else None)
        return paths[0]

    def header(self, kind: Kind, to: str, *, now_ms: int, days: int) -> Header:
        """What the next item of this kind will say of itself."""
        until_ms = now_ms + days * DAY_MS
        return Header(kind, to, self.record.utility, self.record.epoch, self.next_number(kind, to), now_ms, now_ms, until_ms)

    def next_number(self, kind: Kind, to: str) -> int:
        """That the next item of this kind will have there: of what is everybody's, too, no kiosk sees a lower one after a higher."""
        if WAYS[kind].boxed:
            return self.record.numbers.get(f"{kind}/{to}", 0) + 1
        return max((number for name, number in self.record.numbers.items() if name.startswith(f"{series(kind)}/")), default=0) + 1

    @property
    def staff_rows(self) -> int:
        """How many rows the root has signed of the list of staff, in this epoch."""
        return self.record.numbers.get(STAFF_ROWS, 0)

    def count_staff(self, rows: int) -> None:
        """From now on the list of staff has at least so many rows."""
        self._write(numbers={**self.record.numbers, STAFF_ROWS: rows})

    def names_tariffs(self, terms: dict[str, str]) -> None:
        """From now on each of these names stands for these terms."""
        self._write(tariffs={**self.record.tariffs, **terms})

    def kiosk(self, name: str) -> Enrolled:
        """Raises OfficeError."""
        found = self.record.kiosks.get(name)
        if found is None:
            raise OfficeError(f"There is no kiosk {name} here. Make it known with: kiosk hq enrol {name} --sign HEX --box HEX")
        return found

    def _write(self, **changes: object) -> None:
        self.record = msgspec.structs.replace(self.record, **changes)
        safefile.write(self.folder / "office.json", msgspec.json.format(msgspec.json.encode(self.record)))


def _put(path: Path, whole: bytes) -> None:
    """A new file, durably. Raises OfficeError."""
    try:
        safefile.folder(path.parent)
        safefile.write(path, whole, anew=True)
    except OSError as error:
        raise OfficeError(f"{path} cannot be written: {error.strerror}.") from None


def _prune(letterbox: Path, kind: Kind, to: str, sent: Path | None) -> None:
    """The newest of a kind stay: no kiosk looks at others, and whoever lists the folder from afar sees only so many. What is not one
    kiosk's alone is put aside, for it still says what held when, and for each place as many stay for whoever comes to stand there."""
    found = [(said.number, path) for path in letterbox.glob(f"{kind}-*") if (said := letter_name(path.name)) and said.kind == kind]
    if letterbox.name == PLACES:
        found = [(number, path) for number, path in found if _header(path).to == to]
    for _, path in sorted(found)[:-KEPT_A_KIND]:
        with contextlib.suppress(OSError):
            if WAYS[kind].boxed or letterbox.name == PLACES or sent is None:
                path.unlink()
            else:
                safefile.folder(sent / letterbox.name)
                path.rename(sent / letterbox.name / path.name)


def _header(path: Path) -> Header:
    """Of an item of the office's own that is not boxed."""
    return msgspec.json.decode(path.read_bytes().partition(b"\n")[0], type=Header)


def _sealed(folder: Path, name: str, passphrases: Sequence[str], cost: int) -> str:
    """A new key in its file; its public half, hex."""
    kept, public = sealed.sealed(passphrases, cost)
    safefile.write(folder / "keys" / f"{name}.json", msgspec.json.encode(kept), anew=True)
    return public
