"""A security module card computes everything: a whole purchase lands on a card whose keys are in no process at all."""

import hashlib
import time
from collections.abc import Callable, Iterator

import pytest

from kiosk.devices.card.apdu import ApduError, Command, exchange
from kiosk.devices.card.inprocess import InProcessReader
from kiosk.devices.card.pcsc import PcscReader
from kiosk.devices.card.reader import State
from kiosk.devices.card.session import CardSession, perform
from kiosk.devices.sim.card import CardModel
from kiosk.devices.sim.crypto import Masters
from kiosk.devices.sim.pcscd import Pcscd
from kiosk.devices.sim.psam import PIN_TRIES, PsamModel
from kiosk.devices.sim.vpcd import VpcdSlot
from kiosk.devices.vault import wire
from kiosk.devices.vault.client import VaultClient
from kiosk.devices.vault.psam import PART_MAX, Psam, PsamSaid
from kiosk.devices.vault.suite import Role, cmac
from kiosk.devices.vault.trading import TradingVault
from kiosk.vend.card.reading import Word
from kiosk.vend.ports import CardJob, Vault, VaultError, VaultLocked
from tests.card.kit import METER, PROFILE, SERIAL, Bay, read_job, reading_of, record_of, used_card, worked
from tests.card.test_pcsc import await_state
from tests.pcscd import USER_READER, running_pcscd
from tests.vault.kit import LIMITS

PIN, POLL_S = "4711", 0.5
SECRET = Masters(1, *(hashlib.sha256(b"no kiosk has these" + bytes((i,))).digest()[:16] for i in range(5)))
SELECT, VERIFY = "00A404000A4B494F534B2E5053414D", "0020000004" + PIN.encode().hex()
INIT_KIOSK, INIT_AUTH = "801A030108" + SERIAL.hex(), "801A020008" + SERIAL.hex()


class Module:
    """A security module in this process, and the way to it."""

    def __init__(self) -> None:
        self.model = PsamModel(SECRET, PIN)
        reader = InProcessReader()
        reader.insert(self.model)
        self._contact = reader.open(reader.watch(None, 0))

    def ask(self, header: bytes, data: bytes, expected: int) -> bytes:
        cla, ins, p1, p2 = header
        try:
            return exchange(self._contact, Command(cla, ins, p1, p2, data, expected))
        except ApduError as error:
            raise PsamSaid(error.sw) from None

    def opened(self) -> Psam:
        return Psam(self.ask, PIN)

    def says(self, *apdus: str) -> str:
        """The last answer to these, in hex."""
        answer = b""
        for apdu in apdus:
            answer = self.model.process(bytes.fromhex(apdu))
        return answer.hex()


def recharge(session: CardSession) -> None:
    """Read, arm, write, and read again after a reset."""
    reading = reading_of(perform(read_job(), session))
    assert reading.authentic
    record = record_of(reading, worked(perform(CardJob(2, "arm", "t", n=8, amount_minor=10000), session)).tag)
    assert worked(perform(CardJob(3, "write", "t", record=record, start="type"), session)).done
    after = reading_of(perform(read_job(4, reset=True), session))
    assert PROFILE.judge(after, record, 7).word is Word.LANDED


def test_a_whole_purchase_with_the_module_computing() -> None:
    module = Module()
    bay = Bay(used_card(masters=SECRET), TradingVault([module.opened()]))
    recharge(bay.session)
    assert bay.wallet == (10000, 8)
    assert set(bay.card.tries.values()) == {10}
    assert module.model.made > 10


def test_a_card_of_another_utility_proves_nothing_to_it() -> None:
    bay = Bay(used_card(masters=Masters.demo()), TradingVault([Module().opened()]))
    assert not reading_of(perform(read_job(), bay.session)).authentic


def test_it_makes_what_any_vault_with_its_masters_makes() -> None:
    psam = Module().opened()
    for role, generation, master in ((Role.KIOSK, 2, SECRET.kiosk), (Role.KIOSK, 17, SECRET.kiosk), (Role.TAG, 0, SECRET.tag)):
        name = bytes((role | (generation % 16) << 4 if role is Role.KIOSK else role,))
        key = cmac(master, b"\x01" + SERIAL + (1).to_bytes(4) + name + b"KIOSKPWR")
        for length in (0, 1, PART_MAX, PART_MAX + 1, 2 * PART_MAX, 500):
            assert psam.mac(role, SERIAL, bytes(length), 8, generation) == cmac(key, bytes(length))[:8]


def test_a_long_reading_is_checked_in_parts() -> None:
    psam = Module().opened()
    key = cmac(SECRET.auth, b"\x01" + SERIAL + (1).to_bytes(4) + b"\x02KIOSKPWR")
    for length in (1, 196, 199, 200, 265, 400):
        reading = b"R" + bytes(length)
        assert psam.check(Role.AUTH, SERIAL, reading, cmac(key, reading)[:4])
        assert not psam.check(Role.AUTH, SERIAL, reading, cmac(key, reading + b"x")[:4])


def test_it_makes_no_mac_under_auth_so_that_nobody_makes_readings_up() -> None:
    psam = Module().opened()
    with pytest.raises(PsamSaid, match="6985"):
        psam.mac(Role.AUTH, SERIAL, b"R", 4)
    with pytest.raises(PsamSaid, match="6985"):
        psam.check(Role.KIOSK, SERIAL, b"M", bytes(4))
    for role in (Role.ADMIN, Role.METER):
        with pytest.raises(PsamSaid, match="6A88"):
            psam.mac(role, SERIAL, b"x", 4)


def test_a_wrong_pin_is_tried_once_and_the_module_counts() -> None:
    module = Module()
    for left in range(PIN_TRIES - 1, 0, -1):
        with pytest.raises(VaultError, match=f"{left} tries are left"):
            Psam(module.ask, "0000")
        assert module.model.tries == left
    with pytest.raises(VaultError, match="0 tries"):
        Psam(module.ask, "0000")
    with pytest.raises(VaultError, match="blocked"):
        module.opened()


@pytest.mark.parametrize("pin", ["12a4", "1" * 17, "\u0661\u0662\u0663"])
def test_what_is_no_pin_is_never_sent(pin: str) -> None:
    module = Module()
    with pytest.raises(VaultError, match="up to 16 digits"):
        Psam(module.ask, pin)
    assert module.model.tries == PIN_TRIES


@pytest.mark.parametrize(
    ("apdus", "answer"),
    [
        ((INIT_KIOSK,), "6d00"),  # not selected
        ((SELECT, INIT_KIOSK), "6982"),  # no PIN
        ((SELECT, VERIFY, SELECT, INIT_KIOSK), "6982"),  # selecting again forgets it
        ((SELECT, VERIFY, "80FA010401AA"), "6985"),  # no key made
        ((SELECT, VERIFY, INIT_KIOSK, "80FA010401AA"), "6104"),
        ((SELECT, VERIFY, INIT_KIOSK, "80FA010401AA", "80FA010401AA"), "6985"),  # a key serves once
        ((SELECT, VERIFY, INIT_KIOSK, "80FA010901AA"), "6a86"),  # more than eight bytes of a MAC
        ((SELECT, VERIFY, INIT_KIOSK, "80FA010001AA"), "6a86"),
        ((SELECT, VERIFY, INIT_AUTH, "80FA020003AABBCC"), "6a86"),  # less than a MAC
        ((SELECT, VERIFY, "801A030107" + "00" * 7), "6700"),
        ((SELECT, VERIFY, "801A031008" + "00" * 8), "6a88"),
        ((SELECT, VERIFY, "801A010008" + "00" * 8), "6a88"),  # ADMIN is not in it
        ((SELECT, VERIFY, INIT_KIOSK, *["80FA0000C8" + "00" * 200] * 6), "6700"),  # a message without end
        ((SELECT, VERIFY, "00B0810000"), "6d00"),  # read a key file
        ((SELECT, VERIFY, "80CA000000"), "6d00"),  # or a data object
        ((SELECT, VERIFY, "00C0000010"), "6985"),  # or what was never offered
        ((SELECT, VERIFY, "90FA000001AA"), "6e00"),
        ((SELECT, "00200000"), "6700"),
        (("00A40400023F00",), "6a82"),
        (("00A400000A4B494F534B2E5053414D",), "6a86"),
        (("00",), "6700"),
    ],
)
def test_the_module_gives_a_key_to_nobody(apdus: tuple[str, ...], answer: str) -> None:
    assert Module().says(*apdus) == answer


def test_a_reset_and_a_pull_forget_pin_and_key() -> None:
    for disturb in (PsamModel.reset, lambda model: (model.pull(), model.insert())):
        module = Module()
        module.says(SELECT, VERIFY, INIT_KIOSK)
        disturb(module.model)
        assert module.says("80FA010401AA") == "6d00"
        assert module.says(SELECT, "80FA010401AA") == "6982"
    assert "hidden" in repr(PsamModel(SECRET, PIN))


def test_whatever_else_it_says_is_no_answer() -> None:
    """A module that makes too few bytes, or has another fault than a wrong MAC."""
    said: dict[int, Callable[[], bytes]] = {0xFA: lambda: b"12"}

    def ask(header: bytes, _data: bytes, _expected: int) -> bytes:
        return said.get(header[1], bytes)()

    psam = Psam(ask, PIN)
    with pytest.raises(VaultError, match="2 bytes instead of 4"):
        psam.mac(Role.KIOSK, SERIAL, b"x", 4, 1)

    def broken() -> bytes:
        raise PsamSaid(0x6F00)

    said[0xFA] = broken
    with pytest.raises(PsamSaid, match="6F00"):
        psam.check(Role.AUTH, SERIAL, b"R", bytes(4))
    said[0xA4] = broken
    with pytest.raises(PsamSaid, match="6F00"):
        Psam(ask, PIN)


# ---------------------------------------------------------------- through pcscd, in the vault's process


@pytest.fixture(scope="module")
def daemon() -> Iterator[Pcscd]:
    with running_pcscd() as daemon:
        yield daemon


def by_process(daemon: Pcscd, pin: str = PIN) -> VaultClient:
    vault = VaultClient(wire.OpenPsam(region=1, limits=LIMITS, reader=daemon.sam_reader, pin=pin))
    vault.start()
    return vault


def of_user(slot: VpcdSlot, card: CardModel, vault: Vault) -> CardSession:
    slot.insert(card)
    reader = PcscReader(USER_READER)
    return CardSession(reader.open(await_state(reader, State.PRESENT)), PROFILE, vault)


@pytest.fixture
def sam(daemon: Pcscd) -> Iterator[VpcdSlot]:
    slot, reader = VpcdSlot(daemon.sam_port), PcscReader(daemon.sam_reader)
    await_state(reader, State.EMPTY)
    time.sleep(POLL_S)  # vpcd looks again before it believes that another card came
    yield slot
    slot.pull()
    reader.close()


@pytest.mark.pcsc
def test_a_whole_purchase_through_pcscd_with_the_module_in_the_second_slot(daemon: Pcscd, sam: VpcdSlot) -> None:
    user, card = VpcdSlot(daemon.user_port), CardModel(used_card(masters=SECRET))
    sam.insert(PsamModel(SECRET, PIN))
    vault = by_process(daemon)
    assert not vault.opened().demo
    try:
        recharge(of_user(user, card, vault))
    finally:
        user.pull()
    assert card.files[2].hex() == "0000271000000008"
    assert vault.opened().spent_minor == 10000
    vault.lock()
    again = by_process(daemon)  # the module was left in: the reader gives it to the next
    assert again.opened().spent_minor == 0
    again.lock()


@pytest.mark.pcsc
def test_a_module_that_is_pulled_locks_the_kiosk(daemon: Pcscd, sam: VpcdSlot) -> None:
    sam.insert(PsamModel(SECRET, PIN))
    vault = by_process(daemon)
    vault.opened()
    sam.pull()
    with pytest.raises(VaultLocked):
        vault.tag(METER, 1, 1, b"\0\1")
    assert vault.locked


@pytest.mark.pcsc
def test_a_wrong_pin_stays_locked_and_says_why(daemon: Pcscd, sam: VpcdSlot) -> None:
    sam.insert(PsamModel(SECRET, PIN))
    with pytest.raises(VaultLocked, match="2 tries are left"):
        by_process(daemon, "0000").opened()


@pytest.mark.pcsc
def test_without_the_module_it_stays_locked_and_says_why(daemon: Pcscd, sam: VpcdSlot) -> None:
    assert sam.card is None
    with pytest.raises(VaultLocked, match="no security module card in the reader"):
        by_process(daemon).opened()
