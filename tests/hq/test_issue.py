"""A card from the head office: what is on it, what left the vault for it, and that no pull and no kill leaves it between two lives."""

from pathlib import Path

import msgspec
import pytest

from kiosk.devices.card.apdu import CardError
from kiosk.devices.sim import image
from kiosk.devices.sim.card import CardModel
from kiosk.devices.sim.card_files import Parameters
from kiosk.devices.sim.crypto import Masters
from kiosk.devices.sim.faults import NONE, Cut, Faults
from kiosk.devices.sim.meter import MeterModel
from kiosk.devices.vault.demo import DemoVault
from kiosk.devices.vault.hq import Left
from kiosk.devices.vault.suite import Keyring
from kiosk.hq.cards import issue
from kiosk.hq.cards.issue import IssueError
from kiosk.hq.cards.layout import Opening
from kiosk.hq.cards.registry import Bound
from kiosk.vend.card.reading import Word
from tests.card.kit import PROFILE, Bay
from tests.hq.kit import CUSTOMER, METER, NOW_MS, ORDER, SERIAL, Counter, Killed, blank
from tests.sim_card.kit import meter

OWN = Parameters(METER, CUSTOMER, flags=0x8D, alarm1_minor=20_00, alarm2_minor=5_00)
WRITTEN = image.personalise(Masters.demo(), bytes.fromhex(SERIAL), OWN)  # by the simulator's own hand, from the same tables


@pytest.fixture
def counter(tmp_path: Path) -> Counter:
    return Counter(tmp_path)


def as_issued(card: CardModel) -> image.CardImage:
    """The card, but for the command file, which the office leaves as it was delivered."""
    made = card.image()
    return msgspec.structs.replace(made, files=made.files | {"06": WRITTEN.files["06"]})


def test_a_blank_becomes_the_card_that_the_tables_describe(counter: Counter) -> None:
    card = blank()
    opened = counter.open(card)
    assert as_issued(card) == WRITTEN
    assert (opened.before, opened.binding.state, opened.binding.card) == (False, "issued", SERIAL)
    assert (opened.binding.customer, opened.binding.meter) == (CUSTOMER, METER)


def test_a_kiosk_sells_to_it_and_its_meter_opens_with_it(counter: Counter) -> None:
    card = blank()
    counter.open(card)
    reading = Bay(card.image(), DemoVault()).session.read()
    assert reading.authentic
    assert PROFILE.judge(reading, None, 0).word is Word.READY
    house: MeterModel = meter(opened=False)
    card.insert()
    assert house.insert(card).error == ""


@pytest.mark.covers("rule-22")
def test_its_keys_left_the_vault_once_and_that_was_written_down_before(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    made = counter.vault.keyring

    def watched(version: int, region: int) -> Keyring:
        seen.append(len(counter.registry.left(SERIAL)))
        return made(version, region)

    monkeypatch.setattr(counter.vault, "keyring", watched)
    counter.open(blank())
    assert seen == [1], "the row stands when the first key is made"
    assert counter.registry.left(SERIAL) == [(NOW_MS, Left("card", 1, 1, 1, SERIAL, METER, generations=(1, 2, 3)))]


def test_no_witness_no_key(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: Left) -> None:
        raise OSError("the disk is full")

    card, before = blank(), blank().image()
    monkeypatch.setattr(counter.registry, "witness", fails)
    with pytest.raises(OSError, match="full"):
        counter.open(card)
    assert card.image() == before


def half_cards(counter: Counter) -> int:
    """How many commands an undisturbed opening has."""
    counter.open(blank("00000000000000aa"), Opening("000000000001", "000000000001"))
    return len(counter.sent)


@pytest.mark.parametrize("after", [False, True])
def test_pulled_at_any_command_the_same_call_ends_it(counter: Counter, after: bool) -> None:
    for moment in range(half_cards(counter)):
        serial, number = f"{moment:016x}", f"{100 + moment:012}"
        card, order = blank(serial), Opening(number, number)
        card.arm(Faults(cut=Cut(apdu=moment, after=after)))
        with pytest.raises((CardError, IssueError)):
            counter.open(card, order)
        card.arm(NONE)
        assert half_says(card) in {"blank", "half", "whole"}
        opened = counter.open(card, order)
        assert opened.binding.state == "issued"
        assert as_issued(card) == image.personalise(
            Masters.demo(), bytes.fromhex(serial), msgspec.structs.replace(OWN, meter=number, customer=number)
        )


def test_killed_at_any_command_the_same_call_ends_it(counter: Counter) -> None:
    for moment in range(half_cards(counter)):
        serial, number = f"{moment:016x}", f"{100 + moment:012}"
        card, order = blank(serial), Opening(number, number)

        def at(sent: int, moment: int = moment) -> None:
            if sent == moment:
                raise Killed

        with pytest.raises(Killed):
            counter.open(card, order, before=at)
        assert counter.open(card, order).binding.state == "issued"
        assert half_says(card) == "whole"


@pytest.mark.parametrize("rest", ["old", "zero", "ff", "random"])
def test_torn_inside_any_write_the_same_call_ends_it(counter: Counter, rest: str) -> None:
    for update in range(7):
        serial, number = f"{update:016x}", f"{100 + update:012}"
        card, order = blank(serial), Opening(number, number)
        card.arm(Faults(cut=Cut(update=update, byte=7, rest=rest)))  # type: ignore[arg-type]
        with pytest.raises(CardError):
            counter.open(card, order)
        card.arm(NONE)
        counter.open(card, order)
        assert half_says(card) == "whole"


def half_says(card: CardModel) -> str:
    """How a kiosk takes the card: never for one that may buy, unless it is whole."""
    bay = Bay(card.image(), DemoVault())
    try:
        reading = bay.session.read()
    except CardError as error:
        return "blank" if card.image().keys.transport else "half" if error.why == "unissued" else error.why
    return "whole" if reading.authentic and PROFILE.judge(reading, None, 0).word is Word.READY else "torn"


def test_a_finished_card_is_never_written_again_even_if_the_office_died_before_it_knew(counter: Counter) -> None:
    card = blank()
    counter.open(card)
    used = msgspec.structs.replace(card.image(), files=card.image().files | {"02": "0000271000000001"})
    with counter.registry._session() as session:
        session.connection().exec_driver_sql("UPDATE binding SET state = 'begun'")
    again = CardModel(used)
    assert counter.open(again).before
    assert again.image() == used
    broken = CardModel(msgspec.structs.replace(used, files=used.files | {"01": used.files["01"][:-4] + "ff16"}))
    with counter.registry._session() as session:
        session.connection().exec_driver_sql("UPDATE binding SET state = 'begun'")
    with pytest.raises(IssueError, match="used since"):
        counter.open(broken)
    assert broken.files[2] == bytes.fromhex("0000271000000001")


def test_an_issued_card_is_not_opened_again(counter: Counter) -> None:
    card = blank()
    counter.open(card)
    with pytest.raises(Bound, match=f"^This card is bound already: card {SERIAL}, customer {CUSTOMER}, meter {METER}.$"):
        counter.open(card)


def test_a_half_card_is_finished_for_whom_it_was_begun(counter: Counter) -> None:
    card = blank()
    card.arm(Faults(cut=Cut(apdu=20)))
    with pytest.raises(CardError):
        counter.open(card)
    card.arm(NONE)
    with pytest.raises(Bound, match="begun and not finished"):
        counter.open(card, Opening("000000000777", METER))
    counter.open(card)


def test_a_card_of_another_desk_is_left_alone(counter: Counter, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    card = blank()
    Counter(tmp_path / "other").open(card)
    before = card.image()
    with pytest.raises(IssueError, match="belongs to the desk"):
        counter.open(card)
    assert (card.image(), counter.registry.left(SERIAL)) == (before, [])


def test_a_wrong_transport_key_is_tried_once_a_call_and_never_with_the_last_three(counter: Counter) -> None:
    card = blank(transport=bytes(16))
    left = []
    for _ in range(12):
        with pytest.raises(IssueError):
            counter.open(card)
        left.append(card.tries["admin"])
    assert left == [9, 8, 7, 6, 5, 4, 3, 3, 3, 3, 3, 3]
    with pytest.raises(IssueError, match="3 tries left"):
        counter.open(card, transport=bytes(16))


@pytest.mark.parametrize("fault", [Faults(not_stored=True), Faults(wrong_mac=True)])
def test_a_card_that_does_not_store_or_does_not_prove_itself_is_not_handed_out(counter: Counter, fault: Faults) -> None:
    card = blank()
    card.arm(fault)
    with pytest.raises((IssueError, CardError)):
        counter.open(card)
    held = counter.registry.of_card(SERIAL)
    assert held is not None
    assert held.state == "begun"


def test_what_says_nothing_of_its_keys_cannot_be_opened(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issue, "TAG_KEYS", 0xE1)
    with pytest.raises(IssueError, match="which keys"):
        counter.open(blank())
    assert counter.registry.of_card(SERIAL) is None


def test_the_sums_on_the_card_are_those_that_were_ordered(counter: Counter) -> None:
    card = blank()
    counter.open(card, Opening(CUSTOMER, METER, alarm1_minor=123_45, alarm2_minor=1, price=5800))
    one = Parameters.decode(card.files[1])
    assert (one.alarm1_minor, one.alarm2_minor, card.files[3][4:8].hex()) == (123_45, 1, "00005800")
    assert ORDER.price == 5000
