"""Settlement: decisions, papers that people brought, meters that were taken away, and how far the alarms have looked."""

import sqlalchemy as sa
from alembic import op

revision = "settlement1"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Four small tables."""
    op.create_table(
        "settlement",
        sa.Column("value", sa.Text(), primary_key=True),
        sa.Column("no", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("at_ms", BIG, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("what", "who", "login", "why", "basis", "card", "meter")),
        sa.Column("n", BIG, nullable=False),
        sa.Column("amount_minor", BIG, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("currency", "order_name", "proof", "note")),
        sqlite_strict=True,
    )
    op.create_table(
        "paper",
        sa.Column("sha256", sa.Text(), primary_key=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("kiosk", "value", "meter")),
        sa.Column("seq", BIG, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at_ms", BIG, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sqlite_strict=True,
    )
    op.create_index("paper_meter", "paper", ["meter"])
    op.create_index("paper_kiosk", "paper", ["kiosk", "seq"])
    op.create_table(
        "removal",
        sa.Column("meter", sa.Text(), primary_key=True),
        sa.Column("count", BIG, primary_key=True, autoincrement=False),
        sa.Column("at_ms", BIG, nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("second", sa.Text(), nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "watched",
        sa.Column("kiosk_no", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("seq", BIG, nullable=False),
        sa.Column("memory", sa.Text(), nullable=False),
        sqlite_strict=True,
    )
