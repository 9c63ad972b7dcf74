"""Two utilities side by side, each with its office, vault, cards, meters and kiosk: nothing of one is worth anything at the other."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from kiosk.devices.sim.card import CardModel
from kiosk.devices.sim.image import TRIES
from kiosk.devices.sim.meter import MeterModel
from kiosk.devices.sim.meter_state import MeterState
from kiosk.devices.vault.hq import MasterVault, export_meter_key_for_mounting, trading
from kiosk.hq.cards.issue import IssueError
from kiosk.hq.cards.layout import Opening
from tests.binding.kit import Kiosk
from tests.hq.kit import CUSTOMER, METER, Counter, blank
from tests.vault.kit import KNOWN, LATER_MS, MODULE, PIN, Tokens, a_file_vault, a_set

NOON = dt.datetime(2026, 7, 1, 12, 30)  # noqa: DTZ001 - a meter's own local time


class Utility:
    """Everything that one utility has. Both have a customer and a meter of the same numbers."""

    def __init__(self, number: int, vault: MasterVault, folder: Path) -> None:
        folder.mkdir()
        self.number, self.vault = number, vault
        self.counter = Counter(folder, vault, now_ms=LATER_MS)
        self.kiosk = Kiosk(trading(vault, 1, LATER_MS), utility=number)
        key = export_meter_key_for_mounting(vault, self.counter.registry.witness, region=1, meter=METER, version=1)
        self.meter = MeterModel(MeterState(METER, number, key.hex(), NOON))
        self.card = blank(f"{number:016x}")
        self.counter.open(self.card, Opening(CUSTOMER, METER))

    def buys(self, card: CardModel) -> str:
        """Why this utility's machine refuses the card, or what became of it."""
        self.kiosk.put_in(card)
        why = self.kiosk.refused
        self.kiosk.pay(50_00)
        self.kiosk.take_out()
        return why or ("bought" if int.from_bytes(card.files[2][4:]) else "nothing")

    def meters(self, card: CardModel) -> int:
        """What the meter credits."""
        card.insert()
        credited = self.meter.insert(card).credited_minor
        card.pull()
        return credited


@pytest.fixture(params=["files", pytest.param("tokens", marks=pytest.mark.hsm)])
def utilities(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Utility, Utility]]:
    """With files, both have the very same masters: only the utility's number in each derivation keeps them apart."""
    if request.param == "files":
        one, two = (a_file_vault(tmp_path / f"{number}.json", number, KNOWN) for number in (1, 2))
        yield Utility(1, one, tmp_path / "u1"), Utility(2, two, tmp_path / "u2")
        return
    from kiosk.devices.vault.hsm import TokenVault  # noqa: PLC0415 - only where there is a module

    handed: Tokens = request.getfixturevalue("tokens")
    first, second = (TokenVault.create(MODULE, handed.take(), PIN, number, a_set()) for number in (1, 2))
    yield Utility(1, first, tmp_path / "u1"), Utility(2, second, tmp_path / "u2")
    first.close()
    second.close()


@pytest.mark.covers("abuse-14")
def test_nothing_of_one_is_accepted_by_the_other(utilities: tuple[Utility, Utility]) -> None:
    for ours, theirs in (utilities, utilities[::-1]):
        before = theirs.card.image()
        assert ours.buys(theirs.card) == "foreign_utility"
        assert ours.meters(theirs.card) == 0
        assert ours.meter.state.illegal or ours.meter.state.count == 0
        disguised = CardModel(replace(before, utility=ours.number))
        assert ours.buys(disguised) == "unproven"
        assert (theirs.card.image(), set(theirs.card.tries.values())) == (before, {TRIES})
        assert set(disguised.tries.values()) == {TRIES}
    for ours in utilities:
        assert ours.buys(ours.card) == "bought"
        assert ours.meters(ours.card) > 0


@pytest.mark.covers("abuse-14")
def test_no_office_opens_or_rewrites_a_card_of_the_other(utilities: tuple[Utility, Utility]) -> None:
    ours, theirs = utilities
    before = theirs.card.image()
    with pytest.raises(IssueError, match="belongs to the desk"):
        ours.counter.open(theirs.card, Opening("000000000002", "000000000002"))
    with ours.counter.registry._session() as session:  # as if somebody had forged the registry, too
        session.connection().exec_driver_sql(f"UPDATE binding SET card = '{theirs.card.image().serial}', state = 'begun'")  # noqa: S608 - a serial
    with pytest.raises(IssueError, match="not the card that was opened here"):
        ours.counter.open(theirs.card, Opening(CUSTOMER, METER))
    assert theirs.card.image() == before


def test_no_tag_of_one_is_true_at_the_other(utilities: tuple[Utility, Utility]) -> None:
    ours, theirs = (each.kiosk.keys for each in utilities)
    tags = [(ours.tag(METER, n, 100, b"\1\2"), theirs.tag(METER, n, 100, b"\1\2")) for n in range(8)]
    assert not all(mine == other for mine, other in tags)
    assert sum(mine == other for mine, other in tags) <= 1
