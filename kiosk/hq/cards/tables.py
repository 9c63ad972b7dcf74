"""The registry's tables, in a file of their own; each row is in a log of its own, which lies in the same file and changes with it."""

from sqlalchemy import Index, Text, text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from kiosk.hq.log.chain import HELD, IN_LOG, tables
from kiosk.hq.log.recorded import Log

STANDS = text("ended_ms IS NULL")
LOGGED = {"sqlite_strict": True, "info": {HELD: IN_LOG}}


class Schema(SQLModel, registry=registry()):
    """The head office's tables, apart from a kiosk's."""


class BindingTable(Schema, table=True):
    """See Binding. `ended_ms`: when it stopped to stand; the card's serial is spent all the same."""

    __tablename__ = "binding"
    __table_args__ = (
        Index("one_card", "card", unique=True),
        Index("one_customer", "utility", "customer", unique=True, sqlite_where=STANDS),
        Index("one_meter", "utility", "meter", unique=True, sqlite_where=STANDS),
        LOGGED,
    )
    id: int | None = Field(default=None, primary_key=True)
    utility: int
    region: int
    customer: str = Field(sa_type=Text)
    meter: str = Field(sa_type=Text)
    card: str = Field(sa_type=Text)
    version: int
    generation: int
    state: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    begun_ms: int
    issued_ms: int | None = None
    ended_ms: int | None = None


class LeftTable(Schema, table=True):
    """What left the vault; never a key. Written before it leaves."""

    __tablename__ = "left_vault"
    __table_args__ = LOGGED
    id: int | None = Field(default=None, primary_key=True)
    at_ms: int
    what: str = Field(sa_type=Text)
    utility: int
    region: int
    version: int
    serial: str = Field(sa_type=Text)
    meter: str = Field(sa_type=Text)
    kiosk: str = Field(sa_type=Text)
    generations: str = Field(sa_type=Text)  # "1 2 3"


class ScrappedTable(Schema, table=True):
    """Which half-written card was thrown away, when, by whom and why: beside the keys that left for it, its audit."""

    __tablename__ = "scrapped"
    __table_args__ = LOGGED
    card: str = Field(sa_type=Text, primary_key=True)
    at_ms: int
    who: str = Field(sa_type=Text)
    why: str = Field(sa_type=Text)


LOG = Log("registry", tables(Schema.metadata))
