"""Nothing of a vault reaches a disk, another process, or what is printed."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from kiosk.devices.vault import wire
from kiosk.devices.vault.client import VaultClient
from kiosk.devices.vault.hardened import harden
from kiosk.devices.vault.suite import Role
from tests.vault.kit import KNOWN, LIMITS, PASSPHRASE, SERIAL, a_file_vault, started
from tests.vault.test_purse import load


@pytest.fixture
def vault() -> Iterator[VaultClient]:
    client = started(wire.OpenDemo(utility=1, region=1, limits=LIMITS))
    yield client
    client.lock()


def test_it_leaves_no_core_and_its_memory_is_locked_or_it_says_why(vault: VaultClient) -> None:
    said = vault.opened().memory
    limits = Path(f"/proc/{vault.pid}/limits").read_text()
    (core,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert core.split()[4:6] == ["0", "0"]
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{vault.pid}/status").read_text().splitlines())
    assert status["NoNewPrivs"] == "1"
    assert (int(status["VmLck"].split()[0]) > 0) == (said == "locked")
    assert said == "locked" or "swap" in said


def test_its_environment_holds_nothing_of_the_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KIOSK_PASSPHRASE", "not for you")
    other = started(wire.OpenDemo(utility=1, region=1, limits=LIMITS))
    other.opened()
    names = {pair.split(b"=")[0] for pair in Path(f"/proc/{other.pid}/environ").read_bytes().split(b"\0") if pair}
    assert names <= {b"SOFTHSM2_CONF", b"PCSCLITE_CSOCK_NAME", b"LC_CTYPE"}
    other.lock()


MACHINE = """
import sys, time
import msgspec
from kiosk.devices.vault import wire
from kiosk.devices.vault.client import VaultClient
vault = VaultClient(msgspec.msgpack.decode(sys.stdin.buffer.read(), type=wire.Orders))
vault.start()
vault.card_mac(bytes.fromhex(sys.argv[1]), 1, bytes.fromhex(sys.argv[2]))
print(vault.pid, flush=True)
time.sleep(60)
"""


def holding(pid: int, needles: dict[str, bytes]) -> set[str]:
    """Which of these bytes stand anywhere in the memory of a process. Only root may look."""
    found = set()
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:  # noqa: PTH123 - a seekable device
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights = line.split()[:2]
            if rights[0] == "r" and "[v" not in line:
                start, end = (int(part, 16) for part in span.split("-"))
                with contextlib.suppress(OSError):
                    memory.seek(start)
                    whole = memory.read(end - start)
                    found |= {name for name, needle in needles.items() if needle in whole}
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may read another process's memory")
def test_the_machine_that_uses_a_vault_never_has_a_master_in_its_memory(tmp_path: Path) -> None:
    """The control is the vault's own process, where one is found."""
    made = a_file_vault(tmp_path / "vault.json", masters=KNOWN)
    order = wire.OpenFile(region=7, limits=LIMITS, path=str(tmp_path / "vault.json"), passphrase=PASSPHRASE)
    needles = {f"{role.name} master": key for role, key in KNOWN.items()}
    needles |= {f"{role.name} of the region": made._working(1, 7, role, 1) for role in (Role.AUTH, Role.KIOSK)}
    command = [sys.executable, "-c", MACHINE, SERIAL.hex(), load(100).hex()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as machine:
        assert machine.stdin
        assert machine.stdout
        machine.stdin.write(msgspec.msgpack.encode(order))
        machine.stdin.close()
        pid = int(machine.stdout.readline())
        assert "KIOSK master" in holding(pid, needles)
        assert holding(machine.pid, needles) == set()
        machine.kill()


NOBODY = 65534
OTHERS_LOOK = """
import os, sys
try:
    open(f"/proc/{sys.argv[1]}/environ", "rb").read()
    print("seen")
except PermissionError:
    print("refused")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become two other users")
@pytest.mark.parametrize(("hard", "said"), [(False, "seen"), (True, "refused")])
def test_another_process_of_the_same_user_cannot_look_into_it(hard: bool, said: str) -> None:
    """The control is the same process without the hardening. (Its memory needs more rights than its environment: kernels differ.)"""
    come, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # as after any exec
        if hard:
            harden(b"test")
        os.write(go, b".")
        time.sleep(30)
        os._exit(0)
    assert os.read(come, 1) == b"."
    looked = subprocess.run(
        ["/usr/bin/python3", "-c", OTHERS_LOOK, str(child)], user=NOBODY, group=NOBODY, capture_output=True, text=True, check=True
    )
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert looked.stdout.strip() == said


def test_no_secret_shows_itself_in_what_is_printed() -> None:
    orders = (
        wire.OpenFile(region=1, limits=LIMITS, path="/x", passphrase="hush hush hush"),
        wire.OpenToken(region=1, limits=LIMITS, module="m", token="t", pin="871203"),
        wire.OpenPsam(region=1, limits=LIMITS, reader="r", pin="871203"),
    )
    for order in orders:
        shown = f"{order!r} {VaultClient(order)!r} {[order]}"
        assert "hush" not in shown
        assert "871203" not in shown
