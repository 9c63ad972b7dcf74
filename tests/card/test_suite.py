"""Keys are derived and MACs are made as NIST, NXP and an independent program make them."""

import json
from pathlib import Path

import pytest

from kiosk.devices.vault.demo import DemoVault, demo_master
from kiosk.devices.vault.suite import Aes128, Keyring, PlainMaster, Role, cmac, role_byte

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "aes_cmac.json").read_text())
CARD = VECTORS["kiosk"]
SERIAL = bytes.fromhex(CARD["serial"])


@pytest.mark.parametrize("row", VECTORS["cmac"], ids=lambda row: f"{len(row['key']) * 4}-{len(row['message']) // 2}")
def test_cmac_is_nists(row: dict[str, str]) -> None:
    assert cmac(bytes.fromhex(row["key"]), bytes.fromhex(row["message"])).hex() == row["mac"]


@pytest.mark.parametrize("row", VECTORS["diversification"])
def test_keys_are_diversified_as_an10922_does(row: dict[str, str]) -> None:
    assert PlainMaster(bytes.fromhex(row["key"])).cmacs([b"\x01" + bytes.fromhex(row["message"])])[0].hex() == row["mac"]


@pytest.mark.parametrize("role", ["kiosk", "auth", "tag"])
def test_anyone_can_compute_the_demo_masters(role: str) -> None:
    assert demo_master(Role[role.upper()], 1, 1).hex() == VECTORS["demo_masters"][role]


def test_the_vault_answers_what_openssl_computes() -> None:
    vault = DemoVault(CARD["utility"], CARD["region"])
    external, update, reading, tag = CARD["external"], CARD["update"], CARD["reading"], CARD["tag"]
    assert vault.card_cryptogram(SERIAL, external["generation"], bytes.fromhex(external["challenge"])).hex() == external["cryptogram"]
    assert vault.card_mac(SERIAL, update["generation"], bytes.fromhex(update["message"])).hex() == update["mac"]
    assert vault.check_reading(SERIAL, bytes.fromhex(reading["message"]), bytes.fromhex(reading["mac"]))
    assert vault.tag(CARD["meter"], tag["n"], tag["amount_minor"], bytes.fromhex(tag["salt"])).hex() == tag["tag"]


def test_one_changed_bit_of_a_reading_is_not_believed() -> None:
    vault, mac = DemoVault(), bytes.fromhex(CARD["reading"]["mac"])
    message = bytearray.fromhex(CARD["reading"]["message"])
    for bit in range(len(message) * 8):
        message[bit // 8] ^= 1 << bit % 8
        assert not vault.check_reading(SERIAL, bytes(message), mac)
        message[bit // 8] ^= 1 << bit % 8
    assert not vault.check_reading(SERIAL, bytes(message), mac[:3])


def test_nothing_of_one_utility_or_region_is_accepted_by_another() -> None:
    message = bytes.fromhex(CARD["reading"]["message"])
    mac = bytes.fromhex(CARD["reading"]["mac"])
    assert not DemoVault(2, 1).check_reading(SERIAL, message, mac)
    assert not DemoVault(1, 2).check_reading(SERIAL, message, mac)
    suites = [Aes128(Keyring(utility, lambda _role, _generation: PlainMaster(bytes(16)))) for utility in (1, 2)]
    macs = {suite.mac(role, SERIAL, b"x", 16) for suite in suites for role in Role}
    assert len(macs) == 2 * len(Role)


def test_a_kiosk_keys_generation_stands_in_the_high_nibble_and_wraps_at_sixteen() -> None:
    assert [role_byte(Role.KIOSK, g) for g in (1, 15, 16, 17)] == [0x13, 0xF3, 0x03, 0x13]
    assert role_byte(Role.AUTH, 7) == 2


def test_a_short_serial_or_meter_is_a_programmers_error() -> None:
    with pytest.raises(ValueError, match="8 bytes"):
        DemoVault().card_mac(b"short", 1, b"x")
    with pytest.raises(ValueError, match="12 digits"):
        DemoVault().tag("123", 1, 1, b"\0\1")
