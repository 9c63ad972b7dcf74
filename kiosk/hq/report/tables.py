"""What is written down for the reports alone: boxes that were taken out, what was counted in their bags, who was missing at a close."""

from sqlalchemy import BigInteger, Index, Integer, Text, text
from sqlmodel import Field

from kiosk.hq.schema import LOGGED, NOT_POSTED, SALE, SIGNED, Schema, table

Big = BigInteger().with_variant(Integer(), "sqlite")


class BoxTable(Schema, table=True):
    """A CashBoxRemoved. `day` is its own, by the zone of the kiosk's last sale before; `posted_day` a later one where that was closed."""

    __tablename__ = "box"
    __table_args__ = (Index("box_day", "posted_day", "kiosk_no"), SIGNED)
    kiosk_no: int = Field(primary_key=True, sa_type=Integer, sa_column_kwargs={"autoincrement": False})
    seq: int = Field(primary_key=True, sa_type=Big)
    device: str = Field(sa_type=Text)
    session: int = Field(sa_type=Big)
    bag: str = Field(sa_type=Text)
    day: int = Field(sa_type=Integer)
    posted_day: int = Field(sa_type=Integer)


class BagCountTable(Schema, table=True):
    """A count of one box's contents. A bag may be counted again: `time` 1, 2 and so on, nothing is overwritten, the last one holds.

    `closed_through`: the days up to that one were closed when it was entered; their reports do not know it.
    """

    __tablename__ = "bag_count"
    __table_args__ = LOGGED
    kiosk_no: int = Field(primary_key=True, sa_type=Integer, sa_column_kwargs={"autoincrement": False})
    device: str = Field(primary_key=True, sa_type=Text)
    session: int = Field(primary_key=True, sa_type=Big)
    time: int = Field(primary_key=True, sa_type=Integer)
    bag: str = Field(sa_type=Text)
    pieces: int = Field(sa_type=Big)
    minor: int = Field(sa_type=Big)
    people: str = Field(sa_type=Text)  # "014 027"
    at_ms: int = Field(sa_type=Big)
    closed_through: int = Field(sa_type=Integer)


class ClosingTable(Schema, table=True):
    """All days up to this one (yyyymmdd) and after the closing before it were closed at once, and with them the months that end there."""

    __tablename__ = "closing"
    __table_args__ = LOGGED
    through: int = Field(primary_key=True, sa_type=Integer, sa_column_kwargs={"autoincrement": False})
    closed_ms: int = Field(sa_type=Big)


class AbsentTable(Schema, table=True):
    """A kiosk of which something was missing at a closing; see selling.Absent. `zone`: of its last sale then, "" before the first."""

    __tablename__ = "absent"
    __table_args__ = LOGGED
    through: int = Field(primary_key=True, sa_type=Integer, sa_column_kwargs={"autoincrement": False})
    kiosk_no: int = Field(primary_key=True, sa_type=Integer, sa_column_kwargs={"autoincrement": False})
    why: str = Field(sa_type=Text)
    heard_ms: int | None = Field(default=None, sa_type=Big)
    zone: str = Field(sa_type=Text)


BOX, BAG_COUNT, CLOSING, ABSENT = table(BoxTable), table(BagCountTable), table(ClosingTable), table(AbsentTable)

IN_NO_SUM = text(f"posted_day = {NOT_POSTED} AND tender_minor <> 0")
Index("sale_in_no_sum", SALE.c.kiosk_no, sqlite_where=IN_NO_SUM, postgresql_where=IN_NO_SUM)
"""Money that stands in no sum is rare, and every open report asks for it."""
