"""Payments that were reversed before they came, by their reference and day."""

import sqlalchemy as sa
from alembic import op

revision = "partners2"
down_revision = "orders3"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One table."""
    op.create_table(
        "partner_reversed",
        sa.Column("partner", sa.Text(), primary_key=True),
        sa.Column("reference", sa.Text(), primary_key=True),
        sa.Column("day", sa.Integer(), primary_key=True, autoincrement=False),
        sqlite_strict=True,
    )
