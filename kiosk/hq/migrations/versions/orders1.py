"""Transfer orders, and which machines say that their codes were used."""

import sqlalchemy as sa
from alembic import op

revision = "orders1"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Two tables. The unique indexes are the rule: one new order a slot, one order a reference."""
    op.create_table(
        "transfer_order",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("region", BIG, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("card", sa.Text(), nullable=False),
        sa.Column("meter", sa.Text(), nullable=False),
        sa.Column("n", BIG, nullable=False),
        sa.Column("amount_minor", BIG, nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("made_ms", BIG, nullable=False),
        sa.Column("until_ms", BIG, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("settles", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("proof_tries", sa.Integer(), nullable=False),
        sa.Column("done_ms", BIG, nullable=True),
        sa.Column("done_by", sa.Text(), nullable=False),
        sqlite_strict=True,
    )
    alone = sa.text("settles = '' AND state <> 'void'")
    op.create_index("order_slot", "transfer_order", ["meter", "n"], unique=True, sqlite_where=alone, postgresql_where=alone)
    op.create_index("order_reference", "transfer_order", ["source", "reference"], unique=True)
    op.create_index("order_card", "transfer_order", ["card"])
    op.create_index("order_open", "transfer_order", ["region", "state", "until_ms"])
    op.create_table(
        "order_use",
        sa.Column("kiosk_no", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("seq", BIG, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at_ms", BIG, nullable=False),
        sa.Column("amount_minor", BIG, nullable=False),
        sqlite_strict=True,
    )
    op.create_index("order_use_name", "order_use", ["name"])
