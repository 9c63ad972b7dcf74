"""Whether an office that was put back has all its orders again."""

import sqlalchemy as sa
from alembic import op

revision = "orders_record"
down_revision = "orders2"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """One small table."""
    op.create_table(
        "order_record",
        sa.Column("epoch", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("since_ms", BIG, nullable=False),
        sa.Column("complete_ms", BIG, nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sqlite_strict=True,
    )
