"""The spool and its folders: whole or not at all, whatever fails; nothing leads out of them; and nobody fills the disk with them."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kiosk.sync import batch, spool, standing
from kiosk.sync.carrier import Memory, Offered, wanted
from kiosk.sync.folder import Folder, FolderError
from kiosk.sync.pace import FIRST_S, LONGEST_S, Pace
from kiosk.sync.spool import SEQ_LAST, Spool, SpoolBusy, ack_name, letter_name, newest, seq_name, seq_of
from kiosk.sync.standing import Carried, Standing, queue, said, tell, told
from tests.sync.wires import KIOSK, ack, mail

CALLS = ("open", "write", "fsync", "rename", "mkdir", "ftruncate", "lseek")


@pytest.fixture
def here(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool", KIOSK).made()


def broken_at(monkeypatch: pytest.MonkeyPatch, number: int, code: int) -> Callable[[], int]:
    """The call of that number to the system fails, and every later one, as when a stick is pulled; how many there were."""
    count = [0]

    def wrapped(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def call(*args: Any, **named: Any) -> Any:
            count[0] += 1
            if count[0] >= number:
                raise OSError(code, os.strerror(code))
            return real(*args, **named)

        return call

    for name in CALLS:
        monkeypatch.setattr(f"kiosk.sync.folder.os.{name}", wrapped(name))
    return lambda: count[0]


# ---------------------------------------------------------------- whole or not at all


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.ENODEV])
def test_whatever_call_fails_a_file_is_there_whole_or_as_it_was_before(tmp_path: Path, code: int) -> None:
    old, new, number = b"old" * 1000, b"new" * 2000, 0
    folder = Folder.at(tmp_path)
    while True:
        number += 1
        (tmp_path / "file").write_bytes(old)
        with pytest.MonkeyPatch.context() as monkeypatch:
            calls = broken_at(monkeypatch, number, code)
            try:
                folder.replace("file", new)
            except FolderError as error:
                failed = str(error)
            else:
                failed = ""
            finished = calls() < number
        assert (tmp_path / "file").read_bytes() in ((old, new) if failed else (new,))
        assert failed.isprintable()
        if finished:
            break
    assert number > 4


def test_a_draft_is_seen_by_no_courier_until_it_is_released(here: Spool) -> None:
    here.draft(7, mail(7))
    assert here.waiting() == []
    here.release(7)
    here.release(7)
    assert [(one.seq, one.size) for one in here.waiting()] == [(7, len(mail(7)))]
    assert here.sealed(7) == mail(7)
    here.done(7)
    here.done(7)
    assert here.waiting() == []
    with pytest.raises(FolderError):
        here.release(7)


def test_a_draft_that_was_made_twice_is_the_second_one(here: Spool) -> None:
    here.draft(7, b"first")
    here.draft(7, b"second")
    here.release(7)
    assert here.sealed(7) == b"second"


def test_a_batch_that_was_put_again_is_another_file_to_the_courier(here: Spool) -> None:
    here.put(1, b"boxed to the old key")
    memory = Memory()
    (one,) = memory.due(here.waiting(), 0.0)
    memory.note(one, Carried("sent", "https", 1))
    assert memory.due(here.waiting(), 0.0) == []
    here.put(1, b"boxed to the new key")
    assert [due.seq for due in memory.due(here.waiting(), 0.0)] == [1]


def test_links_pipes_folders_and_foreign_names_wait_for_nobody(here: Spool, tmp_path: Path) -> None:
    up = here.path / "up"
    (tmp_path / "secret").write_text("secret")
    (up / "00000001").symlink_to(tmp_path / "secret")
    os.mkfifo(up / "00000002")
    (up / "00000003").mkdir()
    for name in ("00000000", "1", "000000004", "0000000५", "00000005.part", ".00000006.part", "README"):
        (up / name).write_text("x")
    assert here.waiting() == []
    for seq in (1, 2, 3):
        with pytest.raises(FolderError):
            here.sealed(seq)


def test_a_folder_that_became_a_link_is_not_followed(here: Spool, tmp_path: Path) -> None:
    (tmp_path / "else").mkdir()
    (here.path / "up").rmdir()
    (here.path / "up").symlink_to(tmp_path / "else")
    with pytest.raises(FolderError, match="cannot be used"):
        here.put(1, b"x")
    assert list((tmp_path / "else").iterdir()) == []


# ---------------------------------------------------------------- names


@pytest.mark.covers("field-35")
def test_a_batch_has_eight_digits_and_the_last_one_is_refused_no_file() -> None:
    assert seq_of(seq_name(SEQ_LAST)) == SEQ_LAST == batch.SEQ_MAX
    for seq in (0, -1, SEQ_LAST + 1):
        with pytest.raises(ValueError, match="from 1 to"):
            seq_name(seq)


@pytest.mark.covers("field-36")
def test_the_courier_carries_the_largest_batch_there_may_be() -> None:
    assert spool.BATCH_MAX >= batch.BODY_MAX + 4 * 4096


@pytest.mark.parametrize("kiosk", ["", "..", ".", "a", "K07/..", "K" * 9, "K07\n", ".K07"])
def test_a_kiosk_whose_id_leads_elsewhere_has_no_spool(kiosk: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no kiosk id"):
        Spool(tmp_path, kiosk)


@pytest.mark.parametrize(
    "name",
    ["limits", "limits-1", "limits-0-1", "limits-1-1\n", "../limits-1-1", "Limits-1-1", "-1-1", ".limits-1-1.part", "limits-1-12345678901"],
)
def test_a_name_that_no_letter_has(name: str) -> None:
    assert letter_name(name) is None


def test_an_acknowledgement_is_named_by_its_own_words() -> None:
    assert ack_name(ack(12)) == "ack-1-00000012"
    for raw in (b"", b"\n\n", b"a\nb\n{}", b'a\nb\n{"hq_epoch":1,"contiguous_seq":-1}', b"a\nb\n" + b"[" * 99999, b"a\nb\n\xff"):
        assert ack_name(raw) is None


def test_of_each_kind_the_newest_are_kept() -> None:
    names = [f"float-1-{number}" for number in range(1, 50)] + ["limits-2-1", "limits-1-9", "x"]
    kept = newest(names)
    assert kept == [f"float-1-{number}" for number in range(18, 50)] + ["limits-1-9", "limits-2-1"]


@pytest.mark.covers("field-37")
def test_older_letters_make_room_and_the_rest_is_refused(here: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "DOWN_MAX", 10_000)
    for number in range(1, 40):
        here.came("all", f"limits-1-{number}", b"x" * 100)
    assert len(list((here.bag / "downlink/all").iterdir())) == spool.KEPT_A_KIND
    with pytest.raises(FolderError, match="More than"):
        here.came("all", "hotlist-1-1", b"x" * 9_000)
    with pytest.raises(FolderError, match="More than"):
        here.more("all", "hotlist-1-1", 0, b"x" * 9_000)


def test_of_what_is_offered_only_what_is_new_and_ours_is_wanted_acknowledgements_first(here: Spool) -> None:
    here.came("all", "limits-1-4", b"limits")
    offered = [
        Offered("all", "limits-1-4", 6), Offered("all", "limits-1-5", 7), Offered("all", "hotlist-1-1", 3), Offered("K08", "float-1-1", 1),
        Offered("..", "float-1-1", 1), Offered("all", "../x-1-1", 1), *(Offered(KIOSK, f"ack-1-{seq:08}", 9) for seq in range(9)),
    ]  # fmt: skip
    assert [letter.name for letter in wanted(here, offered)] == [*(f"ack-1-{seq:08}" for seq in (6, 7, 8)), "hotlist-1-1", "limits-1-5"]


# ---------------------------------------------------------------- one courier, and what it says


def test_two_couriers_never_carry_one_spool_and_a_killed_one_lets_go(here: Spool) -> None:
    program = """import sys; from pathlib import Path; from kiosk.sync.spool import Spool
with Spool(Path(sys.argv[1]), "K07").carrying(): print("mine", flush=True); sys.stdin.read()"""
    with subprocess.Popen([sys.executable, "-c", program, str(here.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"mine\n"
        with pytest.raises(SpoolBusy, match="Another courier"), here.carrying():
            pass
        other.kill()
        other.wait()
    with here.carrying():
        pass


def test_what_is_asked_is_answered_once(here: Spool) -> None:
    here.ask("now")
    here.ask("export")
    here.ask_to_seal()
    assert here.asked() == ("now", "export")
    assert here.asked() == ()
    assert here.wants_seal()
    here.seal_done()
    assert not here.wants_seal()


def test_the_queue_says_of_each_batch_why_it_is_still_here(here: Spool) -> None:
    for seq in (1, 2, 3):
        here.put(seq, mail(seq))
    later = max(one.since_ms for one in here.waiting()) + 1
    tell(here, Standing(later, {}, {"1": Carried("refused", "https", later, "Not taken."), "3": Carried("sent", "sftp", 5)}))
    lines = queue(here.waiting(), told(here))
    assert [(line.seq, line.state, line.why) for line in lines] == [(1, "refused", "Not taken."), (2, "waiting", ""), (3, "waiting", "")]


@pytest.mark.parametrize("raw", [b"", b"{", b"[" * 99_999, b"\xff", b'{"at_ms":-1}', b" " * (standing.MOST_BYTES + 1)])
def test_a_standing_that_cannot_be_read_is_none(raw: bytes, here: Spool) -> None:
    (here.path / standing.FILE).write_bytes(raw)
    assert told(here) is None


@pytest.mark.covers("field-39")
def test_a_sentence_from_elsewhere_is_one_line() -> None:
    assert said("a\x1b[2Jb\nc\td") == "a [2Jb c d"
    assert len(said("x" * 10_000)) == 240


# ---------------------------------------------------------------- pace


def test_a_way_that_fails_is_tried_later_and_later_and_a_crowd_comes_back_spread_out() -> None:
    pace, waits = Pace(), []
    for _ in range(40):
        waits.append(pace.failed(0.0, 1.0).due_s)
        assert pace.failed(0.0, 0.0).due_s == waits[-1] / 2
        pace = pace.failed(0.0, 1.0)
    assert waits[:3] == [FIRST_S, 2 * FIRST_S, 4 * FIRST_S]
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_S
    assert pace.worked(100.0, 900.0) == Pace(1000.0)
    assert pace.hurried(1.0).due_s == 1.0
