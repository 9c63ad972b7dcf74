"""What holds for every test: a missing real part is said, and where CI=true it is a failure and never a skip."""

import importlib.util
import os
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import settings

from tests.vault.kit import Tokens

settings.register_profile("house", deadline=None)  # time is measured by ./run bench, never by a test
settings.load_profile("house")

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)
CI = os.environ.get("CI") == "true"
PROGRAMS = {"pcsc": ("pcscd",), "hsm": ("softhsm2-util",), "screen": ("Xvfb", "xterm", "xdotool", "import", "zbarimg")}
CONSOLE = ("/dev/tty0", "/dev/vcsa1", "/dev/vcsu1")
VPCD = Path("/etc/reader.conf.d/vpcd")


@pytest.fixture(scope="session")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Tokens:
    """One SoftHSM2 for the whole process: the library reads its configuration once."""
    return Tokens(tmp_path_factory.mktemp("softhsm"))


def missing(kind: str) -> list[str]:
    """The real parts that tests marked `kind` need and that are not on this machine."""
    gone = [program for program in PROGRAMS[kind] if shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None]
    if kind == "pcsc":
        gone += [] if VPCD.exists() else ["vpcd"]
        gone += [] if importlib.util.find_spec("smartcard") else ["pyscard"]
    if kind == "hsm":
        gone += [] if importlib.util.find_spec("pkcs11") else ["python-pkcs11"]
    return gone


@pytest.hookimpl(tryfirst=True)  # before xdist looks at the marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With `-n 2 --dist loadgroup` one worker is at the machine's one pcscd, and what takes longest comes first. A file stays whole."""
    if not hasattr(config, "workerinput"):
        return
    for item in items:
        item.add_marker(pytest.mark.xdist_group("pcsc" if _at_pcscd(item) else item.nodeid.partition("::")[0]))
    items.sort(key=lambda item: (not _at_pcscd(item), item.get_closest_marker("slow") is None))


def _at_pcscd(item: pytest.Item) -> bool:
    return item.get_closest_marker("pcsc") is not None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Without its real parts a test says which are missing. A Linux console is in no package: CONTRIBUTING, "What CI cannot run"."""
    if item.get_closest_marker("vt") and not all(os.access(path, os.R_OK | os.W_OK) for path in CONSOLE):
        pytest.xfail(f"no Linux console here ({', '.join(CONSOLE)}, as root): the screens are not looked at on one")
    for kind in PROGRAMS:
        if item.get_closest_marker(kind) and (gone := missing(kind)):
            pytest.skip(f"not on this machine: {', '.join(gone)}; ./run test as root installs them")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where CI=true, a skip is a failure: nothing is left out silently."""
    report = yield
    return failed_if_skipped(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a file that skips itself as a whole."""
    report = yield
    return failed_if_skipped(report)


def failed_if_skipped(report: Report) -> Report:
    if CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where CI=true: {report.longrepr}"
    return report
