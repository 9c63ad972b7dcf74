"""Our own drivers keep what they promise, over every wire that the kit has; and what a certificate says."""

import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kiosk.cli import app
from kiosk.conform import person
from kiosk.conform.exam import Subject, examine
from kiosk.conform.promises import Certificate, Finding, Observations, Promise, lines, verdict_of
from kiosk.devices.registry import BUILT_IN
from kiosk.devices.sim.coins import CoinSimulator
from kiosk.devices.sim.printer_line import TcpLine
from kiosk.devices.sim.zvt import TerminalSimulator

AT_ONCE = len(BUILT_IN)
SAME = ("display/cd5220", "display/led8n", "board/cd5220", "board/epson")  # in other words, the driver of display/epson and board/led8n
SPEECH = {"jack": "always", "program": f"{sys.executable} -m kiosk sim voice --log /dev/null"}


def examined(name: str) -> Certificate:
    role, _, protocol = name.partition("/")
    only = ("begins", "serves", "speaks", "ends") if name in SAME else ()
    return examine(Subject(role, protocol, options=SPEECH if role == "voice" else {}), only=only)


@pytest.mark.deep("the conformance kit on every driver")
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
        (["coins", "--currency", "ZZZ"], 2, "There is no currency ZZZ; there are CNY, "),
        (["coins", "--by-hand"], 2, "--port names it."),
        (["coins", "--port", "/nowhere/at/all"], 3, "The port cannot be used: "),
    ],
)
def test_what_cannot_be_tried_is_one_sentence(words: list[str], code: int, sentence: str) -> None:
    said = CliRunner().invoke(app, ["conform", *words])
    assert said.exit_code == code, said.output
    assert sentence in said.stderr
    assert "Traceback" not in said.output


# ---------------------------------------------------------------- a device at a port


@pytest.fixture
def coins(tmp_path: Path) -> Iterator[CoinSimulator]:
    """Somebody's coin acceptor, at a port and a socket of its own."""
    device = CoinSimulator(tmp_path / "coins", tmp_path / "hand", tmp_path / "memory")
    device.start()
    yield device
    device.stop()


def test_a_device_that_somebody_plays_is_tried_by_a_driver_of_ours(coins: CoinSimulator, tmp_path: Path) -> None:
    words = ["conform", "coins", "--port", str(tmp_path / "coins"), "--hand", str(tmp_path / "hand"), "--only", "remembers"]
    said = CliRunner().invoke(app, words)
    assert said.exit_code == 0, said.output
    assert f"against {tmp_path / 'coins'}, by kiosk" in said.stdout
    assert "- killed when the box has it and the journal has not: 2 pieces of 20 in the box, 2 of 20 told" in said.stdout
    assert coins.memory["accepted"] == 2


@pytest.mark.deep("the conformance kit on every driver")
def test_a_terminal_at_a_network_port_is_tried_over_a_network_port(tmp_path: Path) -> None:
    line = TcpLine()
    device = TerminalSimulator(line, tmp_path / "book", tmp_path / "hand", blocks=False)
    device.start()
    try:
        subject = Subject("terminal", "zvt", line.address, hand=tmp_path / "hand")
        certificate = examine(subject, only=("alone", "returns", "evidence"))
    finally:
        device.stop()
    assert certificate.verdict == "kept", certificate
    assert certificate.device == line.address


@pytest.mark.deep("the conformance kit on every driver")
@pytest.mark.parametrize(("counts", "verdict"), [(0, "kept"), (10, "broken")], ids=["who counts well", "a coin too many in the box"])
def test_a_person_before_a_device_is_asked(
    coins: CoinSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, counts: int, verdict: str
) -> None:
    monkeypatch.setattr(person, "REST_S", 1.5)

    def does(question: str) -> str:
        """A customer who tries until it is in."""
        before = coins.do({"do": "state"})
        if question.startswith("How much"):
            return str(before["box_minor"] + counts)
        tries = 1 if question.startswith("Try") else 200 if question.startswith("Put") else 0
        for _ in range(tries):
            if coins.do({"do": "state"})["accepting"]:
                coins.do({"do": "insert_coin", "value_minor": 100})
            if coins.memory["accepted"] > before["accepted"]:
                return "y"
            time.sleep(0.05)
        return "n"

    only = ("once", "shut", "remembers")
    certificate = examine(Subject("coins", "cctalk", str(tmp_path / "coins"), asks=does), only=only)
    verdicts = {finding.promise: finding.verdict for finding in certificate.findings}
    assert verdicts == {"once": verdict, "shut": "kept", "remembers": verdict}, certificate
