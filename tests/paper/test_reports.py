"""A technician asks the machine what it took and what is in its boxes; a translator asks it for papers of sales that never were."""

import json
import subprocess
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from kiosk.cli import app
from kiosk.commands.receipt_samples import KINDS, PUBLIC_KEY
from kiosk.devices.sim.printer import PrinterSimulator
from kiosk.devices.sim.printer_line import TcpLine
from kiosk.devices.vault.station import create_station, open_station
from kiosk.vend.facts import PriceLine, SaleClosed, Tender
from kiosk.vend.journal import Journal
from kiosk.vend.totals import seal_of
from tests.paper.test_totals import claimed, sold
from tests.sale.shop import Shop

CONFIG = """
[kiosk]
id = "K07"
demo = true
languages = ["en", "zh"]
[store]
path = "{folder}/store.db"
station = "{folder}/station.json"
"""
PRINTER = """
[[device]]
role = "printer"
protocol = "escpos"
port = "{port}"
options = {{ profile = "58mm" }}
"""
DAY = "2026-11-25"  # of the shop's clock


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A kiosk that sold 150.00 and owes 20.00."""
    shop = Shop()
    sold(shop, 100_00, 50_00)
    claimed(shop, 20_00, "1122334455667799")
    station = create_station(tmp_path / "station.json")
    with Journal.open(tmp_path / "store.db", station.database_key(), at_ms=shop.rows[0][1].at_ms) as journal:
        for fact, row in shop.rows:
            journal.append(row.at_ms, row.boot, row.mono_ms, (fact,))
    (tmp_path / "kiosk.toml").write_text(CONFIG.format(folder=tmp_path))
    return tmp_path


def report(folder: Path, *words: str) -> tuple[int, str, str]:
    said = CliRunner().invoke(app, ["report", *words, "--config", str(folder / "kiosk.toml")])
    assert said.exception is None or isinstance(said.exception, SystemExit)
    return said.exit_code, said.stdout, said.stderr


def test_the_day_is_told_on_the_terminal(folder: Path) -> None:
    code, text, _ = report(folder, "day", "--date", DAY, "--width", "32")
    assert code == 0
    for line in (
        "DAY REPORT  25 Nov 2026",
        "  notes                   170.00",
        "TAKEN                     170.00",
        "On cards 1                145.00",
        "Fixed fees                  5.00",
        "Open claims 1              20.00",
        "GIVEN                     170.00",
        "Not yet at HQ             170.00",
    ):
        assert line in text
    assert all(len(line) <= 32 for line in text.splitlines())


def test_the_box_is_told_on_the_terminal_while_the_kiosk_has_its_journal_open(folder: Path) -> None:
    with Journal.open(folder / "store.db", open_station(folder / "station.json").database_key()) as journal:
        code, text, _ = report(folder, "box", "--width", "32")
        seq, head = journal.head()
    assert code == 0
    for line in (
        "Notes  50 x 1              50.00",
        "IN THE BOX 3              170.00",
        "Credit, fees, debt        150.00",
        "Difference                  0.00",
        f"Journal row{seq:>21}",
        f"Seal{seal_of(head.hex()):>28}",
    ):
        assert line in text
    assert "Box still in" in text
    assert "Signed" not in text


def test_the_same_as_json_with_its_sums(folder: Path) -> None:
    day, box = (json.loads(report(folder, kind, "--json", *more)[1]) for kind, more in (("day", ("--date", DAY)), ("box", ())))
    assert (day["kiosk"], day["date"], day["sales"]) == ("K07", DAY, 2)
    assert (day["taken_minor"], day["given_minor"], day["difference_minor"]) == (170_00, 170_00, 0)
    assert (box["count"], box["in_the_box_minor"], box["difference_minor"], box["given"]["claims_minor"]) == (3, 170_00, 0, 20_00)


def test_a_technician_reads_it_in_another_language_and_a_day_without_sales_is_a_report_too(folder: Path) -> None:
    assert "收款" in report(folder, "day", "--date", DAY, "--language", "zh")[1]
    code, text, _ = report(folder, "day", "--date", "2026-11-24", "--width", "32")
    assert code == 0
    assert "TAKEN                       0.00" in text
    assert "Journal rows                   -\n" in text


@pytest.mark.parametrize(
    ("kind", "tenders"),
    [(("day", "--date", DAY), ()), (("box",), (Tender("notes", 50_00, 1),))],  # credit without money, and money that never fell in
)
def test_what_does_not_add_up_ends_with_1(folder: Path, kind: tuple[str, ...], tenders: tuple[Tender, ...]) -> None:
    line = PriceLine("to_card", 50_00, summed=True)
    ends = (50_00, None, (line,), "CNY", 2, 50_00, 0, 0, None, "t", 1, None, DAY, "+0800", 9, 0)
    lie = SaleClosed("00" * 8, "landed", "", "", 2, tenders, *ends)
    with Journal.open(folder / "store.db", open_station(folder / "station.json").database_key()) as journal:
        last = list(journal.rows())[-1].row
        journal.append(last.at_ms, last.boot, last.mono_ms, (lie,))
    code, text, said = report(folder, *kind, "--width", "32")
    assert code == 1
    assert "Difference                -50.00" in text
    assert said.count("\n") == 1


WRONG = [
    (("day", "--date", "3 Nov"), 2, "no day"),
    (("day", "--date", "2026-02-30"), 2, "no day"),
    (("day", "--language", "xx"), 2, "no catalogue"),
    (("box", "--width", "40"), 2, "48 or 32"),
    (("box", "--print"), 3, "names no printer"),
]


@pytest.mark.parametrize(("words", "code", "why"), WRONG)
def test_a_wrong_call_is_one_sentence(folder: Path, words: tuple[str, ...], code: int, why: str) -> None:
    found, _, said = report(folder, *words)
    assert (found, said.count("\n")) == (code, 1)
    assert why in said


@pytest.mark.parametrize(("missing", "code"), [("kiosk.toml", 2), ("station.json", 3), ("store.db", 3)])
def test_what_is_not_there_is_one_sentence(folder: Path, missing: str, code: int) -> None:
    (folder / missing).unlink()
    found, _, said = report(folder, "day")
    assert (found, said.count("\n")) == (code, 1)


def test_a_damaged_store_ends_with_4(folder: Path) -> None:
    raw = bytearray((folder / "store.db").read_bytes())
    raw[-1] ^= 1
    (folder / "store.db").write_bytes(raw)
    assert report(folder, "day")[0] == 4


def test_it_comes_out_of_the_printer_or_says_that_it_did_not(folder: Path) -> None:
    line = TcpLine()
    simulator = PrinterSimulator(line, folder / "papers", columns=32)
    simulator.start()
    (folder / "kiosk.toml").write_text((CONFIG + PRINTER).format(folder=folder, port=line.address))
    try:
        code, text, _ = report(folder, "day", "--date", DAY, "--print", "--width", "32")
        assert code == 0
        assert simulator.do({"do": "state"})["papers"] == 1
        assert (folder / "papers" / "001.txt").read_text("utf-8") == text
        simulator.do({"do": "paper", "to": "out"})
        code, _, said = report(folder, "box", "--print")
        assert (code, said) == (1, "The report is not printed (failed): look at the printer.\n")
    finally:
        simulator.stop()
    code, _, said = report(folder, "box", "--print")
    assert (code, said.count("\n")) == (3, 1)


def test_a_profile_that_nobody_knows_is_said(folder: Path) -> None:
    (folder / "kiosk.toml").write_text((CONFIG + PRINTER).format(folder=folder, port="/dev/null").replace("58mm", "none"))
    assert report(folder, "box", "--print")[0] == 2


# ---------------------------------------------------------------- papers of no sale


def sample(*words: str) -> tuple[int, str, str]:
    said = CliRunner().invoke(app, ["receipt", "sample", *words])
    return said.exit_code, said.stdout, said.stderr


def test_all_five_papers_are_shown_as_text() -> None:
    code, text, _ = sample("all", "--language", "fr", "--width", "32")
    assert code == 0
    assert all(title in text for title in ("RECHARGE D'ÉLECTRICITÉ", "COPIE 1", "BON D'AVOIR", "BON DE CAISSE", "RAPPORT DU JOUR"))


@pytest.mark.screen
def test_the_picture_is_what_the_printer_prints_and_its_code_is_genuine_to_the_public_key(tmp_path: Path) -> None:
    code, text, _ = sample("claim", "--language", "zh", "--width", "32", "--png", str(tmp_path / "claim.png"))
    assert (code, text) == (0, "")
    scanned = subprocess.run(["zbarimg", "-q", "--raw", tmp_path / "claim.png"], capture_output=True, text=True, check=True).stdout
    said = CliRunner().invoke(app, ["receipt", "verify", scanned.strip(), "--key", PUBLIC_KEY.hex()])
    assert said.stdout.startswith("Genuine slip K07-000123: 150.00")


def test_one_sheet_holds_all_five(tmp_path: Path) -> None:
    assert sample("--width", "32", "--png", str(tmp_path / "all.png"))[0] == 0
    with Image.open(tmp_path / "all.png") as sheet:
        assert sheet.width > len(KINDS) * 32 * 12


@pytest.mark.parametrize(
    ("words", "code"), [(("--language", "xx"), 2), (("--width", "40"), 2), (("poem",), 2), (("claim", "--png", "/dev/null/x.png"), 3)]
)
def test_a_sample_that_cannot_be_shown_is_said(words: tuple[str, ...], code: int) -> None:
    assert sample(*words)[0] == code
