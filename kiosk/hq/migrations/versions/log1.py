"""The office's own log. Rows that are here are taken in when the store is opened to be made or brought up to date."""

import sqlalchemy as sa
from alembic import op

revision = "log1"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SMALL = sa.SmallInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Its entries, and where it ends."""
    op.create_table(
        "office_log",
        sa.Column("no", BIG, primary_key=True, autoincrement=False),
        sa.Column("at_ms", BIG, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("tbl", "key", "row", "hash")),
        sqlite_strict=True,
    )
    op.create_index("office_log_row", "office_log", ["tbl", "key", "no"])
    op.create_table(
        "office_log_head",
        sa.Column("one", SMALL, primary_key=True, autoincrement=False),
        sa.Column("no", BIG, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sqlite_strict=True,
    )
