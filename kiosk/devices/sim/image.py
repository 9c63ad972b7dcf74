"""The card as a JSON file, so that one card goes from kiosk to meter and back (docs: card format), and its personalisation.

`CardImage` is exactly what the file says, hex and all; `card.py` works on bytes. A damaged file gives one sentence as `ImageError`.
"""

import os
import secrets
from pathlib import Path
from typing import Literal

import msgspec

from kiosk.devices.sim import card_files, crypto

TRIES = 10
GENERATIONS_ON_CARD = 3
MAKERS_KEY = bytes(range(0x40, 0x50))  # what card makers deliver their samples with; anybody knows it
HISTORICAL_HEAD, HISTORICAL_TAIL = b"K", b"V10"


class ImageError(ValueError):
    """A card or meter file that cannot be used, in one sentence."""


class CardKeys(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Card keys as hex, "" for one that is not there yet. The kiosk key stands here in three generations, by number.

    `transport`: in ADMIN's place is still the maker's key.
    """

    admin: str
    auth: str
    kiosk: dict[str, str]
    meterkey: str
    transport: bool = False


class CardImage(msgspec.Struct, forbid_unknown_fields=True):
    """One card, whole."""

    serial: str
    atr: str
    utility: int
    keys: CardKeys
    min_generation: int
    tries: dict[str, int]
    files: dict[str, str]
    v: Literal[1] = 1
    profile: str = "gdw1365"
    suite: Literal["aes128", "sm4"] = "aes128"
    torn: Literal["byte", "apdu"] = "byte"  # whether one update can tear inside, or is all or nothing
    region: int = 0  # utility and region are what GET DATA says of the issuer; 0 on a blank


def make_atr(serial: bytes) -> bytes:
    """T=0, twelve historical bytes, the serial at offset 5..12 (facts of the fielded cards)."""
    return bytes.fromhex("3b6c0002") + HISTORICAL_HEAD + serial + HISTORICAL_TAIL


def load(path: Path) -> CardImage:
    """Read and check a card file; ImageError says what is wrong with it."""
    try:
        image = msgspec.json.decode(path.read_bytes(), type=CardImage)
    except OSError as e:
        raise ImageError(f"{path}: {e.strerror}") from None
    except msgspec.MsgspecError as e:
        raise ImageError(f"{path} is not a card image: {e}") from None
    check(image, str(path))
    return image


def check(image: CardImage, name: str) -> None:
    """Lengths and hex of everything that the card will work with."""
    wanted = [("serial", image.serial, 8)]
    wanted += [(f"file {n:02d}", image.files.get(f"{n:02d}", ""), size) for n, size in card_files.SIZES.items()]
    keys = [image.keys.auth, image.keys.meterkey, *image.keys.kiosk.values()]
    wanted += [("a key", k, 16) for k in (image.keys.admin, *(k for k in keys if k))]
    for what, text, size in wanted:
        try:
            right = len(bytes.fromhex(text)) == size
        except ValueError:
            right = False
        if not right:
            raise ImageError(f"{name}: {what} must be {size} bytes in hex")
    if not all(g.isdecimal() for g in image.keys.kiosk) or len(image.keys.kiosk) > GENERATIONS_ON_CARD:
        raise ImageError(f"{name}: kiosk keys are named by their generation, a number, and there are at most {GENERATIONS_ON_CARD}")
    if not all((*keys, image.keys.kiosk)) and image.files["01"] != "ff" * card_files.SIZES[1]:
        raise ImageError(f"{name}: a card that was issued has all its keys")
    if not all(0 <= left <= TRIES for left in image.tries.values()):
        raise ImageError(f"{name}: a try counter stands between 0 and {TRIES}")
    try:
        bytes.fromhex(image.atr)
    except ValueError:
        raise ImageError(f"{name}: atr must be hex") from None


def save(path: Path, image: msgspec.Struct) -> None:
    """Replace the file durably: a power cut leaves the old image or the new one."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as f:
        f.write(msgspec.json.format(msgspec.json.encode(image), indent=1) + b"\n")
        f.flush()
        os.fsync(f.fileno())
    part.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def personalise(
    masters: crypto.Masters,
    serial: bytes,
    parameters: card_files.Parameters,
    *,
    amount_minor: int = 0,
    count: int = 0,
    returned: card_files.Returned | None = None,
    current: card_files.Tariff | None = None,
    standby: card_files.Tariff | None = None,
    first_generation: int = 1,
    torn: Literal["byte", "apdu"] = "byte",
) -> CardImage:
    """A card as it leaves the issuing desk: by default an open card, count 0, wallet 0, return file empty."""
    identity = crypto.meter_identity(parameters.meter)
    kiosk = {
        str(g): crypto.derive(masters.kiosk, serial, masters.utility, crypto.kiosk_role(g)).hex()
        for g in range(first_generation, first_generation + GENERATIONS_ON_CARD)
    }
    files = {
        card_files.PARAMETERS: parameters.encode(),
        card_files.WALLET: card_files.wallet(amount_minor, count),
        card_files.CURRENT: (current or card_files.Tariff()).encode(),
        card_files.STANDBY: (standby or card_files.Tariff()).encode(),
        card_files.RETURNED: returned.encode() if returned else bytes(49),
        card_files.COMMAND: bytes(50),
    }
    return CardImage(
        serial=serial.hex(),
        atr=make_atr(serial).hex(),
        utility=masters.utility,
        keys=CardKeys(
            admin=crypto.derive(masters.admin, serial, masters.utility, crypto.ADMIN).hex(),
            auth=crypto.derive(masters.auth, serial, masters.utility, crypto.AUTH).hex(),
            kiosk=kiosk,
            meterkey=crypto.derive(masters.meter, identity, masters.utility, crypto.METER).hex(),
        ),
        min_generation=first_generation,
        tries={"admin": TRIES, "meterkey": TRIES} | {f"kiosk.{g}": TRIES for g in kiosk},
        files={f"{n:02d}": raw.hex() for n, raw in files.items()},
        torn=torn,
        region=masters.region,
    )


def blank(serial: bytes, transport: bytes = MAKERS_KEY, torn: Literal["byte", "apdu"] = "byte") -> CardImage:
    """A card as its maker delivers it: a serial, files that are allocated and erased, and the transport key."""
    return CardImage(
        serial=serial.hex(),
        atr=make_atr(serial).hex(),
        utility=0,
        keys=CardKeys(transport.hex(), "", {}, "", transport=True),
        min_generation=0,
        tries={"admin": TRIES},
        files={f"{n:02d}": "ff" * size for n, size in card_files.SIZES.items()},
        torn=torn,
    )


def clone(image: CardImage) -> CardImage:
    """What a copyist can make: every file and the serial, but no key."""
    keys = CardKeys(_random(), _random(), {g: _random() for g in image.keys.kiosk}, _random())
    return msgspec.structs.replace(image, keys=keys, files=dict(image.files), tries=dict(image.tries))


def rolled_back(image: CardImage, purchases: int) -> CardImage:
    """The same card with counts of `purchases` earlier in wallet and return file: an old copy put back."""
    files = dict(image.files)
    raw = bytes.fromhex(files["02"])
    files["02"] = (raw[:4] + max(0, int.from_bytes(raw[4:], "big") - purchases).to_bytes(4, "big")).hex()
    try:
        back = card_files.Returned.decode(bytes.fromhex(files["05"]))
    except card_files.BadFile:
        return msgspec.structs.replace(image, files=files)
    files["05"] = msgspec.structs.replace(back, count=max(0, back.count - purchases)).encode().hex()
    return msgspec.structs.replace(image, files=files)


def _random() -> str:
    return secrets.token_hex(16)
