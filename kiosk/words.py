"""Key + values -> sentence. The only place where words for people are found, on screens and on paper.

English is the source: TOML tables of sentences under `locale/en`, by key (`insert.first`). Any other language is one gettext catalogue,
`locale/<language>/LC_MESSAGES/kiosk.mo`, in which a sentence's context is its key and its id the English sentence. So a translation of a
sentence that has changed since is not found, and English is said. CONTRIBUTING says how a catalogue is made.
Placeholders are named (`{amount}`): a value is put in already formatted, by the functions below, as CLDR says for the catalogue's locale.
CLDR (babel) is loaded when the first amount is written: the first screen of a start has none and does not wait for it.
"""

import gettext
import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from babel import Locale

LOCALE = Path(__file__).parent / "locale"
SOURCE, SOURCE_LOCALE = "en", "en_GB"
# A plain space parts thousands in French: every terminal's and every printer's font has it, and not all have CLDR's narrow no-break one.
# Nothing wraps an amount: screens have no wrapping and paper breaks only what is wider than the roll.
_PLAIN = str.maketrans({"\u202f": " ", "\u00a0": " ", "\u2212": "-"})


# ------------------------------------------------------------ sentences


@cache
def languages() -> tuple[str, ...]:
    """The languages that have a catalogue, English first."""
    return (SOURCE, *sorted(path.parents[1].name for path in LOCALE.glob("*/LC_MESSAGES/kiosk.mo")))


def text(language: str, key: str, **params: object) -> str:
    """The sentence of `key`. A key unknown in English, or a missing parameter, is a programmer's error: KeyError."""
    sentence = catalogue(language)[key]
    return sentence.format_map(params) if params else sentence


def known(key: str) -> bool:
    """Is there such a sentence? For keys that are built from a word a device or the desk gave (`refused.<why>.first`)."""
    return key in catalogue(SOURCE)


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """Every sentence by its key; English where the language has none."""
    return {key: translated or english for key, english, translated in _entries(language)}


def completeness(language: str) -> float:
    """Per cent of the English sentences that are said in the language."""
    entries = _entries(language)
    return 100 * sum(bool(translated) for _, _, translated in entries) / len(entries)


def _entries(language: str) -> list[tuple[str, str, str]]:
    """(key, English, translation): the last is empty where there is none for this very English sentence."""
    translations = _translations(language)
    return [(key, english, translations.pgettext(key, english)) for key, english in _english().items()]


@cache
def _english() -> Mapping[str, str]:
    """All English tables, flattened to dotted keys."""
    found: dict[str, str] = {}
    for path in sorted((LOCALE / SOURCE).glob("*.toml")):
        found.update(_flat(tomllib.loads(path.read_text("utf-8")), ""))
    return found


def _flat(table: Mapping[str, Any], above: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in table.items():
        found.update(_flat(value, f"{above}{name}.") if isinstance(value, dict) else {above + name: value})
    return found


class _Silent(gettext.NullTranslations):
    """What has no translation is empty, not English: who asks can tell."""

    def pgettext(self, context: str, message: str) -> str:  # noqa: ARG002 - gettext's signature
        return ""


@cache
def _translations(language: str) -> gettext.NullTranslations:
    if language == SOURCE:
        return gettext.NullTranslations()
    path = LOCALE / language / "LC_MESSAGES" / "kiosk.mo"
    if not path.is_file():
        return _Silent()
    with path.open("rb") as file:
        found = gettext.GNUTranslations(file)
    found.add_fallback(_Silent())
    return found


def help_words(language: str, offered: tuple[str, ...]) -> tuple[str, ...]:
    """Help in the language and in the next of those offered, for who cannot read the first; then alone, where that is too long."""
    own = text(language, "language.help")
    other = next((text(name, "language.help") for name in offered if name != language), "")
    return (f"{own} {other}", own) if other else (own,)


# ------------------------------------------------------------ amounts


@lru_cache(maxsize=1024)
def money(language: str, amount_minor: int, exponent: int = 2) -> str:
    """`123450` -> `1,234.50` in the language's own marks, without a currency. Exact: whole numbers in, all places out."""
    from babel.numbers import format_decimal

    locale = _locale(language)
    grouped = locale.decimal_formats[None].pattern.split(".")[0]  # `#,##0`
    pattern = f"{grouped}.{'0' * exponent}" if exponent else grouped
    return format_decimal(Decimal(amount_minor).scaleb(-exponent), format=pattern, locale=locale).translate(_PLAIN)


def whole_money(language: str, amount_minor: int, exponent: int = 2) -> str:
    """A denomination: `10000` -> `100`, and `50` -> `0.50`."""
    return money(language, amount_minor // 10**exponent, 0) if amount_minor % 10**exponent == 0 else money(language, amount_minor, exponent)


def energy(language: str, energy_wh: int) -> str:
    """`241930` Wh -> `241.9 kWh`, truncated: never more than what is bought."""
    return text(language, "number.energy", kwh=money(language, energy_wh // 100, 1))


@lru_cache(maxsize=64)
def currency(language: str, code: str) -> str:
    """`CNY` -> `yuan`: the catalogue's word, or CLDR's symbol, or the code (ISO 4217)."""
    if known(key := f"currency.{code}"):
        return text(language, key)
    from babel.numbers import get_currency_symbol

    return get_currency_symbol(code, _locale(language)).translate(_PLAIN)


# ------------------------------------------------------------ days


def day(language: str, moment: date) -> str:
    """`3 Nov`."""
    return _dated(language, moment.toordinal(), "MMMd")


def full_day(language: str, moment: date) -> str:
    """`3 Nov 2026`."""
    return _dated(language, moment.toordinal(), "yMMMd")


def month(language: str, moment: date) -> str:
    """`Nov 2026`."""
    return _dated(language, moment.toordinal(), "yMMM")


def clock(moment: datetime) -> str:
    """`08:15`, everywhere on 24 hours."""
    return f"{moment:%H:%M}"


def moment(language: str, iso: str) -> str:
    """`2026-11-03 08:15` -> `3 Nov 08:15`; a bare date gives the day alone."""
    when = datetime.fromisoformat(iso)
    return day(language, when) if len(iso) <= len("2026-11-03") else f"{day(language, when)} {clock(when)}"


@lru_cache(maxsize=256)
def _dated(language: str, ordinal: int, skeleton: str) -> str:
    """A day in one of CLDR's skeletons."""
    from babel.dates import format_skeleton

    return format_skeleton(skeleton, date.fromordinal(ordinal), locale=_locale(language)).translate(_PLAIN)


@cache
def _locale(language: str) -> "Locale":
    """The CLDR locale that the catalogue names in its header."""
    from babel import Locale

    return Locale.parse(_translations(language).info().get("language", SOURCE_LOCALE).replace("-", "_"))
