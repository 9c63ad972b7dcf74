"""`kiosk hq staff` and `kiosk hq approve` as people type them, from an office without staff to one who leaves."""

import json
import shutil
import time
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from kiosk.devices.sim.pcscd import READERS
from kiosk.devices.sim.piv import PivModel
from kiosk.devices.sim.vpcd import VpcdSlot
from kiosk.hq.office import Office as OfficeKeys
from kiosk.hq.people.staff import People
from kiosk.hq.settlement.deciding import decisions, vouched
from kiosk.hq.store import Store, StoreError
from tests.codes.test_commands import Office
from tests.hq.people.office_kit import at_work, joins, login_of, passphrase_of
from tests.keys.kit import FIRST, PIN, SECOND
from tests.pcscd import running_pcscd
from tests.sale.shop import METER


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Office:
    return Office(tmp_path_factory.mktemp("office"))


@pytest.fixture
def office(made: Office, tmp_path: Path) -> Office:
    """A copy of it, with the root's two passphrases."""
    shutil.copytree(made.folder, tmp_path / "copy")
    here = Office.__new__(Office)
    here.folder, here.office, here.now_ms = tmp_path / "copy", tmp_path / "copy" / "office", made.now_ms
    return here


def root_of(office: Office) -> list[str]:
    return office.of("first-secret", "1", "second-secret", "2")


def test_the_first_of_the_staff_makes_a_key_and_the_root_signs_it(office: Office) -> None:
    with at_work(office.office, "anna") as secret:
        key = office.says("staff", "key", "anna", *secret).strip()
        assert "--again" in office.says("staff", "key", "anna", *secret, code=1)
        words = ("settle", "removed", METER, "--count", "5", *secret)
        assert "kiosk hq staff add" in office.says(*words, code=1)  # a key alone is nobody
        add = ("staff", "add", "anna", "--login", login_of("anna"), "--key", key)
        assert "name --login, --key and --may" in office.says(*add, *root_of(office), code=1)
        assert "There is no operation" in office.says(*add, "--may", "everything", *root_of(office), code=1)
        assert "anna is on the staff" in office.says(*add, "--may", "settle.make", *root_of(office))
        assert "anna has no right to settle.removed" in office.says(*words, code=1)
        office.says("staff", "add", "anna", "--may", "settle", *root_of(office))
        assert "anna has proposed it" in office.says(*words, code=8)
    assert f"login {login_of('anna')}" in office.says("staff", "list")
    (told,) = json.loads(office.says("staff", "list", "--json"))
    assert (told["id"], told["key"], [each["operation"] for each in told["grants"]]) == ("anna", key, ["settle"])
    assert OfficeKeys(office.office).staff_rows == 2
    assert "anna is not on the staff any more" in office.says("staff", "end", "anna", *root_of(office))
    assert not (office.office / "people" / "anna.json").exists()
    with at_work(office.office, "anna") as secret:
        assert "anna has left" in office.says("approve", "refuse", "1", *secret, code=1)
    assert "left" in office.says("staff", "list")
    assert "not on the staff any more" in office.says("staff", "end", "anna", *root_of(office), code=1)


def test_one_of_the_roots_two_people_puts_nobody_on_the_staff_and_five_wrong_tries_shut_it(office: Office) -> None:
    alone = office.of("first-secret", "1", "second-secret", "1")
    add = ("staff", "add", "mallory", "--login", "mallory", "--key", "ab" * 32, "--may", "settle")
    for left in (4, 3, 2, 1):
        assert f"{left} more tr" in office.says(*add, *alone, code=1) if left > 1 else "one more try" in office.says(*add, *alone, code=1)
    assert "none for 10 minutes" in office.says(*add, *alone, code=1)
    assert "Too many wrong passphrases for the root" in office.says(*add, *root_of(office), code=1)
    assert "Five wrong passphrases were tried for the key of the root" in office.says("work")
    assert json.loads(office.says("staff", "list", "--json")) == []


def test_what_cannot_be_is_refused_in_a_sentence(office: Office) -> None:
    joins(office.office, OfficeKeys(office.office).signer("root-1", [FIRST, SECOND]), "anna", "ben")
    taken = json.loads(office.says("staff", "list", "--json"))[0]["key"]
    for words, why in (
        (("--login", "x", "--key", taken, "--may", "settle"), "the key of anna"),
        (("--login", login_of("ben"), "--key", "cd" * 32, "--may", "settle"), "is that of ben"),
        (("--login", "x", "--key", "CD" * 32, "--may", "settle"), "64 lower hex digits"),
        (("--login", "", "--key", "cd" * 32, "--may", "settle"), "name --login"),
    ):
        assert why in office.says("staff", "add", "cleo", *words, *root_of(office), code=1)
    assert "is named by" in office.says(
        "staff", "add", "a b", "--login", "x", "--key", "cd" * 32, "--may", "settle", *root_of(office), code=1
    )
    with at_work(office.office, "anna", "not her passphrase") as secret:
        assert "4 more tries" in office.says("settle", "removed", METER, "--count", "5", *secret, code=1)
    with at_work(office.office, "anna") as secret:
        assert passphrase_of("anna") not in office.says("settle", "removed", METER, "--count", "5", *secret, code=8)
        for number in ("2", "999999"):
            assert "There is no proposal" in office.says("approve", "release", number, *secret, code=1)
            assert "There is no proposal" in office.says("approve", "show", number, code=1)
        office.says("approve", "release", "0", *secret, code=2)
    assert "for two people" not in office.says("approve", "show", "1")
    assert json.loads(office.says("approve", "show", "1", "--json"))["first"] == "anna"
    with at_work(office.office, "ben") as secret:
        assert "refused" in office.says("approve", "refuse", "1", "--why", "misread", *secret)
        assert "was refused by ben: misread" in office.says("approve", "release", "1", *secret, code=1)
    assert "misread" in office.says("approve", "list", "--all")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_decisions_of_before_the_staff_had_keys_stay_readable(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    where = str(tmp_path / "hq.db") if kind == "sqlite" else request.getfixturevalue("database")
    added: dict[str, tuple[str, ...]] = {"settlement": ("line", "first", "first_signature", "second", "second_signature")}
    added["removal"] = ("line", "first_signature", "second_signature")
    row = {"value": "K07/1", "no": 1, "at_ms": 5, "what": "ordered", "who": "ann bob", "login": "root", "why": "unproved", "basis": "claim"}
    row |= {"card": "", "meter": METER, "n": 3, "amount_minor": 1, "currency": "CNY", "order_name": "", "proof": "", "note": ""}

    def older(connection: Connection) -> None:
        """As the software of before has left it."""
        for table, columns in added.items():
            for column in columns:
                connection.execute(text(f"ALTER TABLE {table} DROP COLUMN {column}"))
        connection.execute(text("UPDATE alembic_version SET version_num = 'settlement1' WHERE version_num = 'settlement_signed'"))
        names = ", ".join(row)
        connection.execute(text(f"INSERT INTO settlement ({names}) VALUES ({', '.join(f':{name}' for name in row)})"), row)  # noqa: S608

    with closing(Store.make(where, 1, now_ms=1)) as store:
        store.transact(older)
    with pytest.raises(StoreError, match="kiosk hq upgrade"):
        Store.open(where)
    with closing(Store.make(where, 1, now_ms=2)) as store:
        (told,) = decisions(store, "K07/1")
        assert (told.who, told.n, told.line, told.first_signature) == ("ann bob", 3, "", "")
        assert vouched(People(store, []), told) == "unsigned"


@pytest.mark.deep("a staff card through the whole command line")
@pytest.mark.pcsc
def test_somebody_signs_with_a_card_instead_of_a_file(office: Office) -> None:
    with running_pcscd() as daemon, at_work(office.office, "anna", PIN) as secret:
        slot = VpcdSlot(daemon.sam_port)
        assert "holds a PIV card" in office.says("staff", "key", "anna", "--card", READERS[1], code=1)
        slot.insert(PivModel.issue(PIN))
        time.sleep(0.8)
        key = office.says("staff", "key", "anna", "--card", READERS[1]).strip()
        add = ("staff", "add", "anna", "--login", login_of("anna"), "--key", key, "--may", "settle")
        office.says(*add, *root_of(office))
        words = ("settle", "removed", METER, "--count", "5", *secret)
        assert "anna has proposed it" in office.says(*words, code=8)
        slot.pull()
        assert "in no reader" in office.says(*words, code=1)
    assert not (office.office / "people" / "anna.json").exists()
