"""What holds for every test: a missing real part is said, and where CI=true it is a failure and never a skip."""

import importlib.util
import os
import shutil
from collections import Counter
from collections.abc import Generator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.vault.kit import Tokens

pytest_plugins = ("tests.choice", "tests.seeds", "tests.hq.made")
for said in ("COLUMNS", "LINES"):  # by pytest-xdist: a terminal in a test is as large as it is
    os.environ.pop(said, None)

Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)
CI = os.environ.get("CI") == "true"
PROGRAMS = {
    "pcsc": ("pcscd",),
    "hsm": ("softhsm2-util",),
    "screen": ("Xvfb", "xterm", "xdotool", "import", "zbarimg"),
    "speech": ("espeak-ng",),
}
CONSOLE = ("/dev/tty0", "/dev/vcsa1", "/dev/vcsu1")
VPCD = Path("/etc/reader.conf.d/vpcd")
PCSCD, NO_PCSCD = "PCSCLITE_CSOCK_NAME", "/nowhere/pcscd.comm"  # what pcsc-lite's clients read, once a process


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


class OnePcscd(LoadScopeScheduling):  # type: ignore[misc]
    """One worker is at the machine's one pcscd, the others everywhere else. A file stays whole. (pytest 9.2 knows no groups.)"""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "pcsc" if at_pcscd(file) else file


@cache
def at_pcscd(file: str) -> bool:
    """Whether a file of tests, named from the root, needs a real pcscd."""
    return "mark.pcsc" in (Path(__file__).parents[1] / file).read_text()


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OnePcscd:
    return OnePcscd(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where two share the work what takes longest comes first; pcscd's worker has run nothing before that wanted no reader."""
    if hasattr(config, "workerinput"):
        file = {item: item.nodeid.partition("::")[0] for item in items}
        size = Counter(file.values())
        items.sort(key=lambda item: (not at_pcscd(file[item]), item.get_closest_marker("deep") is None, -size[file[item]]))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Without its real parts a test says which are missing. A Linux console is in no package: CONTRIBUTING, "What CI cannot run".

    Where two share the work, a kiosk of a test that wants no reader must not take the card out of the other one's.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.environ.pop(PCSCD, None)
        if not at_pcscd(item.nodeid.partition("::")[0]):
            os.environ[PCSCD] = NO_PCSCD
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
