"""Key + values -> sentence. The only place where words for people are found, on screens and on paper.

A key is a msgid (`insert.first`). Each language is a folder of TOML tables under `locale/`; a key missing there is said in English.
Placeholders are named (`{amount}`): a value is put in already formatted, by the functions below.
"""

import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

LOCALE = Path(__file__).parent / "locale"
SOURCE = "en"


@cache
def languages() -> tuple[str, ...]:
    """The languages that have a catalogue, English first."""
    return tuple(sorted((folder.name for folder in LOCALE.iterdir() if folder.is_dir()), key=lambda name: (name != SOURCE, name)))


def text(language: str, key: str, **params: object) -> str:
    """The sentence of `key`. A key unknown in English, or a missing parameter, is a programmer's error: KeyError."""
    sentence = catalogue(language).get(key) or catalogue(SOURCE)[key]
    return sentence.format_map(params) if params else sentence


def known(key: str) -> bool:
    """Is there such a sentence? For keys that are built from a word a device or the desk gave (`refused.<why>.first`)."""
    return key in catalogue(SOURCE)


def money(language: str, amount_minor: int, exponent: int = 2) -> str:
    """`123450` -> `1,234.50` in the language's own marks, without a currency."""
    sign, digits = ("-" if amount_minor < 0 else ""), str(abs(amount_minor)).rjust(exponent + 1, "0")
    whole, part = (digits[:-exponent], digits[-exponent:]) if exponent else (digits, "")
    group, point = text(language, "number.group"), text(language, "number.point")
    whole = f"{int(whole):,}".replace(",", group)
    return sign + (f"{whole}{point}{part}" if part else whole)


def whole_money(language: str, amount_minor: int, exponent: int = 2) -> str:
    """A denomination: `10000` -> `100`, and `50` -> `0.50`."""
    return money(language, amount_minor // 10**exponent, 0) if amount_minor % 10**exponent == 0 else money(language, amount_minor, exponent)


def energy(language: str, energy_wh: int) -> str:
    """`241930` Wh -> `241.9 kWh`, truncated: never more than what is bought."""
    return text(language, "number.energy", kwh=money(language, energy_wh // 100, 1))


def day(language: str, moment: date) -> str:
    """`3 Nov`."""
    return text(language, "date.day", day=moment.day, month=text(language, f"date.month.{moment.month}"))


def full_day(language: str, moment: date) -> str:
    """`3 Nov 2026`."""
    return text(language, "date.full_day", day=moment.day, month=text(language, f"date.month.{moment.month}"), year=moment.year)


def clock(moment: datetime) -> str:
    """`08:15`, everywhere on 24 hours."""
    return f"{moment:%H:%M}"


def moment(language: str, iso: str) -> str:
    """`2026-11-03 08:15` -> `3 Nov 08:15`; a bare date gives the day alone."""
    when = datetime.fromisoformat(iso)
    return day(language, when) if len(iso) <= len("2026-11-03") else f"{day(language, when)} {clock(when)}"


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """All tables of a language, flattened to dotted keys; empty where the language has none."""
    found: dict[str, str] = {}
    for path in sorted((LOCALE / language).glob("*.toml")):
        found.update(_flat(tomllib.loads(path.read_text("utf-8")), ""))
    return found


def _flat(table: Mapping[str, Any], above: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in table.items():
        found.update(_flat(value, f"{above}{name}.") if isinstance(value, dict) else {above + name: value})
    return found
