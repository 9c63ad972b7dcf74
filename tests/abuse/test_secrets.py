"""A whole day with known keys and PINs, and then a search for each of them wherever it must not be."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from kiosk.demo.account import account
from kiosk.demo.world import CUSTOMERS
from kiosk.devices.vault.station import open_station
from kiosk.vend.facts import Fact
from kiosk.vend.journal import Journal
from kiosk.vend.operators.session import OperatorEntered, OperatorRefused
from tests.abuse.needles import card_keys, found, in_files, in_memory, masters, station
from tests.abuse.recorded import OPERATOR, PIN, WRONG_PIN, Recorded

pytestmark = [
    pytest.mark.pcsc,
    pytest.mark.deep("the whole memory of running processes is searched"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may read another process's memory"),
]
PINS = {"PIN": PIN.encode(), "mistyped PIN": WRONG_PIN.encode()}
TRADING = masters() | {name: key for card, (serial, meter, _) in CUSTOMERS.items() for name, key in card_keys(card, serial, meter).items()}
PERSON = ("serial", "meter", "customer")
ROOMS = ("screen", "core", "vault")


class Evidence:
    """What is left of the day."""

    def __init__(self, folder: Path, recorded: Recorded) -> None:
        self.folder, self.recording = folder, recorded.glass.written
        stations = {kiosk: station(self.place(kiosk) / "station.json") for kiosk in ("K07", "K08")}
        self.stations = {f"{kiosk} {name}": key for kiosk, keys in stations.items() for name, key in keys.items()}
        self.environment: dict[str, bytes] = {}
        self.memory: dict[str, set[str]] = {room: set() for room in ROOMS}

    def place(self, kiosk: str) -> Path:
        return self.folder / "kiosks" / kiosk

    @property
    def needles(self) -> dict[str, bytes]:
        return {**TRADING, **self.stations, **PINS}

    def files(self) -> list[Path]:
        """All that the day wrote, but for what customers have in their pockets and meters, which are their own makers' memory."""
        return [path for path in self.folder.rglob("*") if not {"cards", "meters"} & set(path.parts)]

    def look(self, recorded: Recorded) -> None:
        """Into the three processes as they are now."""
        pids = {"screen": recorded.glass.pid, "core": recorded.core, "vault": recorded.vault}
        for room, pid in pids.items():
            self.environment[room] = Path(f"/proc/{pid}/environ").read_bytes()
            self.memory[room] |= in_memory(pid, self.needles)

    def facts(self, kiosk: str) -> list[Fact]:
        """The journal, decrypted."""
        key = open_station(self.place(kiosk) / "station.json").database_key()
        with Journal.open(self.place(kiosk) / "store.db", key, create=False, read_only=True) as journal:
            return [row.fact for row in journal.rows()]


@pytest.fixture(scope="module")
def day() -> Iterator[Evidence]:
    """Seven stories, and a technician in the evening; memory is looked at before and after the power cut and in the end."""
    with tempfile.TemporaryDirectory(prefix="day-") as place, pytest.MonkeyPatch.context() as patch:
        with Recorded(Path(place), patch) as recorded:
            evidence = Evidence(Path(place), recorded)
            today = recorded.day()
            until_the_cut = (
                today.first_recharge,
                today.second_after_a_trip,
                today.refused_because_not_taken,
                today.pulled_and_put_back,
                today.pulled_and_finished_elsewhere,
            )
            for stories in (until_the_cut, (today.power_cut_with_a_note_in_escrow,), (recorded.technician, today.paper_out)):
                for story in stories:
                    story()
                evidence.look(recorded)
            evidence.recording = recorded.glass.written
        yield evidence


def test_it_was_a_whole_day_and_the_technician_was_there(day: Evidence) -> None:
    total = account(day.folder / "kiosks")
    assert total.balanced
    assert total.sales >= 7
    came = [fact for fact in day.facts("K07") if isinstance(fact, OperatorEntered | OperatorRefused)]
    assert came == [OperatorRefused(OPERATOR, "pin", ""), OperatorEntered(OPERATOR)]
    for text in (b"Put your electricity card", b"is on the card", b"staff only"):
        assert text in day.recording


def test_the_search_finds_what_is_there(day: Evidence) -> None:
    """Where each secret may be: the masters in the vault's process, the station's in the core's and in its one file."""
    assert {"AUTH master", "KIOSK master"} <= day.memory["vault"]
    assert "K07 station database" in day.memory["core"]
    written = in_files([day.place("K07") / "station.json"], day.stations)
    assert list(written.values()) == [{name for name in day.stations if name.startswith("K07")}]


@pytest.mark.covers("abuse-36")
def test_no_key_and_no_pin_is_in_a_file_of_the_day(day: Evidence) -> None:
    """Stores with their logs, sockets' folders, papers, pictures, what every process said on its standard error."""
    own = {day.place(kiosk) / "station.json" for kiosk in ("K07", "K08")}
    files = [path for path in day.files() if path not in own]
    assert {"store.db", "core.log", "pcscd.log", "001.txt", "notes.json"} <= {path.name for path in files}
    assert in_files(files, day.needles) == {}


@pytest.mark.covers("abuse-36")
@pytest.mark.parametrize("kiosk", ["K07", "K08"])
def test_no_key_and_no_pin_is_in_the_journal_whoever_can_decrypt_it(day: Evidence, kiosk: str) -> None:
    rows = [msgspec.json.encode(fact) for fact in day.facts(kiosk)]
    assert len(rows) > 5
    assert found(b"\n".join(rows), day.needles) == set()


@pytest.mark.covers("abuse-36")
def test_no_key_and_no_pin_was_painted(day: Evidence) -> None:
    assert len(day.recording) > 50_000
    assert found(day.recording, day.needles) == set()


@pytest.mark.covers("abuse-36")
@pytest.mark.parametrize("room", ROOMS)
def test_no_key_and_no_pin_is_in_an_environment(day: Evidence, room: str) -> None:
    assert b"PATH=" in day.environment["core"]
    assert found(day.environment[room], day.needles) == set()


@pytest.mark.covers("abuse-36")
def test_a_processs_memory_has_its_own_keys_and_nobody_elses(day: Evidence) -> None:
    """Looked at after each story, freed memory and all. The vault owns what is of trading, the core the station store, the screen nothing.

    Nobody owns a PIN: it was typed an hour ago.
    """
    stations = {name for name in day.stations if name.startswith("K07")}
    assert day.memory["vault"] <= set(TRADING)
    assert day.memory["core"] <= stations
    assert day.memory["screen"] == set()


@pytest.mark.covers("abuse-53")
def test_nobodys_number_was_painted_logged_or_left_in_a_file(day: Evidence) -> None:
    """The card's last digits are shown. The office's registry and the customer's own paper may say more, and the journal is encrypted."""
    people = {f"{what} of {card}": number.encode() for card, who in CUSTOMERS.items() for what, number in zip(PERSON, who, strict=True)}
    files = [path for path in day.files() if "receipts" not in path.parts and path.name != "registry.db"]
    assert {"store.db", "core.log", "pcscd.log"} <= {path.name for path in files}
    assert in_files([path for path in files if path.name != "kiosk.toml"], people) == {}
    assert found(day.recording, people) == set()


@pytest.mark.covers("abuse-53")
def test_the_journal_has_a_customers_number_only_as_the_card_itself_says_it(day: Evidence) -> None:
    customers = {name: number.encode() for name, (_, _, number) in CUSTOMERS.items()}
    telling = {type(fact).__name__ for kiosk in ("K07", "K08") for fact in day.facts(kiosk) if found(msgspec.json.encode(fact), customers)}
    assert telling == {"ReturnFileArchived"}, "the files of the card, for the head office"
