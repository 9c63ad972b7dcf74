"""One user, one card, one meter: the database itself refuses a second, whatever the program above it does."""

import sqlite3
from pathlib import Path

import msgspec
import pytest

from kiosk.hq.cards.registry import Binding, Bound, Registry, RegistryError, Scrapped
from tests.hq.kit import NOW_MS

FIRST = Binding(1, 1, "000098765432", "000012345678", "1122334455667788", version=1, generation=1)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "registry.db", lambda: NOW_MS)


def other(**changes: object) -> Binding:
    fresh = Binding(1, 1, "000000000002", "000000000002", "00000000000000bb", version=1, generation=1)
    return msgspec.structs.replace(fresh, **changes)


@pytest.mark.parametrize(
    ("second", "says"),
    [
        (other(customer=FIRST.customer), "This customer has a card already"),
        (other(meter=FIRST.meter), "This meter has a card already"),
        (other(card=FIRST.card), "This card is bound already"),
    ],
)
def test_a_second_open_is_refused_and_says_which_binding_stands(registry: Registry, second: Binding, says: str) -> None:
    registry.begin(FIRST)
    registry.issued(FIRST.card)
    with pytest.raises(Bound, match=f"^{says}: card {FIRST.card}, customer {FIRST.customer}, meter {FIRST.meter}.$"):
        registry.begin(second)
    assert registry.of_card("00000000000000bb") is None


def test_other_utilities_have_customers_and_meters_of_their_own(registry: Registry) -> None:
    registry.begin(FIRST)
    assert registry.begin(other(utility=2, customer=FIRST.customer, meter=FIRST.meter)).utility == 2


@pytest.mark.parametrize("column", ["card", "customer", "meter"])
def test_it_is_the_database_that_refuses(registry: Registry, tmp_path: Path, column: str) -> None:
    registry.begin(FIRST)
    with sqlite3.connect(tmp_path / "registry.db") as raw:
        names = "utility, region, customer, meter, card, version, generation, state, subject, begun_ms"
        values = {"customer": "'000000000002'", "meter": "'000000000002'", "card": "'bb'"} | {column: column}
        forged = f"1, 1, {values['customer']}, {values['meter']}, {values['card']}, 1, 1, 'issued', 'x', 0"
        with pytest.raises(sqlite3.IntegrityError, match="UNIQUE"):
            raw.execute(f"INSERT INTO binding ({names}) SELECT {forged} FROM binding")  # noqa: S608 - the test's own words


def test_a_binding_that_ended_frees_customer_and_meter_but_never_the_card(registry: Registry, tmp_path: Path) -> None:
    registry.begin(FIRST)
    with sqlite3.connect(tmp_path / "registry.db") as raw:
        raw.execute("UPDATE binding SET ended_ms = 1")
    assert registry.begin(other(customer=FIRST.customer, meter=FIRST.meter)).state == "begun"
    with pytest.raises(Bound):
        registry.begin(other(card=FIRST.card))


def test_a_card_that_broke_half_written_is_scrapped_with_who_and_why_and_its_customer_may_have_another(registry: Registry) -> None:
    registry.begin(FIRST)
    assert registry.scrapped(FIRST.card) is None
    assert registry.scrap(FIRST.card, "B. Tan", "chip broken").state == "scrapped"
    assert registry.scrapped(FIRST.card) == Scrapped(NOW_MS, "B. Tan", "chip broken")
    second = registry.begin(other(customer=FIRST.customer, meter=FIRST.meter))
    assert second.state == "begun"
    with pytest.raises(Bound, match=r"bound already.*scrapped"):
        registry.begin(FIRST)
    with pytest.raises(Bound, match="Only a card that was begun"):
        registry.scrap(FIRST.card, "B. Tan", "again")
    registry.issued(second.card)
    with pytest.raises(Bound, match="Only a card that was begun"):
        registry.scrap(second.card, "B. Tan", "it is lost")
    with pytest.raises(Bound, match="No card 99"):
        registry.scrap("9999999999999999", "B. Tan", "never seen")


def test_what_was_begun_is_given_back_to_be_finished(registry: Registry) -> None:
    begun = registry.begin(FIRST)
    assert registry.begin(FIRST) == begun
    registry.issued(FIRST.card)
    assert registry.of_card(FIRST.card) == msgspec.structs.replace(begun, state="issued")


def test_there_is_no_person_in_a_binding_only_a_random_reference(registry: Registry, tmp_path: Path) -> None:
    subjects = {registry.begin(FIRST).subject, registry.begin(other()).subject}
    assert len(subjects) == 2
    assert all(len(subject) == 16 for subject in subjects)
    with sqlite3.connect(tmp_path / "registry.db") as raw:
        columns = {row[1] for row in raw.execute("PRAGMA table_info(binding)")}
    assert not columns & {"name", "phone", "address", "person"}


@pytest.mark.usefixtures("registry")
def test_the_file_is_its_owners_alone_and_of_this_program(tmp_path: Path) -> None:
    assert (tmp_path / "registry.db").stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(tmp_path / "foreign.db") as raw:
        raw.execute("PRAGMA application_id = 7")
        raw.execute("CREATE TABLE t (x)")
    with pytest.raises(RegistryError, match="another program"):
        Registry(tmp_path / "foreign.db", lambda: 0)
    (tmp_path / "text").write_text("this is no database at all, but long enough to look at, " * 40)
    with pytest.raises(RegistryError, match="cannot be used"):
        Registry(tmp_path / "text", lambda: 0)
    with pytest.raises(RegistryError, match="cannot be opened"):
        Registry(tmp_path / "nowhere" / "registry.db", lambda: 0)
