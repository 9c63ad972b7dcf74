"""pyproject.toml, uv.lock and the two requirements files say the same: whoever installs with pip gets, byte for byte, what uv gives."""

import re
import tomllib
from typing import Any

import pytest

from tests.house.tree import HOUSE
from tests.pythons import named

Pins = dict[str, tuple[str, frozenset[str]]]
LOCK: dict[str, dict[str, Any]] = {package["name"]: package for package in tomllib.loads((HOUSE / "uv.lock").read_text())["package"]}
PROJECT: dict[str, Any] = tomllib.loads((HOUSE / "pyproject.toml").read_text())
HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})")


def pinned(file: str) -> Pins:
    """Name -> version and hashes, of a requirements file."""
    entries = (HOUSE / file).read_text().replace("\\\n", " ").splitlines()
    return {name: (rest.split()[0], frozenset(HASH.findall(rest))) for name, rest in (entry.split("==", 1) for entry in entries)}


def locked(extras: list[str], groups: list[str]) -> Pins:
    """The same of uv.lock: all that the kiosk needs with these extras and groups, and all that those need in turn."""
    kiosk = LOCK["kiosk"]
    wanted = [*kiosk["dependencies"]]
    wanted += [need for extra in extras for need in kiosk["optional-dependencies"][extra]]
    wanted += [need for group in groups for need in kiosk["dev-dependencies"][group]]
    found: Pins = {}
    while wanted:
        need = wanted.pop()
        package = LOCK[need["name"]]
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        more = [inner for extra in need.get("extra", []) for inner in package["optional-dependencies"][extra]]
        wanted += more
        if need["name"] not in found:
            found[need["name"]] = (package["version"], frozenset(file["hash"] for file in files))
            wanted += package.get("dependencies", [])
    return found


@pytest.mark.parametrize(
    ("file", "extras", "groups"),
    [("requirements.lock", ["pcsc", "hq"], ["build"]), ("requirements-dev.lock", ["pcsc", "pkcs11", "sftp", "hq"], ["dev", "build"])],
)
def test_the_requirements_are_the_lock(file: str, extras: list[str], groups: list[str]) -> None:
    assert pinned(file) == locked(extras, groups)


def test_every_dependency_is_pinned_exactly_and_as_locked() -> None:
    asked = [
        *PROJECT["project"]["dependencies"],
        *(need for extra in PROJECT["project"]["optional-dependencies"].values() for need in extra),
        *(need for group in PROJECT["dependency-groups"].values() for need in group),
    ]
    pins = {re.sub(r"\[.*\]", "", name).lower(): version for name, version in (need.split("==") for need in asked)}
    assert pins == {name: LOCK[name]["version"] for name in pins}


def test_what_builds_the_kiosk_is_locked_too() -> None:
    assert PROJECT["build-system"]["requires"] == ["hatchling"]
    assert "hatchling" in pinned("requirements.lock")


def test_the_classifiers_name_every_python_from_the_oldest_on() -> None:
    oldest = tomllib.loads((HOUSE / "pyproject.toml").read_text("utf-8"))["project"]["requires-python"]
    versions = named()
    assert oldest == f">={versions[0]}"
    assert versions == tuple(f"3.{minor}" for minor in range(11, 11 + len(versions)))
    script = (HOUSE / "run").read_text("utf-8")
    assert [version for version in versions if f"python{version}" not in script] == []
