"""No backup of an office without its registry of cards: nobody would know whose card is whose."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kiosk.cli import app
from kiosk.hq.copies import backup as room
from kiosk.hq.copies.backup import back_up, drill
from kiosk.sync.backup import BackupRefused, Draft
from tests.backup.kit import DECISION, ROOT, House
from tests.hq.batches import NOW_MS

RUN = CliRunner()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.store.close()


def test_no_backup_is_made_without_the_registry_of_cards(small: House) -> None:
    small.takes({"K07": 1})
    (small.folder / "registry.db").unlink()
    with pytest.raises(BackupRefused, match=r"no registry of cards .*registry\.db"):
        back_up(small.office, small.store, small.medium, now_ms=NOW_MS)
    assert list(small.medium.iterdir()) == []
    said = RUN.invoke(app, ["hq", "backup", str(small.medium), "--office", str(small.folder)])
    assert (said.exit_code, said.output.count("\n")) == (1, 1)
    assert "registry" in said.output


def test_a_registry_at_another_place_is_named_and_lies_in_the_backup(small: House, tmp_path: Path) -> None:
    small.takes({"K07": 1})
    elsewhere = tmp_path / "cards.db"
    (small.folder / "registry.db").rename(elsewhere)
    words = ["hq", "backup", str(small.medium), "--office", str(small.folder), "--registry", str(elsewhere)]
    assert RUN.invoke(app, words).exit_code == 0
    (folder,) = small.medium.iterdir()
    assert (folder / "registry.db").exists()
    assert drill(folder)[1].facts


def test_a_backup_from_which_the_registry_was_left_out_does_not_pass_a_drill(small: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the backups of earlier software may be: signed by the office, and without a registry."""
    small.takes({"K07": 1})
    sealed = Draft.seal

    def left_out(draft: Draft, *given: object) -> object:
        (draft.folder / "registry.db").unlink()
        return sealed(draft, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Draft, "seal", left_out)
    monkeypatch.setattr(room, "proved", lambda *_: None)
    made, *_ = back_up(small.office, small.store, small.medium, now_ms=NOW_MS)
    monkeypatch.undo()
    with pytest.raises(BackupRefused, match="no registry of cards in"):
        drill(made.folder)


def test_a_new_office_has_a_registry(tmp_path: Path) -> None:
    phrases = []
    for option, phrase in (("--first-secret", ROOT[0]), ("--second-secret", ROOT[1]), ("--secret-file", DECISION)):
        path = tmp_path / option.strip("-")
        path.write_text(phrase)
        path.chmod(0o600)
        phrases += [option, str(path)]
    office, medium = tmp_path / "office", tmp_path / "medium"
    medium.mkdir()
    assert RUN.invoke(app, ["hq", "init", "--office", str(office), "--utility", "1", *phrases]).exit_code == 0
    assert (office / "registry.db").exists()
    assert RUN.invoke(app, ["hq", "backup", str(medium), "--office", str(office)]).exit_code == 0
