"""What the office writes down for its reports: what was counted in a bag, and who was missing when a period was closed."""

from sqlalchemy import BigInteger, Integer, Text
from sqlmodel import Field

from kiosk.hq.schema import STRICT, Schema

Big = BigInteger().with_variant(Integer(), "sqlite")


class BagCountTable(Schema, table=True):
    """A count of one box's contents. A bag may be counted again: `time` 1, 2 and so on, nothing is overwritten, the last one holds."""

    __tablename__ = "bag_count"
    __table_args__ = STRICT
    kiosk_no: int = Field(primary_key=True, sa_type=Integer, sa_column_kwargs={"autoincrement": False})
    device: str = Field(primary_key=True, sa_type=Text)
    session: int = Field(primary_key=True, sa_type=Big)
    time: int = Field(primary_key=True, sa_type=Integer)
    bag: str = Field(sa_type=Text)
    pieces: int = Field(sa_type=Big)
    minor: int = Field(sa_type=Big)
    people: str = Field(sa_type=Text)  # "014 027"
    at_ms: int = Field(sa_type=Big)


class AbsentTable(Schema, table=True):
    """A kiosk of which something was missing when this day (yyyymmdd) or month (yyyymm) was closed; see selling.Absent."""

    __tablename__ = "absent"
    __table_args__ = STRICT
    period: int = Field(primary_key=True, sa_type=Integer, sa_column_kwargs={"autoincrement": False})
    kiosk_no: int = Field(primary_key=True, sa_type=Integer, sa_column_kwargs={"autoincrement": False})
    why: str = Field(sa_type=Text)
    heard_ms: int | None = Field(default=None, sa_type=Big)


BAG_COUNT, ABSENT = (Schema.metadata.tables[name] for name in ("bag_count", "absent"))
