"""`kiosk vault` by hand: what it says, how it ends, and that no key and no passphrase is in what it says."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from kiosk.commands.vault import vault_app
from kiosk.devices.vault import file as file_vault
from tests.vault.kit import CHEAP, MODULE, PASSPHRASE, PIN, Tokens


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    made = file_vault.FileVault.create.__func__  # type: ignore[attr-defined]
    monkeypatch.setattr(made, "__kwdefaults__", {"masters": None, "cost": CHEAP})


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    return written(tmp_path / "secret", PASSPHRASE + "\n")


@pytest.fixture
def vault(tmp_path: Path, secret: Path) -> Path:
    path = tmp_path / "vault.json"
    assert run("init", path, "--utility", 5, "--secret-file", secret).exit_code == 0
    return path


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def run(*words: object, typed: str | None = None) -> Result:
    return CliRunner().invoke(vault_app, [str(word) for word in words], input=typed)


def test_a_vault_is_made_shown_and_grows(vault: Path, secret: Path) -> None:
    shown = run("show", vault, "--secret-file", secret)
    assert shown.exit_code == 0
    assert "utility 5" in shown.stdout
    assert "key set 1, cipher aes128" in shown.stdout
    assert shown.stdout.count("kiosk key") == 3
    assert shown.stdout.count("  now") == 2
    more = run("rotate", vault, "--secret-file", secret)
    assert more.stdout.count("kiosk key") == 4
    assert "key set 2" not in more.stdout
    anew = run("rotate", vault, "--new-set", "--secret-file", secret)
    assert anew.exit_code == 0
    assert "key set 2, cipher aes128" in anew.stdout
    assert "no more" in anew.stdout.split("key set 2")[0]


def test_for_programs_it_is_one_object_without_a_key(vault: Path, secret: Path) -> None:
    told = json.loads(run("show", vault, "--json", "--secret-file", secret).stdout)
    assert told["utility"] == 5
    (public,) = told["sets"]
    assert set(public) == {"version", "suite", "not_before_ms", "issued_until_ms", "until_ms", "generations", "check_values"}
    assert set(public["check_values"]) == {"admin", "auth", "kiosk", "meter", "tag", "code"}
    assert {len(value) for value in public["check_values"].values()} == {6}


def test_a_set_for_sm4_and_for_a_short_time(tmp_path: Path, secret: Path) -> None:
    order = ("--utility", 1, "--suite", "sm4", "--days", 30, "--generation-days", 10, "--json", "--secret-file", secret)
    (public,) = json.loads(run("init", tmp_path / "v", *order).stdout)["sets"]
    day_ms = 86_400_000
    assert public["suite"] == "sm4"
    assert public["issued_until_ms"] - public["not_before_ms"] == 30 * day_ms
    assert public["generations"][2]["not_before_ms"] - public["not_before_ms"] == 20 * day_ms


@pytest.mark.parametrize(
    ("words", "ended"),
    [
        (("show", "none.json"), (3, "There is no vault")),
        (("init", "vault.json", "--utility", "1"), (1, "exists already")),
        (("init", "other.json", "--utility", "1", "--suite", "des"), (2, "no cipher of cards")),
        (("show",), (2, "Name the vault's file")),
        (("show", "vault.json", "--token", "t"), (2, "Name the vault's file")),
        (("show", "--token", "t"), (2, "--module")),
        (("show", "--token", "t", "--module", "none.so"), (3, "no PKCS#11 module")),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_a_number(
    vault: Path, secret: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], ended: tuple[int, str]
) -> None:
    monkeypatch.chdir(vault.parent)
    monkeypatch.delenv("KIOSK_PKCS11_MODULE", raising=False)
    said = run(*words, "--secret-file", secret)
    assert (said.exit_code, ended[1] in said.stderr) == (ended[0], True)
    assert len(said.stderr.splitlines()) == 1
    assert PASSPHRASE not in said.output


def test_a_wrong_passphrase_is_refused_and_a_damaged_vault_is_damaged(vault: Path, tmp_path: Path, secret: Path) -> None:
    wrong = run("show", vault, "--secret-file", written(tmp_path / "wrong", "another one entirely"))
    assert (wrong.exit_code, wrong.stderr) == (1, f"This passphrase does not open the vault {vault}.\n")
    vault.write_text(vault.read_text().replace('"utility": 5', '"utility": 6'))
    assert run("show", vault, "--secret-file", secret).exit_code == 4


def test_a_secret_comes_from_a_file_that_is_ours_alone_or_from_a_terminal(vault: Path, tmp_path: Path) -> None:
    readable = written(tmp_path / "readable", PASSPHRASE, 0o644)
    for file, why in ((readable, "can be read by others"), (tmp_path / "none", "is not there"), (tmp_path, "regular file")):
        ended = run("show", vault, "--secret-file", file)
        assert (ended.exit_code, why in ended.stderr) == (2, True)
    assert "no terminal to ask at" in run("show", vault).stderr


def test_it_asks_twice_for_a_new_passphrase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "vault.json"

    class Terminal:
        @staticmethod
        def isatty() -> bool:
            return True

    class Sys:
        stdin = Terminal

    monkeypatch.setattr("kiosk.commands.asking.sys", Sys)
    made = run("init", path, "--utility", 1, typed=f"{PASSPHRASE}\n{PASSPHRASE}\n")
    assert made.exit_code == 0, made.output
    assert run("show", path, typed=f"{PASSPHRASE}\n").exit_code == 0
    assert PASSPHRASE not in made.output


def program(*words: object) -> "subprocess.CompletedProcess[str]":
    """The command as it is typed: what it opened in a module is closed by its end."""
    return subprocess.run(
        [sys.executable, "-m", "kiosk", "vault", *map(str, words)], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.hsm
def test_the_same_in_a_security_module(tokens: Tokens, tmp_path: Path) -> None:
    pin = written(tmp_path / "pin", PIN)
    place = ("--token", tokens.take(), "--module", MODULE, "--secret-file", pin)
    made = program("init", *place, "--utility", 7, "--json")
    assert made.returncode == 0, made.stderr
    assert program("init", *place, "--utility", 7).returncode == 1
    assert json.loads(program("rotate", "--new-set", *place, "--json").stdout)["sets"][1]["version"] == 2
    told = json.loads(program("show", *place, "--json").stdout)
    assert told["sets"][0]["check_values"] == json.loads(made.stdout)["sets"][0]["check_values"]
    wrong = program("show", *place[:4], "--secret-file", written(tmp_path / "wrong", "0000"))
    assert (wrong.returncode, "PIN is wrong" in wrong.stderr) == (1, True)
    assert len(wrong.stderr.splitlines()) == 1
    missing = program("show", "--token", "nobody", *place[2:])
    assert (missing.returncode, "no token of this name" in missing.stderr) == (3, True)
