"""`kiosk hq import` and its sisters, as a person runs them: a bag goes in, acknowledgements come out, and a kill changes nothing."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner, Result

from kiosk.cli import app
from kiosk.hq import batch_keys
from kiosk.hq.office import Enrolled, Office
from kiosk.hq.store import Store
from kiosk.sync.ack import read_ack
from kiosk.sync.batch import boxed_batch
from kiosk.sync.spool import seq_name
from tests.hq.batches import NOW_MS, UTILITY, Journaled, Street
from tests.hq.people.office_kit import at_work, joins
from tests.hq.test_import import everything

RUN = CliRunner()
PEOPLE = ("first of two people", "second of two people")


class Desk:
    """An office's folder, with some kiosks enrolled, and a stick."""

    def __init__(self, folder: Path, *kiosks: Journaled) -> None:
        self.folder, self.stick = folder / "office", folder / "stick"
        self.folder.mkdir()
        self.office = Office.create(self.folder, UTILITY, PEOPLE, "decides alone", now_ms=1, cost=1 << 10)
        for kiosk in kiosks:
            self.office.enrol(kiosk.name, Enrolled(kiosk.public_key.hex(), "00" * 32, 1))
        Store.make(self.folder / "hq.db", UTILITY, now_ms=NOW_MS).close()

    def put(self, kiosk: Journaled, rows: int = 40) -> list[Path]:
        """All of its batches onto the stick."""
        place = self.stick / "up" / kiosk.name
        place.mkdir(parents=True, exist_ok=True)
        key = batch_keys.boxes(self.folder)[0].box_key
        paths = []
        for number, made in enumerate(kiosk.made(rows), 1):
            paths.append(place / seq_name(number))
            paths[-1].write_bytes(boxed_batch(made, key))
        return paths

    def run(self, *words: str) -> Result:
        return RUN.invoke(app, ["hq", *words, "--office", str(self.folder)])

    def bring(self) -> Result:
        return self.run("import", str(self.stick))


def test_a_stick_comes_in_and_goes_back_with_an_acknowledgement_for_each_kiosk(tmp_path: Path) -> None:
    one, two = Street(), Street("K08")
    desk = Desk(tmp_path, one, two)
    count = len(desk.put(one)) + len(desk.put(two))
    first = desk.bring()
    assert (first.exit_code, first.stdout) == (0, f"{count} batches: {count} OK. {len(one.lines) + len(two.lines)} rows.\n")
    (path,) = (desk.stick / "downlink" / "K07").iterdir()
    assert path.name == f"ack-1-{len(one.made(40)):08}"
    ack = read_ack(path.read_bytes(), [bytes.fromhex(desk.office.record.ack)])
    assert (ack.kiosk, ack.store, ack.contiguous_seq) == ("K07", one.store.hex(), len(one.made(40)))
    again = desk.bring()
    assert (again.exit_code, again.stdout) == (0, f"{count} batches: {count} REPLAY. 0 rows.\n")
    assert [each.name for each in (desk.stick / "downlink" / "K07").iterdir()] == [path.name]


def test_the_exit_code_is_that_of_the_worst(tmp_path: Path) -> None:
    kiosk, other = Street(), Street("K08")
    desk = Desk(tmp_path, kiosk, other)
    paths = desk.put(kiosk)
    second = paths[1].read_bytes()
    paths[1].unlink()
    gap = desk.bring()
    assert gap.exit_code == 5
    assert "Batch 2 is missing" in gap.stdout
    paths[1].write_bytes(second)
    assert desk.bring().exit_code == 0
    wrong = desk.put(other)
    wrong[0].write_bytes(second[:-1] + bytes((second[-1] ^ 1,)))
    assert desk.bring().exit_code == 7
    told = desk.run("work", "--json")
    (line,) = msgspec.json.decode(told.stdout)
    assert line["what"] == "tamper"
    done = ("work", "--done", line["kiosk"], "tamper", str(line["seq"]))
    assert desk.run(*done).exit_code == 1
    root = desk.office.signer("root-1", PEOPLE)
    joins(desk.folder, root, "anna", may=("work",))
    joins(desk.folder, root, "ben")
    with at_work(desk.folder, "ben") as secret:
        assert "ben has no right to work.done" in desk.run(*done, *secret).stderr
    with at_work(desk.folder, "anna") as secret:
        assert desk.run(*done, *secret).stdout == ""
        assert desk.run("work", "--done", "K99", "fork", "1", *secret).exit_code == 1


def test_a_broken_rule_is_six_and_a_path_that_is_not_there_is_two(tmp_path: Path) -> None:
    kiosk = Street(sales=2)
    kiosk.raw_row(b'1795536000000,1,1000,null,"DeviceFault",1,{}')
    desk = Desk(tmp_path, kiosk)
    desk.put(kiosk)
    assert desk.bring().exit_code == 6
    gone = desk.run("import", str(tmp_path / "nothing"))
    assert gone.exit_code == 1
    assert "No such file" in gone.stdout or "no such file" in gone.stdout


def test_a_stick_with_traps_is_read_as_far_as_it_is_mail(tmp_path: Path) -> None:
    kiosk = Street(sales=2)
    desk = Desk(tmp_path, kiosk)
    paths = desk.put(kiosk, rows=20)
    up = desk.stick / "up"
    os.mkfifo(up / "K07" / "00000077")
    (up / "K07" / "00000078").symlink_to("/etc/passwd")
    (up / "K07" / "hello.txt").write_text("hello")
    (up / "K09").symlink_to("/etc")
    (up / "..K").mkdir()
    with (up / "K07" / "00000079").open("wb") as huge:
        huge.truncate(1 << 30)
    told = desk.bring()
    assert told.exit_code == 1
    assert told.stdout.endswith(f"{len(paths)} batches: {len(paths)} OK. {len(kiosk.lines)} rows.\n")
    assert told.stdout.count("\n") == 4


def test_an_import_that_is_killed_is_begun_again_and_ends_as_if_nothing_had_been(tmp_path: Path) -> None:
    streets = [Street(f"K{number:02}", sales=8) for number in range(6)]
    (tmp_path / "calm").mkdir()
    desk, calm = Desk(tmp_path, *streets), Desk(tmp_path / "calm", *streets)
    for street in streets:
        desk.put(street, rows=10)
        calm.put(street, rows=10)
    command = [sys.executable, "-m", "kiosk", "hq", "import", str(desk.stick), "--office", str(desk.folder)]
    for wait_s in (0.9, 1.2):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True) as process:
            time.sleep(wait_s)
            os.killpg(process.pid, signal.SIGKILL)
    assert desk.bring().exit_code == 0
    assert calm.bring().exit_code == 0
    one, other = Store.open(desk.folder / "hq.db"), Store.open(calm.folder / "hq.db")
    assert timeless(one) == timeless(other)
    one.close()
    other.close()


def timeless(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """All tables, without when it was that a batch came."""
    found = everything(store)
    return found | {name: [row[:7] for row in found[name]] for name in ("batch", "head", "utility")}


def test_how_the_kiosks_stand_is_told_to_people_and_programs(tmp_path: Path) -> None:
    kiosk, silent = Street(), Street("K08")
    desk = Desk(tmp_path, kiosk, silent)
    paths = desk.put(kiosk)
    paths[1].unlink()
    desk.bring()
    told = desk.run("kiosks").stdout
    assert "never heard" in told
    assert "gap      batch 2 is missing" in told
    assert "software kiosk 0.1.0; limits 1.3" in told
    assert max(map(len, told.splitlines())) <= 80
    here, other = msgspec.json.decode(desk.run("kiosks", "--json").stdout)
    assert (here["kiosk"], here["seq"], here["parked"][0], other["seq"]) == ("K07", 1, 3, 0)


def test_a_kiosk_is_closed_revoked_and_opened_by_name(tmp_path: Path) -> None:
    desk = Desk(tmp_path, Street(sales=1))
    assert desk.run("state", "K07", "revoked", "--accepted", "3").stdout == "K07 is revoked.\n"
    assert desk.run("state", "K07", "open").exit_code == 0
    assert desk.run("state", "K07", "revoked").exit_code == 2
    assert desk.run("state", "K99", "closed").exit_code == 1
    assert desk.run("close", "2026-11-20").stdout.startswith("2026-11-20 is closed")
    assert desk.run("close", "2999-01").exit_code == 1
    assert desk.run("close", "tomorrow").exit_code == 1


@pytest.mark.parametrize("command", [["kiosks"], ["work"], ["import", "."]])
def test_without_a_store_each_says_what_to_do(tmp_path: Path, command: list[str]) -> None:
    desk = Desk(tmp_path)
    (desk.folder / "hq.db").unlink()
    told = desk.run(*command)
    assert told.exit_code == 1
    assert "kiosk hq upgrade" in told.output
    assert desk.run("upgrade").exit_code == 0
    assert desk.run("kiosks").exit_code == 0
