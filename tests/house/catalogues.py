"""The translators' one command: every catalogue is brought up to the English tables and compiled.

    python -m tests.house.catalogues

A new language is a folder: `mkdir kiosk/locale/ha`, this command, translate `kiosk/locale/ha/LC_MESSAGES/kiosk.po`, this command again.
A new sentence stands there empty; a changed one keeps its old translation, marked fuzzy, and English is said until somebody has looked
at it; one that is gone goes. What is wrong with a catalogue is printed.
"""

import string
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from kiosk import words

HEADER = "# The kiosk's words: a sentence's context is its key, its id is English.\n# Translated by: nobody yet"
CAPS = ("key.clear", "key.enter")
ALWAYS = {("currency", "")}  # may be added on screens, for languages in which an amount needs its word


def files() -> Mapping[str, Path]:
    """The .po of each language but English, there or not yet."""
    folders = sorted(path for path in words.LOCALE.iterdir() if path.is_dir() and path.name != words.SOURCE)
    return {folder.name: folder / "LC_MESSAGES" / "kiosk.po" for folder in folders}


def read(language: str, path: Path) -> Catalog:
    """A catalogue as it is; a new one where there is none."""
    if path.exists():
        return read_po(BytesIO(path.read_bytes()), domain="kiosk", ignore_obsolete=True)
    now = datetime.now(UTC)
    return Catalog(language, "kiosk", HEADER, "kiosk", "1", creation_date=now, revision_date=now, language_team=language, fuzzy=False)


def brought_up(old: Catalog) -> Catalog:
    """The same translations, one entry a sentence of today's English, in the order of its tables."""
    new = Catalog(
        old.locale_identifier,
        "kiosk",
        old.header_comment,
        old.project,
        old.version,
        msgid_bugs_address="-",
        creation_date=old.creation_date,
        revision_date=old.revision_date,
        last_translator=old.last_translator,
        language_team=old.language_team,
        fuzzy=False,
    )
    before = {message.context: message for message in old if message.id}
    for key, english in words.catalogue(words.SOURCE).items():
        was = before.get(key)
        if was is None:
            new.add(english, "", context=key)
        else:
            stale = bool(was.string) and (was.fuzzy or was.id != english)
            previous = was.id if was.id != english else ()
            new.add(english, was.string, flags=["fuzzy"] * stale, user_comments=was.user_comments, previous_id=previous, context=key)
    return new


def written(catalog: Catalog) -> bytes:
    """The .po."""
    out = BytesIO()
    write_po(out, catalog, width=120, include_previous=True)
    return out.getvalue()


def compiled(catalog: Catalog) -> bytes:
    """The .mo: what is translated and not fuzzy."""
    out = BytesIO()
    write_mo(out, catalog)
    return out.getvalue()


def faults(catalog: Catalog) -> Iterator[str]:
    """What a customer would see of it: a missing or stale sentence, a lost or invented placeholder, a key that has another name."""
    found = {message.context: message for message in catalog if message.id}
    caps = {words.text(words.SOURCE, cap): str(found[cap].string) for cap in CAPS if cap in found}
    for key, english in words.catalogue(words.SOURCE).items():
        if key not in found or not found[key].string:
            yield f"{key}: missing"
        elif found[key].fuzzy or found[key].id != english:
            yield f"{key}: stale"
        else:
            yield from _differences(key, english, str(found[key].string), caps)


def _differences(key: str, english: str, translation: str, caps: Mapping[str, str]) -> Iterator[str]:
    lost, invented = placeholders(english) - placeholders(translation), placeholders(translation) - placeholders(english) - ALWAYS
    if lost or invented:
        yield f"{key}: placeholders lost {sorted(lost)}, invented {sorted(invented)}"
    for cap, called in caps.items():
        if cap in english and called not in translation:
            yield f"{key}: the key {cap} is called {called}"


def placeholders(sentence: str) -> set[tuple[str, str]]:
    """Names and formats of what is put in. A brace that is not closed is a placeholder nobody fills."""
    try:
        return {(name, form or "") for _, name, form, _ in string.Formatter().parse(sentence) if name is not None}
    except ValueError as error:
        return {(str(error), "")}


def main() -> int:
    """Write every .po and .mo anew; 1 if any is not fit for customers."""
    found = 0
    for language, path in files().items():
        catalog = brought_up(read(language, path))
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(written(catalog))
        path.with_suffix(".mo").write_bytes(compiled(catalog))
        for fault in faults(catalog):
            found += 1
            print(f"{language} {fault}")  # noqa: T201 - this is a command
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
