"""The office's staff, what waits for a second person, and wrong passphrases."""

import sqlalchemy as sa
from alembic import op

revision = "people1"
down_revision = "0001"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Three small tables."""
    op.create_table(
        "staff",
        sa.Column("no", sa.Integer(), primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("id", "login", "key", "roles")),
        *(sa.Column(name, BIG, nullable=False) for name in ("from_ms", "to_ms")),
        sa.Column("signature", sa.Text(), nullable=False),
        sqlite_strict=True,
    )
    op.create_table(
        "approval",
        sa.Column("no", sa.Integer(), primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("line_sha256", "kind", "value", "line", "shown")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("first", "first_signature")),
        sa.Column("at_ms", BIG, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("state", "second", "second_signature")),
        sa.Column("done_ms", BIG, nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sqlite_strict=True,
    )
    op.create_index("approval_value", "approval", ["value"])
    op.create_index("approval_line", "approval", ["line_sha256"], unique=True)
    op.create_table(
        "passphrase_try",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("wrong", sa.Integer(), nullable=False),
        sa.Column("last_ms", BIG, nullable=False),
        sqlite_strict=True,
    )
