"""A bag taken in while no kiosk runs, on a disk that was put back: what is installed afterwards does not hide it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kiosk.demo.site import CONFIG
from kiosk.devices.vault.station import create_station
from kiosk.vend.journal import Journal
from kiosk.vend.trust import HotlistInstalled
from kiosk.vend.witness import Restored
from tests.keys.kit import KIOSK, REGION, HeadOffice


class Stopped:
    """A kiosk's folder and its office's bag; nothing runs."""

    def __init__(self, folder: Path) -> None:
        self.hq, self.folder = HeadOffice(folder), folder / KIOSK
        self.folder.mkdir()
        self.station = create_station(self.folder / "station.json")
        Journal.open(self.folder / "store.db", self.station.database_key()).close()
        root = ", ".join(f'"{key}"' for key in self.hq.office.record.roots)
        text = CONFIG.format(kiosk=KIOSK, folder=self.folder.absolute(), reader="").replace("demo = true", f"region = {REGION}")
        (self.folder / "kiosk.toml").write_text(f"{text}\n[keys]\nroot = [{root}]\n")
        self.hq.know(self.station)

    def takes_in(self) -> str:
        """What it says on standard error."""
        order = [sys.executable, "-m", "kiosk", "sync", "import", str(self.hq.bag), "--config", str(self.folder / "kiosk.toml")]
        done = subprocess.run(order, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stderr

    def restored(self) -> list[Restored]:
        with Journal.open(self.folder / "store.db", self.station.database_key(), create=False, read_only=True) as journal:
            facts = [row.fact for row in journal.rows()]
        assert any(isinstance(fact, HotlistInstalled) for fact in facts)
        return [fact for fact in facts if isinstance(fact, Restored)]


@pytest.mark.covers("rule-2", "abuse-29")
def test_a_bag_on_yesterdays_disk_is_held_against_what_is_installed_before_it_is_taken_in(tmp_path: Path) -> None:
    kiosk = Stopped(tmp_path)
    kiosk.hq.send_hotlist()
    assert kiosk.takes_in() == ""
    shutil.copy2(kiosk.folder / "store.db", tmp_path / "yesterday.db")
    kiosk.hq.send_hotlist()
    kiosk.hq.send_limits()
    assert kiosk.takes_in() == ""
    assert kiosk.restored() == []
    for left in kiosk.folder.glob("store.db*"):
        left.unlink()
    shutil.copy2(tmp_path / "yesterday.db", kiosk.folder / "store.db")
    kiosk.hq.send_hotlist()
    assert "This disk was put back" in kiosk.takes_in()
    (restored,) = kiosk.restored()
    assert restored.there > restored.here
    kiosk.hq.send_hotlist()
    assert kiosk.takes_in() == "", "once is enough"
    assert len(kiosk.restored()) == 1
