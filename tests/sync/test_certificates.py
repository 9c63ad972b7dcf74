"""A kiosk, a partner and a test client check a server's certificate by one rule, whatever Python they run on."""

import ssl
from pathlib import Path

import httpx
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


def test_a_strict_client_believes_the_server_of_the_tests(tmp_path: Path) -> None:
    signed = authority(tmp_path)
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(signed.chain, signed.key)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        strictly(signed.ca).wrap_bio(back, there, server_hostname="127.0.0.1"),
        server.wrap_bio(there, back, server_side=True),
    )
    for _ in range(8):  # each end's half of a handshake, in turn
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert ends[0].version() and ends[1].version()
