"""One login is one person, whatever names it types: the attacks that made money move before the staff had keys."""

from contextlib import closing

import pytest
from sqlalchemy import Connection, func, select
from typer.testing import CliRunner

from kiosk.cli import app
from kiosk.hq.settlement.tables import REMOVAL, SETTLEMENT
from kiosk.hq.store import Store
from tests.hq.people.office_kit import at_work
from tests.hq.settle_kit import Machine, bought, claimed, looked
from tests.hq.test_settle_command import Desk
from tests.sale.shop import METER, Card

MOVE = ("settle", "make", "K11-000001")
REMOVED = ("settle", "removed", METER, "--count", "5")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """An office with a claim that two people may move."""
    made = Desk(tmp_path_factory.mktemp("office"))
    k11, k12, k13, card = Machine("K11"), Machine("K12"), Machine("K13"), Card()
    claimed(k11, card)
    bought(k12, card)
    looked(k13, card)
    made.hears(k11, k13)
    return made


def rows(desk: Desk) -> tuple[int, int]:
    """Decisions, and meters that were taken away."""

    def counted(connection: Connection) -> tuple[int, int]:
        ordered = select(func.count()).select_from(SETTLEMENT).where(SETTLEMENT.c.what == "ordered")
        return connection.execute(ordered).scalar_one(), connection.execute(select(func.count()).select_from(REMOVAL)).scalar_one()

    with closing(Store.open(desk.office / "hq.db")) as store:
        return store.read(counted)


def typed(desk: Desk, *words: str) -> int:
    return CliRunner().invoke(app, ["hq", *words, "--office", str(desk.office)]).exit_code


@pytest.mark.covers("abuse-58")
def test_two_names_move_no_money_and_take_no_meter_away(desk: Desk) -> None:
    """As it was done until then."""
    for name in ("014", "027"):
        assert typed(desk, *MOVE, "--by", name, *desk.keys) == 2
    assert typed(desk, *REMOVED, "--by", "014", "--and", "027") == 2
    assert "0 open orders" in desk.says("order", "list")
    assert rows(desk) == (0, 0)


def test_a_login_of_nobody_decides_nothing(desk: Desk) -> None:
    assert "nobody's of the staff" in desk.says(*MOVE, *desk.keys, code=1)
    assert "nobody's of the staff" in desk.says(*REMOVED, code=1)
    assert "nobody's of the staff" in desk.says("settle", "paper", "K1:AAAA", code=1)
    assert rows(desk) == (0, 0)


def test_the_passphrase_and_the_key_of_another_one_open_nothing_at_ones_own_login(desk: Desk) -> None:
    """014 has copied the key of 027 into the place of their own, and knows the passphrase."""
    mine, theirs = (desk.office / "people" / f"{name}.json" for name in ("014", "027"))
    kept = mine.read_bytes()
    desk.does("014", *REMOVED, code=8)
    mine.write_bytes(theirs.read_bytes())
    with at_work(desk.office, "014", "the passphrase of 027") as secret:
        assert "not the one that the root signed for 014" in desk.says("approve", "release", "1", *secret, code=1)
        assert "not the one that the root signed for 014" in desk.says(*MOVE, *desk.keys, *secret, code=1)
    mine.write_bytes(kept)
    assert "Another person releases it" in desk.does("014", "approve", "release", "1", code=1)
    assert rows(desk) == (0, 0)


def test_no_environment_says_who_runs_a_program(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """What getpass believes: until then the login in the audit was whatever LOGNAME said."""
    desk.does("014", *REMOVED, code=8)
    for name in ("LOGNAME", "USER", "USERNAME", "SUDO_USER", "SUDO_UID"):
        monkeypatch.setenv(name, "027")
    assert "Another person releases it" in desk.does("014", "approve", "release", "1", code=1)
    assert rows(desk) == (0, 0)


def test_two_logins_and_two_keys_do_it(desk: Desk) -> None:
    """So that the refusals above are about people and not about the office."""
    desk.does("014", *REMOVED, code=8)
    desk.does("027", "approve", "release", "1")
    assert rows(desk) == (0, 1)
