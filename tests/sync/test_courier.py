"""The courier's process: killed, stopped, alone without rights; by every way, and the core's watch over it."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from kiosk.sync import courier as process
from kiosk.sync.child import CourierProcess
from kiosk.sync.courier import Courier
from kiosk.sync.plan import HttpsPlan, Plan
from kiosk.sync.spool import Spool
from kiosk.sync.standing import told
from tests.sync.wires import (
    KIOSK,
    Authority,
    Fault,
    Inbox,
    ack,
    authority,
    closed_port,
    mail,
    proxied,
    served,
    sftp_served,
    ssh_keys,
    until,
)

COMMAND = [sys.executable, "-I", "-m", "kiosk.sync.courier"]


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", KIOSK).made()


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    (tmp_path / "bag/downlink/all").mkdir(parents=True)
    (tmp_path / f"bag/downlink/{KIOSK}").mkdir()
    return tmp_path / "bag"


@pytest.fixture
def https(inbox: Inbox, bag: Path, signed: Authority) -> Iterator[HttpsPlan]:
    with served(inbox.take, bag, signed) as plan:
        yield plan


def plan_of(spool: Spool, **more: object) -> Plan:
    return msgspec.structs.replace(Plan(str(spool.path), KIOSK), **more)


@contextlib.contextmanager
def begun(plan: Plan, **more: object) -> Iterator[subprocess.Popen[bytes]]:
    """The process, with its plan on standard input."""
    child = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd="/", env={"PATH": "/usr/bin"}, **more)  # type: ignore[call-overload]
    assert child.stdin is not None
    child.stdin.write(msgspec.json.encode(plan) + b"\n")
    child.stdin.flush()
    try:
        yield child
    finally:
        child.kill()
        child.wait()


# ---------------------------------------------------------------- a process of its own


def test_it_carries_until_its_input_ends(spool: Spool, https: HttpsPlan, inbox: Inbox, bag: Path) -> None:
    spool.put(1, mail(1))
    (bag / "downlink/all/limits-1-4").write_bytes(b"limits")
    with begun(plan_of(spool, https=https)) as child:
        until(lambda: spool.acks() == [ack(1)], "the first acknowledgement")
        spool.put(2, mail(2))  # what comes new is carried at once, not an interval later
        until(lambda: spool.acks()[:1] == [ack(2)], "the second")
        until((spool.bag / "downlink/all/limits-1-4").exists, "the letter")
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(30) == 0
    assert inbox.kept == {KIOSK: [mail(1), mail(2)]}


def test_one_that_is_killed_again_and_again_loses_and_doubles_nothing(spool: Spool, https: HttpsPlan, inbox: Inbox) -> None:
    for seq in range(1, 7):
        spool.put(seq, mail(seq))
        with begun(plan_of(spool, https=https)) as child:
            until(lambda seq=seq: len(inbox.kept.get(KIOSK, ())) >= seq, "a batch")  # type: ignore[misc]
            child.send_signal(signal.SIGKILL)
    with begun(plan_of(spool, https=https)):
        until(lambda: spool.acks()[:1] == [ack(6)], "the last acknowledgement")
    assert inbox.kept[KIOSK] == [mail(seq) for seq in range(1, 7)]
    assert {verdict for *_, verdict in inbox.seen} <= {"OK", "REPLAY"}


@pytest.mark.parametrize(
    "plan", [b"", b"{}\n", b"[" * 100_000 + b"\n", b'{"spool":"/dev/null/x","kiosk":"K07"}\n', b'{"spool":"x","kiosk":".."}\n']
)
def test_a_plan_that_is_none_ends_it_in_one_sentence(plan: bytes) -> None:
    ended = subprocess.run(COMMAND, input=plan, capture_output=True, check=False, timeout=60, cwd="/")
    assert ended.returncode == process.EXIT_PLAN
    assert ended.stderr.decode().count("\n") == 1


def test_a_second_one_for_the_same_spool_ends(spool: Spool) -> None:
    with spool.carrying():
        ended = subprocess.run(COMMAND, input=msgspec.json.encode(plan_of(spool)), capture_output=True, check=False, timeout=60)
    assert (ended.returncode, ended.stderr.count(b"\n")) == (process.EXIT_BUSY, 1)


def test_it_loads_no_store_no_device_and_no_key() -> None:
    program = """import sys, kiosk.sync.courier, kiosk.sync.child
print([name for name in sys.modules if name.startswith(("sqlalchemy", "sqlmodel", "sqlcipher3", "kiosk.devices", "kiosk.screens",
      "kiosk.vend.journal", "kiosk.vend.store", "kiosk.vend.desk", "kiosk.hq", "textual"))])"""
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout == b"[]\n"


ALONE = """import sys, os, asyncio
import kiosk.sync.courier as courier, httpx, ssl, encodings.idna
spool, ca, log = sys.argv[1:]
def audit(event, args):
    if event in ("subprocess.Popen", "os.exec", "os.fork", "ctypes.dlopen"):
        raise PermissionError(event)
    if event == "open" and isinstance(args[0], str) and "/" in args[0] and args[0] != ca:
        path = os.path.realpath(args[0])
        if not (path + "/").startswith(spool + "/") and not path.startswith((sys.prefix, sys.base_prefix)):
            os.write(2, f"opened {path}\\n".encode())
            raise PermissionError(path)
sys.addaudithook(audit)
sys.exit(courier.main())"""


def test_with_nothing_open_to_it_but_the_spool_and_the_ca_it_carries_all_the_same(
    spool: Spool, https: HttpsPlan, inbox: Inbox, signed: Authority
) -> None:
    """Whatever else it wanted to open would be said, and refused: no journal, no key, no other program."""
    spool.put(1, mail(1))
    command = [sys.executable, "-I", "-c", ALONE, str(spool.path.resolve()), str(signed.ca), ""]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/") as child:
        assert child.stdin is not None
        child.stdin.write(msgspec.json.encode(plan_of(spool, https=https)) + b"\n")
        child.stdin.flush()
        until(lambda: spool.acks() == [ack(1)] or child.poll() is not None, "the acknowledgement")
        _, said = child.communicate()
    assert said == b""
    assert inbox.kept == {KIOSK: [mail(1)]}


HANGING = """import asyncio, contextlib, sys
import kiosk.sync.courier as process
from kiosk.sync.plan import HttpsPlan, Plan
process.STUCK_S = process.LOOK_S = 0.05

@contextlib.asynccontextmanager
async def hangs(*_):
    while True:
        with contextlib.suppress(asyncio.CancelledError):  # not even to be cancelled
            await asyncio.sleep(3600)
    yield

process.https = hangs
asyncio.run(process.Courier(Plan(sys.argv[1], "K07", https=HttpsPlan("https://127.0.0.1"))).run())"""


def test_a_round_that_never_ends_ends_the_process(spool: Spool) -> None:
    ended = subprocess.run([sys.executable, "-c", HANGING, str(spool.path)], capture_output=True, check=False, timeout=60)
    assert (ended.returncode, ended.stderr) == (process.EXIT_BUSY, b"The way by https does not end.\n")


# ---------------------------------------------------------------- watched by the core


def test_the_core_starts_it_again_when_it_dies_and_ends_it_when_it_hangs(spool: Spool, https: HttpsPlan, inbox: Inbox) -> None:
    watched = CourierProcess(plan_of(spool, https=https), silent_s=4.0, pause_s=0.05)
    watched.start()
    try:
        spool.put(1, mail(1))
        until(lambda: spool.acks() == [ack(1)], "the first life")
        for seq, how in ((2, signal.SIGKILL), (3, signal.SIGSTOP)):
            first = watched.pid
            os.kill(first, how)
            spool.put(seq, mail(seq))
            until(lambda first=first: watched.pid not in (0, first), "another life")  # type: ignore[misc]
            until(lambda seq=seq: spool.acks()[:1] == [ack(seq)], "its work")  # type: ignore[misc]
    finally:
        last = watched.pid
        watched.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(last, 0)
    assert inbox.kept[KIOSK] == [mail(1), mail(2), mail(3)]


def test_one_that_cannot_even_begin_holds_nobody_up() -> None:
    watched = CourierProcess(Plan("/dev/null/spool", KIOSK), pause_s=0.01)
    watched.start()
    watched.stop()
    assert watched.pid == 0


# ---------------------------------------------------------------- its ways


async def test_one_way_that_fails_leaves_the_other_alone_and_each_says_how_it_stands(spool: Spool, bag: Path, tmp_path: Path) -> None:
    spool.put(1, mail(1))
    dead = HttpsPlan(f"https://127.0.0.1:{closed_port()}")
    keys = ssh_keys(tmp_path / "ssh")
    with sftp_served(bag, keys) as sftp:
        standing = await Courier(plan_of(spool, https=dead, sftp=sftp)).once()
    assert (bag / f"up/{KIOSK}/00000001").read_bytes() == mail(1)
    kept = told(spool)
    assert kept is not None
    assert (kept.ways, kept.batches) == (standing.ways, standing.batches)
    https, other = standing.ways["https"], standing.ways["sftp"]
    assert (https.failures, https.worked_ms, https.next_ms > https.tried_ms) == (1, 0, True)
    assert "cannot be reached" in https.why
    assert (other.failures, other.why) == (0, "")
    assert standing.batches["1"].state == "sent"


async def test_a_way_that_fails_waits_longer_and_longer_until_somebody_wants_it_now(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "LOOK_S", 0.01)
    courier = Courier(plan_of(spool, https=HttpsPlan(f"https://127.0.0.1:{closed_port()}")))
    work = asyncio.create_task(courier.run())
    try:
        await _until(lambda: (said := told(spool)) is not None and said.ways["https"].failures == 1)
        spool.put(1, mail(1))  # something new is no reason to hurry on a way that is broken
        await asyncio.sleep(0.2)
        assert (said := told(spool)) is not None
        assert said.ways["https"].failures == 1
        spool.ask("now")
        await _until(lambda: (said := told(spool)) is not None and said.ways["https"].failures == 2)
    finally:
        work.cancel()


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():  # noqa: ASYNC110 - what is waited for is a file of another process
            await asyncio.sleep(0.01)


async def test_a_long_outage_over_a_bad_line_ends_with_everything_once(
    spool: Spool, https: HttpsPlan, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Drops, cuts, repeats and delays, one after the other, while batches go on coming and are taken away when they are acknowledged."""
    monkeypatch.setattr("kiosk.sync.pace.FIRST_S", 0.02)
    monkeypatch.setattr(process, "LOOK_S", 0.01)
    faults = [
        Fault(refuse=True), Fault(cut_up=1500), Fault(cut_when=lambda: inbox.seen), Fault(cut_down=1800), Fault(repeat_down=True),
        Fault(delay_s=0.01, cut_up=2500), Fault(flip_up=1400), Fault(cut_when=lambda: len(inbox.seen) > 3), Fault(delay_s=0.01),
    ]  # fmt: skip
    with proxied(int(https.url.rpartition(":")[2]), faults) as (port, proxy):
        bad = msgspec.structs.replace(https, url=f"https://127.0.0.1:{port}")
        work = asyncio.create_task(Courier(plan_of(spool, https=bad, interval_s=0.05)).run())
        try:
            for seq in range(1, 9):
                spool.put(seq, mail(seq))
                await asyncio.sleep(0.05)
            await _until(lambda: spool.acks()[:1] == [ack(8)] and proxy.connections > len(faults))
        finally:
            work.cancel()
    assert inbox.kept[KIOSK] == [mail(seq) for seq in range(1, 9)]
    assert {verdict for *_, verdict in inbox.seen} <= {"OK", "REPLAY"}


# ---------------------------------------------------------------- its stick


async def test_staff_ask_and_the_courier_goes_to_the_stick(spool: Spool, bag: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "LOOK_S", 0.01)
    spool.put(1, mail(1))
    (bag / f"downlink/{KIOSK}/ack-1-00000001").write_bytes(ack(1))
    work = asyncio.create_task(Courier(plan_of(spool, stick=str(bag))).run())
    try:
        for what in ("export", "import"):
            spool.ask(what)
            await _until(
                lambda what=what: (
                    (said := told(spool)) is not None and said.stick is not None and said.stick.what == what and said.stick.over_ms > 0
                )  # type: ignore[misc]
            )
    finally:
        work.cancel()
    assert (bag / f"up/{KIOSK}/00000001").read_bytes() == mail(1)
    assert spool.acks() == [ack(1)]


@pytest.mark.parametrize("where", ["", "gone", "empty"])
async def test_without_a_stick_one_sentence_says_so(where: str, spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "LOOK_S", 0.01)
    spool.put(1, mail(1))
    (tmp_path / "empty").mkdir()
    work = asyncio.create_task(Courier(plan_of(spool, stick=str(tmp_path / where) if where else "")).run())
    try:
        spool.ask("export")
        await _until(lambda: (said := told(spool)) is not None and said.stick is not None and said.stick.over_ms > 0)
    finally:
        work.cancel()
    said = told(spool)
    assert said is not None
    assert said.stick is not None
    assert (said.stick.ok, len(said.stick.says)) == (False, 1)
    assert list((tmp_path / "empty").iterdir()) == []
