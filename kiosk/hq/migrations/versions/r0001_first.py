"""The first schema: kiosks, their batches and facts, sales, the three summaries, what waits and what has to be looked at."""

from typing import Any

import sqlalchemy as sa
from alembic import context, op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TYPES: dict[str, Any] = {
    "big": sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
    "int": sa.Integer(),
    "small": sa.SmallInteger().with_variant(sa.Integer(), "sqlite"),
    "text": sa.Text(),
    "bytes": sa.LargeBinary(),
}
# name:type of each column; "!" is a part of the key, "?" may be empty
TABLES = {
    "utility": ("utility:big! epoch:int made_ms:big"),
    "kiosk": ("no:int! id:text sign:bytes region:big state:text accepted_seq:big? durable_seq:big"),
    "head": (
        "kiosk_no:int! store:text seq:big hash:text row_seq:big row_hash:text made_ms:big taken_ms:big clock:text "
        "software:text applied:text totals:text"
    ),
    "kind": ("no:small! name:text"),
    "batch": ("kiosk_no:int! seq:big! hash:text first:big last:big row_hash:text made_ms:big taken_ms:big flagged:int"),
    "original": ("kiosk_no:int! seq:big! raw:bytes"),
    "fact": ("kiosk_no:int! seq:big! at_ms:big kind:small v:small boot:big mono_ms:big sale:text? card:text? amount_minor:big? body:text"),
    "sale": (
        "kiosk_no:int! seq:big! sale:text outcome:text tender:text card:text meter:text n:big tag:text? number:big? "
        "currency:text exponent:small tender_minor:big credit_minor:big credit_wh:big fee_minor:big debt_minor:big "
        "returned_minor:big claim_minor:big float_minor:big? tariff:text opened_ms:big closed_ms:big zone:text day:int "
        "hour:small posted_day:int"
    ),
    "day_kiosk": (
        "day:int! kiosk_no:int! tender:text! currency:text! sales:big tender_minor:big credit_minor:big credit_wh:big "
        "fee_minor:big debt_minor:big returned_minor:big claims:big claim_minor:big late:big late_minor:big"
    ),
    "day_hour": (
        "day:int! hour:small! tender:text! currency:text! sales:big tender_minor:big credit_minor:big credit_wh:big "
        "fee_minor:big debt_minor:big returned_minor:big claims:big claim_minor:big late:big late_minor:big"
    ),
    "month_kiosk": (
        "month:int! kiosk_no:int! tender:text! currency:text! sales:big tender_minor:big credit_minor:big credit_wh:big "
        "fee_minor:big debt_minor:big returned_minor:big claims:big claim_minor:big late:big late_minor:big"
    ),
    "period": ("one:small! closed_through:int"),
    "close": ("period:int! closed_ms:big sha256:text"),
    "parked": ("kiosk_no:int! seq:big! hash:text! came_ms:big raw:bytes"),
    "quarantine": ("sha256:text! kiosk:text seq:big why:text sentence:text came_ms:big raw:bytes"),
    "work": ("kiosk:text! what:text! seq:big! sentence:text came_ms:big done_ms:big? done_by:text"),
}
DIVIDED = ("fact", "sale", "batch", "original")


def upgrade() -> None:
    """`partitions` in alembic's attributes: into how many each of the growing tables is divided, in PostgreSQL."""
    partitions = context.config.attributes.get("partitions", 0) if op.get_context().dialect.name == "postgresql" else 0
    for name, columns in TABLES.items():
        divided: dict[str, Any] = {"postgresql_partition_by": "HASH (kiosk_no)"} if partitions and name in DIVIDED else {}
        unique = [sa.UniqueConstraint(column) for column in {"kiosk": ["id"], "kind": ["name"]}.get(name, [])]
        op.create_table(name, *map(column, columns.split()), *unique, sqlite_strict=True, **divided)
        for part in range(partitions if divided else 0):
            op.execute(f"CREATE TABLE {name}_{part} PARTITION OF {name} FOR VALUES WITH (MODULUS {partitions}, REMAINDER {part})")
    with_card, sought = sa.text("card IS NOT NULL"), sa.text("kind < 100")
    op.create_index("fact_card", "fact", ["card"], sqlite_where=with_card, postgresql_where=with_card)
    op.create_index("fact_kind", "fact", ["kind", "at_ms"], sqlite_where=sought, postgresql_where=sought)
    op.create_index("sale_id", "sale", ["sale"])
    op.create_index("sale_day", "sale", ["posted_day", "kiosk_no"])
    if op.get_context().dialect.name == "postgresql":  # packed already: the server need not try
        for name in ("original", "parked", "quarantine"):
            parts = [f"{name}_{part}" for part in range(partitions)] if name in DIVIDED else []
            for table in (name, *parts):
                op.execute(f"ALTER TABLE {table} ALTER COLUMN raw SET STORAGE EXTERNAL")


def column(said: str) -> sa.Column[Any]:
    """`seq:big!` as a column."""
    name, _, kind = said.partition(":")
    key, nullable = kind.endswith("!"), kind.endswith("?")
    return sa.Column(name, TYPES[kind.rstrip("!?")], primary_key=key, nullable=nullable, autoincrement=False)
