"""Settlement: what the staff signed stands beside each decision and each removal; rows of before have nothing there."""

import sqlalchemy as sa
from alembic import op

revision = "settlement_signed"
down_revision = "settlement1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Columns for lines, people and signatures."""
    for name in ("line", "first", "first_signature", "second", "second_signature"):
        op.add_column("settlement", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    for name in ("line", "first_signature", "second_signature"):
        op.add_column("removal", sa.Column(name, sa.Text(), nullable=False, server_default=""))
