"""The public vectors run through both kinds of master and through the suites; inside a module and outside of it keys are the same."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pkcs11
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import ECB, GCM
from pkcs11 import Attribute, KeyType, ObjectClass

from kiosk.devices.vault import hsm
from kiosk.devices.vault.hsm import TokenMaster, TokenVault, owned
from kiosk.devices.vault.keyset import check_value_of
from kiosk.devices.vault.sm4 import Sm4
from kiosk.devices.vault.suite import Aes128, Keyring, Master, PlainMaster, Role, cmac
from tests.vault.kit import MODULE, PIN, SERIAL, Tokens, a_set

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "vault.json").read_text())
MakeMaster = Callable[[bytes], Master]


@pytest.fixture(scope="module")
def session(tokens: Tokens) -> pkcs11.Session:
    return owned(lambda: hsm._session(MODULE, tokens.take(), PIN))  # type: ignore[no-any-return]


def imported(session: pkcs11.Session, key: bytes) -> TokenMaster:
    """A known key as a session object: only a test brings one in from outside."""
    attributes = {Attribute.CLASS: ObjectClass.SECRET_KEY, Attribute.KEY_TYPE: KeyType.AES, Attribute.VALUE: key}
    rights = {Attribute.SIGN: True, Attribute.DERIVE: True}
    return TokenMaster(owned(lambda: session.create_object(attributes | rights | hsm.INSIDE)))


@pytest.fixture(params=["plain", pytest.param("token", marks=pytest.mark.hsm)])
def master(request: pytest.FixtureRequest) -> MakeMaster:
    if request.param == "plain":
        return PlainMaster
    session = request.getfixturevalue("session")
    return lambda key: imported(session, key)


@pytest.mark.parametrize("row", VECTORS["cmac"], ids=lambda row: f"{len(row['key']) * 4}-{len(row['message']) // 2}")
def test_cmac_is_nists_in_both(master: MakeMaster, row: dict[str, str]) -> None:
    (mac,) = master(bytes.fromhex(row["key"])).cmacs([bytes.fromhex(row["message"])])
    assert mac.hex() == row["mac"]


@pytest.mark.parametrize("row", VECTORS["diversification"], ids=lambda row: row["name"])
def test_keys_are_diversified_as_an10922_does_in_both(master: MakeMaster, row: dict[str, str]) -> None:
    constants = [bytes.fromhex(constant) for constant in row["constants"].split()]
    made = b"".join(master(bytes.fromhex(row["key"])).cmacs([constant + bytes.fromhex(row["message"]) for constant in constants]))
    assert made.hex() == row["made"]


@pytest.mark.parametrize("row", VECTORS["cmac"], ids=lambda row: f"{len(row['key']) * 4}-{len(row['message']) // 2}")
def test_the_suite_aes128_makes_nists_macs_under_a_card_key(row: dict[str, str]) -> None:
    class Known(PlainMaster):
        """Whose card key is the vector's."""

        def cmacs(self, messages: Sequence[bytes]) -> list[bytes]:
            return [bytes.fromhex(row["key"]) for _ in messages]

    suite = Aes128(Keyring(1, lambda _role, _generation: Known(bytes(16))))
    message = bytes.fromhex(row["message"])
    assert suite.mac(Role.AUTH, SERIAL, message, 16).hex() == row["mac"]
    assert suite.check(Role.AUTH, SERIAL, message, bytes.fromhex(row["mac"])[:4])
    assert not suite.check(Role.AUTH, SERIAL, message + b"\0", bytes.fromhex(row["mac"])[:4])


@pytest.mark.parametrize("length", range(17, 33))
@pytest.mark.parametrize("size", [16, 32])
def test_a_mac_under_a_key_that_stays_is_a_mac_under_that_key(master: MakeMaster, length: int, size: int) -> None:
    key, data = bytes(range(size)), bytes(range(100, 100 + length))
    for message in (b"", b"M" + bytes(20), bytes(16), bytes(265)):
        assert master(key).cmac_under(data, message) == cmac(cmac(key, data), message)


@pytest.mark.hsm
@pytest.mark.parametrize("length", [0, 16, 33])
def test_a_key_from_one_block_is_not_made_inside(session: pkcs11.Session, length: int) -> None:
    with pytest.raises(ValueError, match="17 to 32"):
        imported(session, bytes(16)).cmac_under(bytes(length), b"x")


@pytest.mark.hsm
def test_what_is_made_inside_for_a_mac_is_destroyed(session: pkcs11.Session) -> None:
    one = imported(session, bytes(32))
    before = owned(lambda: len(list(session.get_objects())))
    for _ in range(5):
        one.cmac_under(bytes(22), b"x")
    assert owned(lambda: len(list(session.get_objects()))) == before


@pytest.mark.hsm
@pytest.mark.covers("card-16")
def test_a_module_is_touched_by_one_thread_whoever_asks(tokens: Tokens) -> None:
    """SoftHSM 2.6 answers CKR_GENERAL_ERROR to two threads of one process."""
    vault = TokenVault.create(MODULE, tokens.take(), PIN, 1, a_set())
    keyring = vault.keyring(1, 1)
    wanted = [keyring.mac(Role.AUTH, 0, bytes((i,)) * 8, b"x") for i in range(8)]
    with ThreadPoolExecutor(8) as many:
        for _ in range(20):
            assert list(many.map(lambda i: keyring.mac(Role.AUTH, 0, bytes((i,)) * 8, b"x"), range(8))) == wanted
    vault.close()


def test_sm4_is_gbt_32907s() -> None:
    """Appendix A.1 of the standard and RFC 8998, appendix A.1."""
    block = VECTORS["sm4"]["block"]
    encryptor = Cipher(SM4(bytes.fromhex(block["key"])), ECB()).encryptor()  # noqa: S305 - one block
    assert encryptor.update(bytes.fromhex(block["plain"])).hex() == block["cipher"]
    row = {name: bytes.fromhex(value) for name, value in VECTORS["sm4"]["gcm"].items()}
    sealing = Cipher(SM4(row["key"]), GCM(row["iv"])).encryptor()
    sealing.authenticate_additional_data(row["aad"])
    assert (sealing.update(row["plain"]) + sealing.finalize(), sealing.tag) == (row["cipher"], row["tag"])


def by_hand(key: bytes, message: bytes) -> bytes:
    """CMAC of NIST SP 800-38B over SM4, block by block, apart from the library's."""

    def block(data: bytes) -> int:
        return int.from_bytes(Cipher(SM4(key), ECB()).encryptor().update(data))  # noqa: S305 - one block

    mask = block(bytes(16))
    whole = len(message) % 16 == 0 and bool(message)
    for _ in range(1 if whole else 2):
        mask = (mask << 1) % (1 << 128) ^ (0x87 if mask >> 127 else 0)
    padded = message if whole else message + b"\x80" + bytes(-len(message + b"\x80") % 16)
    chain = 0
    for i in range(0, len(padded), 16):
        last = mask if i + 16 == len(padded) else 0
        chain = block((chain ^ int.from_bytes(padded[i : i + 16]) ^ last).to_bytes(16))
    return chain.to_bytes(16)


@pytest.mark.parametrize("row", VECTORS["sm4"]["cmac"], ids=lambda row: str(len(row["message"]) // 2))
def test_the_suite_sm4_makes_the_macs_that_the_standard_means(row: dict[str, str]) -> None:
    class Known(PlainMaster):
        def cmacs(self, messages: Sequence[bytes]) -> list[bytes]:
            return [bytes.fromhex(row["key"]) for _ in messages]

    suite, message = Sm4(Keyring(1, lambda _role, _generation: Known(bytes(16)))), bytes.fromhex(row["message"])
    assert suite.mac(Role.KIOSK, SERIAL, message, 16, 1).hex() == row["mac"] == by_hand(bytes.fromhex(row["key"]), message).hex()
    assert suite.check(Role.AUTH, SERIAL, message, bytes.fromhex(row["mac"])[:4])
    assert not suite.check(Role.AUTH, SERIAL, message, bytes(4))


def test_the_two_suites_share_card_keys_and_no_mac() -> None:
    keyring = Keyring(1, lambda _role, _generation: PlainMaster(bytes(32)))
    (key,) = keyring.card_keys(Role.AUTH, 0, (SERIAL,))
    assert Sm4(keyring).mac(Role.AUTH, SERIAL, b"x", 16) == by_hand(key, b"x")
    assert Aes128(keyring).mac(Role.AUTH, SERIAL, b"x", 16) == cmac(key, b"x")


def test_a_check_value_is_six_digits_of_the_cmac_of_zeros() -> None:
    key = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
    assert check_value_of(key) == cmac(key, bytes(16))[:3].hex()
