"""What reports write down: counts of bags, and who was missing when a period was closed."""

import sqlalchemy as sa
from alembic import op

revision = "reports1"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Two small tables."""
    op.create_table(
        "bag_count",
        sa.Column("kiosk_no", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("device", sa.Text(), primary_key=True),
        sa.Column("session", BIG, primary_key=True, autoincrement=False),
        sa.Column("time", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("bag", sa.Text(), nullable=False),
        sa.Column("pieces", BIG, nullable=False),
        sa.Column("minor", BIG, nullable=False),
        sa.Column("people", sa.Text(), nullable=False),
        sa.Column("at_ms", BIG, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "absent",
        sa.Column("period", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("kiosk_no", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("heard_ms", BIG, nullable=True),
        sqlite_strict=True,
    )
