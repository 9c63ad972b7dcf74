"""From the files that people at the office write, TOML and CSV, to the bodies that kiosks read.

Times are written with their zone, `2026-11-05T09:00:00+08:00`. Every error is one sentence that names the place in the file.
"""

import csv
import io
import tomllib
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from kiosk.hq.office import OfficeError
from kiosk.sync.bodies import LimitsBody
from kiosk.sync.customer import PERSONS_MAX, NoticesBody, PersonsBody, TariffBody, TextsBody
from kiosk.sync.delta import SERIAL_BYTES
from kiosk.vend.greeting import MASK_CELLS, masked, reference

CUSTOMER_DIGITS = 12
MINOR_PLACES = 2


def price_list(text: str) -> bytes:
    """`currency`, and a table `[[tariff]]` each with id, price, fixed_fee_minor, from, until, and the two shares."""
    said = _toml(text, {"currency", "tariff"})
    periods = [_times(one, "tariff", "from", "from_ms", "until", "until_ms") for one in _tables(said, "tariff")]
    return _body({"currency": said.get("currency"), "periods": periods}, TariffBody)


def texts(text: str) -> bytes:
    """A table each of utility, tax_number, phone, footer: language, or "*" for all, = text."""
    return _body({"texts": _toml(text, None)}, TextsBody)


def notices(text: str) -> bytes:
    """A table `[[notice]]` each with place, from, to, and `words` by language."""
    said = _toml(text, {"notice"})
    return _body({"notices": [_times(one, "notice", "from", "from_ms", "to", "to_ms") for one in _tables(said, "notice")]}, NoticesBody)


def limits(text: str) -> bytes:
    """`restart`, `restart_ms`, and a table `[values]`: TOML, or the same as JSON."""
    try:
        said = msgspec.json.decode(text) if text.lstrip().startswith("{") else _toml(text, None)
    except msgspec.DecodeError as error:
        raise OfficeError(f"It is no JSON: {error}.") from None
    return _body(said, LimitsBody)


def serials(text: str) -> frozenset[bytes]:
    """The cards of a hotlist: one serial of 16 hex digits a line."""
    try:
        found = frozenset(bytes.fromhex(line.strip()) for line in text.splitlines() if line.strip())
    except ValueError:
        found = frozenset({b""})
    if any(len(serial) != SERIAL_BYTES for serial in found):
        raise OfficeError("A hotlist has one serial of 16 hex digits a line.")
    return found


def persons(text: str, utility: int) -> bytes:
    """CSV with the columns customer and name. Only what hides the name leaves the office."""
    rows = csv.DictReader(io.StringIO(text), restkey="more", strict=True)
    masks: dict[str, str] = {}
    try:
        if set(rows.fieldnames or ()) != {"customer", "name"}:
            raise OfficeError("The first line of the file is: customer,name.")
        for line, row in enumerate(rows, 2):
            customer, mask = row["customer"] or "", masked(row["name"] or "")
            if len(customer) != CUSTOMER_DIGITS or not (customer.isascii() and customer.isdecimal()) or not mask or "more" in row:
                raise OfficeError(f"Line {line} is no customer number of 12 digits and a name.")
            masks[reference(utility, customer)] = mask[:MASK_CELLS]
    except csv.Error as error:
        raise OfficeError(f"It is no CSV: {error}.") from None
    if len(masks) > PERSONS_MAX:
        raise OfficeError(f"It names {len(masks)} customers, and one kiosk greets at most {PERSONS_MAX}.")
    return _body({"masks": masks}, PersonsBody)


def amount_minor(text: str) -> int:
    """`50000.00` or `50000`."""
    whole, dot, cents = text.partition(".")
    if not (text.isascii() and whole.isdecimal() and (not dot or (len(cents) == MINOR_PLACES and cents.isdecimal()))):
        raise OfficeError(f"{text} is no amount; write 50000.00.")
    return int(whole + (cents or "0" * MINOR_PLACES))


# ---------------------------------------------------------------- how


def _toml(text: str, keys: set[str] | None) -> dict[str, Any]:
    try:
        said = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise OfficeError(f"It is no TOML: {error}.") from None
    strange = sorted(set(said) - keys) if keys is not None else []
    if strange:
        raise OfficeError(f"{strange[0]} is not a key of it; known are {', '.join(sorted(keys or ()))}.")
    return said


def _tables(said: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = said.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise OfficeError(f"Each {name} is a table of its own: [[{name}]].")
    return found


def _times(table: dict[str, Any], name: str, *keys: str) -> dict[str, Any]:
    """`from`, `until` and `to` as milliseconds, under the names that a body has for them."""
    found = dict(table)
    for key, into in zip(keys[::2], keys[1::2], strict=True):
        when = found.pop(key, None)
        if not isinstance(when, datetime) or when.tzinfo is None:
            raise OfficeError(f"A {name} has `{key}` with its zone: 2026-11-05T09:00:00+08:00.")
        found[into] = round(when.timestamp() * 1000)
    return found


def _body(said: object, kind: type[msgspec.Struct]) -> bytes:
    try:
        return msgspec.json.encode(msgspec.convert(said, kind))
    except msgspec.ValidationError as error:
        raise OfficeError(f"{error}.") from None


READ: dict[str, Callable[[str], bytes]] = {"tariff": price_list, "texts": texts, "notices": notices, "limits": limits}
"""Kinds of which one file says all."""
