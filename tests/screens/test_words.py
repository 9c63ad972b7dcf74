"""Words: each language says everything, on every screen and paper there is room for it, and numbers and days are written as people do."""

import shutil
import string
import subprocess
import sys
from collections.abc import Iterator
from datetime import date, datetime
from io import BytesIO
from pathlib import Path

import pytest
from babel import Locale
from babel.messages.pofile import read_po
from msgspec.structs import replace

from kiosk import words
from kiosk.config import ConfigError, checked
from kiosk.screens.canvas import Frame, fitting, width_of
from kiosk.screens.customer import PHASES, scene_of
from kiosk.screens.palette import TRUE
from kiosk.screens.rows import rows
from kiosk.screens.samples import SAMPLES, Sample
from kiosk.screens.scene import DIGIT, Scene
from kiosk.screens.size import L, M, S, Size
from kiosk.vend.view import View
from tests.house import catalogues

LANGUAGES = ("en", "zh", "fr", "sw")
every_language = pytest.mark.parametrize("language", words.languages())
MOST_CELLS, ROLL_CELLS = 52, 32
SENTENCES = {*PHASES, "works", "help", "title", "status"}
FILLED = {  # the widest that a placeholder holds on a kiosk that sells at most 999.99 at a time; amounts and days are the language's own
    "card": "..7730",
    "count": "999",
    "copy": "2",
    "cards": "12",
    "group": 5,
    "keys": "1 2 3",
    "kiosk": "K07",
    "lines": "________ ________",
    "minutes": 2,
    "month": "2026-11",
    "name": "A*** K***",
    "notes": "12",
    "number": "K07-000122",
    "part": 20,
    "row": "999999",
    "phone": "0800 123 456",
    "pieces": "100 x 2 + 50",
    "purchase": "18-2",
    "rate": "13",
    "seconds": 45,
    "session": "31",
    "tail": "..7730",
    "other": "..1102",
    "time": "2:30",
    "to": "+123 456 789 012 345",
    "tries": 9,
    "following": 999,
    "whole": 20,
}


def filled(language: str, key: str) -> str:
    """The sentence at its widest."""
    months = [datetime(2026, month, 28, 8, 15) for month in range(1, 13)]  # noqa: DTZ001 - the wall's own time
    widest = max((words.moment(language, f"{month:%Y-%m-%d %H:%M}") for month in months), key=width_of)
    amount = words.money(language, 99999)
    own = dict.fromkeys(("amount", "room", "before", "added", "left"), amount) | {
        "note": words.whole_money(language, 10000),
        "low": words.whole_money(language, 1000),
        "high": words.whole_money(language, 10000),
        "when": widest,
        "moment": widest,
        "day": max((words.full_day(language, month) for month in months), key=width_of),
        "energy": words.money(language, 99999),
        "kwh": words.money(language, 99999, 1),
        "price": words.money(language, 6200, 4),
        "currency": max((words.text(language, each) for each in words.catalogue("en") if each.startswith("currency.")), key=width_of),
        "ways": words.text(language, "attract.between").join(
            words.text(language, f"attract.{way}") for way in ("notes", "coins", "bank", "code")
        ),
        "way": words.text(language, "attract.bank"),
        "others": words.text(language, "attract.between").join(words.text(language, f"attract.{way}") for way in ("bank", "code")),
    }
    names = {name for _, name, _, _ in string.Formatter().parse(words.catalogue(language)[key]) if name}
    return words.text(language, key, **{name: (FILLED | own)[name] for name in names})


def in_language(language: str) -> Iterator[tuple[str, Sample, Scene]]:
    for name, sample in SAMPLES.items():
        said = sample._replace(view=replace(sample.view, language=language, languages=LANGUAGES))
        yield name, said, scene_of(said.view, helping=said.helping)


def framed(sample: Sample, size: Size) -> Frame:
    return rows(sample.view, sample.clock, size, TRUE, helping=sample.helping)


def written(frame: Frame) -> list[str]:
    return ["".join(text for text, _ in row) for row in frame.rows]


# ------------------------------------------------------------ four languages, complete


def test_four_languages_say_everything() -> None:
    assert set(words.languages()) >= set(LANGUAGES)
    assert {language: words.completeness(language) for language in words.languages()} == dict.fromkeys(words.languages(), 100.0)


@every_language
def test_no_sentence_on_a_screen_is_wider_than_the_smallest_screen(language: str) -> None:
    said = {key: filled(language, key) for key in words.catalogue(language) if key.split(".")[0] in SENTENCES}
    assert {key: (width_of(text), text) for key, text in said.items() if width_of(text) > MOST_CELLS} == {}


@every_language
def test_no_line_on_paper_is_wider_than_the_narrow_roll(language: str) -> None:
    lines = {(key, line) for key in words.catalogue(language) if key.startswith("paper.") for line in filled(language, key).split("\n")}
    assert {(key, width_of(line), line) for key, line in lines if width_of(line) > ROLL_CELLS} == set()


@every_language
def test_on_every_screen_nothing_is_cut_or_covered(language: str) -> None:
    for name, sample, _ in in_language(language):
        for size in (S, M, L):
            assert framed(sample, size).lost == (), (name, size.name)


@every_language
def test_every_word_on_a_key_has_room_there(language: str) -> None:
    wide = set()
    for name, sample, scene in in_language(language):
        for size in (S, M, L):
            widths = {target.cap: target.width for target in framed(sample, size).targets}
            for key in scene.keys:
                room = widths[key.cap] - max(size.badge, width_of(key.name or key.cap) + 2) - 2
                label = fitting(key.labels, room)
                if key.do != DIGIT and width_of(label) > room:
                    wide.add((name, size.name, key.cap, label, room))
    assert wide == set()


@every_language
def test_what_stands_beside_the_figure_is_all_there_and_does_not_make_it_smaller(language: str) -> None:
    for (name, sample, scene), (_, english, _) in zip(in_language(language), in_language("en"), strict=True):
        for size in (S, M, L):
            frame = framed(sample, size)
            page = "\n".join(written(frame))
            if not scene.lines and not scene.poster:
                shown = [label for label, _ in scene.ledger if label.strip() in page]
                assert len(shown) >= min(3, len(scene.ledger)), (name, size.name, scene.ledger)
            assert tall(frame) >= tall(framed(english, size)), (name, size.name)


def tall(frame: Frame) -> int:
    """Rows that a figure's ink stands on."""
    return sum(any(".figure" in token for _, style in row for token in style[:2]) for row in frame.rows)


@every_language
def test_all_four_stations_are_named_wherever_they_are_in_english(language: str) -> None:
    stations = [words.text(language, f"station.{station}") for station in ("you", "machine", "card", "meter")]
    for (name, sample, _), (_, english, _) in zip(in_language(language), in_language("en"), strict=True):
        for size in () if name.startswith("qr") else (S, M, L):  # beside a code the line is short
            assert named(framed(sample, size), stations) >= named(framed(english, size), ["You", "Machine", "Card", "Meter"]), (
                name,
                size.name,
            )


def named(frame: Frame, stations: list[str]) -> int:
    """How many of these words the fullest row has."""
    return max(sum(station in line for station in stations) for line in written(frame))


# ------------------------------------------------------------ a new language is a catalogue


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The catalogues, copied to where a test may change them."""
    caches = (
        words.languages,
        words.catalogue,
        words._english,
        words._translations,
        words._locale,
        words.money,
        words.currency,
        words._dated,
    )
    shutil.copytree(words.LOCALE, tmp_path / "locale")
    monkeypatch.setattr(words, "LOCALE", tmp_path / "locale")
    for cache in caches:
        cache.cache_clear()
    yield tmp_path / "locale"
    monkeypatch.undo()
    for cache in caches:
        cache.cache_clear()


def test_a_new_language_is_a_catalogue_and_nothing_else(elsewhere: Path) -> None:
    (elsewhere / "de").mkdir()
    assert catalogues.main() == 1  # nothing of it is translated
    path = elsewhere / "de" / "LC_MESSAGES" / "kiosk.po"
    assert words.completeness("de") == 0
    german = {"language.name": "Deutsch", "language.help": "Hilfe", "attract.first": "Bitte Karte einstecken."}
    catalogue = read_po(BytesIO(path.read_bytes()))
    for message in catalogue:
        if message.id:
            message.string = german.get(str(message.context), str(message.id))
    path.write_bytes(catalogues.written(catalogue))
    words.languages.cache_clear()
    words._translations.cache_clear()
    words.catalogue.cache_clear()
    assert catalogues.main() == 0
    words._translations.cache_clear()
    assert "de" in words.languages()
    assert words.completeness("de") == 100
    assert words.money("de", 123456789) == "1.234.567,89"
    assert words.day("de", date(2026, 11, 3)) == "3. Nov."
    scene = scene_of(View("attract", language="de", languages=("en", "de")))
    assert scene.first == "Bitte Karte einstecken."
    assert ("2", ("Deutsch",)) in [(key.cap, key.labels) for key in scene.keys]
    assert ("0", ("Hilfe Help", "Hilfe")) in [(key.cap, key.labels) for key in scene.keys]


def test_a_changed_english_sentence_is_said_in_english_until_it_is_translated_anew(elsewhere: Path) -> None:
    table = elsewhere / "en" / "screens.toml"
    table.write_text(table.read_text("utf-8").replace('first = "Take your card."', 'first = "Please take your card."'), "utf-8")
    assert words.text("fr", "take_card.first") == "Please take your card."
    assert words.completeness("fr") < 100
    assert catalogues.main() == 1
    written_ = (elsewhere / "fr" / "LC_MESSAGES" / "kiosk.po").read_bytes()
    assert b'#| msgid "Take your card."' in written_
    again = read_po(BytesIO(written_))
    stale = again.get("Please take your card.", "take_card.first")
    assert stale is not None
    assert stale.fuzzy
    assert list(catalogues.faults(again)) == ["take_card.first: stale"]


def test_a_language_without_a_catalogue_is_spoken_in_english() -> None:
    assert words.text("xx", "reading.first") == words.text("en", "reading.first")
    assert words.money("xx", 5) == "0.05"


def test_a_missing_sentence_or_a_missing_value_is_an_error_of_ours() -> None:
    with pytest.raises(KeyError):
        words.text("en", "no.such.sentence")
    with pytest.raises(KeyError):
        words.text("en", "insert.first", sum="150.00")


def test_help_is_written_in_the_next_language_too() -> None:
    assert words.help_words("en", LANGUAGES) == ("Help 帮助", "Help")
    assert words.help_words("sw", LANGUAGES) == ("Msaada Help", "Msaada")
    assert words.help_words("en", ("en",)) == ("Help",)


# ------------------------------------------------------------ numbers, days, currencies


AMOUNTS = {"en": "1,234,567.89", "zh": "1,234,567.89", "fr": "1 234 567,89", "sw": "1,234,567.89"}
DAYS = {"en": "3 Nov", "zh": "11月3日", "fr": "3 nov.", "sw": "3 Nov"}
FULL_DAYS = {"en": "3 Nov 2026", "zh": "2026年11月3日", "fr": "3 nov. 2026", "sw": "3 Nov 2026"}


def test_an_amount_is_written_with_its_thousands_apart_and_all_its_cents() -> None:
    assert {language: words.money(language, 123456789) for language in AMOUNTS} == AMOUNTS
    assert words.money("en", 5) == "0.05"
    assert words.money("en", -1240) == "-12.40"
    assert words.money("en", 1500, 0) == "1,500"
    assert words.money("fr", 1500, 0) == "1 500"
    assert words.money("en", 12345, 3) == "12.345"


def test_no_digit_of_a_large_amount_is_rounded_away() -> None:
    assert words.money("en", 12345678901234567890123) == "123,456,789,012,345,678,901.23"


@every_language
def test_an_amount_has_only_marks_that_a_printer_and_the_giant_figure_have(language: str) -> None:
    assert set(words.money(language, -123456789)) <= set("0123456789-,. ")


def test_a_note_is_called_by_its_face_and_a_half_by_its_cents() -> None:
    assert words.whole_money("en", 10000) == "100"
    assert words.whole_money("en", 50) == "0.50"
    assert words.whole_money("fr", 1000000, 0) == "1 000 000"


def test_energy_is_never_rounded_up() -> None:
    assert words.energy("en", 241_999) == "241.9 kWh"
    assert words.energy("fr", 1_241_999) == "1 241,9 kWh"


def test_days_and_moments() -> None:
    day = date(2026, 11, 3)
    assert {language: words.day(language, day) for language in DAYS} == DAYS
    assert {language: words.full_day(language, day) for language in FULL_DAYS} == FULL_DAYS
    assert words.moment("en", "2026-11-03 08:15") == "3 Nov 08:15"
    assert words.moment("en", "2026-10-28") == "28 Oct"
    assert words.moment("zh", "2026-11-03 08:15") == "11月3日 08:15"


def test_a_currency_has_the_catalogues_word_or_else_cldrs() -> None:
    assert [words.currency(language, "CNY") for language in LANGUAGES] == ["yuan", "元", "yuan", "yuan"]
    assert [words.currency(language, "KES") for language in LANGUAGES] == ["shilling", "先令", "shilling", "shilingi"]
    assert words.currency("fr", "GBP") == "£GB"
    assert words.currency("en", "XYZ") == "XYZ"


def test_the_first_screen_of_a_start_does_not_wait_for_cldr() -> None:
    first = "import sys, kiosk.app as a; from kiosk.screens import palette, rows, size; "
    painted = "rows.rows(a.STARTING, rows.Clock('08:15'), size.M, palette.TRUE); sys.exit('babel' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", first + painted], check=False, timeout=60).returncode == 0


@every_language
def test_the_catalogues_locale_is_one_that_cldr_knows(language: str) -> None:
    assert Locale.parse(str(words._locale(language))).language == language


# ------------------------------------------------------------ which of them a kiosk offers


def test_a_kiosk_offers_all_four_unless_it_is_told_otherwise() -> None:
    demo = {"id": "K1", "demo": True}
    assert checked({"kiosk": demo}).kiosk.languages == LANGUAGES
    assert checked({"kiosk": demo | {"languages": ["sw", "en"]}}).kiosk.languages == ("sw", "en")


@pytest.mark.parametrize(
    ("kiosk", "screen", "sentence"),
    [
        ({"languages": ["en", "xx"]}, {}, "there is no catalogue for xx; there are en, fr, sw, zh"),
        ({"languages": []}, {}, "kiosk.languages"),
        ({"languages": ["fr"]}, {"language": "en"}, "screen.language is en, which is not one of kiosk.languages"),
    ],
)
def test_a_language_that_nobody_can_speak_is_refused(kiosk: dict[str, object], screen: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        checked({"kiosk": {"id": "K1", "demo": True, **kiosk}, "screen": screen})
