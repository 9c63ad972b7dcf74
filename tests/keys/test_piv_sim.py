"""The simulated PIV card as foreign tools meet it: commands without Le, and a PIN that its owner changes."""

from kiosk.devices.sim.piv import OK, PivModel

SELECT = "00A4040005A000000308"
CHANGE = "0024008010"
OLD, NEW = "313233343536FFFF", "3837363534333231"
VERIFY = "0020008008"


def card() -> PivModel:
    made = PivModel.issue("123456")
    made.insert()
    return made


def says(card: PivModel, apdu: str) -> bytes:
    return card.process(bytes.fromhex(apdu))


def test_a_select_without_le_is_answered_at_once() -> None:
    without, with_le = says(card(), SELECT), says(card(), SELECT + "00")
    assert without == with_le
    assert without[-2:] == OK
    assert without.startswith(bytes((0x61, len(without) - 4)))


def test_what_is_longer_than_a_short_answer_still_waits() -> None:
    here = card()
    says(here, SELECT)
    first = says(here, "00CB3FFF055C035FC105")
    assert first.hex() == "6a82"
    first = says(here, "00CB3FFF055C035FC10B")
    assert (len(first), first[-2]) == (258, 0x61)
    assert says(here, "00C0000000")[-2:] == OK


def test_its_pin_is_changed_by_whoever_knows_it_and_each_wrong_try_counts() -> None:
    here = card()
    says(here, SELECT)
    assert says(here, CHANGE + NEW + NEW).hex() == "63c2"
    assert says(here, CHANGE + OLD + "3132333435FFFFFF").hex() == "6a80", "five digits are too few"
    assert says(here, CHANGE + OLD + "41424344454647FF").hex() == "6a80", "letters are no digits"
    assert says(here, "0024008110" + OLD + NEW).hex() == "6a88"
    assert says(here, CHANGE + OLD + NEW) == OK
    assert says(here, VERIFY + OLD).hex() == "63c2"
    assert says(here, VERIFY + NEW) == OK
    for _ in range(3):
        last = says(here, CHANGE + OLD + NEW)
    assert last.hex() == "6983"
    assert says(here, CHANGE + NEW + OLD).hex() == "6983"


def test_a_change_unlocks_no_signature() -> None:
    here = card()
    says(here, SELECT)
    assert says(here, CHANGE + OLD + NEW) == OK
    assert says(here, "0087119C267C2482008120" + "00" * 32).hex() == "6982"
