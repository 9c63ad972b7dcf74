"""`kiosk hq card` by hand, on a real PC/SC service with a virtual blank in its reader."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from kiosk.commands.hq_card import card_app
from kiosk.devices.sim.card import CardModel
from kiosk.devices.sim.pcscd import PORTS, Pcscd
from kiosk.devices.sim.vpcd import VpcdSlot
from kiosk.devices.vault.file import FileVault
from kiosk.devices.vault.keyset import first_set
from kiosk.hq.cards.registry import Binding, Registry
from tests.hq.kit import CUSTOMER, METER, NOW_MS, SERIAL, blank
from tests.pcscd import USER_READER, running_pcscd
from tests.vault.kit import CHEAP, PASSPHRASE

POLL_S = 0.6  # the virtual reader looks every 0.4 s
WHO = ("--customer", "98765432", "--meter", "12345678")


@pytest.fixture(scope="module")
def _daemon() -> Iterator[Pcscd]:
    with running_pcscd() as daemon:
        yield daemon


@pytest.fixture
def office(tmp_path: Path) -> Path:
    now_ms = time.time_ns() // 1_000_000
    FileVault.create(tmp_path / "vault.json", PASSPHRASE, 7, first_set("aes128", now_ms, 100, 10), cost=CHEAP)
    secret(tmp_path / "secret", PASSPHRASE)
    return tmp_path


def secret(path: Path, text: str) -> Path:
    path.write_text(text + "\n")
    path.chmod(0o600)
    return path


def words(office: Path, *more: object) -> list[str]:
    vault = ("--vault", office / "vault.json", "--secret-file", office / "secret", "--registry", office / "registry.db")
    return [str(word) for word in ("open", "--reader", USER_READER, *WHO, *vault, *more)]


def run(*given: object) -> Result:
    return CliRunner().invoke(card_app, [str(word) for word in given])


@pytest.fixture
def slot(_daemon: Pcscd) -> Iterator[VpcdSlot]:
    if _daemon.process is None:
        _daemon.start()
    slot = VpcdSlot(PORTS[0])
    yield slot
    slot.pull()


@pytest.mark.pcsc
def test_a_blank_is_opened_shown_and_never_opened_twice(office: Path, slot: VpcdSlot) -> None:
    card = blank(transport=bytes(range(16)))
    slot.insert(card)
    wrong = run(*words(office))
    assert (wrong.exit_code, "transport key" in wrong.stderr) == (1, True)
    done = run(*words(office, "--transport-file", secret(office / "maker", bytes(range(16)).hex())))
    assert (done.exit_code, done.stdout) == (0, f"card {SERIAL}, customer {CUSTOMER}, meter {METER}: opened.\n"), done.stderr
    again = run(*words(office))
    assert (again.exit_code, again.stderr) == (1, f"This card is bound already: card {SERIAL}, customer {CUSTOMER}, meter {METER}.\n")
    said = run("show", SERIAL.upper(), "--registry", office / "registry.db")
    assert said.stdout.startswith(f"card {SERIAL}, customer {CUSTOMER}, meter {METER}\nbegun 20")
    assert "UTC, utility 7, region 1, key set 1, subject " in said.stdout
    shown = json.loads(run("show", SERIAL, "--registry", office / "registry.db", "--json").stdout)
    assert (shown["binding"]["utility"], [each["what"]["what"] for each in shown["left"]]) == (7, ["card", "card"])
    assert not any(key in said.stdout + done.stdout for key in key_texts(card))


def key_texts(card: CardModel) -> list[str]:
    keys = card.image().keys
    return [keys.admin, keys.auth, keys.meterkey, *keys.kiosk.values()]


@pytest.mark.pcsc
def test_killed_in_the_middle_the_same_command_finishes_it(office: Path, slot: VpcdSlot) -> None:
    card = blank()
    slot.insert(card)
    command = [sys.executable, "-m", "kiosk", "hq", "card", *words(office)]
    killed = 0
    for _ in range(3):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 60
        before = card.image()
        while process.poll() is None and card.image() == before and time.monotonic() < until:
            time.sleep(0.0005)
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
    assert killed
    done = run(*words(office))
    assert done.exit_code == 0 or "bound already" in done.stderr, done.stderr
    assert json.loads(run("show", SERIAL, "--registry", office / "registry.db", "--json").stdout)["binding"]["state"] == "issued"
    assert card.image().files["02"] == "00" * 8


@pytest.mark.pcsc
def test_an_empty_reader_and_an_unknown_one_are_told_apart(office: Path, slot: VpcdSlot) -> None:
    slot.pull()
    time.sleep(POLL_S)
    assert run(*words(office)).stderr == "There is no card in the reader.\n"
    missing = run(*words(office, "--reader", "no such reader"))
    assert (missing.exit_code, "no such reader" in missing.stderr) == (3, True)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (("--customer", "Smith"), 2),
        (("--meter", "1234567890123"), 2),
        (("--alarm1", "20.5"), 2),
        (("--alarm1", "9999999.00"), 2),
        (("--price", "0.5"), 2),
        (("--vault", "pkcs11"), 2),
        (("--vault", "nowhere.json"), 3),
    ],
)
def test_a_wrong_call_is_one_sentence_and_opens_nothing(office: Path, more: tuple[str, str], code: int) -> None:
    ended = run(*words(office, *more))
    assert (ended.exit_code, ended.stderr.count("\n")) == (code, 1)
    assert not (office / "registry.db").exists()


def test_a_transport_key_is_what_its_file_says_it_is(office: Path) -> None:
    ended = run(*words(office, "--transport-file", secret(office / "maker", "forty")))
    assert (ended.exit_code, "32 hex digits" in ended.stderr) == (2, True)


def test_a_half_written_card_is_scrapped_by_hand_once_and_shown_so(office: Path) -> None:
    place = ("--registry", office / "registry.db")
    book = Registry(office / "registry.db", lambda: NOW_MS)
    book.begin(Binding(7, 1, CUSTOMER, METER, SERIAL, version=1, generation=1))
    book.close()
    assert run("scrap", SERIAL, "--who", "B. Tan", "--why", "", *place).exit_code == 2
    done = run("scrap", SERIAL.upper(), "--who", "B. Tan", "--why", "chip broken", *place)
    assert (done.exit_code, "scrapped. Destroy it" in done.stdout) == (0, True)
    assert "scrapped by B. Tan: chip broken" in run("show", SERIAL, *place).stdout
    assert json.loads(run("show", SERIAL, "--json", *place).stdout)["scrapped"]["why"] == "chip broken"
    assert run("scrap", SERIAL, "--who", "B. Tan", "--why", "again", *place).exit_code == 1


def test_a_card_that_was_never_opened_here_is_nobodys(office: Path) -> None:
    ended = run("show", SERIAL, "--registry", office / "registry.db")
    assert (ended.exit_code, ended.stderr) == (1, f"No card {SERIAL} was opened here.\n")
    (office / "text").write_text("no database " * 100)
    assert run("show", SERIAL, "--registry", office / "text").exit_code == 3
