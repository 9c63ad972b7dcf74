"""An office that stays open for months, is updated, and is brought more files than anybody thought of."""

from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from kiosk.cli import app
from kiosk.config import ConfigError, checked
from kiosk.hq.intake import mail
from kiosk.hq.intake.current import SETTLED_S, Current
from kiosk.hq.intake.known import known
from kiosk.hq.intake.ledger import Verdict
from kiosk.hq.intake.reread import Reread, reread
from kiosk.hq.office import Enrolled, OfficeError
from kiosk.hq.schema import WORK
from kiosk.hq.store import Store
from kiosk.sync import delta
from kiosk.sync.ack import Ack
from kiosk.sync.batch import BatchHeader, boxed_batch
from kiosk.sync.folder import FolderError
from kiosk.sync.item import Header
from kiosk.vend import facts as f
from kiosk.vend.rows import kinds
from kiosk.vend.till import CashBoxRemoved
from tests.hq.batches import NOW_MS, OFFICE, UTILITY, Street, importer
from tests.hq.postgres import database, postgres_url  # noqa: F401 - fixtures
from tests.hq.test_import import everything, made_anew, rows, sums, take_all
from tests.hq.test_import_command import Desk
from tests.hq.test_import_hostile import AT, sold, wrote

ROOT = ("first of two people", "second of two people")
FORGOTTEN = {"SaleClosed", "ClaimSettled", "OrphanCredit", "CashBoxRemoved", "CardPresented", "NoteStacked"}


# ---------------------------------------------------------------- a door that stays open


def test_what_the_office_changes_holds_at_its_open_door_at_once(tmp_path: Path) -> None:
    one, late = Street("K07", sales=3), Street("K08", sales=2)
    desk = Desk(tmp_path, one)
    store = Store.open(desk.folder / "hq.db")
    door = Current(desk.folder, store)
    first, second = one.made(30)[:2]
    assert door.importer().take(boxed_batch(first, desk.office.batch_boxes()[0].box_key), NOW_MS).verdict == Verdict.OK
    assert door.importer() is door.importer(), "nothing is read again while nothing changes"
    desk.office.rotate_batch_key(desk.office.signer("root-1", ROOT), now_ms=NOW_MS)
    new = desk.office.batch_boxes()[0].box_key
    assert door.importer().take(boxed_batch(second, new), NOW_MS).verdict == Verdict.OK, "boxed to a key that is younger than the door"
    desk.office.enrol("K08", Enrolled(late.public_key.hex(), "00" * 32, 1))
    assert door.importer().take(boxed_batch(late.made(30)[0], new), NOW_MS).verdict == Verdict.OK
    store.close()


def test_a_price_that_is_sent_while_the_door_is_open_was_in_force(tmp_path: Path) -> None:
    kiosk = wrote(sold(tariff="flat/2"))
    desk, now_s = Desk(tmp_path, kiosk), 0.0
    store = Store.open(desk.folder / "hq.db")
    decides = desk.office.signer("decision", ["decides alone"])
    sent(desk, decides, "flat/1")
    door = Current(desk.folder, store, lambda: now_s)
    sent(desk, decides, "flat/2")
    assert door.importer().known.tariffs == frozenset({"flat/1", "flat/2"})
    now_s += SETTLED_S
    before = door.importer()
    assert before is door.importer()
    (desk.folder / "office.json").rename(desk.folder / "elsewhere")
    assert door.importer() is before, "a file that cannot be read just now closes no door"
    box = desk.office.batch_boxes()[0].box_key
    assert door.importer().take(boxed_batch(kiosk.made(10)[0], box), NOW_MS).verdict == Verdict.OK
    store.close()


def sent(desk: Desk, decides: object, name: str) -> None:
    period = {"id": name, "from_ms": 1, "until_ms": 1 << 50, "price": "0.5800", "fixed_fee_minor": 0}
    body = msgspec.json.encode({"currency": "CNY", "periods": [period]})
    desk.office.publish("tariff", "*", body, decides, days=30, now_ms=NOW_MS)  # type: ignore[arg-type]


# ---------------------------------------------------------------- who is blocked, and since when


def test_who_is_blocked_since_when_is_read_from_what_was_sent_changes_too(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    decides = desk.office.signer("decision", ["decides alone"])
    a, b, c, d = (bytes([number]) * 8 for number in (1, 2, 3, 4))

    def whole(*cards: bytes) -> bytes:
        body = delta.listed(frozenset(cards))
        desk.office.publish("hotlist", "*", body, decides, days=30, now_ms=NOW_MS)
        return body

    whole(a, d)
    base = whole(a, b, c, d)
    change = msgspec.json.encode(delta.change(1, 2, base, delta.listed(frozenset({a, b, d, bytes(8)}))))
    desk.office.publish("delta", "*", change, decides, days=30, now_ms=NOW_MS)
    said = known(desk.office).hotlist
    assert said == {a.hex(): (1, 1), d.hex(): (1, 1), b.hex(): (1, 2), bytes(8).hex(): (1, 3)}, "c was taken off the list again"


# ---------------------------------------------------------------- after an update


def older(monkeypatch: pytest.MonkeyPatch) -> None:
    """Software that has not heard of these kinds."""
    monkeypatch.setattr("kiosk.hq.intake.shape.kinds", lambda: {name: kind for name, kind in kinds().items() if name not in FORGOTTEN})


def several() -> Street:
    street = Street("K07", sales=14)
    street.write(f.OrphanCredit("notes", "N1", 1, 20_00, 7, 3), AT)
    street.write(CashBoxRemoved("notes", 1, "BOX1", "BAG1", ("anna",), (), 0), AT)
    street.write(sold(), AT)
    street.write(sold(), AT)
    return street


@pytest.mark.parametrize("way", ["sqlite", "postgresql"])
def test_rows_of_newer_software_are_read_after_an_update_as_if_they_had_always_been_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, way: str
) -> None:
    street = several()
    where = tmp_path / "a.db" if way == "sqlite" else request.getfixturevalue("database")
    store, clean = (Store.make(each, UTILITY, now_ms=NOW_MS) for each in (where, tmp_path / "b.db"))
    with monkeypatch.context() as before:
        older(before)
        take_all(importer(store, street), street.batches(60))
        assert rows(store, WORK)
        assert everything(store)["sale"] == []
        assert reread(importer(store, street), NOW_MS).still > 0, "by the same software nothing is known that was not"
        assert everything(store)["sale"] == []
    done = reread(importer(store, street), NOW_MS + 1)
    assert (done.still, done.rows > 20) == (0, True)
    take_all(importer(clean, street), street.batches(60))
    here, there = everything(store), everything(clean)
    for name in ("fact", "sale", "box", "day_kiosk", "day_hour", "month_kiosk", "head", "original"):
        assert here[name] == there[name], name
    assert sums(store) == made_anew(store)
    assert {(line.what, line.seq) for line in rows(store, WORK) if line.done_ms is None} == {
        (line.what, line.seq) for line in rows(clean, WORK)
    }
    assert reread(importer(store, street), NOW_MS + 2) == Reread()
    assert everything(store) == here
    store.close()
    clean.close()


def test_the_command_says_what_it_read_and_what_it_does_not_know(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kiosk = wrote(sold())
    kiosk.raw_row(b'1795536000000,1,1000,null,"Unheard",1,{}')
    desk = Desk(tmp_path, kiosk)
    desk.put(kiosk)
    with monkeypatch.context() as before:
        older(before)
        desk.bring()
    said = CliRunner().invoke(app, ["hq", "reread", "--office", str(desk.folder)])
    assert said.exit_code == 5
    assert said.output == "1 rows of 1 batches are read. 1 batches have rows that this software does not know either.\n"


# ---------------------------------------------------------------- names that lead elsewhere


@pytest.mark.parametrize("name", ["..", ".", ".K1", "", "../K07", "K07/..", "k07", "K07\n", "TOOLONG09"])
def test_no_kiosk_may_be_called_what_leads_elsewhere(tmp_path: Path, name: str) -> None:
    desk = Desk(tmp_path)
    with pytest.raises(OfficeError, match="begins with no point"):
        desk.office.enrol(name, Enrolled("00" * 32, "00" * 32, 1))
    for form in (BatchHeader, Ack, Header):
        kiosk = next(field for field in msgspec.structs.fields(form) if field.name in ("kiosk", "to"))
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(name if name != "k07" else "K07\0", kiosk.type)
    with pytest.raises(ConfigError):
        checked({"kiosk": {"id": name, "demo": True}})


# ---------------------------------------------------------------- very many files


@pytest.mark.covers("field-67")
def test_a_folder_of_very_many_batches_is_seen_whole_or_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    up = tmp_path / "up" / "K07"
    up.mkdir(parents=True)
    for number in range(1, 10_051):
        (up / f"{number:08}").touch()
    assert [letter.name for letter in mail.letters(tmp_path)][-1] == "00010050", "the newest is there, whatever the disk tells first"
    monkeypatch.setattr(mail, "FILES_MAX", 10_000)
    with pytest.raises(FolderError, match="in several folders"):
        mail.letters(tmp_path)


@pytest.mark.covers("field-54")
def test_a_letterbox_of_one_kiosk_keeps_the_newest_of_what_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.hq.office.KEPT_A_KIND", 3)
    desk = Desk(tmp_path, Street("K07", sales=1))
    desk.office.record = msgspec.structs.replace(
        desk.office.record, kiosks={"K07": Enrolled(OFFICE.public_key.hex(), OFFICE.box_key.hex(), 1)}
    )
    decides = desk.office.signer("decision", ["decides alone"])
    for _ in range(12):
        desk.office.publish("orders", "K07", b"{}", decides, days=1, now_ms=NOW_MS)
        desk.office.publish("limits", "K07", b"{}", decides, days=1, now_ms=NOW_MS)
    names = sorted(path.name for path in (desk.folder / "downlink" / "K07").iterdir())
    assert [name for name in names if name.startswith("orders")] == ["orders-1-10", "orders-1-11", "orders-1-12"]
    assert [name for name in names if name.startswith("limits")] == ["limits-1-10", "limits-1-11", "limits-1-12"]
    aside = {path.name for path in (desk.folder / "sent" / "K07").iterdir()}
    assert aside == {f"limits-1-{number}" for number in range(1, 10)}, "what is not one kiosk's alone the office reads again itself"
    with pytest.raises(OfficeError):
        desk.office.publish("orders", "*", b"{}", decides, days=1, now_ms=NOW_MS)
