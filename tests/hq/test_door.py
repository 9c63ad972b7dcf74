"""HQ's door for kiosks, and kiosks that lie: wrong addresses, paths, bodies and headers that never end, too much at once."""

import contextlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from kiosk.hq import serving
from kiosk.hq.intake import ingest as door
from kiosk.sync.plan import HttpsPlan
from kiosk.sync.spool import BATCH_MAX
from tests.sync.wires import KIOSK, Authority, Inbox, Verdict, authority, mail, served, until


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    (tmp_path / "bag/downlink/all").mkdir(parents=True)
    return tmp_path / "bag"


@pytest.fixture
def plan(inbox: Inbox, bag: Path, signed: Authority) -> Iterator[HttpsPlan]:
    with served(inbox.take, bag, signed) as plan:
        yield plan


def client(plan: HttpsPlan) -> httpx.Client:
    return httpx.Client(base_url=plan.url, verify=ssl.create_default_context(cafile=plan.ca), trust_env=False, timeout=30)


def test_a_batch_under_another_kiosks_address_is_kept_and_not_acknowledged_there(plan: HttpsPlan, inbox: Inbox) -> None:
    with client(plan) as http:
        for path in ("K08/00000001", f"{KIOSK}/00000002"):
            answer = http.put(f"/v1/batches/{path}", content=mail(1))
            assert (answer.status_code, list(answer.json())) == (409, ["sentence"])
        assert http.put(f"/v1/batches/{KIOSK}/00000001", content=mail(1)).status_code == 200
    assert inbox.kept == {KIOSK: [mail(1)]}


@pytest.mark.parametrize("path", ["K08/1", "k08/00000001", "K0800000001/00000001", "..%2f..%2fx/00000001", "K08/00000000", "K08/0000000१"])
def test_an_address_that_is_none_is_refused(path: str, plan: HttpsPlan, inbox: Inbox) -> None:
    with client(plan) as http:
        assert http.put(f"/v1/batches/{path}", content=mail(1)).status_code in (404, 422)
    assert inbox.seen == []


@pytest.mark.parametrize(
    "path", ["all/..%2f..%2fsecret", "../secret", "K07/%2e%2e", "all/.limits-1-1.part", "x/limits-1-1", "all/limits-1-1"]
)
@pytest.mark.covers("abuse-41")
def test_nothing_is_read_from_outside_the_bag(path: str, plan: HttpsPlan, bag: Path) -> None:
    (bag / "secret").write_text("secret")
    (bag / "downlink/all/limits-1-1").symlink_to(bag / "secret")
    with client(plan) as http:
        answer = http.get(f"/v1/downlink/{path}")
    assert answer.status_code == 404
    assert b"secret" not in answer.content


@pytest.mark.covers("field-36")
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_long_is_not_read(chunked: bool, plan: HttpsPlan, inbox: Inbox) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(BATCH_MAX // 65536 + 2):
            yield bytes(65536)

    content = parts() if chunked else bytes(BATCH_MAX + 1)
    with client(plan) as http:
        with contextlib.suppress(httpx.WriteError):  # it may hang up instead of listening to the end
            assert http.put(f"/v1/batches/{KIOSK}/00000001", content=content).status_code == 413
        assert http.get("/v1/health").text == "ok\n"
    assert inbox.seen == []


def _raw(plan: HttpsPlan) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=plan.ca)
    return context.wrap_socket(socket.create_connection(("127.0.0.1", int(plan.url.rpartition(":")[2])), 30), server_hostname="127.0.0.1")


@pytest.mark.parametrize("first", [b"", b"GET /v1/health HTTP/1.1\r\nHost: x\r\n\r\n"], ids=["first", "second"])
@pytest.mark.parametrize("sent", [b"PUT /v1/bat", b"GET /v1/health HTTP/1.1\r\nHost: x\r\nX: "])
def test_headers_that_never_end_are_hung_up_on(first: bytes, sent: bytes, plan: HttpsPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "HEADERS_S", 0.3)
    with _raw(plan) as line:
        if first:
            line.sendall(first)
            assert line.recv(4096).startswith(b"HTTP/1.1 200 ")
        line.sendall(sent)
        try:
            while line.recv(4096):
                pass
        except (ssl.SSLError, ConnectionError):
            pass
    with client(plan) as http:
        assert http.get("/v1/health").text == "ok\n"


def test_a_body_that_never_ends_is_given_up(plan: HttpsPlan, inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "BODY_S", 0.3)
    with _raw(plan) as line:
        line.sendall(f"PUT /v1/batches/{KIOSK}/00000001 HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf".encode())
        assert line.recv(4096).startswith(b"HTTP/1.1 408 ")
    assert inbox.seen == []


def _crowded(plan: HttpsPlan, http: httpx.Client) -> bool:
    with _raw(plan) as line:
        line.sendall(f"PUT /v1/batches/{KIOSK}/00000001 HTTP/1.1\r\nHost: x\r\nContent-Length: 990\r\n\r\n".encode() + bytes(980))
        return http.put(f"/v1/batches/{KIOSK}/00000001", content=mail(1)).status_code == 503


@pytest.mark.covers("field-38")
def test_bodies_that_together_are_too_long_wait_for_another_time(plan: HttpsPlan, inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "ALL_BODIES_MAX", 1000)
    with client(plan) as http:
        assert http.put(f"/v1/batches/{KIOSK}/00000001", content=mail(1, text="x" * 2000)).status_code == 503
        until(lambda: _crowded(plan, http), "another's body that holds most of it, until it hangs up")
        until(lambda: http.put(f"/v1/batches/{KIOSK}/00000001", content=mail(1)).status_code == 200, "room again")
    assert inbox.kept == {KIOSK: [mail(1)]}


def test_a_judge_that_fails_answers_without_a_trace_and_goes_on(bag: Path, signed: Authority) -> None:
    failing = [True]
    inbox = Inbox()

    def take(raw: bytes) -> Verdict:
        if failing:
            failing.clear()
            raise RuntimeError("the database said: secret")
        return inbox.take(raw)

    with served(take, bag, signed) as plan, client(plan) as http:
        answer = http.put(f"/v1/batches/{KIOSK}/00000001", content=mail(1))
        assert (answer.status_code, b"secret" in answer.content) == (500, False)
        assert http.put(f"/v1/batches/{KIOSK}/00000001", content=mail(1)).status_code == 200
