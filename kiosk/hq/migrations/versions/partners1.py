"""Partners that order for our customers: who they are, their accounts, and what they were answered."""

import sqlalchemy as sa
from alembic import op

revision = "partners1"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Three tables. The unique indexes are the rule: one partner an acquirer, one line of account an order or payment."""
    op.create_table(
        "partner",
        sa.Column("name", sa.Text(), primary_key=True),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("token", "token_before")),
        sa.Column("before_until_ms", BIG, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("acquirer", "state", "currency", "zone")),
        *(sa.Column(name, BIG, nullable=False) for name in ("order_max_minor", "day_max_minor", "credit_minor", "made_ms")),
        sqlite_strict=True,
    )
    named = sa.text("acquirer <> ''")
    op.create_index("partner_acquirer", "partner", ["acquirer"], unique=True, sqlite_where=named, postgresql_where=named)
    op.create_table(
        "partner_entry",
        sa.Column("partner", sa.Text(), primary_key=True),
        sa.Column("no", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("at_ms", BIG, nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("amount_minor", BIG, nullable=False),
        sa.Column("balance_minor", BIG, nullable=False),
        sqlite_strict=True,
    )
    op.create_index("partner_entry_day", "partner_entry", ["partner", "day"])
    op.create_index("partner_entry_once", "partner_entry", ["partner", "what", "name"], unique=True)
    op.create_table(
        "partner_request",
        sa.Column("partner", sa.Text(), primary_key=True),
        sa.Column("key", sa.Text(), primary_key=True),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("at_ms", BIG, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sqlite_strict=True,
    )
