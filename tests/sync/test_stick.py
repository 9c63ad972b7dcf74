"""A stick: full, pulled at any moment, read-only, with links and foreign mail on it."""

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.sync import stick
from kiosk.sync.spool import Spool
from tests.sync.test_spool import broken_at
from tests.sync.wires import KIOSK, ack, mail


@pytest.fixture
def here(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", KIOSK).made()


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    for place in ("all", KIOSK, "K08"):
        (tmp_path / "stick/downlink" / place).mkdir(parents=True)
    return tmp_path / "stick"


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_what_waits_is_copied_and_goes_on_waiting_for_its_acknowledgement_which_comes_back(here: Spool, bag: Path) -> None:
    for seq in (1, 2):
        here.put(seq, mail(seq))
    assert stick.export(here, bag) == stick.Done(ok=True, count=2, says=("00000001: on the stick.", "00000002: on the stick."))
    assert [(bag / f"up/{KIOSK}/{seq:08}").read_bytes() for seq in (1, 2)] == [mail(1), mail(2)]
    assert [one.seq for one in here.waiting()] == [1, 2]
    (bag / f"downlink/{KIOSK}/ack-1-00000002").write_bytes(ack(2))
    (bag / "downlink/all/limits-1-4").write_bytes(b"limits")
    assert stick.bring(here, bag).says == ("limits-1-4: here.", "ack-1-00000002: here.")
    assert here.acks() == [ack(2)]
    assert stick.export(here, bag).ok


def test_only_acknowledgements_are_brought_where_the_rest_is_installed_from_the_stick(here: Spool, bag: Path) -> None:
    (bag / f"downlink/{KIOSK}/ack-1-00000002").write_bytes(ack(2))
    (bag / "downlink/all/limits-1-4").write_bytes(b"limits")
    assert stick.bring(here, bag, acks_only=True).says == ("ack-1-00000002: here.",)


def test_what_lies_there_under_its_number_stays(here: Spool, bag: Path) -> None:
    (bag / f"up/{KIOSK}").mkdir(parents=True)
    (bag / f"up/{KIOSK}/00000001").write_bytes(b"another machine's")
    here.put(1, mail(1))
    done = stick.export(here, bag)
    assert (done.ok, done.count, done.says) == (False, 0, ("00000001: not copied. Another file of that number lies there, and stays.",))
    assert (bag / f"up/{KIOSK}/00000001").read_bytes() == b"another machine's"


@pytest.mark.parametrize("code", [errno.EIO, errno.ENODEV, errno.ENOSPC])
def test_a_stick_that_is_pulled_at_any_moment_loses_nothing_and_the_next_one_has_it_all(here: Spool, tmp_path: Path, code: int) -> None:
    for seq in (1, 2, 3):
        here.put(seq, mail(seq, text="x" * 3000))
    number, sentences = 0, set[str]()
    while True:
        number += 1
        pulled = tmp_path / f"stick{number}"
        pulled.mkdir()
        with pytest.MonkeyPatch.context() as monkeypatch:
            calls = broken_at(monkeypatch, number, code)
            done = stick.export(here, pulled)
            finished = calls() < number
        sentences.update(done.says)
        for seq in (1, 2, 3):
            copy = pulled / f"up/{KIOSK}/{seq:08}"
            assert not copy.exists() or copy.read_bytes() == mail(seq, text="x" * 3000)
            assert copy.exists() or f"{seq:08}: on the stick." not in done.says
        assert [one.seq for one in here.waiting()] == [1, 2, 3]
        assert done.ok == finished
        if finished:
            break
        assert stick.export(here, pulled).count == 3
    assert number > 15
    assert all(sentence.isprintable() for sentence in sentences)


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 64 KiB."""
    place = tmp_path / "tiny"
    place.mkdir()
    if (
        os.geteuid()
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", place], check=False, capture_output=True).returncode
    ):
        if os.environ.get("CI") == "true" and not os.geteuid():
            pytest.fail("root may not mount a file system here")
        pytest.skip("mounting a small file system takes root")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_stick_that_is_full_says_so_and_has_only_whole_batches(here: Spool, tiny: Path) -> None:
    for seq in range(1, 12):
        here.put(seq, bytes(10_000))
    done = stick.export(here, tiny)
    assert not done.ok
    assert done.says[-1].endswith("more were not tried.")
    assert any("no space left" in sentence for sentence in done.says)
    lying = files(tiny)
    assert len(lying) == done.count > 0
    assert all((tiny / name).stat().st_size == 10_000 for name in lying)


def test_a_stick_that_may_only_be_read_is_one_sentence(here: Spool, tiny: Path) -> None:
    here.put(1, mail(1))
    subprocess.run(["mount", "-o", "remount,ro", tiny], check=True)
    done = stick.export(here, tiny)
    assert (done.ok, len(done.says)) == (False, 1)
    assert "read-only" in done.says[0]


@pytest.mark.covers("abuse-41")
@pytest.mark.parametrize("where", ["up", f"up/{KIOSK}"])
def test_a_stick_whose_folders_lead_into_this_machine_gets_nothing(where: str, here: Spool, bag: Path, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (bag / where).parent.mkdir(exist_ok=True)
    (bag / where).symlink_to(tmp_path / "etc")
    here.put(1, mail(1))
    assert not stick.export(here, bag).ok
    assert files(tmp_path / "etc") == []


def test_a_link_under_a_batchs_number_is_neither_followed_nor_replaced(here: Spool, bag: Path, tmp_path: Path) -> None:
    (bag / f"up/{KIOSK}").mkdir(parents=True)
    for name in ("00000001", ".00000002.part"):
        (bag / f"up/{KIOSK}/{name}").symlink_to(tmp_path / "passwd")
    here.put(1, mail(1))
    here.put(2, mail(2))
    assert not stick.export(here, bag).ok
    assert not (tmp_path / "passwd").exists()


def test_links_pipes_long_files_and_others_mail_are_left_alone(here: Spool, bag: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    own = bag / f"downlink/{KIOSK}"
    (own / "float-1-1").symlink_to(tmp_path / "secret")
    os.mkfifo(own / "float-1-2")
    (own / "float-1-3").mkdir()
    (own / "ack-1-00000001").write_bytes(bytes(100_000))
    (own / "float-1-4; rm").write_text("x")
    (bag / "downlink/K08/float-1-9").write_text("another's")
    done = stick.bring(here, bag)
    assert not done.ok
    assert files(here.bag) == []
    assert len(done.says) == 4
    assert all(sentence.isprintable() for sentence in done.says)


def test_a_downlink_that_leads_elsewhere_is_not_followed(here: Spool, tmp_path: Path) -> None:
    (tmp_path / "real/all").mkdir(parents=True)
    (tmp_path / "real/all/limits-1-1").write_text("x")
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick/downlink").symlink_to(tmp_path / "real")
    assert not stick.bring(here, tmp_path / "stick").ok
    assert files(here.bag) == []


def test_a_stick_without_mail_or_that_is_not_there_is_one_sentence(here: Spool, bag: Path, tmp_path: Path) -> None:
    assert stick.bring(here, bag).says == ("There is nothing for this kiosk on it.",)
    assert stick.export(here, bag).says == ("There is nothing to carry: no batch waits.",)
    here.put(1, mail(1))
    for done in (stick.export(here, tmp_path / "gone"), stick.bring(here, tmp_path / "gone")):
        assert (done.ok, len(done.says)) == (False, 1)
