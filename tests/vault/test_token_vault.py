"""The PKCS#11 vault on SoftHSM2: masters are made inside and stay there; what somebody else put into the token is not believed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pkcs11
import pytest
from pkcs11 import Attribute, KeyType, Mechanism, MechanismFlag, ObjectClass

from kiosk.devices.vault import hsm
from kiosk.devices.vault.hsm import TokenVault, owned
from kiosk.devices.vault.keyset import VaultRefusal, check_value_of, next_generation, next_set
from kiosk.devices.vault.suite import Role
from tests.vault.kit import LATER_MS, MODULE, PIN, SERIAL, Tokens, a_set

pytestmark = pytest.mark.hsm


class Shelf:
    """A token of its own with a vault in it, opened as often as a test likes, one at a time."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.vault = TokenVault.create(MODULE, label, PIN, 1, a_set())

    def again(self) -> TokenVault:
        self.vault.close()
        self.vault = TokenVault(MODULE, self.label, PIN)
        return self.vault

    def refusal(self) -> str:
        self.vault.close()
        with pytest.raises(VaultRefusal) as refused:
            TokenVault(MODULE, self.label, PIN)
        return str(refused.value)

    def inside(self, work: Callable[[pkcs11.Session], object]) -> None:
        """Somebody with the PIN does this."""
        owned(lambda: work(self.vault._session))


@pytest.fixture
def shelf(tokens: Tokens) -> Iterator[Shelf]:
    shelf = Shelf(tokens.take())
    yield shelf
    shelf.vault.close()


def masters(session: pkcs11.Session) -> list[pkcs11.Object]:
    return list(session.get_objects({Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.TOKEN: True}))


def test_no_master_can_be_read_or_wrapped(shelf: Shelf) -> None:
    def work(session: pkcs11.Session) -> None:
        keys = masters(session)
        assert len(keys) == len(Role)
        carrier = session.generate_key(KeyType.AES, 256, store=False, capabilities=MechanismFlag.WRAP)
        for key in keys:
            said = [key[a] for a in (Attribute.SENSITIVE, Attribute.ALWAYS_SENSITIVE, Attribute.NEVER_EXTRACTABLE, Attribute.LOCAL)]
            assert said == [True] * 4
            with pytest.raises(pkcs11.AttributeSensitive):
                _ = key[Attribute.VALUE]
            with pytest.raises(pkcs11.KeyUnextractable):
                carrier.wrap_key(key, mechanism=Mechanism.AES_KEY_WRAP)  # type: ignore[attr-defined]

    shelf.inside(work)


def test_a_vault_opened_again_makes_the_same_keys(shelf: Shelf) -> None:
    before = [shelf.vault.keyring(1, 7).mac(role, 1, SERIAL, b"x") for role in Role]
    assert [shelf.again().keyring(1, 7).mac(role, 1, SERIAL, b"x") for role in Role] == before
    assert len(set(before)) == len(Role)


def test_a_second_vault_in_one_token_is_refused(shelf: Shelf) -> None:
    shelf.vault.close()
    with pytest.raises(VaultRefusal, match="holds a vault already"):
        TokenVault.create(MODULE, shelf.label, PIN, 2, a_set())


def test_a_new_set_and_a_new_generation_are_there_after_opening_again(shelf: Shelf) -> None:
    before = shelf.vault.keyring(1, 1).mac(Role.AUTH, 0, SERIAL, b"x")
    shelf.vault.keep(next_set(shelf.vault.sets, LATER_MS, 365))
    shelf.vault.keep(next_generation(shelf.vault.sets, 90))
    again = shelf.again()
    assert [(each.version, len(each.generations)) for each in again.sets] == [(1, 4), (2, 4)]
    assert again.keyring(1, 1).mac(Role.AUTH, 0, SERIAL, b"x") == before != again.keyring(2, 1).mac(Role.AUTH, 0, SERIAL, b"x")


def test_what_a_power_cut_left_of_a_new_set_is_made_anew(shelf: Shelf) -> None:
    """Two masters of the second set were made, its record was not."""
    sets = next_set(shelf.vault.sets, LATER_MS, 365)
    shelf.inside(lambda session: hsm._generated(session, 1, sets[-1]))
    again = shelf.again()
    assert [each.version for each in again.sets] == [1]
    again.keep(sets)
    assert [each.version for each in shelf.again().sets] == [1, 2]


def test_the_newest_record_holds_when_a_power_cut_left_two(shelf: Shelf) -> None:
    old = msgspec.json.encode(hsm._Record(1, 1, shelf.vault.sets))
    shelf.vault.keep(next_generation(shelf.vault.sets, 90))
    record = {Attribute.CLASS: ObjectClass.DATA, Attribute.TOKEN: True, Attribute.APPLICATION: "kiosk", Attribute.VALUE: old}
    shelf.inside(lambda session: session.create_object(record | {Attribute.PRIVATE: True}))
    assert len(shelf.again().sets[0].generations) == 4


def test_a_key_from_outside_in_a_masters_place_is_not_believed(shelf: Shelf) -> None:
    def swap(session: pkcs11.Session, *, readable: bool) -> None:
        (old,) = hsm._objects(session, "kiosk u1 v1 kiosk")
        old.destroy()
        key = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.KEY_TYPE: KeyType.AES, Attribute.VALUE: bytes(32)}
        rights = {Attribute.TOKEN: True, Attribute.SIGN: True, Attribute.DERIVE: True, Attribute.LABEL: "kiosk u1 v1 kiosk"}
        session.create_object(key | rights | {Attribute.SENSITIVE: not readable, Attribute.EXTRACTABLE: readable})

    shelf.inside(lambda session: swap(session, readable=True))
    assert "can be read out" in shelf.refusal()
    shelf.vault._session, shelf.vault._closed = owned(lambda: hsm._session(MODULE, shelf.label, PIN)), False
    shelf.inside(lambda session: swap(session, readable=False))
    assert "check value differs" in shelf.refusal()


def test_a_missing_and_a_doubled_master_are_said(shelf: Shelf) -> None:
    shelf.inside(lambda session: hsm._objects(session, "kiosk u1 v1 tag")[0].destroy())
    assert '0 keys called "kiosk u1 v1 tag"' in shelf.refusal()


@pytest.mark.parametrize("record", [b"", b"{}", b'{"v":1}', b"\xff" * 70_000])
def test_a_record_that_makes_no_sense_is_refused(shelf: Shelf, record: bytes) -> None:
    data = {Attribute.CLASS: ObjectClass.DATA, Attribute.TOKEN: True, Attribute.APPLICATION: "kiosk", Attribute.VALUE: record}
    shelf.inside(lambda session: session.create_object(data))
    assert "record of its key sets" in shelf.refusal()


def test_wrong_pin_wrong_token_and_no_module_are_one_sentence_each(shelf: Shelf, tmp_path: Path) -> None:
    shelf.vault.close()
    said = []
    for module, label, pin in ((MODULE, shelf.label, "0000"), (MODULE, "nobody", PIN), (tmp_path / "none.so", shelf.label, PIN)):
        with pytest.raises(VaultRefusal) as refused:
            TokenVault(module, label, pin)
        said.append(str(refused.value))
        assert pin not in said[-1]
        assert refused.value.__cause__ is None
    assert "the PIN is wrong" in said[0]
    assert "no token of this name" in said[1]
    assert "is no PKCS#11 module" in said[2]
    shelf.again()


def test_an_empty_token_says_what_to_do(tokens: Tokens) -> None:
    with pytest.raises(VaultRefusal, match="kiosk vault init"):
        TokenVault(MODULE, tokens.take(), PIN)


def test_the_check_values_are_those_of_the_masters(shelf: Shelf) -> None:
    """A known master, imported: only then can anybody compare."""

    def work(session: pkcs11.Session) -> None:
        key = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.KEY_TYPE: KeyType.AES, Attribute.VALUE: bytes(range(32))}
        known = session.create_object(key | {Attribute.SIGN: True} | hsm.INSIDE)
        assert known.sign(bytes(16), mechanism=Mechanism.AES_CMAC)[:3].hex() == check_value_of(bytes(range(32)))  # type: ignore[attr-defined]

    shelf.inside(work)
