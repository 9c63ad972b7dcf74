"""Boxes and floats of what was really imported: rows, counters, bags and grants; and five thousand kiosks at once."""

from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from kiosk.hq.report import boxes as box_rooms
from kiosk.hq.report.counts import BadCount, Count
from kiosk.hq.report.grants import floats
from kiosk.hq.report.selling import sheet_of
from kiosk.hq.report.signed import SignedFloat
from kiosk.hq.report.text import text_of
from kiosk.hq.store import Store
from kiosk.vend import facts as f
from kiosk.vend.trust import FloatGranted
from tests.hq.postgres import database, postgres_url  # noqa: F401 - fixtures
from tests.hq.report_store import (
    Machine,
    a_store,
    at,
    boxes,
    counted,
    foot,
    selling,
    send,
)

__all__ = ["a_store"]

# ---------------------------------------------------------------- boxes and floats


def test_a_box_is_reconciled_from_its_rows_its_counter_and_its_bag(store: Store) -> None:
    machine = Machine().fact(f.AcceptorRead("notes", "N1", 1, 0))
    machine.sale(100_00)
    machine.sale(50_00)
    machine.orphan(5_00).out(155_00)
    machine.to("2026-11-08").sale(20_00)
    machine.accepted += 1  # a note that no row names
    machine.sale(20_00)
    machine.out(40_00, session=2)
    send(store, machine, rows=5)
    assert (
        counted(store, Count("K07", "notes", "1", 3, "155.00", ("101", "102")), Count("K07", "notes", "2", 3, "60.00", ("101", "102"))) == 2
    )
    (first,) = boxes(store, "2026-11-01").boxes
    assert (first.session.minor, first.session.grew, first.session.orphans_minor, first.findings) == (155_00, 3, 5_00, ())
    (second,) = boxes(store, "2026-11-08").boxes
    assert (second.session.count, second.session.grew, second.difference_minor) == (2, 3, 20_00)
    assert second.findings == ("surplus", "counter")
    assert [one.session.session for one in boxes(store, "2026-11").boxes] == [1, 2]


def test_a_session_far_back_has_its_counter_from_the_one_before(store: Store) -> None:
    machine = Machine().fact(f.AcceptorRead("notes", "N1", 1, 0))
    for session, day in enumerate(range(2, 9), 1):
        machine.to(f"2026-11-{day:02}").sale(10_00)
        if session == 5:
            machine.accepted += 2
        machine.out(10_00, session)
    send(store, machine)
    assert [(one.session.session, one.session.grew) for one in boxes(store, "2026-11-07").boxes] == [(6, 3)]
    assert [one.session.grew for one in boxes(store, "2026-11").boxes] == [1, 1, 1, 1, 1, 3, 1]


def test_a_count_is_entered_once_and_a_new_one_keeps_the_old(store: Store) -> None:
    machine = Machine()
    machine.sale(100_00)
    send(store, machine.out(100_00))
    count = Count("K07", "notes", "01", 1, "90.00", ("101", "102"))
    assert [counted(store, count), counted(store, count)] == [1, 0]
    assert counted(store, msgspec.structs.replace(count, amount="100.00")) == 1
    (box,) = boxes(store, "2026-11").boxes
    assert box.counted is not None
    assert (box.counted.minor, box.counted.times, box.findings) == (100_00, 2, ())
    rows = store.read(lambda connection: connection.execute(text("SELECT time, minor FROM bag_count ORDER BY time")).all())
    assert [tuple(row) for row in rows] == [(1, 90_00), (2, 100_00)]


@pytest.mark.parametrize(
    ("count", "why"),
    [
        (Count("K99", "notes", "1", 1, "1.00", ("1", "2")), "no kiosk"),
        (Count("K07", "notes", "77", 1, "1.00", ("1", "2")), "left in bag"),
        (Count("K07", "coins", "1", 1, "1.00", ("1", "2")), "left in bag"),
        (Count("K07", "notes", "1", 1, "1.000", ("1", "2")), "no amount with 2 places"),
        (Count("K07", "notes", "1", 1, "-1.00", ("1", "2")), "no amount"),
        (Count("K07", "notes", "1", 1, "1e3", ("1", "2")), "no amount"),
        (Count("K07", "notes", "1", 1, "\u0661.00", ("1", "2")), "no amount"),
        (Count("K07", "notes", "1", 1, "9" * 40, ("1", "2")), "no amount"),
    ],
)
def test_a_count_of_a_bag_that_is_not_known_or_no_amount_enters_nothing(store: Store, count: Count, why: str) -> None:
    machine = Machine()
    machine.sale(100_00)
    send(store, machine.out(100_00))
    good = Count("K07", "notes", "1", 1, "100.00", ("1", "2"))
    with pytest.raises(BadCount, match=why):
        counted(store, good, count)
    (box,) = boxes(store, "2026-11").boxes
    assert box.counted is None


def test_a_row_that_says_nothing_is_counted_and_hides_no_box(store: Store) -> None:
    machine = Machine()
    machine.sale(100_00)
    machine.raw_row(b'%d,1,5,null,"CashBoxMissing",1,{"device":7}' % machine.now_ms)
    machine.raw_row(
        b'%d,1,5,null,"CashBoxRemoved",1,{"device":"a\\u0000b","session":1,"box":"","bag":"\\u0000","operators":[],"pieces":[],"minor":0}'
        % machine.now_ms
    )
    machine.out(100_00)
    send(store, machine)
    report = boxes(store, "2026-11")
    assert [one.session.minor for one in report.boxes] == [100_00]
    assert report.unreadable == 1
    assert "NOT READ: 1 row" in text_of(box_rooms.sheet_of(report))


def test_floats_of_the_office_of_the_kiosk_and_of_its_rows_agree(store: Store) -> None:
    until_ms = at("2026-12-30")
    machine = Machine().fact(FloatGranted(1, 500_00, until_ms))
    machine.sale(100_00)
    machine.sale(50_00, "bank")
    machine.sale(20_00, outcome="claimed")
    send(store, machine)
    signed = [SignedFloat("K07", 1, 500_00, until_ms), SignedFloat("K07", 2, 100_00, until_ms)]
    (told,) = store.read(lambda connection: floats(connection, signed, now_ms=at("2026-12-20"))).lines
    assert (told.signed_minor, told.arrived_minor, told.spent_minor, told.left_minor) == (600_00, 500_00, 120_00, 380_00)
    assert (told.said_spent_minor, told.held_minor, told.currency) == (120_00, 0, "CNY")
    assert told.findings == ("on its way: float 2, 100.00",)


def test_five_thousand_kiosks_are_one_report(store: Store) -> None:
    store.transact(lambda connection: _many(connection, 5_000))
    report = selling(store, "2026-11")
    assert len(report.books[0].lines) == 10_000
    assert foot(report)["tendered_minor"] == 5_000 * (100_00 + 7)
    assert [one.kiosk for one in report.absent] == ["K4999", "K5000"]
    lines = text_of(sheet_of(report)).splitlines()
    assert max(map(len, lines)) <= 80
    assert sum(line.startswith("K") for line in lines) == 10_000


def _many(connection: Any, many: int) -> None:
    heard = at("2026-12-10")
    names = [{"no": no, "id": f"K{no:04}", "sign": b""} for no in range(1, many + 1)]
    connection.execute(text("INSERT INTO kiosk (no, id, sign, region, state, durable_seq) VALUES (:no, :id, :sign, 1, 'open', 0)"), names)
    heads = [{"no": no, "made": heard if no < many - 1 else 0} for no in range(1, many + 1)]
    connection.execute(text("INSERT INTO head VALUES (:no, '', 1, '', 1, '', :made, 0, '', '', '{}', '{}')"), heads)
    rows = [{"no": one["no"], "tender": tender, "minor": minor} for one in names for tender, minor in (("cash", 100_00), ("bank", 7))]
    connection.execute(
        text("INSERT INTO month_kiosk VALUES (202611, :no, :tender, 'CNY', 1, :minor, :minor, 0, 0, 0, 0, 0, 0, 0, 0)"), rows
    )
