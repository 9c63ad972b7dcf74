"""By SFTP: a real server, its host key pinned, a bad line between, and servers that lie."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncssh
import msgspec
import pytest

from kiosk.sync import sftp as way
from kiosk.sync.carrier import CarryFailed, Memory, exchange
from kiosk.sync.plan import SftpPlan
from kiosk.sync.sftp import sftp
from kiosk.sync.spool import Spool
from tests.sync.wires import KIOSK, Fault, SshKeys, ack, closed_port, mail, proxied, sftp_served, ssh_keys


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> SshKeys:
    return ssh_keys(tmp_path_factory.mktemp("ssh"))


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", KIOSK).made()


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    for place in ("all", KIOSK):
        (tmp_path / "bag/downlink" / place).mkdir(parents=True)
    return tmp_path / "bag"


@pytest.fixture
def plan(bag: Path, keys: SshKeys) -> Iterator[SftpPlan]:
    with sftp_served(bag, keys) as plan:
        yield plan


async def round_of(spool: Spool, plan: SftpPlan, memory: Memory | None = None) -> Memory:
    memory = memory or Memory()
    async with sftp(plan, KIOSK) as carrier:
        await exchange(spool, carrier, "sftp", memory)
    return memory


def at(plan: SftpPlan, port: int) -> SftpPlan:
    return msgspec.structs.replace(plan, port=port)


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


async def test_batches_go_up_whole_and_their_acknowledgement_comes_down_the_same_way(spool: Spool, plan: SftpPlan, bag: Path) -> None:
    for seq in (1, 2):
        spool.put(seq, mail(seq))
    memory = await round_of(spool, plan)
    assert files(bag) == [f"up/{KIOSK}/00000001", f"up/{KIOSK}/00000002"]
    assert (bag / f"up/{KIOSK}/00000002").read_bytes() == mail(2)
    assert {carried.state for carried in memory.batches.values()} == {"sent"}
    (bag / f"downlink/{KIOSK}/ack-1-00000002").write_bytes(ack(2))
    (bag / "downlink/all/limits-1-4").write_bytes(b"limits")
    await round_of(spool, plan, memory)
    assert spool.acks() == [ack(2)]
    assert (spool.bag / "downlink/all/limits-1-4").read_bytes() == b"limits"


async def test_a_bag_below_another_folder_is_used_there(spool: Spool, plan: SftpPlan, bag: Path) -> None:
    spool.put(1, mail(1))
    (bag / "post/downlink/all").mkdir(parents=True)
    (bag / "post/downlink/all/limits-1-4").write_bytes(b"limits")
    await round_of(spool, msgspec.structs.replace(plan, root="post/"))
    assert f"post/up/{KIOSK}/00000001" in files(bag)
    assert (spool.bag / "downlink/all/limits-1-4").read_bytes() == b"limits"


async def test_a_batch_that_lies_there_already_is_not_written_twice(spool: Spool, plan: SftpPlan, bag: Path) -> None:
    spool.put(1, mail(1))
    await round_of(spool, plan)
    before = (bag / f"up/{KIOSK}/00000001").stat()
    memory = await round_of(spool, plan)
    after = (bag / f"up/{KIOSK}/00000001").stat()
    assert (memory.batches[1].state, after.st_ino, after.st_mtime_ns) == ("sent", before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("there", [b"", b"another", mail(1, text="x")[: len(mail(1))]], ids=["empty", "other", "as long"])
async def test_another_file_under_its_number_stays_and_is_said(there: bytes, spool: Spool, plan: SftpPlan, bag: Path) -> None:
    (bag / f"up/{KIOSK}").mkdir(parents=True)
    (bag / f"up/{KIOSK}/00000001").write_bytes(there)
    spool.put(1, mail(1))
    spool.put(2, mail(2))
    memory = await round_of(spool, plan)
    assert (bag / f"up/{KIOSK}/00000001").read_bytes() == there
    assert (memory.batches[1].state, memory.batches[2].state) == ("refused", "sent")
    assert "stays until the head office has taken it" in memory.batches[1].why


async def test_what_was_left_of_an_upload_that_was_cut_is_overwritten(spool: Spool, plan: SftpPlan, bag: Path) -> None:
    (bag / f"up/{KIOSK}").mkdir(parents=True)
    (bag / f"up/{KIOSK}/.00000001.part").write_bytes(b"x" * 5000)
    spool.put(1, mail(1))
    await round_of(spool, plan)
    assert files(bag) == [f"up/{KIOSK}/00000001"]


@pytest.mark.parametrize("fault", [
    Fault(refuse=True), *(Fault(cut_up=n) for n in (10, 1200, 3000, 3800, 4400)), *(Fault(cut_down=n) for n in (10, 1500, 3000, 4000)),
    Fault(repeat_down=True), Fault(flip_up=2500), Fault(delay_s=0.01),
], ids=str)  # fmt: skip
async def test_over_any_bad_line_every_batch_arrives_whole(fault: Fault, spool: Spool, plan: SftpPlan, bag: Path) -> None:
    whole = bytes(range(256)) * 100
    (bag / "downlink/all/limits-1-4").write_bytes(whole)
    for seq in (1, 2):
        spool.put(seq, mail(seq, text="x" * 400))
    memory, sentences = Memory(), list[str]()
    with proxied(plan.port, [fault, fault]) as (port, _):
        for _ in range(4):
            try:
                await round_of(spool, at(plan, port), memory)
            except CarryFailed as failed:
                sentences.append(str(failed))
            else:
                break
    assert all(sentence.endswith(".") and sentence.isprintable() for sentence in sentences)
    assert [(bag / f"up/{KIOSK}/{seq:08}").read_bytes() for seq in (1, 2)] == [mail(seq, text="x" * 400) for seq in (1, 2)]
    assert (spool.bag / "downlink/all/limits-1-4").read_bytes() == whole


async def test_a_long_letter_goes_on_from_where_it_was_cut(spool: Spool, plan: SftpPlan, bag: Path) -> None:
    whole = bytes(range(256)) * 2000
    (bag / "downlink/all/hotlist-1-9").write_bytes(whole)
    with proxied(plan.port, [Fault(cut_down=200_000)]) as (port, _):
        with pytest.raises(CarryFailed):
            await round_of(spool, at(plan, port))
        assert 60_000 < len(spool.part("all", "hotlist-1-9", len(whole))) < len(whole)
        await round_of(spool, at(plan, port))
    assert (spool.bag / "downlink/all/hotlist-1-9").read_bytes() == whole


# ---------------------------------------------------------------- whom we speak to


async def test_another_host_key_than_the_pinned_one_gets_nothing(spool: Spool, plan: SftpPlan, bag: Path, tmp_path: Path) -> None:
    spool.put(1, mail(1))
    with pytest.raises(CarryFailed, match="another host key"):
        await round_of(spool, msgspec.structs.replace(plan, host_key=ssh_keys(tmp_path / "other").host))
    assert files(bag) == []


async def test_a_key_that_the_server_does_not_know_is_one_sentence(spool: Spool, plan: SftpPlan, tmp_path: Path) -> None:
    with pytest.raises(CarryFailed, match="does not let this kiosk's key in"):
        await round_of(spool, msgspec.structs.replace(plan, key=str(ssh_keys(tmp_path / "other").own)))


@pytest.mark.parametrize("what", ["key", "host_key"])
async def test_a_key_that_is_none_is_one_sentence_that_does_not_repeat_it(what: str, spool: Spool, plan: SftpPlan, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("-----BEGIN secret")
    with pytest.raises(CarryFailed, match="cannot be read") as failed:
        await round_of(spool, msgspec.structs.replace(plan, **{what: str(tmp_path / "key") if what == "key" else "ssh-ed25519 c2VjcmV0"}))
    assert "secret" not in str(failed.value)


async def test_a_server_that_is_not_there_is_one_sentence(spool: Spool, plan: SftpPlan) -> None:
    with pytest.raises(CarryFailed, match="cannot be reached"):
        await round_of(spool, at(plan, closed_port()))


async def test_a_port_that_says_nothing_or_something_else_ends(spool: Spool, plan: SftpPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(way, "CONNECT_S", 0.3)
    monkeypatch.setattr(way, "LOGIN_S", 0.3)
    for greeting in (b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"SSH-2.0-x\r\n" + bytes(5000), b"x" * 100_000):

        async def says(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter, greeting: bytes = greeting) -> None:
            writer.write(greeting)

        async with await asyncio.start_server(says, "127.0.0.1", 0) as listener:
            with pytest.raises(CarryFailed) as failed:
                await round_of(spool, at(plan, listener.sockets[0].getsockname()[1]))
        assert str(failed.value).isprintable()


# ---------------------------------------------------------------- servers that lie


class Full(asyncssh.SFTPServer):
    """No room for a byte."""

    def write(self, *_: object) -> int:
        raise asyncssh.SFTPFailure("No space\x1b[2J left")


class Endless(asyncssh.SFTPServer):
    """Its folders never end."""

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:  # noqa: ARG002
        number = 0
        while True:
            number += 1
            yield asyncssh.SFTPName(b"limits-1-%d" % number, attrs=asyncssh.SFTPAttrs(permissions=0o100644, size=1 << 40))
            await asyncio.sleep(0)


class Odd(asyncssh.SFTPServer):
    """Names that lead elsewhere, and no sizes."""

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:  # noqa: ARG002
        for name in (b"../../up/00000001", b"\xff\xfe", b"limits-1-1\n", b"keys-1-1"):
            yield asyncssh.SFTPName(name, attrs=asyncssh.SFTPAttrs(permissions=0o100644, size=3))
        yield asyncssh.SFTPName(b"limits-1-2", attrs=asyncssh.SFTPAttrs())
        yield asyncssh.SFTPName(b"limits-1-3", attrs=asyncssh.SFTPAttrs(permissions=0o120777, size=3))


class Silent(asyncssh.SFTPServer):
    """It never says what is there."""

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:  # noqa: ARG002
        await asyncio.sleep(3600)
        yield asyncssh.SFTPName(b"")


@pytest.mark.parametrize("handler", [Full, Silent])
async def test_a_server_that_does_not_do_it_costs_one_sentence(
    handler: type[asyncssh.SFTPServer], spool: Spool, bag: Path, keys: SshKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(way, "LIST_S", 0.3)
    spool.put(1, mail(1))
    with sftp_served(bag, keys, handler) as plan, pytest.raises(CarryFailed) as failed:
        await round_of(spool, plan)
    assert str(failed.value).isprintable()
    assert [one.seq for one in spool.waiting()] == [1]


@pytest.mark.parametrize("handler", [Endless, Odd])
async def test_a_list_that_lies_leads_nowhere_and_ends(
    handler: type[asyncssh.SFTPServer], spool: Spool, bag: Path, keys: SshKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(way, "NAMES_MAX", 2_000)
    with sftp_served(bag, keys, handler) as plan:
        try:
            await round_of(spool, plan)
        except CarryFailed as failed:
            sentence = str(failed)
        else:
            sentence = "."
    assert sentence.endswith(".")
    assert files(spool.path) == []
    gc.collect()
    await asyncio.sleep(0.1)
    assert asyncio.all_tasks() == {asyncio.current_task()}, "what waits for a server that is gone holds up the end of the round for ever"
