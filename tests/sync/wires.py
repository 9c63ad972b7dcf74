"""Real ends of the ways to the head office: its TLS server, an SFTP server, and a proxy between that loses, cuts, delays and repeats."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import signal
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import asyncssh
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kiosk import envelope
from kiosk.hq.intake.ingest import Take, ingest
from kiosk.hq.serving import Certificate, listening, server
from kiosk.sync.ack import Ack, made_ack
from kiosk.sync.plan import HttpsPlan, SftpPlan

KIOSK, STORE = "K07", "5e" * 16
ACK_KEY = bytes(range(32))
WAIT_S = 30.0  # patience of a test with a busy machine, never a measure

_T = TypeVar("_T")


def until(holds: Callable[[], object], what: str) -> None:
    """Wait for something that has to come."""
    over = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < over, f"it never came: {what}"
        time.sleep(0.01)


# ---------------------------------------------------------------- the head office


class Mail(msgspec.Struct, frozen=True):
    """What stands for a batch where only the carrying is tested: the courier never looks inside."""

    kiosk: str
    seq: int
    text: str = ""


def mail(seq: int, kiosk: str = KIOSK, text: str = "") -> bytes:
    return msgspec.json.encode(Mail(kiosk, seq, text))


@dataclass(frozen=True)
class Verdict:
    """Implements `ingest.Taken`."""

    verdict: str
    kiosk: str
    seq: int
    ack: bytes | None
    sentence: str


@dataclass
class Inbox:
    """A head office that keeps each batch once, in order, and signs how far it is."""

    kept: dict[str, list[bytes]] = field(default_factory=dict)
    seen: list[tuple[str, int, str]] = field(default_factory=list)
    refuses: dict[int, tuple[str, str]] = field(default_factory=dict)

    def take(self, raw: bytes) -> Verdict:
        try:
            said = msgspec.json.decode(raw, type=Mail)
        except msgspec.MsgspecError:
            return self._told("TAMPER", "", 0, "It is no batch.")
        line = self.kept.setdefault(said.kiosk, [])
        if said.seq in self.refuses:
            return self._told(self.refuses[said.seq][0], said.kiosk, said.seq, self.refuses[said.seq][1])
        if said.seq <= len(line):
            fork = line[said.seq - 1] != raw
            return self._told("FORK" if fork else "REPLAY", said.kiosk, said.seq, "There is another history." if fork else "")
        if said.seq > len(line) + 1:
            return self._told("GAP", said.kiosk, said.seq, "")
        line.append(raw)
        return self._told("OK", said.kiosk, said.seq, "")

    def _told(self, verdict: str, kiosk: str, seq: int, sentence: str) -> Verdict:
        self.seen.append((kiosk, seq, verdict))
        acked = verdict in ("OK", "REPLAY", "GAP")
        return Verdict(verdict, kiosk, seq, ack(len(self.kept[kiosk]), kiosk) if acked else None, sentence)


def ack(contiguous: int, kiosk: str = KIOSK, at_ms: int = 0) -> bytes:
    head = sha256(str(contiguous).encode()).hexdigest()
    said = Ack(kiosk, STORE, 1, contiguous, head, 0, at_ms)
    return made_ack(said, lambda label, data: envelope.sign(ACK_KEY, label, data))


# ---------------------------------------------------------------- TLS


@dataclass(frozen=True)
class Authority:
    """A CA, and what it signed, as files."""

    ca: Path
    chain: Path
    key: Path


def authority(folder: Path, name: str = "127.0.0.1", without: tuple[type[x509.ExtensionType], ...] = ()) -> Authority:
    """A CA and a server's certificate for that address, as RFC 5280 asks for them; `without`: extensions that the two do not have."""
    folder.mkdir(parents=True, exist_ok=True)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test CA")])
    identifier = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    of_ca: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=True, path_length=0), True),
        (_usage(key_cert_sign=True, crl_sign=True), True),
        (identifier, False),
    ]
    of_leaf: list[tuple[x509.ExtensionType, bool]] = [
        (x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(name))]), False),
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (_usage(digital_signature=True), True),
        (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), False),
    ]
    left = [[each for each in extensions if not isinstance(each[0], without)] for extensions in (of_ca, of_leaf)]
    ca = _certificate(ca_name, ca_name, ca_key, ca_key, left[0])
    own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    leaf = _certificate(own, ca_name, key, ca_key, left[1])
    made = Authority(folder / "ca.pem", folder / "chain.pem", folder / "key.pem")
    made.ca.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    made.chain.write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return made


def _usage(**allowed: bool) -> x509.KeyUsage:
    """What a key is for; nothing else."""
    kinds = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    others = ("key_cert_sign", "crl_sign", "encipher_only", "decipher_only")
    return x509.KeyUsage(**{**dict.fromkeys((*kinds, *others), False), **allowed})


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    extensions: list[tuple[x509.ExtensionType, bool]],
) -> x509.Certificate:
    now = dt.datetime.now(dt.UTC)
    made = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
    for extension, critical in extensions:
        made = made.add_extension(extension, critical)
    return made.sign(signer, hashes.SHA256())


@contextmanager
def served(take: Take, bag: Path, signed: Authority, *, client_ca: Path | None = None) -> Iterator[HttpsPlan]:
    """HQ's real server on a port of its own; the plan of a courier that goes there."""
    listener = listening("127.0.0.1", 0)
    office = server(ingest(take, bag), Certificate(signed.chain, signed.key, client_ca))
    thread = threading.Thread(target=lambda: office.run(sockets=[listener]), daemon=True)
    thread.start()
    until(lambda: office.started or not thread.is_alive(), "HQ's server")
    try:
        yield HttpsPlan(f"https://127.0.0.1:{listener.getsockname()[1]}", str(signed.ca))
    finally:
        for _ in range(2):  # asked, and then made to
            office.handle_exit(signal.SIGINT, None)
        thread.join(WAIT_S)


# ---------------------------------------------------------------- SFTP


@contextmanager
def looped() -> Iterator[Callable[[Coroutine[Any, Any, _T]], _T]]:
    """An event loop in a thread of its own; what is given runs there to its end."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield lambda work: asyncio.run_coroutine_threadsafe(work, loop).result(WAIT_S)
    finally:
        asyncio.run_coroutine_threadsafe(_all_over(), loop).result(WAIT_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(WAIT_S)
        loop.close()


async def _closed(listener: asyncio.Server) -> None:
    listener.close()


async def _all_over() -> None:
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    if others:
        await asyncio.wait(others, timeout=1.0)


@dataclass(frozen=True)
class SshKeys:
    """Both ends' keys; `host`: the pinned line."""

    host: str
    host_key: asyncssh.SSHKey
    own: Path


def ssh_keys(folder: Path) -> SshKeys:
    folder.mkdir(parents=True, exist_ok=True)
    host, own = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    own.write_private_key(str(folder / "id"))
    own.write_public_key(str(folder / "id.pub"))
    return SshKeys(host.export_public_key().decode().strip(), host, folder / "id")


@contextmanager
def sftp_served(root: Path, keys: SshKeys, handler: type[asyncssh.SFTPServer] = asyncssh.SFTPServer) -> Iterator[SftpPlan]:
    """A real SFTP server that shows `root` to whoever has the kiosk's key."""

    async def begun() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[keys.host_key],
            authorized_client_keys=str(keys.own.with_suffix(".pub")),
            sftp_factory=lambda channel: handler(channel, chroot=str(root).encode()),
        )

    async def over(acceptor: asyncssh.SSHAcceptor) -> None:
        acceptor.close()

    with looped() as run:
        acceptor = run(begun())
        try:
            yield SftpPlan("127.0.0.1", str(keys.own), keys.host, acceptor.get_port())
        finally:
            with contextlib.suppress(Exception):
                run(over(acceptor))


# ---------------------------------------------------------------- a bad line


@dataclass
class Fault:
    """What happens to one connection. Bytes count from its beginning, of what goes up and of what comes down."""

    refuse: bool = False
    cut_up: int | None = None
    cut_down: int | None = None
    delay_s: float = 0.0
    repeat_down: bool = False  # a piece comes twice
    flip_up: int | None = None  # a bit of that byte
    cut_when: Callable[[], object] = bool  # before a piece comes down


class Proxy:
    """One fault a connection, in order; then a good line."""

    def __init__(self, port: int, faults: list[Fault]) -> None:
        self._port, self._faults = port, list(faults)
        self.connections = 0

    async def serve(self) -> asyncio.Server:
        return await asyncio.start_server(self._one, "127.0.0.1", 0)

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fault = self._faults.pop(0) if self._faults else Fault()
        self.connections += 1
        if fault.refuse:
            writer.transport.abort()
            return
        there, to = await asyncio.open_connection("127.0.0.1", self._port)
        up = _pump(reader, to, fault, fault.cut_up, fault.flip_up, down=False)
        down = _pump(there, writer, fault, fault.cut_down, None, down=True)
        tasks = [asyncio.ensure_future(up), asyncio.ensure_future(down)]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        writer.transport.abort()
        to.transport.abort()


async def _pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fault: Fault, cut: int | None, flip: int | None, *, down: bool
) -> None:
    passed = 0
    with contextlib.suppress(OSError):
        while data := await reader.read(4096):
            if down and fault.cut_when():
                return
            if fault.delay_s:
                await asyncio.sleep(fault.delay_s)
            if flip is not None and passed <= flip < passed + len(data):
                at = flip - passed
                data = data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]
            if cut is not None and passed + len(data) >= cut:
                writer.write(data[: cut - passed])
                await writer.drain()
                return
            passed += len(data)
            writer.write(data + data if down and fault.repeat_down and passed > 1000 else data)
            await writer.drain()


@contextmanager
def proxied(port: int, faults: list[Fault]) -> Iterator[tuple[int, Proxy]]:
    """Another port that leads to that one, badly."""
    proxy = Proxy(port, faults)
    with looped() as run:
        listener: asyncio.Server = run(proxy.serve())
        yield listener.sockets[0].getsockname()[1], proxy
        run(_closed(listener))


@contextmanager
def liar(answers: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], signed: Authority) -> Iterator[HttpsPlan]:
    """A TLS server that answers whatever it likes."""
    import ssl  # noqa: PLC0415

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(signed.chain, signed.key)

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await answers(reader, writer)
        finally:
            writer.transport.abort()

    async def begun() -> asyncio.Server:
        return await asyncio.start_server(one, "127.0.0.1", 0, ssl=context)

    with looped() as run:
        listener: asyncio.Server = run(begun())
        yield HttpsPlan(f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}", str(signed.ca))
        run(_closed(listener))


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
