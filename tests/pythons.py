"""`python -m tests.pythons`: the demo's day, and the tests of what differs between Pythons, on each Python of pyproject.toml that is here.

For each: an environment of its own, the locked dependencies with their hashes, then the demo by script and a few tests. The Python that
runs this is left out, because `./run test` is its trial. A Python that is not on this machine is said; it is no failure.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

HOUSE = Path(__file__).resolve().parent.parent
TESTS = ("tests/sync/test_certificates.py", "tests/demo/test_site.py", "tests/devices/test_port.py", "tests/card/test_session.py")
STEP_S = 240
PYENV = Path.home() / ".pyenv" / "versions"


def named() -> tuple[str, ...]:
    """The versions that the classifiers name: 3.11, ..."""
    classifiers = tomllib.loads((HOUSE / "pyproject.toml").read_text("utf-8"))["project"]["classifiers"]
    return tuple(found[1] for one in classifiers if (found := re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", one)))


def here(version: str) -> Path | None:
    """A Python of that version with venv: on PATH, or pyenv's."""
    for candidate in _candidates(version):
        said = subprocess.run([candidate, "-c", "import ensurepip"], capture_output=True, check=False)
        if said.returncode == 0:
            return candidate
    return None


def _candidates(version: str) -> Iterator[Path]:
    if found := shutil.which(f"python{version}"):
        yield Path(found)
    for folder in sorted(PYENV.glob(f"{version}.*"), reverse=True):
        if (program := folder / "bin" / f"python{version}").exists():
            yield program


def tried(python: Path, place: Path) -> str:
    """What failed there, or nothing."""
    own = place / "venv" / "bin" / "python"
    lock = (HOUSE / "requirements-dev.lock").read_text("utf-8")
    if not Path("/usr/include/PCSC/winscard.h").exists():
        lock = re.sub(r"^pyscard==(?:.*\\\n)*.*\n", "", lock, flags=re.MULTILINE)
    (place / "lock").write_text(lock)
    pip = [str(own), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    plain = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH")}
    for what, words in (
        ("venv", [str(python), "-m", "venv", str(place / "venv")]),
        ("the locked dependencies", [*pip, "--require-hashes", "-r", str(place / "lock")]),
        ("the kiosk", [*pip, "--no-deps", "--no-build-isolation", "-e", str(HOUSE)]),
        ("the demo's day", [str(own), "-m", "kiosk", "demo", "--script", "--stack", "in-process"]),
        ("the tests", [str(own), "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS]),
    ):
        try:
            said = subprocess.run(words, cwd=HOUSE, env=plain, capture_output=True, text=True, check=False, timeout=STEP_S)
        except subprocess.TimeoutExpired:
            return f"{what}: no end within {STEP_S} seconds"
        if said.returncode:
            return f"{what}: {(said.stderr + said.stdout).strip()[-2000:]}"
    return ""


def main() -> int:
    """1 where a Python that is here failed."""
    running = f"{sys.version_info[0]}.{sys.version_info[1]}"
    failed = 0
    for version in named():
        if version == running:
            said = "tried by ./run test"
        elif python := here(version):
            with tempfile.TemporaryDirectory(prefix="kiosk-py-") as place:
                wrong = tried(python, Path(place))
            failed |= bool(wrong)
            said = f"FAILED: {wrong}" if wrong else "tried: the demo's day and a few tests passed"
        else:
            said = "not tried: it is not on this machine"
        sys.stdout.write(f"Python {version}: {said}\n")
        sys.stdout.flush()
    return failed


if __name__ == "__main__":
    sys.exit(main())
