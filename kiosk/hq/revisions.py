"""Which schema a store has and which one this software has, without alembic: to import it takes longer than most commands."""

import ast
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, inspect

MIGRATIONS = Path(__file__).parent / "migrations"
TABLE = "alembic_version"


@cache
def known() -> dict[str, tuple[str, ...]]:
    """The revisions of this software: revision -> those that it follows."""
    found: dict[str, tuple[str, ...]] = {}
    for path in sorted((MIGRATIONS / "versions").glob("*.py")):
        said = {
            target.id: ast.literal_eval(node.value)
            for node in ast.parse(path.read_text(encoding="utf-8")).body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name) and target.id in {"revision", "down_revision"}
        }
        if "revision" in said:
            before = said.get("down_revision")
            found[said["revision"]] = (before,) if isinstance(before, str) else tuple(before or ())
    return found


def wanted() -> set[str]:
    """The newest ones: a store that has them has this software's schema."""
    return set(known()) - {before for several in known().values() for before in several}


def here(connection: Connection) -> set[str]:
    """The newest ones of a store; none where it has no schema yet."""
    if not inspect(connection).has_table(TABLE):
        return set()
    return {str(name) for (name,) in connection.exec_driver_sql(f"SELECT version_num FROM {TABLE}")}  # noqa: S608 - the name is ours
