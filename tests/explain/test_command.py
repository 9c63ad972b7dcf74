"""`kiosk explain` over a real store: a sale, a paper or a card is found, or one sentence says why not."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from kiosk.cli import app
from kiosk.devices.vault.station import FileStation, create_station, open_station
from kiosk.vend import facts as f
from kiosk.vend.damm import purchase_number
from kiosk.vend.evidence import CASH, RECEIPT, SLIP, Evidence, encode
from kiosk.vend.explain.lookup import find, gather
from kiosk.vend.explain.telling import story
from kiosk.vend.journal import Journal
from tests.explain.test_stories import CASES, torn_claimed
from tests.paper.test_reports import CONFIG
from tests.sale.shop import METER, Card, Shop

OTHER = "aabbccddeeff7788"  # ends like the first card


def written(folder: Path, shop: Shop) -> Path:
    """The shop's rows in a store, and its kiosk.toml."""
    station = create_station(folder / "station.json")
    with Journal.open(folder / "store.db", station.database_key(), at_ms=shop.rows[0][1].at_ms) as journal:
        for fact, row in shop.rows:
            journal.append(row.at_ms, row.boot, row.mono_ms, (fact,))
    (folder / "kiosk.toml").write_text(CONFIG.format(folder=folder))
    return folder


def buys(shop: Shop, serial: str, note: int = 20_00) -> Card:
    card = Card(serial=serial)
    shop.insert(card)
    shop.feed(note)
    shop.press("finish")
    shop.pull()
    card.into_meter()
    return card


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A torn sale that is claimed, a card with two purchases, another with the same last digits as the first."""
    shop = torn_claimed()
    shop.press("slip_taken")
    card = buys(shop, "0123456789abcd42")
    shop.insert(card)
    shop.feed(50_00)
    shop.press("finish")
    shop.pull()
    buys(shop, OTHER)
    return written(tmp_path, shop)


def station(folder: Path) -> FileStation:
    return open_station(folder / "station.json")


def rows(folder: Path) -> Iterator[tuple[f.Fact, str]]:
    with Journal.open(folder / "store.db", station(folder).database_key(), create=False, read_only=True) as journal:
        for each in journal.rows():
            yield each.fact, each.row.hash


def sale_of(folder: Path, which: int = 0) -> f.SaleOpened:
    return [fact for fact, _ in rows(folder) if isinstance(fact, f.SaleOpened)][which]


def explain(folder: Path, *said: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["explain", *said, "--config", str(folder / "kiosk.toml")])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


def test_a_sale_is_found_by_its_id_and_told_to_each_in_their_words(folder: Path) -> None:
    sale = sale_of(folder).sale
    told = {reader: explain(folder, sale, "--for", reader) for reader in ("customer", "technician", "auditor")}
    assert {code for code, _, _ in told.values()} == {0}
    assert "The card will tell." in told["customer"][1]
    assert "WHAT WOULD CHANGE THIS ANSWER" in told["technician"][1]
    assert "kiosk journal verify recomputes all of them" in told["auditor"][1]
    assert "钱在哪里" in explain(folder, sale, "--language", "zh")[1]


def test_a_slip_is_found_by_its_number_and_its_check_is_checked(folder: Path) -> None:
    (check,) = [row_hash[:2].upper() for fact, row_hash in rows(folder) if isinstance(fact, f.ClaimIssued)]
    for asked in ("K07-000001", f"K07-000001-{check}", f"k07-000001-{check.lower()}"):
        code, text, _ = explain(folder, asked)
        assert (code, f"paper K07-000001-{check}" in text) == (0, True)
    wrong = f"{int(check, 16) ^ 1:02X}"
    for asked, why in (
        (f"K07-000001-{wrong}", "The check does not fit the number: it was misread, or this machine did not print that slip."),
        ("K07-000002-00", "Paper 2 is a receipt, and a receipt's number has no check: the number is not as it was printed."),
        ("K07-000099", "This kiosk has given no paper the number 99."),
        ("K08-000001", "That paper is of kiosk K08; this is K07."),
    ):
        assert explain(folder, asked) == (1, "", why + "\n")


def test_a_code_proves_itself_and_the_journal_has_to_say_the_same(folder: Path) -> None:
    opened, keys = sale_of(folder), station(folder)
    slip = Evidence(SLIP, "K07", 1, 100_00, opened.card[-4:], METER, opened.n, "", 1, CASH, opened.sale, 9, "00" * 8)
    receipt = Evidence(RECEIPT, "K07", 2, 15_00, "cd42", METER, 2, "", 1)
    for said in (slip, receipt):
        code, text, _ = explain(folder, encode(said, keys.sign))
        assert (code, f"paper K07-00000{said.number}" in text) == (0, True)
    for other in (replace(slip, n=7), replace(slip, sale="00" * 8), replace(receipt, card_tail="ffff"), replace(receipt, number=77)):
        code, _, why = explain(folder, encode(other, keys.sign))
        assert (code, why.startswith("The code is genuine, and the journal does not say the same")) == (1, True)
    forged = encode(slip, lambda _label, _data: bytes(64))
    assert explain(folder, forged)[2] == "The signature is not that kiosk's: the code was changed, or another key made it.\n"
    assert explain(folder, encode(replace(slip, kiosk="K08"), keys.sign))[2] == "That code is of kiosk K08; this is K07.\n"
    assert explain(folder, "K1:AAAA")[0] == 1


def test_a_card_is_told_with_all_its_sales_the_newest_first(folder: Path) -> None:
    for asked in ("0123456789abcd42", "..cd42", "CD42"):
        code, text, _ = explain(folder, asked)
        assert code == 0
        assert text.index(f"purchase {purchase_number(3)}") < text.index(f"purchase {purchase_number(2)}")
        assert text.count("WHERE THE MONEY IS") == 2
    assert "is in meter" in text[text.index(f"purchase {purchase_number(2)}") :]  # learnt when the card came to buy again


def test_a_tail_that_fits_several_cards_says_so(folder: Path) -> None:
    assert explain(folder, "7788") == (1, "", "2 cards end in 7788: ask with more of the serial's digits.\n")
    assert explain(folder, "ff7788")[0] == 0
    assert explain(folder, "beef")[2] == "No sale and no card of that name was ever seen here.\n"


def test_a_customer_gets_no_full_number_in_json_either(folder: Path) -> None:
    opened = sale_of(folder)
    said = {reader: explain(folder, opened.sale, "--json", "--for", reader)[1] for reader in ("customer", "technician", "auditor")}
    assert opened.card in said["auditor"]
    assert opened.card not in said["customer"] + said["technician"]
    assert METER not in said["customer"]
    whole = json.loads(said["auditor"])
    (found,) = whole["stories"]
    assert found["holdings"][0]["may_be"] == ["claim", "card", "meter"]
    assert len(found["episodes"][0]["hash"]) == 64
    assert "hash" not in json.loads(said["technician"])["stories"][0]["episodes"][0]
    assert whole["told"][0][1]["title"] == "WHERE THE MONEY IS"


@pytest.mark.parametrize(
    ("said", "code"),
    [(("0" * 16,), 1), (("what",), 1), (("7788", "--for", "mayor"), 2), (("7788", "--language", "xx"), 2)],
)
def test_what_cannot_be_told_is_one_sentence(folder: Path, said: tuple[str, ...], code: int) -> None:
    ended, out, why = explain(folder, *said)
    assert (ended, out, why.count("\n")) == (code, "", 1)


def test_without_a_store_or_a_configuration_it_says_which(tmp_path: Path) -> None:
    assert explain(tmp_path, "7788")[0] == 2
    (tmp_path / "kiosk.toml").write_text(CONFIG.format(folder=tmp_path))
    assert explain(tmp_path, "7788")[0] == 3


@pytest.mark.parametrize("case", CASES)
def test_what_is_gathered_tells_the_same_as_the_whole_journal(case: str, tmp_path: Path) -> None:
    shop = CASES[case][0]()
    shop.pull()
    buys(shop, OTHER)
    shop.start()
    folder = written(tmp_path, shop)
    with Journal.open(folder / "store.db", station(folder).database_key(), create=False, read_only=True) as journal:
        opened = sale_of(folder)
        whole = story(journal.rows(), opened.sale, "K07")
        assert whole is not None
        assert story(gather(journal, (opened.sale,)), opened.sale, "K07") == whole
        assert find(journal, opened.sale, "K07", lambda *_: False).sales == (opened.sale,)


def test_of_a_long_journal_only_the_cases_own_rows_are_read_into_facts(tmp_path: Path) -> None:
    shop = torn_claimed()
    shop.press("slip_taken")
    buys(shop, OTHER)
    folder = written(tmp_path, shop)
    with Journal.open(folder / "store.db", station(folder).database_key()) as journal:
        journal.append(1, 9, 1, (f.DeviceRecovered("printer"),) * 5_000)
        journal.commit()
        opened = sale_of(folder)
        assert len(find(journal, opened.sale, "K07", lambda *_: False).rows) < 30
