"""A kiosk, a partner and a test client check a server's certificate by one rule, whatever Python they run on."""

import re
import shlex
import ssl
import subprocess
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from kiosk.demo.door import Door
from tests.sync.wires import authority

STRICT = ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN  # what `ssl.create_default_context` asks for from Python 3.13 on


def strictly(ca: Path) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca))
    context.verify_flags |= STRICT
    return context


async def _hello(_: object) -> PlainTextResponse:
    return PlainTextResponse("hello")


def test_a_strict_client_believes_the_demo_s_door(tmp_path: Path) -> None:
    door = Door(tmp_path, Starlette(routes=[Route("/", _hello)]))
    door.open()
    try:
        assert httpx.get(door.url, verify=strictly(door.ca), trust_env=False, timeout=20).text == "hello"
    finally:
        door.close()


def shakes_hands(ca: Path, chain: Path, key: Path, name: str) -> bool:
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(chain, key)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (strictly(ca).wrap_bio(back, there, server_hostname=name), server.wrap_bio(there, back, server_side=True))
    for _ in range(8):  # each end's half of a handshake, in turn
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return bool(ends[0].version() and ends[1].version())


def test_a_strict_client_believes_the_server_of_the_tests(tmp_path: Path) -> None:
    signed = authority(tmp_path)
    assert shakes_hands(signed.ca, signed.chain, signed.key, "127.0.0.1")


def test_a_strict_client_believes_what_the_page_s_openssl_lines_make(tmp_path: Path) -> None:
    page = Path("docs/sync.md").read_text("utf-8")
    (extensions,) = re.findall(r"```ini\n(basicConstraints.*?)```", page, re.DOTALL)
    (tmp_path / "hq.ext").write_text(extensions)
    lines = re.findall(r"^    (openssl .*?(?:\\\n.*)?)$", page, re.MULTILINE)
    assert len(lines) == 3
    for line in lines:
        subprocess.run(shlex.split(line.replace("\\\n", " ")), cwd=tmp_path, check=True, capture_output=True)
    assert shakes_hands(tmp_path / "ca.pem", tmp_path / "hq.pem", tmp_path / "hq.key", "hq.example")
    with pytest.raises(ssl.SSLCertVerificationError):
        shakes_hands(tmp_path / "ca.pem", tmp_path / "hq.pem", tmp_path / "hq.key", "another.example")
