"""The meter's decision, row by row: who comes with which card, and what the meter makes of it."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from kiosk.devices.sim import card_files, crypto, faults, image
from kiosk.devices.sim.card import CardModel
from kiosk.devices.sim.card_files import OPEN, PURCHASE, REPLACEMENT, Parameters, Returned, Tariff
from kiosk.devices.sim.meter import TABLE, MeterModel
from kiosk.devices.sim.meter_state import TierSet
from tests.sim_card.kit import CUSTOMER, EMPTY, MASTERS, METER, OTHER_SERIAL, SERIAL, Terminal, card, meter


@dataclasses.dataclass(frozen=True)
class Visit:
    """One row of the table, played."""

    row: str
    card: Callable[[], CardModel]
    meter: Callable[[], MeterModel]
    error: str = ""
    credited: bool = False
    count: int = 0  # of the meter, after
    answered: bool = False
    bound: bytes = SERIAL
    stay_s: float = 15.0
    illegal_2013: bool = False
    illegal_2009: bool = False


def _cloned() -> CardModel:
    return CardModel(image.clone(card().image()))


def _silent() -> CardModel:
    model = card()
    model.arm(faults.from_json({"cut": {"apdu": 4}}))
    return model


def _preset() -> CardModel:
    model = card()
    model.files |= {1: b"\x68\x06" + model.files[1][2:]}
    return model


NEW = b""  # bound to nobody
VISITS = [
    Visit("voltage below 0.75 Un", card, lambda: meter(voltage_v=164), "ERR-31"),
    Visit("removed early", card, meter, "ERR-35", stay_s=2.9),
    Visit("removed early", _silent, meter, "ERR-35"),
    Visit("card does not prove itself", _cloned, meter, "ERR-32", illegal_2013=True, illegal_2009=True),
    Visit("not a user card", _preset, meter, "ERR-32", illegal_2009=True),
    Visit("another meter", lambda: _renamed(meter="000000000001"), meter, "ERR-33", illegal_2009=True),
    Visit("unknown type", lambda: card(kind=0), meter, "ERR-32", illegal_2009=True),
    Visit("unknown type", lambda: card(kind=4), meter, "ERR-32", illegal_2009=True),
    Visit("another customer", lambda: card(customer="000000000001"), meter, "ERR-33", illegal_2009=True),
    Visit("lost card", lambda: card(serial=OTHER_SERIAL), meter, "ERR-33", illegal_2009=True),
    Visit("not opened", card, lambda: meter(opened=False), "ERR-34", bound=NEW, illegal_2009=True),
    Visit("not opened", lambda: card(kind=REPLACEMENT), lambda: meter(opened=False), "ERR-34", bound=NEW, illegal_2009=True),
    Visit("open card with a count", lambda: card(OPEN, count=2), lambda: meter(opened=False), "ERR-34", bound=NEW, illegal_2009=True),
    Visit("older than the meter", lambda: card(count=4), lambda: meter(5), count=5, answered=True),
    Visit("older than the meter", lambda: card(OPEN, 1, serial=OTHER_SERIAL), lambda: meter(5), count=5, answered=True, bound=OTHER_SERIAL),
    Visit(
        "older than the meter",
        lambda: card(REPLACEMENT, 4, serial=OTHER_SERIAL),
        lambda: meter(5),
        count=5,
        answered=True,
        bound=OTHER_SERIAL,
    ),
    Visit(
        "spent on another card",
        lambda: card(REPLACEMENT, 5, serial=OTHER_SERIAL, taken=5),
        lambda: meter(5),
        "ERR-33",
        count=5,
        illegal_2009=True,
    ),
    Visit("nothing new", lambda: card(count=5, taken=5), lambda: meter(5), count=5, answered=True),
    Visit("nothing new", lambda: card(count=5), lambda: meter(5), count=5, answered=True),
    Visit("nothing new", lambda: card(REPLACEMENT, 5, serial=OTHER_SERIAL), lambda: meter(5), count=5, answered=True, bound=OTHER_SERIAL),
    Visit("nothing new", lambda: card(REPLACEMENT, 5, taken=5), lambda: meter(5), count=5, answered=True),
    Visit("nothing new", lambda: card(OPEN, 0), lambda: meter(opened=False), answered=True),
    Visit("return file not empty", lambda: card(count=6, taken=5), lambda: meter(5), "ERR-34", count=5, answered=True),
    Visit("too much", lambda: card(count=6), lambda: meter(5, hoarding_minor=99_99), "ERR-36", count=5),
    Visit("too much", lambda: card(count=6, amount_minor=2**32 - 1), lambda: meter(5), "ERR-36", count=5),
    Visit("credit", lambda: card(count=6), lambda: meter(5), credited=True, count=6, answered=True),
    Visit("credit", lambda: card(count=6), lambda: meter(5, hoarding_minor=100_00), credited=True, count=6, answered=True),
    Visit("credit", lambda: card(OPEN, 1), lambda: meter(opened=False), credited=True, count=1, answered=True),
    Visit(
        "credit",
        lambda: card(REPLACEMENT, 6, serial=OTHER_SERIAL),
        lambda: meter(5),
        count=6,
        credited=True,
        answered=True,
        bound=OTHER_SERIAL,
    ),
    Visit("count error", lambda: card(count=7), lambda: meter(5), "ERR-34", count=5, answered=True, illegal_2009=True),
    Visit("count error", lambda: card(count=2**32 - 1, taken=5), lambda: meter(5), "ERR-34", count=5, answered=True, illegal_2009=True),
]


def _renamed(**file1: str) -> CardModel:
    """A card with the keys of our meter that names another one."""
    model = card()
    one = Parameters.decode(model.files[1])
    model.files |= {1: msgspec.structs.replace(one, **file1).encode()}
    return model


@pytest.mark.parametrize("edition", [2009, 2013])
@pytest.mark.parametrize("visit", VISITS, ids=lambda v: v.row)
def test_each_row_of_the_decision_table(visit: Visit, edition: int) -> None:
    m, c = visit.meter(), visit.card()
    m.state.edition = edition  # type: ignore[assignment]
    return_file, balance = c.files[5], m.state.balance_micro
    amount = int.from_bytes(c.files[2][:4], "big")
    done = m.insert(c, visit.stay_s)
    assert (done.row, done.error, done.answered) == (visit.row, visit.error, visit.answered)
    assert done.credited_minor == (amount if visit.credited else 0)
    assert m.state.balance_micro - balance == done.credited_minor * 10_000
    assert m.state.count == visit.count
    assert m.state.bound == visit.bound.hex()
    assert m.state.illegal == (visit.illegal_2009 if edition == 2009 else visit.illegal_2013)
    if visit.answered:
        assert Returned.decode(c.files[5]).count == visit.count
    else:
        assert c.files[5] == return_file


def test_no_row_of_the_table_is_left_out() -> None:
    assert {row.name for row in TABLE} - {v.row for v in VISITS} == {"no answer to reset"}


def test_a_contact_that_does_not_answer_to_reset_is_an_illegal_card() -> None:
    class Dead:
        def reset(self) -> bytes:
            raise faults.CardPulled("no card")

        def process(self, _: bytes) -> bytes:
            raise faults.CardPulled("no card")

    m = meter()
    done = m.insert(Dead())
    assert (done.row, done.error, m.state.illegal) == ("no answer to reset", "ERR-31", 1)


# ---------------------------------------------------------------- stories


def test_an_open_card_binds_customer_and_card_and_a_first_card_stays_ten_seconds() -> None:
    m = meter(opened=False)
    assert m.insert(card(OPEN, 1), stay_s=9).error == "ERR-35"
    assert m.insert(card(OPEN, 1), stay_s=10).credited_minor == 100_00
    assert (m.state.opened, m.state.customer, m.state.bound) == (True, CUSTOMER, SERIAL.hex())


def test_one_card_credits_once_however_often_it_comes() -> None:
    m, c = meter(), card()
    assert [m.insert(c).credited_minor for _ in range(3)] == [100_00, 0, 0]
    c.files |= {5: EMPTY}
    assert m.insert(c).credited_minor == 0
    assert m.state.balance_micro == 100_000_000


def test_the_return_file_tells_balance_count_time_and_illegal_cards() -> None:
    m, c = meter(balance_micro=8_329_999), card()
    m.insert(CardModel(image.clone(card().image())))
    m.insert(c)
    back = Returned.decode(c.files[5])
    assert (back.meter, back.customer, back.count, back.remaining_minor, back.overdraft_minor) == (METER, CUSTOMER, 1, 108_32, 0)
    assert (back.illegal, back.time) == (1, "2607011230")


def test_a_recharge_pays_the_overdraft_first_and_what_is_left_of_it_is_told() -> None:
    m, c = meter(balance_micro=-103_150_000, overdraft_minor=500_00), card()
    m.insert(c)
    back = Returned.decode(c.files[5])
    assert (back.remaining_minor, back.overdraft_minor) == (0, 3_15)


@pytest.mark.parametrize("k", range(50))
@pytest.mark.parametrize("rest", ["old", "zero", "ff", "random"])
def test_a_card_pulled_while_the_meter_answers_has_been_credited_once(k: int, rest: str) -> None:
    m, c = meter(), card()
    c.arm(faults.from_json({"cut": {"update": 0, "byte": k, "rest": rest, "seed": k}}))
    done = m.insert(c)
    assert (done.error, done.answered, done.credited_minor) == ("ERR-35", False, 100_00)
    again = m.insert(c)
    assert (again.row, again.credited_minor) == ("nothing new", 0)
    assert Returned.decode(c.files[5]).count == 1
    assert m.state.balance_micro == 100_000_000


@pytest.mark.parametrize("at", range(14))
def test_a_card_pulled_at_any_command_is_credited_once_in_the_end(at: int) -> None:
    m, c = meter(), card()
    c.arm(faults.from_json({"cut": {"apdu": at}}))
    m.insert(c)
    m.insert(c)
    assert m.state.balance_micro == 100_000_000
    assert Returned.decode(c.files[5]).count == 1


def test_a_card_of_another_meter_proves_nothing_here_and_loses_no_try() -> None:
    stranger = card(meter="000000000002")
    m = meter()
    assert m.insert(stranger).row == "card does not prove itself"
    assert stranger.tries["meterkey"] == image.TRIES


def test_nothing_of_one_utility_is_taken_by_another() -> None:
    masters = crypto.Masters.demo(utility=2)
    c = CardModel(image.personalise(masters, SERIAL, Parameters(METER, CUSTOMER, kind=PURCHASE), count=1, amount_minor=100_00))
    assert meter().insert(c).error == "ERR-32"


def test_a_card_whose_meter_key_is_blocked_is_not_credited() -> None:
    c = card()
    terminal = Terminal(c)
    for _ in range(10):
        terminal.external(4, bytes(16))
    m = meter()
    assert (m.insert(c).error, m.state.balance_micro) == ("ERR-32", 0)


SET = Tariff(tou=(1, 2, 3, 4), limits=(100_00,), adders=(0, 7), settlements=("ff0100",), tier_switch="2607020000")


def with_sets(kind: int, flags: int, **more: object) -> CardModel:
    one = Parameters(METER, CUSTOMER, kind, flags=flags, alarm1_minor=7, alarm2_minor=3, ct=2, pt=3, tou_switch="2607030000")
    standby = msgspec.structs.replace(SET, tou=(5, 6, 7, 8))
    model = CardModel(image.personalise(MASTERS, SERIAL, one, count=1, amount_minor=1, current=SET, standby=standby))
    model.files |= more  # type: ignore[arg-type]
    return model


@pytest.mark.parametrize("bit", range(8))
@pytest.mark.parametrize("kind", [OPEN, PURCHASE, REPLACEMENT])
def test_each_flag_brings_its_own_part_and_only_an_open_card_brings_the_current_ones(kind: int, bit: int) -> None:
    m = meter()
    before = m.snapshot()
    m.insert(with_sets(kind, 1 << bit))
    s, allowed = m.state, kind == OPEN or bit in {1, 3}
    parts = {
        7: ((s.alarm1_minor, s.alarm2_minor, s.ct, s.pt), (before.alarm1_minor, before.alarm2_minor, 1, 1), (7, 3, 2, 3)),
        0: (s.tou[:4], before.tou, (1, 2, 3, 4)),
        1: ((s.tou_standby[:4], s.tou_switch), (before.tou_standby, before.tou_switch), ((5, 6, 7, 8), "2607030000")),
        2: (s.tiers.limits, (), (100_00,)),
        3: ((s.tiers_standby.limits, s.tier_switch), ((), before.tier_switch), ((100_00,), "2607020000")),
    }
    for part, (now, old, new) in parts.items():
        assert now == (new if part == bit and allowed else old)


def test_flags_of_ff_bring_nothing() -> None:
    m = meter()
    before = m.snapshot()
    m.insert(with_sets(OPEN, 0xFF))
    assert (m.state.tou, m.state.tiers, m.state.alarm1_minor) == (before.tou, before.tiers, before.alarm1_minor)


def test_parameters_wait_until_the_return_file_is_empty() -> None:
    m = meter(1)
    c = with_sets(OPEN, 0x8F)
    c.files |= {5: Returned(METER, CUSTOMER, 1).encode()}
    m.insert(c)
    assert (m.state.tou, m.state.alarm1_minor) == ((5000,) * 4, 20_00)
    c.files |= {5: EMPTY}
    m.insert(c)
    assert (m.state.tou[:4], m.state.alarm1_minor) == ((1, 2, 3, 4), 7)


def test_a_damaged_tariff_on_the_card_leaves_the_old_one_and_the_money_counts() -> None:
    c = with_sets(PURCHASE, 0x0A)
    c.files |= {4: b"\xff" * 258}
    m = meter()
    assert m.insert(c).credited_minor == 1
    assert (m.state.tou_standby, m.state.tiers_standby) == ((5000,) * 4, TierSet())


def test_a_meter_lives_on_in_its_file(tmp_path: Path) -> None:
    path = tmp_path / "meter.json"
    image.save(path, meter().state)
    m = MeterModel.open(path)
    m.insert(card())
    m.advance(10, 1)
    assert MeterModel.open(path).state == m.state
    path.write_text(path.read_text().replace('"count": 1', '"count": "x"'))
    with pytest.raises(image.ImageError, match=r"meter\.json is not a meter"):
        MeterModel.open(path)


def test_a_snapshot_brings_a_meter_back() -> None:
    m = meter()
    then = m.snapshot()
    m.insert(card())
    m.restore(then)
    assert (m.state.count, m.state.balance_micro) == (0, 0)
    m.insert(card())
    m.restore(then)
    assert m.state.count == 0


def test_the_wallet_of_the_card_is_never_written_by_the_meter() -> None:
    m, c = meter(), card()
    before = c.files
    m.insert(c)
    assert {n for n in before if before[n] != c.files[n]} == {card_files.RETURNED}
