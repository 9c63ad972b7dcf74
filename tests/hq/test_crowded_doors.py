"""A thousand connections that say nothing, say it slowly, or lie, beside honest kiosks, partners and switches, who are answered.

Who attacks comes from other addresses of 127.0.0.0/8 than who is honest.
"""

import contextlib
import resource
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from kiosk.hq.intake import ingest
from kiosk.hq.office import Enrolled
from kiosk.hq.office import Office as HeadOffice
from kiosk.hq.store import Store
from tests.hq.batches import UTILITY, Street
from tests.hq.partner_kit import Office, Switch, a_place, an_office, client, gateway, network, web  # noqa: F401 - fixtures
from tests.hq.postgres import database, postgres_url  # noqa: F401 - fixtures
from tests.sync.wires import KIOSK, Authority, Inbox, authority, mail, served, until

HONEST, IDLE, SLOW = "127.0.0.1", "127.0.0.2", "127.0.0.3"
IDLE_COUNT = 1_100
ANSWER_S = 5.0  # patience with a busy machine; without a limit nobody is answered at all
LOG_MOST = 2_000  # bytes, of a minute's refusals
HELD_MOST = 512


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(autouse=True)
def _files() -> Iterator[None]:
    """The attacker's own."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(before[1], 8192), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def connected(port: int, source: str) -> socket.socket:
    return socket.create_connection((HONEST, port), 10, source_address=(source, 0))


@contextmanager
def bare(port: int, count: int, source: str = IDLE) -> Iterator[list[socket.socket]]:
    """Connections that say nothing."""
    with ExitStack() as stack:
        yield [stack.enter_context(connected(port, source)) for _ in range(count)]


@contextmanager
def slow(port: int, count: int, tls: ssl.SSLContext, said: bytes, source: str = SLOW) -> Iterator[list[ssl.SSLSocket]]:
    """Connections that end their handshake and say this; refused ones are left out."""
    with ExitStack() as stack:
        found = []
        for _ in range(count):
            raw = stack.enter_context(connected(port, source))
            with contextlib.suppress(OSError):
                found.append(stack.enter_context(tls.wrap_socket(raw, server_hostname=HONEST)))
                found[-1].sendall(said)
        yield found


def context(signed: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(signed.ca))


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def held(port: int) -> int:
    """How many connections the process behind this port has accepted and not closed."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] in ("01", "08") and row[9] != "0" for row in rows)


def ended(line: socket.socket, patience_s: float) -> bytes | None:
    """What it was told until the other end hung up; None where that does not hang up."""
    line.settimeout(patience_s)
    said = b""
    try:
        while part := line.recv(4096):
            said += part
    except TimeoutError:
        return None
    except OSError:
        pass
    return said


# ---------------------------------------------------------------- the kiosks' door, a process of its own


@contextmanager
def hq_serve(folder: Path, signed: Authority) -> Iterator[tuple[int, Path]]:
    """Its port and its log. It may open 1024 files at first, as a service may."""
    street = Street(KIOSK, 3)
    office = HeadOffice.create(
        folder / "office", UTILITY, ["first person 1", "second person 2"], "a third passphrase", now_ms=0, cost=1 << 10
    )
    office.enrol(KIOSK, Enrolled(street.public_key.hex(), street.public_key.hex(), 1))
    Store.make(str(folder / "office/hq.db"), UTILITY, now_ms=0).close()
    command = [sys.executable, "-m", "kiosk", "hq", "serve", "--office", str(folder / "office"), "--host", HONEST, "--port", "0"]
    limited = ["sh", "-c", 'ulimit -S -n 1024; exec "$@"', "sh", *command, "--certificate", str(signed.chain), "--key", str(signed.key)]
    log = folder / "log"
    with log.open("wb") as says:
        process = subprocess.Popen(limited, stderr=says)
    try:
        until(lambda: "knock at" in log.read_text() or process.poll() is not None, "the kiosks' door")
        yield port_of(log.read_text().strip().rstrip(".")), log
    finally:
        process.kill()
        process.wait()


def asks(port: int, tls: ssl.SSLContext) -> float:
    """An honest kiosk; after how many seconds it was answered."""
    begun_s = time.monotonic()
    with httpx.Client(base_url=f"https://{HONEST}:{port}", verify=tls, trust_env=False, timeout=ANSWER_S) as http:
        assert http.get(f"/v1/downlink/{KIOSK}").status_code == 200
    return time.monotonic() - begun_s


def answered(port: int, tls: ssl.SSLContext) -> bool:
    try:
        return asks(port, tls) < ANSWER_S
    except httpx.HTTPError:
        return False


@pytest.mark.covers("abuse-60")
def test_idle_connections_and_slow_senders_keep_no_kiosk_out_and_fill_no_log(tmp_path: Path, signed: Authority) -> None:
    half = f"PUT /v1/batches/{KIOSK}/00000001 HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\nhalf".encode()
    with hq_serve(tmp_path, signed) as (port, log):
        alone_s, said = asks(port, context(signed)), log.stat().st_size
        with bare(port, IDLE_COUNT) as idle, slow(port, 100, context(signed), half):
            seconds = [asks(port, context(signed)) for _ in range(10)]
            count, refused = held(port), sum(ended(line, 0.0) is not None for line in idle)
            assert count <= HELD_MOST
            assert refused >= IDLE_COUNT - HELD_MOST
        more = log.stat().st_size - said
        print(f"{count} connections held; alone {alone_s:.3f} s, among them at most {max(seconds):.3f} s; {more} bytes of log")  # noqa: T201
        assert more <= LOG_MOST, log.read_text()[-LOG_MOST:]
        assert "connections refused. Most came from 127.0.0.2" in log.read_text()


@pytest.mark.deep("two whole time limits of 15 seconds, as they are set for the street")
def test_whoever_drips_a_handshake_or_a_request_is_hung_up_on_in_time_and_the_door_is_whole_afterwards(
    tmp_path: Path, signed: Authority
) -> None:
    with hq_serve(tmp_path, signed) as (port, log):
        asks(port, context(signed))
        begun_s = time.monotonic()
        with ExitStack() as stack, bare(port, IDLE_COUNT), slow(port, 60, context(signed), b"GET /v1/hea") as headers:
            lines = [stack.enter_context(connected(port, f"127.0.1.{number + 1}")) for number in range(50)]
            hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200)
            for byte in hello[:22]:
                for line in lines:
                    with contextlib.suppress(OSError):
                        line.send(bytes([byte]))
                for line in headers:
                    with contextlib.suppress(OSError):
                        line.send(b"l")
                assert asks(port, context(signed)) < ANSWER_S
                time.sleep(max(0.0, 1.0 - (time.monotonic() - begun_s) % 1.0))
            assert all(ended(line, 3.0) is not None for line in (*lines, *headers))
            until(lambda: held(port) == 0, "the end of every connection")
        assert log.stat().st_size <= LOG_MOST


# ---------------------------------------------------------------- the same in other ways


def test_a_handshake_that_comes_a_byte_at_a_time_has_a_time_limit(
    tmp_path: Path, signed: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.hq.admission.HANDSHAKE_S", 0.5)
    (tmp_path / "downlink/all").mkdir(parents=True)
    with served(Inbox().take, tmp_path, signed) as plan, connected(port_of(plan.url), IDLE) as line:
        begun_s, sent = time.monotonic(), 0
        with contextlib.suppress(OSError):
            while time.monotonic() < begun_s + 20:
                line.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[sent : sent + 1] or b"\0")
                sent += 1
                time.sleep(0.05)
        assert 3 <= sent < 300
        asks(port_of(plan.url), context(signed))


def test_a_known_kiosk_takes_no_place_of_its_address_and_a_neighbour_gets_one(
    tmp_path: Path, signed: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.hq.admission.GRACE_S", 0.5)
    (tmp_path / "downlink/all").mkdir(parents=True)
    tls = context(signed)
    with served(Inbox().take, tmp_path, signed) as plan, httpx.Client(base_url=plan.url, verify=tls, trust_env=False, timeout=30) as http:
        port = port_of(plan.url)
        assert http.put(f"/v1/batches/{KIOSK}/00000001", content=mail(1)).status_code == 200
        before = held(port)
        with bare(port, 300, HONEST):
            until(lambda: answered(port, tls), "a place for a neighbour")
            assert http.put(f"/v1/batches/{KIOSK}/00000002", content=mail(2)).status_code == 200
        assert before == 1


def test_a_few_large_bodies_that_never_end_give_way_to_an_honest_one(
    tmp_path: Path, signed: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "ALL_BODIES_MAX", 100_000)
    inbox = Inbox()
    (tmp_path / "downlink/all").mkdir(parents=True)
    head = f"PUT /v1/batches/{KIOSK}/00000001 HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n".encode()
    with (
        served(inbox.take, tmp_path, signed) as plan,
        slow(port_of(plan.url), 5, context(signed), head + bytes(24_000)),
        httpx.Client(base_url=plan.url, verify=context(signed), trust_env=False, timeout=30) as http,
    ):
        for seq in (1, 2):
            assert http.put(f"/v1/batches/{KIOSK}/{seq:08d}", content=mail(seq, text="x" * 20_000)).status_code == 200
    assert len(inbox.kept[KIOSK]) == 2


# ---------------------------------------------------------------- partners and switches


def test_a_wrong_token_is_answered_before_its_body_is_read(office: Office, signed: Authority) -> None:
    head = b"POST /v1/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer bank.wrong\r\nContent-Length: 4000\r\n\r\n{"
    with web(office, signed) as url, slow(port_of(url), 1, context(signed), head) as lines:
        lines[0].settimeout(5)
        assert lines[0].recv(12) == b"HTTP/1.1 401"
        begun_s = time.monotonic()
        with contextlib.suppress(OSError):
            while time.monotonic() < begun_s + 20:
                lines[0].sendall(b" ")  # the rest of a body that nobody wants
                time.sleep(0.05)
        assert time.monotonic() < begun_s + 10


@pytest.mark.parametrize(
    "said",
    [
        b"POST /v1/orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer bank.wrong\r\nContent-Length: 4000\r\n\r\n{",
        b"POST /v1/orders HTTP/1.1\r\nHost: x\r\n",
    ],
    ids=["body", "headers"],
)
def test_slow_senders_get_no_503_for_a_partner(office: Office, signed: Authority, said: bytes) -> None:
    token = office.partner()
    with web(office, signed) as url, slow(port_of(url), 260, context(signed), said), client(url, signed.ca, token) as http:
        begun_s = time.monotonic()
        assert http.get("/v1/card", params={"card": "1122334455667788"}).status_code == 200
        assert time.monotonic() - begun_s < ANSWER_S


def test_silent_lines_keep_no_switch_out(office: Office) -> None:
    token = office.partner()
    with gateway(office) as port, bare(port, IDLE_COUNT) as idle:
        switch = Switch(port)
        begun_s = time.monotonic()
        assert switch.sign_on(token) == "00"
        assert time.monotonic() - begun_s < ANSWER_S
        assert sum(ended(line, 0.0) is not None for line in idle) >= IDLE_COUNT - 64
        with bare(port, 100, HONEST):
            assert switch.ask("0800", network("301"))["39"] == "00"
        switch.close()
