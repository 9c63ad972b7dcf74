"""The keys of the office's staff: in no backup, and back with the office's own."""

from contextlib import closing
from pathlib import Path

from kiosk.hq.copies.backup import back_up, copy_keys, restore
from kiosk.hq.office import Office
from kiosk.hq.people.keyfile import new_key, unlocked
from kiosk.hq.people.staff import People, Staff, granted
from kiosk.hq.store import Store
from tests.backup.kit import QUICK, ROOT, House
from tests.hq.batches import NOW_MS

PHRASE = "a passphrase of anna's"


def test_the_keys_of_the_staff_are_in_no_backup_and_come_back_with_the_offices(tmp_path: Path) -> None:
    small = House(tmp_path)
    people, root = People(small.store, small.office.record.roots), small.office.signer("root-1", ROOT)
    for count in (1, 2):  # the second time a key of hers is at the safe already
        key = new_key(small.folder, "anna", PHRASE, again=True, cost=QUICK)
        small.office.count_staff(people.put(root, Staff("anna", "anna", key, granted("anna", ["settle"], 1), 1)))
        assert "people/anna.json" in copy_keys(small.office, small.keys)
        assert small.office.staff_rows == count
    assert copy_keys(small.office, small.keys) == []
    made, _, _ = back_up(small.office, small.store, small.medium, now_ms=NOW_MS)
    small.store.close()
    kept = (small.folder / "people" / "anna.json").read_bytes()
    assert not any(kept in path.read_bytes() for path in small.medium.rglob("*") if path.is_file())
    restore(made.folder, tmp_path / "new", "", small.keys, ROOT, now_ms=lambda: NOW_MS + 1)
    office = Office(tmp_path / "new")
    with closing(Store.open(tmp_path / "new" / "hq.db")) as store:
        back = People(store, office.record.roots, office.staff_rows)
        assert unlocked(back, store, office.folder, login="anna", passphrase=PHRASE, now_ms=NOW_MS).id == "anna"
