"""Whole purchases with keys that no demo has: made by a vault of either kind, personalised onto a card, used at the kiosk."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from kiosk.devices.card.session import perform
from kiosk.devices.sim.image import CardImage, CardKeys
from kiosk.devices.vault import hq
from kiosk.devices.vault.hq import MasterVault
from kiosk.devices.vault.hsm import TokenVault
from kiosk.vend.card.reading import Word
from kiosk.vend.ports import CardJob
from tests.card.kit import METER, PROFILE, SERIAL, Bay, read_job, reading_of, record_of, used_card, worked
from tests.vault.kit import MODULE, NOW_MS, PIN, Tokens, a_file_vault, a_set
from tests.vault.test_psam import recharge

MakeVault = Callable[[int, str], MasterVault]


@pytest.fixture(params=["file", pytest.param("token", marks=pytest.mark.hsm)])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeVault]:
    opened: list[TokenVault] = []

    def vault(utility: int, suite: str) -> MasterVault:
        if request.param == "file":
            return a_file_vault(tmp_path / f"u{utility}.json", utility, suite=suite)
        tokens: Tokens = request.getfixturevalue("tokens")
        opened.append(TokenVault.create(MODULE, tokens.take(), PIN, utility, a_set(suite)))
        return opened[-1]

    yield vault
    for each in opened:
        each.close()


def card_of(vault: MasterVault, suite: str = "aes128", generation: int = 1) -> CardImage:
    """A used card with the keys that this vault gives out for it."""
    keys = hq.export_card_keys_for_personalisation(
        vault, lambda _: None, region=1, serial=SERIAL, meter=METER, generation=generation, now_ms=NOW_MS, version=1
    )
    kiosk = {str(number): key.hex() for number, key in keys.kiosk.items()}
    written = CardKeys(keys.admin.hex(), keys.auth.hex(), kiosk, keys.meterkey.hex())
    tries = {"admin": 10, "meterkey": 10} | {f"kiosk.{number}": 10 for number in keys.kiosk}
    changes = {"keys": written, "suite": suite, "utility": vault.utility, "tries": tries}
    return msgspec.structs.replace(used_card(), **changes)


@pytest.mark.parametrize("suite", ["aes128", "sm4"])
def test_a_card_that_a_vault_made_is_recharged_with_it(make: MakeVault, suite: str) -> None:
    vault = make(1, suite)
    bay = Bay(card_of(vault, suite), hq.trading(vault, 1, NOW_MS))
    recharge(bay.session)
    assert bay.wallet == (10000, 8)
    assert set(bay.card.tries.values()) == {10}


def test_two_utilities_side_by_side_accept_nothing_of_each_other(make: MakeVault) -> None:
    """Their cards have the same serials, counts and meter numbers; each kiosk reads the other's as unproven and writes nothing on it."""
    one, other = make(1, "aes128"), make(2, "aes128")
    for mine, theirs in ((one, other), (other, one)):
        bay = Bay(card_of(theirs), hq.trading(mine, 1, NOW_MS))
        before = bay.card.image()
        reading = reading_of(perform(read_job(), bay.session))
        assert not reading.authentic
        assert PROFILE.judge(reading, None, 0).why == "unproven"
        record = record_of(reading, "0102a1b2")
        for job in (CardJob(2, "arm", "t", n=8, amount_minor=10000), CardJob(3, "write", "t", record=record, start="mark")):
            assert worked(perform(job, bay.session)).why == "no_key"
        assert bay.card.image() == before
        recharge(Bay(card_of(theirs), hq.trading(theirs, 1, NOW_MS)).session)


def test_another_region_of_the_same_utility_is_another(make: MakeVault) -> None:
    vault = make(1, "aes128")
    bay = Bay(card_of(vault), hq.trading(vault, 2, NOW_MS))
    assert not reading_of(perform(read_job(), bay.session)).authentic


def test_a_card_of_another_cipher_proves_nothing(make: MakeVault) -> None:
    vault = make(1, "aes128")
    bay = Bay(card_of(vault, "sm4"), hq.trading(vault, 1, NOW_MS))
    reading = reading_of(perform(read_job(), bay.session))
    assert PROFILE.judge(reading, None, 0).word is Word.REFUSED
