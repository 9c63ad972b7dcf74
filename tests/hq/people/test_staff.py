"""The list of staff: the root alone says who is on it, and each has a login, a key and rights of their own. PostgreSQL and SQLite."""

from collections.abc import Iterator

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete, insert, select, update

from kiosk.hq.people.staff import Acting, People, Staff, StaffError, granted
from kiosk.hq.people.tables import STAFF
from kiosk.hq.store import IN_MEMORY, Store
from tests.hq.people.kit import Crew, public, signer

MOVE = "settle.move"


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    made = Store.make(IN_MEMORY if request.param == "sqlite" else request.getfixturevalue("database"), 1, now_ms=1)
    yield made
    made.close()


@pytest.fixture
def crew(store: Store) -> Crew:
    made = Crew(store)
    made.add("anna")
    made.add("ben")
    return made


def signs(crew: Crew, who: Acting, operation: str = MOVE) -> str:
    return crew.people.signed(who, operation, "deed", b"line")


def test_whoever_the_root_has_signed_acts_with_their_own_key(crew: Crew) -> None:
    assert len(signs(crew, crew("anna"))) == 128
    assert [person.id for person in crew.people.listed()] == ["anna", "ben"]
    assert crew.people.of_login("ben").id == "ben"


def test_a_row_that_somebody_put_into_the_database_is_no_staff(store: Store, crew: Crew) -> None:
    mallory = Ed25519PrivateKey.generate()
    row = store.read(lambda connection: connection.execute(select(STAFF).where(STAFF.c.no == 2)).mappings().one())
    forged = {**row, "no": 3, "id": "mallory", "login": "mallory", "key": public(mallory)}
    store.transact(lambda connection: connection.execute(insert(STAFF).values(forged)))
    with pytest.raises(StaffError, match="Row 3 of the list of staff is not as the root signed it"):
        signs(crew, Acting("mallory", "mallory", signer(mallory)))
    with pytest.raises(StaffError, match="nobody acts"):
        signs(crew, crew("anna"))


@pytest.mark.parametrize("column", ["login", "key", "roles", "id", "to_ms"])
def test_a_row_that_somebody_changed_is_found(store: Store, crew: Crew, column: str) -> None:
    crew.leaves("ben", 5)
    values: dict[str, object] = {
        "login": "mallory",
        "key": public(Ed25519PrivateKey.generate()),
        "roles": msgspec.json.encode(granted("ben", ["office"], 1)).decode(),
        "id": "benno",
        "to_ms": 1 << 53,
    }
    store.transact(lambda connection: connection.execute(update(STAFF).where(STAFF.c.no == 3).values({column: values[column]})))
    with pytest.raises(StaffError, match="Row 3"):
        crew.people.listed()


def test_a_row_that_was_taken_out_or_put_in_another_place_is_found(store: Store, crew: Crew) -> None:
    crew.leaves("anna", 5)
    rows = [dict(row) for row in store.read(lambda connection: connection.execute(select(STAFF).order_by(STAFF.c.no)).mappings().all())]

    def stands(*these: dict[str, object]) -> None:
        store.transact(lambda connection: connection.execute(delete(STAFF)))
        store.transact(lambda connection: connection.execute(insert(STAFF), list(these)))

    stands(rows[0], {**rows[2], "no": 2})
    with pytest.raises(StaffError, match="Row 2"):
        crew.people.listed()
    stands(rows[1] | {"no": 1}, rows[0] | {"no": 2})
    with pytest.raises(StaffError, match="Row 1"):
        crew.people.listed()
    stands(*rows[:2])  # the row that says that anna left
    assert crew.people.member("anna").here  # nothing in these rows can say that there was a third,
    with pytest.raises(StaffError, match="has 2 rows, and the root signed 3"):  # so the office's record counts them
        People(store, [crew.root_key], 3).member("anna")
    stands(*rows)
    with pytest.raises(StaffError, match="not on the staff any more"):
        People(store, [crew.root_key], 3).member("anna")


def test_another_root_puts_nobody_on_the_list(store: Store, crew: Crew) -> None:
    other = signer(Ed25519PrivateKey.generate())
    person = Staff("mallory", "mallory", public(Ed25519PrivateKey.generate()), granted("mallory", ["settle"], 1), 1)
    with pytest.raises(StaffError, match="not the root key of this office"):
        crew.people.put(other, person)
    with pytest.raises(StaffError, match="Row 1"):
        People(store, [public(Ed25519PrivateKey.generate())]).listed()


def test_two_people_have_neither_one_key_nor_one_login(crew: Crew) -> None:
    with pytest.raises(StaffError, match="the key of anna: each person has a key of their own"):
        crew.add("cleo", key=crew.keys["anna"])
    with pytest.raises(StaffError, match="The login anna is that of anna"):
        crew.add("cleo", login="anna")
    crew.leaves("anna", 5)
    with pytest.raises(StaffError, match="the key of anna"):  # nor does anybody inherit one
        crew.add("cleo", key=crew.keys["anna"])
    crew.add("cleo", login="anna")  # a login that is free may be given again
    assert crew.people.of_login("anna").id == "cleo"


def test_a_key_at_another_login_and_another_key_at_the_login_sign_nothing(crew: Crew) -> None:
    with pytest.raises(StaffError, match="belongs to the login anna, and this is ben"):
        signs(crew, Acting("anna", "ben", signer(crew.keys["anna"])))
    with pytest.raises(StaffError, match="not the key of anna"):
        signs(crew, Acting("anna", "anna", signer(crew.keys["ben"])))


def test_whoever_left_signs_nothing_also_when_the_clock_goes_back(crew: Crew) -> None:
    crew.leaves("ben", 10_000)
    for _ in range(2):  # no clock is asked
        with pytest.raises(StaffError, match="ben is not on the staff any more"):
            signs(crew, crew("ben"))
    with pytest.raises(StaffError, match=r"nobody's of the staff. ben has left"):
        crew.people.of_login("ben")
    with pytest.raises(StaffError, match="not on the staff any more"):
        crew.leaves("ben", 10_001)


def test_a_right_covers_what_is_below_it_and_nothing_else(crew: Crew) -> None:
    crew.add("cleo", "settle.make")
    crew.add("dora", "settle")
    signs(crew, crew("cleo"), "settle.make")
    with pytest.raises(StaffError, match=r"cleo has no right to settle.move"):
        signs(crew, crew("cleo"))
    signs(crew, crew("dora"))
    with pytest.raises(StaffError, match=r"dora has no right to office.restore"):
        signs(crew, crew("dora"), "office.restore")
    for bad in ("settle.mak", "sett", "", "settle.move.x", "*"):
        with pytest.raises(StaffError, match="There is no operation"):
            crew.add("emil", bad)


def test_a_new_key_or_right_takes_the_place_of_the_old_one_and_old_signatures_stay_true(crew: Crew) -> None:
    old, before = signs(crew, crew("anna")), crew.keys["anna"]
    crew.add("anna", "settle.make", key=Ed25519PrivateKey.generate())
    with pytest.raises(StaffError, match="not the key of anna"):
        signs(crew, Acting("anna", "anna", signer(before)), "settle.make")
    with pytest.raises(StaffError, match="no right"):
        signs(crew, crew("anna"))
    assert crew.people.had_signed("anna", "deed", b"line", old)
    assert not crew.people.had_signed("ben", "deed", b"line", old)
    assert not crew.people.had_signed("anna", "refusal", b"line", old)
    assert not crew.people.had_signed("anna", "deed", b"line", "none")
