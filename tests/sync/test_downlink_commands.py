"""`kiosk hq publish` as people type it, and `kiosk sync import` at a kiosk that stands still: from a file to a fact."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from kiosk.commands.hq import hq_app
from kiosk.devices.vault.station import open_station
from kiosk.hq.downlink.sources import READ
from kiosk.hq.office import Enrolled
from kiosk.vend.clock import TimeSigned
from kiosk.vend.greeting import PersonsInstalled
from kiosk.vend.journal import Journal
from kiosk.vend.notices import NoticesInstalled
from kiosk.vend.pricelist import TariffInstalled
from kiosk.vend.trust import HotlistInstalled
from kiosk.vend.wording import TextsInstalled
from tests.keys.kit import DECISION, FIRST, KIOSK, REGION, SECOND, HeadOffice, station_of

RUN = CliRunner()
TODAY = datetime.now(UTC).replace(microsecond=0)
PRICES = f"""
currency = "CNY"
[[tariff]]
id = "home/7"
price = "0.5800"
fixed_fee_minor = 500
from = {(TODAY - timedelta(days=1)).isoformat()}
until = {(TODAY + timedelta(days=30)).isoformat()}
[[tariff]]
id = "home/8"
price = "0.6100"
fixed_fee_minor = 500
from = {(TODAY + timedelta(days=30)).isoformat()}
until = {(TODAY + timedelta(days=400)).isoformat()}
"""
WORDS = '[phone]\n"*" = "0800 555 000"\n[footer]\nen = "Thank you"\nsw = "Asante"\n'
OUTAGES = f"""
[[notice]]
place = "u1/r{REGION}"
from = {(TODAY + timedelta(days=2)).isoformat()}
to = {(TODAY + timedelta(days=2, hours=3)).isoformat()}
words = {{ en = "Line repair.", fr = "Travaux de ligne." }}
"""
LIMITS = 'restart = "none"\n[values]\nsale_max_minor = 40000\n'


class Desk:
    """A head office, its passphrases in files, and one that works at it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.hq = folder, HeadOffice(folder)
        self.decision = ("--secret-file", self._secret("d", DECISION))
        self.root = ("--first-secret", self._secret("1", FIRST), "--second-secret", self._secret("2", SECOND))

    def _secret(self, name: str, words: str) -> str:
        path = self.folder / f"secret-{name}"
        path.write_text(words + "\n")
        path.chmod(0o600)
        return str(path)

    def file(self, name: str, text: str | bytes) -> str:
        path = self.folder / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return str(path)

    def says(self, *words: str, code: int = 0) -> list[str]:
        done = RUN.invoke(hq_app, ["publish", *words, "--office", str(self.hq.bag)])
        assert done.exit_code == code, (words, done.output)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return (done.output if code else done.stdout).splitlines()

    def sent(self) -> set[str]:
        return {str(path.relative_to(self.hq.bag / "downlink")) for path in (self.hq.bag / "downlink").rglob("*-*")}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_from_the_files_of_the_office_to_the_journal_of_a_kiosk(desk: Desk) -> None:
    def kiosk(*words: str, code: int = 0) -> str:
        done = subprocess.run([sys.executable, "-m", "kiosk", *words], capture_output=True, text=True, timeout=60, check=False)
        assert "Traceback" not in done.stderr
        assert done.returncode == code, done.stderr
        return done.stdout

    home = desk.folder / KIOSK
    kiosk("init", str(home), "--id", KIOSK)
    config = home / "kiosk.toml"
    root = ", ".join(f'"{key}"' for key in desk.hq.office.record.roots)
    store = f'[store]\npath = "{home}/store.db"\nstation = "{home}/station.json"'
    config.write_text(f'[kiosk]\nid = "{KIOSK}"\nregion = {REGION}\n{store}\n[keys]\nroot = [{root}]\n')
    station = open_station(home / "station.json")
    desk.hq.know(station)
    desk.says("tariff", desk.file("prices.toml", PRICES), "--to", "u1", *desk.decision)
    desk.says("texts", desk.file("words.toml", WORDS), *desk.decision)
    desk.says("notices", desk.file("outages.toml", OUTAGES), *desk.decision)
    desk.says("hotlist", desk.file("cards.txt", "1122334455667788\n00000000000000aa\n"), *desk.decision)
    desk.says("hotlist", desk.file("cards.txt", "1122334455667788\n00000000000000aa\n00000000000000bb\n"), "--change", *desk.decision)
    desk.says("persons", "all", desk.file("people.csv", "customer,name\n000098765432,Amina Kato\n"), *desk.decision)
    said = kiosk("sync", "import", str(desk.hq.bag), "--config", str(config))
    assert said.count(": installed.") == len(said.splitlines()) == 7
    with Journal.open(home / "store.db", station.database_key(), create=False, read_only=True) as journal:
        facts = [recorded.fact for recorded in journal.rows()]
    (tariff,) = [fact for fact in facts if isinstance(fact, TariffInstalled)]
    assert [(one.id, one.price) for one in tariff.periods] == [("home/7", "0.5800"), ("home/8", "0.6100")]
    (texts,) = [fact for fact in facts if isinstance(fact, TextsInstalled)]
    assert texts.texts == {"phone": {"*": "0800 555 000"}, "footer": {"en": "Thank you", "sw": "Asante"}}
    (notices,) = [fact for fact in facts if isinstance(fact, NoticesInstalled)]
    assert notices.notices[0].words == {"en": "Line repair.", "fr": "Travaux de ligne."}
    assert [fact.cards for fact in facts if isinstance(fact, HotlistInstalled)] == [2, 3]
    assert [fact for fact in facts if isinstance(fact, PersonsInstalled)]
    assert len([fact for fact in facts if isinstance(fact, TimeSigned)]) <= 1
    assert "Amina" not in repr(facts)
    assert "A***" not in repr(facts)
    again = kiosk("sync", "import", str(desk.hq.bag), "--config", str(config), code=1)
    assert again.count("there is no way back") == 7


def test_a_dry_run_says_everything_wants_no_passphrase_and_changes_nothing(desk: Desk) -> None:
    desk.hq.know(station_of(desk.folder / "k"))
    desk.hq.send_limits(sale_max_minor=100_00)
    desk.says("limits", desk.file("limits.toml", LIMITS), "--to", KIOSK, *desk.decision)
    before, record = desk.sent(), (desk.hq.bag / "office.json").read_bytes()
    (line,) = desk.says("tariff", desk.file("prices.toml", PRICES), "--dry-run")
    assert line.startswith("tariff 1.1 to all 1 kiosk, ")
    assert "home/7, home/8" in line
    said = desk.says("limits", desk.file("limits.toml", LIMITS), "--dry-run")
    assert said[0].startswith("limits 1.3 to all 1 kiosk, ")
    assert said[1:] == [f"It takes the place of what was sent to {KIOSK} (1.2)."]
    assert desk.says("float", "all", "100.00", "--dry-run") == [f"float to {KIOSK}: 100.00 more each, 30 days."]
    assert "revoked are 1 kiosks" in desk.says("keys", "--revoke-kiosk", "K99", "--dry-run")[0]
    assert "epoch 2" in desk.says("keys", "--new-epoch", "--dry-run")[0]
    assert (desk.sent(), (desk.hq.bag / "office.json").read_bytes()) == (before, record)


def test_one_kiosk_a_place_and_all_each_get_what_is_theirs(desk: Desk) -> None:
    for name, place in (("K07", "u1/r3/s1/k07"), ("K08", "u1/r3/s2/k08"), ("K09", "u1/r4/k09")):
        station = station_of(desk.folder / name)
        desk.hq.office.enrol(name, Enrolled(station.public_key.hex(), station.box_key.hex(), REGION, place))
    desk.says("texts", desk.file("words.toml", WORDS), *desk.decision)
    desk.says("texts", desk.file("words.toml", WORDS), "--to", "u1/r3", *desk.decision)
    desk.says("texts", desk.file("words.toml", WORDS), "--to", "K09", *desk.decision)
    desk.says("float", "u1/r3", "100.00", *desk.decision)
    assert desk.sent() == {
        "all/keys-1-1",
        "all/texts-1-1",
        "K07/texts-1-2",
        "K08/texts-1-2",
        "K09/texts-1-3",
        "K07/float-1-1",
        "K08/float-1-1",
    }


def test_the_root_begins_a_new_epoch_by_two_people(desk: Desk) -> None:
    assert desk.says("keys", "--new-epoch", "--epoch", "3", *desk.root)[-1].endswith("downlink/all/keys-3-1")
    assert "above it" in desk.says("keys", "--new-epoch", "--epoch", "2", *desk.root, code=1)[-1]
    assert "does not open" in desk.says("keys", "--new-epoch", *desk.root[:3], desk.decision[1], code=1)[-1]


@pytest.mark.parametrize(
    ("words", "text", "why"),
    [
        (("tariff",), "currency = ", "It is no TOML"),
        (("tariff",), b"\xff\xfe", "is not text"),
        (("tariff",), 'currency = "CNY"\nprices = 1\n', "prices is not a key of it; known are currency, tariff."),
        (("tariff",), 'currency = "CNY"\ntariff = 5\n', "[[tariff]]"),
        (("tariff",), PRICES.replace("+00:00", ""), "with its zone"),
        (("tariff",), PRICES.replace("0.5800", "0.0000"), "has no price"),
        (("tariff",), PRICES.replace("0.5800", "-1.0000"), "price"),
        (("tariff",), PRICES.replace("0.6100", "61.0000"), "more than 10 times"),
        (("tariff",), PRICES.replace('price = "0.5800"', "price = 0.58"), "price"),
        (("texts",), '[phone]\nen = "0800\\u202e1"\n', "no letter, figure or mark"),
        (("texts",), '[greeting]\nen = "Hello"\n', "not one of"),
        (("notices",), OUTAGES.replace("place", "where"), "where"),
        (("limits",), '{"restart":"always"}', "Invalid enum value 'always'"),
        (("limits",), "{", "It is no JSON"),
        (("hotlist",), "zz\n", "one serial of 16 hex digits a line"),
        (("hotlist", "--change"), "1122334455667788\n", "No whole hotlist was sent there yet"),
        (("persons", KIOSK), "customer,name\n12,Amina Kato\n", "Line 2 is no customer number"),
        (("roster", KIOSK), '{"operators":[{"number":"1","pin":"x"}]}', "No kiosk would take it."),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_file_is_one_sentence_and_nothing_is_signed(
    desk: Desk, words: tuple[str, ...], text: str | bytes, why: str
) -> None:
    desk.hq.know(station_of(desk.folder / "k"))
    before = desk.sent()
    *said, last = desk.says(*words, desk.file("file", text), *desk.decision, code=1)
    assert not said
    assert why in last
    assert "Amina" not in last
    assert desk.sent() == before
    assert set(READ) == {"tariff", "texts", "notices", "limits"}
