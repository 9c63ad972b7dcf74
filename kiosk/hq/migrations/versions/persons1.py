"""Who a reference is, who was erased, and who looked."""

import sqlalchemy as sa
from alembic import op

revision = "persons1"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Three tables, apart from all others: no key of theirs stands anywhere else."""
    op.create_table(
        "person",
        sa.Column("subject", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), primary_key=True),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("kiosk_no", sa.Integer(), nullable=False),
        sa.Column("made_ms", BIG, nullable=False),
        sa.Column("expires_ms", BIG, nullable=False),
        sqlite_strict=True,
    )
    op.create_index("person_end", "person", ["expires_ms"])
    op.create_table(
        "person_erased",
        sa.Column("subject", sa.Text(), primary_key=True),
        sa.Column("kiosk_no", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("at_ms", BIG, nullable=False),
        sa.Column("until_ms", BIG, nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "person_audit",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("at_ms", BIG, nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sqlite_strict=True,
    )
    op.create_index("person_audit_subject", "person_audit", ["subject", "at_ms"])
