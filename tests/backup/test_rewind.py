"""An office that was put back, and a machine in the street that knows more: it goes back to where the office is, and sends again."""

from pathlib import Path

from kiosk.hq.copies import proof
from kiosk.hq.copies.backup import back_up, copy_keys, restore
from kiosk.hq.intake.importer import Importer
from kiosk.hq.office import Office
from kiosk.hq.store import Store
from kiosk.sync.item import KeyList
from kiosk.vend.seen import Trusted
from kiosk.vend.trust import KeyListInstalled
from tests.backup.kit import ROOT, House
from tests.hq.batches import NOW_MS, Journaled
from tests.sync.kit import KIOSK, STATION, Kiosk, opened, sold


class Machine(Journaled):
    """By the key of the machine that runs in this test."""

    @property
    def public_key(self) -> bytes:
        return STATION.public_key


class Post:
    """What the machine is told of its office: its epoch and keys; `importer` takes in what it carries."""

    def __init__(self, office: Office, importer: Importer) -> None:
        self.office, self.importer = office, importer

    @property
    def epoch(self) -> int:
        return self.office.record.epoch

    @property
    def keys(self) -> KeyList:
        assert self.office.record.keys is not None
        return self.office.record.keys

    def take(self, raw: bytes) -> None:
        assert self.importer.take(raw, NOW_MS).verdict == "OK"

    def answers(self, kiosk: Kiosk) -> None:
        raw = self.importer.ack(KIOSK, kiosk.store, NOW_MS)
        assert raw is not None
        kiosk.answer(raw, f"ack-{self.epoch}-00000001")


def test_a_machine_rewinds_to_a_restored_office_and_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    (tmp_path / "machine").mkdir()
    house = House(tmp_path, streets=(Machine(KIOSK),))
    post = Post(house.office, house.importer())
    with opened(tmp_path / "machine", post, sold(sales=2)) as kiosk:  # type: ignore[arg-type]
        kiosk.seal()
        kiosk.carry()
        made, sums, _ = back_up(house.office, house.store, house.medium, now_ms=NOW_MS, off_site=True)
        copy_keys(house.office, house.keys)
        post.answers(kiosk)
        for _ in range(2):
            kiosk.something_happens()
            kiosk.seal()
            kiosk.carry()
            post.answers(kiosk)
        assert (kiosk.sent.acked.batch, kiosk.sent.acked.durable, kiosk.up()) == (3, 1, {})
        whole = house.sums()
        house.store.close()

        restore(made.folder, tmp_path / "new", "", house.keys, ROOT, now_ms=lambda: NOW_MS)
        office, store = Office(tmp_path / "new"), Store.open(tmp_path / "new/hq.db")
        post.office, post.importer = office, house.importer(office, store)
        post.answers(kiosk)
        assert kiosk.sent.acked.batch == 3  # it has not heard of an epoch that the root has opened: this changes nothing
        kiosk.desk.tell(_heard(office))
        kiosk.until(lambda: kiosk.desk.published().trust.keys == KeyListInstalled(2, 1))
        post.answers(kiosk)
        assert (kiosk.sent.acked.hq_epoch, kiosk.sent.acked.batch, sorted(kiosk.up())) == (2, 1, [2, 3])
        kiosk.carry()
        post.answers(kiosk)
        assert (kiosk.sent.acked.batch, kiosk.up(), kiosk.sent.disputed) == (3, {}, None)
    house.store = store
    again = house.sums()
    store.read(proof.check)
    store.close()
    own = {"office_log": again.rows["office_log"]}  # it says that the office was put back
    short = {"order_record": whole.rows["order_record"] + 1, "work": whole.rows["work"] + 1}  # orders may be missing
    assert (again.heads, again.rows, again.tendered_minor) == (whole.heads, whole.rows | short | own, whole.tendered_minor)
    assert sums.heads[KIOSK].seq == 1


def _heard(office: Office) -> Trusted:
    return Trusted(KeyListInstalled(office.record.epoch, 1))
