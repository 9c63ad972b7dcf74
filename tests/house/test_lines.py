"""Each command line that a page shows is run in a kiosk and an office of its own, or stands in NOT_RUN with the reason.

Paths of the pages stand for folders of the sandbox. Passphrases, which the pages have typed, come from files here.
"""

import re
import shlex
from pathlib import Path

import pytest
from typer._click.exceptions import UsageError
from typer.testing import CliRunner

from kiosk.cli import app
from tests.house.lines import command_lines, parsed
from tests.house.test_docs import ROOT, descend
from tests.sync.test_downlink_commands import LIMITS, OUTAGES, PRICES, WORDS

LINES = tuple(dict.fromkeys(line for _, line in command_lines()))

RUN: dict[str, int] = {
    "kiosk init /var/lib/kiosk --id K07": 0,
    "kiosk init /tmp/k07 --id K07": 0,
    "kiosk vault init vault.json --utility 1": 0,
    "kiosk vault show vault.json --json": 0,
    "kiosk vault rotate vault.json": 0,
    "kiosk hq init --office /srv/office --utility 1": 0,
    "kiosk hq init --office office --utility 1": 0,
    "kiosk hq upgrade --office /srv/office": 0,
    "kiosk hq enrol K07 --sign HEX --box HEX --region 3 --office /srv/office": 0,
    "kiosk hq enrol K07 --sign HEX --box HEX --region 3 --office office": 0,
    "kiosk hq publish tariff prices.toml --dry-run --office /srv/office": 0,
    "kiosk hq publish tariff prices.toml --to u1/r3 --office /srv/office": 0,
    "kiosk hq publish texts words.toml --office /srv/office": 0,
    "kiosk hq publish notices outages.toml --office /srv/office": 0,
    "kiosk hq publish limits limits.toml --to K07 --office /srv/office": 0,
    "kiosk hq publish limits limits.toml --office office": 0,
    "kiosk hq publish hotlist cards.txt --office /srv/office": 0,
    "kiosk hq publish hotlist more.txt --change --office /srv/office": 0,
    "kiosk hq publish roster K07 roster.json --office /srv/office": 0,
    "kiosk hq publish float u1/r3 50000.00 --office /srv/office": 0,
    "kiosk hq publish float K07 50000.00 --office /srv/office": 0,
    "kiosk hq publish float K07 50000.00 --office office": 0,
    "kiosk hq publish persons K07 customers.csv --office /srv/office": 0,
    "kiosk hq publish keys --revoke-kiosk K09 --office /srv/office": 0,
    "kiosk hq staff key anna --office /srv/office": 0,
    "kiosk hq staff add anna --login anna --key HEX --may settle --office /srv/office": 0,
    "kiosk hq staff list --office /srv/office": 0,
    "kiosk hq staff end anna --office /srv/office": 0,
    "kiosk hq approve list --office /srv/office": 0,
    "kiosk hq import /media/stick --office /srv/office": 0,
    "kiosk hq kiosks --office /srv/office": 0,
    "kiosk hq work --office /srv/office": 0,
    "kiosk hq report day 2026-11-03 --office /srv/office": 0,
    "kiosk hq report month 2026-11 --csv --out november.csv --office /srv/office": 0,
    "kiosk hq report hours 2026-11 --office /srv/office": 0,
    "kiosk hq report boxes 2026-11 --kiosk K07 --office /srv/office": 0,
    "kiosk hq report floats --json --office /srv/office": 1,  # one is on its way, and has to be looked at
    "kiosk hq report suspects --days 90 --office /srv/office": 0,
    "kiosk hq report counted bags.csv --office /srv/office": 1,  # anna has left; with two people: tests/hq/test_report_command.py
    "kiosk hq report check --office /srv/office": 0,
    "kiosk hq settle list --office /srv/office": 0,
    "kiosk hq settle list --office /srv/office --vault vault.json": 0,
    "kiosk hq settle alarms --office /srv/office": 0,
    "kiosk hq order list --office /srv/office": 0,
    "kiosk hq order match --office /srv/office": 0,
    "kiosk hq order least 1.00 --currency CNY --office /srv/office": 0,
    "kiosk hq order send K07 --office /srv/office --vault vault.json --code-float 2000.00": 0,
    "kiosk hq order take /mnt/site --office /srv/office": 0,
    'kiosk hq order complete --office /srv/office --note "all files of /mnt/site, compared with the partners\' lists of today"': 0,
    "kiosk hq partner add bank --order-max 500.00 --day-max 20000.00 --office /srv/office": 0,
    "kiosk hq partner add bank --acquirer 12345 --order-max 500.00 --day-max 20000.00 --office /srv/office": 1,  # there is one
    'kiosk hq partner pay-in bank 10000.00 --payment "transfer 4711" --office /srv/office': 0,
    "kiosk hq close 2026-11 --office /srv/office": 0,
    "kiosk hq backup /backup --office /srv/office --keys /safe/keys --off-site": 0,
    "kiosk hq doctor --office /srv/office --also /backup": 1,  # this folder was made with mode 0755
    "kiosk doctor --config /var/lib/kiosk/kiosk.toml": 3,  # no device is there
    "kiosk backup /media/backup": 0,
    "kiosk journal verify --store /var/lib/kiosk/store.db --station /var/lib/kiosk/station.json": 0,
    "kiosk report day --date 2026-11-03 --config /var/lib/kiosk/kiosk.toml": 0,
    "kiosk sync status": 0,
    "kiosk sync import /media/stick": 0,
    "kiosk boot status": 3,  # no kiosk runs
    "kiosk hq pin": 1,  # what is typed here is no PIN
    "kiosk detect": 3,  # no port is free
    "kiosk hq drill /backup/hq-1-20261103T013000Z": 0,
    "kiosk hq restore /backup/hq-1-20261103T013000Z --office /srv/new --keys /safe/keys --mail /srv/mail": 0,
    "kiosk restore /media/backup/K07-9f3c01d2-0000001207": 1,  # the store is still there
    "kiosk hq card show 1122334455667788": 1,
    "kiosk hq approve show 7 --office /srv/office": 1,  # there is none
    'kiosk hq approve refuse 7 --why "the box says otherwise" --office /srv/office': 1,
    "kiosk hq order show 7KQ2M4XDR3 --office /srv/office": 1,
    "kiosk hq settle show K07-000123 --office /srv/office --vault vault.json": 1,
    "kiosk explain K07-000123 --config /var/lib/kiosk/kiosk.toml": 1,
    "kiosk explain ..7730 --for auditor --config /var/lib/kiosk/kiosk.toml": 1,
    "kiosk hq explain K07-000123-9F --office /srv/office": 1,
}
SET_UP = "sets up a whole environment: .ci/run runs it in a fresh clone"
DAY = "plays a whole day, or wants one that was kept: tests/demo/test_day.py"
READER = "wants a card reader with a card: tests/hq/test_issue.py, tests/keys"
SERVES = "serves until it is ended: the door's and the gateway's own tests"
HAND = "wants a simulator that runs in another window: tests/simulation"
CASE = "wants a case, an order or a slip of that very name: tests/hq"
NOT_RUN: dict[str, str] = {
    "./run check": SET_UP,
    "./run test": SET_UP,
    "./run test tests/cash -x": SET_UP,
    "./run prove": SET_UP,
    "./run prove --hours 8": SET_UP,
    "./run bench": SET_UP,
    "./run demo": SET_UP,
    "./run demo --script --keep /tmp/day": DAY,
    "kiosk hq kiosks --office /tmp/day/office": DAY,
    "kiosk hq report day 2026-11-25 --office /tmp/day/office": DAY,
    "kiosk hq import /tmp/day/stick --office /tmp/day/office": DAY,
    "kiosk journal verify --store /tmp/day/kiosks/K07/store.db --station /tmp/day/kiosks/K07/station.json": DAY,
    "kiosk hq card open --reader ACR39U --customer 000098765432 --meter 000012345678 --vault vault.json": READER,
    "kiosk hq store make K07 --card Boot --vault vault.json --office /srv/office": READER,
    "kiosk hq store make K07 --card Boot --vault vault.json --office office": READER,
    "kiosk boot unlock": READER,
    "kiosk hq serve --office /srv/office": SERVES,
    "kiosk hq partner serve --iso 8583 --certificate hq.pem --key hq.key --office /srv/office --vault vault.json": SERVES,
    "kiosk hq partner serve --certificate hq.pem --key hq.key --office /srv/office --vault vault.json --off-site /mnt/other-site": SERVES,
    "kiosk run --config /var/lib/kiosk/kiosk.toml": SERVES,
    "kiosk run --config /tmp/k07/kiosk.toml": SERVES,
    "kiosk sim all --config /tmp/k07/kiosk.toml": SERVES,
    "kiosk sim terminal --listen 127.0.0.1:20007 --book /tmp/book --control /tmp/pos.ctl": SERVES,
    "kiosk sim notes --protocol essp --link /tmp/notes --control /tmp/notes.ctl --state /tmp/notes.json": SERVES,
    "kiosk sim tell /tmp/pos.ctl pos to=decline": HAND,
    "kiosk sim tell /tmp/notes.ctl insert_note value_minor=1000": HAND,
    "kiosk sim tell /tmp/k07/sim/control card insert_card": HAND,
    "kiosk sim tell /tmp/k07/sim/control notes insert_note value_minor=10000": HAND,
    "kiosk conform board --protocol semaphore --port /dev/ttyUSB0": "takes some minutes and a device: tests/devices/test_third_party.py",
    "kiosk hq order make --card 1122334455667788 --amount 100.00 --purchase 18-2 --office /srv/office --vault vault.json": CASE,
    "kiosk hq order quote --card 1122334455667788 --amount 100.00 --purchase 18-2 --office /srv/office --vault vault.json": CASE,
    "kiosk hq order proof 7KQ2M4XDR3 01234 56789 --office /srv/office --vault vault.json": CASE,
    "kiosk hq settle make K07-000123 --office /srv/office --vault vault.json": CASE,
    "kiosk hq settle paper K1:AEBE... --office /srv/office": CASE,
    "kiosk hq settle burned K07 --box notes=1240.00:31 --counter notes=4711 --office /srv/office": CASE,
    "kiosk hq approve release 7 --office /srv/office --vault vault.json": CASE,
}

FILES = {
    "prices.toml": PRICES,
    "words.toml": WORDS,
    "outages.toml": OUTAGES,
    "limits.toml": LIMITS,
    "cards.txt": "1122334455667788\n",
    "more.txt": "1122334455667788\n1122334455667799\n",
    "customers.csv": "customer,name\n000098765432,Akinyi Otieno\n",
    "bags.csv": "kiosk,device,bag,pieces,amount\nK07,notes,000000000123,212,10450.00\n",
    "roster.json": '{"operators":[],"grants":[]}',
}
PLACES = ("srv", "var", "tmp", "media", "mnt", "backup", "safe")
AT = re.compile(rf"(?<= )/(?=(?:{'|'.join(PLACES)})\b)")
SECRETS = {
    "--first-secret": "one person's passphrase",
    "--second-secret": "another one's words",
    "--secret-file": "decided by a third",
    "--decision-secret": "decided by a third",
    "--staff-secret": "anna's own passphrase",
}


class Sandbox:
    """Folders in the place of those that the pages name, and what somebody would type."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.hex = folder, dict[str, str]()
        for place in ("srv", "var/lib", "tmp", "media/stick/downlink", "media/backup", "mnt/site", "backup", "safe/keys"):
            (folder / place).mkdir(parents=True)
        for name, text in {**FILES, **SECRETS}.items():
            (folder / name).touch(0o600)
            (folder / name).write_text(text)

    def words(self, line: str) -> list[str]:
        """As the program gets them; a backup of the pages is the newest that is here."""
        words = shlex.split(AT.sub(f"{self.folder}/", line))[1:]
        command, _ = descend(ROOT, words)
        known = {option for parameter in command.params for option in parameter.opts}
        found = [self._made(word, self.hex.get(words[at - 1], word) if word == "HEX" else word) for at, word in enumerate(words)]
        return found + [word for option in SECRETS if option in known for word in (option, str(self.folder / option))]

    def _made(self, word: str, instead: str) -> str:
        name = Path(word).name
        there = sorted(Path(word).parent.glob(f"{name.split('-')[0]}-*")) if re.match(r"(hq-1|K07)-[0-9a-f]", name) else []
        return str(there[-1]) if there else instead

    def runs(self, line: str) -> tuple[int, str]:
        """Its exit code and what it says."""
        said = CliRunner().invoke(app, self.words(line))
        keys = re.findall(r"\b[0-9a-f]{64}\b", said.output)
        if line.startswith("kiosk init"):
            self.hex["--sign"], self.hex["--box"] = keys
        if line.startswith("kiosk hq staff key"):
            self.hex["--key"] = keys[0]
        assert said.exception is None or isinstance(said.exception, SystemExit), (line, said.exception)
        return said.exit_code, said.output


def test_every_line_that_can_be_run_in_a_sandbox_ends_as_its_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = Sandbox(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KIOSK_CONFIG", str(tmp_path / "var/lib/kiosk/kiosk.toml"))
    monkeypatch.setenv("KIOSK_REGISTRY", str(tmp_path / "srv/office/registry.db"))
    wrong = [(line, code, said[-400:]) for line, code in RUN.items() for ended, said in [sandbox.runs(line)] if ended != code]
    assert wrong == [], "\n".join(map(str, wrong))


def test_every_line_is_run_or_has_a_reason_and_no_reason_is_left_over() -> None:
    assert sorted([*RUN, *NOT_RUN]) == sorted(LINES)
    assert [line for line, why in NOT_RUN.items() if len(why.split()) < 4] == []


@pytest.mark.parametrize("line", LINES)
def test_the_product_s_own_parser_takes_the_line(line: str) -> None:
    parsed(ROOT, line)


@pytest.mark.parametrize("line", ["kiosk hq publish texts words.toml", "kiosk hq enrol K07", "kiosk hq fly", "kiosk init a b --id K07"])
def test_a_line_that_the_parser_refuses_is_found(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KIOSK_OFFICE", raising=False)
    with pytest.raises((LookupError, UsageError)):
        parsed(ROOT, line)
