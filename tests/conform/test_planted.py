"""A driver with a fault is told by the name of the promise that it breaks."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kiosk.conform.exam import Subject, examine
from kiosk.conform.promises import PROMISES
from tests.conform import planted
from tests.conform.planted import FAULTS

AT_ONCE = 8


@pytest.fixture(autouse=True)
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an installer leaves a package."""
    about = tmp_path / "planted-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: planted\nVersion: 1.0\n")
    points = "".join(f"{role}/{name} = {planted.__name__}:{name}\n" for name, (role, _, _) in FAULTS.items())
    (about / "entry_points.txt").write_text(f"[kiosk.drivers]\n{points}")
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.deep("the conformance kit on every driver")
def test_the_kit_finds_the_promise_that_a_driver_breaks() -> None:
    """They wait much and work little: several at once."""

    def found(name: str) -> tuple[str, str, str]:
        role, against, promise = FAULTS[name]
        certificate = examine(Subject(role, name, against=against), only=(promise,))
        (finding,) = certificate.findings
        assert finding.evidence
        assert (certificate.verdict, certificate.brought_by) == (finding.verdict, "planted 1.0")
        return finding.promise, finding.verdict, "; ".join(finding.evidence)

    with ThreadPoolExecutor(AT_ONCE) as several:
        certificates = dict(zip(FAULTS, several.map(found, FAULTS), strict=True))
    kept = {name: certificate for name, certificate in certificates.items() if certificate[:2] != (FAULTS[name][2], "broken")}
    assert kept == {}


def test_every_promise_has_a_driver_that_breaks_it() -> None:
    assert {promise.name for promise in PROMISES} == {promise for _, _, promise in FAULTS.values()}
