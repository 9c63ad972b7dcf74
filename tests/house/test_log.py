"""No table of the office is forgotten by what holds it, and no code writes past the office's log."""

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import kiosk.hq
from kiosk.hq.cards.tables import Schema as Registry
from kiosk.hq.log.chain import HELD, kept
from kiosk.hq.schema import Schema

HERE = Path(kiosk.hq.__file__).parents[1]
WRITES = re.compile(r"\b(?:INSERT INTO|UPDATE|DELETE FROM|COPY|REPLACE INTO)\s+\"?(\w+)", re.IGNORECASE)


def everything() -> None:
    for module in pkgutil.walk_packages(kiosk.hq.__path__, "kiosk.hq."):
        if ".migrations" not in module.name:
            importlib.import_module(module.name)


def test_each_table_says_by_what_its_rows_are_held() -> None:
    everything()
    silent = [name for schema in (Schema, Registry) for name, table in schema.metadata.tables.items() if not table.info.get(HELD)]
    assert silent == [], "say LOGGED, SIGNED or free(why) in __table_args__: kiosk/hq/schema.py"
    assert {"settlement", "transfer_order", "paper", "removal", "partner_entry", "work", "kiosk", "staff"} <= {
        t.name for t in kept(Schema.metadata)
    }
    assert {table.name for table in kept(Registry.metadata)} == {"binding", "left_vault", "scrapped"}


def test_whoever_opens_a_store_knows_all_tables_under_the_log() -> None:
    """A table that is declared in a module which the store does not import would be written and never held."""
    everything()
    program = "import kiosk.hq.store; from kiosk.hq.schema import Schema; print(*sorted(Schema.metadata.tables))"
    found = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=HERE.parent).stdout.split()
    assert found == sorted(Schema.metadata.tables), "name the module in kiosk/hq/log/office.py"


def texts(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def test_no_statement_that_is_written_out_changes_a_table_under_the_log() -> None:
    everything()
    under = {table.name for schema in (Schema, Registry) for table in kept(schema.metadata)}
    found = [
        f"{path.relative_to(HERE)}:{line} {name}"
        for path in sorted(HERE.rglob("*.py"))
        if not {"migrations", "bench"} & set(path.parts)  # those of a bench are its own, and gone after it
        for line, said in texts(path)
        for name in WRITES.findall(said)
        if name in under
    ]
    assert found == []
    lightweight = re.compile(r"^\s*from sqlalchemy import .*\btable\b|sqlalchemy\.table\(", re.MULTILINE)
    assert [str(path) for path in HERE.rglob("*.py") if lightweight.search(path.read_text())] == []


def test_the_statements_that_this_looks_for_are_found() -> None:
    assert WRITES.findall("UPDATE settlement SET n = 1; insert into paper VALUES (1)") == ["settlement", "paper"]
