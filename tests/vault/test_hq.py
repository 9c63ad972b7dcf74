"""What leaves a vault, from both kinds alike: one card's keys, one meter's, masters wrapped for a store; each is written down first."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap
from pkcs11 import Attribute, KeyType, ObjectClass

from kiosk.devices.vault import hq, hsm
from kiosk.devices.vault.file import FileVault
from kiosk.devices.vault.hq import CardKeys, Left, MasterVault
from kiosk.devices.vault.hsm import TokenVault, owned
from kiosk.devices.vault.keyset import DAY_MS, next_set, working_data
from kiosk.devices.vault.suite import Aes128, Keyring, NoSuchKey, PlainMaster, Role, cmac, derivation_tail, meter_diversifier
from tests.vault.kit import KNOWN, LATER_MS, METER, MODULE, NOW_MS, PASSPHRASE, PIN, SERIAL, a_file_vault, a_set

KEK = bytes(range(32))
MakeVault = Callable[[int], MasterVault]


def known_token(label: str, utility: int) -> TokenVault:
    """A token whose masters a test brought in itself, so that both kinds can be compared."""
    vault = TokenVault.create(MODULE, label, PIN, utility, a_set())

    def swap() -> None:
        for role, value in KNOWN.items():
            label = hsm._label(utility, 1, role)
            hsm._objects(vault._session, label)[0].destroy()
            key = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.KEY_TYPE: KeyType.AES, Attribute.VALUE: value, Attribute.LABEL: label}
            rights = {Attribute.SIGN: True, Attribute.DERIVE: True, Attribute.TOKEN: True, Attribute.SENSITIVE: True}
            vault._masters[1][role] = hsm.TokenMaster(vault._session.create_object(key | rights | {Attribute.EXTRACTABLE: False}))

    owned(swap)
    return vault


@pytest.fixture(params=["file", pytest.param("token", marks=pytest.mark.hsm)])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeVault]:
    opened: list[TokenVault] = []

    def vault(utility: int) -> MasterVault:
        if request.param == "file":
            return a_file_vault(tmp_path / f"u{utility}.json", utility, KNOWN)
        opened.append(known_token(request.getfixturevalue("tokens").take(), utility))
        return opened[-1]

    yield vault
    for each in opened:
        each.close()


def card_keys(vault: MasterVault, witness: Callable[[Left], None], region: int = 7, **changes: int) -> CardKeys:
    order = {"generation": 1, "now_ms": NOW_MS, "version": 1} | changes
    return hq.export_card_keys_for_personalisation(vault, witness, region=region, serial=SERIAL, meter=METER, **order)


def by_hand(role: Role, generation: int, diversifier: bytes) -> bytes:
    """The two derivations, as docs/vault.md writes them, for utility 1, region 7, set 1."""
    working = cmac(KNOWN[role], working_data(1, 7, 1, role, generation))
    return cmac(working, b"\x01" + diversifier + derivation_tail(1, role, generation))


def test_a_cards_keys_are_those_of_the_page_in_both_kinds(make: MakeVault) -> None:
    told: list[Left] = []
    keys = card_keys(make(1), told.append)
    assert keys.admin == by_hand(Role.ADMIN, 0, SERIAL)
    assert keys.auth == by_hand(Role.AUTH, 0, SERIAL)
    assert keys.kiosk == {number: by_hand(Role.KIOSK, number, SERIAL) for number in (1, 2, 3)}
    assert keys.meterkey == by_hand(Role.METER, 0, meter_diversifier(METER))
    assert told == [Left("card", 1, 7, 1, SERIAL.hex(), METER, generations=(1, 2, 3))]


def test_the_meter_that_is_mounted_gets_the_key_that_is_on_its_card(make: MakeVault) -> None:
    vault, told = make(1), list[Left]()
    assert hq.export_meter_key_for_mounting(vault, told.append, region=7, meter=METER, version=1) == card_keys(vault, told.append).meterkey
    assert told[0] == Left("meter", 1, 7, 1, meter=METER)


def test_nothing_leaves_when_the_witness_cannot_write_it_down(make: MakeVault) -> None:
    class Unwritten(Exception):
        pass

    def witness(_left: Left) -> None:
        raise Unwritten

    vault = make(1)
    with pytest.raises(Unwritten):
        card_keys(vault, witness)
    with pytest.raises(Unwritten):
        hq.export_meter_key_for_mounting(vault, witness, region=7, meter=METER, version=1)
    with pytest.raises(Unwritten):
        hq.wrap_trading_masters(vault, witness, region=7, version=1, generations=(1,), kiosk="K07", kek=KEK)


def test_a_set_issues_cards_from_its_beginning_until_its_end(make: MakeVault) -> None:
    vault = make(1)
    until_ms = vault.sets[0].issued_until_ms
    card_keys(vault, lambda _: None, now_ms=until_ms - 1)
    for wrong in ({"now_ms": until_ms}, {"now_ms": NOW_MS - 1}, {"version": 2}, {"generation": 2}, {"generation": 0}):
        told: list[Left] = []
        with pytest.raises(NoSuchKey):
            card_keys(vault, told.append, **wrong)
        assert told == []


def test_a_store_gets_masters_of_its_region_and_generations_and_can_make_nothing_else(make: MakeVault) -> None:
    vault = make(1)
    wrapped = hq.wrap_trading_masters(vault, lambda _: None, region=7, version=1, generations=(1, 2), kiosk="K07", kek=KEK)
    masters = {(each.role, each.generation): aes_key_unwrap(KEK, each.wrapped) for each in wrapped}
    assert set(masters) == {(Role.AUTH, 0), (Role.TAG, 0), (Role.KIOSK, 1), (Role.KIOSK, 2)}
    store = Keyring(1, lambda role, generation: PlainMaster(masters[role, generation]))
    for (role, generation), master in masters.items():
        assert store.mac(role, generation, SERIAL, b"x") == vault.keyring(1, 7).mac(role, generation, SERIAL, b"x")
        assert master not in {cmac(other, b"") for other in masters.values()}
    assert len(set(masters.values())) == 4


def test_a_store_is_wrapped_under_a_whole_key(make: MakeVault) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        hq.wrap_trading_masters(make(1), lambda _: None, region=7, version=1, generations=(1,), kiosk="K07", kek=bytes(16))


def test_nothing_of_one_utility_region_version_role_or_generation_is_worth_anything_in_another(make: MakeVault) -> None:
    """The two utilities have, of all things, the same masters: derivation alone keeps them apart."""
    one, other = make(1), make(2)
    macs = [
        vault.keyring(1, region).mac(role, generation, SERIAL, b"x")
        for vault in (one, other)
        for region in (1, 2)
        for role in Role
        for generation in ((1, 2, 3) if role is Role.KIOSK else (0,))
    ]
    assert len(set(macs)) == len(macs)
    reading = b"R" + bytes(30)
    mine, theirs = (hq.trading(vault, 1, NOW_MS) for vault in (one, other))
    mac = one.keyring(1, 1).mac(Role.AUTH, 0, SERIAL, reading)[:4]
    assert mine.check_reading(SERIAL, reading, mac)
    assert not theirs.check_reading(SERIAL, reading, mac)
    assert mine.tag(METER, 8, 10_000, b"\0\1") != theirs.tag(METER, 8, 10_000, b"\0\1")


def test_generation_17_is_not_generation_1_again(make: MakeVault) -> None:
    """The card's reference has four bits; the masters do not repeat."""
    data = {working_data(1, 7, 1, Role.KIOSK, generation) for generation in (1, 17)}
    assert len(data) == 2
    with pytest.raises(NoSuchKey):
        make(1).keyring(1, 7).mac(Role.KIOSK, 17, SERIAL, b"x")


def test_cards_of_an_older_set_are_served_beside_the_newest(tmp_path: Path) -> None:
    vault = a_file_vault(tmp_path / "vault.json")
    old = vault.keyring(1, 1)
    vault.keep(next_set(vault.sets, LATER_MS, 365))
    new = vault.keyring(2, 1)
    trading = hq.trading(vault, 1, LATER_MS)
    for keyring, serial in ((old, SERIAL), (new, SERIAL[::-1]), (old, SERIAL)):
        reading = b"R" + serial
        assert trading.check_reading(serial, reading, keyring.mac(Role.AUTH, 0, serial, reading)[:4])
        assert trading.card_mac(serial, 1, b"M") == keyring.mac(Role.KIOSK, 1, serial, b"M")[:4]
        assert trading.card_cryptogram(serial, 1, b"12345678") == keyring.mac(Role.KIOSK, 1, serial, b"E12345678")[:8]
        message = b"T" + bytes.fromhex(METER) + (8).to_bytes(4) + (100).to_bytes(4) + b"\0\1"
        assert trading.tag(METER, 8, 100, b"\0\1") == keyring.mac(Role.TAG, 0, meter_diversifier(METER), message)[:2]
    assert not trading.check_reading(SERIAL, b"R", bytes(4))


def test_a_set_that_has_ended_serves_no_card(tmp_path: Path) -> None:
    vault = a_file_vault(tmp_path / "vault.json")
    vault.keep(next_set(vault.sets, LATER_MS, 365))
    first, second = vault.sets
    reading = b"R" + SERIAL
    mac = vault.keyring(1, 1).mac(Role.AUTH, 0, SERIAL, reading)[:4]
    assert hq.trading(vault, 1, LATER_MS).check_reading(SERIAL, reading, mac)
    assert first.issued_until_ms == LATER_MS
    assert second.until_ms < first.until_ms
    with pytest.raises(NoSuchKey):
        hq.trading(vault, 1, max(first.until_ms, second.until_ms))
    only_new = [hq.suite_of(second, vault.keyring(2, 1))]
    assert isinstance(only_new[0], Aes128)


@pytest.mark.parametrize("suite", ["aes128", "sm4"])
def test_a_set_says_its_cards_cipher(tmp_path: Path, suite: str) -> None:
    vault = a_file_vault(tmp_path / "vault.json", suite=suite)
    assert hq.suite_of(vault.sets[0], vault.keyring(1, 1)).name == suite
    assert FileVault(tmp_path / "vault.json", PASSPHRASE).sets[0].suite == suite


def test_the_current_generation_is_the_newest_that_has_begun() -> None:
    public = a_set()
    year_ms = 365 * DAY_MS
    assert [public.current(NOW_MS + years * year_ms).number for years in (0, 1, 2, 3)] == [1, 2, 3, 3]
    for never_ms in (NOW_MS - 1, NOW_MS + 4 * year_ms):
        with pytest.raises(NoSuchKey):
            public.current(never_ms)


def test_no_card_key_shows_itself_in_what_is_printed(tmp_path: Path) -> None:
    keys = card_keys(a_file_vault(tmp_path / "vault.json", masters=KNOWN), lambda _: None)
    assert f"{keys!r} {keys!s} {[keys]}" == "CardKeys(hidden) CardKeys(hidden) [CardKeys(hidden)]"
