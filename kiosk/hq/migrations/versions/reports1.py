"""What is written down for the reports: boxes that were taken out, counts of bags, who was missing when a period was closed."""

import sqlalchemy as sa
from alembic import op

revision = "reports1"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Four small tables, and an index of the few sales that stand in no sum."""
    op.create_table(
        "box",
        sa.Column("kiosk_no", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("seq", BIG, primary_key=True, autoincrement=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("session", BIG, nullable=False),
        sa.Column("bag", sa.Text(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("posted_day", sa.Integer(), nullable=False),
        sqlite_strict=True,
    )
    op.create_index("box_day", "box", ["posted_day", "kiosk_no"])
    in_no_sum = sa.text("posted_day = 0 AND tender_minor <> 0")
    op.create_index("sale_in_no_sum", "sale", ["kiosk_no"], sqlite_where=in_no_sum, postgresql_where=in_no_sum)
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
        sa.Column("closed_through", sa.Integer(), nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "closing",
        sa.Column("through", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("closed_ms", BIG, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "absent",
        sa.Column("through", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("kiosk_no", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("heard_ms", BIG, nullable=True),
        sa.Column("zone", sa.Text(), nullable=False),
        sqlite_strict=True,
    )
