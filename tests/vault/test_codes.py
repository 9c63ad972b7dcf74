"""Transfer codes in the vault: the design's vector in every kind of it, an answer that is never the MAC, and tries that are counted."""

import json
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import pkcs11
import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap

from kiosk.devices.vault import store, wire
from kiosk.devices.vault.client import VaultClient
from kiosk.devices.vault.demo import DemoVault
from kiosk.devices.vault.file import FileVault
from kiosk.devices.vault.hq import MasterVault, trading, wrap_trading_masters
from kiosk.devices.vault.hsm import TokenVault
from kiosk.devices.vault.purse import OverLimit, Purse, Tries
from kiosk.devices.vault.suite import Aes128, Keyring, Master, NoSuchKey, PlainMaster, Role
from kiosk.devices.vault.trading import TradingVault
from kiosk.vend import code
from kiosk.vend.code import Terms
from kiosk.vend.ports import VaultError, VaultLocked
from tests.vault.kit import LATER_MS, LIMITS, MODULE, PASSPHRASE, PIN, Tokens, a_file_vault, a_set
from tests.vault.test_masters import imported, session  # noqa: F401 - a fixture
from tests.vault.test_purse import load

ROW = json.loads((Path(__file__).parents[1] / "vectors/transfer_code.json").read_text())["codes"][0]
TERMS = msgspec.convert({name: ROW[name] for name in Terms.__struct_fields__}, Terms)
KGEN, MAC = bytes.fromhex(ROW["kgen"]), int(ROW["code"][9:19])
SERIAL = bytes.fromhex(ROW["serial"])


def of_store(kgen: bytes) -> TradingVault:
    """As a kiosk has it: from the masters of a trading store."""
    keys = store.keyring(1, 1, store.Masters({"1/code/7": kgen}))
    return TradingVault([Aes128(keys)], [keys])


def of_master(master: Master) -> TradingVault:
    keys = Keyring(1, lambda _role, _generation: master)
    return TradingVault([Aes128(keys)], [keys])


def holds(vault: TradingVault) -> None:
    """The design's vector, asked as a kiosk asks."""
    assert code.written(TERMS, MAC) == ROW["code"]
    assert vault.check_code(TERMS, MAC).hex() == ROW["salt"]
    assert vault.check_code(TERMS, (MAC + 1) % code.MAC_RANGE) == b""
    assert f"{vault.count_proof(TERMS, MAC, another=False):010}" == ROW["proof_this"]
    assert f"{vault.count_proof(TERMS, MAC, another=True):010}" == ROW["proof_another"]


def test_the_vector_by_a_trading_stores_own_masters() -> None:
    holds(of_store(KGEN))


def test_the_vector_with_a_master_in_this_process() -> None:
    holds(of_master(PlainMaster(KGEN)))


@pytest.mark.hsm
def test_the_vector_inside_a_security_module(session: pkcs11.Session) -> None:  # noqa: F811 - the fixture
    holds(of_master(imported(session, KGEN)))


@pytest.mark.parametrize("kind", ["file", pytest.param("token", marks=pytest.mark.hsm)])
def test_what_an_office_makes_a_kiosk_of_its_region_checks_and_no_other(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    tokens: Tokens | None = request.getfixturevalue("tokens") if kind == "token" else None
    vault: FileVault | TokenVault = TokenVault.create(MODULE, tokens.take(), PIN, 1, a_set()) if tokens else a_file_vault(tmp_path / "v")
    cmac = vault.keyring(1, 1).mac(Role.CODE, 7, SERIAL, code.message(TERMS))
    mac = code.ten_digits(cmac)
    assert trading(vault, 1, LATER_MS).check_code(TERMS, mac) == code.salt(cmac)
    assert trading(vault, 2, LATER_MS).check_code(TERMS, mac) == b""
    carried = _carried(vault, (6, 7, 8))
    assert carried.check_code(TERMS, mac) == code.salt(cmac)
    with pytest.raises(NoSuchKey, match="generation 9"):
        carried.check_code(msgspec.structs.replace(TERMS, generation=9), mac)
    if isinstance(vault, TokenVault):
        vault.close()


def _carried(vault: MasterVault, generations: tuple[int, ...]) -> TradingVault:
    """What a kiosk has after its store was wrapped and opened."""
    kek, told = bytes(32), list[str]()
    wrapped = wrap_trading_masters(
        vault, lambda left: told.append(left.what), region=1, version=1, generations=(1, 2), kiosk="K07", kek=kek, codes=generations
    )
    assert told == ["store", "codes"]
    masters = store.Masters({f"1/{each.role.name.lower()}/{each.generation}": aes_key_unwrap(kek, each.wrapped) for each in wrapped})
    keys = store.keyring(1, 1, masters)
    return TradingVault([Aes128(keys)], [keys])


def test_every_term_is_in_the_mac() -> None:
    vault = of_master(PlainMaster(KGEN))
    others: list[dict[str, Any]] = [
        {"utility": 2}, {"generation": 8}, {"serial": "1122334455667789"}, {"meter": "000012345679"}, {"n": 9}, {"amount_minor": 10001},
        {"currency": 978},
    ]  # fmt: skip
    for change in others:
        assert vault.check_code(msgspec.structs.replace(TERMS, **change), MAC) == b""


def test_a_salt_of_zeros_becomes_one() -> None:
    assert code.salt(bytes(16)) == b"\0\1"
    assert code.salt(b"\xff" * 8 + b"\0\1" + bytes(6)) == b"\0\1"


def test_a_vault_from_before_codes_serves_its_cards_and_says_what_it_lacks(tmp_path: Path) -> None:
    """Five masters a set: its file is not damaged, it only makes no codes."""
    path = tmp_path / "vault.json"
    five: dict[Role, bytes] = {role: bytes((role,)) * 32 for role in Role if role is not Role.CODE}
    FileVault.create(path, PASSPHRASE, 1, a_set(), masters=five, cost=1 << 14)
    vault = FileVault(path, PASSPHRASE)
    assert vault.keyring(1, 1).mac(Role.AUTH, 0, SERIAL, b"x")
    with pytest.raises(NoSuchKey, match="before there were transfer codes"):
        vault.keyring(1, 1).mac(Role.CODE, 7, SERIAL, b"x")


def test_a_set_without_keys_of_codes_makes_none() -> None:
    keys = Keyring(1, lru_cache(lambda _role, _generation: PlainMaster(KGEN)))
    with pytest.raises(NoSuchKey, match="no keys of transfer codes"):
        TradingVault([Aes128(keys)]).check_code(TERMS, MAC)


# ---------------------------------------------------------------- the process


@pytest.fixture
def vault() -> Iterator[VaultClient]:
    client = VaultClient(wire.OpenDemo(utility=1, region=1, limits=LIMITS))
    client.start()
    yield client
    client.lock()


def demo_mac(terms: Terms = TERMS) -> int:
    here = DemoVault()
    return code.ten_digits(here._codes[0].mac(Role.CODE, terms.generation, SERIAL, code.message(terms)))


def test_the_process_answers_what_the_vault_behind_it_does(vault: VaultClient) -> None:
    here, mac = DemoVault(), demo_mac()
    assert vault.check_code(TERMS, mac) == here.check_code(TERMS, mac)
    assert len(vault.check_code(TERMS, mac)) == 2
    for another in (False, True):
        assert vault.count_proof(TERMS, mac, another=another) == here.count_proof(TERMS, mac, another=another)


def test_a_wrong_code_has_no_proof_and_is_counted(vault: VaultClient) -> None:
    wrong = (demo_mac() + 1) % code.MAC_RANGE
    for _ in range(20):
        with pytest.raises(VaultError, match="that is right"):
            vault.count_proof(TERMS, wrong, another=True)
    with pytest.raises(VaultError, match="too many"):
        vault.check_code(TERMS, wrong)


def test_after_twenty_wrong_codes_the_process_checks_none_not_even_a_right_one(vault: VaultClient) -> None:
    mac = demo_mac()
    for step in range(20):
        assert vault.check_code(TERMS, (mac + 1 + step) % code.MAC_RANGE) == b""
    with pytest.raises(VaultError, match="too many wrong"):
        vault.check_code(TERMS, mac)
    assert vault.opened().demo, "it is only codes that wait"


def test_strange_terms_end_the_process() -> None:
    for terms in (msgspec.structs.replace(TERMS, serial="xx"), msgspec.structs.replace(TERMS, amount_minor=10**9)):
        client = VaultClient(wire.OpenDemo(utility=1, region=1, limits=LIMITS))
        client.start()
        with pytest.raises(VaultLocked):
            client.check_code(terms, 1)
        client.lock()


class Clock:
    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        return self.s


def test_slower_never_closed() -> None:
    clock = Clock()
    tries = Tries(clock)
    for _ in range(20):
        tries.allowed()
        tries.wrong()
    with pytest.raises(OverLimit):
        tries.allowed()
    for _ in range(30):
        clock.s += 600
        tries.allowed()
        tries.wrong()
        with pytest.raises(OverLimit):
            tries.allowed()
    clock.s += 86_400
    for _ in range(20):
        tries.allowed()
        tries.wrong()


def test_just_a_right_codes_amount_in_just_its_slot_is_not_counted_against_the_float() -> None:
    purse = Purse(msgspec.structs.replace(LIMITS, granted_minor=50_00))
    purse.coded(SERIAL, 8, 100_00)
    purse.spend(SERIAL, load(100_00, 8))
    purse.spend(SERIAL, load(100_00, 8))
    assert purse.spent_minor == 0
    for amount_minor, n in ((100_01, 8), (100_00, 9)):
        with pytest.raises(OverLimit):
            purse.spend(SERIAL, load(amount_minor, n))
    with pytest.raises(OverLimit):
        purse.spend(b"\x99" * 8, load(100_00, 8))
