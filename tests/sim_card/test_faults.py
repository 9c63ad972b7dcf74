"""A card that is pulled, silent, forgetful or forged, and its image that outlives every one of these."""

import json
from pathlib import Path

import msgspec
import pytest

from kiosk.devices.sim import card_files, crypto, faults, image
from kiosk.devices.sim.card import CardModel
from kiosk.devices.sim.faults import CardPulled
from tests.sim_card.kit import CUSTOMER, KIOSK_1, KIOSK_2, METER, SERIAL, Terminal, card, key_of

OLD, NEW = card_files.wallet(100_00, 1), card_files.wallet(250_50, 2)
READ_WALLET = "00b0820008"


def proved(model: CardModel, ref: int = KIOSK_1) -> Terminal:
    terminal = Terminal(model)
    assert terminal.prove(ref) == "9000"
    return terminal


def arm(model: CardModel, **words: object) -> None:
    model.arm(faults.from_json(words))


@pytest.mark.parametrize(("after", "wallet"), [(False, OLD), (True, NEW)])
def test_pulled_before_or_after_the_update_of_the_wallet(after: bool, wallet: bytes) -> None:
    terminal = proved(card())
    arm(terminal.card, cut={"update": 0, "after": after})
    with pytest.raises(CardPulled):
        terminal.update(KIOSK_1, 2, 0, NEW)
    assert terminal.card.files[2] == wallet


@pytest.mark.parametrize("k", range(9))
@pytest.mark.parametrize("rest", ["old", "zero", "ff", "random"])
def test_pulled_after_k_bytes_of_the_wallet(k: int, rest: str) -> None:
    terminal = proved(card())
    arm(terminal.card, cut={"update": 0, "byte": k, "rest": rest, "seed": 5})
    with pytest.raises(CardPulled):
        terminal.update(KIOSK_1, 2, 0, NEW)
    torn = terminal.card.files[2]
    assert torn[:k] == NEW[:k]
    tails = {"old": OLD[k:], "zero": bytes(8 - k), "ff": b"\xff" * (8 - k)}
    if rest in tails:
        assert torn[k:] == tails[rest]
    else:
        assert len(torn) == 8


def test_the_same_seed_tears_the_same_way() -> None:
    torn = []
    for seed in (1, 1, 2):
        terminal = proved(card())
        arm(terminal.card, cut={"update": 0, "byte": 0, "rest": "random", "seed": seed})
        with pytest.raises(CardPulled):
            terminal.update(KIOSK_1, 2, 0, NEW)
        torn.append(terminal.card.files[2])
    assert torn[0] == torn[1] != torn[2]


@pytest.mark.parametrize(("k", "wallet"), [(0, OLD), (7, OLD), (8, NEW)])
def test_a_card_whose_updates_are_atomic_does_not_tear_inside(k: int, wallet: bytes) -> None:
    one = card().image()
    one.torn = "apdu"
    terminal = proved(CardModel(one))
    arm(terminal.card, cut={"update": 0, "byte": k, "rest": "ff"})
    with pytest.raises(CardPulled):
        terminal.update(KIOSK_1, 2, 0, NEW)
    assert terminal.card.files[2] == wallet


def test_a_tear_touches_nothing_beside_the_bytes_that_were_written() -> None:
    terminal = proved(card())
    before = terminal.card.files
    arm(terminal.card, cut={"update": 0, "byte": 1, "rest": "ff"})
    with pytest.raises(CardPulled):
        terminal.update(KIOSK_1, 1, 5, bytes(11))
    after = terminal.card.files
    assert {n for n in before if before[n] != after[n]} == {1}
    assert after[1][:5] + after[1][16:] == before[1][:5] + before[1][16:]


@pytest.mark.parametrize("at", range(4))
def test_pulled_at_the_command_that_was_named_counted_from_arming(at: int) -> None:
    terminal = Terminal(card())
    arm(terminal.card, cut={"apdu": at})
    for _ in range(at):
        assert terminal.send(READ_WALLET).endswith("9000")
    with pytest.raises(CardPulled):
        terminal.send(READ_WALLET)


def test_a_command_number_can_tear_a_write_inside() -> None:
    terminal = proved(card())
    arm(terminal.card, cut={"apdu": 1, "byte": 4})  # 0 is the challenge
    with pytest.raises(CardPulled):
        terminal.update(KIOSK_1, 2, 0, NEW)
    assert terminal.card.files[2] == NEW[:4] + OLD[4:]


def test_the_second_update_is_the_one_that_tears() -> None:
    terminal = proved(card())
    arm(terminal.card, cut={"update": 1})
    assert terminal.update(KIOSK_1, 2, 0, NEW) == "9000"
    with pytest.raises(CardPulled):
        terminal.update(KIOSK_1, 2, 0, OLD)
    assert terminal.card.files[2] == NEW


def test_a_pulled_card_answers_nothing_and_has_forgotten_who_proved_himself() -> None:
    terminal = proved(card())
    terminal.card.pull()
    with pytest.raises(CardPulled):
        terminal.send(READ_WALLET)
    with pytest.raises(CardPulled):
        terminal.card.reset()
    terminal.card.insert()
    terminal.send("00a4000002df01")
    assert terminal.update(KIOSK_1, 2, 0, NEW) == "6982"


def test_a_cut_happens_once() -> None:
    terminal = Terminal(card())
    arm(terminal.card, cut={"apdu": 0})
    with pytest.raises(CardPulled):
        terminal.send(READ_WALLET)
    assert terminal.card.faults == faults.NONE
    assert Terminal(terminal.card).send(READ_WALLET).endswith("9000")


def test_a_torn_write_under_a_newer_key_has_raised_the_minimum_already() -> None:
    terminal = proved(card(), KIOSK_2)
    arm(terminal.card, cut={"update": 0, "byte": 0})
    with pytest.raises(CardPulled):
        terminal.update(KIOSK_2, 2, 0, NEW)
    assert terminal.card.min_generation == 2


def test_an_answer_is_lost_but_the_write_is_done() -> None:
    terminal = proved(card())
    arm(terminal.card, lose_answer={"apdu": 1})
    assert terminal.update(KIOSK_1, 2, 0, NEW) == ""
    assert terminal.card.files[2] == NEW
    assert terminal.send(READ_WALLET).endswith("9000")


def test_a_card_says_9000_and_does_not_store() -> None:
    terminal = proved(card())
    arm(terminal.card, not_stored=True)
    assert terminal.update(KIOSK_1, 2, 0, NEW) == "9000"
    assert terminal.send(READ_WALLET) == OLD.hex() + "9000"


def test_a_shim_changes_plain_readings_and_cannot_change_proved_ones() -> None:
    terminal = Terminal(card())
    arm(terminal.card, alter_plain={"file": 2, "offset": 0, "data": "000f4240"})
    assert terminal.send(READ_WALLET) == "000f4240000000019000"
    assert terminal.send("00b0820204") == "4240" + "00009000"
    assert terminal.send("00b0810004") == "680100279000"
    terminal.send("04b0820009" + "00" * 8 + "08")
    assert terminal.send("00c000000c").startswith(OLD.hex())


def test_a_card_whose_proofs_are_wrong() -> None:
    terminal = Terminal(card())
    arm(terminal.card, wrong_mac=True)
    right = crypto.Key(key_of(crypto.AUTH)).cmac(b"I" + bytes(8))[:8].hex() + "9000"
    terminal.send("0088000108" + "00" * 8)
    assert terminal.send("00c0000008") != right
    arm(terminal.card)
    terminal.send("0088000108" + "00" * 8)
    assert terminal.send("00c0000008") == right


def test_a_clone_has_every_file_and_no_key() -> None:
    original = card()
    copy = original.copy()
    arm(copy, clone=True)
    assert copy.files == original.files
    assert copy.atr == original.atr
    terminal = Terminal(copy)
    assert terminal.prove(KIOSK_1) == "63c9"
    terminal.send("0088000108" + "00" * 8)
    assert terminal.send("00c0000008") != crypto.Key(key_of(crypto.AUTH)).cmac(b"I" + bytes(8))[:8].hex() + "9000"


def test_an_older_copy_of_a_card_has_older_counts_and_whole_files() -> None:
    model = card(count=7, taken=7)
    arm(model, stale_count=2)
    assert int.from_bytes(model.files[2][4:], "big") == 5
    assert card_files.Returned.decode(model.files[5]).count == 5
    assert Terminal(model).prove(KIOSK_1) == "9000"


@pytest.mark.parametrize(
    "words",
    [
        {"cut": {}},
        {"cut": {"apdu": 1, "update": 1}},
        {"cut": {"apdu": "x"}},
        {"cut": {"apdu": 0, "rest": "bits"}},
        {"alter_plain": {"file": 2, "offset": 0, "data": "xy"}},
        {"drop": True},
        [],
        "cut",
    ],
)
def test_a_fault_that_is_not_understood_is_refused_in_a_sentence(words: object) -> None:
    with pytest.raises(ValueError, match=r"\w+"):
        faults.from_json(words)


# ---------------------------------------------------------------- state and file


def test_a_snapshot_brings_memory_and_session_back() -> None:
    terminal = proved(card())
    then = terminal.card.snapshot()
    terminal.update(KIOSK_1, 2, 0, NEW)
    terminal.external(KIOSK_1, bytes(16))
    terminal.card.pull()
    terminal.card.restore(then)
    assert terminal.card.files[2] == OLD
    assert terminal.card.tries["kiosk.1"] == image.TRIES
    assert terminal.update(KIOSK_1, 2, 0, NEW) == "9000"


def test_a_copy_lives_its_own_life() -> None:
    terminal = proved(card())
    copy = terminal.card.copy()
    terminal.update(KIOSK_1, 2, 0, NEW)
    assert copy.files[2] == OLD
    assert Terminal(copy).prove(KIOSK_1) == "9000"


def test_every_update_and_every_lost_try_is_in_the_file_before_the_answer(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    image.save(path, card().image())
    terminal = proved(CardModel.open(path), KIOSK_2)
    terminal.update(KIOSK_2, 2, 0, NEW)
    assert json.loads(path.read_text())["files"]["02"] == NEW.hex()
    assert CardModel.open(path).min_generation == 2
    terminal.external(KIOSK_2, bytes(16))
    assert CardModel.open(path).tries["kiosk.2"] == 9
    assert [p.name for p in tmp_path.iterdir()] == ["card.json"]


def test_a_torn_write_is_in_the_file_too(tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    image.save(path, card().image())
    terminal = proved(CardModel.open(path))
    arm(terminal.card, cut={"update": 0, "byte": 3})
    with pytest.raises(CardPulled):
        terminal.update(KIOSK_1, 2, 0, NEW)
    assert CardModel.open(path).files[2] == NEW[:3] + OLD[3:]


def test_an_image_has_the_documented_form() -> None:
    one = json.loads(json.dumps(msgspec.to_builtins(card().image())))
    names = ["v", "profile", "serial", "atr", "utility", "suite", "keys", "min_generation", "tries", "files", "torn", "region"]
    assert sorted(one) == sorted(names)
    assert sorted(one["keys"]) == ["admin", "auth", "kiosk", "meterkey"]
    assert list(one["keys"]["kiosk"]) == ["1", "2", "3"]
    assert {n: len(raw) // 2 for n, raw in one["files"].items()} == {"01": 45, "02": 8, "03": 258, "04": 258, "05": 49, "06": 50}


def test_a_new_card_is_an_open_card_with_nothing_on_it() -> None:
    model = CardModel(image.personalise(crypto.Masters.demo(), SERIAL, card_files.Parameters(METER, CUSTOMER)))
    assert card_files.Parameters.decode(model.files[1]).kind == card_files.OPEN
    assert model.files[2] == bytes(8)
    assert card_files.is_empty(model.files[5])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda one: one.pop("serial"),
        lambda one: one.update(v=2),
        lambda one: one.update(suite="sm1"),
        lambda one: one.update(serial="11"),
        lambda one: one.update(atr="zz"),
        lambda one: one.update(extra=1),
        lambda one: one["files"].pop("05"),
        lambda one: one["files"].update({"02": "0011"}),
        lambda one: one["files"].update({"02": "zz" * 8}),
        lambda one: one["keys"].update(admin="00"),
        lambda one: one["keys"].update(kiosk={}),
        lambda one: one["keys"].update(kiosk={"x": "00" * 16}),
        lambda one: one["tries"].update(admin=-1),
        lambda one: one["tries"].update(admin=11),
    ],
)
def test_a_damaged_image_is_one_sentence(tmp_path: Path, spoil: object) -> None:
    one = msgspec.to_builtins(card().image())
    assert callable(spoil)
    spoil(one)
    path = tmp_path / "card.json"
    path.write_text(json.dumps(one))
    with pytest.raises(image.ImageError, match=r"card\.json") as caught:
        CardModel.open(path)
    assert key_of(KIOSK_1).hex() not in str(caught.value)


def test_an_image_that_is_not_there_or_no_json_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(image.ImageError, match="No such file"):
        CardModel.open(tmp_path / "none.json")
    (tmp_path / "x.json").write_bytes(b"\xff\xfe{")
    with pytest.raises(image.ImageError, match="not a card image"):
        CardModel.open(tmp_path / "x.json")
