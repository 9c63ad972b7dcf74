"""Orders that ran out share their slot with a new one; the least amount of an order; how many orders of a partner may be open."""

import sqlalchemy as sa
from alembic import op

revision = "orders3"
down_revision = ("orders2", "partners1")
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Two orders of one generation never share a slot. One whose generation is over may share it with a newer one."""
    alone = sa.text("settles = '' AND state <> 'void'")
    op.drop_index("order_slot", "transfer_order")
    op.create_index("order_slot", "transfer_order", ["meter", "n", "generation"], unique=True, sqlite_where=alone, postgresql_where=alone)
    op.create_table(
        "order_least",
        sa.Column("currency", sa.Text(), primary_key=True),
        sa.Column("amount_minor", BIG, nullable=False),
        sqlite_strict=True,
    )
    op.add_column("partner", sa.Column("order_min_minor", BIG, nullable=True))
    op.add_column("partner", sa.Column("open_card_max", sa.Integer(), nullable=False, server_default="3"))
    op.add_column("partner", sa.Column("open_max", sa.Integer(), nullable=False, server_default="2000"))
    op.create_index("order_source", "transfer_order", ["source", "state", "until_ms"])
