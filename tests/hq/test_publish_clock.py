"""A signing machine's clock: what no kiosk has lately said is not signed, or somebody answers for it by name."""

from pathlib import Path

import pytest
from sqlalchemy import update
from typer.testing import CliRunner, Result

from kiosk.cli import app
from kiosk.hq.downlink.times import FAR_MS, doubted
from kiosk.hq.schema import HEAD, KIOSK
from kiosk.hq.store import IN_MEMORY, Store
from tests.backup.kit import DECISION, ROOT, House
from tests.hq.batches import NOW_MS, UTILITY
from tests.hq.people.office_kit import at_work, joins

RUN = CliRunner()
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
COMMANDS = {
    "limits": ("publish", "limits", "limits.toml"),
    "float": ("publish", "float", "K07", "500.00"),
    "hotlist": ("publish", "hotlist", "cards.txt"),
    "keys": ("publish", "keys"),
    "batch key": ("rotate-batch-key",),
    "erase": ("person", "erase", "9a64be1c20d7f358", "--why", "asked to"),
}


class Desk:
    """An office to which batches of NOW_MS came, and its machine's clock."""

    def __init__(self, folder: Path, mp: pytest.MonkeyPatch) -> None:
        self.house, self.mp, self.folder = House(folder), mp, folder
        self.house.takes()
        self.secrets = self.house.secrets()
        joins(self.house.folder, self.house.office.signer("root-1", ROOT), "anna", may=("person",))
        (folder / "decision").write_text(DECISION)
        (folder / "decision").chmod(0o600)
        (folder / "limits.toml").write_text('restart = "none"\n[values]\nsale_max_minor = 40000\n')
        (folder / "cards.txt").write_text("1122334455667788\n")

    def __call__(self, *words: str, off_ms: int) -> Result:
        for module in ("hq_publish._now_ms", "hq._now_ms", "hq_person.now_ms"):
            self.mp.setattr(f"kiosk.commands.{module}", lambda: NOW_MS + off_ms)
        root = words[0] == "rotate-batch-key" or words[:2] == ("publish", "keys")
        signs = self.secrets if root else ["--secret-file", str(self.folder / "decision")]
        said = [str(self.folder / word) if word.endswith((".toml", ".txt")) else word for word in words]
        with at_work(self.house.folder, "anna") as secret:
            key = secret if words[0] == "person" else []
            return RUN.invoke(app, ["hq", *said, "--office", str(self.house.folder), *signs, *key])

    def bag(self) -> set[str]:
        folder = self.house.folder / "downlink"
        return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(tmp_path, monkeypatch)


@pytest.mark.parametrize("name", COMMANDS)
def test_nothing_is_signed_by_a_clock_that_no_kiosk_has_lately_seen(desk: Desk, name: str) -> None:
    before = desk.bag()
    said = desk(*COMMANDS[name], off_ms=95 * DAY_MS)
    assert said.exit_code == 1
    assert "95 days ahead of what any kiosk said last: K07, 2026-11-30" in said.output
    assert "--clock-is-right" in said.output
    assert desk.bag() == before
    assert desk(*COMMANDS[name], "--clock-is-right", off_ms=95 * DAY_MS).exit_code == 0
    assert desk.bag() > before


def test_a_clock_that_is_behind_is_refused_as_well(desk: Desk) -> None:
    said = desk(*COMMANDS["limits"], off_ms=-(4 * DAY_MS + 5 * HOUR_MS))
    assert (said.exit_code, "4 days and 5 hours behind" in said.output) == (1, True)


@pytest.mark.parametrize("off_ms", [-FAR_MS, 0, FAR_MS])
def test_a_long_weekend_without_post_is_no_doubt(desk: Desk, off_ms: int) -> None:
    assert desk(*COMMANDS["limits"], off_ms=off_ms).exit_code == 0


def test_a_dry_run_says_the_doubt_and_signs_nothing(desk: Desk) -> None:
    before = desk.bag()
    said = desk(*COMMANDS["limits"], "--dry-run", off_ms=95 * DAY_MS)
    assert (said.exit_code, "95 days ahead" in said.output, desk.bag()) == (0, True, before)


def test_an_office_that_has_no_batches_says_that_it_cannot_know(desk: Desk, tmp_path: Path) -> None:
    desk.house.store.close()
    (desk.house.folder / "hq.db").rename(tmp_path / "away.db")
    said = desk(*COMMANDS["limits"], off_ms=95 * DAY_MS)
    assert (said.exit_code, "--store names them" in said.output) == (0, True)
    other = desk(*COMMANDS["limits"], "--store", str(tmp_path / "away.db"), off_ms=95 * DAY_MS)
    assert (other.exit_code, "95 days ahead" in other.output) == (1, True)


def test_one_machine_whose_clock_is_wrong_neither_stops_nor_excuses(desk: Desk) -> None:
    store, ahead = desk.house.store, NOW_MS + 95 * DAY_MS
    store.transact(lambda c: c.execute(update(HEAD).where(HEAD.c.kiosk_no == 1).values(made_ms=ahead)))
    assert doubted(store, NOW_MS) == "", "K08 has said that it is about this time"
    assert doubted(store, ahead) == "", "K07 is as good a witness as long as its clock is called good"
    for values in ({"clock": "stepped"}, {"clock": "behind"}, {"clock": "doubted"}):
        store.transact(lambda c, values=values: c.execute(update(HEAD).where(HEAD.c.kiosk_no == 1).values(values)))  # type: ignore[misc]
        assert "95 days ahead of what any kiosk said last: K08" in doubted(store, ahead)
    store.transact(lambda c: c.execute(update(HEAD).where(HEAD.c.kiosk_no == 1).values(clock="ok")))
    store.transact(lambda c: c.execute(update(KIOSK).where(KIOSK.c.no == 1).values(state="frozen")))
    assert "K08" in doubted(store, ahead)


def test_before_the_first_batch_there_is_nothing_to_doubt() -> None:
    assert doubted(Store.make(IN_MEMORY, UTILITY, now_ms=0), NOW_MS) == ""


def test_a_date_that_no_calendar_has_is_still_one_sentence(desk: Desk) -> None:
    desk.house.store.transact(lambda c: c.execute(update(HEAD).values(made_ms=(1 << 53) - 1)))
    assert "no date" in doubted(desk.house.store, NOW_MS)
