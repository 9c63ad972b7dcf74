"""Key sets and generations follow each other in time, and their numbers end somewhere."""

from pathlib import Path

import pytest

from kiosk.devices.vault.file import FileVault
from kiosk.devices.vault.keyset import (
    DAY_MS,
    GENERATIONS_MAX,
    SETS_MAX,
    KeySet,
    VaultRefusal,
    accepted,
    find,
    issuing,
    next_generation,
    next_set,
)
from kiosk.devices.vault.suite import NoSuchKey
from tests.vault.kit import LATER_MS, NOW_MS, PASSPHRASE, a_file_vault, a_set


def test_a_new_set_ends_the_issuing_of_the_one_before_and_not_its_cards() -> None:
    sets = next_set((a_set(),), LATER_MS, days=365)
    assert issuing(sets[:1], LATER_MS - 1).version == 1
    assert issuing(sets, LATER_MS).version == 2
    assert [each.version for each in accepted(sets, LATER_MS)] == [2, 1]
    assert [each.version for each in accepted(sets, LATER_MS - 1)] == [1]
    with pytest.raises(NoSuchKey):
        issuing(sets, LATER_MS + 365 * DAY_MS)
    with pytest.raises(NoSuchKey):
        find(sets, 3)
    assert sets[0].generations == sets[1].generations  # one number is one time, whichever set a card is of


def test_a_generation_begins_when_the_one_before_is_half_over() -> None:
    public = next_generation((a_set(),), generation_days=365)[-1]
    year_ms = 365 * DAY_MS
    spans = [(each.not_before_ms - NOW_MS, each.until_ms - NOW_MS) for each in public.generations]
    assert spans == [(i * year_ms, (i + 2) * year_ms) for i in range(4)]


@pytest.mark.covers("field-30")
def test_sets_and_generations_end_in_one_sentence() -> None:
    sets: tuple[KeySet, ...] = (a_set(),)
    for _ in range(SETS_MAX - 1):
        sets = next_set(sets, LATER_MS, 365)
    with pytest.raises(VaultRefusal, match="16 key sets"):
        next_set(sets, LATER_MS, 365)
    for _ in range(GENERATIONS_MAX - 3):
        sets = next_generation(sets, 90)
    assert sets[-1].generations[-1].number == GENERATIONS_MAX
    with pytest.raises(VaultRefusal, match="256 kiosk-key generations"):
        next_generation(sets, 90)


@pytest.mark.covers("field-30")
def test_a_full_vault_is_still_read(tmp_path: Path) -> None:
    vault = a_file_vault(tmp_path / "vault.json")
    sets = vault.sets
    for _ in range(GENERATIONS_MAX - 3):
        sets = next_generation(sets, 90)
    for _ in range(SETS_MAX - 1):
        sets = next_set(sets, LATER_MS, 365)
    vault.keep(sets)
    assert [len(each.generations) for each in FileVault(tmp_path / "vault.json", PASSPHRASE).sets] == [GENERATIONS_MAX] * SETS_MAX
