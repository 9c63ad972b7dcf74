"""What a machine in other hands says, well signed, is shown by every command of the office, obeyed by no terminal, and breaks nothing."""

import json
import re
from contextlib import closing

import pytest
from msgspec.structs import replace
from typer.testing import CliRunner

from kiosk import safetext
from kiosk.cli import app
from kiosk.hq import kiosks
from kiosk.hq.intake.importer import Importer
from kiosk.hq.store import Store
from kiosk.sync.batch import boxed_batch
from kiosk.vend import facts as f
from tests.hq.batches import OFFICE
from tests.hq.settle_kit import Machine, bought, claimed
from tests.hq.test_settle_command import Desk
from tests.keys.kit import REGION, UTILITY
from tests.sale.shop import Card

ESCAPES = ("\x1b[2J\x1b]0;owned\x07", "\x9b31m", "\u202etfel\u2066", "a\rb\x08", "\ue000\U000e0041", "\u2028")
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069\ue000\U000e0041]")
KEPT = ("sale", "card", "meter", "customer", "currency", "business_date", "zone", "kiosk", "code", "tag", "of", "store")
COMMANDS = (
    ("explain", "SALE"), ("explain", "SALE", "--json"), ("explain", "SALE", "--for", "auditor"), ("explain", "7788"),
    ("settle", "list"), ("settle", "list", "--json"), ("settle", "show", "K13"), ("settle", "alarms"), ("settle", "burned", "K13"),
    ("kiosks",), ("kiosks", "--json"), ("work",), ("work", "--json"), ("log", "check"),
    ("report", "boxes", "2026-11"), ("report", "alarms", "2026-11"), ("report", "check"),
)  # fmt: skip
UNREADABLE = (
    (b"ClaimIssued", b'{"n":"two"}'), (b"Unknown\\u001b[2J", b"{}"), (b"CardPresented", b'{"card":7,"authentic":"no"}'),
    (b"SaleOpened", b'{"n":1e400}'), (b"OrphanCredit", b'{"device":"\\u001b]8;;http://x\\u0007"}'), (b"WriteStarted", b"[1,2]"),
)  # fmt: skip


def poisoned(fact: f.Fact, number: int) -> f.Fact:
    """Each of its texts says what terminals obey, too. What names a card, a meter or a sale stays: the office finds rows by it."""
    evil = ESCAPES[number % len(ESCAPES)]
    texts = {name: getattr(fact, name) for name in fact.__struct_fields__ if name not in KEPT}
    return replace(fact, **{name: value + evil for name, value in texts.items() if isinstance(value, str)})


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Desk, str]:
    """An office, and a sale of a machine that claims and sells: each text replaced, and rows behind them that nobody can read."""
    desk, machine = Desk(tmp_path_factory.mktemp("office")), Machine("K13")
    claimed(machine, Card())
    bought(machine, Card(serial="0123456789abcdef", meter="000000000042"))
    for number, (fact, row) in enumerate(machine.rows):
        machine.journal.write(poisoned(fact, number), (row.at_ms, row.boot, row.mono_ms))
    sale = machine.sale_of()
    for kind, body in UNREADABLE:
        machine.journal.raw_row(b'%d,1,5,"%s","%s",1,%s' % (machine.rows[-1][1].at_ms, sale.encode(), kind, body))
    with closing(Store.open(desk.office / "hq.db")) as store:
        kiosks.enrolled(store, {"K13": (machine.journal.public_key, REGION)})
        importer = Importer(store, [OFFICE], OFFICE.sign)
        verdicts = [
            importer.take(boxed_batch(made, OFFICE.box_key), desk.now_ms).verdict for made in machine.journal.made(40, utility=UTILITY)
        ]
    assert "EXCEPTION" in verdicts  # its rows are taken in all the same
    return desk, sale


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_nothing_that_a_terminal_obeys_is_printed_by_any_command(hostile: tuple[Desk, str], words: tuple[str, ...]) -> None:
    desk, sale = hostile
    done = CliRunner().invoke(app, ["hq", *(sale if word == "SALE" else word for word in words), "--office", str(desk.office)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.output.strip()
    assert not (found := OBEYED.findall(done.output)), (found, done.output)
    if "--json" in words:
        assert json.loads(done.stdout) is not None


@pytest.mark.parametrize("evil", ESCAPES)
def test_json_means_the_same_and_a_line_has_a_mark_in_its_place(evil: str) -> None:
    said = json.dumps({"device": evil, "word": "电表 çà"}, ensure_ascii=False).encode()
    assert not OBEYED.search(safetext.json(said))
    assert json.loads(safetext.json(said)) == {"device": evil, "word": "电表 çà"}
    assert "?" in safetext.line(f"device {evil}")
    assert not OBEYED.search(safetext.lines(f"device {evil}\nnext"))


def test_what_people_write_stays_as_it_is() -> None:
    for text in ("1\u202f234,50 €", "电表\u3000余额", "क्\u200dष", "naïve\ttab", "مرحبا"):
        assert safetext.lines(text) == text
