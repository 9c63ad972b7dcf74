"""The vault's own process: a closed set of words, nothing of it on a disk, and its end is the lock."""

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
from kiosk.devices.vault.hq import trading
from kiosk.devices.vault.purse import Limits
from kiosk.devices.vault.suite import Role
from kiosk.vend.ports import VaultError, VaultLocked
from tests.vault.kit import LIMITS, METER, PASSPHRASE, SERIAL, a_file_vault, started
from tests.vault.test_purse import load

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
