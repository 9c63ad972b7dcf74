"""The vault's own process: a closed set of words, nothing of it on a disk, and its end is the lock."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk import envelope
from kiosk.devices.vault import wire
from kiosk.devices.vault.client import VaultClient
from kiosk.devices.vault.demo import DemoVault
from kiosk.devices.vault.hardened import harden
from kiosk.devices.vault.hq import trading
from kiosk.devices.vault.purse import Limits
from kiosk.devices.vault.suite import Role
from kiosk.vend.ports import VaultError, VaultLocked
from tests.vault.kit import KNOWN, METER, PASSPHRASE, SERIAL, a_file_vault
from tests.vault.test_purse import load

LIMITS = Limits("gdw1365", 1000_00, None)
GRANTED = Limits("gdw1365", 1000_00)
HQ = bytes(range(32))  # a seed that this test knows
HQ_KEY = Ed25519PrivateKey.from_private_bytes(HQ).public_key().public_bytes_raw()
FLOATS = wire.Floats(HQ_KEY, "K07")
SOON_S = 10.0


@pytest.fixture
def vault() -> Iterator[VaultClient]:
    client = VaultClient(wire.OpenDemo(utility=1, region=1, limits=LIMITS))
    client.start()
    yield client
    client.lock()


def started(order: wire.Orders) -> VaultClient:
    client = VaultClient(order)
    client.start()
    return client


def until_locked(vault: VaultClient) -> None:
    end = time.monotonic() + SOON_S
    while not vault.locked:
        assert time.monotonic() < end
        time.sleep(0.01)


# ---------------------------------------------------------------- what it answers


def test_it_answers_what_the_vault_behind_it_does(vault: VaultClient) -> None:
    here = DemoVault()
    reading, mac = b"R" + bytes(20), here._suites[0].mac(Role.AUTH, SERIAL, b"R" + bytes(20), 4)
    assert vault.demo
    assert vault.card_cryptogram(SERIAL, 2, b"12345678") == here.card_cryptogram(SERIAL, 2, b"12345678")
    assert vault.card_mac(SERIAL, 1, load(100_00)) == here.card_mac(SERIAL, 1, load(100_00))
    assert vault.check_reading(SERIAL, reading, mac)
    assert not vault.check_reading(SERIAL, reading, bytes(4))
    assert vault.tag(METER, 8, 100_00, b"\0\1") == here.tag(METER, 8, 100_00, b"\0\1")
    assert vault.opened().spent_minor == 100_00


def test_what_it_refuses_is_an_answer_and_it_goes_on(vault: VaultClient) -> None:
    with pytest.raises(VaultError, match="one sale"):
        vault.card_mac(SERIAL, 1, load(1000_01))
    with pytest.raises(VaultError, match="no sale makes"):
        vault.card_mac(SERIAL, 1, b"E12345678")
    assert vault.opened().spent_minor == 0
    assert len(vault.card_mac(SERIAL, 1, load(1000_00))) == 4


def test_only_a_readings_message_is_checked_as_one(vault: VaultClient) -> None:
    """A MAC under AUTH over anything else proves no reading."""
    other = DemoVault()._suites[0].mac(Role.AUTH, SERIAL, b"I12345678", 4)
    assert not vault.check_reading(SERIAL, b"I12345678", other)


def test_many_threads_each_hear_their_own_answer(vault: VaultClient) -> None:
    here, wrong = DemoVault(), list[int]()

    def ask(number: int) -> None:
        for n in range(40):
            if vault.tag(METER, n, number, b"\0\1") != here.tag(METER, n, number, b"\0\1"):
                wrong.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_file_vault_opens_in_the_process_and_a_wrong_passphrase_is_its_sentence(tmp_path: Path) -> None:
    path = tmp_path / "vault.json"
    made = a_file_vault(path)
    order = wire.OpenFile(region=7, limits=LIMITS, path=str(path), passphrase=PASSPHRASE)
    vault = started(order)
    message = load(100)
    assert vault.card_mac(SERIAL, 1, message) == trading(made, 7, time.time_ns() // 1_000_000).card_mac(SERIAL, 1, message)
    assert not vault.demo
    vault.lock()
    wrong = started(msgspec.structs.replace(order, passphrase="not this one, though"))
    with pytest.raises(VaultLocked, match="does not open the vault"):
        wrong.opened()
    until_locked(wrong)


# ---------------------------------------------------------------- floats


def grant(number: int = 1, kiosk: str = "K07", amount_minor: int = 500_00, until_s: float = 3600) -> bytes:
    return msgspec.json.encode(wire.Float(kiosk, number, amount_minor, int((time.time() + until_s) * 1000)))


def test_a_float_of_the_head_office_is_what_may_be_sold() -> None:
    vault = started(wire.OpenDemo(utility=1, region=1, limits=GRANTED, floats=FLOATS))
    with pytest.raises(VaultError, match="granted"):
        vault.card_mac(SERIAL, 1, load(1))
    item = grant()
    assert vault.grant(item, envelope.sign(HQ, "down", item)).granted_minor == 500_00
    vault.card_mac(SERIAL, 1, load(500_00))
    with pytest.raises(VaultError, match="granted"):
        vault.card_mac(SERIAL, 1, load(1, 9))
    vault.lock()


@pytest.mark.parametrize(
    ("item", "label", "why"),
    [
        (grant(), "receipt", "did not sign"),
        (grant(kiosk="K08"), "down", "another kiosk"),
        (grant(until_s=-1), "down", "has ended"),
        (b'{"kiosk":"K07"}', "down", "another form"),
        (grant().replace(b'"v":1', b'"v":2'), "down", "another form"),
    ],
    ids=["another label", "another kiosk", "ended", "not whole", "another version"],
)
def test_a_float_that_is_none_of_ours_grants_nothing(item: bytes, label: str, why: str) -> None:
    vault = started(wire.OpenDemo(utility=1, region=1, limits=GRANTED, floats=FLOATS))
    with pytest.raises(VaultError, match=why):
        vault.grant(item, envelope.sign(HQ, label, item))
    with pytest.raises(VaultError, match="did not sign"):
        vault.grant(item, bytes(64))
    assert vault.opened().granted_minor == 0
    vault.lock()


def test_a_float_serves_once() -> None:
    vault = started(wire.OpenDemo(utility=1, region=1, limits=GRANTED, floats=FLOATS))
    item = grant()
    vault.grant(item, envelope.sign(HQ, "down", item))
    with pytest.raises(VaultError, match="already"):
        vault.grant(item, envelope.sign(HQ, "down", item))
    vault.lock()


def test_without_the_head_offices_key_no_float_is_believed(vault: VaultClient) -> None:
    item = grant()
    with pytest.raises(VaultError, match="did not sign"):
        vault.grant(item, envelope.sign(HQ, "down", item))


# ---------------------------------------------------------------- its end


def test_before_it_starts_and_after_its_end_it_is_locked() -> None:
    vault = VaultClient(wire.OpenDemo(utility=1, region=1, limits=LIMITS))
    assert vault.locked
    with pytest.raises(VaultLocked):
        vault.tag(METER, 1, 1, b"\0\1")
    vault.start()
    vault.opened()
    assert not vault.locked
    vault.lock()
    assert vault.locked
    with pytest.raises(VaultLocked):
        vault.tag(METER, 1, 1, b"\0\1")
    vault.lock()
    with pytest.raises(ValueError, match="once"):
        vault.start()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_killed_it_is_locked_and_nobody_else_dies(vault: VaultClient, number: signal.Signals) -> None:
    vault.opened()
    os.kill(vault.pid, number)
    with pytest.raises(VaultLocked):
        vault.tag(METER, 1, 1, b"\0\1")
    until_locked(vault)
    assert not list(Path("/").glob("core*"))


def test_a_silent_vault_is_given_up_and_ended(vault: VaultClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.devices.vault.client.ANSWER_S", 0.2)
    vault.opened()
    os.kill(vault.pid, signal.SIGSTOP)
    with pytest.raises(VaultLocked):
        vault.tag(METER, 1, 1, b"\0\1")
    until_locked(vault)


def test_it_ends_when_the_machine_that_had_it_is_killed() -> None:
    program = (
        "import time; from kiosk.devices.vault import wire; from kiosk.devices.vault.client import VaultClient;"
        "from kiosk.devices.vault.purse import Limits;"
        "v = VaultClient(wire.OpenDemo(utility=1, region=1, limits=Limits('gdw1365', 1, None))); v.start(); v.opened();"
        "print(v.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as machine:
        assert machine.stdout
        pid = int(machine.stdout.readline())
        machine.kill()
    end = time.monotonic() + SOON_S
    while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]:
        assert time.monotonic() < end
        time.sleep(0.01)


# ---------------------------------------------------------------- a hostile peer


def raw() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """The process, and its socket in the test's hands."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(SOON_S)
    with theirs:
        process = subprocess.Popen([sys.executable, "-I", "-m", "kiosk.keys"], stdin=theirs.fileno(), stderr=subprocess.PIPE)
    return ours, process


ORDER = msgspec.msgpack.encode(wire.OpenDemo(utility=1, region=1, limits=LIMITS))


@pytest.mark.covers("field-31")
@pytest.mark.parametrize(
    "packet",
    [
        b"\xc1",
        msgspec.msgpack.encode({"type": "export", "role": 1}),
        msgspec.msgpack.encode({"type": "tag", "meter": METER, "n": 1, "amount_minor": 1, "salt": b"\0\1", "more": 1}),
        msgspec.msgpack.encode({"type": "tag", "meter": "12", "n": 1, "amount_minor": 1, "salt": b"\0\1"}),
        msgspec.msgpack.encode({"type": "cryptogram", "serial": SERIAL, "generation": 1, "challenge": b"123"}),
        msgspec.msgpack.encode({"type": "cryptogram", "serial": SERIAL[:7], "generation": 1, "challenge": b"12345678"}),
        msgspec.msgpack.encode({"type": "cardmac", "serial": SERIAL, "generation": -1, "message": load(1)}),
        msgspec.msgpack.encode({"type": "cardmac", "serial": SERIAL, "generation": 1, "message": bytes(321)}),
        msgspec.msgpack.encode({"type": "cardmac", "serial": "x" * 8, "generation": 1, "message": load(1)}),
        ORDER,
        bytes(wire.PACKET_MAX + 1),
        b"\xdd\xff\xff\xff\xff",  # an array of four thousand million
    ],
)
def test_a_word_outside_of_the_set_ends_it(packet: bytes) -> None:
    line, process = raw()
    line.send(ORDER)
    assert isinstance(msgspec.msgpack.decode(line.recv(wire.PACKET_MAX), type=wire.Answers), wire.Status)
    line.send(packet)
    assert line.recv(wire.PACKET_MAX) == b""
    assert process.wait(SOON_S) == 7
    assert process.stderr
    assert process.stderr.read() == b""
    line.close()


@pytest.mark.parametrize("packet", [b"\xc1", b"\x80", msgspec.msgpack.encode(wire.Ask()), bytes(5000)])
def test_a_strange_order_opens_nothing(packet: bytes) -> None:
    line, process = raw()
    line.send(packet)
    assert line.recv(wire.PACKET_MAX) == b""
    assert process.wait(SOON_S) == 7
    line.close()


def test_a_programmers_error_ends_it_and_says_where_but_not_what(tmp_path: Path) -> None:
    """A layout that does not exist: a KeyError, whose text and traceback could be anything."""
    line, process = raw()
    limits = Limits("no such layout", 1, None)
    path = tmp_path / "vault.json"
    a_file_vault(path)
    order = wire.OpenFile(region=1, limits=limits, path=str(path), passphrase=PASSPHRASE)
    line.send(msgspec.msgpack.encode(order))
    assert line.recv(wire.PACKET_MAX) == b""
    assert process.wait(SOON_S) == 70
    assert process.stderr
    said = process.stderr.read().decode()
    assert said.startswith("vault: KeyError at ")
    assert len(said.splitlines()) == 1
    assert "layout" not in said
    line.close()


def test_a_machine_that_hears_nonsense_locks(vault: VaultClient) -> None:
    vault.opened()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    vault._line = ours
    for answer in (b"\xc1", msgspec.msgpack.encode(wire.Holds(yes=True))):
        vault._line = ours.dup()
        theirs.send(answer)
        with pytest.raises(VaultLocked):
            vault.tag(METER, 1, 1, b"\0\1")
        assert vault._line is None
    until_locked(vault)
    ours.close()
    theirs.close()


# ---------------------------------------------------------------- nothing of it on a disk, or before other eyes


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
    open(f"/proc/{sys.argv[1]}/mem", "rb").close()
    print("seen")
except PermissionError:
    print("refused")
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become two other users")
@pytest.mark.parametrize(("hard", "said"), [(False, "seen"), (True, "refused")])
def test_another_process_of_the_same_user_cannot_look_into_it(hard: bool, said: str) -> None:
    """The control is the same process without the hardening."""
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
