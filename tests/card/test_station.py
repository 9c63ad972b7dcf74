"""The station store is made once, whole, for one user's eyes."""

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from kiosk.devices.vault.station import StationError, create_station, open_station


def test_a_store_opens_again_as_the_same_kiosk(tmp_path: Path) -> None:
    made = create_station(tmp_path / "station.json")
    again = open_station(tmp_path / "station.json")
    assert (again.public_key, again.box_key, again.database_key()) == (made.public_key, made.box_key, made.database_key())
    assert len(made.database_key()) == 32
    assert (tmp_path / "station.json").stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["station.json"]


def test_a_signature_is_for_one_label_only(tmp_path: Path) -> None:
    station = create_station(tmp_path / "station.json")
    key = Ed25519PublicKey.from_public_bytes(station.public_key)
    key.verify(station.sign("head", b"data"), b"kvb1 head\0data")
    assert station.sign("head", b"data") != station.sign("slip", b"data")


def test_two_stores_share_no_key(tmp_path: Path) -> None:
    one, two = create_station(tmp_path / "a"), create_station(tmp_path / "b")
    assert len({one.public_key, two.public_key, one.box_key, two.box_key, one.database_key(), two.database_key()}) == 6


def test_a_second_init_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "station.json"
    create_station(path)
    before = path.read_bytes()
    with pytest.raises(StationError, match="exists already"):
        create_station(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["station.json"]


def test_a_narrow_or_wide_umask_makes_no_difference(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        create_station(tmp_path / "station.json")
    finally:
        os.umask(before)
    assert (tmp_path / "station.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610])
def test_a_store_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "station.json"
    create_station(path)
    path.chmod(mode)
    with pytest.raises(StationError, match="read by others"):
        open_station(path)


def test_a_link_a_directory_a_pipe_and_nothing_are_refused(tmp_path: Path) -> None:
    create_station(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    os.mkfifo(tmp_path / "pipe", 0o600)
    for name, why in (("link", "symbolic link"), (".", "directory|regular"), ("pipe", "regular file"), ("none", "kiosk init")):
        with pytest.raises(StationError, match=why):
            open_station(tmp_path / name)
    with pytest.raises(StationError, match="exists already"):
        create_station(tmp_path / "link")


DAMAGED = [b"", b"[]", b"{}", b'{"v":1,"sign":"00","box":"00","database":"00"}', b"\xff", b'{"v":1,"sign":1}', b"[" * 4000]


@pytest.mark.parametrize("raw", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_store_is_one_sentence_without_what_it_held(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "station.json"
    path.write_bytes(raw)
    path.chmod(0o600)
    with pytest.raises(StationError, match="damaged") as caught:
        open_station(path)
    assert caught.value.__cause__ is caught.value.__context__ is None


def test_a_newer_version_is_said(tmp_path: Path) -> None:
    path = tmp_path / "station.json"
    create_station(path)
    path.write_bytes(path.read_bytes().replace(b'"v":1', b'"v":2'))
    with pytest.raises(StationError, match="version 2"):
        open_station(path)


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StationError, match="Cannot write"):
        create_station(tmp_path / "missing" / "station.json")
