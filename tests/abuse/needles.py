"""Known secrets, every way in which they could be written, and where they are looked for."""

import base64
import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from kiosk.devices.vault.demo import demo_master
from kiosk.devices.vault.suite import Keyring, PlainMaster, Role, meter_diversifier

Needles = Mapping[str, bytes]
BLOCK = 1 << 16


def masters() -> dict[str, bytes]:
    """The five masters of the demo's utility and region."""
    return {f"{role.name} master": demo_master(role, 1, 1) for role in Role}


def card_keys(name: str, serial: str, meter: str) -> dict[str, bytes]:
    """What is derived of them for one card and its meter."""
    ring = Keyring(1, lambda role, _: PlainMaster(demo_master(role, 1, 1)))
    (auth,), (kiosk,) = (
        ring.card_keys(role, generation, [bytes.fromhex(serial)]) for role, generation in ((Role.AUTH, 0), (Role.KIOSK, 1))
    )
    tags = ring.card_keys(Role.TAG, 0, [meter_diversifier(meter)])
    return {f"AUTH of card {name}": auth, f"KIOSK of card {name}": kiosk, f"TAG of meter {name}": tags[0]}


def station(path: Path) -> dict[str, bytes]:
    """The secrets of a station store."""
    said = msgspec.json.decode(path.read_bytes())
    return {f"station {name}": bytes.fromhex(said[name]) for name in ("sign", "box", "database")}


def written(secret: bytes) -> set[bytes]:
    """As bytes, hex, base64 and Python would write it."""
    return {
        secret,
        secret.hex().encode(),
        secret.hex().upper().encode(),
        base64.b64encode(secret).rstrip(b"="),
        repr(secret)[2:-1].encode(),
    }


def found(where: bytes, needles: Needles) -> set[str]:
    """Which of them stand there in some form."""
    return {name for name, secret in needles.items() if any(form in where for form in written(secret))}


def in_memory(pid: int, needles: Needles) -> set[str]:
    """Which stand in a process's memory. Only root may look. What a file is mapped for reading only is that file."""
    here: set[str] = set()
    with Path(f"/proc/{pid}/mem").open("rb", 0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights, _, _, _, *name = line.split(maxsplit=5)
            is_file = rights[1] != "w" and bool(name) and Path(name[0]).is_file()
            if rights[0] == "r" and "[v" not in line and not is_file:
                start, end = (int(part, 16) for part in span.split("-"))
                with contextlib.suppress(OSError):
                    memory.seek(start)
                    for used in used_parts(memory.read(end - start)):
                        here |= found(used, needles)
    return here


def used_parts(memory: bytes) -> Iterable[bytes]:
    """It, but for the blocks in which nothing was ever written: most of a stack."""
    block, start = bytes(BLOCK), 0
    for place in range(0, len(memory), BLOCK):
        if memory.startswith(block, place):
            if start < place:
                yield memory[start:place]
            start = place + BLOCK
    yield memory[start:]


def in_files(files: Iterable[Path], needles: Needles) -> dict[str, set[str]]:
    """File -> which stand in it, for each file with any."""
    looked = {str(path): found(path.read_bytes(), needles) for path in files if path.is_file()}
    return {path: names for path, names in looked.items() if names}
