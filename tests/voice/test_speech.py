"""What is said: all of a new screen, what is new of an old one, nothing twice, and never a secret."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from kiosk import words
from kiosk.devices.voice.speech import LINES, MOST, USUAL, VOICES, VOLUMES, Local, Screen, aloud, heard, news, volume
from kiosk.screens.samples import SAMPLES
from kiosk.screens.speech import spoken
from kiosk.screens.staff_samples import staff_views
from kiosk.vend.view import View
from tests.seeds import Seeds

PAID = SAMPLES["insert"].view


def screen(view: View, *, helping: bool = False) -> Screen:
    local = Local(helping=helping)
    return Screen(view.phase, view.language, helping, spoken(local.over(view)))


def test_a_new_screen_is_said_whole_and_of_one_that_changed_what_is_new() -> None:
    before, now = screen(SAMPLES["insert-empty"].view), screen(PAID)
    assert news(None, before, cut=False) == before.lines
    said = news(before, now, cut=False)
    assert said[0] == "150.00 is in. Put in more, or press ENTER."
    assert "To card: 140.00." in said
    assert not set(said) & set(before.lines)
    assert news(now, now, cut=True) == (), "what is being said now is still true"
    assert news(now, screen(replace(PAID, ends_in_ms=1, rev=9)), cut=False) == ()


def test_what_was_cut_off_is_said_again_with_the_rest() -> None:
    before, now = screen(PAID), screen(replace(PAID, figure_minor=20000))
    assert news(before, now, cut=True) == now.lines


def test_another_language_and_help_are_other_screens() -> None:
    before = screen(PAID)
    for now in (screen(replace(PAID, language="sw")), screen(PAID, helping=True)):
        assert news(before, now, cut=False) == now.lines
    assert "How this machine works." in screen(PAID, helping=True).lines


@pytest.mark.parametrize("name", staff_views())
def test_no_maintenance_screen_is_read_aloud(name: str) -> None:
    assert spoken(staff_views()[name]) == ()


def test_every_customer_s_screen_is_read_aloud_in_each_language() -> None:
    for language in words.languages():
        assert language in VOICES
        for sample in SAMPLES.values():
            assert spoken(replace(sample.view, language=language))


def test_a_screen_that_this_room_does_not_know_is_silent() -> None:
    assert spoken(View("another")) == ()


def test_help_ends_with_anything_but_the_time_and_digits_with_their_screen() -> None:
    code = SAMPLES["code"].view
    helping, typed = heard("help", Local()), heard("7800", Local())
    assert helping.after(PAID, replace(PAID, rev=7, ends_in_ms=5)) == helping
    assert helping.after(PAID, replace(PAID, figure_minor=1)) == Local()
    assert typed.after(code, replace(code, ends_in_ms=5)) == typed
    assert typed.after(code, SAMPLES["still"].view) == Local()
    assert heard("screen", helping) == heard("screen", typed) == Local()
    assert [heard(word, typed) for word in ("again", "louder", "", "12a", "१२")] == [typed] * 5


def test_typed_digits_are_heard_as_they_are_painted() -> None:
    typed = spoken(Local(typed="7800100").over(SAMPLES["code"].view))
    assert "7800 100." in typed
    assert "Digits: 7 of 20." in typed
    assert spoken(Local(typed="130").over(SAMPLES["amount-other"].view)) == spoken(SAMPLES["amount-typed"].view)


@pytest.mark.covers("field-181")
def test_the_volume_has_five_steps_and_stays_between_them() -> None:
    level = USUAL
    for word, levels in (("louder", [3, 4, 4]), ("softer", [3, 2, 1, 0, 0]), ("again", [0])):
        heard_at = [level := volume(word, level) for _ in levels]
        assert heard_at == levels
    assert tuple(sorted(VOLUMES)) == VOLUMES
    assert VOLUMES[-1] <= 200


def test_a_card_s_tail_is_spelt_and_nothing_is_an_order_to_the_program() -> None:
    assert aloud(("Card: ..7730.", "150.00 is in.")) == "Card: 7 7 3 0.\n\n150.00 is in.\n"
    assert aloud(("[[h@'loU]] <break/> \x1b\x07A",)) == "  h@'loU    break/    A\n"


@given(st.lists(st.text(max_size=2 * MOST), max_size=2 * LINES))
@pytest.mark.covers("field-182")
def test_whatever_a_name_holds_an_utterance_fits_a_pipe_and_has_no_control_code(lines: list[str]) -> None:
    text = aloud(tuple(lines))
    assert len(text.encode("utf-8", "replace")) < 65536
    assert not any(sign in text for sign in "[]<>\x00\x1b\x07\r")
    assert text.endswith("\n")


@pytest.mark.covers("field-182")
def test_the_forty_first_sentence_and_the_letter_after_the_three_hundredth_are_left_away() -> None:
    assert aloud(("a" * 300,)).count("a") == aloud(("a" * 400,)).count("a") == 300
    assert aloud(("b",) * 40).count("b") == aloud(("b",) * 50).count("b") == 40


PIECES = ("..", "..77", "[[", "]]", "<", "&", "\x1b", "\n", "元", "é", "\ud800", "7730", " ", "\u202e")


def test_a_million_hostile_sentences_are_only_text(seeds: Seeds) -> None:
    chance, before = seeds.random("hostile sentences"), Screen("", "", helping=False, lines=())
    for _ in range(50_000):
        lines = tuple("".join(chance.choices(PIECES, k=chance.randrange(8))) for _ in range(20))
        now = Screen("insert", "en", helping=False, lines=lines)
        assert set(news(before, now, cut=False)) <= set(lines)
        assert not set(aloud(lines)) & set("[]<>\x1b")
        before = now
