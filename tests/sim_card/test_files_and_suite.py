"""What the office writes on a card is what the published layout says, byte for byte, and its MACs are NIST's."""

import json
from pathlib import Path

import pytest

from kiosk.devices.sim import crypto
from kiosk.devices.sim.card_files import BadFile, Parameters, Returned, Tariff, is_empty, wallet
from tests.sim_card.kit import CUSTOMER, METER, OTHER_SERIAL, SERIAL

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "aes_cmac.json").read_text())
OPEN_FILE = "68010027008F00000000260701000000000020000000050000000100000100001234567800009876543201B516"
PURCHASE_FILE = "68010027000000000000000000000000000000000000000000000000000000001234567800009876543202D216"
RETURNED_FILE = "6811002B0000000100000100001234567800009876543200002A500000000100000000000000000000002607011230D116"
OVERDRAWN_FILE = "6811002B00000001000001000012345678000098765432000000000000000100000315000000000000022608152359C016"


@pytest.mark.parametrize(
    ("made", "published"),
    [
        (Parameters(METER, CUSTOMER, 1, flags=0x8F, tou_switch="2607010000", alarm1_minor=2000, alarm2_minor=500), OPEN_FILE),
        (Parameters(METER, CUSTOMER, 2, ct=0, pt=0), PURCHASE_FILE),
        (Returned(METER, CUSTOMER, 1, remaining_minor=10832, time="2607011230"), RETURNED_FILE),
        (Returned(METER, CUSTOMER, 1, overdraft_minor=315, illegal=2, time="2608152359"), OVERDRAWN_FILE),
    ],
)
def test_frames_are_the_published_ones(made: Parameters | Returned, published: str) -> None:
    assert made.encode().hex().upper() == published
    assert type(made).decode(bytes.fromhex(published)) == made


def test_wallets_are_the_published_ones() -> None:
    assert wallet(10000, 1).hex() == "0000271000000001"
    assert wallet(25050, 7).hex() == "000061da00000007"


def test_the_tariff_of_zhejiang_has_the_published_bytes_and_checksum() -> None:
    tariff = Tariff(tou=(7000, 5680, 5680, 2880), limits=(276000, 480000), adders=(0, 500, 3000))
    raw = tariff.encode()
    assert len(raw) == 258
    assert raw[:4].hex() == "680100fc"
    assert raw[4:20].hex() == "00007000000056800000568000002880"
    assert raw[132:144].hex() == "002760000048000000000000"
    assert raw[156:168].hex() == "000000000000050000003000"
    assert raw[184:196].hex() == "010100" + "ff" * 9
    assert raw[256:].hex() == "be16"
    assert Tariff.decode(raw).encode() == raw


def test_one_changed_byte_of_a_frame_is_no_frame() -> None:
    raw = bytes.fromhex(OPEN_FILE)
    for at in range(len(raw)):
        spoiled = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        with pytest.raises(BadFile):
            Parameters.decode(spoiled)


def test_flags_of_ff_on_an_old_card_mean_none() -> None:
    assert Parameters.decode(Parameters(METER, CUSTOMER, flags=0xFF).encode()).flags == 0


def test_the_meter_takes_a_return_file_for_empty_by_byte_0_and_the_ct_bytes() -> None:
    whole = bytes.fromhex(RETURNED_FILE)
    assert is_empty(bytes(8) + whole[8:])
    assert not is_empty(whole)
    assert not is_empty(b"\0" + whole[1:])
    assert not is_empty(b"\x68" + bytes(48))


@pytest.mark.parametrize("row", [v for v in VECTORS["cmac"] if len(v["key"]) == 32])
def test_the_cards_cmac_is_nists(row: dict[str, str]) -> None:
    assert crypto.Key(bytes.fromhex(row["key"])).cmac(bytes.fromhex(row["message"])).hex() == row["mac"]


@pytest.mark.parametrize("row", VECTORS["diversification"])
def test_the_cards_derivation_has_the_shape_of_an10922(row: dict[str, str]) -> None:
    assert crypto.Key(bytes.fromhex(row["key"])).cmac(b"\x01" + bytes.fromhex(row["message"])).hex() == row["mac"]


def test_the_public_masters_are_what_anybody_computes() -> None:
    masters = crypto.Masters.demo(1, 1)
    assert {role: getattr(masters, role).hex() for role in VECTORS["demo_masters"]} == VECTORS["demo_masters"]


def test_every_card_role_generation_and_utility_has_its_own_key() -> None:
    master = bytes(16)
    roles = [crypto.ADMIN, crypto.AUTH, crypto.METER, crypto.TAG, *(crypto.kiosk_role(g) for g in range(16))]
    keys = {crypto.derive(master, serial, utility, role) for serial in (SERIAL, OTHER_SERIAL) for utility in (1, 2) for role in roles}
    assert len(keys) == 2 * 2 * len(roles)
    assert crypto.kiosk_role(17) == crypto.kiosk_role(1)


def test_no_key_shows_itself_by_accident() -> None:
    key = crypto.Key(bytes(range(16)))
    assert "0001" not in repr(key)
    assert crypto.Masters.demo().kiosk.hex() not in repr(crypto.Masters.demo())
