"""What stops a demo before it begins is one sentence, at once."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.house.tree import HOUSE

SENTENCE_S = 30.0  # patience of a test with a busy machine


def ran(words: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("KIOSK")}
    return subprocess.run(words, cwd=cwd, env=plain, capture_output=True, text=True, check=False, timeout=SENTENCE_S)


def demo(*words: str) -> list[str]:
    return [sys.executable, "-m", "kiosk", "demo", "--stack", "in-process", *words]


@pytest.mark.parametrize("left", ["kiosks/K07/store.db", "office/office.json", "a letter.txt"])
def test_a_scripted_day_begins_in_an_empty_folder_only(tmp_path: Path, left: str) -> None:
    (tmp_path / "day" / left).parent.mkdir(parents=True)
    (tmp_path / "day" / left).write_text("of another day")
    said = ran(demo("--script", "--keep", "day"), tmp_path)
    assert said.returncode == 2
    assert said.stderr == f"{tmp_path / 'day'} is not empty: a scripted day begins in a new folder. Name another one, or delete it.\n"
    assert (tmp_path / "day" / left).read_text() == "of another day"
    assert len(list((tmp_path / "day").iterdir())) == 1


def test_a_file_in_the_place_of_the_folder_and_a_folder_that_cannot_be_made_are_one_sentence() -> None:
    with tempfile.TemporaryDirectory(prefix="keep-") as short:  # a long name is refused for its sockets before
        (Path(short) / "file").write_text("")
        for folder in ("file", "file/day"):
            said = ran(demo("--script", "--keep", folder), Path(short))
            assert (said.returncode, len(said.stderr.splitlines())) == (2, 1)
            assert said.stderr.startswith(f"{Path(short) / folder} cannot be used: ")


def test_a_loopback_that_is_down_is_one_sentence(tmp_path: Path) -> None:
    if ran(["unshare", "-rn", "true"], tmp_path).returncode:
        pytest.skip("no network namespace here")
    said = ran(["unshare", "-rn", *demo("--script", "--keep", "day")], tmp_path)
    assert said.returncode == 3
    assert (
        said.stderr == "This machine's loopback interface is down, and the demo's devices and office are reached by it: ip link set lo up\n"
    )


def checkout(place: Path) -> Path:
    """The script and enough of a checkout for it to begin."""
    place.mkdir()
    for name in ("run", "pyproject.toml", "requirements.lock"):
        shutil.copy2(HOUSE / name, place / name)
    return place


def test_a_checkout_that_was_moved_after_its_set_up_is_one_sentence_and_is_set_up_anew(tmp_path: Path) -> None:
    here = checkout(tmp_path / "moved")
    (here / ".venv" / "bin").mkdir(parents=True)
    (here / ".venv" / "bin" / "python").symlink_to(sys.executable)
    (here / ".venv" / "pyvenv.cfg").write_text(f"home = {Path(sys.executable).parent}\n")
    (here / ".venv" / "bin" / "kiosk").write_text("#!/somewhere/else/.venv/bin/python3\n")
    said = ran(["sh", "-c", f"PIP_NO_INDEX=1 PATH={tmp_path}/none:/usr/bin:/bin timeout 20 ./run demo --script"], here)
    assert said.stderr.splitlines()[0] == "run: this checkout was moved from /somewhere/else after its set-up; making .venv anew"


def test_a_checkout_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    here = checkout(tmp_path / "fixed")
    mount = f"mount --bind {here} {here} && mount -o remount,ro,bind {here} && cd {here} && exec ./run demo --script"
    said = ran(["unshare", "-rm", "sh", "-c", mount], tmp_path)
    if "mount" in said.stderr or "unshare" in said.stderr:
        pytest.skip("no mount namespace here")
    assert (said.returncode, said.stderr) == (
        3,
        f"run: {here} cannot be written, and .venv is made in it: copy the checkout to a folder of yours\n",
    )
