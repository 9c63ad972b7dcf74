"""`kiosk sync` by hand, and `kiosk hq serve` as a process, with the real import behind it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kiosk.cli import app
from kiosk.config import ConfigError, checked
from kiosk.hq.office import Enrolled, Office
from kiosk.hq.store import Store
from kiosk.sync.batch import boxed_batch
from kiosk.sync.spool import Spool, ack_name
from tests.hq.batches import UTILITY, Street
from tests.sync.wires import KIOSK, Authority, Inbox, ack, authority, closed_port, mail, served

RUN = CliRunner()


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A kiosk's folder, as `kiosk init` makes it."""
    assert RUN.invoke(app, ["init", str(tmp_path / "kiosk"), "--id", KIOSK]).exit_code == 0
    return tmp_path / "kiosk"


@pytest.fixture
def spool(machine: Path) -> Spool:
    made = Spool(machine / "spool", KIOSK).made()
    for seq in (1, 2):
        made.put(seq, mail(seq))
    return made


def sync(machine: Path, *words: object, ways: str = "") -> tuple[int, str]:
    config = machine / "kiosk.toml"
    kept = config.read_text()
    config.write_text(f"{kept}\n[sync]\n{ways}\n")
    try:
        done = RUN.invoke(app, ["sync", *map(str, words), "--config", str(config)])
    finally:
        config.write_text(kept)
    assert done.exception is None or isinstance(done.exception, SystemExit)
    return done.exit_code, done.output


def test_export_copies_what_waits_and_import_brings_the_acknowledgement_back(machine: Path, spool: Spool, tmp_path: Path) -> None:
    (tmp_path / f"stick/downlink/{KIOSK}").mkdir(parents=True)
    code, said = sync(machine, "export", tmp_path / "stick")
    assert (code, "00000001: on the stick." in said, "No kiosk runs" in said) == (0, True, True)
    assert (tmp_path / f"stick/up/{KIOSK}/00000002").read_bytes() == mail(2)
    (tmp_path / f"stick/downlink/{KIOSK}/ack-1-00000002").write_bytes(ack(2))
    assert sync(machine, "import", tmp_path / "stick") == (0, "ack-1-00000002: here.\n")
    assert spool.acks() == [ack(2)]


def test_export_to_nowhere_is_refused_in_one_sentence(machine: Path, spool: Spool, tmp_path: Path) -> None:
    assert spool.waiting()
    code, said = sync(machine, "export", tmp_path / "gone")
    assert (code, "gone cannot be used: no such file or directory." in said) == (1, True)


def test_now_makes_a_round_and_says_how_the_ways_stand(machine: Path, spool: Spool, signed: Authority, tmp_path: Path) -> None:
    inbox = Inbox()
    (tmp_path / "bag/downlink/all").mkdir(parents=True)
    with served(inbox.take, tmp_path / "bag", signed) as plan:
        code, said = sync(machine, "now", ways=f'url = "{plan.url}"\nca = "{plan.ca}"')
    assert (code, "https: worked at" in said) == (0, True)
    assert inbox.kept == {KIOSK: [mail(1), mail(2)]}
    assert spool.acks()[0] == ack(2)


def test_now_without_a_way_or_with_one_that_fails_says_so(machine: Path, spool: Spool) -> None:
    assert sync(machine, "now")[0] == 2
    code, said = sync(machine, "now", ways=f'url = "https://127.0.0.1:{closed_port()}"')
    assert (code, "never worked; The server cannot be reached" in said) == (75, True)
    assert len(spool.waiting()) == 2


def test_status_tells_the_queue_to_people_and_to_programs(machine: Path, spool: Spool) -> None:
    code, said = sync(machine, "status")
    assert (code, said.splitlines()[0].startswith("2 batches wait, the oldest since ")) == (0, True)
    told = json.loads(sync(machine, "status", "--json")[1])
    assert [(line["seq"], line["state"]) for line in told["batches"]] == [(1, "waiting"), (2, "waiting")]
    assert (told["unsent_minor"], told["ways"], told["stick"]) == (0, {}, None)
    assert spool.asked() == ()


@pytest.mark.parametrize("part", [
    {"url": "http://hq.example"}, {"url": "https://hq.example/path"}, {"url": "https://a b"}, {"interval_s": 1}, {"usb": "/media"},
    {"sftp": {"host": "hq", "key": "id", "host_key": "anything"}}, {"sftp": {"host": "hq", "key": "id"}},
])  # fmt: skip
def test_a_way_that_is_none_is_refused_by_the_configuration(part: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="sync"):
        checked({"kiosk": {"id": "K1"}, "sync": part})


# ---------------------------------------------------------------- hq serve


@pytest.fixture
def office(tmp_path: Path) -> Path:
    """An office that knows one kiosk of the street, and its store."""
    street = Street(KIOSK, 3)
    made = Office.create(tmp_path / "office", UTILITY, ["first person 1", "second person 2"], "a third passphrase", now_ms=0, cost=1 << 10)
    made.enrol(KIOSK, Enrolled(street.public_key.hex(), street.public_key.hex(), 1))
    Store.make(str(tmp_path / "office/hq.db"), UTILITY, now_ms=0).close()
    return tmp_path / "office"


@contextmanager
def serving(office: Path, signed: Authority) -> Iterator[str]:
    command = [sys.executable, "-m", "kiosk", "hq", "serve", "--office", str(office), "--host", "127.0.0.1", "--port", "0"]
    tls = ["--certificate", str(signed.chain), "--key", str(signed.key)]
    with subprocess.Popen([*command, *tls], stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        said = child.stderr.readline()
        try:
            yield f"https://127.0.0.1:{said.strip().rstrip('.').rpartition(':')[2]}"
        finally:
            child.terminate()
            child.communicate(timeout=30)


def test_hq_serve_takes_in_what_a_kiosk_sends_and_refuses_what_it_cannot_believe(machine: Path, office: Path, signed: Authority) -> None:
    spool = Spool(machine / "spool", KIOSK).made()
    made = Street(KIOSK, 3).made(40)
    for seq, each in enumerate(made, 1):
        spool.put(seq, boxed_batch(each, Office(office).batch_boxes()[0].box_key))
    spool.put(len(made) + 1, mail(1))
    with serving(office, signed) as url:
        code, said = sync(machine, "now", ways=f'url = "{url}"\nca = "{signed.ca}"')
    assert (code, said.count(" sent "), said.count(" refused ")) == (0, len(made), 1)
    assert ack_name(spool.acks()[0]) == f"ack-1-{len(made):08d}"


@pytest.mark.parametrize(("words", "sentence"), [
    (["--certificate", "x"], "come together"), ([], "this machine only"), (["--host", "127.0.0.1", "--office", "/nowhere"], "office"),
])  # fmt: skip
def test_hq_serve_says_what_is_missing(words: list[str], sentence: str, office: Path) -> None:
    done = RUN.invoke(app, ["hq", "serve", "--office", str(office), *words])
    assert done.exit_code in (1, 2)
    assert sentence in done.output.replace("\n", " ")
