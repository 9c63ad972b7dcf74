"""What each screen says and offers, of a View as the desk would publish it."""

import pytest
from msgspec.structs import replace

from kiosk.screens.customer import PHASES, scene_of
from kiosk.screens.samples import SAMPLES, TWENTY
from kiosk.screens.scene import DIGIT, HELP, OPTIONS, Scene, says
from kiosk.vend.view import Offer, Value, View

WORDLESS = {"writing", "take_card"}  # a command in large letters, and no keys


def seen(name: str, /, **params: Value) -> Scene:
    """A sample's scene, with other parameters."""
    sample = SAMPLES[name]
    return scene_of(replace(sample.view, params=sample.view.params | params), helping=sample.helping)


def options(scene: Scene) -> dict[str, str]:
    """What the keys above CLEAR, 0 and ENTER say."""
    return {key.cap: key.labels[0] for key in scene.keys if key.cap in OPTIONS and key.do != DIGIT}


def all_said(scene: Scene) -> str:
    return "\n".join(says(scene))


# ---------------------------------------------------------------- before the money


def test_languages_stand_in_the_order_that_the_desk_offers() -> None:
    view = replace(SAMPLES["attract"].view, offers=tuple(Offer("language", name) for name in ("sw", "fr", "en")))
    assert options(scene_of(view)) == {"1": "Kiswahili", "2": "Français", "3": "English"}


@pytest.mark.parametrize(
    ("works", "said"),
    [
        ({}, "Notes and coins. No change is given."),
        ({"coins": ()}, "Notes only. No change is given."),
        ({"bank": True}, "Notes, coins, bank card. No change is given."),
        ({"notes": (), "coins": (), "bank": True}, "No notes or coins now. You can use: bank card."),
        ({"notes": (), "coins": ()}, "Balance only. No money can go in now."),
    ],
)
def test_how_one_can_pay_is_said_before_the_card_goes_in(works: dict[str, Value], said: str) -> None:
    assert seen("attract", **works).second == said


def test_a_waiting_order_is_the_first_key_and_its_money_the_figure() -> None:
    scene = seen("account-order")
    assert scene.first.startswith("100.00 was paid for you.")
    assert options(scene) == {"1": "Collect 100.00", "2": "Bank card", "3": "Transfer code"}
    assert next((key.do, key.arg) for key in scene.keys if key.cap == "1") == ("order", "7")
    assert (scene.figure, scene.place) == ("100.00", "you")


def test_a_name_is_greeted_as_it_is_masked_and_one_too_long_is_left_out() -> None:
    assert seen("account-named").first == "Hello A*** K***. This was left in your meter."
    assert seen("account-named", name="A" * 30).first == "This was left in your meter."


def test_without_paper_the_customer_is_told_before_money_goes_in() -> None:
    assert ("Receipt", "none") in seen("account", printer=False).ledger
    assert "no paper" in all_said(seen("insert-empty", printer=False))
    assert "no paper" not in all_said(seen("insert-empty", printer=True))


def test_the_usual_amounts_are_those_of_the_view_and_only_where_they_are_offered() -> None:
    assert options(seen("amount")) == {"1": "20", "2": "50", "3": "100", "4": "200", "5": "Other amount", "6": "Pay cash"}
    few = replace(SAMPLES["amount"].view, offers=(Offer("amount", "5000"),))
    assert options(scene_of(few)) == {"2": "50"}


# ---------------------------------------------------------------- bank card and code


def test_bank_money_is_the_customers_until_the_bank_has_said_yes() -> None:
    assert [seen(f"bank{state}").place for state in ("", "-declined", "-approved")] == ["you", "you", "machine"]


def test_while_the_bank_is_silent_the_amount_is_in_doubt_between_you_and_machine() -> None:
    scene = seen("bank-silent")
    assert (scene.place, scene.doubt, scene.field) == ("asking", True, "held")
    assert [key.do for key in scene.keys] == [HELP]


@pytest.mark.parametrize(
    ("typed", "group"), [("", "____"), ("7", "7___"), (TWENTY[:4], "____"), (TWENTY[:7], "100_"), (TWENTY[:19], "654_")]
)
def test_of_a_code_only_the_present_group_is_large(typed: str, group: str) -> None:
    scene = seen("code", typed=typed)
    assert scene.group == group
    assert scene.figure == "", "digits are no money"
    assert ("Digits", f"{len(typed)} of 20") in scene.ledger
    assert "enter" not in {key.cap for key in scene.keys}


def test_a_whole_code_names_its_amount_before_enter_and_enter_sends_all_of_it() -> None:
    scene = seen("code", typed=TWENTY)
    assert (scene.figure, scene.group) == ("100.00", "")
    assert next((key.do, key.arg) for key in scene.keys if key.cap == "enter") == ("code", TWENTY)


def test_a_code_whose_check_digit_does_not_hold_names_no_amount() -> None:
    for typed in (f"{int(TWENTY) + 1}", f"{TWENTY[1]}{TWENTY[0]}{TWENTY[2:]}"):
        scene = seen("code", typed=typed)
        assert (scene.figure, scene.currency, scene.first) == ("", "", "One digit is wrong. Check the code.")


ANSWERS = {  # word for word as the design of the sale has them, "Transfer codes"
    "code-wrong": "One digit is wrong. Check the code.",
    "code-card": "This code is not for this card. 4 tries left today.",
    "code-card-last": "This code is not for this card. 1 try left today.",
    "code-early": "Use your earlier code, or put the card in your meter, first.",
    "code-old": "This code is too old. Ask for a new one; nothing is lost.",
    "code-room": "Your meter can take 40.00 more. Use some energy, then use the code.",
    "code-shut": "Codes cannot be used at this machine now. Your code stays good.",
    "code-behind": "This machine is behind. Your code stays good.",
    "code-passed": "This code is for purchase 8, your card is at 9. Your money is safe at the office.",
    "code-proof": "This code is for purchase 8, your card is at 9. Your money is safe at the office.",
}


@pytest.mark.parametrize("name", ANSWERS)
def test_whoever_typed_a_code_that_does_nothing_here_is_told_why_and_what_does(name: str) -> None:
    scene = seen(name)
    assert f"{scene.first} {scene.second}".startswith(ANSWERS[name])


def test_a_passed_code_shows_the_ten_digits_that_the_office_wants_to_hear() -> None:
    assert ("Tell the office", "01234 56789") in seen("code-proof").ledger
    assert not seen("code-passed").ledger


# ---------------------------------------------------------------- the end


def test_after_the_tenth_time_there_is_no_question_any_more() -> None:
    assert seen("still").first.endswith("More time?")
    assert "?" not in all_said(seen("still-last"))
    assert "?" not in all_said(scene_of(replace(SAMPLES["still-empty"].view, offers=())))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("claim", "Keep the paper slip."),
        ("claim-qr", "Press 2 for your slip."),
        ("claim-photo", "Keep the photograph."),
        ("claim-no-paper", "Write down the slip no."),
    ],
)
def test_a_claim_says_what_its_holder_has_to_keep(name: str, told: str) -> None:
    assert seen(name).first == f"Your 150.00 is safe here. {told}"


# ---------------------------------------------------------------- all


def test_every_screen_with_keys_has_help_of_its_own_kind() -> None:
    for name, sample in SAMPLES.items():
        helps = [key for key in seen(name).keys if key.do == HELP]
        assert bool(helps) != (sample.view.phase in WORDLESS or sample.helping), name
        lines = scene_of(sample.view, helping=True).lines
        assert len(lines) == 4, name


def test_the_help_of_a_code_is_that_of_the_paper_in_whose_stead_it_is() -> None:
    for code, paper in (("qr", "done"), ("qr-slip", "claim")):
        assert scene_of(SAMPLES[code].view, helping=True).lines == scene_of(SAMPLES[paper].view, helping=True).lines


def test_a_bare_view_of_any_phase_offers_nothing_and_says_something() -> None:
    for phase in PHASES:
        scene = scene_of(View(phase))
        assert {key.do for key in scene.keys} <= {HELP}, phase
        assert scene.first, phase
