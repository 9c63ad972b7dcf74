"""The file vault: opened by its passphrase alone, trusted only whole, written whole or not at all."""

import json
import os
import resource
import stat
import traceback
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap

from kiosk.devices.vault.file import FILE_MAX, FileVault
from kiosk.devices.vault.keyset import KeySet, VaultRefusal, check_value_of, next_generation, next_set
from kiosk.devices.vault.suite import Role
from tests.vault.kit import CHEAP, KNOWN, LATER_MS, PASSPHRASE, SERIAL, a_file_vault, a_set


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vault.json"


def refusal(path: Path, passphrase: str = PASSPHRASE) -> str:
    with pytest.raises(VaultRefusal) as refused:
        FileVault(path, passphrase)
    return str(refused.value)


def change(path: Path, **changes: object) -> None:
    """Somebody edits the file; a key "a.b" goes into depth."""
    stored = json.loads(path.read_text())
    for name, value in changes.items():
        place = stored
        *way, last = name.split("__")
        for step in way:
            place = place[int(step)] if isinstance(place, list) else place[step]
        place[last] = value
    path.write_text(json.dumps(stored))


def test_a_vault_is_made_opened_and_makes_the_same_keys(path: Path) -> None:
    made = a_file_vault(path)
    opened = FileVault(path, PASSPHRASE)
    assert opened.sets == made.sets
    for role in Role:
        assert opened.keyring(1, 7).mac(role, 1, SERIAL, b"x") == made.keyring(1, 7).mac(role, 1, SERIAL, b"x")


def test_two_vaults_share_no_key(tmp_path: Path) -> None:
    one, other = a_file_vault(tmp_path / "one"), a_file_vault(tmp_path / "other")
    values = {*one.sets[0].check_values.values(), *other.sets[0].check_values.values()}
    assert len(values) == 12


def test_what_is_in_the_file_is_what_the_page_says(path: Path) -> None:
    """docs/vault.md, read by somebody who has only it: scrypt, AES key wrap."""
    a_file_vault(path, masters=KNOWN)
    stored = json.loads(path.read_text())
    kdf = stored["kdf"]
    assert (kdf["name"], kdf["r"], kdf["p"]) == ("scrypt", 8, 1)
    kek = Scrypt(salt=bytes.fromhex(kdf["salt"]), length=64, n=kdf["n"], r=8, p=1).derive(PASSPHRASE.encode())[:32]
    masters = {name: aes_key_unwrap(kek, bytes.fromhex(wrapped)) for name, wrapped in stored["sets"][0]["masters"].items()}
    assert masters == {role.name.lower(): key for role, key in KNOWN.items()}
    assert stored["sets"][0]["public"]["check_values"]["auth"] == check_value_of(KNOWN[Role.AUTH])


def test_only_its_owner_may_read_it(path: Path) -> None:
    before = os.umask(0)
    try:
        a_file_vault(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    assert "can be read by others" in refusal(path)


def test_a_wrong_passphrase_is_one_sentence_and_no_key_travels_with_it(path: Path) -> None:
    a_file_vault(path, masters=KNOWN)
    with pytest.raises(VaultRefusal) as refused:
        FileVault(path, "not this one, though")
    told = "".join(traceback.format_exception(refused.value))
    assert str(refused.value) == f"This passphrase does not open the vault {path}."
    assert (refused.value.__cause__, refused.value.__context__) == (None, None)
    assert "InvalidUnwrap" not in told


@pytest.mark.parametrize("short", ["", "elevenchars"])
def test_a_short_passphrase_makes_no_vault(path: Path, short: str) -> None:
    with pytest.raises(VaultRefusal, match="12 to 1024"):
        FileVault.create(path, short, 1, a_set(), cost=CHEAP)
    assert not path.exists()


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("utility", 2),
        ("sets__0__public__until_ms", 9_000_000_000_000),
        ("sets__0__public__issued_until_ms", 9_000_000_000_000),
        ("sets__0__public__suite", "sm4"),
        ("seal", "00" * 32),
    ],
)
def test_nothing_in_it_can_be_changed_without_the_passphrase(path: Path, where: str, value: object) -> None:
    a_file_vault(path)
    change(path, **{where: value})
    assert "was changed" in refusal(path)


def test_two_masters_that_change_places_are_noticed(path: Path) -> None:
    a_file_vault(path)
    masters = json.loads(path.read_text())["sets"][0]["masters"]
    change(path, sets__0__masters=masters | {"auth": masters["kiosk"], "kiosk": masters["auth"]})
    assert "was changed" in refusal(path)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("kdf__n", 1 << 30),  # 128 GiB
        ("kdf__n", 2),
        ("kdf__p", 1 << 20),
        ("kdf__salt", "00"),
        ("kdf__salt", "zz" * 16),
        ("sets", []),
        ("sets__0__masters__auth", "00" * 4000),
        ("v", 2),
        ("surprise", 1),
    ],
)
def test_no_number_of_the_file_is_trusted(path: Path, where: str, value: object) -> None:
    a_file_vault(path)
    change(path, **{where: value})
    assert "is damaged" in refusal(path)


def test_a_set_without_a_master_is_damaged(path: Path) -> None:
    a_file_vault(path)
    masters = json.loads(path.read_text())["sets"][0]["masters"]
    del masters["tag"]
    change(path, sets__0__masters=masters)
    assert "has not its masters" in refusal(path)


@pytest.mark.parametrize("garbage", [b"", b"{}", b"\xff\xfe", b"[" * 60_000])
def test_garbage_is_refused_in_one_sentence(path: Path, garbage: bytes) -> None:
    a_file_vault(path)
    path.write_bytes(garbage)
    assert "is damaged" in refusal(path)


def test_a_file_without_end_a_link_a_pipe_and_none_at_all_are_refused(path: Path, tmp_path: Path) -> None:
    assert "There is no vault" in refusal(path)
    path.write_bytes(b" " * (FILE_MAX + 1))
    path.chmod(0o600)
    assert "longer than" in refusal(path)
    (tmp_path / "link").symlink_to(path)
    assert "symbolic link" in refusal(tmp_path / "link")
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert "not a regular file" in refusal(tmp_path / "pipe")


def test_a_vault_is_never_overwritten(path: Path) -> None:
    a_file_vault(path)
    before = path.read_bytes()
    with pytest.raises(VaultRefusal, match="exists already"):
        a_file_vault(path)
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_disk_that_does_not_take_it_leaves_the_old_one(path: Path) -> None:
    vault = a_file_vault(path)
    before = path.read_bytes()
    path.with_name("away").mkdir()
    vault._path = path.with_name("away") / "gone" / "vault.json"
    with pytest.raises(VaultRefusal, match="cannot be written"):
        vault.keep(next_set(vault.sets, LATER_MS, 365))
    assert path.read_bytes() == before


def test_a_full_disk_leaves_the_old_one_and_no_draft(path: Path) -> None:
    vault = a_file_vault(path)
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # the write ends after so many bytes, as on a full disk
    try:
        with pytest.raises(VaultRefusal, match="cannot be written"):
            vault.keep(next_set(vault.sets, LATER_MS, 365))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert len(vault.sets) == 1


def test_a_new_set_has_new_masters_and_the_old_ones_stay(path: Path) -> None:
    vault = a_file_vault(path)
    before = vault.keyring(1, 1).mac(Role.AUTH, 0, SERIAL, b"x")
    vault.keep(next_set(vault.sets, LATER_MS, 365))
    again = FileVault(path, PASSPHRASE)
    assert [each.version for each in again.sets] == [1, 2]
    assert again.keyring(1, 1).mac(Role.AUTH, 0, SERIAL, b"x") == before != again.keyring(2, 1).mac(Role.AUTH, 0, SERIAL, b"x")
    assert set(again.sets[0].check_values.values()).isdisjoint(again.sets[1].check_values.values())


def test_a_new_generation_changes_no_master(path: Path) -> None:
    vault = a_file_vault(path)
    values = vault.sets[0].check_values
    vault.keep(next_generation(vault.sets, 365))
    again = FileVault(path, PASSPHRASE)
    assert [each.number for each in again.sets[0].generations] == [1, 2, 3, 4]
    assert again.sets[0].check_values == values


def test_no_key_shows_itself_in_what_is_printed(path: Path) -> None:
    vault = a_file_vault(path, masters=KNOWN)
    shown = f"{vault!r} {vault!s} {vault.keyring(1, 1)!r} {vault.sets!r} {msgspec.json.encode(vault.sets).decode()}"
    for key in KNOWN.values():
        assert key.hex() not in shown
        assert repr(key)[2:-1] not in shown
    assert isinstance(vault.sets[0], KeySet)
