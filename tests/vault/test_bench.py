"""The rows about keys are measured, and where a part is missing they say which."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kiosk.bench import keys, table
from kiosk.bench.rows import ROWS


def test_keys_in_this_process_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "SERIALS", keys.SERIALS[:10])
    (figure,) = table.run(ROWS, "derive_vs_bare_cmac")
    assert figure.value is not None
    assert figure.value > 0
    assert "keys/s" in figure.spread


@pytest.mark.hsm
def test_keys_in_a_security_module_are_measured_beside_a_loop_in_c() -> None:
    order = [sys.executable, "-m", "kiosk", "bench", "--json", "--only", "pkcs11_derive_vs_token"]
    done = subprocess.run(order, capture_output=True, text=True, check=True, timeout=120)
    (figure,) = json.loads(done.stdout)
    assert figure["value"] > 0
    assert figure["note"].startswith("a loop in C: ")


def test_without_a_module_the_row_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(keys, "MODULE", tmp_path / "none.so")
    (figure,) = table.run(ROWS, "pkcs11_derive_vs_token")
    assert figure.value is None
    assert "SoftHSM2 is not installed" in figure.note
