"""Our own drivers keep what they promise, over every wire that the kit has; and what a certificate says."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from typer.testing import CliRunner

from kiosk.cli import app
from kiosk.conform.exam import Subject, examine
from kiosk.conform.promises import Certificate, Finding, Observations, Promise, lines, verdict_of
from kiosk.devices.registry import BUILT_IN

AT_ONCE = 6
SAME = ("display/cd5220", "display/led8n", "board/cd5220", "board/epson")  # in other words, the driver of display/epson and board/led8n
SPEECH = {"jack": "always", "program": f"{sys.executable} -m kiosk sim voice --log /dev/null"}


def examined(name: str) -> Certificate:
    role, _, protocol = name.partition("/")
    only = ("begins", "serves", "speaks", "ends") if name in SAME else ()
    return examine(Subject(role, protocol, options=SPEECH if role == "voice" else {}), only=only)


@pytest.mark.slow
def test_every_driver_of_ours_keeps_its_promises() -> None:
    """They wait much and work little: several at once."""
    with ThreadPoolExecutor(AT_ONCE) as several:
        certificates = list(several.map(examined, BUILT_IN))
    broken = {one.driver: [finding for finding in one.findings if finding.verdict != "kept"] for one in certificates}
    assert broken == {name: [] for name in BUILT_IN}


def test_a_certificate_is_one_line_a_promise_and_its_evidence() -> None:
    seen = Observations()
    promises = (Promise("once", "Told once."), Promise("shut", "Shut."), Promise("word", "Obeyed."))
    for kept, what in ((True, "over loss"), (True, "over loss"), (True, "over delay")):
        seen.see("once", kept=kept, what=what)
    seen.see("shut", kept=True, what="nothing is wanted")
    seen.see("shut", kept=False, what="still open")
    findings = seen.findings(promises)
    assert [finding.verdict for finding in findings] == ["kept", "broken", "untried"]
    assert [finding.evidence for finding in findings] == [("over loss (2 times)", "over delay"), ("still open",), ()]
    certificate = Certificate("coins/acme", "acme 1.0", "a device", "kiosk 0.1.0", "2026-12-01", 1, 9.6, verdict_of(findings), findings)
    assert lines(certificate)[3:] == [
        "KEPT    once: Told once.",
        "        - over loss (2 times)",
        "        - over delay",
        "BROKEN  shut: Shut.",
        "        - still open",
        "UNTRIED word: Obeyed.",
        "",
        "BROKEN: 1 kept, 1 broken, 1 untried.",
    ]


@pytest.mark.parametrize(("verdicts", "whole"), [("kk", "kept"), ("ku", "untried"), ("kub", "broken")])
def test_one_broken_promise_breaks_all_and_one_untried_leaves_it_open(verdicts: str, whole: str) -> None:
    names = {"k": "kept", "u": "untried", "b": "broken"}
    assert verdict_of(Finding("x", "", names[letter]) for letter in verdicts) == whole  # type: ignore[arg-type]


def test_the_command_says_it_in_words_and_as_json_and_by_its_exit_code() -> None:
    words = ["conform", "board", "--protocol", "led8n", "--only", "serves", "--only", "alone"]
    said = CliRunner().invoke(app, words)
    assert said.exit_code == 0, said.output
    assert "board/led8n of kiosk" in said.stdout
    assert "KEPT    alone: While it has the port no other program gets it." in said.stdout
    said = CliRunner().invoke(app, [*words, "--json"])
    assert json.loads(said.stdout)["verdict"] == "kept"


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["notes"], 2, "Say which driver: --protocol cctalk, essp."),
        (["toaster"], 2, "There is no driver for toaster."),
        (["coins", "--only", "sparkle"], 2, "A driver for coins promises begins, serves, speaks, alone, "),
        (["coins", "--option", "modus=crc"], 2, "modus is no option of coins/cctalk; did you mean mode?"),
        (["coins", "--option", "mode"], 2, "mode is no option: NAME=VALUE is."),
        (["coins", "--protocol", "essp"], 2, "there is no driver coins/essp"),
        (["coins", "--against", "essp"], 2, "Nobody simulates coins/essp"),
        (["coins", "--port", "/nowhere/at/all"], 3, "The port cannot be used: "),
    ],
)
def test_what_cannot_be_tried_is_one_sentence(words: list[str], code: int, sentence: str) -> None:
    said = CliRunner().invoke(app, ["conform", *words])
    assert said.exit_code == code, said.output
    assert sentence in said.stderr
    assert "Traceback" not in said.output
