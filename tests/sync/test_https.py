"""By HTTPS: HQ's real server with real TLS, a bad line between, and servers that lie."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from cryptography.x509 import AuthorityKeyIdentifier, ExtensionType, KeyUsage, SubjectKeyIdentifier

from kiosk.sync import https as way
from kiosk.sync.carrier import CarryFailed, Memory, exchange
from kiosk.sync.https import https
from kiosk.sync.plan import HttpsPlan
from kiosk.sync.spool import Spool
from tests.sync.wires import KIOSK, Authority, Fault, Inbox, ack, authority, closed_port, liar, mail, proxied, served


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
    for place in ("all", KIOSK):
        (tmp_path / "bag/downlink" / place).mkdir(parents=True)
    return tmp_path / "bag"


@pytest.fixture
def plan(inbox: Inbox, bag: Path, signed: Authority) -> Iterator[HttpsPlan]:
    with served(inbox.take, bag, signed) as plan:
        yield plan


async def round_of(spool: Spool, plan: HttpsPlan, memory: Memory | None = None) -> Memory:
    memory = memory or Memory()
    async with https(plan, KIOSK) as carrier:
        await exchange(spool, carrier, "https", memory)
    return memory


def port_of(plan: HttpsPlan) -> int:
    return int(plan.url.rpartition(":")[2])


def at(plan: HttpsPlan, port: int) -> HttpsPlan:
    return msgspec.structs.replace(plan, url=f"https://127.0.0.1:{port}")


# ---------------------------------------------------------------- a good day


async def test_what_waits_goes_up_in_order_and_each_answer_is_an_acknowledgement(spool: Spool, plan: HttpsPlan, inbox: Inbox) -> None:
    for seq in (2, 1, 3):
        spool.put(seq, mail(seq))
    await round_of(spool, plan)
    assert inbox.seen == [(KIOSK, 1, "OK"), (KIOSK, 2, "OK"), (KIOSK, 3, "OK")]
    assert spool.acks() == [ack(3), ack(2), ack(1)]
    assert [one.seq for one in spool.waiting()] == [1, 2, 3]  # the core takes them away when it has believed an acknowledgement


async def test_an_acknowledgement_that_was_lost_comes_again_and_nothing_is_doubled(spool: Spool, plan: HttpsPlan, inbox: Inbox) -> None:
    spool.put(1, mail(1))
    with proxied(port_of(plan), [Fault(cut_when=lambda: inbox.seen)]) as (port, _):
        with pytest.raises(CarryFailed):
            await round_of(spool, at(plan, port))
        await round_of(spool, at(plan, port))
    assert [verdict for *_, verdict in inbox.seen] == ["OK", "REPLAY"]
    assert inbox.kept[KIOSK] == [mail(1)]
    assert spool.acks() == [ack(1)]


async def test_what_lies_in_the_bag_comes_down_and_another_kiosks_does_not(spool: Spool, plan: HttpsPlan, bag: Path) -> None:
    (bag / "downlink/all/limits-1-4").write_bytes(b"limits")
    (bag / f"downlink/{KIOSK}/tariff-1-2").write_bytes(b"of a kind that this software does not know")
    (bag / f"downlink/{KIOSK}/ack-1-00000007").write_bytes(ack(7))
    (bag / "downlink/K08").mkdir()
    (bag / "downlink/K08/float-1-1").write_bytes(b"another's")
    (bag / "downlink/all/README").write_bytes(b"foreign")
    (bag / "downlink/all/keys-1-1").symlink_to("/etc/hostname")
    await round_of(spool, plan)
    came = sorted(str(path.relative_to(spool.bag)) for path in spool.bag.rglob("*") if path.is_file())
    assert came == [f"downlink/{KIOSK}/ack-1-00000007", f"downlink/{KIOSK}/tariff-1-2", "downlink/all/limits-1-4"]


async def test_a_long_letter_that_is_cut_goes_on_from_where_it_was(spool: Spool, plan: HttpsPlan, bag: Path) -> None:
    whole = bytes(range(256)) * 2000
    (bag / "downlink/all/hotlist-1-9").write_bytes(whole)
    with proxied(port_of(plan), [Fault(cut_down=200_000), Fault(cut_down=200_000)]) as (port, proxy):
        for _ in range(2):
            with pytest.raises(CarryFailed):
                await round_of(spool, at(plan, port))
        held = len(spool.part("all", "hotlist-1-9", len(whole)))
        assert 300_000 < held < len(whole)
        await round_of(spool, at(plan, port))
        assert proxy.connections == 3
    assert (spool.bag / "downlink/all/hotlist-1-9").read_bytes() == whole
    assert not list((spool.bag / "downlink/all").glob(".*"))


async def test_a_letter_whose_bytes_are_not_the_ones_that_were_named_is_thrown_away(spool: Spool, plan: HttpsPlan, bag: Path) -> None:
    (bag / "downlink/all/limits-1-4").write_bytes(b"limits")
    spool.more("all", "limits-1-4", 0, b"lam")  # half of another file of that name
    with pytest.raises(CarryFailed, match="is not what the other end said"):
        await round_of(spool, plan)
    await round_of(spool, plan)
    assert (spool.bag / "downlink/all/limits-1-4").read_bytes() == b"limits"


async def test_one_batch_that_is_refused_says_why_and_holds_up_no_other(spool: Spool, plan: HttpsPlan, inbox: Inbox) -> None:
    inbox.refuses[1] = ("TAMPER", "Its signature is not this kiosk's.\nAt all.")
    spool.put(1, mail(1))
    spool.put(2, mail(2))
    memory = await round_of(spool, plan)
    assert (memory.batches[1].state, memory.batches[1].why) == ("refused", "Its signature is not this kiosk's. At all.")
    assert memory.batches[2].state == "sent"
    assert [one.seq for one in spool.waiting()] == [1, 2]


# ---------------------------------------------------------------- a bad line

FAULTS = [
    Fault(refuse=True),
    *(Fault(cut_up=n) for n in (0, 1, 300, 700, 1500)),
    *(Fault(cut_down=n) for n in (0, 1, 900, 1700, 2500, 2650, 2800)),
    Fault(repeat_down=True),
    Fault(flip_up=40),
    Fault(flip_up=900),
    Fault(delay_s=0.02),
]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
async def test_over_any_bad_line_every_batch_arrives_once_and_is_acknowledged(
    fault: Fault, spool: Spool, plan: HttpsPlan, inbox: Inbox, bag: Path
) -> None:
    (bag / "downlink/all/limits-1-4").write_bytes(b"limits" * 500)
    for seq in (1, 2, 3):
        spool.put(seq, mail(seq, text="x" * 400))
    memory, sentences = Memory(), list[str]()
    with proxied(port_of(plan), [fault, fault]) as (port, _):
        for _ in range(4):
            try:
                await round_of(spool, at(plan, port), memory)
            except CarryFailed as failed:
                sentences.append(str(failed))
            else:
                break
    assert all(sentence.endswith(".") and sentence.isprintable() for sentence in sentences)
    assert inbox.kept[KIOSK] == [mail(seq, text="x" * 400) for seq in (1, 2, 3)]
    assert {verdict for *_, verdict in inbox.seen} <= {"OK", "REPLAY"}
    assert spool.acks()[0] == ack(3)
    assert (spool.bag / "downlink/all/limits-1-4").read_bytes() == b"limits" * 500


async def test_a_server_that_is_not_there_is_one_sentence(spool: Spool, plan: HttpsPlan) -> None:
    with pytest.raises(CarryFailed, match="cannot be reached"):
        await round_of(spool, at(plan, closed_port()))


# ---------------------------------------------------------------- whom we speak to


async def test_a_server_with_another_authoritys_certificate_gets_nothing(
    spool: Spool, plan: HttpsPlan, inbox: Inbox, tmp_path: Path
) -> None:
    spool.put(1, mail(1))
    other = authority(tmp_path / "other")
    with pytest.raises(CarryFailed, match="certificate is not believed"):
        await round_of(spool, msgspec.structs.replace(plan, ca=str(other.ca)))
    with pytest.raises(CarryFailed, match="certificate is not believed"):
        await round_of(spool, msgspec.structs.replace(plan, ca=""))
    assert inbox.seen == []


async def test_a_certificate_for_another_name_gets_nothing(spool: Spool, inbox: Inbox, bag: Path, tmp_path: Path) -> None:
    spool.put(1, mail(1))
    elsewhere = authority(tmp_path / "tls", "127.0.0.2")
    with served(inbox.take, bag, elsewhere) as plan, pytest.raises(CarryFailed, match="certificate is not believed"):
        await round_of(spool, plan)
    assert inbox.seen == []


async def test_a_server_that_wants_a_certificate_of_the_kiosk_serves_whoever_has_one(
    spool: Spool, inbox: Inbox, bag: Path, signed: Authority, tmp_path: Path
) -> None:
    spool.put(1, mail(1))
    own = authority(tmp_path / "kiosks")
    with served(inbox.take, bag, signed, client_ca=own.ca) as plan:
        with pytest.raises(CarryFailed):
            await round_of(spool, plan)
        await round_of(spool, msgspec.structs.replace(plan, certificate=str(own.chain), key=str(own.key)))
    assert inbox.seen == [(KIOSK, 1, "OK")]


async def test_a_ca_file_that_is_none_is_one_sentence(spool: Spool, plan: HttpsPlan, tmp_path: Path) -> None:
    (tmp_path / "ca").write_text("nothing of the kind")
    for ca in (tmp_path / "ca", tmp_path / "gone"):
        with pytest.raises(CarryFailed, match="cannot be read"):
            await round_of(spool, msgspec.structs.replace(plan, ca=str(ca)))


async def test_the_environment_leads_nowhere_else(spool: Spool, plan: HttpsPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "ALL_PROXY", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    spool.put(1, mail(1))
    await round_of(spool, plan)
    assert spool.acks() == [ack(1)]


# ---------------------------------------------------------------- servers that lie

Answers = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _request(reader: asyncio.StreamReader) -> str:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((int(line[16:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length: ")), 0)
    await reader.readexactly(length)
    return head.split(b" ", 2)[1].decode()


def says(status: str, body: bytes, *headers: str) -> Answers:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await _request(reader)
            lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
            await writer.drain()

    return answer


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"10000\r\n" + bytes(0x10000) + b"\r\n")
        await writer.drain()
        await asyncio.sleep(0)


async def endless_headers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while not writer.is_closing():
        writer.write(b"X-Long: " + b"a" * 60_000 + b"\r\n")
        await writer.drain()
        await asyncio.sleep(0)


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read(-1)


async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await _request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"a")
        await writer.drain()
        await asyncio.sleep(0.01)


LIES: dict[str, Answers] = {
    "garbage": says("200 OK", b"\xff\x00 no acknowledgement"),
    "nothing": says("200 OK", b""),
    "an ack that is none": says("200 OK", b'{}\nx\n{"hq_epoch":0,"contiguous_seq":"a"}'),
    "deep": says("200 OK", b"a\nb\n" + b"[" * 50_000),
    "redirect": says("302 Found", b"", "Location: https://127.0.0.1/else"),
    "wrong address": says("404 Not Found", b"there is nothing here"),
    "overloaded": says("503 Service Unavailable", b""),
    "escape codes": says("500 \x1b[31mOops", b""),
    "packed": says("200 OK", b"\x1f\x8b\x08\x00", "Content-Encoding: gzip"),
    "endless": endless,
    "endless headers": endless_headers,
    "silent": silent,
    "dripping": dripping,
}


@pytest.mark.parametrize("lie", LIES)
async def test_a_server_that_lies_costs_one_sentence_and_an_end(
    lie: str, spool: Spool, signed: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(way, "PUT_S", 0.6)
    monkeypatch.setattr(way, "SILENT_S", 0.3)
    spool.put(1, mail(1))
    with liar(LIES[lie], signed) as plan, pytest.raises(CarryFailed) as failed:
        await round_of(spool, plan)
    assert str(failed.value).isprintable()
    assert len(str(failed.value)) < 300
    assert [one.seq for one in spool.waiting()] == [1]
    assert spool.acks() == []


@pytest.mark.parametrize("status", ["409 Conflict", "422 Unprocessable Entity"])
@pytest.mark.parametrize("body", [b"", b"<html>", b'{"sentence":"\\u001b[2J' + b"x" * 5000 + b'"}', b'{"sentence":7}'])
async def test_a_refusal_in_any_words_is_one_line_that_may_be_shown(
    status: str, body: bytes, spool: Spool, signed: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(way, "LIST_S", 0.6)
    spool.put(1, mail(1))
    memory = Memory()
    with liar(says(status, body), signed) as plan, pytest.raises(CarryFailed):
        await round_of(spool, plan, memory)
    assert memory.batches[1].state == "refused"
    assert memory.batches[1].why.isprintable()
    assert 0 < len(memory.batches[1].why) <= 240


@pytest.mark.parametrize(
    "names",
    [
        b"{}",
        b"[1]",
        b'[{"place":"all","name":"../../x","size":-1}]',
        b'[{"place":"all","name":"limits-1-1","size":99999999999}]',
        msgspec.json.encode([{"place": "all", "name": f"limits-1-{n}", "size": 1} for n in range(1, 2002)]),
        b"[" * 100_000,
        b"[" + b" " * (1 << 20) + b"]",
    ],
    ids=["object", "numbers", "path", "huge", "many", "deep", "long"],
)
async def test_a_list_that_is_none_is_refused_whole(names: bytes, spool: Spool, signed: Authority) -> None:
    with liar(says("200 OK", names), signed) as plan, pytest.raises(CarryFailed):
        await round_of(spool, plan)
    assert not [path for path in spool.bag.rglob("*") if path.is_file()]


async def test_a_list_with_paths_and_another_kiosks_mail_leads_nowhere(spool: Spool, signed: Authority) -> None:
    places = [
        ("all", "../../up/00000001"),
        ("../x", "limits-1-1"),
        ("K08", "float-1-1"),
        ("all", "limits-1-0x"),
        (KIOSK, ".limits-1-1.part"),
    ]
    names = msgspec.json.encode([{"place": place, "name": name, "size": 1} for place, name in places])
    with liar(says("200 OK", names), signed) as plan:
        await round_of(spool, plan)
    assert not [path for path in spool.path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("lacks", [SubjectKeyIdentifier, KeyUsage, AuthorityKeyIdentifier])
async def test_a_certificate_that_newer_pythons_refuse_is_refused_on_every_python_with_a_reason(
    lacks: type[ExtensionType], spool: Spool, inbox: Inbox, bag: Path, tmp_path: Path
) -> None:
    spool.put(1, mail(1))
    bare = authority(tmp_path / "bare", without=(lacks,))
    with served(inbox.take, bag, bare) as plan, pytest.raises(CarryFailed, match=r"certificate is not believed: .+") as failed:
        await round_of(spool, plan)
    assert failed.value.code == "stranger"
    assert inbox.seen == []
