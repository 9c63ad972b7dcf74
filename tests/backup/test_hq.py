"""The office at another place: proved by restoring, never able to sign there, and put back in a new epoch with nothing lost."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import psycopg
import pytest
from sqlalchemy import make_url, text, update
from typer.testing import CliRunner, Result

from kiosk.cli import app
from kiosk.hq.copies import backup as room
from kiosk.hq.copies import copying, proof
from kiosk.hq.copies.backup import back_up, copy_keys, drill, restore
from kiosk.hq.copies.copying import summed
from kiosk.hq.intake import worklist
from kiosk.hq.intake.importer import Importer
from kiosk.hq.kiosks import standings
from kiosk.hq.log.check import faults
from kiosk.hq.log.office import LOG
from kiosk.hq.office import Office, OfficeError
from kiosk.hq.orders.book import Order, find
from kiosk.hq.schema import FACT
from kiosk.hq.store import Store
from kiosk.sync.ack import Ack, read_ack
from kiosk.sync.backup import BackupRefused, Draft
from kiosk.sync.batch import boxed_batch
from tests.backup.kit import DECISION, ROOT, House, empty_database
from tests.hq.batches import NOW_MS

RUN = CliRunner()


@pytest.fixture(params=["sqlite", "postgresql"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    where = empty_database(request.getfixturevalue("postgres_url")) if request.param == "postgresql" else ""
    house = House(tmp_path, where)
    yield house
    house.store.close()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.store.close()


def now_ms() -> int:
    return NOW_MS


def empty_place(house: House, server: str) -> str:
    return empty_database(server) if house.store.postgresql else ""


def opened(to: Path, where: str) -> tuple[Office, Store]:
    office = Office(to)
    return office, Store.open(where or str(to / "hq.db"), office.record.utility)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_office_that_lost_everything_comes_back_and_its_kiosks_bring_the_rest(house: House, postgres_url: str, tmp_path: Path) -> None:
    house.takes({"K07": 2, "K08": 1})
    made, sums, _ = back_up(house.office, house.store, house.medium, now_ms=NOW_MS, off_site=True)
    copy_keys(house.office, house.keys)
    house.takes()
    whole = house.sums()
    assert whole.facts > sums.facts

    to, where = tmp_path / "new", empty_place(house, postgres_url)
    back = restore(made.folder, to, where, house.keys, ROOT, now_ms=now_ms)
    assert (back.sums, back.epoch) == (sums, 2)
    office, store = opened(to, where)
    importer = house.importer(office, store)
    for street in house.streets:
        raws = house.batches(street, office)
        said = _ack(importer, street.name, street.store.hex(), office)
        assert (said.hq_epoch, said.contiguous_seq, said.durable_through) == (2, sums.heads[street.name].seq, 0)
        for raw in raws[said.contiguous_seq :]:
            assert importer.take(raw, NOW_MS).verdict in {"OK", "EXCEPTION"}
    again = store.read(summed)
    own = {"office_log": again.rows["office_log"]}  # it says that a new epoch was opened, and the lost office's does not
    assert store.read(lambda connection: faults(connection, LOG)) == []
    store.close()
    short = {"order_record": 1, "work": whole.rows["work"] + 1}  # it says that orders may be missing
    told = ("order_record.", "work.", "office_log")
    moved = {"utility.epoch", "kiosk.durable_seq", *(name for name in again.digests if name.startswith(told))}
    assert (again.rows | own, again.heads, again.tendered_minor) == (whole.rows | short | own, whole.heads, whole.tendered_minor)
    assert {name for name in whole.digests if whole.digests[name] != again.digests[name]} <= moved


def _ack(importer: Importer, kiosk: str, store: str, office: Office) -> Ack:
    raw = importer.ack(kiosk, store, NOW_MS)
    assert raw is not None
    return read_ack(raw, [bytes.fromhex(office.record.ack)])


def test_a_drill_holds_no_key_and_can_sign_nothing(
    house: House, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.takes()
    made, sums, _ = back_up(house.office, house.store, house.medium, now_ms=NOW_MS)
    seeds = [path.read_bytes() for path in (house.folder / "keys").iterdir()]
    assert len(seeds) == 5
    assert not any(seed in raw for seed in seeds for raw in files(made.folder).values())
    tried: list[str] = []
    whole = copying.checked

    def look(where: str, *rest: object) -> None:
        (folder,) = [path for path in Path(tempfile.gettempdir()).glob("kiosk-drill-*/office") if (path / "office.json").exists()]
        office = Office(folder)
        for name, phrases in (("ack", ()), ("decision", [DECISION]), ("root-1", ROOT), ("root-2", ROOT)):
            with pytest.raises(OfficeError):
                office.signer(name, phrases)
            tried.append(name)
        assert office.batch_boxes() == ()
        whole(where, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(copying, "checked", look)
    assert drill(made.folder, postgres_url)[1] == sums
    assert len(tried) == 4
    assert not list(tmp_path.glob("kiosk-drill-*"))
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT count(*) FROM pg_database WHERE datname LIKE 'kiosk_drill_%'").fetchone() == (0,)


def test_a_backup_sees_one_moment_while_batches_come_in(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.takes({"K07": 1, "K08": 1})
    before = house.sums()

    def meanwhile(real: Callable[..., None]) -> Callable[..., None]:
        def run(*given: object) -> None:
            house.takes()
            real(*given)

        return run

    for name in ("_copy", "_run"):
        monkeypatch.setattr(copying, name, meanwhile(getattr(copying, name)))
    _, sums, _ = back_up(house.office, house.store, house.medium, now_ms=NOW_MS)
    assert msgspec.structs.replace(sums, beside={}) == before
    assert house.sums().facts > before.facts


def test_kiosks_may_forget_what_lies_at_another_place_and_nothing_else(house: House) -> None:
    house.takes({"K07": 2, "K08": 1})
    back_up(house.office, house.store, house.medium, now_ms=NOW_MS)
    assert [each.durable_seq for each in standings(house.store)] == [0, 0]
    back_up(house.office, house.store, house.medium, now_ms=NOW_MS + 1000, off_site=True)
    house.takes()
    assert [(each.durable_seq, each.seq > each.durable_seq) for each in standings(house.store)] == [(2, True), (1, True)]
    said = _ack(house.importer(), "K07", house.streets[0].store.hex(), house.office)
    assert (said.durable_through, said.contiguous_seq > 2) == (2, True)


def test_a_copy_without_one_row_is_never_called_a_backup(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.takes()
    old, _, _ = back_up(house.office, house.store, house.medium, now_ms=NOW_MS)

    def lossy(store: Store, folder: Path) -> copying.Sums:
        sums = real(store, folder)
        rows = {**sums.rows, "fact": sums.rows["fact"] + 1}
        return copying.Sums(rows, sums.digests, sums.heads, sums.tendered_minor)

    real = copying.copied
    monkeypatch.setattr(copying, "copied", lossy)
    with pytest.raises(BackupRefused, match=r"fact.*differs"):
        back_up(house.office, house.store, house.medium, now_ms=NOW_MS + 1000, off_site=True)
    assert list(house.medium.iterdir()) == [old.folder]
    assert [each.durable_seq for each in standings(house.store)] == [0, 0]


def test_one_changed_letter_of_one_row_breaks_its_kiosks_chain(house: House) -> None:
    house.takes()
    house.store.read(proof.check)
    changed = update(FACT).where(FACT.c.kiosk_no == 1, FACT.c.seq == 7)
    house.store.transact(lambda connection: connection.execute(changed.values(at_ms=FACT.c.at_ms + 1)))
    with pytest.raises(BackupRefused, match="K07 in `fact` is not as it was written"):
        house.store.read(proof.check)


@pytest.mark.covers("abuse-53")
def test_nobodys_name_is_in_a_backup(house: House, postgres_url: str) -> None:
    house.takes({"K07": 1})
    put = "INSERT INTO person VALUES ('00000000000000aa','name','Wanjiku Kamau',0,1,1900000000000)"
    house.store.transact(lambda connection: connection.execute(text(put)))
    made, _, _ = back_up(house.office, house.store, house.medium, now_ms=NOW_MS)
    copy_keys(house.office, house.keys)
    assert not any(b"Wanjiku" in raw for raw in files(made.folder).values())
    to, where = house.folder.parent / "new", empty_place(house, postgres_url)
    restore(made.folder, to, where, house.keys, ROOT, now_ms=now_ms)
    _, store = opened(to, where)
    assert store.read(lambda connection: connection.execute(text("SELECT count(*) FROM person")).scalar()) == 0
    assert house.store.read(lambda connection: connection.execute(text("SELECT count(*) FROM person")).scalar()) == 1
    store.close()


def test_a_living_office_never_goes_back(house: House) -> None:
    house.takes({"K07": 1})
    made, _, _ = back_up(house.office, house.store, house.medium, now_ms=NOW_MS)
    copy_keys(house.office, house.keys)
    house.takes()
    before = house.sums()
    with pytest.raises(BackupRefused, match="a living one never goes back"):
        restore(made.folder, house.folder, "", house.keys, ROOT, now_ms=now_ms)
    if house.store.postgresql:
        with pytest.raises(BackupRefused, match="something in that database already"):
            restore(made.folder, house.folder.parent / "new", house.where, house.keys, ROOT, now_ms=now_ms)
    assert house.sums() == before
    assert sorted(path.name for path in house.folder.parent.iterdir() if path.name.startswith(".")) == []


@pytest.mark.parametrize("spoil", ["flip", "cut", "list", "gone", "record", "keys in it"])
def test_what_is_not_the_backup_that_was_made_is_refused_in_one_sentence(small: House, spoil: str) -> None:
    small.takes()
    made, _, _ = back_up(small.office, small.store, small.medium, now_ms=NOW_MS)
    store, manifest = made.folder / "hq.db", made.folder / "manifest"
    raw = bytearray(manifest.read_bytes() if spoil == "list" else store.read_bytes())
    match spoil:
        case "flip" | "list":
            raw[len(raw) // 2] ^= 4
            (manifest if spoil == "list" else store).write_bytes(raw)
        case "cut":
            store.write_bytes(raw[:-1])
        case "gone":
            (made.folder / "office.json").unlink()
        case "record":
            (made.folder / "office.json").write_bytes((made.folder / "office.json").read_bytes().replace(b"K07", b"K70"))
        case _:
            shutil.copytree(small.folder / "keys", made.folder / "keys")
            manifest.unlink()
            Draft(made.folder).seal(small.office.signer("ack"), made.manifest)
    done = RUN.invoke(app, ["hq", "drill", str(made.folder)])
    assert (done.exit_code, done.output.count("\n"), "Traceback" in done.output) == (1, 1, False)


def test_another_offices_list_is_not_believed(small: House, tmp_path: Path) -> None:
    made, _, _ = back_up(small.office, small.store, small.medium, now_ms=NOW_MS)
    (tmp_path / "other").mkdir()
    other = House(tmp_path / "other")
    (made.folder / "manifest").unlink()
    Draft(made.folder).seal(other.office.signer("ack"), made.manifest)
    with pytest.raises(BackupRefused, match="not signed by that office's ACK key"):
        drill(made.folder)
    other.store.close()


def test_wrong_keys_and_wrong_people_put_nothing_back(small: House, tmp_path: Path) -> None:
    small.takes()
    made, _, _ = back_up(small.office, small.store, small.medium, now_ms=NOW_MS)
    copy_keys(small.office, small.keys)
    (tmp_path / "other").mkdir()
    other = House(tmp_path / "other")
    to = tmp_path / "new"
    with pytest.raises(BackupRefused, match=r"The key ack in .* is another office's"):
        restore(made.folder, to, "", other.folder / "keys", ROOT, now_ms=now_ms)
    with pytest.raises(OfficeError, match="This does not open the key root-1"):
        restore(made.folder, to, "", small.keys, (ROOT[0], ROOT[0]), now_ms=now_ms)
    with pytest.raises(OfficeError, match="The key ack is not here"):
        restore(made.folder, to, "", tmp_path / "nothing", ROOT, now_ms=now_ms)
    assert not to.exists()
    other.store.close()


def test_the_new_epoch_is_above_all_that_a_kiosk_has_reported(small: House, tmp_path: Path) -> None:
    """The office was put back from this very backup once before; the kiosks know epoch 5, and this office does not."""
    street = small.streets[0]
    small.takes({"K07": 1, "K08": 1})
    made, _, _ = back_up(small.office, small.store, small.medium, now_ms=NOW_MS)
    copy_keys(small.office, small.keys)
    key = small.office.batch_boxes()[0].box_key
    mail = tmp_path / "bag" / "up" / "K07"
    mail.mkdir(parents=True)
    raws = [boxed_batch(each, key) for each in street.made(40, applied={"limits": (5, 1)})]
    (mail / "00000003").write_bytes(raws[2])  # the second is missing: it waits, and is read all the same
    back = restore(made.folder, tmp_path / "new", "", small.keys, ROOT, mail=[tmp_path / "bag"], now_ms=now_ms)
    assert (back.epoch, back.verdicts) == (6, {"GAP": 1})
    office, store = opened(tmp_path / "new", "")
    assert (office.record.epoch, store.epoch) == (6, 6)
    assert [path.name for path in (tmp_path / "new/downlink/all").glob("keys-6-*")] == ["keys-6-1"]
    store.close()


def test_a_key_that_was_made_after_the_keys_were_copied_is_in_no_list_any_more(small: House, tmp_path: Path) -> None:
    copy_keys(small.office, small.keys)
    small.office.rotate_batch_key(small.office.signer("root-1", ROOT), now_ms=NOW_MS)
    made, _, _ = back_up(small.office, small.store, small.medium, now_ms=NOW_MS)
    restore(made.folder, tmp_path / "new", "", small.keys, ROOT, now_ms=now_ms)
    office, store = opened(tmp_path / "new", "")
    store.close()
    assert office.record.keys is not None
    assert [bytes.fromhex(key) for key in office.record.keys.batch] == [box.box_key for box in office.batch_boxes()]


def test_what_a_power_cut_left_goes_and_the_old_backup_stays(small: House, monkeypatch: pytest.MonkeyPatch) -> None:
    old, _, _ = back_up(small.office, small.store, small.medium, now_ms=NOW_MS)

    class PowerCut(BaseException):
        pass

    def cut(*_: object) -> None:
        raise PowerCut

    with monkeypatch.context() as patched:
        patched.setattr(room, "proved", cut)
        patched.setattr("kiosk.sync.backup.shutil.rmtree", lambda *_, **__: None)
        with pytest.raises(PowerCut):
            back_up(small.office, small.store, small.medium, now_ms=NOW_MS + 1000)
    assert len(list(small.medium.iterdir())) == 2
    new, _, _ = back_up(small.office, small.store, small.medium, now_ms=NOW_MS + 2000)
    assert sorted(small.medium.iterdir()) == [old.folder, new.folder]
    assert drill(old.folder)[1] == drill(new.folder)[1]


def run(*words: str) -> Result:
    return RUN.invoke(app, ["hq", *words])


def test_the_commands_say_what_was_proved(small: House, tmp_path: Path) -> None:
    small.takes()
    office = ["--office", str(small.folder)]
    done = run("backup", str(small.medium), *office, "--keys", str(small.keys), "--off-site")
    assert (done.exit_code, "2 kiosks" in done.output, "restored and the same. Kiosks may forget" in done.output) == (0, True, True)
    folder = done.output.partition(":")[0]
    said = json.loads(run("drill", folder, "--json").output)
    assert (said["facts"], said["tendered_minor"]) == (small.sums().facts, small.sums().tendered_minor)
    back = run("restore", folder, "--office", str(tmp_path / "new"), "--keys", str(small.keys), *small.secrets())
    assert (back.exit_code, "it is epoch 2" in back.output) == (0, True), back.output
    assert run("kiosks", "--office", str(tmp_path / "new")).exit_code == 0


def test_keys_never_lie_on_the_medium_of_the_backups(small: House) -> None:
    done = run("backup", str(small.medium), "--office", str(small.folder), "--keys", str(small.medium / "keys"))
    assert (done.exit_code, "could sign as this office" in done.output, list(small.medium.iterdir())) == (1, True, [])


def test_another_key_of_the_same_name_is_never_overwritten(small: House) -> None:
    assert len(copy_keys(small.office, small.keys)) == 5
    assert copy_keys(small.office, small.keys) == []
    other = small.keys / "ack.json"
    other.write_bytes(other.read_bytes().replace(b"0", b"1"))
    with pytest.raises(BackupRefused, match="Another key lies at"):
        copy_keys(small.office, small.keys)


def test_orders_of_the_other_site_that_nobody_signed_are_on_the_worklist_and_become_no_money(small: House, tmp_path: Path) -> None:
    made, _, _ = back_up(small.office, small.store, small.medium, now_ms=NOW_MS)
    copy_keys(small.office, small.keys)
    site = tmp_path / "site"
    site.mkdir()
    order = Order("ABCDEFGHJK", 1, 1, "11" * 8, "000012345678", 8, 50_00, "CNY", 1, NOW_MS, NOW_MS + 1, "bank", "T-1")
    (site / order.name).write_bytes(msgspec.json.encode(order))  # as they were before they were signed
    (site / "ZZZZZZZZZZ").write_bytes(b"{")
    (site / "YYYYYYYYYY").write_bytes(msgspec.json.encode(order))  # another one's contents
    back = restore(made.folder, tmp_path / "new", "", small.keys, ROOT, orders=site, now_ms=now_ms)
    _, store = opened(tmp_path / "new", "")
    lines = worklist.waiting(store)
    assert (back.orders.taken, back.orders.listed) == (0, 1)
    assert sorted((line.what, "ABCDEFGHJK" in line.sentence) for line in lines) == [("order", True), ("short", False)]
    assert find(store, order.name) is None
    store.close()


def test_a_store_that_is_divided_over_partitions_comes_back_so(postgres_url: str, tmp_path: Path) -> None:
    house = House(tmp_path, empty_database(postgres_url), partitions=3)
    house.takes()
    made, sums, _ = back_up(house.office, house.store, house.medium, now_ms=NOW_MS)
    assert sum(sums.rows[name] for name in sums.rows if name.startswith("fact") and name != "fact") == sums.facts > 0
    assert drill(made.folder, postgres_url)[1] == sums
    house.store.close()


@pytest.mark.parametrize("address", ["clerk:sEcret@host/name", "clerk@host/name?password=sEcret"])
def test_a_password_stands_in_no_argument_of_another_program(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "pg_dump"
    fake.write_text(f'#!/bin/sh\necho "$@" >{tmp_path}/arguments\necho "$PGPASSWORD" >{tmp_path}/password\necho "no: $1" >&2\nexit 1\n')
    fake.chmod(0o700)
    monkeypatch.setattr(copying, "_program", lambda _: str(fake))
    with pytest.raises(BackupRefused) as refused:
        copying._run("pg_dump", make_url(f"postgresql+psycopg://{address}"), ["--file=x"])
    assert (tmp_path / "password").read_text() == "sEcret\n"
    assert "sEcret" not in (tmp_path / "arguments").read_text() + str(refused.value)
    assert str(refused.value).startswith("pg_dump has failed: no: --dbname=postgresql://clerk@host/name")
